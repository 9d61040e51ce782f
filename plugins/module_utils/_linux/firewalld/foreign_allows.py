# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What zones and policies of others admit and stop, with the place that they come from.

A rule that cannot be read in full is not ``certain``: it is reported, and the guard asks what follows if it matches and if it does not.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import rich as rich_rules
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.asked import Asked
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.kernel import ICMP
from ansible_collections.portcullis.msports.plugins.module_utils._match import Match, Protocols, Rule, typed

Settings = t.Mapping[str, t.Any]
Element = t.Tuple[str, ...]


class ForeignRule(t.NamedTuple):
    """``priority`` is that of the policy, 0 for a zone; ``rank`` is that of a rich rule, else 0.

    ``ipset`` names the ipset that the other end must be in, where that is all that is not certain.
    """

    rule: Rule
    priority: int
    rank: int
    ipset: str


class Zone(t.NamedTuple):
    """``sources`` are those of a zone that has nothing else, ``bound`` all that it has; ``wide`` tells that packets of an interface reach it."""

    name: str
    settings: Settings
    sources: t.Sequence[str]
    bound: t.Sequence[str]
    wide: bool


NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "igmp": 2, "gre": 47, "esp": 50, "ah": 51}
# What a rich rule logs or counts beside its action has no part in what becomes of a packet; a limit of the action itself has.
_BESIDE = re.compile(r' (?:log|nflog|audit)(?: (?:prefix|level|group|queue-size)="[^"]*")*(?: limit value="[^"]*")?(?=.* (?:accept|drop|reject)\b)')
_FORWARD = re.compile(r'forward-port port="([^"]*)" protocol="([^"]*)"(?: to-port="([^"]*)")?(?: to-addr="([^"]*)")?')
_PRIORITY = re.compile(r'^rule priority="(-?\d+)"')
FAMILIES = {"ipv4": _addresses.ANY[:1], "ipv6": _addresses.ANY[1:]}


def zones(daemon: Asked) -> t.List[Zone]:
    """Return the zones that packets can reach: those with an interface or a source, and the default zone."""
    active = daemon.call("zone", "getActiveZones")
    default = daemon.call("", "getDefaultZone")
    found = []
    for name in sorted(set(active) | {default}):
        bound = active.get(name, {})
        only_sources = name != default and not bound.get("interfaces")
        sources = bound.get("sources", [])
        found.append(Zone(name, daemon.call("zone", "getZoneSettings2", "s", name), sources if only_sources else [], sources, not only_sources))
    return found


def rules(daemon: Asked, found_zones: t.Iterable[Zone], own: t.Container[str], direction: str = "in") -> t.List[ForeignRule]:
    """Return the foreign rules of one direction: of zones (inbound only) and of policies."""
    found: t.List[ForeignRule] = []
    services: t.Dict[str, t.Any] = {}
    if direction == "in":
        for zone in found_zones:
            found += of_settings(daemon, services, "zone {0}".format(zone.name), zone.settings, zone.sources, 0)
    mine, theirs = ("egress_zones", "ingress_zones") if direction == "in" else ("ingress_zones", "egress_zones")
    active = {"ANY"} | {zone.name for zone in found_zones}
    for name in daemon.call("policy", "getPolicies"):
        if name not in own:
            settings = daemon.call("policy", "getPolicySettings", "s", name)
            if "HOST" in settings.get(mine, ()) and active & set(settings.get(theirs, ())):
                found += of_settings(daemon, services, "policy {0}".format(name), settings, [], settings.get("priority", -1), direction)
    return found


def forwards(daemon: Asked, found_zones: t.Iterable[Zone], own: t.Container[str]) -> t.List[Rule]:
    """Return what zones and foreign policies send to another port or another host. firewalld admits it before it asks any zone or policy."""
    places = [("zone {0}".format(zone.name), zone.settings) for zone in found_zones]
    for name in daemon.call("policy", "getPolicies"):
        if name not in own:
            places.append(("policy {0}".format(name), daemon.call("policy", "getPolicySettings", "s", name)))
    return [rule for place, settings in places for rule in _forwards(place, settings)]


