# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Do the claims of the inventory hold of a plan? Exactly, by arithmetic with sets of addresses, whatever the number of hosts.

A claim is about pairs of addresses of one family, of which the plan manages one at least, and which are not of one host. ``never``: the plan lets no
such pair connect. ``always``: it admits every one. What a host does with traffic that no rule names counts: a default that does not block stops nothing.

Base rules keep a Linux host alive whatever the plan says. They count where a claim names ports, which are those of DHCP then; what ``any`` means besides
(ICMP errors, neighbour discovery) no plan stops, and no claim is about it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import ANY, families, meet, minus, of_family, overlaps, text_of, union
from ansible_collections.portcullis.msports.plugins.module_utils._match import BASE, UDP
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import Problem
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Claim
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import REACHED, Intervals, Plain, PlanIndex, RulesetIndex, ports_of

DEFAULT = {"in": "default_inbound", "out": "default_outbound"}
VERBS = {"in": "admits it", "out": "lets it out"}
BASE_NAMES = {"in": "answers to DHCP", "out": "requests by DHCP"}


@dataclass(frozen=True)
class _Way:
    """A way in or out: hosts with the addresses ``own``, and for which peers, protocol and ports they let traffic through."""

    own: Intervals
    peers: Intervals
    protocol: str = "any"
    ports: Ports = _ports.ALL
    managed: bool = True


class _Class(t.NamedTuple):
    """Hosts of one side that share a ruleset and its default: their addresses that the claim is about."""

    hosts: list[str]
    own: Intervals
    ruleset: RulesetIndex
    default: t.Optional[str]
    stops: bool  # whether what no rule names is stopped
    rpc_is_unsure: bool  # whether Windows decides which ports its rules for dynamic RPC open
    has_base: bool  # whether base rules of ours stand before its rules


class _Side:
    """The sources (``out``) or the destinations (``in``) of a claim."""

    def __init__(self, index: PlanIndex, direction: str, addresses: Addresses) -> None:
        self.direction = direction
        self.all = addresses.intervals
        members: dict[tuple[int, str, t.Any], list[str]] = {}
        self.own = {name: own.intervals for name, own in index.owners(addresses) if name in index.plan["hosts"]}
        self.unmanaged = minus(self.all, union(item for own in self.own.values() for item in own))
        self.own.update((name, found.intervals) for name, found in index.somewhere(addresses))
        for name in self.own:
            host = index.plan["hosts"][name]
            members.setdefault((id(host["rules"]), host["system"], _default(host, direction)), []).append(name)
        self.classes = []
        for names in members.values():
            host, ruleset = index.plan["hosts"][names[0]], index.ruleset(names[0])
            if ruleset:
                own = union(item for name in names for item in self.own[name])
                unsure = direction == "in" and host["system"] == "windows"
                self.classes.append(_Class(names, own, ruleset, _default(host, direction), _stops(host, direction), unsure, host["system"] == "linux"))

    def ways(self, claim: Claim, index: PlanIndex, others: Intervals) -> list[_Way]:
        """Return every way that may let something of the claim through to or from ``others``, rules of the same peers and ports joined."""
        joined: dict[tuple[str, str, Ports], list[Intervals]] = {}
        for item in self.classes:
            for rule in item.ruleset.rules if item.stops else ():
                ports = ports_of(tuple(rule[REACHED[self.direction]])) or _ports.ALL
                own = meet(item.own, index.set(rule["local"]).intervals) if rule["local"] else item.own
                if rule["direction"] == self.direction and own and _same(rule["protocol"], claim.protocol) and _ports.overlaps(ports, _asked(claim)):
                    joined.setdefault((rule["remote"], rule["protocol"], ports), []).append(own)
        ways = [
            _Way(union(item for own in owns for item in own), index.set(name).intervals, protocol, ports)
            for (name, protocol, ports), owns in joined.items()
            if overlaps(index.set(name).intervals, others)
        ]
        closed = union(interval for item in self.classes if item.stops and item.has_base for interval in item.own)
        ways += [_Way(closed, peers, "udp", (port,)) for port, peers in _base(claim, self.direction) if closed]
        open_ones = union(interval for item in self.classes if not item.stops for interval in item.own)
        return [*ways, *([_Way(open_ones, ANY)] if open_ones else []), *([_Way(self.unmanaged, ANY, managed=False)] if self.unmanaged else [])]


