# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A rule of Windows Firewall as a value: what a host's columns mean, one line for people, and what differs between two."""

from __future__ import annotations

import functools
import json
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import values

Columns = t.Mapping[str, t.Any]

# What the executor sends of every rule, in this order.
COLUMNS = (
    "id",
    "name",
    "description",
    "enabled",
    "direction",
    "action",
    "protocol",
    "local_ports",
    "remote_ports",
    "local_addresses",
    "remote_addresses",
    "profiles",
    "program",
    "service",
    "interface_types",
    "interfaces",
    "icmp",
    "edge",
    "secure",
    "grouping",
    "users",
)
DIRECTIONS = {1: "in", 2: "out"}
ACTIONS = {0: "block", 1: "allow"}
NUMBERS = {"in": 1, "out": 2, "block": 0, "allow": 1}
_ODD = re.compile(r'[\s,"=]')  # what a text in a list stands in quotes for
PROTOCOL_NAMES: t.Dict[t.Union[int, str], str] = {values.ANY_PROTOCOL: "any", 1: "icmpv4", 6: "tcp", 17: "udp", 58: "icmpv6"}


class Rule(t.NamedTuple):
    """One rule in canonical form. Two rules that filter alike and say the same are equal, whatever way their columns were written.

    Lists are sorted tuples of texts as :mod:`values` gives them. The description belongs to it: it tells the flow and the document behind
    a rule, and a reason that has become a wrong one misleads whoever reads the rule on the host. Mending it takes one commit.
    """

    name: str
    description: str
    enabled: bool
    direction: str
    action: str
    protocol: t.Union[int, str]
    local_ports: values.Texts
    remote_ports: values.Texts
    local_addresses: values.Texts
    remote_addresses: values.Texts
    profiles: values.Texts
    program: str
    service: str
    interface_types: values.Texts
    interfaces: values.Texts
    icmp: values.Texts
    edge: t.Union[int, str]
    secure: t.Union[int, str]
    users: str


class Held(t.NamedTuple):
    """A rule that a host holds: its id there, its canonical form, its group, and where it is from, ``""`` for the local store."""

    id: str
    rule: Rule
    grouping: str = ""
    origin: str = ""


def held(fields: t.Sequence[str], rows: t.Iterable[t.Sequence[t.Any]], root: str = "") -> list[Held]:
    """Return the rules of a host's rows; ``fields`` are the names of their columns, ``root`` is where Windows is on that host."""
    found = []
    for row in rows:
        columns = dict(zip(fields, row))
        found.append(Held(str(columns.get("id") or ""), canonical(columns, root), str(columns.get("grouping") or "")))
    return found


def canonical(columns: Columns, root: str = "") -> Rule:
    """Return the canonical form of a rule's columns; a column that is missing has the value of a new rule. ``root`` is where Windows is."""
    return Rule(
        name=str(columns.get("name") or ""),
        description=values.description(columns.get("description")),
        enabled=columns.get("enabled") is True,
        direction=_named(DIRECTIONS, columns.get("direction", 1)),
        action=_named(ACTIONS, columns.get("action", 1)),
        protocol=values.protocol(columns.get("protocol", values.ANY_PROTOCOL)),
        local_ports=values.ports(columns.get("local_ports")),
        remote_ports=values.ports(columns.get("remote_ports")),
        local_addresses=values.addresses(columns.get("local_addresses")),
        remote_addresses=values.addresses(columns.get("remote_addresses")),
        profiles=values.profiles(columns.get("profiles", values.ALL_PROFILES)),
        program=values.program(columns.get("program"), root),
        service=values.service(columns.get("service")),
        interface_types=values.interface_types(columns.get("interface_types")),
        interfaces=values.interfaces(columns.get("interfaces")),
        icmp=values.icmp(columns.get("icmp")),
        edge=_number(columns.get("edge")),
        secure=_number(columns.get("secure")),
        users=str(columns.get("users") or ""),
    )


def _named(names: t.Mapping[int, str], value: t.Any) -> str:
    return names[value] if isinstance(value, int) and not isinstance(value, bool) and value in names else values.unread(value)


def _number(value: t.Any) -> t.Union[int, str]:
    if value is None:
        return 0
    return int(value) if isinstance(value, int) else values.unread(value)


# Columns that stand in a line only when they limit something, and what they hold when they do not.
_QUIET: t.Dict[str, t.Any] = {
    "local_ports": values.ANY,
    "remote_ports": values.ANY,
    "local_addresses": values.ANY,
    "profiles": values.ANY,
    "program": "",
    "service": "",
    "interface_types": values.ANY,
    "interfaces": values.ANY,
    "icmp": values.ANY,
    "edge": 0,
    "secure": 0,
    "users": "",
    "description": "",
}


def line(rule: Rule) -> str:
    """Return the rule in one line. Equal lines mean equal rules: ``in 'web': allow tcp local_ports=443 remote_addresses=10.0.0.0/24``."""
    parts = [] if rule.enabled else ["disabled"]
    parts += [rule.action, PROTOCOL_NAMES.get(rule.protocol, f"protocol {rule.protocol}")]
    for column in ("local_ports", "remote_ports", "icmp", "remote_addresses", "local_addresses"):
        parts += _part(column, getattr(rule, column))
    for column in _QUIET:
        if column not in ("local_ports", "remote_ports", "icmp", "local_addresses"):
            parts += _part(column, getattr(rule, column))
    return f"{rule.direction} {rule.name!r}: {' '.join(parts)}"


def _part(column: str, value: t.Any) -> list[str]:
    if column in _QUIET and value == _QUIET[column]:
        return []
    if isinstance(value, tuple):
        return [f"{column}={_listed(value)}"]
    return [f"{column}={value if isinstance(value, int) else json.dumps(value, ensure_ascii=False)}"]


@functools.lru_cache(maxsize=1 << 12)
def _listed(texts: values.Texts) -> str:
    return ",".join(json.dumps(text) if _ODD.search(text) else text for text in texts)


def differing(left: Rule, right: Rule) -> list[str]:
    """Return the names of the columns in which two rules differ."""
    return [column for column, mine, theirs in zip(Rule._fields, left, right) if mine != theirs]
