# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules and managers of others: what is said about them, and that nothing is said without reason."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import compare
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import environment, reconcile

RULES = [
    {"name": "ssh", "direction": "in", "protocol": "tcp", "local_ports": ["22"], "remote_addresses": ["10.9.0.0/24"]},
    {"name": "https", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["any"]},
    {"name": "dns", "direction": "out", "protocol": "udp", "remote_ports": ["53"], "remote_addresses": ["@resolvers"]},
]
SETS = {"resolvers": ["10.0.0.53", "10.0.1.53"]}
NEW = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": [8]}}
OLD = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": [2, 4]}}
LO = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}
ACCEPT, DROP = {"accept": None}, {"drop": None}


def port(number: t.Any, protocol: str = "tcp") -> dict[str, t.Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": number}}


def address(value: t.Any, field: str = "saddr") -> dict[str, t.Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": field}}, "right": value}}


def objects(*rules: list[dict[str, t.Any]], policy: str = "accept", hook: str = "input", family: str = "inet") -> list[tuple[str, dict[str, t.Any]]]:
    where = {"family": family, "table": "f"}
    made = [
        ("table", {"family": family, "name": "f"}),
        ("chain", {**where, "name": "c", "type": "filter", "hook": hook, "prio": 0, "policy": policy}),
        ("chain", {**where, "name": "sub"}),
        ("set", {**where, "name": "bad", "elem": [{"prefix": {"addr": "10.9.0.0", "len": 16}}]}),
    ]
    return made + [("rule", {**where, "chain": "c", "expr": rule}) for rule in rules]


def examine(found: list[tuple[str, dict[str, t.Any]]], root: t.Any = "/nonexistent", **options: t.Any) -> environment.Environment:
    rules, problems = _ruleset.check(RULES, SETS)
    assert problems == []
    return environment.examine(found, rules, dict(reconcile.OPTIONS, address_sets=SETS, **options), str(root), str(root) + "/proc")


def test_nothing_else_is_nothing_to_say() -> None:
    assert examine([]) == ([], [], [])
    assert examine(objects([OLD, ACCEPT], [LO, ACCEPT])) == ([], [], [])
    assert examine(objects([port(8080), DROP], [address("192.0.2.1"), port(22), DROP])) == ([], [], [])
    assert examine(objects([port(443), DROP], hook="forward")) == ([], [], [])


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([[port(443), DROP]], "'tcp dport 443 drop' stops what we allow: https"),
        ([[NEW, port(443), DROP]], "stops what we allow: https"),
        ([[port({"set": [22, {"range": [440, 450]}]}), {"reject": None}]], "stops what we allow: ssh, https"),
        ([[address("@bad"), DROP]], "stops what we allow: ssh, https"),
        ([[address("10.9.0.7"), port(22), DROP]], "stops what we allow: ssh"),
        ([[port(443), {"limit": {"rate": 1, "burst": 5, "per": "second"}}, DROP]], "may stop what we allow: https"),
        ([[port(443), {"xt": {"type": "target", "name": "REJECT"}}]], "stops what we allow: https"),
        ([[port(22), ACCEPT], [DROP]], "stops what we allow: https"),
        ([[OLD, ACCEPT], [DROP]], "stops what we allow: ssh, https"),
        ([[address("@unknown"), DROP]], "may stop what we allow: ssh, https"),
    ],
)
def test_drops_of_others_are_named_with_what_they_stop(rules: list[list[dict[str, t.Any]]], expected: str) -> None:
    (reason,) = examine(objects(*rules)).reasons
    assert reason.startswith("table inet f, chain c: '")
    assert reason.endswith(expected)


def test_a_policy_stops_what_no_rule_of_the_chain_accepts() -> None:
    assert examine(objects([port(22), ACCEPT], policy="drop")).reasons == ["table inet f, chain c: 'policy drop' stops what we allow: https"]
    assert examine(objects([port({"set": [22, 443]}), ACCEPT], policy="drop")).reasons == []
    # A chain of one family has no say about the other: ssh is IPv4 only.
    assert examine(objects(policy="drop", family="ip6")).reasons == ["table ip6 f, chain c: 'policy drop' stops what we allow: https"]


