# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A plan and observations in, findings out: what is as planned is counted, what is not is listed, alike things as one finding."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import (
    COUNTER,
    COUNTERS,
    DROPPED,
    LISTENER,
    PASSED,
    REFUSED,
    UNKNOWN,
    Observation,
    address_of,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.verdict import ALLOWED, NOT_ALLOWED, UNCERTAIN, Index, Judge, Verdict

PEERS = 5000  # addresses that one finding keeps
FINDINGS = 50000  # findings that one judgement keeps
PERMITTED, UNPLANNED, STOPPED, CUT_OFF = "permitted", "passed_though_not_planned", "stopped_as_planned", "stopped_though_planned"
NOT_PLANNED = "not_planned"  # nobody knows whether it passed
# A refusal says that a packet arrived and nothing listened, or that the host's default is to reject: only the first tells of a firewall that lets it through.
WORDS: t.Mapping[tuple[str, str], str] = {
    (ALLOWED, PASSED): PERMITTED,
    (ALLOWED, UNKNOWN): PERMITTED,
    (ALLOWED, REFUSED): PERMITTED,
    (ALLOWED, DROPPED): CUT_OFF,
    (NOT_ALLOWED, PASSED): UNPLANNED,
    (NOT_ALLOWED, UNKNOWN): NOT_PLANNED,
    (NOT_ALLOWED, REFUSED): NOT_PLANNED,
    (NOT_ALLOWED, DROPPED): STOPPED,
}


class Finding(t.NamedTuple):
    """What is not as planned, or uncertain; one for all that is alike.

    ``source``, ``destination``  hosts of the plan; ``""`` for addresses that no host has
    ``peers``    the addresses that were seen at the other end, of either end where both are hosts
    ``cut``      whether applying the plan stops new connections of it
    ``more``     how many addresses were seen besides ``peers``, at most; 0 where all are there
    """

    verdict: str
    word: str
    source: str
    destination: str
    protocol: str
    port: t.Optional[int]
    cut: bool
    why: str
    peers: tuple[Interval, ...]
    more: int
    seen: tuple[str, ...]
    processes: tuple[str, ...]
    times: int
    first: str
    last: str

    @property
    def host(self) -> str:
        """The end whose rules are asked first: the destination, where the plan knows it."""
        return self.destination or self.source


class Judgement(t.NamedTuple):
    """``counts``: word -> observations; ``left_out``: observations beyond the most findings; ``used``: rule -> last day; ``days``: host -> first and last."""

    findings: tuple[Finding, ...]
    counts: t.Mapping[str, int]
    left_out: int
    used: t.Mapping[tuple[str, str], str]
    days: t.Mapping[str, tuple[str, str]]


class _Group:
    """What alike observations have in common, while they are counted."""

    __slots__ = ("first", "last", "more", "peers", "processes", "seen", "times")

    def __init__(self, first: str, last: str) -> None:
        self.peers: set[Interval] = set()
        self.seen: set[str] = set()
        self.processes: set[str] = set()
        self.more = self.times = 0
        self.first, self.last = first, last

    def add(self, item: Observation, peer: t.Optional[Interval]) -> None:
        self.seen.add(item.seen)
        if item.process:
            self.processes.add(item.process)
        self.times += item.times
        self.first, self.last = min(self.first, item.first), max(self.last, item.last)
        if peer is None or peer in self.peers:
            return
        if len(self.peers) < PEERS:
            self.peers.add(peer)
        else:
            self.more += 1


