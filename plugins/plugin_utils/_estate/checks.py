# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What only shows when the parts are seen together: sites that are missing, peers without an address, values that do not go together."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import HostAddresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.edge import check_edge
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.networks import Networks
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.roles import SHARED_PRODUCT, Entry, product_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.settings import NEEDED_SETTINGS, WSUS_HTTP, WSUS_HTTPS, wsus_pair
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.sites import HostSites, parse_site, site_bound_roles
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Holding, Host

HELD_BY_NETWORKS = "networks hold the role, but msports_not_deployed says that this estate has none"
Entries = Mapping[str, t.Sequence[Entry]]  # host -> declarations of roles


@dataclass(frozen=True)
class Places:
    """Holdings by host, hosts by role, and the sites that hosts of each product declare."""

    holdings: t.Mapping[str, t.Tuple[Holding, ...]]
    holders: t.Mapping[str, t.Sequence[str]]
    sites: t.Mapping[str, t.Tuple[str, ...]]


def place(reader: Reader, entries: Entries) -> Places:
    """Join each host's declarations of a role into one holding with its sites; who must have a site and has none is a problem."""
    products = sorted(set(reader.catalogs.products) - {SHARED_PRODUCT})
    here: dict[str, HostSites] = {}
    for host in reader.hosts:
        here[host] = reader.host_value(host, "msports_site", parse_site, NOWHERE, products)
    holdings: dict[str, t.Tuple[Holding, ...]] = {}
    holders: dict[str, list[str]] = {}
    declared: dict[str, dict[str, str]] = {}  # product -> site -> first host that declares it
    for host, given in entries.items():
        holdings[host] = _holdings(reader, host, given, here[host])
        for holding in holdings[host]:
            holders.setdefault(holding.role, []).append(host)
            for site in holding.sites:
                declared.setdefault(product_of(holding.role), {}).setdefault(site, host)
    if declared:
        _check_sites(reader, holdings, declared)
    return Places(holdings, holders, {product: tuple(sorted(found)) for product, found in sorted(declared.items())})


NOWHERE = HostSites()


def _holdings(reader: Reader, host: str, given: t.Sequence[Entry], here: HostSites) -> t.Tuple[Holding, ...]:
    by_role: dict[str, list[Entry]] = {}
    for entry in given:
        by_role.setdefault(entry.role, []).append(entry)
    found = []
    for role in sorted(by_role):
        product = product_of(role)
        sites: t.Tuple[str, ...] = ()
        if product != SHARED_PRODUCT:
            own = {site for entry in by_role[role] for site in entry.sites or ()}
            sites = tuple(sorted(own)) or here.of(product)
        found.append(Holding(role, sites, _joined(reader, host, by_role[role])))
    return tuple(found)


def _joined(reader: Reader, host: str, given: t.Sequence[Entry]) -> t.Mapping[str, t.Any]:
    if len(given) == 1:
        return given[0].settings
    found: dict[str, t.Tuple[str, t.Any]] = {}
    for entry in given:
        for name, value in entry.settings.items():
            path, first = found.setdefault(name, (entry.path, value))
            if first != value:
                reader.add(host, f"{entry.path}.settings.{name}", value, f"{path} says {first!r} for the same role; a setting has one value")
    return {name: value for name, (_path, value) in found.items()}


def _check_sites(reader: Reader, holdings: t.Mapping[str, t.Tuple[Holding, ...]], declared: t.Mapping[str, t.Mapping[str, str]]) -> None:
    bound = site_bound_roles(reader.catalogs)
    for host, held in holdings.items():
        lost: dict[str, list[str]] = {}
        for holding in held:
            if not holding.sites and holding.role in bound and product_of(holding.role) in declared:
                lost.setdefault(product_of(holding.role), []).append(holding.role)
        for product, roles in sorted(lost.items()):
            site, first = min(declared[product].items())
            reader.add(
                host,
                "msports_site",
                MISSING,
                f"{first} is in site {site} of {product}, so every host with a role that is bound to a site must "
                f"say where it is: {', '.join(roles)}; set msports_site, or {{{product}: <site>}}",
            )


def check(reader: Reader, hosts: Mapping[str, Host], entries: Entries, networks: Networks, addresses: HostAddresses, not_deployed: t.Container[str]) -> None:
    """Check everything that needs the whole estate."""
    addresses.check_owners(entries)
    check_edge(reader, hosts, entries, networks)
    _check_addresses(reader, hosts, networks, addresses)
    _check_not_deployed(reader, not_deployed, entries, networks)
    _check_settings(reader, hosts, entries)
    _check_sites_settings(reader, hosts)