def broken(plan: Plain, claims: t.Iterable[tuple[Claim, Addresses, Addresses]]) -> list[Problem]:
    """Return a problem for each claim that does not hold; a claim comes with the addresses of its sources and of its destinations."""
    index = PlanIndex(plan)
    found = []
    for claim, sources, destinations in claims:
        side_out, side_in = _Side(index, "out", sources), _Side(index, "in", destinations)
        if not side_out.own and not side_in.own:
            says = "cannot be checked: the plan manages neither end, so it says nothing about them; name managed hosts at one end, or drop the claim"
        else:
            says = (_passes if claim.kind == "never" else _stopped)(claim, index, side_out, side_in)
        if says:
            found.append(Problem(f"estate: {claim.path}", str(claim), f"{says}. The claim says why: {claim.because}"))
    return found


def _passes(claim: Claim, index: PlanIndex, side_out: _Side, side_in: _Side) -> str:
    """Say what a ``never`` must not let through, or nothing."""
    ways_out = side_out.ways(claim, index, side_in.all)
    for way_in in side_in.ways(claim, index, side_out.all):
        for way_out in ways_out:
            ports = _ports.meet(_ports.meet(way_in.ports, way_out.ports), _asked(claim))
            if ports and _same(way_in.protocol, way_out.protocol) and (way_in.managed or way_out.managed):
                pair = _pair(index, meet(way_in.peers, way_out.own), meet(way_out.peers, way_in.own))
                if pair:
                    protocol = next((word for word in (claim.protocol, way_in.protocol, way_out.protocol) if word != "any"), "any")
                    return _never(index, pair, protocol, ports[0].first if protocol in ("tcp", "udp") else None)
    return ""


def _never(index: PlanIndex, pair: tuple[str, str], protocol: str, port: t.Optional[int]) -> str:
    source, destination = pair
    reasons = [_why(index, destination, "in", source, protocol, port), _why(index, source, "out", destination, protocol, port)]
    return f"is false: {_shown(index, source)} may open {_spec(protocol, port)} to {_shown(index, destination)}: {'; '.join(filter(None, reasons))}"


def _stopped(claim: Claim, index: PlanIndex, side_out: _Side, side_in: _Side) -> str:
    """Say what an ``always`` must let through and the plan does not, or nothing."""
    for side, others in ((side_in, side_out.all), (side_out, side_in.all)):
        admitted: dict[frozenset[Intervals], Intervals] = {}  # many rulesets name the same peers
        for item in side.classes:
            for port in _ports_to_ask(claim, item, side.direction) if _must_admit(item, side.direction) else ():
                rules = item.ruleset.at(side.direction, claim.protocol, port)
                peers = frozenset(one.remote for one in rules if one.local is None and not (item.rpc_is_unsure and one.rule["rpc"]))
                if peers not in admitted:
                    admitted[peers] = minus(others, union(interval for one in peers for interval in one))
                lacking = _lacking(index, side, item, admitted[peers])
                if lacking:
                    host, peer = lacking
                    ends = (_shown(index, peer), host) if side.direction == "in" else (host, _shown(index, peer))
                    rule = "admits it" if side.direction == "in" else "lets it out, and its msports_default_outbound is block"
                    return f"is false: {ends[0]} may not open {_spec(claim.protocol, port)} to {ends[1]}: no rule of {host} {rule}"
    return ""


def _lacking(index: PlanIndex, side: _Side, item: _Class, missing: Intervals) -> t.Optional[tuple[str, str]]:
    """Return a host of a class, and an address that it does not admit and that is not its own."""
    for host in item.hosts if missing else ():
        for version in families(side.own[host]):
            rest = minus(of_family(missing, version), index.own(host).intervals)
            if rest:
                return host, _first(rest)
    return None


