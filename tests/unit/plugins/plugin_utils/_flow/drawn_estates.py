# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Estates as they were drawn, and the inventories that they are."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import RELEASES, inventory

Plain = dict[str, t.Any]
CATALOGS = load_catalogs(RELEASES)
EDGE = "exchange.edge_transport"
SITE_SERVER, WAKE_ON_LAN = "configmgr.site_server", "configmgr.wake_on_lan"
OF_A_HOST = tuple(f"msports_{name}" for name in ("roles", "addresses", "features", "settings", "managed", "dynamic_ports", "site"))


@dataclass
class Drawn:
    """One host as it was drawn."""

    roles: tuple[str, ...]
    configmgr: tuple[str, ...]
    exchange: str
    features: tuple[str, ...]
    settings: Plain
    initiates: bool
    dynamic: bool
    managed: bool
    six: bool


@dataclass
class Estate:
    """A drawn estate: as an inventory."""

    hosts: dict[str, Drawn]
    sites: bool
    tree: dict[str, str]
    networks: tuple[tuple[str, t.Optional[str]], ...]  # role and site
    roaming: t.Optional[bool]
    unrestricted: t.Optional[bool]
    without: tuple[str, ...]
    supplements: tuple[str, ...]
    release: t.Optional[str]

    def site_of(self, role: str, host: Drawn) -> list[t.Optional[str]]:
        product = role.partition(".")[0]
        if not self.sites or product not in ("configmgr", "exchange"):
            return [None]
        return list(host.configmgr) if product == "configmgr" else [host.exchange]

    def declared(self, product: str) -> set[str]:
        """Return the sites of a product that some host is in."""
        found = {site for host in self.hosts.values() for role in with_implied(host.roles) if role.startswith(product) for site in self.site_of(role, host)}
        return {site for site in found if site}

    def parents(self) -> dict[str, str]:
        known = self.declared("configmgr") | self.declared("exchange")
        return {child: parent for child, parent in self.tree.items() if {child, parent} <= known}

    def networks_by_role(self) -> dict[str, dict[t.Optional[str], str]]:
        found: dict[str, dict[t.Optional[str], str]] = {}
        for number, (role, site) in enumerate(self.networks):
            known = self.declared(role.partition(".")[0])
            place = site if site in known and role.partition(".")[0] in ("configmgr", "exchange") else None
            if place is None:
                found[role] = {None: f"10.{100 + number}.0.0/16"}  # a list holds for all sites, so it stands alone
            elif None not in found.get(role, {}):
                found.setdefault(role, {})[place] = f"10.{100 + number}.0.0/16"
        return found

    def everywhere(self) -> Plain:
        networks = {
            role: [by_site[None]] if None in by_site else {site: [text] for site, text in by_site.items()} for role, by_site in self.networks_by_role().items()
        }
        found: Plain = {"networks": networks}
        if self.parents():
            found["hierarchy"] = self.parents()
        if self.without:
            found["excluded_flows"] = [{"flow": pattern, "because": "drawn"} for pattern in self.without]
        if self.supplements:
            found["supplements"] = list(self.supplements)
        if self.release:
            found["releases"] = {**RELEASES, "configmgr": self.release}
        return found

    def switches(self) -> Plain:
        found: Plain = {}
        if self.roaming is not None:
            found["configmgr.client_roaming"] = self.roaming
        if self.unrestricted is not None:
            found["exchange.internal_unrestricted"] = self.unrestricted
        return found

    def settings_of(self, drawn: Drawn) -> Plain:
        """Return what a host declares: as drawn, but for a setting of the site, which site servers that share a site must agree on."""
        found = {**drawn.settings, **self.switches()}
        if SITE_SERVER in drawn.roles and any(WAKE_ON_LAN in other.settings for other in self.hosts.values() if SITE_SERVER in other.roles):
            found[WAKE_ON_LAN] = 7
        return found

    def plain(self, **more: t.Any) -> Plain:
        """The inventory; ``more`` are variables that all hosts declare."""
        hosts = {}
        for number, (name, drawn) in enumerate(sorted(self.hosts.items()), 1):
            variables: Plain = {
                "msports_roles": [entry(role, drawn) for role in drawn.roles],
                "msports_addresses": addresses_of(number, drawn),
                "msports_features": list(drawn.features),
                "msports_settings": self.settings_of(drawn),
                "msports_managed": drawn.managed,
            }
            if drawn.dynamic:
                variables["msports_dynamic_ports"] = "40000-40100"
            if self.sites:
                variables["msports_site"] = {"configmgr": list(drawn.configmgr), "exchange": drawn.exchange}
            hosts[name] = {"vars": variables, "groups": []}
        return inventory(hosts, **self.everywhere(), **more)

    def questioned(self, infrastructure: t.Optional[Plain] = None) -> Plain:
        """The inventory with strict hosts, and with one host without a role in each network, and on the Internet."""
        found = self.plain(default_outbound="block", infrastructure=infrastructure or {"dns": ["203.0.113.53"], "ntp": ["203.0.113.123"]})
        networks = [text for by_site in self.networks_by_role().values() for text in by_site.values()]
        for address in (*[text.replace("0.0/16", "7.7") for text in networks], "44.0.0.1"):
            everywhere = {key: value for key, value in next(iter(found["hosts"].values()))["vars"].items() if key not in OF_A_HOST}
            found["hosts"][address] = {"vars": {**everywhere, "msports_addresses": [address]}, "groups": []}
        return found


def addresses_of(number: int, drawn: Drawn) -> list[str]:
    return [f"10.0.{number}.1", *([f"fd00::{number}"] if drawn.six else [])]


def can_initiate(role: str) -> bool:
    return (
        role.partition(".")[2] in CATALOGS.settings["configmgr.site_server_initiates"].roles
        or role in CATALOGS.settings["configmgr.site_server_initiates"].roles
    )


def entry(role: str, drawn: Drawn) -> t.Any:
    return {"role": role, "settings": {"site_server_initiates": True}} if can_initiate(role) and drawn.initiates else role


def with_implied(roles: t.Iterable[str]) -> set[str]:
    found = set(roles)
    while more := {name for role in found for name in CATALOGS.roles[role].implies} - found:
        found |= more
    return found
