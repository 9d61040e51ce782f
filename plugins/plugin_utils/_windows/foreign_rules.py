# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Foreign rules: blocks that stop what we allow, and allows that admit more than the plan.

On Windows a block beats every allow, and every allow adds to all others: default deny denies little while foreign allows stand.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._match import BASE, Match, covered, touches
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reach import DYNAMIC, NARROW, apart, binding, holding, parts, shape, within
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import PROTOCOL_NAMES, Held, Rule
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import ANY, PROFILES, Texts

SHOWN = 20  # groups, and foreign blocks, that are told one by one
OF_ONE_GROUP = 3  # of one group
# Groups that Windows brings along, by the reference that stands in a rule for their name in the system's language.
GROUPS = {
    "@firewallapi.dll,-25000": "Core Networking",
    "@firewallapi.dll,-27000": "Core Networking Diagnostics",
    "@firewallapi.dll,-28002": "Key Management Service",
    "@firewallapi.dll,-28502": "File and Printer Sharing",
    "@firewallapi.dll,-28602": "File and Printer Sharing over SMBDirect",
    "@firewallapi.dll,-28652": "File and Printer Sharing over QUIC",
    "@firewallapi.dll,-28752": "Remote Desktop",
    "@firewallapi.dll,-28782": "Remote Desktop (WebSocket)",
    "@firewallapi.dll,-29002": "iSCSI Service",
    "@firewallapi.dll,-29252": "Remote Event Log Management",
    "@firewallapi.dll,-29502": "Remote Service Management",
    "@firewallapi.dll,-30002": "Windows Firewall Remote Management",
    "@firewallapi.dll,-30252": "Windows Remote Management (Compatibility)",
    "@firewallapi.dll,-30267": "Windows Remote Management",
    "@firewallapi.dll,-32752": "Network Discovery",
    "@firewallapi.dll,-33252": "Remote Scheduled Tasks Management",
    "@firewallapi.dll,-33502": "Distributed Transaction Coordinator",
    "@firewallapi.dll,-33752": "Routing and Remote Access",
    "@firewallapi.dll,-34251": "Windows Management Instrumentation (WMI)",
    "@firewallapi.dll,-34501": "Remote Volume Management",
    "@firewallapi.dll,-34752": "Performance Logs and Alerts",
    "@firewallapi.dll,-36751": "Remote Shutdown",
    "@firewallapi.dll,-36801": "Remote Event Monitor",
    "@firewallapi.dll,-37302": "mDNS",
    "@firewallapi.dll,-38201": "Windows Deployment Services",
    "@firewallapi.dll,-50323": "SNMP Trap",
    "@sstpsvc.dll,-35001": "Secure Socket Tunneling Protocol",
}
# NET_FW_AUTHENTICATE_TYPE: what a rule asks of a connection.
SECURE: t.Dict[t.Union[int, str], str] = {
    1: "if authenticated (IPsec without encapsulation)",
    2: "if authenticated (IPsec)",
    3: "if authenticated (IPsec, encryption is negotiated)",
    4: "if authenticated and encrypted (IPsec)",
}
APP = "S-1-15-2-"  # how the id of an app package begins
_PACKAGE = re.compile(r"^@\{([^_}?]+)")
_FOLDER = re.compile(r"^@%systemroot%\\system32\\")


class Known(t.NamedTuple):
    """A rule with what is asked of it again and again."""

    rule: Rule
    shape: Match
    binding: t.Tuple[str, str]
    grouping: str
    origin: str


def known(held: Held, dynamic: Texts) -> Known:
    return Known(held.rule, shape(held.rule, dynamic), binding(held.rule), held.grouping, held.origin)


def applies(rule: Rule, profile: str) -> bool:
    """Tell whether a rule is in force in a profile. Of a mask that cannot be read, nobody knows: then it may be."""
    return rule.profiles == ANY or profile in rule.profiles or rule.profiles[0].startswith("?")


