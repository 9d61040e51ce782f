# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Inventory to estate: the order in which the parts are read, and the values they make together."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate import checks, claims, defaults, networks, roles, rules, settings, sites
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import HostAddresses, parse_sources
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.early import parse_paths
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.former import choice_notes
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.infrastructure import Infrastructure, parse_infrastructure
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader, deduplicate
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.selections import Ends
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import WINDOWS_DYNAMIC, Estate, Holding, Host

NOTHING: t.Mapping[str, t.Any] = {}


def read_estate(inventory: Mapping[str, t.Any], catalogs: Catalogs, services: t.Optional[t.Mapping[str, int]] = None) -> Estate:
    """Return the estate that ``inventory`` describes (plain data: hosts, groups, whole, today, resolved, facts).

    ``services`` are well-known TCP services by name, beside those that hosts are usually managed over.
    Raises :class:`InventoryError` with everything that is wrong.
    """
    reader = Reader(inventory, catalogs)
    entries_of = roles.read_roles(reader)
    places = checks.place(reader, entries_of)
    addresses = HostAddresses(reader, inventory, reader.estate_value("msports_address_from", parse_sources, ("inventory",)))
    nets = reader.estate_value("msports_networks", networks.parse_networks, {}, catalogs, places.sites)
    ends = Ends(reader, addresses, nets, places.holders)
    hosts = {name: _host(reader, name, places, addresses, ends, services or {}) for name in reader.hosts}
    infrastructure = reader.estate_value("msports_infrastructure", parse_infrastructure, Infrastructure())
    estate = Estate(
        hosts=hosts,
        networks=nets,
        explicit_empty=networks.explicitly_empty(nets),
        sites=places.sites,
        features=frozenset().union(*{host.features for host in hosts.values()}),
        settings=settings.agreed({id(host.settings): host.settings for host in hosts.values() if host.settings}.values()),
        dns=infrastructure.dns,
        ntp=infrastructure.ntp,
        dhcp_relays=infrastructure.dhcp_relays,
        proxies=infrastructure.proxies,
        claims=reader.estate_value("msports_claims", claims.parse_claims, (), ends),
        today=datetime.date.fromisoformat(str(inventory.get("today") or "1970-01-01")),
        **_whole(reader, places),
    )
    checks.check(reader, hosts, entries_of, nets, addresses, estate.not_deployed)
    for host in hosts.values():
        defaults.check_defaults(reader, host, infrastructure)
    if reader.problems:
        raise InventoryError(deduplicate(reader.problems, reader.hosts))
    in_use = {roles.product_of(role) for role in (*places.holders, *nets)} - {roles.SHARED_PRODUCT}
    chosen = choice_notes(catalogs, reader.estate_value("msports_releases", settings.parse_releases, {}, catalogs), in_use)
    return dataclasses.replace(estate, notes=(*addresses.notes, *chosen, *reader.notes()))


def _whole(reader: Reader, places: checks.Places) -> dict[str, t.Any]:
    """Return the fields of the estate that come straight from one estate-wide variable each."""
    catalogs = reader.catalogs
    every_site = sorted({site for names in places.sites.values() for site in names})
    parents = reader.estate_value("msports_hierarchy", sites.parse_hierarchy, {}, every_site)
    editions = {product: catalog.edition for product, catalog in sorted(catalogs.products.items())}
    reader.estate_value("msports_catalog_paths", parse_paths, ())  # was used to load the catalogs; here its problems are told
    releases = reader.estate_value("msports_releases", settings.parse_releases, {}, catalogs)
    return {
        "editions": editions,
        "releases": {**editions, **releases},
        "hierarchy": {child: parent for child, parent in parents.items() if parent is not None},
        "sites_alone": frozenset(child for child, parent in parents.items() if parent is None),
        "not_deployed": reader.estate_value("msports_not_deployed", rules.parse_not_deployed, frozenset(), catalogs),
        "excluded_flows": reader.estate_value("msports_excluded_flows", rules.parse_excluded_flows, (), catalogs),
        "supplements": reader.estate_value("msports_supplements", rules.parse_supplements, (), catalogs),
    }


def _is_appliance(holdings: t.Iterable[Holding], catalogs: Catalogs) -> bool:
    return any(catalogs.roles[holding.role].appliance for holding in holdings)


def _host(reader: Reader, name: str, places: checks.Places, addresses: HostAddresses, ends: Ends, services: t.Mapping[str, int]) -> Host:
    """Return one host. Variables of hosts without roles are read as well: a mistake there would show the day they get one."""
    catalogs = reader.catalogs
    holdings = places.holdings.get(name, ())
    return Host(
        name=name,
        managed=reader.host_value(name, "msports_managed", defaults.parse_bool, not _is_appliance(holdings, catalogs)) and bool(holdings),
        system=defaults.system_of(reader, name),
        addresses=addresses.of[name],
        holdings=holdings,
        settings=reader.host_value(name, "msports_settings", settings.parse_settings, NOTHING, catalogs),
        features=reader.host_value(name, "msports_features", settings.parse_features, frozenset(), catalogs),
        default_inbound=defaults.inbound_of(reader, name),
        default_outbound=defaults.outbound_of(reader, name),
        management=reader.host_value(name, "msports_management", rules.parse_management, None, ends, services),
        ping=reader.host_value(name, "msports_ping", rules.parse_ping, (), ends),
        allow=reader.host_value(name, "msports_allow", rules.parse_allow, (), ends),
        dynamic_ports=reader.host_value(name, "msports_dynamic_ports", defaults.parse_dynamic_ports, WINDOWS_DYNAMIC),
        windows_profiles=reader.host_value(name, "msports_windows_profiles", defaults.parse_windows_profiles, ()),
    )
