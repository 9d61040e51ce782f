# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules become tuples of ufw, which are refused, and which write nothing."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import render
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule
from hypothesis import given
from hypothesis import strategies as st
from ufw_cases import allow


def _context(**fields: t.Any) -> render.Context:
    both = {"in": False, "out": False}
    defaults = {"ipv6": "", "policies": {"in": "DROP", "out": "ACCEPT"}, "closed": both, "keeps": {"in": True, "out": True}, "audit": False, "igmp": True}
    return render.Context(**{**defaults, "pings": lambda *_: True, **fields})


@given(st.lists(st.tuples(st.sampled_from([4, 6]), st.integers(0, 2**32 - 1), st.integers(0, 2**31)), min_size=1, max_size=6))
def test_networks_cover_the_addresses_exactly(given_intervals: list[tuple[int, int, int]]) -> None:
    intervals = _addresses.union((version, first, min(first + more, _addresses.LAST[version])) for version, first, more in given_intervals)
    made = [text for version in (4, 6) for text in render._networks(intervals, version)]
    assert _addresses.parse(made) == intervals


def test_everything_is_one_network() -> None:
    assert [render._networks(_addresses.ANY, version) for version in (4, 6)] == [["0.0.0.0/0"], ["::/0"]]
    assert render._networks(((4, 0, 0),), 4) == ["0.0.0.0"]


def test_audit_logs_what_a_default_would_stop_only_where_ufw_lets_it_pass() -> None:
    open_host = {"in": "ACCEPT", "out": "ACCEPT"}
    closed = render.render([], {}, _context(closed={"in": True, "out": True}))
    assert [rule.protocol for version in (4, 6) for _name, rule in closed.rules[version]] == ["igmp", "igmp", "udp", "udp"]
    assert len(render.render([], {}, _context(closed={"in": True, "out": True}, igmp=False)).warnings) == 1
    made = render.render([], {}, _context(audit=True, logs=True, policies=open_host, closed={"in": True, "out": False}))
    assert [(name, rule.action) for version in (4, 6) for name, rule in made.rules[version]] == [("'audit in'", "allow_log")] * 4
    for quiet in ({"logs": True}, {"policies": open_host}):
        assert render.render([], {}, _context(audit=True, closed={"in": True, "out": False}, **quiet)).rules == {4: [], 6: []}
    enforced = render.render([], {}, _context(policies=open_host, closed={"in": True, "out": False}))
    assert [name for version in (4, 6) for name, _rule in enforced.rules[version]] == ["'base IGMP in'"]


def _render(*rules: dict[str, t.Any], sets: t.Optional[dict[str, list[str]]] = None, **context: t.Any) -> render.Rendered:
    complete, problems = _ruleset.check([{"direction": "in", "protocol": "tcp", "remote_addresses": ["any"], **rule} for rule in rules], sets or {})
    assert problems == []
    return render.render(complete, sets or {}, _context(**context))


