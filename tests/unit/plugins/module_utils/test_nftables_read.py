# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What versions of nft print, put into one spelling; and what is none of ours never looks like ours."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import express, nft
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import parse, render, table

ACCEPT = {"accept": None}


def match(left: dict[str, t.Any], right: t.Any, op: str = "==") -> dict[str, t.Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str, right: t.Any) -> dict[str, t.Any]:
    return match({"payload": {"protocol": protocol, "field": field}}, right)


SPELLINGS = {
    "ct state established,related": [
        match({"ct": {"key": "state"}}, [2, 4], "in"),
        match({"ct": {"key": "state"}}, ["related", "established"], "in"),
        match({"ct": {"key": "state"}}, {"|": ["established", "related"]}, "in"),
        match({"ct": {"key": "state"}}, {"set": ["established", "related"]}),
    ],
    "ct state invalid": [match({"ct": {"key": "state"}}, "invalid", "in"), match({"ct": {"key": "state"}}, 1, "in")],
    "icmp type { 3, 11-12 }": [
        payload("icmp", "type", {"set": [3, {"range": [11, 12]}]}),
        payload("icmp", "type", {"set": [{"range": ["time-exceeded", "parameter-problem"]}, "destination-unreachable"]}),
    ],
    "icmpv6 type 128": [payload("icmpv6", "type", 128), payload("icmpv6", "type", "echo-request")],
    "meta l4proto tcp": [match({"meta": {"key": "l4proto"}}, 6), match({"meta": {"key": "l4proto"}}, "tcp")],
    "meta nfproto ipv6": [match({"meta": {"key": "nfproto"}}, 10), match({"meta": {"key": "nfproto"}}, "ipv6")],
    "ip protocol 2": [payload("ip", "protocol", 2), payload("ip", "protocol", "igmp")],
    "ip saddr 10.0.0.0/8": [
        payload("ip", "saddr", {"prefix": {"addr": "10.0.0.0", "len": 8}}),
        payload("ip", "saddr", {"range": ["10.0.0.0", "10.255.255.255"]}),
    ],
    "ip6 daddr { fd00::1, fd00::4/126 }": [
        payload("ip6", "daddr", {"set": ["fd00::1", {"prefix": {"addr": "fd00::4", "len": 126}}]}),
        payload("ip6", "daddr", {"set": [{"range": ["fd00::4", "fd00:0:0::7"]}, "fd00:0::1"]}),
    ],
    "ip saddr @name": [payload("ip", "saddr", "@name")],
    "tcp dport { 80-90, 443 }": [payload("tcp", "dport", {"set": [443, {"range": [80, 90]}]})],
    'iif "lo"': [match({"meta": {"key": "iif"}}, "lo")],
    "reject with icmpx admin-prohibited": [{"reject": {"type": "icmpx", "expr": 3}}, {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}],
    "reject with tcp reset": [{"reject": {"type": "tcp reset"}}],
    "limit rate 10/second burst 20 packets": [
        {"limit": {"rate": 10, "burst": 20, "per": "second"}},
        {"limit": {"rate": 10, "burst": 20, "per": "second", "rate_unit": "packets", "inv": False}},
    ],
    'log prefix "x: "': [{"log": {"prefix": "x: "}}],
    'ct helper set "tftp"': [{"ct helper": "tftp"}],
    "jump base_in": [{"jump": {"target": "base_in"}}],
}


@pytest.mark.parametrize("expected", SPELLINGS)
def test_spellings_of_one_thing(expected: str) -> None:
    for expression in SPELLINGS[expected]:
        assert express.rule_text([expression, ACCEPT]) == expected + " accept"


UNKNOWN = [
    match({"ct": {"key": "state"}}, [2, 4], "!="),
    match({"meta": {"key": "l4proto"}}, 6, "!="),
    match({"meta": {"key": "mark"}}, 6),
    match({"meta": {"key": "iif"}}, {"set": ["lo"]}),
    match({"ct": {"key": "status"}}, 6),
    payload("ip", "saddr", {"elem": {"val": "10.0.0.1", "timeout": 5}}),
    payload("ip", "saddr", "example"),
    payload("tcp", "flags", 2),
    payload("tcp", "dport", "@ports"),
    {"limit": {"rate": 10, "burst": 20, "per": "second", "inv": True}},
    {"limit": {"rate": 10, "burst": 20, "per": "second", "rate_unit": "bytes"}},
    {"log": {"prefix": "x", "group": 1}},
    {"reject": {"type": "icmp", "expr": 1}},
    {"reject": None},
    {"counter": "named"},
    {"xt": None},
    {"accept": 1},
    {},
]


