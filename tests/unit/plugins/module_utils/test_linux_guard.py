# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's verdict on Linux, case by case: what is known, what cannot be told, and what a timer makes of that. Real sessions: ``management_paths``."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import Evaluator, Ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session, Watch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import guard, links
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.guard import Ground
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.links import Link
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import desired
from ansible_collections.portcullis.msports.plugins.module_utils._options import defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

SESSION = Session("10.9.0.5", 50022, "10.0.1.11", 22)
SEEN = Watch((SESSION,), "SSH_CONNECTION in the environment", own=SESSION)
HIDDEN = Watch((), "not all could be seen", ("processes cannot be read",))
NOBODY = Watch((), "there is nothing to guard", listening=(22, 2022))
PASSES, LOCKED, UNSURE = "passes", "locked out", "cannot tell"


def rules(*given: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    complete, problems = _ruleset.check(
        [{"name": str(number), "direction": "in", "protocol": "tcp", "remote_addresses": ["10.9.0.0/24"], **rule} for number, rule in enumerate(given)],
        {"s": ["10.9.0.0/24"]},
    )
    assert problems == []
    return complete


SSH = {"local_ports": ["22"]}


@pytest.fixture(autouse=True)
def wire(monkeypatch: pytest.MonkeyPatch) -> dict[int, Link]:
    known = {1: Link("eth0", "", 1, 0, 0, {})}
    monkeypatch.setattr(links, "toward", lambda peer: 1)
    monkeypatch.setattr(links, "links", lambda: known)
    return known


def verdict(watch: Watch, ground: Ground, **options: t.Any) -> tuple[str, str]:
    """The verdict, and the sentence behind it."""
    given = {**defaults("nftables"), "connection_port": 22, "address_sets": {"s": ["10.9.0.0/24"]}, **options}
    try:
        told = guard.check(given, watch, ground)
        assert told == []
        with_timer: list[str] = guard.check({**given, "rollback_timeout": 60}, watch, ground)
        assert with_timer == []
        return PASSES, ""
    except Refused as refused:
        try:
            told = guard.check({**given, "rollback_timeout": 60}, watch, ground)
            assert len(told) == len(refused.problems)
            return UNSURE, str(refused)
        except Refused as again:
            return LOCKED, str(again)


@pytest.mark.parametrize(
    ("watch", "given", "more", "expected"),
    [
        (SEEN, [SSH], {}, PASSES),
        (SEEN, [], {}, LOCKED),
        (SEEN, [], {"default_inbound": "allow"}, PASSES),
        (HIDDEN, [SSH], {}, UNSURE),
        (HIDDEN, [SSH], {"default_inbound": "keep"}, PASSES),
        (HIDDEN, [{**SSH, "action": "block"}], {"default_inbound": "keep"}, UNSURE),
        (HIDDEN, [], {"mode": "audit"}, PASSES),
        (HIDDEN, [], {"allow_lockout": True}, PASSES),
        (NOBODY, [SSH], {}, PASSES),
        (NOBODY, [{"local_ports": ["2022"]}], {}, PASSES),
        (NOBODY, [{"local_ports": ["443"]}], {}, UNSURE),
        (NOBODY, [{**SSH, "remote_addresses": ["127.0.0.0/8"]}], {}, UNSURE),
        (NOBODY, [SSH, {**SSH, "action": "block", "remote_addresses": ["10.0.0.0/8"]}], {}, UNSURE),
        (NOBODY, [], {"management": {"addresses": ["10.9.0.0/24"], "ports": ["22"]}}, LOCKED),
        (NOBODY, [SSH], {"management": {"addresses": ["10.9.0.0/24"], "ports": ["22"]}}, PASSES),
        (NOBODY._replace(listening=()), [], {}, PASSES),
    ],
)
def test_what_is_seen_and_what_the_rules_admit(watch: Watch, given: list[t.Any], more: dict[str, t.Any], expected: str) -> None:
    assert verdict(watch, Ground(rules(*given)), **more)[0] == expected


def test_what_closes_nothing_needs_no_verdict() -> None:
    assert verdict(HIDDEN, Ground([], closes=False))[0] == PASSES
    assert verdict(SEEN, Ground([], closes=False))[0] == LOCKED
    closed = Ruleset([], {}, "block")
    assert verdict(NOBODY, Ground([], before=closed))[0] == PASSES, "nobody came in before, either"


def test_a_removal_is_not_held_up_by_what_cannot_be_told_and_a_local_timer_is_named() -> None:
    given = {**defaults("ufw"), "state": "absent", "connection_port": None}
    closed: Evaluator = Ruleset([], {}, "block")
    assert guard.check(given, HIDDEN, Ground([], evaluator=closed)) == [
        "it cannot be told whether these rules lock out whoever manages this host: processes cannot be read"
    ]
    (local,) = guard.check({**given, "state": "present", "rollback_timeout": 60}, HIDDEN, Ground([], evaluator=closed))
    assert "shows nothing" in local and "takes them back" not in local


VXLAN = {2: bytes([10, 7, 0, 2]), 15: b"\x12\xb5"}
OUTER = {"protocol": "udp", "local_ports": ["4789"], "remote_addresses": ["10.7.0.2"]}


@pytest.mark.parametrize(
    ("kind", "data", "more", "expected", "says"),
    [
        ("vxlan", VXLAN, [], LOCKED, "msports_allow: [{name: tunnel eth0, in: udp/4789, from: [10.7.0.2]"),
        ("vxlan", VXLAN, [OUTER], PASSES, ""),
        ("vxlan", {**VXLAN, 2: bytes([239, 0, 0, 1])}, [], UNSURE, "udp/4789"),
        ("vxlan", {15: b"\x12\xb5"}, [OUTER], UNSURE, "from somewhere"),
        ("vxlan", {15: b"\x12\xb5"}, [{**OUTER, "remote_addresses": ["any"]}], PASSES, ""),
        ("vxlan", {}, [OUTER], UNSURE, "not known"),
        ("gre", {7: bytes([10, 7, 0, 2])}, [], UNSURE, "in: any, from: [10.7.0.2]"),
        ("gre", {7: bytes([10, 7, 0, 2])}, [{"protocol": "any", "remote_addresses": ["10.7.0.0/24"]}], PASSES, ""),
        ("wireguard", {}, [OUTER], UNSURE, "by udp from somewhere"),
        ("tun", {}, [], UNSURE, "by ways that are not known"),
    ],
)
def test_a_tunnel_must_get_through_itself(wire: dict[int, Link], kind: str, data: dict[int, bytes], more: list[t.Any], expected: str, says: str) -> None:
    wire[1] = wire[1]._replace(kind=kind, data=data)
    found, text = verdict(SEEN, Ground(rules(SSH, *more)))
    assert (found, says in text) == (expected, True), text


def test_a_rule_that_blocks_a_tunnel_is_seen_where_everything_else_passes(wire: dict[int, Link]) -> None:
    wire[1] = wire[1]._replace(kind="vxlan", data=VXLAN)
    blocked = Ground(rules({**OUTER, "action": "block"}))
    assert verdict(SEEN, blocked, default_inbound="allow")[0] == LOCKED
    assert verdict(HIDDEN, blocked, default_inbound="allow")[0] == PASSES, "no session over TCP is stopped by it"
    assert verdict(SEEN, Ground(rules({**OUTER, "local_ports": ["137"], "action": "block"})), default_inbound="allow")[0] == PASSES


def test_an_interface_that_is_not_known_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_peer: str) -> int:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(links, "toward", fails)
    found, text = verdict(SEEN, Ground(rules(SSH)))
    assert (found, "Network is unreachable" in text) == (UNSURE, True)