class ForeignRules:
    """The enabled foreign rules, compared with ours (as they are after the change) one direction and profile at a time."""

    def __init__(self, after: t.Sequence[Rule], others: t.Sequence[Held], dynamic: Texts = DYNAMIC) -> None:
        self._dynamic = dynamic
        self._ours = [known(Held("", rule), dynamic) for rule in after if rule.enabled and rule.action == "allow"]
        self._others = [known(other, dynamic) for other in others if other.rule.enabled]
        self._allows: t.Dict[t.Tuple[str, str], t.Tuple[int, list[Known]]] = {}
        self._memo: t.Dict[t.Any, bool] = {}

    def stopping(self, profile: str) -> list[str]:
        """Return in sentences which foreign blocks meet what we allow in a profile."""
        found = []
        for block in self._others:
            if block.rule.action != "allow" and applies(block.rule, profile):
                names = [ours.rule.name for direction in directions(block.rule) for ours in self._allowed(profile, direction)[1] if self._meets(block, ours)]
                if names:
                    word = "stops" if block.shape.certain and block.binding == ("", "") else "may stop"
                    found.append(f"the foreign rule {shown(block.rule.name)!r}{of(block.origin)} {word} what we allow: {some(names)}")
        return found[:SHOWN] + ([f"{len(found) - SHOWN} more foreign rules stop what we allow"] if len(found) > SHOWN else [])

    def admitting(self, profile: str, direction: str) -> list[Known]:
        """Return the foreign allows that admit something in a profile which ours and the basic needs of a host do not."""
        return [
            other
            for other in self._others
            if other.rule.action == "allow" and direction in directions(other.rule) and applies(other.rule, profile) and self._more(other, profile, direction)
        ]

    def _allowed(self, profile: str, direction: str) -> t.Tuple[int, list[Known]]:
        """Return ``(number, rules)``: ours in a profile. Profiles that have the same rules have the same number, and are compared once."""
        if (profile, direction) not in self._allows:
            rules = [ours for ours in self._ours if ours.rule.direction == direction and applies(ours.rule, profile)]
            same = next((number for number, others in self._allows.values() if others == rules), len(self._allows))
            self._allows[profile, direction] = (same, rules)
        return self._allows[profile, direction]

    def _meets(self, block: Known, ours: Known) -> bool:
        key = (id(block), id(ours))
        if key not in self._memo:
            self._memo[key] = not apart(block.binding, ours.binding) and touches(block.shape, ours.shape)
        return self._memo[key]

    def _more(self, other: Known, profile: str, direction: str) -> bool:
        number, ours = self._allowed(profile, direction)
        key = (id(other), direction, number)
        if key not in self._memo:
            near = [mine for mine in ours if _may_hold(mine.shape, other.shape) and within(other.binding, mine.binding) and not _reaches_further(other, mine)]
            self._memo[key] = any(
                not covered([*BASE[direction], *self._shapes(near, keywords)], other.shape if part is other.rule else shape(part, self._dynamic))
                for keywords, part in parts(other.rule)
            )
        return self._memo[key]

    def _shapes(self, rules: t.Iterable[Known], keywords: t.AbstractSet[str]) -> list[Match]:
        found = (holding(mine.rule, keywords, self._dynamic) if NARROW.intersection(mine.rule.local_ports) else mine.shape for mine in rules)
        return [shape_ for shape_ in found if shape_]


def _reaches_further(theirs: Known, ours: Known) -> bool:
    """Tell whether a rule admits what comes through a device that translates addresses (edge traversal) where ours does not."""
    return theirs.rule.direction != "out" and theirs.rule.edge not in (0, ours.rule.edge)


def _may_hold(ours: Match, theirs: Match) -> bool:
    """Tell quickly whether one of ours is worth a look: it has a protocol of theirs, and holds one of their intervals of ports."""
    own, other = ours.protocols, theirs.protocols
    if own is not None and (other is None or not own & other):
        return False
    return any(a[0] <= b[0] and b[1] <= a[1] for a in ours.ports for b in theirs.ports)


def directions(rule: Rule) -> t.Tuple[str, ...]:
    """Return the direction of a rule, or both when it cannot be read."""
    return (rule.direction,) if rule.direction in ("in", "out") else ("in", "out")


