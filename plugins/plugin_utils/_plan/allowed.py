# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a plan lets through: the rules of both managed ends decide, never the defaults of a system."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problem, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, parse_one
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import minus, meet, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import Candidate, Intervals, Latest, Plain, PlanIndex, RulesetIndex

ALL, SOME, NONE = "all", "some", "none"
Rules = t.List[Plain]


@dataclass(frozen=True)
class End:
    """One end of a question: whose ruleset counts (a host of the plan, or nobody's: the text that was asked for), and the addresses meant.

    ``wide``: the addresses are a network of machines that the plan does not know, each of which is asked about.
    """

    name: str
    addresses: Addresses
    ruleset: t.Optional[RulesetIndex] = None
    wide: bool = False

    @functools.cached_property
    def families(self) -> t.Mapping[int, Intervals]:
        versions = self.addresses.families()
        if len(versions) == 1:
            return {versions[0]: self.addresses.intervals}
        return {version: self.addresses.family(version).intervals for version in versions}


class AllowedSet:
    """Answers for one plan. What an answer takes is looked up in the plan's index, so an answer costs the same whatever the size of the plan."""

    def __init__(self, plan: Plain) -> None:
        self.index = PlanIndex(plan)
        self._known_ends = functools.lru_cache(maxsize=2**16)(self._ends)

    def allows(self, source: str, destination: str, protocol: str, port: t.Optional[int] = None) -> bool:
        """Tell whether ``source`` may open a connection to ``destination``: inventory hosts, addresses, or one network, all of it.

        A managed end must have a rule that admits it; an end without a ruleset admits everything, but at least one of
        the two must be managed by the plan for the answer to be yes. Traffic inside a managed host needs no rule.
        An address of a host is a question about that host; one that several hosts have, about each of them.
        """
        return self.extent(source, destination, protocol, port) == ALL

    def extent(self, source: str, destination: str, protocol: str, port: t.Optional[int] = None) -> str:
        """Return how much of the question is let through: ``all``, ``some`` or ``none`` of the hosts and addresses that it is about."""
        pairs = self.pairs(source, destination)
        if len(pairs) == 1:
            return extent_between(*pairs[0], protocol, port)
        extents = {extent_between(here, there, protocol, port) for here, there in pairs}
        return extents.pop() if len(extents) == 1 else SOME

    def pairs(self, source: str, destination: str) -> list[tuple[End, End]]:
        """Return what a question is about: every end that its source means with every one that its destination means."""
        sources, destinations = self.ends(source), self.ends(destination)  # both before anything else, so that an end that nobody knows is told
        if len(sources) == 1 == len(destinations) and not sources[0].wide:
            return [(sources[0], destinations[0])]
        if any(end.wide for end in sources) and any(end.wide for end in destinations):
            expected = "expected a host or a single address, since the other end is a network; ask for one network"
            raise MsportsError([Problem("plan", repr(destination), expected)])
        return [(here, there) for here in sources for there in destinations]

    def ends(self, end: str) -> tuple[End, ...]:
        """Return the hosts that an end means; raise :class:`MsportsError` for what is neither a host of the plan nor an address or a network."""
        if not isinstance(end, str):
            raise self._nobody(end)
        return self._known_ends(end)

    def _ends(self, end: str) -> tuple[End, ...]:
        addresses = self.addresses(end)
        if self.index.entry(end):
            return (End(end, addresses, self.index.ruleset(end)),)
        held = tuple(End(name, own, self.index.ruleset(name)) for name, own in self.index.owners(addresses))
        _version, first, last = parse_one(end)
        rest = Addresses(minus(addresses.intervals, union(interval for item in held for interval in item.addresses.intervals))) if held else addresses
        return (*held, *((End(end, rest, wide=first != last),) if rest else ()))

    def inside(self, source: str, destination: str) -> bool:
        """Tell whether both ends are one host, by its name or by an address that no other host of the plan has."""
        return all(here.name == there.name for here, there in self.pairs(source, destination))

    def rules_for(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> tuple[Rules, Rules]:
        """Return the rules at the destination and at the source that admit the connection, over whatever family; of a network, any part of it."""
        inbound: dict[str, Plain] = {}
        outbound: dict[str, Plain] = {}
        for here, there in self.pairs(source, destination):
            admitted, let_out = rules_between(here, there, protocol, port)
            inbound.update((rule["name"], rule) for rule in admitted)
            outbound.update((rule["name"], rule) for rule in let_out)
        return list(inbound.values()), list(outbound.values())

    def addresses(self, end: str) -> Addresses:
        """Return the addresses of an end; raise :class:`MsportsError` for what is neither a host of the plan nor an address or a network.

        A host of a population may have no address of its own: it is somewhere in the networks of its roles.
        """
        host = self.index.entry(end)
        if host:
            return self.index.addresses_of(host)
        try:
            return Addresses((parse_one(end),))  # which takes no any: that is everybody, and no question has one answer then
        except ValueError:
            raise self._nobody(end) from None

    def _nobody(self, end: t.Any) -> MsportsError:
        problems = Problems()
        expected = "expected an inventory host of the plan, or an IP address or a network"
        problems.add("plan", end, expected, [*self.index.plan["hosts"], *self.index.plan["peers"]])
        return MsportsError(problems)


allowed_set = Latest(AllowedSet)


def extent_between(source: End, destination: End, protocol: str, port: t.Optional[int]) -> str:
    """Return ``all``, ``some`` or ``none`` for two ends that are known."""
    if source.ruleset is None and destination.ruleset is None:
        return NONE
    if source.name == destination.name:
        return ALL
    if source.wide or destination.wide:
        return _extent_of_network(source, destination, protocol, port)
    inbound, outbound = _candidates(source, destination, protocol, port)
    for there, here in _common_families(destination, source):  # a packet has one family
        if _any(inbound, here, there) and _any(outbound, there, here):
            return ALL
    return NONE


def _extent_of_network(source: End, destination: End, protocol: str, port: t.Optional[int]) -> str:
    network, (inbound, outbound) = source if source.wide else destination, _candidates(source, destination, protocol, port)
    candidates = (inbound if source.wide else outbound) or ()
    remotes = [item.remote for here, there in _common_families(source, destination) for item in candidates if item.matches(*_turned(source.wide, here, there))]
    admitted = union(interval for remote in remotes for interval in meet(remote, network.addresses.intervals))
    return NONE if not admitted else ALL if not minus(network.addresses.intervals, admitted) else SOME


def rules_between(source: End, destination: End, protocol: str, port: t.Optional[int]) -> tuple[Rules, Rules]:
    """Return the rules at the destination and at the source that admit a connection between two hosts, over whatever family."""
    found: list[Rules] = []
    for candidates, inbound in zip(_candidates(source, destination, protocol, port), (True, False), strict=True):
        rules: dict[str, Plain] = {}
        for here, there in _common_families(source, destination):
            rules.update((item.rule["name"], item.rule) for item in candidates or () if item.matches(*_turned(inbound, here, there)))
        found.append(list(rules.values()))
    return found[0], found[1]


def _turned(inbound: bool, here: Intervals, there: Intervals) -> tuple[Intervals, Intervals]:
    """Return the remote and the local addresses of a rule at the destination (``inbound``) or at the source (``here``)."""
    return (here, there) if inbound else (there, here)


def _candidates(source: End, destination: End, protocol: str, port: t.Optional[int]) -> tuple[t.Optional[t.Sequence[Candidate]], ...]:
    """Return the rules at the destination and at the source that admit the port; ``None`` for an end that the plan does not manage."""
    return (
        destination.ruleset.at("in", protocol, port) if destination.ruleset else None,
        source.ruleset.at("out", protocol, port) if source.ruleset else None,
    )


def _any(candidates: t.Optional[t.Sequence[Candidate]], remote: Intervals, local: Intervals) -> bool:
    return candidates is None or any(item.matches(remote, local) for item in candidates)


def _common_families(one: End, other: End) -> list[tuple[Intervals, Intervals]]:
    """Return the addresses of both ends for each family that both have."""
    others = other.families
    return [(addresses, others[version]) for version, addresses in one.families.items() if version in others]
