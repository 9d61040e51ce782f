# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rules of other tables, read as far as needed to say where they cut what ours allow, and where ours cut what they allow.

A rule becomes a ``Shape``: which new connections it can match at most, and whether that is all it asks for. What cannot be
read makes a shape uncertain, never narrower than the rule.
"""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _intervals
from ansible_collections.portcullis.msports.plugins.module_utils._nftables.express import NotKnown, address, shown

Shape = collections.namedtuple("Shape", "protocols ports addresses certain")
Shape.__doc__ = """Which new connections a rule can match at most.

``protocols`` is a frozenset of numbers or ``None`` (any), ``ports`` are the destination's, ``addresses`` the other end's
(intervals), ``certain`` tells that the rule has no further condition.
"""

Foreign = collections.namedtuple("Foreign", "family table chain text shape verdict")

HOOKS = {"in": ("ingress", "prerouting", "input"), "out": ("output", "postrouting")}
PEER = {"in": "saddr", "out": "daddr"}
LIMIT = 400  # rules of others that are looked at in one direction
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "igmp": 2}
EVERYTHING = Shape(None, _intervals.ALL_PORTS, _intervals.ANY, True)


class Tables:
    """The tables of others, indexed once from the objects that nft printed."""

    def __init__(self, objects):
        self.chains = collections.OrderedDict()
        self.rules = collections.defaultdict(list)
        self.sets = {}
        for kind, value in objects:
            if kind == "chain":
                self.chains[(value["family"], value["table"], value["name"])] = value
            elif kind == "rule":
                self.rules[(value["family"], value["table"], value["chain"])].append(value)
            elif kind == "set":
                self.sets[(value["family"], value["table"], value["name"])] = value

    def base_chains(self, direction):
        """Yield the keys of filter chains that packets of a direction pass."""
        for key, chain in self.chains.items():
            if chain.get("hook") in HOOKS[direction] and chain.get("type") == "filter" and key[0] in ("inet", "ip", "ip6", "netdev"):
                yield key

    def steps(self, base, direction):
        """Yield ``(Foreign, in order)`` for every rule reachable from a base chain, then its policy as a last one."""
        yield from self._walk(base, direction, EVERYTHING, frozenset())
        if self.chains[base].get("policy") == "drop":
            yield Foreign(base[0], base[1], base[2], "policy drop", _of_family(EVERYTHING, base[0]), "drop")

    def _walk(self, key, direction, within, passed):
        if key in passed:
            return
        for rule in self.rules.get(key, []):
            shape, verdict = self._shape(rule, key, direction)
            if shape is None:
                continue
            shape = meet(_of_family(shape, key[0]), within)
            if shape is None:
                continue
            if isinstance(verdict, tuple):
                yield from self._walk(key[:2] + (verdict[1],), direction, shape, passed | {key})
            elif verdict:
                yield Foreign(key[0], key[1], key[2], shown(rule["expr"]), shape, verdict)

    def _shape(self, rule, key, direction):
        """Return ``(Shape or None when no new connection over the network can match, verdict)``."""
        protocols, ports, peers, certain, verdict = None, _intervals.ALL_PORTS, _intervals.ANY, True, None
        for expression in rule["expr"]:
            ((kind, value),) = expression.items()
            if kind == "match":
                read = self._condition(value, key, direction)
                if read is None:
                    return None, None
                name, content = read
                if name == "protocols":
                    protocols = content if protocols is None else protocols & content
                elif name == "ports":
                    ports = content
                elif name == "peers":
                    peers = content
                elif name == "implied":
                    protocols, certain = content if protocols is None else protocols & content, False
                elif name != "nothing":
                    certain = False
            elif kind in ("accept", "drop", "reject"):
                verdict = "drop" if kind != "accept" else kind
            elif kind in ("jump", "goto"):
                verdict = (kind, value["target"])
            elif kind == "xt":
                # Rules of iptables: nft tells the name of a match or target at best, never its parameters.
                name = (value or {}).get("name", "")
                verdict = "drop" if name in ("DROP", "REJECT") else verdict
                certain = certain and name in ("comment", "DROP", "REJECT")
            elif kind not in ("counter", "log"):
                certain = False
        return Shape(protocols, ports, peers, certain), verdict

    def _condition(self, value, key, direction):
        """Return ``(what, content)`` of one match, or ``None`` when it excludes new connections over the network."""
        left, right, operation = value["left"], value["right"], value["op"]
        ((kind, field),) = left.items() if isinstance(left, dict) else (("other", left),)
        try:
            if kind == "ct" and field.get("key") == "state" and operation in ("in", "=="):
                states = right.get("|", right.get("set", [])) if isinstance(right, dict) else right if isinstance(right, list) else [right]
                return ("nothing", None) if set(states) & {8, "new"} else None
            if kind == "meta" and field["key"] in ("iif", "iifname", "oif", "oifname") and operation == "==" and right in ("lo", "lo*"):
                return None
            if operation != "==":
                return "other", None
            if kind == "meta" and field["key"] == "l4proto":
                return "protocols", frozenset(_protocol(item) for item in _items(right))
            if kind == "payload":
                return self._payload(field["protocol"], field["field"], right, key, direction)
        except (NotKnown, KeyError, ValueError, TypeError, AttributeError):
            pass
        return "other", None

    def _payload(self, protocol, field, right, key, direction):
        if field == "dport" and protocol in ("tcp", "udp", "th"):
            return "ports", _ports(right, protocol)
        if protocol in ("ip", "ip6") and field == PEER[direction]:
            version = 4 if protocol == "ip" else 6
            if isinstance(right, str) and right.startswith("@"):
                right = {"set": self.sets[key[:2] + (right[1:],)].get("elem", [])}
            return "peers", _intervals.collapse(address(version, item) for item in _items(right))
        if (protocol, field) in (("ip", "protocol"), ("ip6", "nexthdr")):
            return "protocols", frozenset(_protocol(item) for item in _items(right))
        if protocol in NUMBERS:
            return "implied", frozenset([NUMBERS[protocol]])
        return "other", None

    def mentions(self, kind):
        """Yield the text of every rule with a statement ``kind`` (``notrack``, ``dnat``...), with its place."""
        for key, rules in self.rules.items():
            for rule in rules:
                names = [(name, value) for expression in rule["expr"] for name, value in expression.items()]
                if any(name == kind or (name == "xt" and (value or {}).get("name") == {"notrack": "CT", "dnat": "DNAT"}.get(kind)) for name, value in names):
                    yield key, shown(rule["expr"])


class _Ports(tuple):
    """Port intervals that also say their protocol."""


def _ports(right, protocol):
    intervals = []
    for item in _items(right):
        first, last = item["range"] if isinstance(item, dict) else (item, item)
        intervals.append((int(first), int(last)))
    ports = _Ports(sorted(intervals))
    ports.protocol = NUMBERS.get(protocol)
    return ports


def _items(right):
    return right["set"] if isinstance(right, dict) and set(right) == {"set"} else right if isinstance(right, list) else [right]


def _protocol(item):
    return NUMBERS[item] if isinstance(item, str) else int(item)


def _of_family(shape, family):
    only = {"ip": _intervals.ANY[:1], "ip6": _intervals.ANY[1:]}.get(family)
    return shape if only is None or shape is None else shape._replace(addresses=_shared(shape.addresses, only))


def _shared(left, right):
    if left == _intervals.ANY:
        return right
    if right == _intervals.ANY:
        return left
    found = [(a[0], max(a[1], b[1]), min(a[2], b[2])) for a in left for b in right if a[0] == b[0] and a[1] <= b[2] and b[1] <= a[2]]
    return _intervals.collapse(found)


def protocols_of(shape):
    """Return the protocols of a shape; a match on ports says one as well."""
    implied = getattr(shape.ports, "protocol", None)
    own = frozenset([implied]) if implied else None
    return own if shape.protocols is None else shape.protocols if own is None else shape.protocols & own


def meet(left, right):
    """Return the shape of what both match, or ``None`` when nothing can."""
    protocols = [value for value in (protocols_of(left), protocols_of(right)) if value is not None]
    both = frozenset.intersection(*protocols) if protocols else None
    ports = tuple((max(a[0], b[0]), min(a[1], b[1])) for a in left.ports for b in right.ports if a[0] <= b[1] and b[0] <= a[1])
    addresses = _shared(left.addresses, right.addresses)
    if both == frozenset() or not ports or not addresses:
        return None
    return Shape(both, ports, addresses, left.certain and right.certain)


def touches(left, right):
    """Tell whether a connection can match both shapes."""
    mine, theirs = protocols_of(left), protocols_of(right)
    if mine is not None and theirs is not None and not mine & theirs:
        return False
    return any(a[0] <= b[1] and b[0] <= a[1] for a in left.ports for b in right.ports) and _intervals.overlaps(left.addresses, right.addresses)


def holds(outer, inner):
    """Tell whether everything that ``inner`` may match is certainly matched by ``outer``."""
    mine, theirs = protocols_of(outer), protocols_of(inner)
    if not outer.certain or (mine is not None and (theirs is None or not theirs <= mine)):
        return False
    ports = all(any(a[0] <= b[0] and b[1] <= a[1] for a in outer.ports) for b in inner.ports)
    return ports and _intervals.covers(outer.addresses, inner.addresses)
