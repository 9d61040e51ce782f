# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What group policy gives: settings of a profile, which go before the local ones that COM tells, and rules, which COM does not list.

Values and grammar: MS-GPFAS 2.2.2 (rules) and 2.2.3 (settings of a profile). What is not understood of a rule makes it uncertain, and never
disappears.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import values
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Held, canonical

Plain = t.Dict[str, t.Any]

_ACTIONS = {"allow": 1, "block": 0}
_DIRECTIONS = {"in": 1, "out": 2}
# Fields of a rule that may stand several times, by the column that they make; an address of one family may be a keyword.
_LISTS = {
    "LPort": "local_ports",
    "LPort2_10": "local_ports",
    "RPort": "remote_ports",
    "RPort2_10": "remote_ports",
    "LA4": "local_addresses",
    "LA6": "local_addresses",
    "RA4": "remote_addresses",
    "RA42": "remote_addresses",
    "RA6": "remote_addresses",
    "RA62": "remote_addresses",
    "ICMP4": "icmp",
    "ICMP6": "icmp",
    "IFType": "interface_types",
}
_TEXTS = {"Name": "name", "EmbedCtxt": "grouping", "App": "program", "Svc": "service"}
_PEOPLE = ("LUOwn", "LUAuth", "RUAuth", "RMauth", "AppPkgId")
_SAYS_NOTHING = ("Action", "Active", "Dir", "Protocol", "Profile", "IF", "Desc", "Edge", "Defer", *_LISTS, *_TEXTS, *_PEOPLE)
_FAMILY = re.compile(r"^[LR]A([46])")


class Unreadable(Exception):
    """A rule whose text is none of the grammar."""


def settings(state: t.Mapping[str, t.Any]) -> Plain:
    """Return a profile as it is in force: with what group policy gives in place of the local values, and the keys of that as ``policy``."""
    policy: Plain = {}
    for name, value in (state.get("given") or {}).items():
        if name in _MEANINGS:
            key, meaning = _MEANINGS[name]
            known = meaning(value)
            policy.update({key: known} if known is not None else {})
    return {**state, **policy, "policy": sorted(policy)}


def _number(meanings: t.Callable[[int], t.Any]) -> t.Callable[[t.Any], t.Any]:
    """Return a reader of numbers: of a value of another type Windows takes no notice."""
    return lambda value: meanings(value) if isinstance(value, int) else None


def _interfaces(value: t.Any) -> t.Optional[t.List[str]]:
    parts = value if isinstance(value, list) else re.split(r"[,;]", value) if isinstance(value, str) else []
    return [part.strip() for part in parts if part.strip()] or None


_MEANINGS: t.Dict[str, t.Tuple[str, t.Callable[[t.Any], t.Any]]] = {
    "EnableFirewall": ("enabled", _number(bool)),
    "DefaultInboundAction": ("inbound", _number(lambda value: "block" if value else "allow")),
    "DefaultOutboundAction": ("outbound", _number(lambda value: "block" if value else "allow")),
    "DoNotAllowExceptions": ("block_all", _number(bool)),
    "DisabledInterfaces": ("excluded_interfaces", _interfaces),
    "DisableUnicastResponsesToMulticastBroadcast": ("unicast_responses", _number(lambda value: not value)),
}


def rules(rows: t.Iterable[t.Sequence[str]], root: str) -> t.Tuple[t.List[Held], t.List[str]]:
    """Return ``(rules, the ids of those that cannot be read)``; a row is where a rule is from, its id, and its text."""
    found, unreadable = [], []
    for origin, name, text in rows:
        try:
            columns = parse(text)
        except Unreadable:
            unreadable.append(f"{name} of {origin}")
            continue
        found.append(Held(name, canonical(columns, root), columns.get("grouping", ""), origin))
    return found, unreadable


def parse(text: str) -> Plain:
    """Return the columns of a rule of group policy, as COM would give them; raise ``Unreadable``."""
    version, *parts = text.split("|")
    fields = [part.partition("=")[::2] for part in parts if part]
    known = dict(fields)
    action, direction = known.get("Action", "").lower(), known.get("Dir", "").lower()
    if not re.match(r"v\d+\.\d+\Z", version) or action not in (*_ACTIONS, "bypass") or direction not in _DIRECTIONS:
        raise Unreadable(text)
    made: Plain = {column: known[name] for name, column in _TEXTS.items() if name in known}
    made.update(
        enabled=known.get("Active", "TRUE").upper() == "TRUE",
        direction=_DIRECTIONS[direction],
        action=_ACTIONS.get(action, 1),
        protocol=known.get("Protocol", values.ANY_PROTOCOL),
        profiles=_profiles([value for name, value in fields if name == "Profile"]),
        interfaces=[value for name, value in fields if name == "IF"],
        edge=int(known.get("Edge", "").upper() == "TRUE"),
        users="|".join(known[name] for name in _PEOPLE if name in known),
    )
    for name, value in fields:
        if name in _LISTS:
            made[_LISTS[name]] = ",".join(filter(None, [made.get(_LISTS[name]), _of_family(name, value)]))
    # Conditions that have no column: IPsec, a version of Windows, whatever a later grammar adds.
    others = [f"{name}={value}" for name, value in fields if name not in _SAYS_NOTHING]
    if others or action == "bypass":
        made["secure"] = ", ".join(others or ["Action=ByPass"])
    return made


def _profiles(names: t.Sequence[str]) -> t.Any:
    bits = [values.PROFILE_BITS.get(name.lower()) for name in names]
    if None in bits:
        return ",".join(names)
    return sum({bit for bit in bits if bit}) or values.ALL_PROFILES


def _of_family(name: str, value: str) -> str:
    """Return an address; a keyword with the family that its field is of."""
    family = _FAMILY.match(name)
    return value + family.group(1) if family and value.lower() in values.ADDRESS_KEYWORDS else value
