# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` of one ansible-core on a placed copy of the checkout, with packages from PyPI only.

Usage: ``sanity.py CORE [arguments of ansible-test sanity]``, e.g. ``sanity.py 2.19 --test validate-modules``.

Everything lives in ``.cache``: the environment with that core, the copy at ``.../collections/ansible_collections/...`` (ansible-test
works nowhere else, and follows no links), and a home folder, because ansible-test keeps its own environments below ``~``.

Where there is no ``pwsh`` (on PATH, or named by ``MSPORTS_PWSH``), two things cannot run, and only these two: ``pslint``, and the look of
``validate-modules`` into the one PowerShell module. A ``pwsh`` without the module PSScriptAnalyzer leaves out ``pslint``. Each is told.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass, field

import checkout

ROOT = checkout.ROOT
CACHE = checkout.CACHE

# The Pythons that a core runs on as controller, from and to.
PYTHONS = {"2.19": ("3.11", "3.13"), "2.20": ("3.12", "3.14"), "2.21": ("3.12", "3.14")}

# What a core decides: its loader of plugins, its reader of documentation, its schemas, its Pythons. All other tests look at the files alone, so
# they run once, on the newest core that runs here.
OF_THE_CORE = ("action-plugin-docs", "ansible-doc", "compile", "ignores", "import", "runtime-metadata", "validate-modules")

# The Pythons that a core runs modules on, from and to.
TARGETS = {"2.19": ("3.8", "3.13"), "2.20": ("3.9", "3.14"), "2.21": ("3.9", "3.14")}

# Every Python that a target or a controller may have, and what asks each of them.
VERSIONS = tuple(f"3.{minor}" for minor in range(8, 15))
OF_THE_PYTHON = ("compile", "import")

# The PowerShell module whose argument spec validate-modules asks pwsh for. Without pwsh it does not skip the file, it breaks off, so exactly
# this file is excluded from exactly that test; the documentation beside it (.yml) is checked either way. Another .ps1 is not excused.
NEEDS_PWSH = "plugins/modules/win_firewall_policy.ps1"
ANALYZER = "PSScriptAnalyzer"
# What the package does not hold. It is ruff that looks for faults there; pylint takes as long for it as all other tests together.
NOT_SHIPPED = "tests/"
PWSH_MISSING = 'WARNING: Required program "pwsh" not found.'

# ansible-test fetches a script to put pip into each of its environments, some twenty. This one lets them use the pip that is here, at the path in it:
# installing one takes longer than what it is to install.
GET_PIP = "import pathlib, sysconfig\npathlib.Path(sysconfig.get_path('purelib'), 'pip.pth').write_text({!r})\n"


@dataclass
class Result:
    """What a run of ``ansible-test sanity`` said: tests are named ``pep8`` or ``import on Python 3.9``.

    ``without_pwsh`` are tests that did not run for want of that program alone; neither passed nor failed, and to be told.
    """

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    without_pwsh: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def read_result(output: str, status: int, pwsh: bool = True) -> Result:
    """Read the counts from what ansible-test printed. What does not add up is a failure. ``pwsh``: whether that program was there."""
    result = Result()
    ran: list[str] = []
    in_list = False  # of the failed tests, which ends the output
    for line in output.splitlines():
        if line.startswith("WARNING: Reviewing previous "):
            break  # all warnings once more, at the end of a run that succeeded: they would be taken for the last test's
        started = re.fullmatch(r'Running sanity test "([^"]+)"( on Python \S+)?', line)
        if started:
            ran.append(started.group(1) + (started.group(2) or ""))
        elif line == PWSH_MISSING and not pwsh and ran and ran[-1] not in result.without_pwsh:
            result.without_pwsh.append(ran[-1])
        elif re.match(r"WARNING: (Skipping sanity test|Required program)", line) and ran:
            result.skipped.append(ran[-1])  # the test said so right after it started
            result.complaints.append(line)
        elif line.startswith("FATAL: "):
            in_list = "sanity test(s) listed below" in line
            result.complaints.append(line)
            result.failed += [] if in_list else [f"{ran[-1] if ran else 'start'} (broke off)"]
        elif in_list and line.strip():
            result.failed.append(line.strip())
        elif line.startswith("ERROR: "):
            result.complaints.append(line)
    if status != 0 and not result.failed:
        result.failed = [f"exit code {status}"]
        result.complaints += output.splitlines()[-20:]
    if not ran and not result.failed:
        result.failed = ["no test ran"]
    result.passed = max(0, len(ran) - len(result.failed) - len(result.skipped) - len(result.without_pwsh))
    return result


def merge(results: t.Sequence[Result]) -> Result:
    """Several runs as one."""
    total = Result()
    for result in results:
        total.passed += result.passed
        for name in ("failed", "skipped", "without_pwsh", "complaints"):
            getattr(total, name).extend(getattr(result, name))
    return total


