# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller does after a change that waits: it comes anew until it is answered, and says only what it saw."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils import _confirm
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import WATCHFUL, NewConnection

RESULT = {"changed": True, "rollback": {"nonce": "n", "seconds": 60, "by": "a timer"}}
AWAY = {"unreachable": True, "msg": "timed\nout"}
YES = {"confirmed": True, "rolled_back": [], "warnings": ["slow"]}


class Host:
    """Answers with what it is given, in this order, and with the last one for ever. ``calls`` are what was asked of it."""

    def __init__(self, *answers: t.Any, name: str = "ssh") -> None:
        self.answers = list(answers)
        self.calls: list[t.Any] = []
        self.name = name
        self.time = 0.0

    def confirm(self, owner: str, nonce: str) -> t.Any:
        self.calls.append((owner, nonce))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def run(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        return _confirm.confirmed(result, self, "msports", _confirm.Clock(lambda: self.time, self.pause))


def test_nothing_is_asked_when_nothing_waits() -> None:
    host = Host(YES)
    assert host.run({"changed": False}) == {"changed": False}
    assert host.calls == []


def test_a_confirmation_names_the_change() -> None:
    host = Host(YES)
    done = host.run(RESULT)
    assert host.calls == [("msports", "n")]
    assert (done["changed"], done["rollback"]["by"], done["warnings"]) == (True, "a new connection by ssh", ["slow"])


@pytest.mark.parametrize("refusal", [{"failed": True, "msg": "sudo: no"}, AWAY])
def test_it_tries_again_for_as_long_as_the_host_waits(refusal: t.Any) -> None:
    host = Host(refusal, refusal, YES)
    assert host.run(RESULT)["rollback"]["confirmed"] is True
    assert len(host.calls) == 3


def test_who_never_comes_through_says_what_it_did_not_see() -> None:
    host = Host(AWAY)
    done = host.run(RESULT)
    assert host.time == 60 + _confirm.GRACE
    assert (done["failed"], done["rolled_back"], done["changed"]) == (True, False, True)
    assert "(timed out)" in done["msg"] and "may have come through" in done["msg"] and "Neither was seen from here" in done["msg"]


def test_a_rollback_is_a_failure_and_no_change() -> None:
    done = Host(AWAY, {"confirmed": False, "rolled_back": ["late", "restored"], "warnings": []}).run(RESULT)
    assert (done["failed"], done["rolled_back"], done["changed"]) == (True, True, False)
    assert done["msg"] == "the change was taken back: late; restored"


def test_a_host_that_has_forgotten_is_no_success() -> None:
    done = Host({"confirmed": False, "rolled_back": [], "warnings": []}).run(RESULT)
    assert (done["failed"], done["changed"], done["msg"]) == (True, True, _confirm.GONE)


@pytest.mark.parametrize("answer", [AWAY, {"confirmed": False, "rolled_back": ["late"]}, {"confirmed": False, "rolled_back": []}])
def test_rules_that_are_not_seen_to_stand_are_not_told_as_in_force(answer: t.Any) -> None:
    inner = {"in_force": True, "exact": True, "reasons": []}
    done = Host(answer).run({**RESULT, "effective": {**inner, "guarded": ["x"], "profiles": {"domain": inner}}})
    effective = done["effective"]
    assert (effective["in_force"], effective["profiles"]["domain"]["in_force"], effective["guarded"]) == (False, False, ["x"])
    linux = Host(answer).run({**RESULT, "effective": inner})["effective"]
    assert linux == {**inner, "in_force": False} and inner["in_force"] is True


def test_a_connection_without_a_network_says_so() -> None:
    assert "nothing over the network was tried" in Host(YES, name="ansible.builtin.local").run(RESULT)["rollback"]["by"]


class Connection:
    """One whose options are ``options``."""

    def __init__(self, transport: str, options: dict[str, t.Any]) -> None:
        self.transport, self.options, self.resets = transport, options, 0

    def get_option(self, option: str) -> t.Any:
        return self.options[option]

    def set_option(self, option: str, value: t.Any) -> None:
        self.options[option] = value

    def reset(self) -> None:
        self.resets += 1


def test_a_confirmation_does_not_wait_for_ever_where_packets_are_lost_and_the_users_own_words_come_first() -> None:
    for transport, given, expected in (("winrm", "x", "x"), ("ssh", None, WATCHFUL), ("ssh", "-o A=b", "-o A=b " + WATCHFUL)):
        connection = Connection(transport, {"ssh_common_args": given})
        action = types.SimpleNamespace(_connection=connection, _execute_module=lambda connection=connection, **_arguments: dict(connection.options))
        host = NewConnection(action, {}, "confirm")
        assert [host.confirm("msports", "n"), host.confirm("msports", "n")] == [{"ssh_common_args": expected}] * 2
        assert connection.resets == 2


@pytest.mark.parametrize(
    ("name", "known", "port"),
    [
        ("ansible.builtin.ssh", [None, ""], 22),
        ("smart", [], 22),
        ("community.libssh.libssh", [None], 22),
        ("ssh", [None, "2222"], 2222),
        ("winrm", [5986], 5986),
        ("containers.podman.podman", [22], None),
        ("ansible.builtin.local", [22], None),
        ("somebody.tools.console", [], None),  # nothing tells that it goes over the network
        ("somebody.tools.console", [4444], 4444),
    ],
)
def test_the_port_that_a_connection_leads_to(name: str, known: list[object], port: int | None) -> None:
    assert _confirm.network_port(name, known) == port