def _forwards(place: str, settings: Settings) -> t.Iterator[Rule]:
    given = [("", *entry) for entry in settings.get("forward_ports", [])]
    for line in settings.get("rules_str", settings.get("rich_rules", [])):
        given += [(line, *(value or "" for value in found.groups())) for found in _FORWARD.finditer(line)]
    for line, port, protocol, to_port, to_address in given:
        where = ":".join(filter(None, (to_address, to_port)))
        if where and where != port:
            text = "rich rule '{0}'".format(line) if line else "forward-port {0}/{1} to {2}".format(port, protocol, where)
            match = Match(frozenset([NUMBERS.get(protocol, 255)]), (_interval(port),), _addresses.ANY, not line)
            yield Rule(place, text, match, True)


def of_settings(
    daemon: Asked, services: t.Dict[str, t.Any], place: str, settings: Settings, sources: t.Sequence[str], priority: int, direction: str = "in"
) -> t.List[ForeignRule]:
    """Return the foreign rules of one zone or policy; ``services`` keeps what was read of services."""
    make = _Maker(place, sources, priority, direction)
    for name in settings.get("services", []):
        make.service("service {0}".format(name), _service(daemon, services, name))
    make.service("", settings)
    for line in settings.get("rules_str", settings.get("rich_rules", [])):
        make.rich(line, daemon, services)
    for name in settings.get("icmp_blocks", []):
        make.add("icmp-block {0}".format(name), element=("icmp-type", name), admits=settings.get("icmp_block_inversion", False))
    target = settings.get("target", "")
    if target in ("ACCEPT", "DROP", "REJECT", "%%REJECT%%"):
        make.add("target {0}".format(target.strip("%")), admits=target == "ACCEPT")
    elif priority == 0 and not settings.get("icmp_block_inversion"):
        make.add("ICMP, echo requests among it", element=("icmp", ""))
    return make.found


def _service(daemon: Asked, services: t.Dict[str, t.Any], name: str) -> t.Dict[str, t.Any]:
    """Return the settings of a service with what it includes."""
    if name not in services:
        services[name] = {}  # A service that includes itself ends here.
        found = dict(daemon.call("", "getServiceSettings2", "s", name))
        for other in found.get("includes", []):
            for key, values in _service(daemon, services, other).items():
                if isinstance(values, list):
                    found[key] = list(found.get(key, [])) + values
        services[name] = found
    read: t.Dict[str, t.Any] = services[name]
    return read