class Collector:
    """Puts judged observations together, alike ones as one finding; what is as planned is counted, and its rules are remembered."""

    def __init__(self) -> None:
        self._groups: dict[tuple[t.Any, ...], _Group] = {}
        self._counts: dict[str, int] = {}
        self._left_out = 0
        self._used: dict[tuple[str, str], str] = {}
        self._days: dict[str, tuple[str, str]] = {}

    def add(self, item: Observation, verdict: Verdict) -> None:
        counter = item.seen == COUNTER  # of a rule, and no connection
        word = PERMITTED if counter else WORDS.get((verdict.verdict, item.outcome), UNCERTAIN)
        if not counter:
            self._counts[word] = self._counts.get(word, 0) + 1
        first, last = self._days.get(item.host, (item.first, item.last))
        if first >= item.first or last <= item.last:
            self._days[item.host] = (min(first, item.first), max(last, item.last))
        if verdict.rules and item.seen != LISTENER and (counter or item.outcome in (PASSED, UNKNOWN)):
            for rule in verdict.rules:
                if self._used.get(rule, "") < item.last:
                    self._used[rule] = item.last
        if word != PERMITTED:
            self._group(item, verdict, word)

    def _group(self, item: Observation, verdict: Verdict, word: str) -> None:
        key = (verdict.verdict, word, *verdict.ends, item.protocol, item.port, verdict.cut, item.seen == LISTENER, verdict.why)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= FINDINGS:
                self._left_out += 1
                return
            group = self._groups[key] = _Group(item.first, item.last)
        group.add(item, address_of(item.peer))

    def judgement(self) -> Judgement:
        findings = sorted((_finding(key, group) for key, group in self._groups.items()), key=_order)
        return Judgement(tuple(findings), self._counts, self._left_out, self._used, self._days)


def judge(index: Index, observations: t.Iterable[Observation]) -> Judgement:
    """Return what a plan says of observations, which are read once, in any order."""
    judging, collector = Judge(index), Collector()
    for item in observations:
        collector.add(item, judging.judge(item))
    return collector.judgement()


def _finding(key: tuple[t.Any, ...], group: _Group) -> Finding:
    verdict, word, source, destination, protocol, port, cut, _listener, why = key
    peers = tuple(sorted(group.peers))
    seen, processes = tuple(sorted(group.seen)), tuple(sorted(group.processes))
    return Finding(verdict, word, source, destination, protocol, port, cut, why, peers, group.more, seen, processes, group.times, group.first, group.last)


def _order(finding: Finding) -> tuple[t.Any, ...]:
    port = -1 if finding.port is None else finding.port
    return (not finding.cut, finding.word, finding.destination, finding.source, finding.protocol, port, finding.why, finding.seen)


def unused(index: Index, judgement: Judgement, watched: t.Mapping[str, t.Mapping[str, t.Sequence[str]]], window: int) -> dict[str, t.Any]:
    """Return ``{"rules": {host: [names]}, "not_observed": [hosts], "unknown": {host: [names]}}``: rules that nothing used in the last ``window`` days.

    ``watched`` is host -> kind of evidence -> the days from which and up to which it has no gap; the first of them had begun when somebody looked, so it
    does not count. A host without evidence over the whole window stands in ``not_observed``; ``unknown`` are rules of which no evidence there is would tell.
    """
    days = [days[1] for kinds in watched.values() for days in kinds.values()]
    latest = max((*days, *(last for _first, last in judgement.days.values())), default="")
    start = (datetime.date.fromisoformat(latest) - datetime.timedelta(days=window - 1)).isoformat() if latest else ""
    rules: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    missing: list[str] = []
    for host, entry in sorted(index.plan["hosts"].items()):
        whole = {kind for kind, (first, last) in watched.get(host, {}).items() if first < start and last >= latest}
        if not whole:
            missing.append(host)
            continue
        for rule in entry["rules"]:
            if judgement.used.get((host, rule["name"]), "") < start:
                told = COUNTERS in whole or rule["protocol"] in ("tcp", "udp")
                (rules if told else unknown).setdefault(host, []).append(rule["name"])
    return {"rules": rules, "not_observed": missing, "unknown": unknown, "from": start, "to": latest}


def impact(before: Index, after: Index, observations: t.Iterable[Observation]) -> dict[str, Judgement]:
    """Return what a new plan treats otherwise than the one before: ``stopped``, ``admitted`` (as the plan before judged it) and ``uncertain``."""
    old, new = Judge(before), Judge(after)
    changed = {"stopped": Collector(), "admitted": Collector(), "uncertain": Collector()}
    kinds = {NOT_ALLOWED: "stopped", ALLOWED: "admitted", UNCERTAIN: "uncertain"}
    for item in observations:
        was, now = old.judge(item), new.judge(item)
        if (was.verdict, was.cut) != (now.verdict, now.cut):
            changed[kinds[now.verdict]].add(item, was if now.verdict == ALLOWED else now)
    return {kind: collector.judgement() for kind, collector in changed.items()}
