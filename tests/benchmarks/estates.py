# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Estates of any size, made by rule and not by chance: the same name and size give the same inventory, always.

An inventory comes in the form in which the border to Ansible hands it to the compiler: every host has its own copy of
every variable that it sees, because that is what ``hostvars`` give.
"""

import copy
import ipaddress
import typing as t

Plain = t.Dict[str, t.Any]

TOP = "CAS"
# Several sites, the same number from a thousand hosts on: what grows is the number of hosts in each.
SITES = tuple(f"P{number:02d}" for number in range(1, 9))
SERVERS = int(ipaddress.IPv4Address("10.0.0.10"))
STEP = 3  # between the addresses of two hosts: neighbours would collapse into a few networks
DESKS = int(ipaddress.IPv4Address("172.16.0.0"))
DESKS_OF_A_SITE = 2**16

# What a site of 50 hosts consists of: every role that a host can have, the common ones several times.
_ONCE = (
    "configmgr.site_server",
    "configmgr.sql_server",
    "configmgr.sms_provider",
    "configmgr.fallback_status_point",
    "configmgr.state_migration_point",
    "configmgr.reporting_services_point",
    "configmgr.data_warehouse_service_point",
    "configmgr.asset_intelligence_synchronization_point",
    "configmgr.endpoint_protection_point",
    "configmgr.enrollment_point",
    "configmgr.enrollment_proxy_point",
    "configmgr.certificate_registration_point",
    "configmgr.ndes_policy_module",
    "configmgr.application_catalog_website_point",
    "configmgr.application_catalog_web_service_point",
    "configmgr.service_connection_point",
    "configmgr.cmg_connection_point",
    "configmgr.exchange_server_connector",
    "configmgr.wsus_server",
    "configmgr.console",
    "exchange.edge_transport",
    "exchange.lync_server",
    "databox.device",
    "databox.lan_client",
    "windows_server.domain_controller",
    "windows_server.certification_authority",
    "windows_server.dns_server",
    "windows_server.dhcp_server",
    "windows_server.dhcp_relay",
    "windows_server.file_server",
)
_OFTEN = (
    *("configmgr.software_update_point",) * 2,
    *("configmgr.management_point",) * 4,
    *("exchange.client_access",) * 2,
    *("exchange.mailbox",) * 2,
    *("configmgr.distribution_point",) * 10,
)
SERVER_ROLES = (*_ONCE, *_OFTEN)
# Of ten hosts two carry mail and talk to each other without restriction, one is another server, seven are desks.
CORE_ROLES = (
    "configmgr.site_server",
    "configmgr.sql_server",
    "configmgr.management_point",
    "configmgr.distribution_point",
    "configmgr.software_update_point",
    "configmgr.fallback_status_point",
    "windows_server.domain_controller",
    "windows_server.dns_server",
    "windows_server.dhcp_server",
    "windows_server.file_server",
)
DESK_ROLES = ("exchange.client_access", "exchange.mailbox", None, *("configmgr.client",) * 7)
BRANCH_ROLES = (
    "configmgr.site_server",
    "configmgr.sql_server",
    "configmgr.sms_provider",
    "configmgr.fallback_status_point",
    "configmgr.state_migration_point",
    "configmgr.reporting_services_point",
    "configmgr.software_update_point",
    "configmgr.wsus_server",
    *("configmgr.management_point",) * 4,
    *("configmgr.distribution_point",) * 8,
)
SITE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def networks(size: int) -> Plain:
    """Return an estate of servers: all roles of all products, and the clients as networks of each site."""
    blocks = -(-size // len(SERVER_ROLES))
    sites = SITES[: max(blocks - 1, 0)]
    hosts = {}
    for number in range(size):
        block, place = divmod(number, len(SERVER_ROLES))
        hosts[f"srv{number:05d}"] = _host(number, (TOP, *sites)[block % (len(sites) + 1)], SERVER_ROLES[place])
    desks = {site: [_desks(index)] for index, site in enumerate(sites or (TOP,))}
    everywhere = [network for found in desks.values() for network in found]
    declared: Plain = {
        "configmgr.client": desks,
        "exchange.client": everywhere,
        "windows_server.domain_member": everywhere,
        "configmgr.mac_computer": ["192.168.0.0/17"],
        "configmgr.mobile_device": ["192.168.0.0/17"],
    }
    return _inventory(hosts, {"msports_hierarchy": dict.fromkeys(sites, TOP), "msports_networks": declared})


def enumerated(size: int) -> Plain:
    """Return an estate of desks: every client is a host of the inventory, and a fifth of the hosts are Exchange servers."""
    sites = SITES[: max(size // (len(DESK_ROLES) * len(CORE_ROLES)), 1)]
    hosts = {}
    for number in range(size):
        block, place = divmod(number, len(DESK_ROLES))
        site = sites[block // len(CORE_ROLES) % len(sites)]
        role = DESK_ROLES[place] or CORE_ROLES[block % len(CORE_ROLES)]
        hosts[f"host{number:05d}"] = _host(number, site, role, ("exchange_client", "windows_server_domain_member") if role == "configmgr.client" else ())
    return _inventory(hosts, {"msports_hierarchy": dict.fromkeys(sites)} if len(sites) > 1 else {})


def distinct(size: int) -> Plain:
    """Return the estate of servers with a rule of the user's own on every host, no two alike: nothing can be shared between hosts."""
    inventory = networks(size)
    for number, host in enumerate(inventory["hosts"].values()):
        entry = {"name": f"agent {number}", "in": f"tcp/{20000 + number}", "from": ["10.252.0.0/28"], "because": "an example"}
        host["vars"]["msports_allow__own"] = [entry]
    return inventory