class _Maker:
    """Collects the rules of one zone or policy."""

    def __init__(self, place: str, sources: t.Sequence[str], priority: int, direction: str) -> None:
        self._place = place
        self._sources = sources
        self._priority = priority
        self._direction = direction
        self._rank = 0
        self.found: t.List[ForeignRule] = []

    def service(self, label: str, settings: Settings, family: str = "", address: str = "", admits: bool = True, certain: bool = True) -> None:
        """Add the ports and protocols of a service, or of a zone itself (no label)."""
        destinations = settings.get("destination") or {}
        if set(destinations) == {"ipv6"} and destinations["ipv6"].startswith("fe80:"):
            # Only this link can send to addresses of this link.
            family, address = "ipv6", address or "fe80::/10"
        elif destinations:
            # Where a service has destinations, it is for packets to them alone: at most what is said here.
            family, certain = family or (next(iter(destinations)) if len(destinations) == 1 else ""), False
        parts: t.List[Element] = [("port", port, protocol) for port, protocol in settings.get("ports", [])]
        parts += [("source-port", port, protocol) for port, protocol in settings.get("source_ports", [])]
        parts += [("protocol", protocol) for protocol in settings.get("protocols", [])]
        for element in parts:
            words = "{0} {1}".format(element[0].replace("-", " "), "/".join(element[1:]))
            self.add("{0} ({1})".format(label, words) if label else words, element, family, address, admits, certain)

    def rich(self, line: str, daemon: Asked, services: t.Dict[str, t.Any]) -> None:
        priority = _PRIORITY.match(line)
        self._rank = int(priority.group(1)) if priority else 0
        self._read(line, daemon, services)
        self._rank = 0

    def _read(self, line: str, daemon: Asked, services: t.Dict[str, t.Any]) -> None:
        try:
            rich = rich_rules.parse(_BESIDE.sub("", line))
        except ValueError:
            self.add("rich rule '{0}'".format(line), certain=False, admits=" accept" in line)
            if " accept" not in line and not any(word in line for word in (" drop", " reject")):
                self.found.pop()
            return
        if rich.action[0] == "log":
            return
        admits, address = rich.action[0] == "accept", rich.source if self._direction == "in" else rich.destination
        other = rich.destination if self._direction == "in" else rich.source
        label = "rich rule '{0}'".format(line)
        if rich.element and rich.element[0] == "service":
            self.service(label, _service(daemon, services, rich.element[1]), rich.family, address, admits, not other)
        else:
            self.add(label, rich.element, rich.family, address, admits, not other)

    def add(self, what: str, element: Element = (), family: str = "", address: str = "", admits: bool = True, certain: bool = True) -> None:
        protocols, ports, far = self._element(element, family)
        peers, known = self._peers(address, family)
        ipset = address[6:] if address.startswith("ipset:") and certain and far is not None else ""
        match = Match(protocols, ports or _ports.ALL, peers, certain and known and far is not None)
        self.found.append(ForeignRule(Rule(self._place, what, match, admits), self._priority, self._rank, ipset))

    def _element(self, element: Element, family: str) -> t.Tuple[t.Optional[Protocols], t.Tuple[t.Any, ...], t.Optional[t.Tuple[()]]]:
        """Return ``(protocols, ports of the destination, ports of the source or None for not certain)``."""
        kind = element[0] if element else ""
        if kind == "port":
            return frozenset([NUMBERS.get(element[2], 255)]), (_interval(element[1]),), ()
        if kind == "source-port":
            return frozenset([NUMBERS.get(element[2], 255)]), (), None
        if kind == "icmp":
            return typed(1) | typed(58), (), ()
        if kind == "icmp-type":
            types = ICMP.get(element[1], {})
            found = [typed({4: 1, 6: 58}[version], [number]) for version, number in types.items()] or [typed(1), typed(58)]
            return frozenset().union(*found), (), () if types else None
        if kind == "protocol":
            value = element[1]
            if value in ("icmp", "ipv6-icmp", "icmpv6"):
                return typed(1 if value == "icmp" else 58), (), ()
            number = NUMBERS.get(value, int(value) if _ports.is_number(value) else None)
            return (frozenset([number]), (), ()) if number is not None else (None, (), None)
        return None, (), ()

    def _peers(self, address: str, family: str) -> t.Tuple[_addresses.Addresses, bool]:
        """Return ``(intervals, whether they are known)`` of the other end."""
        found = FAMILIES.get(family, _addresses.ANY)
        try:
            if address.startswith("ipset:"):
                return found, False
            if address:
                return (parse(address),), True
            if self._sources:
                return _addresses.union(parse(source) for source in self._sources), True
        except ValueError:
            return found, False
        return found, True


def _interval(text: str) -> _ports.PortRange:
    return _ports.PortRange.parse(text.replace(":", "-"))


def parse(text: str) -> _addresses.Interval:
    """Return the interval of an address as others write it, host bits included."""
    address, _slash, length = text.partition("/")
    version, first, last = _addresses.parse_one(address)
    if length:
        bits = (32 if version == 4 else 128) - (int(length) if _ports.is_number(length) else bin(_addresses.parse_one(length)[1]).count("1"))
        first = first >> bits << bits
        last = first | ((1 << bits) - 1)
    return (version, first, last)
