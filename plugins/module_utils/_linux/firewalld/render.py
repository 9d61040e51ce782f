# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""From the rules of a ruleset to the policies, ipsets and services that firewalld must have.

A direction has up to three policies: ``-block`` and ``-allow`` with the rules, ``-rest`` with the default and what keeps a host alive.
Policies with a negative priority are asked before the zones, those with a positive one after the zones' own rules and before their
targets. A rich rule has room for one address at each end and for one port at one end: a rule becomes as many as it takes, and where both ends have
ports, our end becomes an ipset of addresses with ports.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _limits, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._limits import Refusal, matching, of_every_backend
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import HELPER_PORTS, Objects, Policy, digest, networks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.rich import Rich, rule, text
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import prefix
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import AddressSets, Options

End = t.Tuple[str, t.Optional[t.Tuple[_addresses.Interval, ...]]]

# Priorities by ``firewalld_precedence``: of what blocks, of what allows, of the default. The policy that firewalld comes with has -15000.
PRIORITIES = {"merge": (-1000, -990, 30000), "override": (-1000, -990, -980), "yield": (-1000, 20000, 30000)}
ZONES = {"in": ("ANY", "HOST"), "out": ("HOST", "ANY")}
BLOCK, ALLOW, REST = 0, 1, 2
TARGETS = {"block": "DROP", "reject": "REJECT", "allow": "ACCEPT"}

_ICMP = tuple(rule(element=("icmp-type", name)) for name in ("destination-unreachable", "time-exceeded", "parameter-problem"))
_ICMPV6 = tuple(
    rule("ipv6", element=("icmp-type", name))
    for name in ("packet-too-big", "neighbour-solicitation", "neighbour-advertisement", "router-solicitation", "router-advertisement", "redirect")
)
_BOTH = _ICMP + _ICMPV6 + (rule("ipv4", element=("protocol", "igmp")),)
# What keeps a host alive, for a default that stops packets. firewalld itself lets replies and the interface lo pass. It has no names for the
# types of MLD in every version: all ICMPv6 to multicast groups stands for them, and inbound only from this link.
BASE = {
    "in": _BOTH + (rule("ipv6", source="fe80::/10", destination="ff00::/8", element=("protocol", "ipv6-icmp")),),
    "out": _BOTH + (rule("ipv6", destination="ff00::/8", element=("protocol", "ipv6-icmp")),),
}
RESETS = tuple(rule(family, element=("protocol", "tcp"), action=("reject", "tcp-reset"), priority=1) for family in ("ipv4", "ipv6"))
# Assignment of addresses has ports at both ends: where from (an ipset of that name), family, source port, destination port.
ASSIGNMENT = {
    "in": (("dhcp-answers", 4, "0.0.0.0/0", 67, "68"), ("dhcpv6-answers", 6, "fe80::/10", 547, "546")),
    "out": (("dhcp-requests", 4, "0.0.0.0/0", 68, "67"), ("dhcpv6-requests", 6, "::/0", 546, "547")),
}

# Beyond so many networks of one family a list of addresses becomes an ipset.
INLINE = 4
# Names of ipsets have room for 31 characters: prefix 7, label, digest 6, family 1, three hyphens.
SET_LABEL = 14
LOG_LIMIT = "10/s"
# Since this version a destination can be an ipset. Before it each network takes a rich rule, up to so many of one rule.
DESTINATION_SETS = (1, 0)
LONGEST = 500
VERSIONS = {4: "ipv4", 6: "ipv6"}
UNWRITTEN = "mode is audit: these blocks are not written, unless audit_log is true, which logs what they would stop: {0}"
HELPER = "firewalld attaches the helper {0} to udp/{1} alone, not to {2}; name that port, or leave the helper out and admit the answers by a rule of their own"


class Rendered(t.NamedTuple):
    """``objects`` are the ``Objects``, ``problems`` what firewalld cannot express, ``warnings`` what has no effect."""

    objects: Objects
    problems: t.List[str]
    warnings: t.List[str]


