# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of call once in a process of its own, started with the very command that ansible-core sends.

Where an engine keeps a process open for many calls, these tests show that the short way is no other one.
"""

from __future__ import annotations

import json
import typing as t

import engines
import policy_file
import pytest
from conftest import Host, result_of
from executor_cases import COMMITS, estate, everything, new


def alone(host: Host, operations: t.Optional[list[dict[str, t.Any]]] = None, **given: t.Any) -> dict[str, t.Any]:
    expected = host.known()["digest"] if operations else None
    return result_of(engines.chosen().run(host.call(owner="msports", operations=operations, expected=expected, **given), host.path))


def test_a_read(full: Host) -> None:
    found, expected = alone(full)["state"], full.known()
    # the store lists rules in another order each time
    for state in (found, expected):
        state.update({name: sorted(state[name]) for name in ("rules", "others")})
    assert found == expected


def test_operations_of_every_kind(full: Host) -> None:
    foreign = policy_file.foreign(full.content)
    result = alone(full, everything(full))
    assert result["changed"] is True and result["counts"]["commits"] == full.content["counters"]["commits"] == COMMITS
    assert policy_file.foreign(full.content) == foreign


def test_a_failure_is_taken_back(make_host: t.Callable[..., Host]) -> None:
    host = make_host(estate(fail_commit_at=COMMITS - 3))
    before = policy_file.state(host.content)
    result = alone(host, everything(host))
    assert (result["failed"], result["undone"], result["remaining"]) == (True, True, [])
    assert policy_file.state(host.content) == before


def test_operations_that_cannot_be_done(full: Host) -> None:
    wrong = [new("a", interfaces="Ethernet"), new("b", interfaces=["x", 1]), new("c", profiles="3")]
    result = alone(full, wrong)
    assert result["problems"] == [
        "operation 0 (add): rule.interfaces: expected a list of texts, not Ethernet",
        "operation 1 (add): rule.interfaces: expected a list of texts, not a list",
        "operation 2 (add): rule.profiles: expected a whole number, not 3",
    ]
    assert full.content["counters"]["commits"] == 0


def test_a_value_that_the_spec_refuses(full: Host) -> None:
    result = alone(full, [{"kind": "other"}])
    assert result["failed"] is True
    assert "value of kind must be one of: add, edit, remove" in result["msg"] and "Got no match for: other found in operations" in result["msg"]


def test_a_process_that_ends_in_the_middle(make_host: t.Callable[..., Host]) -> None:
    host = make_host(estate(die_after_commits=3))
    digest = host.known()["digest"]
    done = engines.chosen().run(host.call(owner="msports", operations=everything(host), expected=digest), host.path)
    assert done.code != 0 and not done.output
    assert host.content["counters"]["commits"] == 3


@pytest.mark.parametrize("name", ["SSH_CONNECTION"])
def test_the_environment_of_the_host(name: str, make_host: t.Callable[..., Host]) -> None:
    content = estate()
    content["environment"][name] = "10.9.0.5 50000 10.1.1.20 22"
    host = make_host(content)
    assert alone(host)["state"]["ssh_connection"] == content["environment"][name]
    assert json.dumps(content["environment"]) == json.dumps(host.content["environment"])