@pytest.mark.parametrize("expression", UNKNOWN, ids=str)
def test_what_is_not_known_is_marked(expression: dict[str, t.Any]) -> None:
    assert express.rule_text([expression, ACCEPT]).startswith(table.UNKNOWN)


def test_rules_of_others_are_shown_as_far_as_they_are_known() -> None:
    known = [payload("tcp", "dport", 5), {"counter": {"packets": 1, "bytes": 2}}, ACCEPT]
    assert express.shown(known) == "tcp dport 5 accept"
    assert express.shown([{"xt": None}, {"xt": {"type": "match", "name": "recent"}}, {"notrack": None}]) == "iptables:? iptables:recent notrack"
    assert express.shown([{"dnat": {"addr": "10.0.0.1"}}]) == '{"dnat": {"addr": "10.0.0.1"}}'


def own(*objects: tuple[str, dict[str, t.Any]]) -> t.Any:
    mine = [{kind: {"family": "inet", "table": "msports", **value}} for kind, value in objects]
    return parse.own_table(nft.split([{"metainfo": {}}, {"table": {"family": "inet", "name": "msports"}}, *mine], "msports")[0])


def test_no_table_is_none_and_others_are_foreign() -> None:
    others = [{"table": {"family": "ip", "name": "msports"}}, {"chain": {"family": "inet", "table": "other", "name": "input"}}]
    mine, foreign = nft.split(others, "msports")
    assert parse.own_table(mine) is None
    assert [kind for kind, _value in foreign] == ["table", "chain"]


def test_a_helper_without_names_of_protocols() -> None:
    for protocol in (17, "udp"):
        found = own(("ct helper", {"name": "tftp", "type": "tftp", "protocol": protocol, "l3proto": "inet"}))
        assert found.helpers == {"tftp": render.HELPERS["tftp"]}


@pytest.mark.parametrize(
    "thing",
    [
        ("set", {"name": "s", "type": "ipv4_addr", "flags": ["interval", "timeout"], "elem": []}),
        ("set", {"name": "s", "type": "inet_service", "flags": ["interval"]}),
        ("set", {"name": "s", "type": ["ipv4_addr", "inet_service"], "flags": ["interval"]}),
        ("set", {"name": "s", "type": "ipv4_addr", "flags": ["interval"], "elem": [{"elem": {"val": "10.0.0.1", "timeout": 3}}]}),
        ("map", {"name": "m"}),
        ("flowtable", {"name": "f"}),
        ("chain", {"name": "input", "type": "nat", "hook": "input", "prio": 0, "policy": "accept"}),
    ],
)
def test_objects_that_are_not_of_ours_are_seen(thing: tuple[str, dict[str, t.Any]]) -> None:
    assert own(thing).others != ()


def test_elements_are_read_one_by_one_and_never_merged() -> None:
    elements = ["10.0.0.1", {"range": ["10.0.0.2", "10.0.0.3"]}, {"prefix": {"addr": "10.0.0.4", "len": 30}}]
    found = own(("set", {"name": "s", "type": "ipv4_addr", "flags": ["interval"], "elem": elements}))
    base = 10 << 24
    assert found.sets["s"] == (4, ((4, base + 1, base + 1), (4, base + 2, base + 3), (4, base + 4, base + 7)))
    assert found.others == ()


def test_what_a_rule_has_counted_is_no_part_of_it() -> None:
    counted: list[dict[str, t.Any]] = [{"counter": {"packets": 1, "bytes": 2}}, ACCEPT]
    assert express.rule_text(counted) == express.rule_text([ACCEPT])
    assert express.rule_text([{"xt": None}, *counted]) == express.rule_text([{"xt": None}, ACCEPT])
