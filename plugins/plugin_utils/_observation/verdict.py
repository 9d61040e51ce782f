# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a plan says of one observation: it is allowed, not allowed, or uncertain; by which rules, and whether applying the plan would stop it."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import COUNTER, LISTENER, Observation, Plain, address_of

ALLOWED, NOT_ALLOWED, UNCERTAIN = "allowed", "not_allowed", "uncertain"
FIRST_FREE = 1024  # answers that connection tracking relates go to ports from here on
OTHER = {"in": "out", "out": "in"}
LACKS: t.Mapping[tuple[bool, bool], str] = {  # what lacks a rule: the source, the destination
    (True, False): "{0} has no rule that lets it out",
    (False, True): "{1} has no rule that admits it",
    (True, True): "{0} has no rule that lets it out and {1} has no rule that admits it",
}
ROOM = 2**16  # answers that are kept


class Candidate(t.Protocol):
    """A rule that admits a port."""

    @property
    def rule(self) -> Plain: ...
    @property
    def remote(self) -> _addresses.Addresses: ...
    @property
    def local(self) -> t.Optional[_addresses.Addresses]: ...


class Ruleset(t.Protocol):
    @property
    def named(self) -> t.AbstractSet[tuple[str, str]]: ...
    def at(self, direction: str, protocol: str, port: t.Optional[int]) -> t.Sequence[Candidate]: ...


class Places(t.Protocol):
    """Named sets by address: alike addresses share a slot."""

    def slot(self, version: int, number: int) -> int: ...
    def names(self, slot: int) -> frozenset[str]: ...
    def of(self, intervals: _addresses.Addresses) -> t.AbstractSet[str]: ...


class Index(t.Protocol):
    """A plan, ordered for questions: what ``_plan.index`` makes of it."""

    @property
    def plan(self) -> Plain: ...
    @property
    def ports_anywhere(self) -> t.Mapping[str, Ports]: ...
    @property
    def why_off(self) -> t.Mapping[str, str]: ...
    @property
    def sets(self) -> Places: ...
    @property
    def owned(self) -> Places: ...
    def ruleset(self, host: str) -> t.Optional[Ruleset]: ...
    def entry(self, name: str) -> t.Optional[Plain]: ...
    def roles_in_networks(self, addresses: Addresses) -> t.Iterable[tuple[str, tuple[str, ...]]]: ...
    def set(self, name: str) -> Addresses: ...


class Verdict(t.NamedTuple):
    """``rules`` are ``(host, name)`` of those that admit it; ``cut``: applying the plan stops what is new of it; ``ends``: source and destination.

    ``unmet``: the destination is managed and admits nobody like this; what only the source does not let out mostly passes all the same.
    """

    verdict: str
    rules: tuple[tuple[str, str], ...]
    why: str
    cut: bool
    ends: tuple[str, str]
    unmet: bool = False


class _Side(t.NamedTuple):
    """What one managed end says: the rules that admit it, or why nobody knows."""

    rules: tuple[tuple[str, str], ...]
    doubt: str


class _Question(t.NamedTuple):
    """What alike observations ask. ``owners`` and ``sets`` are the slots of the peer: all addresses of both are of the same hosts and sets."""

    host: str
    direction: str
    protocol: str
    port: t.Optional[int]
    version: int
    owners: int
    sets: int


