# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""COM by itself: late-bound calls, what an HRESULT becomes, and the Task Scheduler as far as Wine has one."""

from __future__ import annotations

import json
import pathlib
import typing as t

import engines
import policy_file
import pytest
from executor_cases import ours

SCRIPT = pathlib.Path(__file__).with_name("com.ps1")
#: Answers by name; a failure is the type of .NET and the HRESULT.
ANSWERS: dict[str, t.Any] = {
    "count": 3,
    "absent": ("FileNotFoundException", "80070002"),
    "locked": ("UnauthorizedAccessException", "80070005"),
    "not there": ("NotImplementedException", "80004001"),
    "profile": True,
    "folder": "\\portcullis",
    "register": "done",
    "register again": ("COMException", "800700B7"),
    "kept": True,
    "task": True,
    "no task": ("FileNotFoundException", "80070002"),
    "delete": False,
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    content = policy_file.empty()
    policy_file.add(
        content, ours("web", interfaces=["Ethernet", "Ethernet 2"]), policy_file.rule("other"), policy_file.rule("locked", grouping="@FirewallAPI.dll,-1")
    )
    policy = policy_file.write(tmp_path_factory.mktemp("com") / "w1.json", content)
    machine = engines.chosen().machine
    with machine.playing(policy) as variables:
        process = machine.space.start(
            ["powershell", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted", "-File", machine.root.windows(SCRIPT)], variables
        )
        output, _error = process.communicate(timeout=900)
    found = [json.loads(line) for line in output.decode().splitlines()]
    return {one["name"]: one["value"] if "value" in one else (one["type"], one["code"]) for one in found}


@pytest.mark.parametrize("name", ANSWERS)
def test_com_answers(name: str, answers: dict[str, t.Any]) -> None:
    assert answers[name] == ANSWERS[name]


def test_every_answer_is_asked_for(answers: dict[str, t.Any]) -> None:
    assert set(answers) == set(ANSWERS)
