# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which host holds which role: groups by name, ``msports_roles``, ``msports_group_roles``, and what a role implies, united."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.former import current
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.settings import owners_of, read_setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.sites import read_names
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import (
    Declarations,
    ProblemCollector,
    as_text,
    entries,
    items,
    near_name,
    only_keys,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.near_groups import Meant
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES, Catalogs

SHARED_PRODUCT = "windows_server"  # roles that several products share; they have no sites
KEYS = ("role", "site", "settings")


@dataclass(frozen=True)
class Entry:
    """One declaration of a role: where, and the sites and settings of the entry itself (``None`` = the host's)."""

    path: str
    role: str
    sites: t.Optional[t.Tuple[str, ...]] = None
    settings: t.Mapping[str, t.Any] = field(default_factory=dict)


def product_of(role: str) -> str:
    return role.partition(".")[0]


def holdable(catalogs: Catalogs) -> dict[str, t.Any]:
    """Return the roles that a host can hold: all but external ends."""
    return {name: role for name, role in catalogs.roles.items() if role.kind != "external" and name not in BARE_ROLES}


def read_entry(item: t.Any, path: str, problems: ProblemCollector, catalogs: Catalogs) -> t.Optional[Entry]:
    """Read the name of a role, or a mapping ``{role: ..., site: ..., settings: {...}}``."""
    roles = holdable(catalogs)
    if not isinstance(item, Mapping):
        name = current("roles", item, path, problems, catalogs)
        return Entry(path, name) if name is not None and _is_role(name, path, problems, catalogs, roles) else None
    only_keys(item, KEYS, path, problems)
    if "role" not in item:
        problems.add(path, dict(item), "expected the key role")
        return None
    role: t.Any = current("roles", item["role"], f"{path}.role", problems, catalogs)
    if role is None or not _is_role(role, f"{path}.role", problems, catalogs, roles):
        return None
    sites = None
    if "site" in item:
        sites = read_names(item["site"], f"{path}.site", problems)
        if product_of(role) == SHARED_PRODUCT:
            problems.add(f"{path}.site", item["site"], f"{role} is shared by all products and has no site")
    return Entry(path, role, sites, _entry_settings(item.get("settings", {}), role, f"{path}.settings", problems, catalogs))


def _is_role(name: t.Any, path: str, problems: ProblemCollector, catalogs: Catalogs, roles: t.Mapping[str, t.Any]) -> bool:
    if isinstance(name, str) and name in roles:
        return True
    if isinstance(name, str) and name in catalogs.roles:
        problems.add(path, name, "no host holds this end: declare its addresses in msports_networks")
    else:
        problems.add(path, name, "expected the name of a role, <product>.<role>", near=near_name(name, roles))
    return False


def _entry_settings(value: t.Any, role: str, path: str, problems: ProblemCollector, catalogs: Catalogs) -> dict[str, t.Any]:
    if not isinstance(value, Mapping):
        problems.add(path, value, "expected a mapping of settings to values")
        return {}
    found = {}
    for key, item in value.items():
        name = current("settings", key if isinstance(key, str) and "." in key else f"{product_of(role)}.{key}", f"{path}.{key}", problems, catalogs)
        read = None if name is None else read_setting(name, item, f"{path}.{key}", problems, catalogs, role)
        if read is not None:
            found[name] = read
    return found


def parse_group_roles(declared: Declarations, problems: ProblemCollector, reader: Reader) -> dict[str, list[Entry]]:
    """Read ``msports_group_roles``: any group to a list of roles."""
    found: dict[str, list[Entry]] = {}
    for group, (path, value) in entries(declared, problems).items():
        if not reader.known_name(problems, path, group, reader.groups, "a group of the inventory"):
            continue
        if not isinstance(value, (list, tuple)):
            problems.add(path, value, "expected a list of roles")
            continue
        read = (read_entry(item, f"{path}[{index}]", problems, reader.catalogs) for index, item in enumerate(value))
        found[group] = [entry for entry in read if entry]
    return found


def parse_ignored(declared: Declarations, problems: ProblemCollector, reader: Reader) -> frozenset[str]:
    """Read ``msports_ignore_groups``: groups that are named like roles and are none."""
    found = set()
    for path, item in items(declared):
        if as_text(item) is None:
            problems.add(path, item, "expected the name of a group")
        elif reader.known_name(problems, path, item, reader.groups, "a group of the inventory"):
            found.add(item)
    return frozenset(found)


def group_entries(reader: Reader, ignored: t.Container[str]) -> dict[str, list[Entry]]:
    """Return the roles that groups give by their name ``<product>_<role>``; a name that no role has is a problem."""
    known = {name.replace(".", "_", 1): name for name in holdable(reader.catalogs)}
    former = {name.replace(".", "_", 1): name for name in reader.catalogs.former.get("roles", {})}
    prefixes = tuple(f"{product}_" for product in reader.catalogs.products)
    meant = Meant({**known, **former}, reader.catalogs.products)
    found: dict[str, list[Entry]] = {}
    for group in sorted(reader.groups):
        if group in ignored:
            continue
        if not group.startswith(prefixes):
            right = meant.by(group)
            if right:
                reader.add(
                    min(reader.groups[group], default="estate"),
                    "groups",
                    group,
                    f"gives no role, but looks as if it should: call the group {right}, or list it in msports_ignore_groups",
                )
            continue
        where = min(reader.groups[group], default="estate")
        problems = ProblemCollector()
        role = current("roles", former.get(group), f"groups: {group}", problems, reader.catalogs)
        reader.add_all(where, problems)
        if group in known or role is not None:
            found[group] = [Entry(f"group {group}", known.get(group) or str(role))]
        elif group not in former:
            reader.add(
                where,
                "groups",
                group,
                "a group named <product>_... gives a role that hosts hold, and none has this name; rename the group or list it in msports_ignore_groups",
                known,
            )
    return found


def read_roles(reader: Reader) -> dict[str, list[Entry]]:
    """Return the declarations of roles of every host, and of what these imply, by host. Hosts without any are absent."""
    ignored = reader.estate_value("msports_ignore_groups", parse_ignored, frozenset(), reader)
    by_group = group_entries(reader, ignored)
    for group, given in reader.estate_value("msports_group_roles", parse_group_roles, {}, reader).items():
        by_group[group] = [*by_group.get(group, ()), *given]
    implied: dict[frozenset[str], list[t.Tuple[str, str]]] = {}
    found = {}
    for host, data in reader.hosts.items():
        declared = [entry for group in sorted(set(data.get("groups") or ())) if group in by_group for entry in by_group[group]]
        own = reader.host_value(host, "msports_roles", _own, [], reader.catalogs)
        declared = [*own, *declared]
        if declared:
            roles = frozenset(entry.role for entry in declared)
            if roles not in implied:
                implied[roles] = _implied(roles, reader.catalogs)
            found[host] = _with_implied(declared, implied[roles], reader.catalogs)
    return found


def _own(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> list[Entry]:
    read = (read_entry(item, path, problems, catalogs) for path, item in items(declared))
    return [entry for entry in read if entry]


def _implied(roles: frozenset[str], catalogs: Catalogs) -> list[t.Tuple[str, str]]:
    """Return what roles imply and what that implies in turn, as pairs of role and what implies it, causes before effects."""
    found: list[t.Tuple[str, str]] = []
    waiting = sorted(roles)
    seen = set(roles)
    for role in waiting:
        for name in catalogs.roles[role].implies:
            found.append((name, role))
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return found


def _with_implied(declared: list[Entry], implied: t.Sequence[t.Tuple[str, str]], catalogs: Catalogs) -> list[Entry]:
    """Add implied roles. Within a product they are where the role is that implies them, and share those settings that are theirs too."""
    found = list(declared)
    held = {entry.role for entry in found}
    for name, cause in implied:
        if product_of(name) != product_of(cause):
            if name not in held:
                found.append(Entry(f"implied by {cause}", name))
        else:
            for entry in [entry for entry in found if entry.role == cause]:
                shared = {key: value for key, value in entry.settings.items() if name in owners_of(catalogs.settings[key])}
                if entry.sites or shared or name not in held:
                    found.append(Entry(entry.path, name, entry.sites, shared))
        held.add(name)
    return found
