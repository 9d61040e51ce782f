# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a rule matches, as sets, and what the matches of rules have to do with each other.

A ``Match`` says which new connections a rule can match at most; a ``Rule`` says besides what becomes of them. All that asks whether a packet may
pass, and by which rule, works on these two: the lockout guard, and what compares our rules with foreign ones.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses

Ports = t.Sequence[_ports.Range]
Protocols = t.FrozenSet[t.Union[int, t.Tuple[int, int]]]
Plain = t.Mapping[str, t.Any]


class Match(t.NamedTuple):
    """Which new connections a rule can match at most.

    ``protocols`` is a frozenset of numbers or ``None`` (any); ICMP and ICMPv6 stand in it type by type, as ``(number, type)``.
    ``ports`` are the destination's, ``addresses`` the other end's, ``certain`` tells that the rule has no further condition.
    ``local`` are the addresses of this host's end, where they are read; elsewhere a rule that names some is not certain.
    """

    protocols: t.Optional[Protocols]
    ports: Ports
    addresses: Addresses
    certain: bool
    local: Addresses = _addresses.ANY


class Rule(t.NamedTuple):
    """A rule that new connections meet: where it stands, its words, what it matches, what becomes of it, and whether it is ours."""

    place: t.Any
    text: str
    match: Match
    allows: bool
    ours: bool = False


EVERYTHING = Match(None, _ports.ALL, _addresses.ANY, True)
# Which family a typed protocol has, whatever a rule says of addresses.
FAMILY = {1: _addresses.ANY[:1], 58: _addresses.ANY[1:]}
TCP, UDP = 6, 17


def typed(number: int, types: t.Iterable[int] = range(256)) -> Protocols:
    """Return ICMP (1) or ICMPv6 (58) as a set of its types."""
    return frozenset((number, value) for value in types)


ECHO = typed(1, [8]) | typed(58, [128])
PROTOCOLS: t.Dict[str, t.Optional[Protocols]] = {"tcp": frozenset([TCP]), "udp": frozenset([17]), "icmp_echo": ECHO, "any": None}
LOOPBACK = _addresses.parse(["127.0.0.0/8", "::1"])
LINK_LOCAL = _addresses.parse(["fe80::/10"])


def _base(protocols: t.Iterable[t.Any], port: int = 0, addresses: Addresses = _addresses.ANY) -> Match:
    return Match(frozenset(protocols), ((port, port),) if port else _ports.ALL, addresses, True)


# What keeps a host alive, as our base rules or those of the system admit it, said as wide as it has an effect: an answer to an echo
# (0, 129) is tracked with its request, nodes ignore neighbour discovery from beyond the link themselves, and no server of addresses
# sends from another port.
_BOTH = (
    Match(None, _ports.ALL, LOOPBACK, True),
    _base(typed(1, [0, 3, 11, 12]) | typed(58, [1, 2, 3, 4, 129, 130, 131, 132, 133, 134, 135, 136, 143]) | {2}),
)
BASE = {"in": _BOTH + (_base([17], 68), _base([17], 546, LINK_LOCAL)), "out": _BOTH + (_base([17], 67), _base([17], 547))}


def of_rule(rule: Plain, address_sets: t.Mapping[str, t.Sequence[str]]) -> Match:
    """Return what a complete rule of ours matches. Its own end and the ports of who opens are left out, so the match may be wider than the rule."""
    inbound = rule["direction"] == "in"
    texts = rule["remote_addresses"]
    if texts[0].startswith("@"):
        texts = address_sets[texts[0][1:]]
    ports = _ports.of_rule(rule["local_ports" if inbound else "remote_ports"])
    narrow = rule["local_addresses"] not in ([], ["any"]) or bool(rule["remote_ports" if inbound else "local_ports"])
    return Match(PROTOCOLS[rule["protocol"]], ports, _addresses.parse(texts), not narrow)


def named(rules: t.Iterable[Plain], address_sets: t.Mapping[str, t.Sequence[str]], direction: str, action: str) -> t.List[t.Tuple[str, Match]]:
    """Return ``[(name, match), ...]`` of the complete rules of one direction and action; those that match nobody are left out."""
    matches = [(rule["name"], of_rule(rule, address_sets)) for rule in rules if (rule["direction"], rule["action"]) == (direction, action)]
    return [(name, match) for name, match in matches if match.addresses]


def of_family(match: Match, family: str) -> Match:
    """Return what of a match is of a family as nft names it (``ip``, ``ip6``; anything else is both)."""
    only = {"ip": _addresses.ANY[:1], "ip6": _addresses.ANY[1:]}.get(family)
    return match if only is None else match._replace(addresses=_addresses.meet(match.addresses, only))


def meet(left: Match, right: Match) -> t.Optional[Match]:
    """Return what both match, or ``None`` when nothing can."""
    both = left.protocols if right.protocols is None else right.protocols if left.protocols is None else left.protocols & right.protocols
    ports = _ports.meet(left.ports, right.ports)
    addresses = _addresses.meet(left.addresses, right.addresses)
    if both == frozenset() or not ports or not addresses:
        return None
    return Match(both, ports, addresses, left.certain and right.certain)


def touches(left: Match, right: Match) -> bool:
    """Tell whether a connection can match both."""
    if left.protocols is not None and right.protocols is not None and not left.protocols & right.protocols:
        return False
    return _ports.overlaps(left.ports, right.ports) and _addresses.overlaps(left.addresses, right.addresses)


def covered(matches: t.Sequence[Match], inner: Match) -> bool:
    """Tell whether everything that ``inner`` may match is certainly matched by ``matches`` together.

    Each protocol (of ICMP: each type) with each interval of ports may be held by others of them, and so may each address.
    """
    if any(holds(match, inner) for match in matches):
        return True
    everywhere = [(match, match._replace(addresses=_addresses.ANY)) for match in matches if _addresses.overlaps(match.addresses, inner.addresses)]
    for part in (None,) if inner.protocols is None else inner.protocols:
        # ICMP and ICMPv6 have a family each, whatever the rule says of addresses.
        addresses = _addresses.meet(inner.addresses, FAMILY.get(part[0], _addresses.ANY)) if isinstance(part, tuple) else inner.addresses
        for ports in inner.ports:
            piece = Match(None if part is None else frozenset([part]), (ports,), addresses, True)
            held = [interval for match, wide in everywhere if holds(wide, piece) for interval in match.addresses]
            if not _addresses.covers(_addresses.union(held), addresses):
                return False
    return True


def holds(outer: Match, inner: Match) -> bool:
    """Tell whether everything that ``inner`` may match is certainly matched by ``outer``."""
    if not outer.certain or (outer.protocols is not None and (inner.protocols is None or not inner.protocols <= outer.protocols)):
        return False
    return _ports.covers(outer.ports, inner.ports) and _addresses.covers(outer.addresses, inner.addresses)
