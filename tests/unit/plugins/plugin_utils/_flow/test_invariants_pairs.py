# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariants on what plans of generated estates let through, compared pair by pair with the oracle of the packet proof."""

from __future__ import annotations

import functools
import itertools
import pathlib
import sys
import typing as t

from hypothesis import event, given, settings, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.drawn_estates import CATALOGS, Estate, Plain
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.generated_estates import ESTATES, SLOW

ROOT = pathlib.Path(__file__).resolve().parents[5]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from oracle import Oracle

# Ports that some flow has, by protocol, without those of DHCP, whose packets have no address to ask about.
PORTS = sorted({(flow.protocol, int(text.split("-")[0])) for flow in (*CATALOGS.flows, *CATALOGS.supplements) for text in flow.ports if text[0].isdigit()}
               | {("tcp", port) for port in (8443, 14330, 50000, 40050, 4444)} | {("udp", 7), ("udp", 4444)})  # fmt: skip
PORTS = [item for item in PORTS if item[1] not in (67, 68, 547)]


def roles_of(oracle: Oracle, name: str) -> frozenset[str]:
    """What an end is to the others, by its own roles and by its address."""
    return frozenset(end.role for end in oracle.estate.peers(name, oracle.estate.hosts[name].address(4)))


@functools.cache
def documented(of_a: frozenset[str], of_b: frozenset[str]) -> set[tuple[str, t.Optional[int]]]:
    """Return the ports that are worth asking about: of every flow between roles that the two have, whatever keeps it from holding."""
    found: set[tuple[str, t.Optional[int]]] = set()
    for flow in (*CATALOGS.flows, *CATALOGS.supplements):
        if any(one in of_a and other in of_b for one, other in ((flow.source, flow.destination), (flow.destination, flow.source))):
            changed = {"configmgr.client_https": 8443, "configmgr.sql": 14330, "configmgr.wsus_http": 80, "configmgr.wake_on_lan": 7}.get(flow.setting or "")
            numbers = [int(text.split("-")[0]) for text in flow.ports if text[0].isdigit()] or [50000, 40050]
            found |= (
                {(flow.protocol, number) for number in (*numbers, changed) if number and number not in (67, 68, 547)} if flow.ports else {(flow.protocol, None)}
            )
    return found


@settings(SLOW, max_examples=50)
@given(ESTATES, st.randoms(use_true_random=False))
def test_a_rule_exists_exactly_when_a_flow_joins_the_two(estate: Estate, chance: t.Any) -> None:
    plain = estate.questioned(infrastructure(chance, len(estate.hosts)) if chance.random() < 0.5 else None)
    found, oracle = AllowedSet(_compile.compile_plan(plain)), Oracle(plain, ROOT / "plugins" / "catalogs")
    roles = {name: roles_of(oracle, name) for name in plain["hosts"]}
    managed = {name for name in plain["hosts"] if oracle.estate.hosts[name].managed}
    passing = 0
    for a in plain["hosts"]:
        for b in plain["hosts"]:
            if a == b or not {a, b} & managed:
                continue
            for protocol, port in {*documented(roles[a], roles[b]), *chance.sample(PORTS, 4), ("icmp_echo", None), ("any", None)}:
                expected = any(oracle.allows(a, b, protocol, port, family) for family in (4, 6))
                assert found.allows(a, b, protocol, port) is expected, f"{a} -> {b} {protocol}/{port}: expected {expected}"
                passing += expected
    event("something passes" if passing else "nothing passes")
    event(f"{len(estate.hosts)} hosts, sites {estate.sites}")


def infrastructure(chance: t.Any, hosts: int) -> Plain:
    """Return servers of every kind, most of them at addresses of the first ``hosts`` hosts."""

    def servers(last: int) -> list[str]:
        return chance.choice([[f"10.0.{chance.randint(1, hosts)}.1"], [f"fd00::{chance.randint(1, hosts)}", f"203.0.113.{last}"]])

    proxies = chance.choice([[], [{"address": address, "port": 8080} for address in servers(80)]])
    return {"dns": servers(53), "ntp": servers(123), "dhcp_relays": chance.choice([[], servers(67)]), "proxy": proxies}


@settings(SLOW, max_examples=50)
@given(ESTATES, st.randoms(use_true_random=False))
def test_who_is_sent_to_infrastructure_is_admitted_there(estate: Estate, chance: t.Any) -> None:
    found = _compile.compile_plan(estate.questioned(infrastructure(chance, len(estate.hosts))))
    known, hosts = AllowedSet(found), found["hosts"]
    for name, host in hosts.items():
        sent = [rule for rule in host["rules"] if rule["direction"] == "out" and rule["remote"].startswith("infrastructure.")]
        for rule, (server, at) in itertools.product(sent, hosts.items()):
            meant = Addresses.parse(found["sets"][rule["remote"]]["addresses"]) & Addresses.parse(at["addresses"])
            if server == name or not {*meant.families()} & {*Addresses.parse(host["addresses"]).families()}:
                continue
            if "67" in rule["remote_ports"]:  # asked without an address
                assert any(admits["direction"] == "in" and admits["local_ports"] == ["67"] for admits in at["rules"]), f"{server}: {rule['name']}"
                continue
            for port in rule["remote_ports"]:
                assert known.allows(name, server, rule["protocol"], int(port)), f"{name} -> {server}: {rule['name']}"