def branches(size: int) -> Plain:
    """Return an estate of many sites of twenty servers, none of which talks to another: what one host needs is the same, however many hosts there are."""
    hosts, sites = {}, []
    for number in range(size):
        block, place = divmod(number, len(BRANCH_ROLES))
        if not place:
            sites.append("".join(SITE_LETTERS[block // len(SITE_LETTERS) ** power % len(SITE_LETTERS)] for power in (2, 1, 0)))
        hosts[f"srv{number:06d}"] = _host(number, sites[-1], BRANCH_ROLES[place])
    everywhere: Plain = {
        "msports_hierarchy": dict.fromkeys(sites),
        "msports_networks": {"configmgr.client": ["172.16.0.0/12"]},
        "msports_not_deployed": ["windows_server.domain_controller"],
    }
    return _inventory(hosts, everywhere)


ESTATES: dict[str, t.Callable[[int], Plain]] = {"networks": networks, "enumerated": enumerated, "distinct": distinct}


def _desks(index: int) -> str:
    return f"{ipaddress.IPv4Address(DESKS + index * DESKS_OF_A_SITE)}/16"


def _host(number: int, site: str, role: str, groups: t.Sequence[str] = ()) -> Plain:
    variables: Plain = {"ansible_host": str(ipaddress.IPv4Address(SERVERS + number * STEP))}
    product = role.partition(".")[0]
    if product == "configmgr":
        variables["msports_site"] = site
    elif product == "exchange":
        variables["msports_site"] = {"exchange": site}
    if role == "databox.device":
        variables["msports_managed"] = False
    return {"vars": variables, "groups": [role.replace(".", "_"), f"place_{site.lower()}", *groups]}


def _inventory(hosts: dict[str, Plain], more: Plain) -> Plain:
    """Give every host what ``group_vars/all`` would say, as a copy of its own."""
    everyone: Plain = {
        "msports_releases": {"configmgr": "1806", "exchange": "2013", "databox": "2019-12"},  # figures compare with those of other days
        "msports_management": {"from": ["10.250.0.0/24"], "services": ["ssh", "winrm_https"]},
        "msports_infrastructure": {"dns": ["10.0.0.36"], "ntp": ["10.0.0.34"], "proxy": [{"address": "10.251.0.1", "port": 8080}]},
        "msports_features": ["configmgr.pxe", "exchange.imap4", "exchange.pop3", "databox.smb", "databox.nfs"],
        "msports_ping": ["10.250.0.0/24"],
        "msports_allow": [{"name": "monitoring agent", "in": "tcp/10050", "from": ["10.252.0.0/28"], "because": "an example"}],
        "msports_system": "linux",
        **more,
    }
    groups: dict[str, list[str]] = {}
    for name, host in hosts.items():
        host["vars"] = {**copy.deepcopy(everyone), **host["vars"]}
        for group in host["groups"]:
            groups.setdefault(group, []).append(name)
    return {"hosts": hosts, "groups": groups, "whole": True, "today": "2026-01-01", "resolved": {}, "facts": {}}


def as_ansible(inventory: Plain) -> Plain:
    """Return the same inventory as a file for Ansible: what all hosts have in common stands at ``all``, and groups list their hosts."""
    hosts = inventory["hosts"]
    first = next(iter(hosts.values()))["vars"]
    shared = {name: value for name, value in first.items() if all(host["vars"].get(name) == value for host in hosts.values())}
    return {
        "all": {
            "vars": shared,
            "hosts": {name: {key: value for key, value in host["vars"].items() if key not in shared} for name, host in hosts.items()},
            "children": {group: {"hosts": dict.fromkeys(members, {})} for group, members in inventory["groups"].items()},
        }
    }