class Judge:
    """Judges observations under one plan, each question once. It keeps a bounded number of answers, so memory does not grow with observations."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._place = functools.lru_cache(maxsize=ROOM)(self._place_of)
        self._answer = functools.lru_cache(maxsize=ROOM)(self._answer_to)
        self._sets_of_host = functools.lru_cache(maxsize=ROOM)(self._sets_of_host_at)
        self._helpers = functools.lru_cache(maxsize=None)(self._helpers_of)

    def judge(self, item: Observation) -> Verdict:
        """Return the verdict on one observation."""
        if self.index.entry(item.host) is None:
            return _uncertain(item.direction, item.host, f"the plan does not know {item.host}; plan with the whole inventory")
        if item.seen == LISTENER:
            return self._listener(item)
        if item.seen == COUNTER:
            return self._counter(item)
        place = self._place(item.peer)
        if place is None:
            return _uncertain(item.direction, item.host, f"{item.peer} is not one address, and names are not looked up", item.peer)
        return self._answer(_Question(item.host, item.direction, item.protocol, item.port, *place))

    def _place_of(self, peer: str) -> t.Optional[tuple[int, int, int]]:
        found = address_of(peer)
        return found and (found[0], self.index.owned.slot(*found[:2]), self.index.sets.slot(*found[:2]))

    def _answer_to(self, asked: _Question) -> Verdict:
        owners = sorted(self.index.owned.names(asked.owners))
        if asked.host in owners:
            return Verdict(ALLOWED, (), "", False, (asked.host, asked.host))
        found = [self._between(asked, owner) for owner in owners or ("",)]
        if len({verdict.verdict for verdict in found}) > 1:
            may_be_used = tuple(dict.fromkeys(rule for verdict in found for rule in verdict.rules))
            why = f"the peer is an address of {', '.join(owners)}, and the plan does not treat them alike"
            return _uncertain(asked.direction, asked.host, why)._replace(rules=may_be_used)
        return found[0]

    def _between(self, asked: _Question, owner: str) -> Verdict:
        """Ask both ends, each of which counts only where the plan manages it."""
        here = self._side(asked.host, asked.direction, asked, self.index.sets.names(asked.sets))
        there = self._side(owner, OTHER[asked.direction], asked, self._sets_of_host(asked.host, asked.version)) if owner else None
        source, destination = (there, here) if asked.direction == "in" else (here, there)
        ends = (owner, asked.host) if asked.direction == "in" else (asked.host, owner)
        if here is None and there is None:
            return Verdict(UNCERTAIN, (), f"the plan manages neither {ends[0] or 'the peer'} nor {ends[1] or 'the peer'}", False, ends)
        lacks_out, lacks_in = (side is not None and not side.rules and not side.doubt for side in (source, destination))
        if lacks_out or lacks_in:
            cut = (lacks_out and self._closes(ends[0], "out")) or (lacks_in and self._closes(ends[1], "in"))
            return Verdict(NOT_ALLOWED, (), LACKS[lacks_out, lacks_in].format(*ends), cut, ends, lacks_in)
        sides = [side for side in (here, there) if side is not None]
        doubt = next((side.doubt for side in sides if side.doubt), "")
        return Verdict(UNCERTAIN if doubt else ALLOWED, tuple(rule for side in sides for rule in side.rules), doubt, False, ends)

    def _side(self, name: str, direction: str, asked: _Question, remote: t.AbstractSet[str]) -> t.Optional[_Side]:
        """Return what an end says; ``remote`` are the sets that have the other one."""
        ruleset = self.index.ruleset(name) if name else None
        if ruleset is None:
            return None
        matching = [found for found in ruleset.at(direction, asked.protocol, asked.port) if found.rule["remote"] in remote]
        sure = [found for found in matching if found.local is None]
        if not sure:
            return self._doubt(name, asked, remote, matching)
        rules = tuple((name, found.rule["name"]) for found in sure)
        windows = self.index.plan["hosts"][name]["system"] == "windows"
        if windows and direction == "in" and all(found.rule["rpc"] for found in sure):
            return _Side(rules, f"{name} admits dynamic RPC there, and which ports those are is known to Windows alone")
        return _Side(rules, "")

    def _doubt(self, name: str, asked: _Question, remote: t.AbstractSet[str], multicast: t.Sequence[Candidate]) -> _Side:
        """Return why nobody knows, with the rules that may be in use."""
        if multicast:
            why = f"{name} has a rule for a multicast group only, and which address was reached was not seen"
            return _Side(tuple((name, found.rule["name"]) for found in multicast), why)
        if asked.port is None or asked.port >= FIRST_FREE:
            for protocol, helper, peers, rule in self._helpers(name):
                if protocol == asked.protocol and peers in remote:
                    return _Side(((name, rule),), f"it may be an answer that connection tracking relates to {helper} at {name}")
        return _Side((), "")

    def _helpers_of(self, name: str) -> tuple[tuple[str, str, str, str], ...]:
        rules = self.index.plan["hosts"][name]["rules"]
        return tuple((rule["protocol"], rule["helper"], rule["remote"], rule["name"]) for rule in rules if rule["helper"])

    def _sets_of_host_at(self, name: str, version: int) -> t.AbstractSet[str]:
        entry = self.index.entry(name) or {"addresses": ()}
        return self.index.sets.of(Addresses.parse(entry["addresses"]).family(version).intervals)

    def _counter(self, item: Observation) -> Verdict:
        """A counter tells that a rule of the plan is used; one of an earlier plan tells nothing of this one."""
        ruleset = self.index.ruleset(item.host)
        there = ruleset is not None and (item.direction, item.rule) in ruleset.named
        return Verdict(ALLOWED, ((item.host, item.rule),) if there else (), "", False, ("", item.host))

    def _listener(self, item: Observation) -> Verdict:
        """A listener is allowed where a rule admits anybody to its port."""
        ruleset = self.index.ruleset(item.host)
        ends = ("", item.host)
        if ruleset is None:
            return Verdict(UNCERTAIN, (), f"the plan does not manage {item.host}", False, ends)
        found = ruleset.at("in", item.protocol, item.port)
        if found:
            return Verdict(ALLOWED, tuple((item.host, candidate.rule["name"]) for candidate in found), "", False, ends)
        return Verdict(NOT_ALLOWED, (), f"{item.host} has no rule that admits anybody to this port", self._closes(item.host, "in"), ends)

    def _closes(self, name: str, direction: str) -> bool:
        """Tell whether a host stops what no rule admits, by what the plan sets there. Windows keeps its own default unless it is told."""
        host = self.index.plan["hosts"][name]
        if direction == "out":
            return bool(host["default_outbound"] == "block")
        return host["default_inbound"] in ("block", "reject") or (host["default_inbound"] is None and host["system"] == "linux")


def _uncertain(direction: str, host: str, why: str, other: str = "") -> Verdict:
    return Verdict(UNCERTAIN, (), why, False, (other, host) if direction == "in" else (host, other))
