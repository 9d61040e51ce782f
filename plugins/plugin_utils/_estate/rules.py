# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rules that come from the inventory alone: management, ping and the user's own; and documented flows that are not wanted."""

from __future__ import annotations

import datetime
import fnmatch
import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.former import current, gone_flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.selections import Ends
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import (
    Declarations,
    ProblemCollector,
    as_text,
    entries,
    items,
    near_name,
    only_keys,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES, Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Allow, Management, Selection, ExcludedFlow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT, PortRange, Ports, merge

# TCP ports that hosts are managed over, by name; others are written as tcp/<port>, or come from the table of well-known services.
SERVICES: t.Mapping[str, int] = {"ssh": 22, "rdp": 3389, "winrm": 5985, "winrm_https": 5986}
SERVICE_WORDS = f"expected {', '.join(SERVICES)}, another well-known TCP service, or tcp/<port>"
FROM_WORDS = "expected a list of addresses, networks, group:<name>: from where this host is managed"
PORT_WORDS = f"expected ports from 0 to {LAST_PORT}, single or first-last"
SPEC_WORDS = "expected tcp/<ports> or udp/<ports> (like tcp/443, udp/5000-5010, tcp/80,443), icmp_echo or any"
OPTIONAL = {"owner": "who answers for the entry", "ticket": "the number of a ticket"}
ALLOW_KEYS = ("name", "in", "out", "from", "to", "because", "until", "owner", "ticket")


def parse_management(declared: Declarations, problems: ProblemCollector, ends: Ends, services: t.Mapping[str, int]) -> t.Optional[Management]:
    """Read ``msports_management``: ``{from: [...], services: [...]}``; both are needed, and neither may be empty."""
    found = entries(declared, problems)
    name = declared[0][0]
    only_keys(found, ("from", "services"), name, problems)
    for key, expected in (("from", FROM_WORDS), ("services", f"expected a list: {SERVICE_WORDS.partition(' ')[2]}")):
        path, value = found.get(key, (f"{name}.{key}", MISSING))
        if not isinstance(value, (list, tuple)) or not value:
            problems.add(path, value, expected)
            found[key] = (path, ())
    sources = ends.read_list(found["from"][1], found["from"][0], problems)
    ports = _services(*found["services"], problems, {**SERVICES, **services})
    if not sources or not ports:
        return None
    return Management(sources, tuple(sorted(ports)), merge(ports.values()))


def _services(path: str, value: t.Sequence[t.Any], problems: ProblemCollector, known: t.Mapping[str, int]) -> dict[str, PortRange]:
    found = {}
    for index, item in enumerate(value):
        protocol, mark, spec = item.partition("/") if isinstance(item, str) else ("", "", "")
        try:
            if mark and protocol == "tcp":
                found[item] = PortRange.parse(spec)
            elif isinstance(item, str) and item in known:
                found[item] = PortRange(known[item], known[item])
            else:
                problems.add(f"{path}[{index}]", item, SERVICE_WORDS, near=near_name(item, known))
        except ValueError:
            problems.add(f"{path}[{index}]", item, PORT_WORDS)
    return found


def parse_ping(declared: Declarations, problems: ProblemCollector, ends: Ends) -> t.Tuple[Selection, ...]:
    """Read ``msports_ping``: from where echo requests are admitted."""
    found = {}
    for path, item in items(declared):
        selection = ends.read(item, path, problems)
        if selection:
            found[selection.label] = selection
    return tuple(found[label] for label in sorted(found))


def parse_allow(declared: Declarations, problems: ProblemCollector, ends: Ends) -> t.Tuple[Allow, ...]:
    """Read ``msports_allow``. An entry gives one value for each of its protocols; one name names one entry."""
    found: list[Allow] = []
    names: dict[str, str] = {}
    for path, item in items(declared):
        if not isinstance(item, Mapping):
            problems.add(path, item, "expected a mapping with name, in or out, from or to, and because")
            continue
        only_keys(item, ALLOW_KEYS, path, problems)
        name = required_text(item, "name", "a name for the rule", path, problems)
        because = required_text(item, "because", "why this is allowed: a ticket, a document, a sentence", path, problems)
        if name in names:
            problems.add(f"{path}.name", name, f"{names[name]} has this name and says something else")
        names.setdefault(name, path)
        direction = _direction(item, path, problems)
        if direction is None:
            continue
        key = "from" if direction == "in" else "to"
        if not item.get(key):
            problems.add(f"{path}.{key}", MISSING, f"expected a list of who is at the other end of what goes {direction}; write [any] for everyone")
            peers: t.Tuple[Selection, ...] = ()
        else:
            peers = ends.read_list(item[key], f"{path}.{key}", problems)
        until = _until(item["until"], f"{path}.until", problems) if "until" in item else None
        owner, ticket = (required_text(item, key, what, path, problems) if key in item else "" for key, what in OPTIONAL.items())
        for protocol, ports in sorted(parse_specs(item[direction], f"{path}.{direction}", problems).items()):
            found.append(Allow(name, direction, protocol, ports, peers, because, until, owner, ticket))
    return tuple(sorted(found, key=lambda allow: (allow.name, allow.protocol)))


def required_text(item: Mapping[str, t.Any], key: str, what: str, path: str, problems: ProblemCollector) -> str:
    text = as_text(item.get(key))
    if text is None:
        problems.add(f"{path}.{key}", item.get(key, MISSING), f"expected {what}")
    return text or ""


def _direction(item: Mapping[str, t.Any], path: str, problems: ProblemCollector) -> t.Optional[str]:
    given = [key for key in ("in", "out") if key in item]
    if len(given) != 1:
        problems.add(path, MISSING, "expected one of the keys in and out" + (", not both" if given else ""))
        return None
    wrong = "to" if given[0] == "in" else "from"
    if wrong in item:
        problems.add(f"{path}.{wrong}", item[wrong], f"what goes {given[0]} has the key {'from' if wrong == 'to' else 'to'}")
    return given[0]


def parse_specs(value: t.Any, path: str, problems: ProblemCollector) -> dict[str, Ports]:
    """Return the ports of each protocol named; none = any port, which only ``icmp_echo`` and ``any`` have."""
    listed = isinstance(value, (list, tuple))
    found: dict[str, list[PortRange]] = {}
    for index, item in enumerate(value if listed else [value]):
        label = f"{path}[{index}]" if listed else path
        protocol, mark, spec = item.partition("/") if isinstance(item, str) else ("", "", "")
        try:
            if protocol in ("tcp", "udp") and spec:
                found.setdefault(protocol, []).extend(PortRange.parse(part) for part in spec.split(","))
            elif protocol in ("icmp_echo", "any") and not mark:
                found.setdefault(protocol, [])
            else:
                problems.add(label, item, SPEC_WORDS)
        except ValueError:
            problems.add(label, item, PORT_WORDS)
    if listed and not value:
        problems.add(path, value, SPEC_WORDS)
    return {protocol: merge(ports) for protocol, ports in found.items()}


def _until(value: t.Any, path: str, problems: ProblemCollector) -> t.Optional[datetime.date]:
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        problems.add(path, value, "expected a date, YYYY-MM-DD: the last day on which the rule holds")
        return None


def parse_excluded_flows(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> t.Tuple[ExcludedFlow, ...]:
    """Read ``msports_excluded_flows``: ids of flows, or patterns with ``*``, ``?`` and ``[...]`` of them, each of which must match one."""
    ids = [flow.id for flow in (*catalogs.flows, *catalogs.supplements)]
    found = set()
    for path, item in items(declared):
        if not isinstance(item, Mapping):
            problems.add(path, item, "expected a mapping with flow and because")
            continue
        only_keys(item, ("flow", "because"), path, problems)
        pattern = required_text(item, "flow", "the id of a flow, or a pattern of ids", path, problems)
        because = required_text(item, "because", "why this estate does not want the flow", path, problems)
        known = any(fnmatch.fnmatchcase(name, pattern) for name in ids)
        if pattern and not known and not gone_flow(pattern, f"{path}.flow", problems, catalogs):
            problems.add(f"{path}.flow", pattern, "no documented flow has an id like this", near=near_name(pattern, ids))
        found.add(ExcludedFlow(pattern, because))
    return tuple(sorted(found, key=lambda without: (without.flow, without.because)))


def parse_supplements(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> t.Tuple[str, ...]:
    """Read ``msports_supplements``: ids of supplements or names of their groups."""
    known = {name for flow in catalogs.supplements for name in (flow.id, flow.group) if name}
    found = set()
    for path, item in items(declared):
        name = current("supplements", item, path, problems, catalogs)
        if isinstance(name, str) and name in known:
            found.add(name)
        elif name is not None:
            problems.add(path, item, "expected the id of a supplement, or the name of a group of supplements", near=near_name(item, known))
    return tuple(sorted(found))


def parse_not_deployed(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> frozenset[str]:
    """Read ``msports_not_deployed``: roles that this estate has nowhere."""
    known = set(catalogs.roles) - set(BARE_ROLES)
    found = set()
    for path, written in items(declared):
        item = current("roles", written, path, problems, catalogs)
        if item is None:
            continue
        if item == "internet":
            problems.add(path, item, "the Internet is always there: to open nothing to it or from it, write msports_networks: {internet: []}")
        elif isinstance(item, str) and item in known:
            found.add(item)
        else:
            problems.add(path, item, "expected the name of a role, <product>.<role>", near=near_name(item, known))
    return frozenset(found)
