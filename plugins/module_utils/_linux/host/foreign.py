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

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import own_addresses
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.express import NotKnown, address, number_range, shown
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.statements import DECIDE, MAY, element, filled, stays, target, verdict_of
from ansible_collections.portcullis.msports.plugins.module_utils._match import EVERYTHING, Match, Plain, Ports, Protocols, Rule, meet, of_family, typed

Key = t.Tuple[str, str, str]  # family, table, chain

Verdict = t.Union[str, t.Tuple[str, str]]  # "" is none

HOOKS = {"in": ("ingress", "prerouting", "input"), "out": ("output", "postrouting", "egress")}
HOOKS["reply"] = HOOKS["out"]  # what leaves as an answer to a connection that came in
PEER = {"in": "saddr", "out": "daddr", "reply": "daddr"}
PORT = {"in": "dport", "out": "dport", "reply": "sport"}
STATES: t.Dict[str, t.Set[t.Any]] = {"in": {8, "new"}, "out": {8, "new"}, "reply": {2, "established"}}
FAMILIES = ("inet", "ip", "ip6", "netdev")
PARTLY = ("bridge", "arp")  # families whose chains some packets of a host pass
# How the chains of container engines are called: what they translate goes to a container.
ENGINES = ("DOCKER", "NETAVARK", "CNI-")
# Where a translation sends what comes in. nft prints the rules of iptables without their targets' arguments, so of those nobody knows.
SAME_HOST, OTHER_HOST, UNTOLD = "same_host", "other_host", "untold"
LIMIT = 400  # rules of others that are looked at in one direction
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "igmp": 2}
TYPED = {"icmp": 1, "icmpv6": 58}


class Translation(t.NamedTuple):
    """A rule that sends inbound connections elsewhere, and where: one of ``SAME_HOST`` (another port of it), ``OTHER_HOST`` and ``UNTOLD``."""

    place: Key
    text: str
    match: Match
    where: str


