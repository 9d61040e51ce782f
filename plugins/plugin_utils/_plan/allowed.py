# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a plan lets through: the rules of both managed ends decide, never the defaults of a system."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, parse_one
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, covers, parse_ports

Plain = t.Mapping[str, t.Any]


class AllowedSet:
    """Answers for one plan. Addresses and ports are parsed once, when they are first asked for."""

    def __init__(self, plan: Plain) -> None:
        self._plan = plan
        self._sets: dict[str, Addresses] = {}
        self._ends: dict[str, Addresses] = {}
        self._ports: dict[tuple[str, ...], Ports] = {}

    def allows(self, source: str, destination: str, protocol: str, port: t.Optional[int] = None) -> bool:
        """Tell whether ``source`` may open a connection to ``destination``: inventory hosts, or single addresses.

        A managed end must have a rule that admits it; an end without a ruleset admits everything, but at least one of
        the two must be managed by the plan for the answer to be yes. Traffic inside a managed host needs no rule.
        """
        for end in (source, destination):
            self._end(end)  # before anything else, so that an end that nobody knows is told, whatever the other one is
        managed_source, managed_destination = source in self._plan["hosts"], destination in self._plan["hosts"]
        if not managed_source and not managed_destination:
            return False
        if self.inside(source, destination):
            return True
        return any(
            (bool(inbound) or not managed_destination) and (bool(outbound) or not managed_source)
            for inbound, outbound in self._by_family(source, destination, protocol, port)
        )

    def inside(self, source: str, destination: str) -> bool:
        """Tell whether both ends are one host, by its name or by an address that no other host of the plan has."""
        if source == destination:
            return True
        named = [end for end in (source, destination) if end in self._plan["hosts"] or end in self._plan["peers"]]
        if len(named) != 1 or not self._end(source) & self._end(destination):
            return False
        address = self._end(destination if named == [source] else source)
        hosts = {**self._plan["hosts"], **self._plan["peers"]}
        return [name for name, host in hosts.items() if Addresses.parse(host["addresses"]) & address] == named

    def rules_for(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> tuple[list[Plain], list[Plain]]:
        """Return the rules at the destination and at the source that admit the connection, over whatever family."""
        inbound: dict[str, Plain] = {}
        outbound: dict[str, Plain] = {}
        for there, here in self._by_family(source, destination, protocol, port):
            inbound.update((rule["name"], rule) for rule in there)
            outbound.update((rule["name"], rule) for rule in here)
        return list(inbound.values()), list(outbound.values())

    def _by_family(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> t.Iterator[tuple[list[Plain], list[Plain]]]:
        """Yield the rules at the destination and at the source for each family that both ends have: a packet has one family."""
        for version in (4, 6):
            here, there = (self._end(end).family(version) for end in (source, destination))
            if here and there:
                yield self._matching(destination, "in", here, there, protocol, port), self._matching(source, "out", there, here, protocol, port)

    def _end(self, end: str) -> Addresses:
        if not isinstance(end, str):
            return self.addresses(end)  # which says what is wrong
        if end not in self._ends:
            self._ends[end] = self.addresses(end)
        return self._ends[end]

    def addresses(self, end: str) -> Addresses:
        """Return the addresses of an end; raise :class:`MsportsError` for what is neither a host of the plan nor a single address.

        Of a network, a range or ``any`` some addresses may be let through and others not, so there is no answer.
        A host of a population may have no address of its own: it is somewhere in the networks of its roles.
        """
        for section in ("hosts", "peers") if isinstance(end, str) else ():
            if end in self._plan[section]:
                host = self._plan[section][end]
                return Addresses.parse(host["addresses"] or self._networks(host["roles"]))
        problems = Problems()
        try:
            _version, first, last = (4, 0, 1) if end == "any" else parse_one(end)
        except ValueError:
            problems.add("plan", end, "expected an inventory host of the plan, or an IP address", [*self._plan["hosts"], *self._plan["peers"]])
        else:
            if first == last:
                return Addresses.parse([end])
            problems.add("plan", end, "expected a single IP address, or an inventory host of the plan; ask for each address that matters by itself")
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
