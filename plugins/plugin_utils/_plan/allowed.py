# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a plan lets through: the rules of both managed ends decide, never the defaults of a system."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problem, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, parse_one, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, covers, parse_ports

Plain = t.Mapping[str, t.Any]
ALL, SOME, NONE = "all", "some", "none"


class End(t.NamedTuple):
    """One end of a question: whose ruleset counts (a host of the plan, or nobody's: the text that was asked for), and the addresses meant.

    ``wide``: the addresses are a network of machines that the plan does not know, each of which is asked about.
    """

    name: str
    addresses: Addresses
    wide: bool = False


class AllowedSet:
    """Answers for one plan. Addresses and ports are parsed once, when they are first asked for."""

    def __init__(self, plan: Plain) -> None:
        self._plan = plan
        self._sets: dict[str, Addresses] = {}
        self._ends: dict[str, tuple[End, ...]] = {}
        self._ports: dict[tuple[str, ...], Ports] = {}

    def allows(self, source: str, destination: str, protocol: str, port: t.Optional[int] = None) -> bool:
        """Tell whether ``source`` may open a connection to ``destination``: inventory hosts, addresses, or one network, all of it.

        A managed end must have a rule that admits it; an end without a ruleset admits everything, but at least one of
        the two must be managed by the plan for the answer to be yes. Traffic inside a managed host needs no rule.
        An address of a host is a question about that host; one that several hosts have, about each of them.
        """
        return self.extent(source, destination, protocol, port) == ALL

    def extent(self, source: str, destination: str, protocol: str, port: t.Optional[int] = None) -> str:
        """Return how much of the question is let through: ``all``, ``some`` or ``none`` of the hosts and addresses that it is about."""
        found = {self.extent_between(here, there, protocol, port) for here, there in self.pairs(source, destination)}
        return found.pop() if len(found) == 1 else SOME

    def pairs(self, source: str, destination: str) -> list[tuple[End, End]]:
        """Return what a question is about: every end that its source means with every one that its destination means."""
        sources, destinations = self.ends(source), self.ends(destination)  # both before anything else, so that an end that nobody knows is told
        if any(end.wide for end in sources) and any(end.wide for end in destinations):
            expected = "expected a host or a single address, since the other end is a network; ask for one network"
            raise MsportsError([Problem("plan", repr(destination), expected)])
        return [(here, there) for here in sources for there in destinations]

    def ends(self, end: str) -> tuple[End, ...]:
        """Return the hosts that an end means; raise :class:`MsportsError` for what is neither a host of the plan nor an address or a network."""
        if not isinstance(end, str):
            return (End(repr(end), self.addresses(end)),)  # which says what is wrong
        if end not in self._ends:
            self._ends[end] = self._meant(end)
        return self._ends[end]

    def _meant(self, end: str) -> tuple[End, ...]:
        addresses = self.addresses(end)
        if self._known(end):
            return (End(end, addresses),)
        held = tuple(End(name, found) for name, own in self._owners if (found := own & addresses))
        _version, first, last = parse_one(end)
        rest = addresses
        for item in held:
            rest -= item.addresses
        return (*held, *((End(end, rest, wide=first != last),) if rest else ()))

    @functools.cached_property
    def _owners(self) -> tuple[tuple[str, Addresses], ...]:
        hosts = {**self._plan["peers"], **self._plan["hosts"]}
        return tuple((name, Addresses.parse(host["addresses"])) for name, host in sorted(hosts.items()) if host["addresses"])

    def _known(self, name: str) -> bool:
        return name in self._plan["hosts"] or name in self._plan["peers"]

    def extent_between(self, source: End, destination: End, protocol: str, port: t.Optional[int]) -> str:
        """Return :meth:`extent` for two ends that are known."""
        managed_source, managed_destination = source.name in self._plan["hosts"], destination.name in self._plan["hosts"]
        if not managed_source and not managed_destination:
            return NONE
        if source.name == destination.name:
            return ALL
        by_family = list(self._by_family(source, destination, protocol, port))
        if source.wide or destination.wide:
            network = source if source.wide else destination
            rules = [rule for inbound, outbound in by_family for rule in (inbound if source.wide else outbound)]
            admitted = union(self.set(rule["remote"]) & network.addresses for rule in rules)
            return NONE if not admitted else ALL if not network.addresses - admitted else SOME
        passes = any((bool(inbound) or not managed_destination) and (bool(outbound) or not managed_source) for inbound, outbound in by_family)
        return ALL if passes else NONE

    def inside(self, source: str, destination: str) -> bool:
        """Tell whether both ends are one host, by its name or by an address that no other host of the plan has."""
        return all(here.name == there.name for here, there in self.pairs(source, destination))

    def rules_for(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> tuple[list[Plain], list[Plain]]:
        """Return the rules at the destination and at the source that admit the connection, over whatever family; of a network, any part of it."""
        inbound: dict[str, Plain] = {}
        outbound: dict[str, Plain] = {}
        for here, there in self.pairs(source, destination):
            admitted, let_out = self.rules_between(here, there, protocol, port)
            inbound.update((rule["name"], rule) for rule in admitted)
            outbound.update((rule["name"], rule) for rule in let_out)
        return list(inbound.values()), list(outbound.values())

    def rules_between(self, source: End, destination: End, protocol: str, port: t.Optional[int]) -> tuple[list[Plain], list[Plain]]:
        """Return the rules at the destination and at the source that admit a connection between two hosts."""
        inbound: dict[str, Plain] = {}
        outbound: dict[str, Plain] = {}
        for there, here in self._by_family(source, destination, protocol, port):
            inbound.update((rule["name"], rule) for rule in there)
            outbound.update((rule["name"], rule) for rule in here)
        return list(inbound.values()), list(outbound.values())

    def _by_family(self, source: End, destination: End, protocol: str, port: t.Optional[int]) -> t.Iterator[tuple[list[Plain], list[Plain]]]:
        """Yield the rules at the destination and at the source for each family that both ends have: a packet has one family."""
        for version in (4, 6):
            here, there = source.addresses.family(version), destination.addresses.family(version)
            if here and there:
                yield self._matching(destination.name, "in", here, there, protocol, port), self._matching(source.name, "out", there, here, protocol, port)

    def addresses(self, end: str) -> Addresses:
        """Return the addresses of an end; raise :class:`MsportsError` for what is neither a host of the plan nor an address or a network.

        A host of a population may have no address of its own: it is somewhere in the networks of its roles.
        """
        for section in ("hosts", "peers") if isinstance(end, str) else ():
            if end in self._plan[section]:
                host = self._plan[section][end]
                return Addresses.parse(host["addresses"] or self._networks(host["roles"]))
        problems = Problems()
        try:
            parse_one(end)  # which takes no any: that is everybody, and no question has one answer then
            return Addresses.parse([end])
        except ValueError:
            expected = "expected an inventory host of the plan, or an IP address or a network"
            problems.add("plan", end, expected, [*self._plan["hosts"], *self._plan["peers"]])
        raise MsportsError(problems)

    def _networks(self, roles: t.Mapping[str, t.Sequence[str]]) -> list[str]:
        networks = self._plan["networks"]
        return [text for role, sites in roles.items() for site in ("", *sites) for text in networks.get(role, {}).get(site, ())]

    def set(self, name: str) -> Addresses:
        if name not in self._sets:
            self._sets[name] = Addresses.parse(self._plan["sets"][name]["addresses"])
        return self._sets[name]

    def _matching(self, host: str, direction: str, remote: Addresses, local: Addresses, protocol: str, port: t.Optional[int]) -> list[Plain]:
        rules = self._plan["hosts"].get(host, {}).get("rules", ())
        return [rule for rule in rules if rule["direction"] == direction and self._matches(rule, remote, local, protocol, port)]

    def _matches(self, rule: Plain, remote: Addresses, local: Addresses, protocol: str, port: t.Optional[int]) -> bool:
        if rule["protocol"] not in (protocol, "any"):
            return False
        if rule["local"] and not self.set(rule["local"]) & local:
            return False
        texts = tuple(rule["local_ports" if rule["direction"] == "in" else "remote_ports"])
        if texts not in self._ports:
            self._ports[texts] = parse_ports(texts)
        if not covers(self._ports[texts], port):
            return False
        return bool(self.set(rule["remote"]) & remote)