def render(
    rules: t.Sequence[Plain],
    address_sets: AddressSets,
    options: Options,
    helpers: t.Sequence[str] = ("tftp", "netbios-ns"),
    version: t.Tuple[int, ...] = DESTINATION_SETS,
) -> Rendered:
    """Return ``Rendered`` for complete, checked rules. ``options`` are the module's, ``helpers`` those that the kernel has."""
    return _Render(rules, address_sets, options, helpers, version >= DESTINATION_SETS).rendered()


class _Render:
    def __init__(self, rules: t.Sequence[Plain], address_sets: AddressSets, options: Options, helpers: t.Sequence[str], destination_sets: bool) -> None:
        self._destination_sets = destination_sets
        self._refused = refusals(rules, address_sets)
        unsaid = {refusal.index for refusal in self._refused}
        self._rules = sorted(((index, one) for index, one in enumerate(rules) if index not in unsaid), key=lambda item: item[1]["name"])
        self._options = options
        self._helpers = helpers
        self._start = prefix(options["owner"])
        self._collapsed = {name: (name, networks(texts)) for name, texts in address_sets.items()}
        self._sets, self._services = {}, {}
        self._nobody = []
        self._unwritten = []
        self._logs = options["mode"] == "audit" and options.get("audit_log", False)

    def rendered(self) -> Rendered:
        found = {}
        for index, one in self._rules:
            try:
                made = list(self._of(one))
            except ValueError as reason:
                self._refused.append(Refusal(index, one["name"], str(reason)))
                continue
            for direction, kind, riches in made:
                of_policy = found.setdefault((direction, kind), {})
                of_policy[one["name"]] = sorted({text(rich) for rich in riches}.union(of_policy.get(one["name"], ())))
        policies = dict(
            self._policy(direction, kind, found.get((direction, kind), {})) for direction in ("in", "out") for kind in self._kinds(direction, found)
        )
        warnings = []
        if self._nobody:
            warnings.append("these rules match nobody, because their address sets are empty, and are not loaded: " + _limits.some(self._nobody))
        if self._unwritten:
            warnings.append(UNWRITTEN.format(_limits.some(self._unwritten)))
        return Rendered(Objects(policies, self._sets, self._services), _limits.texts(self._refused), warnings)

    def _kinds(self, direction: str, found: t.Any) -> t.Any:
        kinds = [kind for kind in (BLOCK, ALLOW) if (direction, kind) in found]
        return kinds + ([REST] if self._default(direction) != "keep" else [])

    def _default(self, direction: str) -> t.Any:
        return self._options["default_inbound" if direction == "in" else "default_outbound"]

    def _policy(self, direction: str, kind: int, by_name: t.Any) -> t.Tuple[str, Policy]:
        name = "{0}-{1}-{2}".format(self._start, direction, ("block", "allow", "rest")[kind])
        priority = PRIORITIES[self._options["firewalld_precedence"]][kind]
        ingress, egress = ZONES[direction]
        record = {rule_name: [digest(line) for line in texts] for rule_name, texts in by_name.items()}
        lines, target = {line for texts in by_name.values() for line in texts}, "CONTINUE"
        if kind == REST:
            target = TARGETS[self._default(direction)]
            lines |= {text(rich) for rich in BASE[direction] + self._assignment(direction)} if target != "ACCEPT" else set()
            if target != "ACCEPT" and self._options["mode"] == "audit":
                target = "CONTINUE"
                lines |= set() if not self._logs else {text(rule(action=self._log(direction), priority=32767))}
            elif target == "REJECT":
                lines |= {text(rich) for rich in RESETS}
        return name, Policy(priority, target, (ingress,), (egress,), tuple(sorted(lines)), record)

    def _assignment(self, direction: str) -> t.Tuple[Rich, ...]:
        made = []
        for label, version, source, source_port, port in ASSIGNMENT[direction]:
            name = "{0}-{1}-{2}".format(self._start, label, version)
            ends = _addresses.halves(_addresses.parse_one(source))
            self._sets[name] = (version, tuple(sorted(end + ("udp", source_port, source_port) for end in ends)))
            made.append(rule(VERSIONS[version], source="ipset:" + name, element=("port", port, "udp")))
        return tuple(made)

    def _log(self, direction: str) -> t.Tuple[str, ...]:
        return ("log", "{0} would drop {1}: ".format(self._options["owner"], direction), LOG_LIMIT)

    def _of(self, one: Plain) -> t.Iterator[t.Tuple[str, int, t.List[Rich]]]:
        """Yield ``(direction, kind, rich rules)`` of one rule."""
        direction = one["direction"]
        remote, local = (self._addresses(one[key]) for key in ("remote_addresses", "local_addresses"))
        if () in (remote[1], local[1]):
            self._nobody.append(one["name"])
            return
        blocks = one["action"] == "block"
        if blocks and self._options["mode"] == "audit" and not self._logs:
            self._unwritten.append(one["name"])
            return
        if one["helper"]:
            yield from self._helper(one, remote, local)
        riches = [finished for rich in self._matches(one, remote, local) for finished in self._finished(rich, one)]
        yield direction, BLOCK if blocks else ALLOW, riches

    def _helper(self, one: Plain, remote: End, local: End) -> t.Iterator[t.Tuple[str, int, t.List[Rich]]]:
        helper = one["helper"]
        if helper in self._helpers:
            name = "{0}-{1}".format(self._start, helper)
            self._services[name] = helper
            yield one["direction"], ALLOW, [rule(element=("service", name))]
        elif one["direction"] == "out":
            # The kernel cannot relate unicast answers to a broadcast of ours: they are admitted by the port that they come from.
            yield "in", ALLOW, list(self._matches(dict(one, direction="in"), remote, local))

    def _finished(self, rich: Rich, one: Plain) -> t.Iterator[Rich]:
        """Yield a rule that allows as it is, and one that blocks with what it does."""
        blocks = one["action"] == "block"
        if blocks:
            rich = rich._replace(action=("drop",) if self._options["mode"] == "enforce" else self._log(one["direction"]))
        if not rich.element and (rich.action[0] == "log" or not (rich.source or rich.destination)):
            # A rule for everything must have a priority, and so must one that only logs; these are those of the chains around what allows.
            rich = rich._replace(priority=-1 if blocks else 1)
        if rich.action[0] == "log" and rich.element[:1] == ("icmp-type",):
            # firewalld does not log types of ICMP without doing anything else: in audit mode all ICMP of these addresses is logged.
            for family, protocol in (("ipv4", "icmp"), ("ipv6", "ipv6-icmp")):
                if rich.family in ("", family):
                    yield rich._replace(family=family, element=("protocol", protocol))
            return
        yield rich

    def _matches(self, one: Plain, remote: End, local: End) -> t.Iterator[Rich]:
        near, far = _port_texts(one["local_ports"]), _port_texts(one["remote_ports"])
        elements = _elements(one, near, far)
        for family, theirs, ours in self._ends(one, remote, local) if near and far else self._pairs(one, remote, local):
            source, destination = (theirs, ours) if one["direction"] == "in" else (ours, theirs)
            for element in elements:
                yield rule(family, source, destination, element)

    def _pairs(self, one: Plain, remote: End, local: End) -> t.Iterator[t.Tuple[str, str, str]]:
        """Yield ``(family, remote, local)`` with one text for each end, ``""`` for any."""
        if remote[1] is None and local[1] is None:
            yield "", "", ""
            return
        for version, family in VERSIONS.items():
            inbound = one["direction"] == "in"
            ends = [self._texts(version, remote, inbound), self._texts(version, local, not inbound)]
            for theirs in ends[0]:
                for ours in ends[1]:
                    yield family, theirs, ours

    def _ends(self, one: Plain, remote: End, local: End) -> t.Iterator[t.Tuple[str, str, str]]:
        """Yield the same for a rule with ports at both ends: our own end, with its ports, is an ipset, and the element has the other's."""
        if one["direction"] == "in" and not self._destination_sets:
            raise ValueError("ports at both ends of an inbound rule need firewalld 1.0")
        ports = _ports.restriction(one["local_ports"])
        for version, family in VERSIONS.items():
            own = _addresses.of_family(_addresses.ANY if local[1] is None else local[1], version)
            entries = tuple(sorted(half + (one["protocol"],) + interval for network in own for half in _addresses.halves(network) for interval in ports))
            for theirs in self._texts(version, remote, one["direction"] == "in") if entries else ():
                name = "{0}-ends-{1}-{2}".format(self._start, hashlib.sha256(repr(entries).encode("utf-8")).hexdigest()[:6], version)
                self._sets[name] = (version, entries)
                yield family, theirs, "ipset:" + name

    def _texts(self, version: int, end: End, is_source: bool) -> t.List[str]:
        """Return the texts of one family of an end; each of them takes a rich rule."""
        label, found = end
        if found is None:
            return [""]
        own = _addresses.of_family(found, version)
        if own and own[0][1:] == (0, _addresses.LAST[version]):
            return [""]
        if len(own) <= (INLINE if is_source or self._destination_sets else LONGEST):
            return [_addresses.text_of(network) for network in own]
        if not is_source and not self._destination_sets:
            raise ValueError("{0} networks as destination need firewalld 1.0, before it there is room for {1}".format(len(own), LONGEST))
        identity = label or repr(own)
        readable = re.sub(r"[^A-Za-z0-9]+", "-", label or "list").strip("-")[:SET_LABEL]
        name = "{0}-{1}-{2}-{3}".format(self._start, readable, hashlib.sha256(identity.encode("utf-8")).hexdigest()[:6], version)
        self._sets[name] = (version, own)
        return ["ipset:" + name]

    def _addresses(self, texts: t.Sequence[str]) -> End:
        """Return ``(label, networks)``; the networks are ``None`` for any and empty for nobody."""
        if not texts or list(texts) == ["any"]:
            return "", None
        label, found = self._collapsed[texts[0][1:]] if texts[0].startswith("@") else ("", networks(texts))
        return (label, found) if found != networks(["any"]) else ("", None)


