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
import heapq
import math
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.flows import ANY_HOST, INTERNET, Ends, Flows, Leg, Roles
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.judge import Finding


class MissingRole(t.NamedTuple):
    """A role for a host. ``flows`` are those that were seen, ``of`` how many could be."""

    host: str
    role: str
    sites: tuple[str, ...]
    findings: tuple[Finding, ...]
    flows: tuple[str, ...]
    of: int


class _Match(t.NamedTuple):
    """One finding as a role of a host would account for it: the role of the other end, and the flow."""

    finding: Finding
    role: str
    other: str
    flow: str
    peer: str


def missing_roles(findings: t.Iterable[Finding], flows: Flows, ends: Ends) -> list[MissingRole]:
    """Return the roles that hosts seem to lack, best first; ``ends`` learns each."""
    recognizer = _Recognizer(flows, ends)
    for finding in findings:
        for host in {finding.source, finding.destination} - {""}:
            recognizer.at.setdefault(host, []).append(finding)
    return recognizer.run()


class _Recognizer:
    def __init__(self, flows: Flows, ends: Ends) -> None:
        self.flows, self.ends = flows, ends
        self.at: dict[str, list[Finding]] = {}
        self._explained: set[Finding] = set()
        self._queue: list[tuple[float, str, t.Optional[MissingRole]]] = []
        self._old: set[str] = set()
        self._expected: dict[Roles, dict[tuple[str, str], int]] = {}
        plan = ends.index.plan
        entries = [*plan["hosts"].values(), *plan["peers"].values()]
        self._held = collections.Counter(role for entry in entries for role in (*entry["roles"], *([ANY_HOST] if entry["roles"] else [])))
        self._held.update(list(plan["networks"]))

    def run(self) -> list[MissingRole]:
        """Take the best role of all, again and again. What a host's peers learn makes its answer old: it is asked anew when its turn comes."""
        for host in sorted(self.at):
            self._ask(host)
        found: list[MissingRole] = []
        while self._queue:
            _score, host, choice = heapq.heappop(self._queue)
            if host in self._old or choice is None:
                self._ask(host)
                continue
            found.append(choice)
            self._old |= self._learn(choice)
            self._ask(host)
            asked = {entry[1] for entry in self._queue}
            for name in sorted(self._old - asked):  # they had no answer before
                heapq.heappush(self._queue, (0.0, name, None))
        return found

    def _ask(self, host: str) -> None:
        self._old.discard(host)
        scored = self._best(host)
        if scored:
            heapq.heappush(self._queue, (-scored[0], host, scored[1]))

    def _learn(self, choice: MissingRole) -> set[str]:
        """Take a role for granted, and return the hosts that this tells something: its own, and those at the other ends."""
        roles = self.flows.closure(choice.role)
        self._explained.update(choice.findings)
        self.ends.learn(choice.host, roles)
        if not all(self._held[role] for role in roles):
            self._expected.clear()
        self._held.update(roles)
        return {choice.host, *(end for item in self.at[choice.host] for end in (item.source, item.destination) if end)}

    def _best(self, host: str) -> t.Optional[tuple[float, MissingRole]]:
        """Return the role that accounts best for what was seen at a host and no role explains yet."""
        matches = [match for finding in self.at[host] if finding not in self._explained for match in self._matches(host, finding)]
        if not matches:
            return None
        share: dict[Finding, set[str]] = {}
        for match in matches:
            share.setdefault(match.finding, set()).add(match.role)
        weights = {finding: 1 / len(roles) for finding, roles in share.items()}
        return max((self._scored(host, role, matches, weights) for role in {match.role for match in matches}), key=lambda item: (item[0], item[1].role))

    def _scored(self, host: str, role: str, matches: t.Sequence[_Match], weights: t.Mapping[Finding, float]) -> tuple[float, MissingRole]:
        closure = self.flows.closure(role) - self.ends.declared(host)
        fitting = [match for match in matches if match.role in closure]
        findings = tuple(dict.fromkeys(match.finding for match in fitting))
        seen: dict[tuple[str, str], set[str]] = {}
        for match in fitting:
            seen.setdefault((match.flow, match.other), set()).add(match.peer)
        expected = {**dict.fromkeys(seen, 1), **self._expected_of(closure)}
        most = {key: max(number, len(seen.get(key, ()))) for key, number in expected.items()}
        share = sum(math.log2(1 + len(peers)) for peers in seen.values()) / sum(math.log2(1 + number) for number in most.values())
        score = sum(weights[finding] for finding in findings) * share
        others = {end for finding in findings for end in (finding.source, finding.destination)} - {"", host}
        sites = {site for end in others for site in self.ends.sites(end)}
        return score, MissingRole(host, role, tuple(sorted(sites)), findings, tuple(sorted({match.flow for match in fitting})), len(expected))

    def _expected_of(self, closure: Roles) -> dict[tuple[str, str], int]:
        """Return how many hosts could take part in each flow of some roles."""
        if closure not in self._expected:
            legs = [leg for leg, _ports in self.flows.legs if not (leg.flow.supplement or leg.flow.feature)]
            others = [(leg.flow.id, leg.reached) for leg in legs if leg.opens in closure] + [(leg.flow.id, leg.opens) for leg in legs if leg.reached in closure]
            self._expected[closure] = {key: self._held[key[1]] for key in others if self._held[key[1]]}
        return self._expected[closure]

    def _matches(self, host: str, finding: Finding) -> t.Iterator[_Match]:
        source, destination = self.ends.sides(finding)
        own = self.ends.declared(host)
        for leg in self.flows.at(finding.protocol, finding.port):
            mine, other, roles = (leg.opens, leg.reached, destination) if host == finding.source else (leg.reached, leg.opens, source)
            if other in roles and mine not in own and self._can_be_held(mine):
                yield _Match(finding, mine, other, leg.flow.id, finding.destination if host == finding.source else finding.source)

    def _can_be_held(self, role: str) -> bool:
        return role not in (ANY_HOST, INTERNET) and role in self.flows.roles and self.flows.roles[role].kind != "external"


def joined(legs: t.Iterable[Leg], source: Roles, destination: Roles) -> list[Leg]:
    """Return the flows that join two ends."""
    return [leg for leg in legs if leg.opens in source and leg.reached in destination]
