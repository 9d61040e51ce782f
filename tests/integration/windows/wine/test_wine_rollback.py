# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task that takes a change back: registered by real COM calls, and its action run by PowerShell for Windows; a test plays the clock.

Wine checks the XML and keeps a task of this name, but neither triggers nor action. So the action is read from the text that was given to it.
"""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

import engines
import policy_file
import pytest
from engines import payload
from executor_cases import estate, everything, named
from rollback_cases import Waiting

from conftest import Host

Make = t.Callable[..., Waiting]


@pytest.fixture
def make(make_host: t.Callable[..., Host], read: payload.Call) -> Make:
    def made(name: str, **switches: t.Any) -> Waiting:
        host = make_host(estate(**switches), name)
        return Waiting(host, read, everything(host))

    return made


def run_the_task(waiting: Waiting) -> int:
    """Run what the task says, with nothing but what Windows gives to a task; its exit code."""
    waiting.pass_time()
    xml = waiting.task().partition("?>")[2]
    found = {element.tag.rpartition("}")[2]: element.text or "" for element in ElementTree.fromstring(xml).iter()}
    options, _quote, script = found["Arguments"].partition(' "')
    words = [found["Command"].replace("%SystemRoot%", "C:\\windows"), *options.split(), script.removesuffix('"')]
    host = engines.chosen().machine  # type: ignore[attr-defined]
    with host.playing(waiting.host.path) as variables:
        process = host.space.start(words, variables)
        output, _error = process.communicate(timeout=300)
    assert output == b"", output
    return int(process.returncode)


def test_the_registered_action_takes_a_change_back_and_leaves_nothing(make: Make) -> None:
    waiting = make("fires")
    assert waiting.result is not None and waiting.result["rollback"]["nonce"] == waiting.nonce, waiting.result
    assert waiting.phase == "armed" and not waiting.is_as_before()
    assert run_the_task(waiting) == 0
    assert (waiting.is_as_before(), waiting.leftovers()) == (True, {})
    assert policy_file.foreign(waiting.host.content) == policy_file.foreign(waiting.before)
    assert waiting.note[3:] == ["the controller did not confirm the change in time", "the rules from before are in force again"]
    answer = waiting.confirm()
    assert answer is not None and not answer["confirmed"] and len(answer["rolled_back"]) == 2


def test_a_confirmation_by_plain_powershell_removes_task_and_code(make: Make) -> None:
    waiting = make("confirms")
    refused = waiting.confirm(anew=False)
    assert refused is not None and "open before the change" in refused["msg"] and waiting.phase == "armed"
    assert "Restores the firewall rules" in waiting.host.content["task"]
    assert waiting.confirm() == {"changed": False, "confirmed": True, "rolled_back": []}
    assert waiting.leftovers() == {} and named(waiting.host.content, "added")
    written = policy_file.own(waiting.host.content)
    assert run_the_task(waiting) == 0 and policy_file.own(waiting.host.content) == written, "a task that is late finds nothing to do"


def test_a_process_that_ended_in_the_middle_and_a_restart_end_in_the_rules_from_before(make: Make) -> None:
    waiting = make("ends", die_after_commits=7)
    assert waiting.result is None and waiting.phase == "armed" and not waiting.is_as_before()
    waiting.host.switch(die_after_commits=0)
    waiting.restart()
    assert run_the_task(waiting) == 0
    assert (waiting.is_as_before(), waiting.leftovers()) == (True, {})
    assert "restarted" in waiting.note[3]