def _pair(index: PlanIndex, sources: Intervals, destinations: Intervals) -> t.Optional[tuple[str, str]]:
    """Return an address of each in one family, not both of one host; ``None`` where there are none."""
    for version in set(families(sources)) & set(families(destinations)):
        xs, ys = of_family(sources, version), of_family(destinations, version)
        own = index.own_of(_first(xs))
        for one, other in ((xs[:1], minus(ys, own)), (minus(xs, own), ys[:1])):
            if one and other:
                return _first(one), _first(other)
    return None


def _why(index: PlanIndex, address: str, direction: str, peer: str, protocol: str, port: t.Optional[int]) -> str:
    """Say what of the host that has ``address`` lets the connection through; nothing where nobody is managed there."""
    there = Addresses.parse([address])
    for name, own in (*index.owners(there), *index.somewhere(there)):
        ruleset = index.ruleset(name)
        if ruleset is None:
            continue
        for item in ruleset.at(direction, protocol, port):
            if item.matches(Addresses.parse([peer]).intervals, own.intervals):
                because = ", ".join(" ".join(filter(None, (why["name"], why["text"]))) for why in item.rule["because"])
                return f"{name} {VERBS[direction]} by the rule '{item.rule['name']}' ({because})"
        host = index.plan["hosts"][name]
        if not _stops(host, direction):
            return f"{name} stops nothing that no rule names (msports_{DEFAULT[direction]}: {host[DEFAULT[direction]]})"
        if host["system"] == "linux" and protocol == "udp" and any(port == first for (first, _last), _peers in BASE_PORTS[direction]):
            return f"{name} {VERBS[direction]} by a base rule ({BASE_NAMES[direction]}), which no plan takes away: leave {port} out of the claim"
    return ""


def _base_ports(direction: str) -> t.Iterator[tuple[_ports.PortRange, Intervals]]:
    """Yield the ports of UDP that base rules open, each with the peers; DHCP has its ports in IPv4, and others in IPv6."""
    for match in BASE[direction]:
        if match.protocols == {UDP}:
            for first, last in match.ports:
                yield _ports.PortRange(first, last), of_family(match.addresses, 4 if first in (67, 68) else 6)


BASE_PORTS = {direction: tuple(_base_ports(direction)) for direction in BASE}


def _base(claim: Claim, direction: str) -> t.Iterator[tuple[_ports.PortRange, Intervals]]:
    """Yield what base rules let through of the ports that a claim names."""
    if claim.protocol == "udp" and claim.ports:
        yield from (item for item in BASE_PORTS[direction] if _ports.overlaps(claim.ports, [item[0]]))


def _default(host: Plain, direction: str) -> t.Optional[str]:
    return t.cast(t.Optional[str], host[DEFAULT[direction]])


def _stops(host: Plain, direction: str) -> bool:
    """Tell whether a host stops what no rule names, as far as the plan knows: unset inbound stops, and so does Windows left to itself."""
    default = _default(host, direction)
    if direction == "out":
        return default == "block"
    return default in (None, "block", "reject") or (default == "keep" and host["system"] == "windows")


def _must_admit(item: _Class, direction: str) -> bool:
    """Tell whether a host needs a rule for what must pass. What it lets in is promised by a rule or a default that allows, never by the system's own."""
    return item.default != "allow" if direction == "in" else item.stops


def _ports_to_ask(claim: Claim, item: _Class, direction: str) -> t.Sequence[t.Optional[int]]:
    """Return one port of each stretch of the claim in which the same rules decide."""
    if not claim.ports:
        return [None]
    edges = {edge for rule in item.ruleset.rules for first, last in ports_of(tuple(rule[REACHED[direction]])) for edge in (first, last + 1)}
    return sorted({first for first, _last in claim.ports} | {edge for edge in edges if any(first <= edge <= last for first, last in claim.ports)})


def _asked(claim: Claim) -> Ports:
    return claim.ports or _ports.ALL


def _same(one: str, other: str) -> bool:
    return one == other or "any" in (one, other)


def _first(intervals: Intervals) -> str:
    version, first, _last = intervals[0]
    return text_of((version, first, first))


def _shown(index: PlanIndex, address: str) -> str:
    owners = [name for name, _own in index.owners(Addresses.parse([address]))]
    return f"{', '.join(owners)} ({address})" if owners else address


def _spec(protocol: str, port: t.Optional[int]) -> str:
    return protocol if port is None else f"{protocol}/{port}"
