# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the host and back, and what of Windows the wire rules of other systems do not know."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import NewConnection, module_runner, ports_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import run
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.remote import BROKEN, CONFIRM, MODULE, known_port, through
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import FakeHost
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

WINDOWS = types.SimpleNamespace(_IS_WINDOWS=True)
POSIX = types.SimpleNamespace(_IS_WINDOWS=False)


@pytest.mark.parametrize("shell", [POSIX, types.SimpleNamespace(), None])
def test_a_host_that_is_no_windows_is_never_called(shell: t.Any) -> None:
    def never(*arguments: t.Any) -> Plain:
        raise AssertionError(arguments)

    text = (
        "this is for Windows hosts, and the connection to web01 speaks to another shell; nothing was done. On a Windows host set ansible_connection "
        "to winrm or psrp, or over ssh set ansible_shell_type to powershell (or cmd), whichever the host's DefaultShell is"
    )
    assert through(shell, "web01", never, never) == {"failed": True, "msg": text, "problems": [text]}
    assert "the connection to this host" in through(shell, None, never, never)["msg"]


def test_the_executor_is_called_by_its_name() -> None:
    host, names = FakeHost(), []

    def execute(name: str, arguments: Plain) -> Plain:
        names.append(name)
        return host(arguments)

    result = through(WINDOWS, "w1", execute, lambda call: run(options(rule("web")), call))
    assert (names, result["changed"]) == ([MODULE, MODULE], True)


def test_refusals_and_failures_become_results() -> None:
    def refuse(call: t.Any) -> Plain:
        raise Refused("no", ["a", "b"])

    assert through(WINDOWS, "w1", lambda name, arguments: {}, refuse) == {"failed": True, "msg": "no: a; b", "problems": ["a", "b"]}
    failed = {
        "failed": True,
        "msg": "operation 2 of 3 failed: x; what was done before it is undone but for this: y",
        "changed": True,
        "undone": False,
        "remaining": ["y"],
        "failed_at": 1,
        "done": 1,
        "counts": {},
    }
    result = through(WINDOWS, "w1", lambda name, arguments: failed, lambda call: run({}, call))
    assert result == {**{key: value for key, value in failed.items() if key != "counts"}, "problems": ["y"]}
    result = through(WINDOWS, "w1", lambda name, arguments: {"failed": True, "problems": ["operations[0]: x"]}, lambda call: run({}, call))
    assert result == {"failed": True, "msg": "the host gave no reason", "problems": ["operations[0]: x"]}


def lost(failed: Plain, at: int = 1) -> Plain:
    """The result of a run in which one call ends so."""
    host = FakeHost()

    def execute(name: str, arguments: Plain) -> Plain:
        done = host(arguments)
        return failed if len(host.calls) == at + 1 else done

    return through(WINDOWS, "w1", execute, lambda call: run(options(rule("web")), call))


@pytest.mark.parametrize(
    "failed",
    [
        {"unreachable": True, "msg": "timed out"},
        {"failed": True, "msg": "MODULE FAILURE", "module_stdout": "", "module_stderr": "killed", "rc": 1},
    ],
)
def test_a_connection_that_breaks_while_it_is_written_is_healed_by_the_next_run(failed: Plain) -> None:
    result = lost(failed)
    assert result["failed"] and result["msg"] == f"{failed['msg']}. {BROKEN}"
    assert "a part of the change may be done" in BROKEN and "run again" in BROKEN and "rollback_timeout" in BROKEN
    assert lost(failed, at=0)["msg"] == failed["msg"], "nothing was written"
    assert lost({"failed": True, "msg": "refused"})["msg"] == "refused", "the host itself says what it did"


class Action:
    """The action with what it asks of ansible-core."""

    def __init__(self, breaks_at: int, **options: t.Any) -> None:
        def get_option(name: str) -> t.Any:
            return options[name]

        self._connection = types.SimpleNamespace(_shell=WINDOWS, get_option=get_option)
        self._play_context = types.SimpleNamespace(remote_addr="w1", port=None)
        self._host, self._breaks_at = FakeHost(), breaks_at

    def _execute_module(self, module_name: t.Any = None, module_args: t.Any = None, task_vars: t.Any = None, **more: t.Any) -> Plain:
        if len(self._host.calls) == self._breaks_at:
            raise AnsibleConnectionFailure("timed out")
        return {**self._host(module_args), "warnings": ["of the host"]}


def reconciled(action: Action, told: list[str]) -> Plain:
    return through(WINDOWS, "w1", module_runner(action, {}, told, BROKEN), lambda call: run(options(rule("web")), call))


