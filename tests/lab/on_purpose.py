# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Faults made on purpose: a rule deleted, a rule widened, an address swapped. The proof must see each, and nothing else.

A proof that never turned red proves little. Each fault is made with ``nft`` in one host, behind the collection's back, in
a rule of which the lab can say by itself what it decides: an accept for one TCP port that no other rule of that host names.
"""

import hashlib
import json
import typing as t
from dataclasses import dataclass

from company import Company
from namespace_host import NamespaceHost
from proof import Probe

TABLE = "msports"
STRANGER = "outsider"  # the swapped rule lets this host in instead
OWN_RULES = ("from management:", "from allow:")  # every host has these; rules of documented flows come first


@dataclass(frozen=True)
class Rule:
    """One nft rule of the shape ``<ip|ip6> saddr <peers> tcp dport <port> accept``."""

    chain: str
    handle: int
    family: int
    port: int
    comment: str


@dataclass(frozen=True)
class Fault:
    """What was done to which host, and the disagreements that must follow: no more and no less."""

    title: str
    host: str
    rule: Rule
    command: str
    opens: frozenset[Probe]
    closes: frozenset[Probe]


def make_faults(company: Company, hosts: t.Mapping[str, NamespaceHost], expected: t.Collection[Probe]) -> list[Fault]:
    """Choose a rule on three different hosts, break it and return what must be seen. Raises ``LookupError`` without such rules."""
    rules = [(name, rule) for name in company.machines for rule in _single_port_rules(hosts[name])]
    rules.sort(key=lambda item: (any(word in item[1].comment for word in OWN_RULES), _order(item)))
    faults: list[Fault] = []
    for kind in (_deleted, _widened, _swapped):
        taken = {fault.host for fault in faults}, {fault.rule.port for fault in faults}
        free = ((name, rule) for name, rule in rules if name not in taken[0] and rule.port not in taken[1])
        fault = next((found for name, rule in free if (found := kind(company, name, rule, expected))), None)
        if fault is None:
            raise LookupError(f"no host has a rule of the shape that {kind.__name__[1:]} needs: one TCP port that no other rule names")
        faults.append(fault)
    for fault in faults:
        hosts[fault.host].call("run", command=["nft", fault.command])
    return faults


def _order(item: tuple[str, Rule]) -> str:
    """Shuffle, the same way in every run: not three neighbours of the alphabet."""
    name, rule = item
    return hashlib.sha256(f"{name} {rule.comment} {rule.family}".encode()).hexdigest()


def _deleted(company: Company, host: str, rule: Rule, expected: t.Collection[Probe]) -> t.Optional[Fault]:
    allowed = _decided(host, rule, expected)
    if len(allowed) < 2:
        return None
    return Fault("a rule deleted", host, rule, f"delete rule inet {TABLE} {rule.chain} handle {rule.handle}", frozenset(), allowed)


def _widened(company: Company, host: str, rule: Rule, expected: t.Collection[Probe]) -> t.Optional[Fault]:
    refused = _everyone(company, host, rule, expected) - _decided(host, rule, expected)
    if not refused or len(refused) == len(_everyone(company, host, rule, expected)):
        return None
    match = f"meta nfproto ipv{rule.family} tcp dport {rule.port}"
    return Fault("a rule widened", host, rule, _replace(rule, match), refused, frozenset())


def _swapped(company: Company, host: str, rule: Rule, expected: t.Collection[Probe]) -> t.Optional[Fault]:
    stranger = Probe(STRANGER, host, "tcp", rule.port, rule.family)
    address = company.machines[STRANGER].address(rule.family)
    allowed = _decided(host, rule, expected)
    if host == STRANGER or not allowed or stranger in allowed or not address:
        return None
    match = f"{'ip' if rule.family == 4 else 'ip6'} saddr {address} tcp dport {rule.port}"
    return Fault("an address swapped", host, rule, _replace(rule, match), frozenset({stranger}), allowed)


def _replace(rule: Rule, match: str) -> str:
    return f'replace rule inet {TABLE} {rule.chain} handle {rule.handle} {match} accept comment "{rule.comment}"'


def _decided(host: str, rule: Rule, expected: t.Collection[Probe]) -> frozenset[Probe]:
    """The allowed probes that this rule alone lets in."""
    return frozenset(
        probe for probe in expected if probe.destination == host and probe.protocol == "tcp" and probe.port == rule.port and probe.family == rule.family
    )


def _everyone(company: Company, host: str, rule: Rule, expected: t.Collection[Probe]) -> frozenset[Probe]:
    """Every probe to the rule's port that gets as far as the host: a strict sender's own filter still decides about the rest."""
    strict = {name for name, known in company.inventory["hosts"].items() if known["vars"].get("msports_default_outbound") == "block"}
    return frozenset(
        probe
        for source, destination in company.pairs(rule.family)
        if destination.name == host
        for probe in (Probe(source.name, host, "tcp", rule.port, rule.family),)
        if source.name not in strict or probe in expected
    )


def _single_port_rules(host: NamespaceHost) -> list[Rule]:
    """Return the rules for one TCP port that no other rule of the family's input names; none where a rule admits every port."""
    objects = [item["rule"] for item in json.loads(host.call("run", command=["nft", "-jn", "list", "ruleset"]))["nftables"] if "rule" in item]
    found: dict[tuple[int, int], list[Rule]] = {}
    named: list[tuple[set[int], int, int]] = []
    for rule in objects:
        if rule["table"] != TABLE or {"accept": None} not in rule["expr"]:
            continue
        sources, ports, others = _parts(rule["expr"])
        if any(field == "daddr" for _family, field in sources) or "sport" in others:
            continue  # outbound, or not decided by who and where alone
        families = {family for family, _field in sources} or {4, 6}
        if sources and ports is None and not others:
            return []  # any port from somewhere: no port is decided by one rule
        if ports is None:
            continue
        named.append((families, *ports))
        if ports[0] == ports[1] and len(families) == 1 and sources and others == {"tcp"}:
            family = next(iter(families))
            found.setdefault((family, ports[0]), []).append(Rule(rule["chain"], rule["handle"], family, ports[0], rule.get("comment", "")))
    return [
        rules[0]
        for (family, port), rules in sorted(found.items())
        if len(rules) == 1 and sum(family in families and first <= port <= last for families, first, last in named) == 1
    ]


def _parts(expressions: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[set[tuple[int, str]], t.Optional[tuple[int, int]], set[str]]:
    """Return (addresses matched: family and field), (first, last) of the destination ports, and what else is matched."""
    sources: set[tuple[int, str]] = set()
    ports: t.Optional[tuple[int, int]] = None
    others: set[str] = set()
    for expression in expressions:
        if "match" not in expression:
            continue
        left, right = expression["match"]["left"], expression["match"]["right"]
        payload = left.get("payload", {})
        if payload.get("field") in ("saddr", "daddr"):
            sources.add((4 if payload["protocol"] == "ip" else 6, payload["field"]))
        elif payload.get("field") == "dport":
            others.add(payload["protocol"])
            ports = _span(right)
        elif payload.get("field"):
            others.add(payload["field"])
        else:
            others.add(str(left))
    return sources, ports, others


def _span(right: t.Any) -> tuple[int, int]:
    """Return the first and the last of a port, a range or a set of them."""
    if isinstance(right, dict) and "set" in right:
        spans = [_span(item) for item in right["set"]]
        return min(first for first, _last in spans), max(last for _first, last in spans)
    if isinstance(right, dict):
        first, last = right["range"]
        return int(first), int(last)
    return int(right), int(right)
