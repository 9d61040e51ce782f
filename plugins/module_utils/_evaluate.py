# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""May this packet pass, and by which rule: one interface, whatever stands among our rules. Each backend has an ``Evaluator``; the guard asks it."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses
from ansible_collections.portcullis.msports.plugins.module_utils._match import LOOPBACK, PROTOCOLS, TCP, Match, Plain, Rule

# A new connection comes from any of these source ports.
EPHEMERAL = (1024, 65535)
NOT_ADMITTED = "no rule admits it"
BLOCKED = "the rule {0!r} blocks it"


class Evaluator:
    """Evaluates new connections to this host."""

    def why_blocked(self, peers: Addresses, port: _ports.Range, local: t.Optional[Addresses], protocol: int = TCP) -> t.Optional[str]:
        """Return why not every one of ``peers`` may connect to every port of ``port``, or ``None``. ``local`` is ``None`` where our address is not known."""
        raise NotImplementedError

    def admits_somebody(self, port: _ports.Range) -> bool:
        """Tell whether anybody over the network may connect by TCP to a port."""
        raise NotImplementedError

    def closes_nothing(self, protocol: int = TCP) -> bool:
        """Tell whether everybody may connect to everything by a protocol."""
        return self.why_blocked(_addresses.ANY, (0, 65535), None, protocol) is None


class FirstMatch(Evaluator):
    """Rules in their order: the first that certainly matches decides. ``closed`` tells that what no rule names is stopped."""

    def __init__(self, rules: t.Iterable[Rule], closed: bool) -> None:
        self._rules = rules
        self._closed = closed

    def why_blocked(self, peers: Addresses, port: _ports.Range, local: t.Optional[Addresses], protocol: int = TCP) -> t.Optional[str]:
        left = _addresses.union(peers)
        for rule in self._rules:
            match = rule.match
            if not left:
                return None
            if match.protocols is not None and protocol not in match.protocols:
                continue
            if not _ports.overlaps(match.ports, [port]) or not _addresses.overlaps(match.addresses, left):
                continue
            if local is not None and not _addresses.overlaps(match.local, local):
                continue
            if not rule.allows:
                if match.certain:
                    return BLOCKED.format(rule.text)
            elif _ports.covers(match.ports, [port]) and _everywhere(match, left, local):
                left = _addresses.minus(left, match.addresses)
        return NOT_ADMITTED if left and self._closed else None

    def admits_somebody(self, port: _ports.Range) -> bool:
        left = _addresses.minus(_addresses.ANY, LOOPBACK)
        for rule in self._rules:
            match = rule.match
            if not _ports.overlaps(match.ports, [port]) or (match.protocols is not None and TCP not in match.protocols):
                continue
            if rule.allows and _addresses.overlaps(match.addresses, left):
                return True
            if match.certain and _ports.covers(match.ports, [port]) and match.local == _addresses.ANY:
                left = _addresses.minus(left, match.addresses)
        return bool(left) and not self._closed


def _everywhere(match: Match, peers: Addresses, local: t.Optional[Addresses]) -> bool:
    """Tell whether a match holds at our address. One with a condition holds for a session that is there, which has met it; what may come one day has not."""
    if local is not None:
        return _addresses.covers(match.local, local)
    families = _addresses.families(_addresses.meet(peers, match.addresses))
    return match.certain and all(_addresses.covers(match.local, _addresses.of_family(_addresses.ANY, family)) for family in families)


class Ruleset(Evaluator):
    """Our rules alone: blocks first, then allows, then the default (``block``, ``reject``, or anything else for "passes").

    ``staying`` are rules of earlier runs that are not among ``rules``.
    """

    def __init__(self, rules: t.Iterable[Plain], address_sets: t.Mapping[str, t.Sequence[str]], default_inbound: str, staying: t.Sequence[Rule] = ()) -> None:
        self._sets = address_sets
        self._staying = [[rule for rule in staying if rule.allows is allows] for allows in (False, True)]
        self._parsed: t.Dict[t.Tuple[str, ...], Addresses] = {}
        self._closed = default_inbound in ("block", "reject")
        inbound = [rule for rule in rules if rule["direction"] == "in" and rule["protocol"] != "icmp_echo"]
        # A rule that allows some source ports only is too little to admit anybody.
        useful = [rule for rule in inbound if rule["action"] == "block" or _ports.covers(_ports.of_rule(rule["remote_ports"]), [EPHEMERAL])]
        self._rules = [(rule, _ports.of_rule(rule["local_ports"])) for rule in sorted(useful, key=lambda rule: bool(rule["action"] != "block"))]

    def why_blocked(self, peers: Addresses, port: _ports.Range, local: t.Optional[Addresses], protocol: int = TCP) -> t.Optional[str]:
        return self._at(port).why_blocked(peers, port, local, protocol)

    def admits_somebody(self, port: _ports.Range) -> bool:
        return self._at(port).admits_somebody(port)

    def _at(self, port: _ports.Range) -> FirstMatch:
        # Lists of addresses are read only when a port has matched.
        ours = (self._rule(rule, ports) for rule, ports in self._rules if _ports.overlaps(ports, [port]))
        return FirstMatch(itertools.chain(self._staying[0], ours, self._staying[1]), self._closed)

    def _rule(self, rule: Plain, ports: _ports.Ports) -> Rule:
        remote, local = (self._addresses(rule[key]) for key in ("remote_addresses", "local_addresses"))
        return Rule("", rule["name"], Match(PROTOCOLS[rule["protocol"]], ports, remote, True, local), rule["action"] == "allow", True)

    def _addresses(self, texts: t.Sequence[str]) -> Addresses:
        """Return the set of a rule's addresses; each list is read once."""
        key = tuple(texts)
        if key not in self._parsed:
            listed = self._sets[key[0][1:]] if key and key[0].startswith("@") else key
            self._parsed[key] = _addresses.parse(listed) if key else _addresses.ANY
        return self._parsed[key]
