# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python of the machine is only found when it runs, and a package is only installed when what proves it is missing."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from tools_under_test import TOOLS, lines


@pytest.mark.parametrize(("lowest", "highest", "found"), [("3.11", "3.14", True), ("3.98", "3.99", False)])
def test_a_python_is_only_found_when_it_runs(lowest: str, highest: str, found: bool) -> None:
    done = subprocess.run([TOOLS / "find_python.sh", lowest, highest], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is found and bool(done.stdout.strip()) is found
    if found:
        assert subprocess.run([done.stdout.strip(), "-c", "import venv"], check=False).returncode == 0


def test_system_packages_are_tables_of_command_and_package() -> None:
    for table in TOOLS.parent.joinpath("requirements").glob("system-*.txt"):
        rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
        assert rows and all(len(row) == 2 for row in rows), table.name


def run_system_packages(folder: pathlib.Path, table: str) -> t.List[str]:
    """What the script would install for this table: apt-get and sudo are replaced by scripts that write down their arguments."""
    for name in ("tests/tools", "tests/requirements", "bin"):
        folder.joinpath(name).mkdir(parents=True)
    for name in ("system_packages.sh", "find_python.sh"):
        copy = folder / "tests/tools" / name
        copy.write_bytes(TOOLS.joinpath(name).read_bytes())
        copy.chmod(0o755)
    folder.joinpath("tests/requirements/system-x.txt").write_text(table, encoding="utf-8")
    for name, text in (("apt-get", f'echo "$@" >>{folder}/calls'), ("sudo", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.path.dirname(sys.executable), os.environ["PATH"]])
    env = {**os.environ, "PATH": path}
    subprocess.run([folder / "tests/tools/system_packages.sh", "x"], env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    calls = folder / "calls"
    return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


def test_a_system_package_is_proven_by_a_command_or_by_a_path(tmp_path: pathlib.Path) -> None:
    library = tmp_path / "library.dll"
    library.write_text("not executable", encoding="utf-8")
    there = run_system_packages(tmp_path / "there", lines("# comment", "sh shell", f"{library} lib-cil"))
    missing = run_system_packages(tmp_path / "missing", lines("no-such-command-x a-package", f"{library}.gone lib-cil", "sh shell"))
    assert (there, missing) == ([], ["update -q", "install -q -y --no-install-recommends a-package lib-cil"])
