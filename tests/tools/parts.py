# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the checks: what each runs, and how its outcome is read."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import pathlib
import subprocess
import sys
import typing as t
from xml.etree import ElementTree

import again
import checkout
import kept
import molecule_scenarios
import sanity
from outcome import Outcome, Part

sys.path.insert(0, str(checkout.ROOT / "tests" / "windows"))

import engines  # noqa: E402  (they lie in a folder of their own)

ROOT, CACHE = checkout.ROOT, checkout.CACHE
RESULTS = CACHE / "test"
BIN = pathlib.Path(sys.executable).parent
# Folders of tests/integration by part; the part ``integration`` has the others.
FOLDERS = {
    "nftables": ("management_paths", "nftables"),
    "firewalld": ("firewalld",),
    "ufw": ("ufw",),
    "boot": ("persistence",),
    "windows": ("benchmarks", "windows"),
}
BOOTED = ("firewalld", "ufw", "boot")
# Tests of the part ``windows`` that a real PowerShell runs too: types of values, each kind of call by itself, and the columns of rules.
BY_POWERSHELL = ("test_values", "test_alone", "test_executor_writes")
TYPED = ("plugin_utils", "module_utils", "action", "filter", "lookup", "test")
# What also runs under Wine: a call takes seconds there.
WINE_FEW = ["tests/integration/windows/wine/test_wine_host.py"]
WINE_ALL = ["tests/integration/windows/wine", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/integration/windows/test_executor_*.py"))]
UNIT = ["tests/unit", "tests/semantics"]
POWERSHELL_CORE = "2.21"  # what a PowerShell runs is what this one sends
# The scenario with a host of each backend, which shows by itself what the others show of one backend each.
MIXED = "mixed"
COVERAGE = 95  # percent of lines and branches


def environment(**more: str) -> dict[str, str]:
    """Environment of every part: tools of .venv first; Ansible finds this collection by a link, and no other copy in its home."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    ours = {"ANSIBLE_HOME": str(CACHE / "ansible"), "ANSIBLE_COLLECTIONS_PATH": str(checkout.link()), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    # Without buffers, Python reads each module of Ansible, hundreds of kilobytes from standard input, by one system call a byte.
    theirs = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**theirs, "PATH": path, "MSPORTS_PACKED": str(kept.folder()), **ours, **more}


def logged(name: str, argv: t.Sequence[t.Union[str, pathlib.Path]], cwd: pathlib.Path = ROOT, **more: str) -> tuple[int, str]:
    """Run a command with its output kept for the log; exit code and output."""
    done = subprocess.run(argv, cwd=cwd, env=environment(**more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode(errors="replace")
    RESULTS.joinpath(f"{name}.log").write_text(output, encoding="utf-8")
    return done.returncode, output


def linter(name: str, *argv: str) -> Part:
    """A command that is one check; its output is shown when it fails."""

    def run(_alone: bool) -> Outcome:
        status, output = logged(name, [BIN / argv[0], *argv[1:]])
        if status == 0:
            return Outcome(passed=1)
        return Outcome(failed=1, shown=[output.rstrip()])

    return Part(name, "lint", run)


def docs(_alone: bool) -> Outcome:
    """Our own reading of the pages, then antsibull-docs on the documentation of the plugins, then the site that is built of both.

    antsibull-docs leaves out ``rstcheck``: the site is built of the same pages by Sphinx, where every warning of docutils ends it with an error.
    """
    outcome = Outcome()
    for name, argv, cwd in (
        ("docs-lint", [sys.executable, ROOT / "tests/tools/docs_lint.py"], ROOT),
        ("plugin-docs", [BIN / "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "."], checkout.place("docs")),
        ("docs-site", [sys.executable, ROOT / "tests/tools/docs_site/build.py", CACHE / "docs-site" / "html"], ROOT),
    ):
        status, output = logged(name, argv, cwd)
        outcome.passed += status == 0
        outcome.failed += status != 0
        if status != 0:
            outcome.shown.append(f"{name}:\n{output.rstrip()}")
    return outcome


def run_sanity(core: str, _alone: bool) -> Outcome:
    python = sanity.find_python(core)
    if python is None:
        return Outcome(said=[f"NOT RUN: ansible-test sanity: {lacks_python(core)}"])
    job = sanity.job(core, python, [])
    result, output = job.run()
    RESULTS.joinpath(f"sanity-{core}.log").write_text(output, encoding="utf-8")
    skipped = [f"sanity-{core}::{name}" for name in result.skipped]
    outcome = Outcome(passed=result.passed, failed=len(result.failed), skipped=skipped, shown=list(result.complaints))
    outcome.said += job.left_out(core, result)
    if result.failed:
        outcome.shown.append(f"failed on {core}: {', '.join(result.failed)}")
    return outcome


def run_pytest(name: str, paths: t.Sequence[str], alone: bool, measured: bool = False, **more: str) -> Outcome:
    """One run of pytest, with ``more`` in its environment; counts come from its own report.

    ``alone``: it is shown as it goes, or else when something failed.
    """
    report = RESULTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    more = {engines.VARIABLE: "mono", **more}  # what runs the code for Windows hosts
    runner = [sys.executable, "-m", *(["coverage", "run", "-m"] if measured else [])]
    argv = [*runner, "pytest", "-q", "--color=no", f"--junitxml={report}", "-o", "junit_family=xunit1", *paths]
    outcome = Outcome()
    if alone:
        status = subprocess.run(argv, cwd=ROOT, env=environment(**more), stdin=subprocess.DEVNULL, check=False).returncode
    else:
        status, output = logged(name, argv, **more)
        outcome.shown = [output.rstrip()] if status != 0 else []
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            broken = next((found for kind in ("failure", "error") if (found := case.find(kind)) is not None), None)
            if broken is not None:
                outcome.failed += 1
                outcome.failures[named(case)] = broken.get("message") or ""
                outcome.said.append(again.failed_line(named(case), outcome.failures[named(case)]))
            elif case.find("skipped") is not None:
                outcome.skipped.append(named(case))
            else:
                outcome.passed += 1
    if status not in (0, 1) or (status == 1 and not outcome.failed):  # nothing collected, a usage error, a crash: also after a test failed
        outcome.said.append(f"FAILED: {name}: pytest ended with exit code {status}")
        outcome.failed += 1
    return outcome


def named(case: ElementTree.Element) -> str:
    return f"{case.get('file') or case.get('classname')}::{case.get('name')}"


def coverage(alone: bool) -> Outcome:
    """Both measured parts, and the coverage that they come to."""
    for old in (CACHE / "coverage").glob("data*"):
        old.unlink()
    total = Outcome()
    for name, paths in (("unit", UNIT), ("integration", [*integration(), *folders("nftables")])):
        outcome = run_pytest(name, paths, alone, measured=True)
        total.passed, total.failed = total.passed + outcome.passed, total.failed + outcome.failed
        total.skipped, total.said = total.skipped + outcome.skipped, total.said + outcome.said
    logged("coverage-combine", [BIN / "coverage", "combine", "--quiet"])
    status, table = logged("coverage", [BIN / "coverage", "report", "--show-missing", f"--fail-under={COVERAGE}"])
    total.failed += status != 0
    print(f"coverage of plugins/, lines and branches (.cache/test/coverage.log has the missing lines); it fails below {COVERAGE} %:")
    for line in table.splitlines():
        columns = line.split()
        # File, statements, missed, branches, partly taken, percent.
        if line.startswith("TOTAL") or (len(columns) > 5 and columns[5].endswith("%") and float(columns[5].rstrip("%")) < COVERAGE):
            print("  " + " ".join(f"{column:>6}" if place else f"{column:<70}" for place, column in enumerate(columns[:6])))
    return total


def integration() -> list[str]:
    """Everything below ``tests/integration`` that has no part of its own."""
    others = {name for names in FOLDERS.values() for name in names}
    found = [path for path in (ROOT / "tests" / "integration").iterdir() if path.is_dir() or path.name.startswith("test_")]
    return sorted(str(path.relative_to(ROOT)) for path in found if path.name not in {*others, "__pycache__"})


def folders(part: str) -> list[str]:
    return [f"tests/integration/{name}" for name in FOLDERS[part]]


def run_folders(part: str, alone: bool) -> Outcome:
    return run_pytest(part, folders(part), alone)


def run_one(part: str, test: str, **more: str) -> Outcome:
    """One test of a part that runs on booted containers."""
    return run_pytest(f"{part}-again", [test], False, **more)


def lacks_python(core: str) -> str:
    """Why this core does not run here, or nothing."""
    return "" if sanity.find_python(core) else f"ansible-core {core} needs a Python from {' to '.join(sanity.PYTHONS[core])}, none is here"


def run_pwsh(alone: bool) -> Outcome:
    """Each kind of call by a real PowerShell, where there is one; ``make windows-pwsh`` runs the rest."""
    try:
        engines.named("pwsh")
        if lacks := lacks_python(POWERSHELL_CORE):
            raise engines.EngineError(lacks)
    except engines.EngineError as error:
        return Outcome(said=[f"NOT RUN BY POWERSHELL: the code for Windows hosts was run by Mono alone, and its .ps1 only read ({error})"])
    return run_pytest("windows-pwsh", [f"tests/integration/windows/{name}.py" for name in BY_POWERSHELL], alone, **{engines.VARIABLE: "pwsh"})


def other_cores() -> list[str]:
    """The supported ansible-cores but for that of .venv, on which everything runs."""
    return [core for core in sanity.PYTHONS if core != ".".join(importlib.metadata.version("ansible-core").split(".")[:2])]


def run_on_core(core: str, alone: bool) -> Outcome:
    """What tells one core from another, on this one: the tests with the marker ``every_core``."""
    python = sanity.find_python(core)
    if python is None:
        return Outcome(said=[f"NOT RUN: playbooks: {lacks_python(core)}"])
    programs = sanity.make_venv(core, python) / "bin"
    return run_pytest(f"core-{core}", ["-m", "every_core", "tests/integration"], alone, MSPORTS_ANSIBLE=str(programs), MSPORTS_CORE=core)


def run_other_release(alone: bool) -> Outcome:
    """What tells one release of Debian from another, in containers of the one that the other parts do not take."""
    if os.environ.get("MSPORTS_IMAGE"):
        return Outcome(said=["NOT RUN: containers of the other release of Debian: MSPORTS_IMAGE names one image"])
    paths = [path for part in BOOTED for path in folders(part)]
    return run_pytest("other-release", ["-m", "every_release", *paths], alone, MSPORTS_RELEASE=other_release())


def other_release() -> str:
    booted = molecule_scenarios.booted
    return next(release for release in booted.RELEASES if release != booted.RELEASE)


def run_wine(alone: bool) -> Outcome:
    """PowerShell for Windows under Wine: all tests of the executor by itself, beside other parts a few calls of each kind."""
    named = os.environ.get("MSPORTS_WINDOWS_POWERSHELL")
    if lacks := lacks_python(POWERSHELL_CORE) if named else "MSPORTS_WINDOWS_POWERSHELL names no PowerShell for Windows":
        return Outcome(said=[f"NOT RUN: windows-wine: no test made a real COM call ({lacks})"])
    return run_pytest("windows-wine", WINE_ALL if alone else WINE_FEW, alone, **{engines.VARIABLE: "wine"})


def run_molecule(scenario: str, _alone: bool, log: str = "") -> Outcome:
    """The whole test sequence of one scenario, which counts as one check."""
    name = f"molecule-{scenario}"
    status, output = molecule_scenarios.run(scenario, environment())
    RESULTS.joinpath(f"{log or name}.log").write_text(output, encoding="utf-8")
    if status == 0:
        return Outcome(passed=1)
    lines = output.splitlines()
    why = broke_at(lines)
    return Outcome(failed=1, failures={name: why}, said=[again.failed_line(name, why)], shown=["\n".join(telling(lines))])


def first_failure(lines: list[str]) -> t.Optional[int]:
    return next((number for number, line in enumerate(lines) if line.startswith("fatal: [")), None)


def broke_at(lines: list[str]) -> str:
    """The task that failed first and what it says; the last line where no task failed."""
    failed = first_failure(lines)
    if failed is None:
        return next((line for line in reversed(lines) if line.strip()), "")
    return " ".join([*[line for line in lines[:failed] if line.startswith("TASK [")][-1:], lines[failed]])


def telling(lines: list[str], before: int = 40, most: int = 200) -> list[str]:
    """The lines around the first failure: after it Molecule goes on with what removes the hosts."""
    first = first_failure(lines)
    return lines[-most:] if first is None else lines[max(0, first - before) :][:most]


PARTS = (
    linter("ruff", "ruff", "check", "--quiet", "."),
    linter("format", "ruff", "format", "--check", "--quiet", "."),
    linter("yamllint", "yamllint", "--strict", "."),
    linter("mypy", "mypy", *(part for kind in TYPED for part in ("-p", f"ansible_collections.portcullis.msports.plugins.{kind}"))),
    linter("ansible-lint", "ansible-lint", "--offline", "--nocolor", "-q"),
    linter("licences", "reuse", "lint", "--lines"),
    linter("host-sources", "python", str(ROOT / "tests/tools/host_sources.py")),
    Part("docs", "docs", docs),
    *(Part(f"sanity-{core}", "sanity", functools.partial(run_sanity, core)) for core in sanity.PYTHONS),
    Part("unit", "unit", lambda alone: run_pytest("unit", UNIT, alone)),
    Part("integration", "integration", lambda alone: run_pytest("integration", integration(), alone)),
    Part("nftables", "integration", functools.partial(run_folders, "nftables")),
    *(Part(f"core-{core}", "integration", functools.partial(run_on_core, core)) for core in other_cores()),
    *(Part(name, "containers", functools.partial(run_folders, name), again=functools.partial(run_one, name)) for name in BOOTED),
    Part("windows", "windows", functools.partial(run_folders, "windows")),
    Part("windows-pwsh", "windows", run_pwsh),
    Part("other-release", "containers", run_other_release, again=lambda test: run_one("other-release", test, MSPORTS_RELEASE=other_release())),
    Part("windows-wine", "windows-wine", run_wine),
    Part("lab", "lab", lambda alone: run_pytest("lab", ["tests/lab/test_lab.py"], alone)),
    *(
        Part(
            f"molecule-{name}",
            "molecule",
            functools.partial(run_molecule, name),
            name != MIXED,
            lambda test, name=name: run_molecule(name, False, f"{test}-again"),
        )
        for name in molecule_scenarios.scenarios()
    ),
)
MEASURED = Part("coverage", "coverage", coverage)