def raw(*conditions: dict[str, t.Any]) -> Tables:
    chain = {"family": "ip", "table": "raw", "name": "pre", "type": "filter", "hook": "prerouting", "prio": -300, "policy": "accept"}
    matches = [{"match": condition} for condition in conditions]
    return Tables([("chain", chain), ("rule", {"family": "ip", "table": "raw", "chain": "pre", "expr": [*matches, {"notrack": None}]})])


def port(number: int) -> dict[str, t.Any]:
    return {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": number}


MARK = {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 7}
ANSWERS = {"direction": "out", "local_ports": ["22"]}


@pytest.mark.parametrize(
    ("tables", "more", "strict", "expected"),
    [
        (raw(port(22)), [], True, LOCKED),
        (raw(port(22)), [], False, PASSES),
        (raw(), [], True, LOCKED),
        (raw(port(443)), [], True, PASSES),
        (raw(MARK, port(22)), [], True, UNSURE),
        (raw(port(22)), [ANSWERS], True, PASSES),
        (raw(port(22)), [{**ANSWERS, "remote_addresses": ["@s"]}], True, PASSES),
        (raw(port(22)), [{**ANSWERS, "remote_addresses": ["10.8.0.0/24"]}], True, LOCKED),
        (raw(port(22)), [{**ANSWERS, "protocol": "udp"}], True, LOCKED),
    ],
)
def test_what_is_not_tracked_gets_no_answer_where_outbound_is_strict(tables: Tables, more: list[t.Any], strict: bool, expected: str) -> None:
    ground = Ground(rules(SSH, *more), tables, strict=strict)
    assert verdict(SEEN, ground)[0] == expected
    management = {"addresses": ["10.9.0.0/24"], "ports": ["tcp/22"]}
    assert verdict(Watch((), "nobody"), ground, management=management)[0] == expected


@pytest.mark.parametrize(("until", "time", "expected"), [("2020-01-31", True, []), ("2999-01-31", True, ["0"]), ("2020-01-31", False, ["0"])])
def test_a_rule_whose_last_day_is_over_admits_nobody(monkeypatch: pytest.MonkeyPatch, until: str, time: bool, expected: list[str]) -> None:
    """The kernel ends it by its clock; one that cannot tell the time goes on."""
    monkeypatch.setattr(desired, "has_time", lambda _nft: time)
    given = {**defaults("nftables"), "rules": rules({**SSH, "until": until})}
    assert [rule["name"] for rule in desired.desire(given, t.cast("t.Any", None), None).holding] == expected
