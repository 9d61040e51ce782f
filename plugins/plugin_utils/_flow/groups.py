# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Index the estate: for each role the groups of like hosts and the declared networks."""

from __future__ import annotations

import typing as t
from collections import defaultdict

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import NOBODY, Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import WINDOWS_DYNAMIC, Estate, Holding, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.internet import internet_beside

ANY_HOST = "any_host"
INTERNET = "internet"
# A server that msports_infrastructure names holds the role, so that flows end at it whether it is a host of ours or not.
DECLARED: tuple[tuple[str, t.Callable[[Estate], Addresses]], ...] = (
    ("windows_server.dns_server", lambda estate: estate.dns),
    ("windows_server.dhcp_relay", lambda estate: estate.dhcp_relays),
)


def index(estate: Estate, catalogs: Catalogs) -> dict[str, tuple[Group, ...]]:
    """Return every role's groups, sorted by site and first host; roles that nobody has are absent.

    A host that holds a role in several sites is in a group of each. ``internet`` is always there; an external role
    without networks of its own is not: it falls back to ``internet`` (:func:`groups_of`).
    """
    groups: dict[str, list[Group]] = defaultdict(list)
    for role, alike in _alike(estate).items():
        groups[role].extend(_host_group(estate, role, site, members) for site, members in alike)
    for role, by_site in _networks(estate).items():
        groups[role].extend(_network_group(estate, catalogs, role, site, addresses) for site, addresses in by_site.items() if addresses)
    return {role: tuple(sorted(found, key=lambda g: (g.site or "", not g.hosts, g.hosts))) for role, found in groups.items()}


def groups_of(groups: t.Mapping[str, tuple[Group, ...]], role: str, catalogs: Catalogs) -> tuple[Group, ...]:
    """Return the groups of ``role``, where an external role without networks of its own is the Internet."""
    found = groups.get(role, ())
    if not found and role in catalogs.roles and catalogs.roles[role].kind == "external":
        return groups.get(INTERNET, ())
    return found


def _alike(estate: Estate) -> dict[str, list[tuple[t.Optional[str], list[Host]]]]:
    """Sort hosts into lists of equal role, site, features, settings and dynamic ports."""
    lists: dict[tuple[t.Any, ...], list[Host]] = defaultdict(list)
    for host in estate.hosts.values():
        if not host.holdings:
            continue
        base = (host.features, host.dynamic_ports)
        plain = _frozen(host.settings)
        for holding in (*host.holdings, *_declared(host, estate), Holding(ANY_HOST)):
            settings = _frozen({**host.settings, **holding.settings}) if holding.settings else plain
            for site in holding.sites or (None,):
                lists[(holding.role, site, *base, settings)].append(host)
    by_role: dict[str, list[tuple[t.Optional[str], list[Host]]]] = defaultdict(list)
    for key, hosts in lists.items():
        by_role[key[0]].append((key[1], hosts))
    return by_role


def _declared(host: Host, estate: Estate) -> t.Iterator[Holding]:
    for role, addresses in DECLARED:
        if host.addresses & addresses(estate) and not host.holding(role):
            yield Holding(role)


def _host_group(estate: Estate, role: str, site: t.Optional[str], hosts: list[Host]) -> Group:
    first = hosts[0]
    holding = first.holding(role)
    return Group(
        role=role,
        site=site,
        hosts=tuple(sorted(host.name for host in hosts)),
        addresses=union(host.addresses for host in hosts),
        features=first.features,
        settings={**first.settings, **(holding.settings if holding else {})},
        dynamic_ports=first.dynamic_ports,
        families=frozenset(host.addresses.families() for host in hosts if host.addresses),
    )


def _networks(estate: Estate) -> dict[str, dict[t.Optional[str], Addresses]]:
    """Return the declared networks, with what the variables for infrastructure add and ``internet`` filled in."""
    networks = {role: dict(by_site) for role, by_site in estate.networks.items()}
    for role, declared_for in DECLARED:
        if declared_for(estate):
            by_site = networks.setdefault(role, {})
            by_site[None] = by_site.get(None, NOBODY) | declared_for(estate)
    if INTERNET not in networks and INTERNET not in estate.explicit_empty:
        declared = (found for by_site in estate.networks.values() for found in by_site.values())
        networks[INTERNET] = {None: internet_beside(declared)}
    return networks


def _network_group(estate: Estate, catalogs: Catalogs, role: str, site: t.Optional[str], addresses: Addresses) -> Group:
    kind = catalogs.roles[role].kind if role in catalogs.roles else "external"
    return Group(
        role=role,
        site=site,
        hosts=(),
        addresses=addresses,
        features=estate.features,
        settings=estate.settings,
        dynamic_ports=WINDOWS_DYNAMIC,
        families=frozenset({addresses.families()}),
        external=kind == "external",
    )


def _frozen(settings: t.Mapping[str, t.Any]) -> tuple[t.Any, ...]:
    return tuple(sorted((name, repr(value)) for name, value in settings.items())) if settings else ()