def test_an_unreachable_host_is_unreachable_and_says_what_that_means() -> None:
    """The exception stays what it is, so that ansible-core takes the host for unreachable."""
    for breaks_at, text in ((0, "timed out"), (1, f"timed out. {BROKEN}")):
        with pytest.raises(AnsibleConnectionFailure) as caught:
            reconciled(Action(breaks_at), [])
        assert caught.value.message == text
    told: list[str] = []
    assert reconciled(Action(2), told)["changed"]
    assert told == ["of the host"], "once, though two calls said it"


@pytest.mark.parametrize(
    "failure",
    [
        AnsibleConnectionFailure("no route"),
        AnsibleError("the connection attempt timed out"),  # winrm, where its text has "operation timed out"
        ConnectionResetError("reset by peer"),  # what requests and its like raise goes through winrm and psrp as it is
    ],
)
@pytest.mark.parametrize("breaks", ["reset", "run"])
def test_a_confirmation_that_does_not_come_through_is_an_answer_whatever_the_connection_raises(failure: Exception, breaks: str) -> None:
    """So it is tried again for as long as the host waits, and the run says what it did not see."""

    def fail(**_arguments: t.Any) -> t.Any:
        raise failure

    reset = fail if breaks == "reset" else lambda: None
    connection = type("Connection", (), {"ansible_name": "winrm", "reset": staticmethod(reset)})()
    action = types.SimpleNamespace(_connection=connection, _execute_module=fail)
    answer = NewConnection(action, {}, CONFIRM, ports=[5986]).confirm("msports", "n")
    assert answer["unreachable"] is True and str(failure) in answer["msg"]


def test_the_action_takes_the_port_from_the_nearest_that_knows_it() -> None:
    assert known_port(*ports_of(Action(0, port=8443), {"ansible_port": 1})) == [8443]
    assert known_port(*ports_of(Action(0, port=None), {"ansible_port": "8444"})) == [8444]
    assert known_port(*ports_of(Action(0), {"ansible_port": 8445})) == [8445], "not every connection has such an option"
    assert known_port(*ports_of(Action(0), {})) == []


@pytest.mark.parametrize(
    ("known", "ports"),
    [
        ((), []),
        ((None, None), []),
        ((5986, 8443), [5986]),
        ((None, "8443"), [8443]),
        (("{{ port }}", 443), [443]),
        ((0, 70000, "x", " 2222 "), [2222]),
        ((22,), [22]),
    ],
)
def test_the_port_of_the_connection(known: tuple[t.Any, ...], ports: list[int]) -> None:
    assert known_port(*known) == ports


def test_what_reads_otherwise_than_it_was_written_is_told_and_not_in_force() -> None:
    host = FakeHost()

    def stubborn(arguments: Plain) -> Plain:
        done = host(arguments)
        for row in done.get("written", []):
            row[10] = "*"
        return done

    result = run(options(rule("web", ["443"], ["10.0.0.1"])), stubborn)
    assert result["effective"]["in_force"] is False
    assert result["warnings"] == [
        "Windows does not hold what was written: wanted: in 'web': allow tcp local_ports=443 remote_addresses=10.0.0.1; "
        "found: in 'web': allow tcp local_ports=443 remote_addresses=any"
    ]


# --- wire rules ------------------------------------------------------------------------------------------------------


def test_other_systems_know_neither_keywords_nor_programs() -> None:
    given = [rule("x", ["RPC"]), rule("y", program="C:\\x.exe")]
    assert _ruleset.check(given, {})[1] == [
        "rules[0].local_ports[0]: 'RPC': expected a port (0-65535) or first-last",
        "rules[1].program: unknown key; expected one of name, direction, action, protocol, local_ports, remote_ports, remote_addresses, "
        "local_addresses, helper, until, description",
    ]
    complete, problems = _ruleset.check(given, {}, windows=True)
    assert problems == [] and [(found["program"], found["service"]) for found in complete] == [("", ""), ("C:\\x.exe", "")]


@pytest.mark.parametrize("keys", [{"protocol": "udp"}, {"direction": "out"}])
def test_keywords_are_for_inbound_tcp(keys: Plain) -> None:
    assert _ruleset.check([rule("x", ["RPC"], **keys)], {}, windows=True)[1] == ["rules[0].local_ports[0]: 'RPC': expected a port (0-65535) or first-last"]


@pytest.mark.parametrize("key", ["local_ports", "remote_ports", "remote_addresses", "local_addresses"])
def test_a_text_is_no_list(key: str) -> None:
    """Letter by letter, ``80`` would be the ports 8 and 0."""
    assert _ruleset.check([rule("x") | {key: "80"}], {})[1] == [f"rules[0].{key}: '80': expected a list"]


def test_spellings_of_keywords() -> None:
    assert [_ruleset.port_keyword(text) for text in ("RPC", "rpc", " RPC-EPMap", "RPCEPMap", "rpc-epmap", "135", "IPHTTPS")] == [
        "RPC",
        "RPC",
        "RPC-EPMap",
        "RPC-EPMap",
        "RPC-EPMap",
        None,
        None,
    ]
