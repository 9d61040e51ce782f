# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rules of other tables, read as far as needed to say where they cut what ours allow, and where ours cut what they allow.

A rule becomes a ``Rule`` with its place ``(family, table, chain)``. What cannot be read makes it uncertain, never narrower than the rule.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.express import NotKnown, address, number_range, shown
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Objects
from ansible_collections.portcullis.msports.plugins.module_utils._match import EVERYTHING, Match, Plain, Ports, Protocols, Rule, meet, of_family, typed

Key = t.Tuple[str, str, str]  # family, table, chain

HOOKS = {"in": ("ingress", "prerouting", "input"), "out": ("output", "postrouting")}
PEER = {"in": "saddr", "out": "daddr"}
LIMIT = 400  # rules of others that are looked at in one direction
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "igmp": 2}
TYPED = {"icmp": 1, "icmpv6": 58}


class Tables:
    """The tables of others, indexed once from the objects that nft printed."""

    def __init__(self, objects: Objects) -> None:
        self.chains: t.Dict[Key, Plain] = {}
        self.rules: t.Dict[Key, t.List[Plain]] = {}
        self.sets: t.Dict[Key, Plain] = {}
        for kind, value in objects:
            if kind == "chain":
                self.chains[(value["family"], value["table"], value["name"])] = value
            elif kind == "rule":
                self.rules.setdefault((value["family"], value["table"], value["chain"]), []).append(value)
            elif kind == "set":
                self.sets[(value["family"], value["table"], value["name"])] = value

    def base_chains(self, direction: str) -> t.Iterator[Key]:
        """Yield the keys of filter chains that packets of a direction pass."""
        for key, chain in self.chains.items():
            if chain.get("hook") in HOOKS[direction] and chain.get("type") == "filter" and key[0] in ("inet", "ip", "ip6", "netdev"):
                yield key

    def rules_met(self, base: Key, direction: str) -> t.Iterator[Rule]:
        """Yield every rule that packets can meet from a base chain on, in order, and its policy as a last one."""
        yield from self._walk(base, direction, EVERYTHING, frozenset())
        if self.chains[base].get("policy") == "drop":
            yield Rule(base, "policy drop", of_family(EVERYTHING, base[0]), False)

    def _walk(self, key: Key, direction: str, within: Match, passed: t.FrozenSet[Key]) -> t.Iterator[Rule]:
        if key in passed:
            return
        for rule in self.rules.get(key, []):
            own, verdict = self._read(rule, key, direction)
            match = meet(of_family(own, key[0]), within) if own else None
            if match is None:
                continue
            if isinstance(verdict, tuple):
                yield from self._walk((key[0], key[1], verdict[1]), direction, match, passed | {key})
            elif verdict:
                yield Rule(key, shown(rule["expr"]), match, verdict == "accept")

    def _read(self, rule: Plain, key: Key, direction: str) -> t.Tuple[t.Optional[Match], t.Union[str, t.Tuple[str, str], None]]:
        """Return ``(Match or None when no new connection over the network can match, verdict)``; a jump is a verdict ``(kind, chain)``."""
        protocols: t.Optional[Protocols] = None
        ports: Ports = _ports.ALL
        peers, certain = _addresses.ANY, True
        verdict: t.Union[str, t.Tuple[str, str], None] = None
        for expression in rule["expr"]:
            ((kind, value),) = expression.items()
            if kind == "match":
                read = self._condition(value, key, direction)
                if read is None:
                    return None, None
                name, content = read
                if name in ("protocols", "implied"):
                    protocols = content if protocols is None else protocols & content
                    certain = certain and name == "protocols"
                elif name == "ports":
                    number, ports = content  # pylint: disable=unpacking-non-sequence
                    own = frozenset([number]) if number else None
                    protocols = own if protocols is None else protocols if own is None else protocols & own
                elif name == "peers":
                    peers = content
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
        return Match(protocols, ports, peers, certain), verdict

    def _condition(self, value: Plain, key: Key, direction: str) -> t.Optional[t.Tuple[str, t.Any]]:
        """Return ``(what, content)`` of one match, or ``None`` when it excludes new connections over the network."""
        left, right, operation = value["left"], value["right"], value["op"]
        ((kind, field),) = left.items() if isinstance(left, dict) else (("other", left),)
        try:
            if kind == "ct" and field.get("key") == "state" and operation in ("in", "=="):
                states: t.Any = right.get("|", right.get("set", [])) if isinstance(right, dict) else right if isinstance(right, list) else [right]
                return ("nothing", None) if set(states) & {8, "new"} else None
            if kind == "meta" and field["key"] in ("iif", "iifname", "oif", "oifname") and operation == "==" and set(_items(right)) <= {"lo", "lo*"}:
                return None
            if operation != "==":
                return "other", None
            if kind == "meta" and field["key"] == "l4proto":
                return "protocols", _protocols(right)
            if kind == "payload":
                return self._payload(field["protocol"], field["field"], right, key, direction)
        except (NotKnown, KeyError, ValueError, TypeError, AttributeError):
            pass
        return "other", None

    def _payload(self, protocol: str, field: str, right: t.Any, key: Key, direction: str) -> t.Tuple[str, t.Any]:
        if field == "dport" and protocol in ("tcp", "udp", "th"):
            return "ports", (NUMBERS.get(protocol), _port_ranges(right))
        if protocol in ("ip", "ip6") and field == PEER[direction]:
            version = 4 if protocol == "ip" else 6
            if isinstance(right, str) and right.startswith("@"):
                right = {"set": self.sets[(key[0], key[1], right[1:])].get("elem", [])}
            return "peers", _addresses.union(address(version, item) for item in _items(right))
        if (protocol, field) in (("ip", "protocol"), ("ip6", "nexthdr")):
            return "protocols", _protocols(right)
        if protocol in TYPED and field == "type" and not (isinstance(right, str) and right.startswith("@")):
            intervals = [number_range(protocol, field, item) for item in _items(right)]
            return "protocols", typed(TYPED[protocol], (value for first, last in intervals for value in range(first, last + 1)))
        if protocol in NUMBERS:
            return "implied", _protocols(protocol)
        return "other", None

    def mentions(self, kind: str) -> t.Iterator[t.Tuple[Key, str]]:
        """Yield the text of every rule with a statement ``kind`` (``notrack``, ``dnat``...), with its place."""
        for key, rules in self.rules.items():
            for rule in rules:
                names = [(name, value) for expression in rule["expr"] for name, value in expression.items()]
                if any(name == kind or (name == "xt" and (value or {}).get("name") == {"notrack": "CT", "dnat": "DNAT"}.get(kind)) for name, value in names):
                    yield key, shown(rule["expr"])