def tests_for(core: str, cores: t.Sequence[str]) -> list[str]:
    """Arguments that choose the tests of a core; none on the last of ``cores``, which runs them all."""
    return [] if core == cores[-1] else chosen(OF_THE_CORE)


def chosen(tests: t.Sequence[str]) -> list[str]:
    return [argument for name in tests for argument in ("--test", name)]


def pythons_of(used: t.Mapping[str, str], there: t.Sequence[str]) -> dict[str, str]:
    """Python to the core that asks it besides its own: each one that is there once, by the oldest core that knows it.

    ``used``: the Python of each core that runs here, oldest core first.
    """
    knowing = {version: [core for core in used if within(version, TARGETS[core])] for version in there if version not in used.values()}
    return {version: cores[0] for version, cores in knowing.items() if cores}


def within(version: str, bounds: tuple[str, str]) -> bool:
    lowest, highest = map(minor, bounds)
    return lowest <= minor(version) <= highest


def minor(version: str) -> int:
    return int(version.split(".")[1])


def runs_of(arguments: t.Sequence[str], pwsh: bool, there: bool = True) -> list[list[str]]:
    """Arguments of ``ansible-test sanity``, run by run. A test that does not look at everything has a run of its own, so that only it misses the files.

    ``there``: whether the checkout has the file that validate-modules cannot look at without pwsh.
    """
    words = list(arguments)
    partly = {"pylint": NOT_SHIPPED, **({} if pwsh or not there else {"validate-modules": NEEDS_PWSH})}
    tests = [word for before, word in zip(words, words[1:]) if before == "--test"]
    apart = [name for name in partly if name in tests or not tests and name not in words]
    if not apart:
        return [words]
    common = [word for word in words if word not in ("--test", *tests)]
    runs = [[*common, "--test", name, "--exclude", partly[name]] for name in apart]
    if not tests:
        return [[*words, *(word for name in apart for word in ("--skip-test", name))], *runs]
    others = chosen([name for name in tests if name not in apart])
    return [*([[*common, *others]] if others else []), *runs]


@functools.cache
def find_between(lowest: str, highest: str) -> t.Optional[str]:
    """The path of a Python between two versions, the lowest that is there, or None."""
    found = subprocess.run([ROOT / "tests" / "tools" / "find_python.sh", lowest, highest], stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip() or None


def find_exactly(version: str) -> t.Optional[str]:
    return find_between(version, version)


def find_python(core: str) -> t.Optional[str]:
    """The path of a Python for this core, or None: the lowest that is there, but for the newest core the highest, so that more of them are seen at work."""
    if core != next(reversed(PYTHONS)):
        return find_between(*PYTHONS[core])
    return next(filter(None, (find_exactly(version) for version in reversed(VERSIONS) if within(version, PYTHONS[core]))), None)


def cores_here() -> list[str]:
    """The cores that some Python of this machine runs, oldest first."""
    return [core for core in PYTHONS if find_python(core)]


def find_pwsh() -> t.Optional[str]:
    """The path of the PowerShell that the tests of Windows hosts would use, or None."""
    sys.path.insert(0, str(ROOT / "tests" / "windows"))
    from engines import pwsh  # it lies in a folder of its own

    try:
        return pwsh.Pwsh().program
    except pwsh.EngineError:
        return None


def has_analyzer(pwsh: str) -> bool:
    """Whether this PowerShell has the module that ``pslint`` runs."""
    ask = [pwsh, "-NoProfile", "-NonInteractive", "-Command", f"@(Get-Module -ListAvailable -Name {ANALYZER}).Count"]
    return subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=False).stdout.strip() not in ("", "0")


