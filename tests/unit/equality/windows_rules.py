# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An evaluator of rules of the Windows firewall, as the policy store holds them: property by property, with Windows' own spellings.

It shares no code with whoever made the rules. ``RPC`` stands for the host's dynamic ports, ``RPC-EPMap`` for 135. A rule without a
property has the value of a new rule of Windows; whatever narrows a rule in a way that has no counterpart elsewhere (a program, a profile,
an interface, a user) is refused, but for the endpoint mapper bound to its service.
"""

from __future__ import annotations

import functools
import ipaddress
import typing as t

from ansible_collections.portcullis.msports.tests.unit.equality.boxes import KINDS, LAST, PORTS, Box, Packet, Span, Spans, everywhere, grouped

Row = t.Mapping[str, t.Any]
NEW_RULE = {
    "enabled": False,
    "direction": 1,
    "action": 1,
    "protocol": 256,
    "local_ports": "*",
    "remote_ports": "*",
    "local_addresses": "*",
    "remote_addresses": "*",
    "profiles": 0x7FFFFFFF,
    "program": "",
    "service": "",
    "interface_types": "All",
    "interfaces": [],
    "icmp": "*",
    "edge": 0,
    "secure": 0,
    "users": "",
}
TOLD_ELSEWHERE = ("id", "key", "name", "description", "grouping")  # what a rule is called and whose it is
MAPPER = {"program": r"%systemroot%\system32\svchost.exe", "service": "rpcss"}
_PROTOCOLS = {6: ("tcp",), 17: ("udp",), 256: KINDS}
_ECHO = {1: (4, "8:*"), 58: (6, "128:*")}


class Unreadable(ValueError):
    """A rule says something that this evaluator does not know."""


class Ruleset:
    """Rules of one owner, and the defaults that hold where none of them matches."""

    def __init__(self, rows: t.Iterable[Row], inbound: str = "block", outbound: str = "allow", dynamic: Spans = ((49152, 65535),)) -> None:
        self._defaults = {"in": inbound == "allow", "out": outbound == "allow"}
        self._dynamic = dynamic
        rules = [{**NEW_RULE, **{key: value for key, value in row.items() if value is not None}} for row in rows]  # none: as a new rule has it
        self.rules = [rule for rule in rules if rule["enabled"]]
        self._boxes = {action: [box for rule in self.rules if rule["action"] == action for box in self._of(rule)] for action in (0, 1)}
        self._by_sort = {action: grouped(boxes) for action, boxes in self._boxes.items()}

    def verdict(self, packet: Packet) -> bool:
        """Tell whether the first packet of a new connection gets through: what blocks wins, then what allows, then the default."""
        blocks, allows = (self._by_sort[action].get(packet[:3], ()) for action in (0, 1))
        if any(box.holds(packet) for box in blocks):
            return False
        return any(box.holds(packet) for box in allows) or self._defaults[packet.direction]

    def planned(self) -> list[Box]:
        """Return what the rules admit; every rule must allow."""
        if self._boxes[0]:
            raise Unreadable(f"{self._boxes[0][0].rule}: a rule of the plan that blocks")
        return self._boxes[1]

    def _of(self, rule: Row) -> t.Iterator[Box]:
        self._check_reach(rule)
        direction = {1: "in", 2: "out"}[rule["direction"]]
        kinds, families = _PROTOCOLS.get(rule["protocol"], ()), (4, 6)
        if rule["protocol"] in _ECHO:
            family, types = _ECHO[rule["protocol"]]
            if rule["icmp"] != types:
                raise Unreadable(f"{rule['name']}: ICMP types {rule['icmp']}")
            kinds, families = ("echo",), (family,)
        elif rule["icmp"] != "*" or not kinds:
            raise Unreadable(f"{rule['name']}: protocol {rule['protocol']}, ICMP types {rule['icmp']}")
        ports = {key: self._ports(rule, key) for key in ("remote_ports", "local_ports")}
        for family in families:
            ends = {key: _addresses(rule[key + "_addresses"], family) for key in ("remote", "local")}
            if all(ends.values()):
                for kind in kinds:
                    yield Box(direction, family, kind, **ends, **ports, rule=rule["name"])

    @staticmethod
    def _check_reach(rule: Row) -> None:
        """Refuse what makes a rule hold only sometimes."""
        if unknown := sorted(set(rule) - {*NEW_RULE, *TOLD_ELSEWHERE}):
            raise Unreadable(f"{rule['name']}: {unknown[0]} is {rule[unknown[0]]!r}")
        bound = {"program": rule["program"].lower().replace("c:\\windows\\", "%systemroot%\\"), "service": rule["service"].lower()}
        free = {"program": "", "service": ""}
        if bound not in (free, MAPPER) or (bound == MAPPER and rule["local_ports"].strip(",").upper() not in ("RPC-EPMAP", "135")):
            raise Unreadable(f"{rule['name']}: bound to {bound}")
        if rule["profiles"] not in (7, 0x7FFFFFFF):
            raise Unreadable(f"{rule['name']}: not for all profiles")
        wrong = [key for key in ("interface_types", "interfaces", "edge", "secure", "users") if rule[key] != NEW_RULE[key]]
        if wrong:
            raise Unreadable(f"{rule['name']}: {wrong[0]} is {rule[wrong[0]]!r}")

    def _ports(self, rule: Row, key: str) -> Spans:
        found: list[Span] = []
        for word in filter(None, (part.strip() for part in rule[key].split(","))):
            if word == "*":
                return PORTS
            if rule["protocol"] not in (6, 17):
                raise Unreadable(f"{rule['name']}: ports of protocol {rule['protocol']}")
            if word.upper() in ("RPC", "RPC-EPMAP"):
                if (rule["direction"], rule["protocol"], key) != (1, 6, "local_ports"):
                    raise Unreadable(f"{rule['name']}: {word} has a meaning for own ports of inbound TCP only")
                found += self._dynamic if word.upper() == "RPC" else [(135, 135)]
            else:
                first, _dash, last = word.partition("-")
                found.append((int(first), int(last or first)))
        return tuple(found) or PORTS


@functools.cache
def _addresses(text: str, family: int) -> Spans:
    """Return the addresses of one family in a list of prefixes, masks, ranges and single addresses."""
    found: list[Span] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word == "*":
            return everywhere(family)
        first, dash, last = word.partition("-")
        if dash:
            ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
        else:
            network = ipaddress.ip_network(word)  # a mask is as good as a prefix, and host bits are refused
            if network.prefixlen == 0:
                raise Unreadable(f"{word}: Windows takes no mask without bits")
            ends = network[0], network[-1]
        if ends[0].version == family:
            found.append((int(ends[0]), int(ends[1])))
    if any(first > last or last > LAST[family] for first, last in found):
        raise Unreadable(text)
    return tuple(found)
