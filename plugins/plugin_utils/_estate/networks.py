# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Roles whose holders are networks: populations, external ends, and whatever hosts outside the inventory hold."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import network, read_address
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.former import current
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.roles import SHARED_PRODUCT, product_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.sites import SITE_WORDS
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, entries, near_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.internet import internet_beside

Networks = t.Dict[str, t.Dict[t.Optional[str], Addresses]]  # role -> site (None = every site) -> addresses

NOBODYS = ("any_host",)  # stands for hosts of the inventory, so networks cannot hold it


class _Listed(t.NamedTuple):
    """A list of networks as it was written: its addresses, and whether the word ``internet`` was among them."""

    addresses: Addresses
    internet: bool


def parse_networks(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs, sites: Mapping[str, t.Collection[str]]) -> Networks:
    """Read ``msports_networks``: role to networks, or role to sites to networks. An empty list stays: it says "none".

    The word ``internet`` among a role's networks adds the public addresses that no role has.
    """
    roles = sorted(name for name in {*catalogs.roles, "internet"} if name not in NOBODYS)
    found: t.Dict[str, t.Dict[t.Optional[str], _Listed]] = {}
    for written, (path, value) in entries(declared, problems).items():
        role = current("roles", written, path, problems, catalogs)
        if role is None:
            continue
        if role not in roles:
            problems.add(path, role, "expected the name of a role, <product>.<role>, or internet", near=near_name(role, roles))
        elif isinstance(value, (list, tuple)):
            found[role] = {None: _addresses(value, path, problems)}
        elif not isinstance(value, Mapping):
            problems.add(path, value, "expected a list of networks, or a mapping of sites to lists")
        elif _has_sites(role, catalogs):
            found[role] = _by_site(value, path, problems, sites.get(product_of(role), ()))
        else:
            problems.add(path, dict(value), f"{role} has no sites: write one list of networks")
    named = {role: {site: item.addresses for site, item in by_site.items()} for role, by_site in found.items()}
    if not any(item.internet for by_site in found.values() for item in by_site.values()):
        return named
    internet = internet_of(named)
    # The word itself is among the networks then, because what it stands for must not change when roles have these addresses.
    worded = {role: {site: item.addresses | internet if item.internet else item.addresses for site, item in listed.items()} for role, listed in found.items()}
    return {"internet": {None: internet}, **worded}


def internet_of(networks: Networks) -> Addresses:
    """Return what ``internet`` means: its own declaration, else public space beside the networks of all roles."""
    if any(networks.get("internet", {}).values()):
        return union(networks["internet"].values())
    return internet_beside(found for by_site in networks.values() for found in by_site.values())


def _has_sites(role: str, catalogs: Catalogs) -> bool:
    return role in catalogs.roles and catalogs.roles[role].kind != "external" and product_of(role) != SHARED_PRODUCT


def _by_site(value: Mapping[t.Any, t.Any], path: str, problems: ProblemCollector, known: t.Collection[str]) -> t.Dict[t.Optional[str], _Listed]:
    found: t.Dict[t.Optional[str], _Listed] = {}
    for site, networks in value.items():
        label = f"{path}.{site}"
        if not isinstance(site, str):
            problems.add(label, site, SITE_WORDS)
        elif site not in known:
            sites = f"the sites are {', '.join(sorted(known))}" if known else "no host declares msports_site"
            problems.add(label, site, f"no host of the product is in this site; {sites}", near=near_name(site, known))
        elif not isinstance(networks, (list, tuple)):
            problems.add(label, networks, "expected a list of networks")
        else:
            found[site] = _addresses(networks, label, problems)
    return found


def _addresses(values: t.Sequence[t.Any], path: str, problems: ProblemCollector) -> _Listed:
    found = union([read_address(value, f"{path}[{index}]", problems, network) for index, value in enumerate(values) if value != "internet"])
    return _Listed(found, "internet" in values)


def explicitly_empty(networks: Networks) -> frozenset[str]:
    """Return the roles that were declared with empty lists only."""
    return frozenset(role for role, by_site in networks.items() if by_site and not any(by_site.values()))
