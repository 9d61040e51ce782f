# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which new connections a rule can match: shapes, and what they have to do with each other."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports

Shape = collections.namedtuple("Shape", "protocols ports addresses certain")
Shape.__doc__ = """Which new connections a rule can match at most.

``protocols`` is a frozenset of numbers or ``None`` (any); ICMP and ICMPv6 stand in it type by type, as ``(number, type)``.
``ports`` are the destination's, ``addresses`` the other end's (intervals), ``certain`` tells that the rule has no further condition.
"""

EVERYTHING = Shape(None, _ports.ALL, _addresses.ANY, True)
# Which family a typed protocol has, whatever a rule says of addresses.
FAMILY = {1: _addresses.ANY[:1], 58: _addresses.ANY[1:]}


def typed(number, types=range(256)):
    """Return ICMP (1) or ICMPv6 (58) as a set of its types."""
    return frozenset((number, value) for value in types)


ECHO = typed(1, [8]) | typed(58, [128])
PROTOCOLS = {"tcp": frozenset([6]), "udp": frozenset([17]), "icmp_echo": ECHO, "any": None}
LOOPBACK = _addresses.parse(["127.0.0.0/8", "::1"])
LINK_LOCAL = _addresses.parse(["fe80::/10"])


def _base(protocols, port=None, addresses=_addresses.ANY):
    return Shape(frozenset(protocols), ((port, port),) if port else _ports.ALL, addresses, True)


# What keeps a host alive, as our base rules or those of the system admit it, said as wide as it has an effect: an answer to an echo
# (0, 129) is tracked with its request, nodes ignore neighbour discovery from beyond the link themselves, and no server of addresses
# sends from another port.
_BOTH = (
    Shape(None, _ports.ALL, LOOPBACK, True),
    _base(typed(1, [0, 3, 11, 12]) | typed(58, [1, 2, 3, 4, 129, 130, 131, 132, 133, 134, 135, 136, 143]) | {2}),
)
BASE = {"in": _BOTH + (_base([17], 68), _base([17], 546, LINK_LOCAL)), "out": _BOTH + (_base([17], 67), _base([17], 547))}


def of_family(shape, family):
    only = {"ip": _addresses.ANY[:1], "ip6": _addresses.ANY[1:]}.get(family)
    return shape if only is None or shape is None else shape._replace(addresses=_addresses.meet(shape.addresses, only))


def protocols_of(shape):
    """Return the protocols of a shape; a match on ports says one as well."""
    implied = getattr(shape.ports, "protocol", None)
    own = frozenset([implied]) if implied else None
    return own if shape.protocols is None else shape.protocols if own is None else shape.protocols & own


def meet(left, right):
    """Return the shape of what both match, or ``None`` when nothing can."""
    protocols = [value for value in (protocols_of(left), protocols_of(right)) if value is not None]
    both = frozenset.intersection(*protocols) if protocols else None
    ports = _ports.meet(left.ports, right.ports)
    addresses = _addresses.meet(left.addresses, right.addresses)
    if both == frozenset() or not ports or not addresses:
        return None
    return Shape(both, ports, addresses, left.certain and right.certain)


def touches(left, right):
    """Tell whether a connection can match both shapes."""
    mine, theirs = protocols_of(left), protocols_of(right)
    if mine is not None and theirs is not None and not mine & theirs:
        return False
    return _ports.overlaps(left.ports, right.ports) and _addresses.overlaps(left.addresses, right.addresses)


def covered(shapes, inner):
    """Tell whether everything that ``inner`` may match is certainly matched by ``shapes`` together.

    Each protocol (of ICMP: each type) with each interval of ports may be held by others of them, and so may each address.
    """
    if any(holds(shape, inner) for shape in shapes):
        return True
    everywhere = [(shape, shape._replace(addresses=_addresses.ANY)) for shape in shapes if _addresses.overlaps(shape.addresses, inner.addresses)]
    protocols = protocols_of(inner)
    for part in (None,) if protocols is None else protocols:
        # ICMP and ICMPv6 have a family each, whatever the rule says of addresses.
        addresses = _addresses.meet(inner.addresses, FAMILY.get(part[0], _addresses.ANY)) if isinstance(part, tuple) else inner.addresses
        for ports in inner.ports:
            piece = Shape(None if part is None else frozenset([part]), (ports,), addresses, True)
            held = [interval for shape, wide in everywhere if holds(wide, piece) for interval in shape.addresses]
            if not _addresses.covers(_addresses.union(held), addresses):
                return False
    return True


def holds(outer, inner):
    """Tell whether everything that ``inner`` may match is certainly matched by ``outer``."""
    mine, theirs = protocols_of(outer), protocols_of(inner)
    if not outer.certain or (mine is not None and (theirs is None or not theirs <= mine)):
        return False
    return _ports.covers(outer.ports, inner.ports) and _addresses.covers(outer.addresses, inner.addresses)