STRICT = {"in": "DROP", "out": "DROP"}
REFUSED = {
    "port 0": ({"local_ports": ["0"]}, {}, "local_ports: ufw knows the ports 1 to 65535"),
    "ping blocked": ({"protocol": "icmp_echo", "action": "block"}, {}, "before.rules decide about ping"),
    "ping that before.rules lack": (
        {"protocol": "icmp_echo"},
        {"pings": lambda *_: False},
        "before.rules and before6.rules do not admit these echo requests (in)",
    ),
    "ping for one family": ({"protocol": "icmp_echo"}, {"pings": lambda _direction, version, _addresses: version == 4}, "and before6.rules do not"),
    "TFTP server, strict": ({"protocol": "udp", "helper": "tftp"}, {"policies": STRICT}, "its default for outbound is DROP: let outbound pass"),
    "TFTP client": ({"protocol": "udp", "helper": "tftp", "direction": "out"}, {}, "its default for inbound is DROP"),
    "helper with TCP": ({"helper": "tftp"}, {}, "the helper tftp needs protocol udp"),
    "helper and block": ({"helper": "tftp", "protocol": "udp", "action": "block"}, {}, "a rule that blocks takes no helper"),
    "no common family": ({"local_addresses": ["fd00::1"], "remote_addresses": ["10.0.0.1"]}, {}, "no family in common"),
    "IPv6 that is off": ({"remote_addresses": ["fd00::/8"]}, {"ipv6": "it is off"}, "IPv6 addresses (fd00::/8), but it is off"),
    "all of IPv6 alone": ({"remote_addresses": ["::/0"]}, {"ipv6": "it is off"}, "IPv6 addresses (::/0), but it is off"),
    "an own IPv6 address": ({"local_addresses": ["fd00::1"]}, {"ipv6": "it is off"}, "IPv6 addresses (fd00::1), but it is off"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_ufw_cannot_say_is_refused(case: str) -> None:
    fields, context, message = REFUSED[case]
    rendered = _render({"name": "x", **fields}, **context)
    assert len(rendered.problems) == 1
    assert rendered.problems[0].startswith("rules[0] 'x': ")
    assert message in rendered.problems[0]
    assert rendered.rules == {4: [], 6: []}


SILENT = {
    "nobody": ({"remote_addresses": ["@none"]}, {}, "match nobody"),
    "outbound, where all passes": ({"direction": "out"}, {}, "ufw's own default for outbound is allow and is kept"),
    "ping": ({"protocol": "icmp_echo"}, {}, "these rules write nothing"),
    "ping under an open default": (
        {"protocol": "icmp_echo"},
        {"policies": {"in": "ACCEPT", "out": "ACCEPT"}, "pings": lambda *_: False},
        "these rules write nothing",
    ),
    "a block in audit mode": ({"action": "block"}, {"audit": True}, "mode is audit"),
    "an IPv6 block where it is off": ({"action": "block", "remote_addresses": ["fd00::1"]}, {"ipv6": "it is off"}, "IPv6 is off for ufw"),
}


@pytest.mark.parametrize("case", SILENT)
def test_what_writes_nothing_is_told(case: str) -> None:
    fields, context, message = SILENT[case]
    rendered = _render({"name": "x", **fields}, sets={"none": []}, **context)
    assert (rendered.problems, rendered.rules) == ([], {4: [], 6: []})
    (warning,) = rendered.warnings
    assert message in warning
    assert warning.endswith(": x")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"remote_addresses": ["192.0.2.0/24"]}, False),
        ({"local_addresses": ["192.0.2.1"]}, False),
        ({"direction": "out", "remote_addresses": ["192.0.2.53"]}, False),
        ({"remote_addresses": ["192.0.2.0/24"], "local_addresses": ["192.0.2.1", "fd00::1"]}, False),
        ({}, True),
        ({"remote_addresses": ["192.0.2.0/24", "fd00::/8"]}, True),
    ],
)
def test_where_ipv6_is_off_a_rule_is_told_only_when_both_its_ends_have_ipv6(fields: dict[str, t.Any], told: bool) -> None:
    rendered = _render({"name": "x", **fields}, ipv6="it is off", policies=STRICT)
    assert (rendered.problems, len(rendered.rules[4]), rendered.rules[6], len(rendered.warnings)) == ([], 1, [], int(told))


def test_any_address_is_written_for_ipv4_alone_where_ipv6_is_off() -> None:
    rendered = _render({"name": "x"}, {"name": "no", "action": "block"}, ipv6="it is off")
    assert rendered.rules == {4: [("no", Rule("deny", "tcp", "any", "0.0.0.0/0", "any", "0.0.0.0/0", "in")), ("x", allow("any"))], 6: []}
    assert [warning for warning in rendered.warnings if warning.endswith(": x")] == rendered.warnings


def test_every_network_and_every_list_of_ports_is_a_tuple() -> None:
    ports = [str(port) for port in range(1000, 1040, 2)]
    rendered = _render(
        {"name": "x", "local_ports": ports, "remote_addresses": ["@many"], "local_addresses": ["10.0.0.1", "fd00::1"]},
        sets={"many": ["10.1.0.0-10.1.0.2", "fd00::2"]},
    )
    assert [len(rendered.rules[version]) for version in (4, 6)] == [4, 2]
    assert {rule.source for _name, rule in rendered.rules[4]} == {"10.1.0.0/31", "10.1.0.2"}
    outbound = _render({"name": "x", "direction": "out", "remote_ports": ["53"], "remote_addresses": ["10.0.0.53"]}, policies=STRICT)
    assert outbound.rules[4] == [("x", Rule("allow", "tcp", "53", "10.0.0.53", "any", "0.0.0.0/0", "out"))]


def test_answers_to_a_broadcast_come_in_by_their_source_port() -> None:
    asks = {"name": "x", "direction": "out", "protocol": "udp", "remote_ports": ["137"], "remote_addresses": ["10.1.0.0/16"], "helper": "netbios-ns"}
    answers = Rule("allow", "udp", "any", "0.0.0.0/0", "137", "10.1.0.0/16", "in")
    question = Rule("allow", "udp", "137", "10.1.0.0/16", "any", "0.0.0.0/0", "out")
    assert _render(asks).rules[4] == [("x", answers)]
    assert sorted(_render(asks, policies=STRICT).rules[4]) == sorted([("x", answers), ("x", question)])
    assert _render(asks, policies={"in": "ACCEPT", "out": "DROP"}).rules[4] == [("x", question)]


def test_more_tuples_than_ufw_can_bear_are_refused() -> None:
    many = {"many": [f"10.{i // 8192}.{i // 32 % 256}.{i % 32 * 8}" for i in range(render.LIMIT + 1)]}
    (problem,) = _render({"name": "x", "remote_addresses": ["@many"]}, sets=many).problems
    assert problem.startswith(f"rules: {render.LIMIT + 1} rules of ufw for IPv4, and {render.LIMIT} are the most")
