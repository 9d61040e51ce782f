# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which role a host seems to lack: the one whose documented flows, with roles that others hold, are what was seen there.

The role that accounts best for the findings of some host is taken first, because it tells what the host's peers are. What a finding could be
of many roles counts little; so does a role of which most flows were not seen.
"""

from __future__ import annotations

import collections
import functools
import heapq
import itertools
import math
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.flows import ANY_HOST, INTERNET, NOTHING, Ends, Flows, Leg, Roles
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.judge import Finding


class MissingRole(t.NamedTuple):
    """A role for a host. ``flows`` are those that were seen, ``of`` how many could be."""

    host: str
    role: str
    sites: tuple[str, ...]
    findings: tuple[Finding, ...]
    flows: tuple[str, ...]
    of: int


class _At(t.NamedTuple):
    """One finding, as one of its ends sees it: ``outside`` are the roles of the other end where that is no host."""

    number: int
    protocol: str
    port: t.Optional[int]
    outgoing: bool
    peer: str
    outside: Roles


class _Match(t.NamedTuple):
    """One finding, by its number, as a role of a host would account for it: the role of the other end, and the flow; ``order`` is that of the findings."""

    order: int
    finding: int
    other: str
    flow: str
    peer: str


_Way = t.Tuple[str, str, str]  # a role, that of the other end, and a flow between them


class _Candidate(t.NamedTuple):
    """A role that a host may lack, with what it accounts for; ``most`` is what its score can be at most."""

    most: float
    role: str
    expected: t.Mapping[tuple[str, str], int]
    fitting: t.Sequence[_Match]
    findings: t.Sequence[int]


class _Choice(t.NamedTuple):
    findings: t.Sequence[int]
    missing: MissingRole


def missing_roles(findings: t.Iterable[Finding], flows: Flows, ends: Ends) -> list[MissingRole]:
    """Return the roles that hosts seem to lack, best first; ``ends`` learns each."""
    return _Recognizer(list(findings), flows, ends).run()


class _Recognizer:
    def __init__(self, findings: t.Sequence[Finding], flows: Flows, ends: Ends) -> None:
        self.findings, self.flows, self.ends = findings, flows, ends
        self._at: dict[str, list[_At]] = {}
        for number, finding in enumerate(findings):
            outside = NOTHING if finding.source and finding.destination else ends.of_addresses(Addresses(finding.peers))
            for host in {finding.source, finding.destination} - {""}:
                outgoing = host == finding.source
                seen = _At(number, finding.protocol, finding.port, outgoing, finding.destination if outgoing else finding.source, outside)
                self._at.setdefault(host, []).append(seen)
        self._open = dict(self._at)  # what no role explains yet
        self._explained: set[int] = set()
        self._queue: list[tuple[float, str, t.Optional[_Choice]]] = []
        self._queued: set[str] = set()  # the hosts of the queue, each of which is there once
        self._old: set[str] = set()
        self._roles_at = functools.lru_cache(maxsize=None)(self._roles_over)  # the slots are few
        self._ways = functools.lru_cache(maxsize=2**14)(self._ways_of)
        self._expected: dict[Roles, dict[tuple[str, str], int]] = {}
        plan = ends.index.plan
        entries = [*plan["hosts"].values(), *plan["peers"].values()]
        self._held = collections.Counter(role for entry in entries for role in (*entry["roles"], *([ANY_HOST] if entry["roles"] else [])))
        self._held.update(list(plan["networks"]))

    def run(self) -> list[MissingRole]:
        """Take the best role of all, again and again. What a host's peers learn makes its answer old: it is asked anew when its turn comes."""
        for host in sorted(self._at):
            self._ask(host)
        found: list[MissingRole] = []
        while self._queue:
            _score, host, choice = heapq.heappop(self._queue)
            self._queued.discard(host)
            if host in self._old or choice is None:
                self._ask(host)
                continue
            found.append(choice.missing)
            told = self._learn(choice)
            self._old |= told
            self._ask(host)
            for name in sorted(told - self._queued):  # they had no answer before
                self._push(0.0, name, None)
        return found

    def _ask(self, host: str) -> None:
        self._old.discard(host)
        scored = self._best(host)
        if scored:
            self._push(-scored[0], host, scored[1])

    def _push(self, score: float, host: str, choice: t.Optional[_Choice]) -> None:
        heapq.heappush(self._queue, (score, host, choice))
        self._queued.add(host)

    def _learn(self, choice: _Choice) -> set[str]:
        """Take a role for granted, and return the other hosts that this tells something: those at the other ends."""
        host, roles = choice.missing.host, self.flows.closure(choice.missing.role)
        self._explained.update(choice.findings)
        self.ends.learn(host, roles)
        if not all(self._held[role] for role in roles):
            self._expected.clear()
        self._held.update(roles)
        ends = (self.findings[seen.number] for seen in self._at[host])
        return {end for item in ends for end in (item.source, item.destination)} - {"", host}

    def _best(self, host: str) -> t.Optional[tuple[float, _Choice]]:
        """Return the role that accounts best for what was seen at a host and no role explains yet; those that cannot be it are not weighed."""
        best: t.Optional[tuple[float, _Candidate]] = None
        for candidate in sorted(self._candidates(host), reverse=True):
            if best and candidate.most < best[0]:
                break
            score = candidate.most * self._share(candidate)
            if best is None or (score, candidate.role) > (best[0], best[1].role):
                best = score, candidate
        return best and (best[0], self._choice(host, best[1]))

    def _candidates(self, host: str) -> t.Iterator[_Candidate]:
        self._open[host] = [seen for seen in self._open[host] if seen.number not in self._explained]
        own = self.ends.declared(host)
        weights: dict[int, float] = {}
        by_role: dict[str, list[_Match]] = {}
        order = itertools.count()
        for number, protocol, port, outgoing, peer, outside in self._open[host]:
            slot = self.flows.slot(port)
            roles = self._roles_at(protocol, slot)
            ways, weights[number] = self._ways(protocol, slot, outgoing, roles & (self.ends.of(peer) if peer else outside), roles & own)
            for role, other, flow in ways:
                by_role.setdefault(role, []).append(_Match(next(order), number, other, flow, peer))
        for role in by_role:
            closure = self.flows.closure(role) - own
            fitting = [by_role[name] for name in closure if name in by_role]
            ordered = fitting[0] if len(fitting) == 1 else sorted(itertools.chain(*fitting))
            findings = list(dict.fromkeys(match.finding for match in ordered))
            yield _Candidate(sum(weights[number] for number in findings), role, self._expected_of(closure), ordered, findings)

    def _roles_over(self, protocol: str, slot: t.Optional[int]) -> Roles:
        return frozenset(role for leg in self.flows.over(protocol, slot) for role in (leg.opens, leg.reached))

    def _ways_of(self, protocol: str, slot: t.Optional[int], outgoing: bool, others: Roles, own: Roles) -> tuple[tuple[_Way, ...], float]:
        """Return what a finding can be of roles that its host does not hold, and how much it counts for each; all ports of a slot are alike."""
        legs = self.flows.over(protocol, slot)
        ways = ((leg.opens, leg.reached, leg.flow.id) if outgoing else (leg.reached, leg.opens, leg.flow.id) for leg in legs)
        found = tuple(way for way in ways if way[1] in others and way[0] not in own and self._can_be_held(way[0]))
        return found, 1 / max(1, len({role for role, _other, _flow in found}))

    def _share(self, candidate: _Candidate) -> float:
        """Return how much was seen of what the role would do, from 0 to 1."""
        seen: dict[tuple[str, str], set[str]] = {}
        for match in candidate.fitting:
            seen.setdefault((match.flow, match.other), set()).add(match.peer)
        most = {key: max(number, len(seen.get(key, ()))) for key, number in {**dict.fromkeys(seen, 1), **candidate.expected}.items()}
        return sum(math.log2(1 + len(peers)) for peers in seen.values()) / sum(math.log2(1 + number) for number in most.values())

    def _choice(self, host: str, candidate: _Candidate) -> _Choice:
        findings = tuple(self.findings[number] for number in candidate.findings)
        others = {end for finding in findings for end in (finding.source, finding.destination)} - {"", host}
        sites = {site for end in others for site in self.ends.sites(end)}
        seen = {(match.flow, match.other) for match in candidate.fitting}
        flows = {flow for flow, _other in seen}
        of = len(seen.union(candidate.expected))
        return _Choice(candidate.findings, MissingRole(host, candidate.role, tuple(sorted(sites)), findings, tuple(sorted(flows)), of))

    def _expected_of(self, closure: Roles) -> dict[tuple[str, str], int]:
        """Return how many hosts could take part in each flow of some roles."""
        if closure not in self._expected:
            legs = [leg for leg, _ports in self.flows.legs if not (leg.flow.supplement or leg.flow.feature)]
            others = [(leg.flow.id, leg.reached) for leg in legs if leg.opens in closure] + [(leg.flow.id, leg.opens) for leg in legs if leg.reached in closure]
            self._expected[closure] = {key: self._held[key[1]] for key in others if self._held[key[1]]}
        return self._expected[closure]

    def _can_be_held(self, role: str) -> bool:
        return role not in (ANY_HOST, INTERNET) and role in self.flows.roles and self.flows.roles[role].kind != "external"


def joined(legs: t.Iterable[Leg], source: Roles, destination: Roles) -> list[Leg]:
    """Return the flows that join two ends."""
    return [leg for leg in legs if leg.opens in source and leg.reached in destination]