class Tables:
    """The tables of others, indexed once from the objects that nft printed."""

    def __init__(self, objects: Objects) -> None:
        self.chains: t.Dict[Key, Plain] = {}
        self.rules: t.Dict[Key, t.List[Plain]] = {}
        self.sets: t.Dict[Key, Plain] = {}
        self._flagged: t.Set[t.Tuple[str, str]] = set()
        self._filled: t.Set[Key] = set()  # sets and maps that rules fill: what is in them now says nothing
        for kind, value in objects:
            if kind == "table" and "flags" in value:
                self._flagged.add((value["family"], value["name"]))
            if kind == "chain":
                self.chains[(value["family"], value["table"], value["name"])] = value
            elif kind == "rule":
                self.rules.setdefault((value["family"], value["table"], value["chain"]), []).append(value)
                self._filled.update((value["family"], value["table"], name) for name in filled(value["expr"]))
            elif kind in ("set", "map"):
                self.sets[(value["family"], value["table"], value["name"])] = value

    def base_chains(self, direction: str) -> t.Iterator[Key]:
        """Yield the keys of chains that packets of a direction pass; in one for translation, a drop is a drop."""
        for key, chain in self.chains.items():
            if chain.get("hook") in HOOKS[direction] and chain.get("type") in ("filter", "nat", "route") and key[0] in FAMILIES + PARTLY:
                yield key

    def rules_met(self, base: Key, direction: str) -> t.Iterator[Rule]:
        """Yield every rule that packets can meet from a base chain on, in order, and its policy as a last one."""
        # A table with a flag may sleep; nft 1.0.6 prints the flag of one that does in no word that can be read.
        everything = EVERYTHING._replace(certain=base[0] in FAMILIES and base[:2] not in self._flagged)
        yield from self._walk(base, direction, everything, frozenset())
        if self.chains[base].get("policy") == "drop":
            yield Rule(base, "policy drop", of_family(everything, base[0]), False)

    def _walk(self, key: Key, direction: str, within: Match, passed: t.FrozenSet[Key]) -> t.Iterator[Rule]:
        whole = of_family(within, key[0])
        for rule in self.rules.get(key, []) if key not in passed else []:
            for own, verdict in self._read(rule, key, direction):
                match = meet(of_family(own, key[0]), within)
                if match is None:
                    continue
                if isinstance(verdict, tuple):
                    yield from self._walk((key[0], key[1], verdict[1]), direction, match, passed | {key})
                elif verdict in DECIDE:
                    yield Rule(key, shown(rule["expr"]), match._replace(certain=match.certain and verdict != MAY), verdict == "accept")
                if verdict == "return" or verdict[:1] == ("goto",):
                    if match == whole:
                        return
                    within = within._replace(certain=False)  # some packets have left

    def untracked(self) -> t.Iterator[Rule]:
        """Yield the rules that take inbound packets from connection tracking; those about what leaves are uncertain, because they are read from outside."""
        for key, rules in self.rules.items():
            for rule in rules:
                if any(name == "notrack" or target(name, value) in ("CT", "NOTRACK") for expression in rule["expr"] for name, value in expression.items()):
                    for match, _verdict in self._read(rule, key, "in"):
                        yield Rule(key, shown(rule["expr"]), of_family(match, key[0]), False)

    def translations(self) -> t.Iterator[Translation]:
        """Yield the rules that send inbound connections to another port or another host."""
        own = _own()
        for key, chain in self.chains.items():
            if chain.get("hook") != "prerouting" or chain.get("type") != "nat":
                continue
            for rule, match in self._all(key, EVERYTHING, frozenset()):
                kinds = {target(name, value) or name: value for expression in rule["expr"] for name, value in expression.items()}
                if "redirect" in kinds and not kinds["redirect"]:
                    continue  # what comes to an address of this host keeps its port
                if {"redirect", "REDIRECT"} & set(kinds) or ("dnat" in kinds and stays(kinds["dnat"], own)):
                    yield Translation(key, shown(rule["expr"]), match, SAME_HOST)
                elif {"DNAT", "NETMAP"} & set(kinds) and not rule["chain"].startswith(ENGINES):
                    yield Translation(key, shown(rule["expr"]), match, UNTOLD)
                elif {"dnat", "DNAT", "NETMAP"} & set(kinds):
                    yield Translation(key, shown(rule["expr"]), match, OTHER_HOST)

    def _all(self, key: Key, within: Match, passed: t.FrozenSet[Key]) -> t.Iterator[t.Tuple[Plain, Match]]:
        """Yield every rule from a chain on, with what it matches."""
        for rule in self.rules.get(key, []) if key not in passed else []:
            for own, verdict in self._read(rule, key, "in"):
                match = meet(of_family(own, key[0]), within)
                if match is None:
                    continue
                yield rule, match
                if isinstance(verdict, tuple):
                    yield from self._all((key[0], key[1], verdict[1]), match, passed | {key})

    def _read(self, rule: Plain, key: Key, direction: str) -> t.List[t.Tuple[Match, Verdict]]:
        """Return what a rule matches of new connections over the network, with its verdict; of a verdict map, entry by entry. A jump is ``(kind, chain)``."""
        match, verdict = EVERYTHING, ""
        for expression in rule["expr"]:
            ((kind, value),) = expression.items()
            if kind == "match":
                narrowed = self._narrowed(match, value, key, direction)
                if narrowed is None:
                    return []
                match = narrowed
            elif kind == "vmap":
                return list(self._entries(match, value, key, direction))
            elif kind in ("jump", "goto"):
                return [(match, (kind, value["target"]))]
            else:
                verdict, certain = verdict_of(kind, value)
                match = match._replace(certain=match.certain and certain)
            if verdict:
                break
        return [(match, verdict)]

    def _entries(self, match: Match, value: Plain, key: Key, direction: str) -> t.Iterator[t.Tuple[Match, Verdict]]:
        """Yield the entries of a verdict map; what cannot be read of it may stop everything."""
        data: t.Any = value.get("data")
        if isinstance(data, str) and data.startswith("@") and (key[0], key[1], data[1:]) not in self._filled:
            data = {"set": self.sets.get((key[0], key[1], data[1:]), {}).get("elem", [])}
        try:
            entries = [(entry, *list(then.items())[0]) for entry, then in data["set"]]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            yield match._replace(certain=False), MAY
            return
        for entry, kind, content in entries:
            narrowed = self._narrowed(match, {"left": value["key"], "right": element(entry), "op": "=="}, key, direction)
            if narrowed is not None:
                yield narrowed, (kind, content["target"]) if kind in ("jump", "goto") else verdict_of(kind, content)[0]

    def _narrowed(self, match: Match, value: Plain, key: Key, direction: str) -> t.Optional[Match]:
        """Return a match with one condition more, or ``None`` when nothing is left that a new connection over the network could match."""
        read = self._condition(value, key, direction)
        if read is None:
            return None
        name, content = read
        if name in ("protocols", "implied"):
            return meet(match, EVERYTHING._replace(protocols=content, certain=name == "protocols"))
        if name == "ports":
            number, ports = content  # pylint: disable=unpacking-non-sequence
            return meet(match, EVERYTHING._replace(protocols=frozenset([number]) if number else None, ports=ports))
        if name == "peers":
            return meet(match, EVERYTHING._replace(addresses=content))
        return match if name == "nothing" else match._replace(certain=False)

    def _condition(self, value: Plain, key: Key, direction: str) -> t.Optional[t.Tuple[str, t.Any]]:
        """Return ``(what, content)`` of one match, or ``None`` when it excludes new connections over the network."""
        left, right, operation = value["left"], value["right"], value["op"]
        ((kind, field),) = left.items() if isinstance(left, dict) else (("other", left),)
        try:
            if kind == "ct" and field.get("key") == "state" and operation in ("in", "=="):
                states: t.Any = right.get("|", right.get("set", [])) if isinstance(right, dict) else right if isinstance(right, list) else [right]
                return ("nothing", None) if set(states) & STATES[direction] else None
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
        if field == PORT[direction] and protocol in ("tcp", "udp", "th"):
            return "ports", (NUMBERS.get(protocol), _port_ranges(right))
        if protocol in ("ip", "ip6") and field == PEER[direction]:
            version = 4 if protocol == "ip" else 6
            if isinstance(right, str) and right.startswith("@"):
                if (key[0], key[1], right[1:]) in self._filled:
                    return "other", None
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


def _own() -> t.List[str]:
    try:
        return own_addresses.own_addresses()
    except OSError:
        return []


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
        elif chain.startswith(ENGINES):
            engines.add("podman")
    published = [text for _key, text in tables.mentions("dnat")]
    if not engines and not published:
        return []
    who = " and ".join(sorted(engines)) or "address translation to another host or container"
    ports = "; ".join(published[:5]) or "none at present"
    return ["{0}: published ports are forwarded past every input chain and are outside of what these rules guarantee ({1})".format(who, ports)]
