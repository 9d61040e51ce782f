# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` of one ansible-core on a placed copy of the checkout, with packages from PyPI only.

Usage: ``sanity.py CORE [arguments of ansible-test sanity]``, e.g. ``sanity.py 2.19 --test validate-modules``.

Everything lives in ``.cache``: the environment with that core, the copy at ``.../collections/ansible_collections/...`` (ansible-test
works nowhere else, and follows no links), and a home folder, because ansible-test keeps its own environments below ``~``.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

import checkout

ROOT = checkout.ROOT
CACHE = checkout.CACHE

# The Pythons that a core runs on as controller, lowest first: the first that is there is used.
PYTHONS = {"2.19": ("3.11", "3.13"), "2.20": ("3.12", "3.14"), "2.21": ("3.12", "3.14")}

# ansible-test fetches this script to put pip into its environments. Python brings a pip along, which serves as well.
GET_PIP = "import runpy, sys\nsys.argv = ['ensurepip', '--default-pip']\nrunpy.run_module('ensurepip', run_name='__main__')\n"


def find_python(core: str) -> t.Optional[str]:
    """The path of a Python for this core, or None."""
    found = subprocess.run([ROOT / "tests" / "tools" / "find_python.sh", *PYTHONS[core]], stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip() or None


def make_venv(core: str, python: str) -> pathlib.Path:
    """An environment with this core, made anew when its Python or its requirement changed."""
    venv = CACHE / f"venv-{core}"
    requirement = f"ansible-core~={core}.0"
    stamp = venv / ("installed-" + hashlib.sha256(f"{python} {requirement}".encode()).hexdigest()[:16])
    if not stamp.exists():
        print(f"Installing {requirement} into .cache/{venv.name}", flush=True)
        subprocess.run([python, "-m", "venv", "--clear", venv], check=True)
        pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        subprocess.run([*pip, requirement], check=True, stdin=subprocess.DEVNULL)
        stamp.touch()
    return venv


def place(core: str) -> pathlib.Path:
    """A fresh copy of what git knows or would know, where ansible-test accepts it."""
    copy = CACHE / "tree" / core / "collections" / "ansible_collections" / "portcullis" / "msports"
    shutil.rmtree(copy, ignore_errors=True)
    for name in checkout.files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    # A repository of its own: ansible-test would find the one around it, which ignores .cache, and have nothing to look at.
    subprocess.run(["git", "init", "--quiet", copy], check=True)
    return copy


def make_home(venv: pathlib.Path) -> pathlib.Path:
    """A home folder for ansible-test: its environments, the stand-in for the script it would fetch, and the user's pip settings."""
    home = CACHE / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    sources = next(venv.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")).read_text(encoding="utf-8")
    for version in set(re.findall(r"'(\d+\.\d+(?:\.\d+)?)'", sources)):  # the versions of pip that this core may ask for
        cache.joinpath(f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="utf-8")
    for name in (".config/pip", ".pip"):  # package indexes and certificates that the user has set stay in force
        theirs, ours = pathlib.Path.home() / name, home / name
        if theirs.exists() and not ours.is_symlink():
            ours.parent.mkdir(parents=True, exist_ok=True)
            ours.symlink_to(theirs)
    return home


def command(core: str, python: str, arguments: t.Sequence[str]) -> tuple[list[str], pathlib.Path, dict[str, str]]:
    """What to run for this core, where, and with which environment variables."""
    venv = make_venv(core, python)
    home = make_home(venv)
    ask = [venv / "bin" / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    version = subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=True)
    # The folder of the interpreter itself comes first: ansible-test looks for pythonX.Y on PATH, where version managers put stand-ins.
    path = os.pathsep.join([str(venv / "bin"), os.path.dirname(python), os.environ.get("PATH", os.defpath)])
    env = {**os.environ, "HOME": str(home), "PATH": path, "ANSIBLE_HOME": str(home / ".ansible")}
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG"):
        env.pop(name, None)
    return [str(venv / "bin" / "ansible-test"), "sanity", "--python", version.stdout.strip(), "--color", "no", *arguments], place(core), env


def main() -> int:
    core, arguments = sys.argv[1], sys.argv[2:]
    python = find_python(core)
    if python is None:
        print(f"ansible-core {core} needs a Python from {' to '.join(PYTHONS[core])}, and there is none", file=sys.stderr)
        return 1
    argv, folder, env = command(core, python, arguments)
    return subprocess.run(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
