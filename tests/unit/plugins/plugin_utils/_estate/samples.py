# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small catalogs made by hand, and inventories written shortly: what every test of the estate starts from."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalog, Catalogs, Feature, Flow, Reference, Role, Setting

MANAGEMENT = {"from": ["10.9.0.0/24"], "services": ["ssh"]}
MEMBER = ("windows_server.domain_member",)
SITE_SYSTEMS = ("management_point", "distribution_point", "software_update_point")

ROLES = (
    Role("internet", "Internet", "external"),
    Role("any_host", "Any host", "host"),
    Role("windows_server.domain_controller", "Domain controller", "host", essential=True),
    Role("windows_server.dns_server", "DNS server", "host"),
    Role("windows_server.domain_member", "Domain member", "host"),
    Role("configmgr.site_server", "Site server", "host", essential=True, implies=MEMBER),
    Role("configmgr.management_point", "Management point", "host", implies=MEMBER),
    Role("configmgr.distribution_point", "Distribution point", "host", implies=MEMBER),
    Role("configmgr.software_update_point", "Software update point", "host", implies=(*MEMBER, "configmgr.wsus_server")),
    Role("configmgr.wsus_server", "WSUS server", "host", implies=MEMBER),
    Role("configmgr.client", "Client", "population", essential=True),
    Role("configmgr.console", "Console", "population"),
    Role("configmgr.microsoft", "Services of Microsoft", "external"),
    Role("exchange.client_access", "Client Access server", "host", implies=MEMBER),
    Role("exchange.mailbox", "Mailbox server", "host", essential=True, implies=MEMBER),
    Role("exchange.edge_transport", "Edge Transport server", "host"),
    Role("exchange.lync_server", "Lync server", "host", implies=MEMBER),
    Role("exchange.client", "Client", "population", essential=True),
    Role("databox.device", "Data Box", "host"),
    Role("databox.lan_client", "Client on the LAN", "population"),
)
SETTINGS = (
    Setting("configmgr.client_https", "HTTPS port", "port", 443, ("management_point", "distribution_point")),
    Setting("configmgr.wsus_http", "HTTP port of WSUS", "port", 8530, ("software_update_point", "wsus_server")),
    Setting("configmgr.wsus_https", "HTTPS port of WSUS", "port", 8531, ("software_update_point", "wsus_server")),
    Setting("configmgr.multicast_ports", "Ports of multicast", "ports", ["63000-64000"], ("distribution_point",)),
    Setting("configmgr.multicast_addresses", "Groups of multicast", "addresses", None, ("distribution_point",)),
    Setting("configmgr.trusted_networks", "A setting with addresses that are no groups", "addresses", None, ()),
    Setting("configmgr.wake_on_lan", "Port of Wake On LAN", "port", 9, ("site_server",)),
    Setting("configmgr.client_roaming", "Clients roam", "bool", True),
    Setting("configmgr.site_server_initiates", "Only the site server opens connections", "bool", False, SITE_SYSTEMS),
    Setting("exchange.internal_unrestricted", "Internal traffic stays unrestricted", "bool", True, ("client_access", "mailbox")),
)
FEATURES = ("configmgr.pxe", "configmgr.multicast", "exchange.imap4", "databox.nfs")
EDITIONS = {"configmgr": "1806", "exchange": "2013", "databox": "2019-12", "windows_server": "2023-12"}
FLOWS = (
    ("configmgr.client", "configmgr.management_point", "https", "tcp", "hierarchy"),
    ("configmgr.client", "configmgr.distribution_point", "https", "tcp", "hierarchy"),
    ("configmgr.console", "configmgr.site_server", "rpc", "tcp", "hierarchy"),
    ("configmgr.site_server", "configmgr.management_point", "smb", "tcp", "site"),
    ("configmgr.site_server", "configmgr.distribution_point", "smb", "tcp", "site"),
    ("configmgr.site_server", "configmgr.client", "wake_on_lan", "udp", "site"),
    ("configmgr.site_server", "configmgr.site_server", "smb", "tcp", "parent_or_child"),
    ("configmgr.software_update_point", "configmgr.wsus_server", "http", "tcp", "parent"),
    ("configmgr.software_update_point", "configmgr.microsoft", "https", "tcp", "any"),
    ("exchange.client", "exchange.client_access", "https", "tcp", "site"),
    ("exchange.edge_transport", "exchange.mailbox", "smtp", "tcp", "site"),
    ("windows_server.domain_member", "windows_server.domain_controller", "kerberos", "tcp", "any"),
    ("databox.lan_client", "databox.device", "nfs", "tcp", "any"),
)
SITE_SETTINGS = {"wake_on_lan": {"setting": "configmgr.wake_on_lan", "setting_of": "site"}}
SUPPLEMENTS = (("configmgr.client", "configmgr.client", "peer_cache_download", "tcp", "site", "peer_cache"),)


def catalogs() -> Catalogs:
    """Return four small catalogs, joined."""
    products = {}
    for product, edition in EDITIONS.items():
        products[product] = Catalog(
            product=product,
            edition=edition,
            path="",
            digest="",
            roles={role.id: role for role in ROLES if role.id.startswith(f"{product}.")},
            settings={setting.id: setting for setting in SETTINGS if setting.id.startswith(f"{product}.")},
            features={name: Feature(name, name) for name in FEATURES if name.startswith(f"{product}.")},
            flows=tuple(_flow(edition, "table", None, *row, **SITE_SETTINGS.get(row[2], {})) for row in FLOWS if row[0].startswith(f"{product}.")),
            supplements=tuple(_flow(edition, "supplement", row[5], *row[:5]) for row in SUPPLEMENTS if row[0].startswith(f"{product}.")),
            plain={},
        )
    return Catalogs(
        products=products,
        roles={role.id: role for role in ROLES},
        settings={setting.id: setting for setting in SETTINGS},
        features={name: Feature(name, name) for name in FEATURES},
    )


def _flow(edition: str, section: str, group: t.Optional[str], source: str, destination: str, service: str, protocol: str, scope: str, **more: t.Any) -> Flow:
    product, _mark, first = source.partition(".")
    name = f"{product}.{first}.{destination.rpartition('.')[2]}.{service}.{protocol}"
    return Flow(name, product, edition, source, destination, service, protocol, Reference("document", section, 1), scope=scope, group=group, **more)


def inventory(hosts: t.Mapping[str, t.Mapping[str, t.Any]], groups: t.Iterable[str] = (), **more: t.Any) -> dict[str, t.Any]:
    """Return an inventory as the border gives it.

    A host is its variables, with its groups under the key ``groups``. The first one has the address 10.0.0.1 and so on, and all have a
    management, unless they say otherwise; ``None`` takes either away. ``groups`` adds groups without hosts.
    """
    made: dict[str, t.Any] = {}
    members: dict[str, list[str]] = {name: [] for name in groups}
    for number, (name, given) in enumerate(hosts.items(), start=1):
        variables = {"ansible_host": f"10.0.0.{number}", "msports_management": copy.deepcopy(MANAGEMENT), **copy.deepcopy(dict(given))}
        of_host = variables.pop("groups", [])
        for default in ("ansible_host", "msports_management"):
            if variables[default] is None:
                del variables[default]
        made[name] = {"vars": variables, "groups": of_host}
        for group in of_host:
            members.setdefault(group, []).append(name)
    return {"hosts": made, "groups": members, "whole": True, "today": "2026-11-21", "resolved": {}, "facts": {}, **more}
