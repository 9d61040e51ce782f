# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A starter inventory for some products: every role as a group, what has to be said first, and comments that say the rest."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import editions_of, load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES, Catalog, Role

SCHEMA = "https://raw.githubusercontent.com/portcullis/msports/main/docs/inventory.schema.json"
SHARED = "windows_server"  # whatever runs, it runs in a domain
HEAD = """\
---
# yaml-language-server: $schema={schema}
# Hosts of {products}: who is what, and where. Take the marks # away where a role has holders, and put your addresses for 192.0.2.x and 198.51.100.x.
# Then plan; this connects to no host:  ansible-playbook -i {path} portcullis.msports.plan
all:
  vars:
    # Which release runs here. The newest documentation that is not newer counts.
    msports_releases: {{{releases}}}
    # From where you manage the hosts, and over what: ssh, winrm_https, rdp, tcp/<port>.
    msports_management: {{from: [192.0.2.0/24], services: [ssh, winrm_https]}}
    # Names, time and web proxies that all hosts use.
    # msports_infrastructure: {{dns: [192.0.2.53], ntp: [192.0.2.53], proxy: [{{address: 192.0.2.80, port: 8080}}]}}
    # What is on: lookup portcullis.msports.catalog lists the features of a product.
    # msports_features: [{features}]
    # Roles that nobody holds, and that is all right. The plan names those that it misses.
    # msports_not_deployed: [{optional}]
    # Rules that no document knows, with the reason, and the last day.
    # msports_allow: [{{name: monitoring, in: tcp/10050, from: [192.0.2.10], because: agents report here, until: 2030-12-31}}]
"""
NETWORKS = """\
    # Who is many is said as networks.
    msports_networks:
"""


def starter(products: t.Sequence[str], path: str = "inventory.yml") -> str:
    """Return the text of an inventory; raise :class:`MsportsError` for what is no product with a catalog."""
    known = editions_of()
    problems = Problems()
    for name in products:
        if name not in known:
            problems.add("products", name, f"expected products that have a catalog: {', '.join(known)}", known)
    if not products:
        problems.add("products", "", f"expected at least one of {', '.join(known)}, with commas between them")
    problems.raise_as(MsportsError)
    catalogs = load_catalogs()
    chosen = [catalogs.products[name] for name in dict.fromkeys((*products, SHARED))]
    roles = [role for catalog in chosen for role in catalog.roles.values() if role.id not in BARE_ROLES]
    head = HEAD.format(
        schema=SCHEMA,
        path=path,
        products=", ".join(products),
        releases=", ".join(f'{catalog.product}: "{catalog.edition}"' for catalog in chosen if catalog.product != SHARED),
        features=", ".join([feature for catalog in chosen for feature in catalog.features][:2]),
        optional=", ".join([role.id for role in roles if role.kind == "host" and not role.essential][:2]),
    )
    addresses = itertools.count(10)
    many = [role for role in roles if role.kind == "population"]
    return head + (NETWORKS + "".join(map(_network, many)) if many else "") + "  children:\n" + "".join(_product(catalog, addresses) for catalog in chosen)


def _network(role: Role) -> str:
    return f"      {role.id}: [198.51.100.0/24]   # {role.title}\n"


def _product(catalog: Catalog, addresses: t.Iterator[int]) -> str:
    """Return the groups of a product; each example of a host takes the next address."""
    groups = (_group(role, next(addresses)) for role in catalog.roles.values() if role.kind == "host" and role.id not in BARE_ROLES)
    return f"    # ---- {catalog.title or catalog.product}, as documented for {catalog.edition}\n{''.join(groups)}"


def _group(role: Role, address: int) -> str:
    name = role.id.replace(".", "_", 1)
    host = f"{role.id.partition('.')[2].replace('_', '')}01"
    return f"    # {name}: {{hosts: {{{host}: {{ansible_host: 192.0.2.{address}}}}}}}   # {role.title}\n"