def grouped(found: t.Mapping[str, t.Sequence[Known]]) -> list[dict[str, t.Any]]:
    """Return the foreign allows (by profile) as a list for people: by group, the largest first, capped.

    Each has ``group``, ``direction``, ``rules`` (how many), ``profiles``, ``examples`` (names), ``admits`` (what, in words), and ``baseline``: all
    of them come with Windows or an app.
    """
    groups: t.Dict[t.Tuple[str, str], t.Dict[int, Known]] = {}
    where: t.Dict[t.Tuple[str, str], set[str]] = {}
    for profile, rules in found.items():
        for item in rules:
            key = (group_name(item), item.rule.direction)
            groups.setdefault(key, {})[id(item)] = item
            where.setdefault(key, set()).add(profile)
    listed = []
    for key, items in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        listed.append(
            {
                "group": key[0],
                "direction": key[1],
                "rules": len(items),
                "profiles": [profile for profile in PROFILES if profile in where[key]],
                "examples": sorted({shown(item.rule.name) for item in items.values()})[:OF_ONE_GROUP],
                "admits": sorted({admits(item.rule) for item in items.values()})[:OF_ONE_GROUP],
                "baseline": all(map(is_baseline, items.values())),
            }
        )
    return listed


def capped(groups: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return at most ``SHOWN`` groups, and one entry more that counts the rest."""
    rest = groups[SHOWN:]
    if not rest:
        return list(groups)
    more: t.Dict[str, t.Any] = {"direction": "", "profiles": [], "examples": [], "admits": [], "baseline": all(item["baseline"] for item in rest)}
    return [*groups[:SHOWN], {"group": f"{len(rest)} more groups", **more, "rules": sum(item["rules"] for item in rest)}]


def group_name(item: Known) -> str:
    """Return a name that people know for the group of a rule, or for the rule when it has none."""
    if not item.grouping:
        return f"the rule {shown(item.rule.name)!r}{of(item.origin)}"
    return GROUPS.get(_FOLDER.sub("@", item.grouping.lower()), shown(item.grouping)) + of(item.origin)


def of(origin: str) -> str:
    return f" of {origin}" if origin else ""


def shown(name: str) -> str:
    """Return a rule's name as people know it: of a reference to an app's resources, the app."""
    package = _PACKAGE.match(name)
    return package.group(1) if package else name


def admits(rule: Rule) -> str:
    """Return in words what a rule admits: ``tcp/445 from any``."""
    inbound = rule.direction != "out"
    ports = rule.local_ports if inbound else rule.remote_ports
    protocol = PROTOCOL_NAMES.get(rule.protocol, f"protocol {rule.protocol}")
    what = protocol if ports == ANY else f"{protocol}/{_few(ports)}"
    if rule.icmp != ANY:
        what += f" {_few(rule.icmp)}"
    program = rule.program.rpartition("\\")[2]
    bound = "".join([f" to {program}" if program else "", f" (service {rule.service})" if rule.service else ""])
    limits = ", ".join(conditions(rule))
    return "".join(
        [
            f"{what} {'from' if inbound else 'to'} {_few(rule.remote_addresses)}",
            bound if inbound else bound.replace(" to ", " by ", 1),
            f", only {limits}" if limits else "",
        ]
    )


def conditions(rule: Rule) -> list[str]:
    """Return in words under which conditions a rule applies, besides near ports, far addresses, program and service."""
    far = rule.remote_ports if rule.direction != "out" else rule.local_ports
    said = [
        (SECURE.get(rule.secure, f"with IPsec ({str(rule.secure).lstrip('?')})"), bool(rule.secure)),
        (f"over {_few(rule.interface_types)}", rule.interface_types != ANY),
        (f"on {_few(rule.interfaces)}", rule.interfaces != ANY),
        *((_who(text), True) for text in rule.users.split("|") if text),
        (f"at the far port {_few(far)}", far != ANY),
        (f"at the address {_few(rule.local_addresses)}", rule.local_addresses != ANY),
    ]
    return [text for text, limits in said if limits]


def _who(text: str) -> str:
    """Return whom a security descriptor or an id of a rule names."""
    if text.startswith(APP):
        return f"for the app {text}"
    return f"for the user {text}" if text.startswith("S-1-") else f"for users or computers {text}"


def is_baseline(item: Known) -> bool:
    """Tell whether Windows ships a rule, by the reference that stands for its group, or an app brought it."""
    return not item.origin and (item.grouping.startswith("@") or bool(_PACKAGE.match(item.rule.name)) or APP in item.rule.users)


def _few(texts: t.Sequence[str]) -> str:
    return ",".join(texts[:OF_ONE_GROUP]) + (f" and {len(texts) - OF_ONE_GROUP} more" if len(texts) > OF_ONE_GROUP else "")