def test_drops_behind_a_jump_and_loops_of_jumps() -> None:
    found = objects([port(443), {"jump": {"target": "sub"}}], [{"goto": {"target": "nowhere"}}])
    where = {"family": "inet", "table": "f", "chain": "sub"}
    found += [("rule", {**where, "expr": [{"jump": {"target": "c"}}]}), ("rule", {**where, "expr": [DROP]})]
    assert examine(found).reasons == ["table inet f, chain sub: 'drop' stops what we allow: https"]


def test_accepts_of_others_that_our_default_stops_are_warnings() -> None:
    found = objects([port(8080), ACCEPT], [port(443), ACCEPT], [OLD, ACCEPT])
    expected = "table inet f, chain c: 'tcp dport 8080 accept' accepts what our default stops; our drop is final"
    assert examine(found) == ([], [], [expected])
    assert examine(found, mode="audit").warnings == []


def icmp(types: t.Any, protocol: str = "icmpv6", field: str = "type") -> dict[str, t.Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": types}}


def l4(protocols: t.Any) -> dict[str, t.Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": protocols}}


HOPS = {"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "hoplimit"}}, "right": 255}}
V6 = {"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": {"prefix": {"addr": "fe80::", "len": 10}}}}


@pytest.mark.parametrize(
    "rule",
    [
        [icmp({"set": [{"range": [11, 12]}, 3]}, "icmp")],
        [icmp({"set": ["echo-reply", "destination-unreachable"]}, "icmp")],
        [icmp({"set": ["nd-neighbor-solicit", "nd-router-advert", 130, 143, {"range": [1, 4]}]})],
        [icmp("packet-too-big")],
        [icmp(135), HOPS],
        [icmp(3, "icmp"), icmp(4, "icmp", "code")],
        [l4(2)],
        [l4({"set": ["igmp"]})],
        [{"match": {**LO["match"], "right": {"set": ["lo"]}}}],
        [address({"prefix": {"addr": "127.0.0.0", "len": 8}})],
        [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related", "untracked"]}}],
        [port(68, "udp")],
        [V6, port(546, "udp")],
        [port({"set": [443]})],
    ],
    ids=str,
)
def test_accepts_that_our_base_rules_give_too_are_no_warning(rule: list[dict[str, t.Any]]) -> None:
    assert examine(objects([*rule, ACCEPT])) == ([], [], [])


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ([icmp("redirect", "icmp")], "accepts"),
        ([icmp({"set": [135, 128]})], "accepts"),
        ([icmp("@types")], "may accept"),
        ([icmp(0, "icmp", "code")], "may accept"),
        ([l4(58)], "accepts"),
        ([l4({"range": [1, 20]})], "may accept"),
        ([{"match": {**LO["match"], "right": {"set": ["lo", "eth0"]}}}], "may accept"),
        ([port(546, "udp")], "accepts"),
        ([{"xt": {"type": "match", "name": "conntrack"}}], "may accept"),
        ([port({"set": [443, 8443]})], "accepts"),
        ([], "accepts"),
    ],
    ids=str,
)
def test_accepts_of_more_than_base_rules_and_rules_are_warnings(rule: list[dict[str, t.Any]], word: str) -> None:
    managers, reasons, warnings = examine(objects([*rule, ACCEPT]))
    assert (managers, reasons, len(warnings)) == ([], [], 1)
    assert f"' {word} what our default stops" in warnings[0]


ECHO = {"name": "echo", "direction": "in", "protocol": "icmp_echo", "remote_addresses": ["any"]}


def test_an_echo_of_ours_is_known_by_its_types() -> None:
    rules, _problems = _ruleset.check([ECHO], {})
    both = objects([icmp({"set": [3, 8]}, "icmp"), ACCEPT], [icmp({"set": [1, 128, 135]}), ACCEPT])
    assert environment.examine(both, rules, reconcile.OPTIONS, "/nonexistent", "/nonexistent") == ([], [], [])
    errors = objects([icmp(3, "icmp"), DROP])
    assert environment.examine(errors, rules, reconcile.OPTIONS, "/nonexistent", "/nonexistent").reasons == []
    ping = objects([icmp("echo-request"), DROP])
    assert environment.examine(ping, rules, reconcile.OPTIONS, "/nonexistent", "/nonexistent").reasons[0].endswith("stops what we allow: echo")
    admitted = objects([icmp(8, "icmp"), ACCEPT], policy="drop")
    found = environment.examine(admitted, rules, reconcile.OPTIONS, "/nonexistent", "/nonexistent").reasons
    assert found[0].endswith("'policy drop' stops what we allow: echo")
    admitted = objects([icmp(8, "icmp"), ACCEPT], [icmp(128), ACCEPT], policy="drop")
    assert environment.examine(admitted, rules, reconcile.OPTIONS, "/nonexistent", "/nonexistent").reasons == [], "two rules together"


def test_rules_of_ours_hold_an_accept_together() -> None:
    found = objects([address({"set": ["10.9.0.1", "10.8.0.1"]}), port({"set": [22, 443]}), ACCEPT])
    (warning,) = examine(found).warnings
    assert "accepts what our default stops" in warning
    found = objects([address({"set": ["10.9.0.1", "10.9.0.200"]}), port({"set": [22, 443]}), ACCEPT])
    assert examine(found).warnings == []


def owned(table: str, *rules: list[dict[str, t.Any]], policy: str = "drop") -> list[tuple[str, dict[str, t.Any]]]:
    where = {"family": "inet", "table": table}
    jumps = [{"jump": {"target": name}} for name in ("base_in", "rules_in")]
    made = [("chain", {**where, "name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": policy})]
    made += [("chain", {**where, "name": name}) for name in ("base_in", "rules_in")]
    made += [("rule", {**where, "chain": "input", "expr": [jump]}) for jump in jumps]
    made += [("rule", {**where, "chain": "base_in", "expr": [OLD, ACCEPT]})]
    return made + [("rule", {**where, "chain": "rules_in", "expr": rule}) for rule in rules]


def test_a_table_of_another_owner_is_told_once_by_name() -> None:
    found = owned("second", *[[port(number), ACCEPT] for number in (22, 8080, 8081, 8082)])
    outside = examine(found)
    assert outside.reasons == ["table inet second of another owner of this collection stops what we allow: https"]
    assert outside.warnings == ["table inet second of another owner of this collection accepts what our default stops; our drop is final"]
    assert examine(owned("second", [address("10.9.0.1"), port({"set": [22, 443]}), ACCEPT], policy="accept")) == ([], [], [])
    both = examine(owned("second", [port(443), DROP]) + owned("third") + objects([port(22), DROP]))
    assert [reason.split(" what we allow")[1] for reason in both.reasons] == [": https, ssh", ": ssh, https", ": ssh"]
    assert both.reasons[2].startswith("table inet f, chain c: ")


def test_outbound_counts_only_when_it_is_strict() -> None:
    found = objects([port(53, "udp"), address("10.0.1.53", "daddr"), DROP], hook="output")
    assert examine(found).reasons == []
    assert examine(found, default_outbound="block").reasons == ["table inet f, chain c: 'udp dport 53 ip daddr 10.0.1.53 drop' stops what we allow: dns"]


def test_many_rules_are_told_in_few_lines() -> None:
    found = objects(*[[address(f"10.9.0.{number}"), DROP] for number in range(90)])
    reasons = examine(found).reasons
    assert len(reasons) == compare.SHOWN + 1
    assert reasons[-1] == "70 more of this kind"
    found = objects(*[[port(number), DROP] for number in range(1000, 1600)])
    assert "more than 400 rules" in examine(found).reasons[0]


def test_open_defaults_are_not_exact() -> None:
    assert "default_inbound is keep" in examine([], default_inbound="keep").reasons[0]


def test_packets_out_of_tracking_are_told() -> None:
    found = objects([port(53, "udp"), {"notrack": None}], hook="prerouting")
    assert "takes packets out of connection tracking" in examine(found).reasons[0]
    found = objects([{"xt": {"type": "target", "name": "CT"}}], hook="prerouting")
    assert "takes packets out of connection tracking" in examine(found).reasons[0]


def test_published_ports_are_told() -> None:
    chain = ("chain", {"family": "ip", "table": "nat", "name": "DOCKER"})
    published = ("rule", {"family": "ip", "table": "nat", "chain": "DOCKER", "expr": [port(8080), {"dnat": {"addr": "172.17.0.2", "port": 80}}]})
    (warning,) = examine([chain, published]).warnings
    assert warning.startswith("Docker: ")
    assert "tcp dport 8080" in warning
    assert examine([("chain", {"family": "inet", "table": "netavark", "name": "NETAVARK-1"})]).warnings[0].startswith("podman: ")


def write(root: pathlib.Path, path: str, content: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)


def test_managers(tmp_path: pathlib.Path) -> None:
    assert examine([("chain", {"family": "inet", "table": "firewalld", "name": "x"})]).managers == ["firewalld is running"]
    ufw = ("chain", {"family": "ip", "table": "filter", "name": "ufw-user-input"})
    write(tmp_path, "usr/sbin/ufw")
    (tmp_path / "usr/sbin/ufw").chmod(0o755)
    write(tmp_path, "etc/ufw/ufw.conf", "# x\nENABLED=no\n")
    assert examine([ufw], tmp_path).managers == []
    write(tmp_path, "etc/ufw/ufw.conf", 'LOGLEVEL=low\nENABLED="yes"\n')
    assert examine([ufw], tmp_path).managers == ["ufw is enabled and its rules are loaded"]
    assert "they will be at the next boot" in examine([], tmp_path).warnings[0]
    write(tmp_path, "etc/systemd/system/multi-user.target.wants/netfilter-persistent.service")
    assert "netfilter-persistent.service is enabled and its rules are loaded" in examine([ufw], tmp_path).managers
    assert len(examine([], tmp_path).warnings) == 2
    write(tmp_path, "proc/net/ip_tables_names", "filter\nraw\n")
    outside = examine([], tmp_path)
    assert len(outside.managers) == 2
    # What wants a masked unit keeps its link, but nothing starts it.
    for name in ("ufw", "netfilter-persistent"):
        (tmp_path / "etc/systemd/system" / f"{name}.service").symlink_to("/dev/null")
    assert examine([ufw], tmp_path).managers == ["ufw is enabled and its rules are loaded"]
    write(tmp_path, "proc/net/ip_tables_names")
    assert examine([], tmp_path)[0::2] == ([], [])
    write(tmp_path, "proc/net/ip_tables_names", "filter\nraw\n")
    assert any("legacy iptables are loaded (filter, raw)" in reason for reason in outside.reasons)


def test_firewalld_counts_only_in_our_network(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs", "77\n")
    for pid, namespace in (("self", "net:[1]"), ("77", "net:[2]")):
        (tmp_path / "proc" / pid / "ns").mkdir(parents=True)
        (tmp_path / "proc" / pid / "ns" / "net").symlink_to(namespace)
    assert examine([], tmp_path).managers == []
    os.unlink(tmp_path / "proc/77/ns/net")
    assert examine([], tmp_path).managers == ["firewalld is running"], "when it cannot be told, it counts"
    (tmp_path / "proc/77/ns/net").symlink_to("net:[1]")
    assert examine([], tmp_path).managers == ["firewalld is running"]


def test_loose_pickup_off_is_told(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "proc/sys/net/netfilter/nf_conntrack_tcp_loose", "0\n")
    assert "nf_conntrack_tcp_loose is 0" in examine([], tmp_path).warnings[0]


@pytest.mark.parametrize(("chain", "number", "told"), [("PREROUTING", 443, True), ("PREROUTING", 444, True), ("DOCKER", 444, False), ("DOCKER", 443, True)])
def test_a_translation_of_iptables_is_told_where_nobody_knows_where_it_leads(chain: str, number: int, told: bool) -> None:
    """It may lead another port to one that we allow. What container engines translate goes to a container, and counts where it takes what we allow."""
    where = {"family": "ip", "table": "nat"}
    found: list[tuple[str, dict[str, t.Any]]] = [
        ("chain", {**where, "name": "PREROUTING", "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}),
        ("chain", {**where, "name": "DOCKER"}),
        ("rule", {**where, "chain": "PREROUTING", "expr": [{"jump": {"target": "DOCKER"}}]}),
        ("rule", {**where, "chain": chain, "expr": [port(number), {"xt": {"type": "target", "name": "DNAT"}}]}),
    ]
    reasons = [reason for reason in examine(found).reasons if "sends connections" in reason]
    assert len(reasons) == told
    assert all(("nft does not tell where" in reason) == (chain == "PREROUTING") for reason in reasons)
    assert all(("it takes what we allow: https" in reason) == (number == 443) for reason in reasons)