def _elements(one: Plain, near: t.Sequence[str], far: t.Sequence[str]) -> t.List[t.Tuple[str, ...]]:
    """Return what a rule matches besides addresses, one element a rich rule; where both ends have ports, those of the other end."""
    if one["protocol"] == "icmp_echo":
        return [("icmp-type", "echo-request")]
    mine = "port" if one["direction"] == "in" else "source-port"
    theirs = "source-port" if one["direction"] == "in" else "port"
    made: t.List[t.Tuple[str, ...]] = [(mine, port, one["protocol"]) for port in near if not far]
    made += [(theirs, port, one["protocol"]) for port in far]
    protocol: t.Tuple[str, ...] = ("protocol", one["protocol"]) if one["protocol"] != "any" else ()
    return made or [protocol]


def _port_texts(texts: t.Iterable[t.Union[str, int]]) -> t.List[str]:
    return _ports.texts(_ports.restriction(texts))


def refusals(rules: t.Iterable[Plain], address_sets: AddressSets) -> t.List[Refusal]:
    """Return a ``Refusal`` for each reason of each complete, checked rule."""
    return [
        Refusal(index, rule["name"], reason)
        for index, rule, remote, local in matching(rules, address_sets)
        for reason in of_every_backend(rule, remote, local) + _of_helper(rule)
    ]


def _of_helper(rule: Plain) -> t.List[str]:
    if not rule["helper"]:
        return []
    ports = [_ports.text_of(interval) for interval in _ports.restriction(rule["local_ports" if rule["direction"] == "in" else "remote_ports"])]
    known = HELPER_PORTS[rule["helper"]]
    return [] if ports == [known] else [HELPER.format(rule["helper"], known, ", ".join(ports) or "any port")]