def _check_addresses(reader: Reader, hosts: Mapping[str, Host], networks: Networks, addresses: HostAddresses) -> None:
    """Every host with a role needs an address, but for hosts that are only part of a population whose networks are declared."""
    for host in hosts.values():
        if host.addresses or not host.holdings:
            continue
        lost = [holding.role for holding in host.holdings if not _inside(reader, holding, networks)]
        if lost and not reader.declares(host.name, "msports_addresses"):  # what is wrong with declared ones was told
            populations = [role for role in lost if reader.catalogs.roles[role].kind == "population"]
            reader.add(host.name, "msports_addresses", MISSING, addresses.why_none(host.name, populations if populations == lost else ()))


def _inside(reader: Reader, holding: Holding, networks: Networks) -> bool:
    if reader.catalogs.roles[holding.role].kind != "population":
        return False
    by_site = networks.get(holding.role, {})
    return bool(by_site.get(None)) or bool(holding.sites and all(by_site.get(site) for site in holding.sites))


def _check_not_deployed(reader: Reader, not_deployed: t.Container[str], entries: Entries, networks: Networks) -> None:
    """What is declared as not deployed nobody may hold."""
    for host, given in entries.items():
        for role, path in sorted({entry.role: entry.path for entry in reversed(given) if entry.role in not_deployed}.items()):
            reader.add(host, path, role, "the role is held here, but msports_not_deployed says that this estate has none")
    for role, by_site in networks.items():
        if role in not_deployed and any(by_site.values()):
            reader.add("estate", f"msports_networks.{role}", MISSING, HELD_BY_NETWORKS)


def _check_settings(reader: Reader, hosts: Mapping[str, Host], entries: Entries) -> None:
    """Values that only make sense together: the two ports of WSUS, and features that need a setting."""
    defaults = {name: setting.default for name, setting in reader.catalogs.settings.items()}
    for host in hosts.values():
        _check_wsus(reader, host, entries.get(host.name, ()), defaults)
        for feature, setting, role in NEEDED_SETTINGS:
            holding = host.holding(role)
            if feature in host.features and holding and not {**defaults, **host.settings, **holding.settings}.get(setting):
                reader.add(host.name, f"msports_settings.{setting}", MISSING, f"{feature} is on and has nothing to send to: set the addresses of the groups")


def _check_wsus(reader: Reader, host: Host, given: t.Sequence[Entry], defaults: t.Mapping[str, t.Any]) -> None:
    told = False
    for holding in host.holdings:
        if WSUS_HTTP in holding.settings or WSUS_HTTPS in holding.settings:
            wrong = wsus_pair({**defaults, **host.settings, **holding.settings})
            if wrong:
                path = next(entry.path for entry in given if entry.role == holding.role and entry.settings)
                reader.add(host.name, f"{path}.settings", MISSING, wrong)
                told = True
    if not told and (WSUS_HTTP in host.settings or WSUS_HTTPS in host.settings):
        wrong = wsus_pair({**defaults, **host.settings})
        if wrong:
            reader.add(host.name, "msports_settings", MISSING, wrong)


def _check_sites_settings(reader: Reader, hosts: Mapping[str, Host]) -> None:
    """A setting of a site is that of its site servers, so where a site has several they must have one value, be it the default."""
    names = sorted({flow.setting for flow in (*reader.catalogs.flows, *reader.catalogs.supplements) if flow.setting and flow.setting_of == "site"})
    for name in names:
        role = f"{product_of(name)}.site_server"
        first: dict[t.Optional[str], t.Tuple[str, t.Any]] = {}
        for host in hosts.values():
            holding = host.holding(role)
            for site in (holding.sites or (None,)) if holding else ():
                value = {**host.settings, **(holding.settings if holding else {})}.get(name, reader.catalogs.settings[name].default)
                other, known = first.setdefault(site, (host.name, value))
                if value != known:
                    where = "" if site is None else f" of site {site}"
                    says = f"{other} says {known!r} (unset is the default), and both are site servers{where}"
                    reader.add(host.name, f"msports_settings.{name}", value, f"{says}: this is one value for a site, so declare the same for both")