def _port_ranges(right: t.Any) -> Ports:
    ranges = (item["range"] if isinstance(item, dict) else (item, item) for item in _items(right))
    return tuple(sorted((int(first), int(last)) for first, last in ranges))


def _items(right: t.Any) -> t.List[t.Any]:
    return right["set"] if isinstance(right, dict) and set(right) == {"set"} else right if isinstance(right, list) else [right]


def _protocols(right: t.Any) -> Protocols:
    numbers = [NUMBERS[item] if isinstance(item, str) else int(item) for item in _items(right)]
    return frozenset().union(*(typed(number) if number in TYPED.values() else {number} for number in numbers))


def containers(tables: Tables) -> t.List[str]:
    """Return warnings about ports that container engines publish past every input chain."""
    engines = set()
    for _family, _table, chain in tables.chains:
        if chain.startswith("DOCKER"):
            engines.add("Docker")
        elif chain.startswith(("NETAVARK", "CNI-")):
            engines.add("podman")
    published = [text for _key, text in tables.mentions("dnat")]
    if not engines and not published:
        return []
    who = " and ".join(sorted(engines)) or "address translation to another host or container"
    ports = "; ".join(published[:5]) or "none at present"
    return ["{0}: published ports are forwarded past every input chain and are outside of what these rules guarantee ({1})".format(who, ports)]