def version_of(python: t.Union[str, pathlib.Path]) -> str:
    """``3.12``, as the interpreter itself says."""
    ask = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def make_venv(core: str, python: str) -> pathlib.Path:
    """An environment with this core and what else the collection runs with, made anew when its Python or its requirements changed."""
    venv = CACHE / f"venv-{core}"
    requirement, further = f"ansible-core~={core}.0", ROOT / "tests" / "requirements" / "run.txt"
    stamp = venv / ("installed-" + hashlib.sha256(f"{python} {requirement} {further.read_text(encoding='utf-8')}".encode()).hexdigest()[:16])
    CACHE.mkdir(exist_ok=True)
    with CACHE.joinpath(f"{venv.name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several parts begin at once
        if not stamp.exists():
            print(f"Installing {requirement} into .cache/{venv.name}", flush=True)
            subprocess.run([python, "-m", "venv", "--clear", venv], check=True)
            pip = [venv / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
            subprocess.run([*pip, requirement, "-r", further], check=True, stdin=subprocess.DEVNULL)
            stamp.touch()
    return venv


def make_home(venv: pathlib.Path) -> pathlib.Path:
    """A home folder for ansible-test: its environments, the stand-in for the script it would fetch, and the user's pip settings."""
    home = CACHE / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    sources = next(venv.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")).read_text(encoding="utf-8")
    for version in set(re.findall(r"'(\d+\.\d+(?:\.\d+)?)'", sources)):  # the versions of pip that this core may ask for
        cache.joinpath(f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP.format(str(pip_of(venv, home))), encoding="utf-8")
    for name in (".config/pip", ".pip"):  # package indexes and certificates that the user has set stay in force
        theirs, ours = pathlib.Path.home() / name, home / name
        if theirs.exists() and not ours.is_symlink():
            ours.parent.mkdir(parents=True, exist_ok=True)
            ours.symlink_to(theirs)
    return home


def pip_of(venv: pathlib.Path, home: pathlib.Path) -> pathlib.Path:
    """A folder with the pip of an environment, and nothing else of it."""
    folder = home / f"pip-of-{venv.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part in venv.glob("lib/python3*/site-packages/pip*"):
        folder.joinpath(part.name).symlink_to(part)
    return folder


@dataclass(frozen=True)
class Job:
    """What to run for one core, where and how, whether pwsh is there, and the Pythons that no core asks here."""

    commands: list[list[str]]
    folder: pathlib.Path
    env: dict[str, str]
    pwsh: bool
    missing: t.Sequence[str] = ()

    def run(self) -> tuple[Result, str]:
        """Run it all; the result, and everything that was printed."""
        results, outputs = [], []
        for argv in self.commands:
            done = subprocess.run(argv, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            outputs.append(done.stdout.decode(errors="replace"))
            results.append(read_result(outputs[-1], done.returncode, self.pwsh))
        return merge(results), "".join(outputs)

    def left_out(self, core: str, result: Result) -> list[str]:
        """What did not run for want of pwsh or of a Python, a line each."""
        told = [f"NOT RUN: sanity-{core}::{name}: no pwsh on PATH" for name in result.without_pwsh]
        if any(argv[at : at + 2] == ["--skip-test", "pslint"] for argv in self.commands for at in range(len(argv))):
            told.append(f"NOT RUN: sanity-{core}::pslint: this pwsh has no module {ANALYZER}, and ansible-test would fetch it from the PowerShell Gallery")
        if any("--exclude" in argv and NEEDS_PWSH in argv for argv in self.commands):
            told.append(f"NOT RUN: sanity-{core}::validate-modules on {NEEDS_PWSH}: no pwsh on PATH (its documentation in .yml was checked)")
        if self.missing:
            told.append(
                f"NOT RUN: sanity-{core}: nothing was compiled and imported on Python {', '.join(self.missing)}: it is not here, or no core here knows it"
            )
        return told


def job(core: str, python: str, arguments: t.Sequence[str]) -> Job:
    """What to run for this core, on a fresh copy of the checkout. No ``arguments``: the tests that this core has to pass."""
    cores = cores_here()
    there = {version: path for version in VERSIONS if (path := find_exactly(version))}
    venv = make_venv(core, python)
    home = make_home(venv)
    # ansible-test compiles and imports modules on every Python that they support and that it finds as pythonX.Y on PATH. Version
    # managers put stand-ins there that do not run, so the folders of interpreters that do run come first.
    folders = [str(venv / "bin"), os.path.dirname(python), *map(os.path.dirname, there.values())]
    env = {**os.environ, "HOME": str(home), "PATH": os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])}
    env["ANSIBLE_HOME"] = str(home / ".ansible")
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG"):
        env.pop(name, None)
    found = find_pwsh()
    if found:
        env["PATH"] = os.pathsep.join([env["PATH"], os.path.dirname(found)])
    pwsh = shutil.which("pwsh", path=env["PATH"])
    ansible_test = [str(venv / "bin" / "ansible-test"), "sanity", "--color", "no", "--python"]
    folder = checkout.place(core)
    tests = list(arguments or tests_for(core, cores))
    if pwsh is not None and not has_analyzer(pwsh) and "--test" not in tests:
        tests += ["--skip-test", "pslint"]
    used = {name: version_of(path) for name in cores if (path := find_python(name))}
    further = pythons_of(used, list(there))
    commands = [[*ansible_test, used[core], *run] for run in runs_of(tests, pwsh is not None, (folder / NEEDS_PWSH).is_file())]
    missing: list[str] = []
    if of_pythons := [name for name in OF_THE_PYTHON if not arguments or name in arguments]:
        commands += [[*ansible_test, version, *chosen(of_pythons)] for version, asking in further.items() if asking == core]
        missing = [version for version in VERSIONS if version not in {*used.values(), *further}] if core == cores[0] else []
    return Job(commands, folder, env, pwsh is not None, missing)


def main() -> int:
    core, arguments = sys.argv[1], sys.argv[2:]
    python = find_python(core)
    if python is None:
        print(f"ansible-core {core} needs a Python from {' to '.join(PYTHONS[core])}, and there is none", file=sys.stderr)
        return 1
    work = job(core, python, arguments)
    result, output = work.run()
    print(output, end="")
    for line in work.left_out(core, result):
        print(line)
    return 1 if result.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
