# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two checkouts of one machine do not run one scenario at once: names and addresses of its network are the same in both."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
OTHER = """
import sys
sys.path.insert(0, {tools!r})
import molecule_scenarios
with molecule_scenarios.alone({name!r}):
    print("in", flush=True)
    sys.stdin.read()
"""


def start(name: str, folder: pathlib.Path) -> subprocess.Popen[str]:
    code = OTHER.format(tools=str(TOOLS), name=name)
    return subprocess.Popen(
        [sys.executable, "-c", code], env={"TMPDIR": str(folder)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(("second", "waits"), [("ufw", True), ("mixed", False)])
def test_the_second_waits_and_says_so(tmp_path: pathlib.Path, second: str, waits: bool) -> None:
    with start("ufw", tmp_path) as first:
        assert first.stdout and first.stdout.readline() == "in\n"
        with start(second, tmp_path) as other:
            assert other.stderr and other.stdout
            if waits:
                assert other.stderr.readline() == "another checkout runs the scenario ufw: waiting until it ends\n"
                first.communicate()
            assert other.stdout.readline() == "in\n"
            other.communicate()
