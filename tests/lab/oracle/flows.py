# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Flow by flow, for one pair of ends: does the flow join them, and does it admit this packet?"""

import typing as t

from .catalogs import Catalogs, Flow, holds_for, named
from .estate import End, Estate, as_list

SITE_SERVER = "configmgr.site_server"  # values of a site are read from its site server
ROAMED = ("configmgr.management_point", "configmgr.distribution_point", "configmgr.software_update_point")


def wanted(catalogs: Catalogs, estate: Estate) -> list[Flow]:
    """The flows that hold in this estate at all, whoever the ends are."""
    supplements = set(estate.whole("supplements") or ())
    without = [item["flow"] if isinstance(item, dict) else item for item in estate.whole("excluded_flows") or ()]
    flows = catalogs.flows + [flow for flow in catalogs.supplements if flow["id"] in supplements or flow["group"] in supplements]
    return [
        flow
        for flow in flows
        if not named(flow, without)
        and holds_for(flow["releases"], estate.releases[flow["product"]])
        and all(estate.exists(role) for role in flow["only_with"])
        and not any(estate.exists(role) for role in flow["only_without"])
    ]


def joins(flow: Flow, source: End, destination: End, starter: str, estate: Estate) -> bool:
    """Does the flow join these two ends, when ``starter`` (source or destination) opens the connection?"""
    if (flow["source"], flow["destination"]) != (source.role, destination.role):
        return False
    if starter == "destination" and flow["initiator"] != "either":
        return False
    if not _may_start(flow, source if starter == "source" else destination, starter):
        return False
    if flow["protocol"] == "any" and any(end.settings.get("exchange.internal_unrestricted") is False for end in (source, destination)):
        return False
    if flow["feature"] and flow["feature"] not in _features_at(flow, source, destination, estate):
        return False
    return _in_scope(_scope(flow, destination, estate), source, destination, estate)


def _may_start(flow: Flow, starter: End, which: str) -> bool:
    """Note 5 of Configuration Manager, and connections that the Data Box opens itself."""
    rule = flow["starts"].get(which, "always")
    if rule == "always":
        return True
    if "feature" in rule:
        return _full(flow, rule["feature"]) in starter.features
    return not starter.settings.get(_full(flow, rule["unless"]))


def _full(flow: Flow, name: str) -> str:
    return name if "." in name else f"{flow['product']}.{name}"


def _scope(flow: Flow, destination: End, estate: Estate) -> str:
    """Clients roam in the hierarchy, unless told otherwise: then those of three roles are sought in the client's own site."""
    to_roamed = flow["source"] == "configmgr.client" and destination.role in ROAMED
    roaming = estate.settings.get("configmgr.client_roaming", True)
    return "site" if flow["scope"] == "hierarchy" and to_roamed and roaming is False else flow["scope"]


def _in_scope(scope: str, source: End, destination: End, estate: Estate) -> bool:
    if scope == "top_site":
        return all(not end.sites or any(site not in estate.parents for site in end.sites) for end in (source, destination))
    product = source.role.split(".")[0]
    if scope == "any" or product != destination.role.split(".")[0]:
        return True
    if not source.sites or not destination.sites:  # only ends with sites are compared; where the product has none, its one site has no parent
        return scope not in ("parent", "parent_or_child") or estate.has_sites(product)
    return any(_related(scope, one, other, estate.parents) for one in source.sites for other in destination.sites)


def _related(scope: str, one: str, other: str, parents: t.Mapping[str, str]) -> bool:
    return {
        "site": one == other,
        "parent": parents.get(one) == other,
        "site_or_parent": one == other or parents.get(one) == other,
        "parent_or_child": parents.get(one) == other or parents.get(other) == one,
        "hierarchy": _top(one, parents) == _top(other, parents),
    }[scope]


def _top(site: str, parents: t.Mapping[str, str]) -> str:
    while site in parents:
        site = parents[site]
    return site


def _of_sites(flow: Flow, source: End, destination: End, estate: Estate) -> list[list[End]]:
    """The site servers of each site that joins the two: a site of the destination's, where it has any. Some site may have none."""
    servers = [end for host in estate.hosts.values() for end in host.held if end.role == SITE_SERVER]
    scope = _scope(flow, destination, estate)
    joined = [site for site in destination.sites if any(scope in ("any", "top_site") or _related(scope, one, site, estate.parents) for one in source.sites)]
    sites = joined or destination.sites or source.sites
    return [[end for end in servers if not end.sites or site in end.sites] for site in sites] or [servers]


def _features_at(flow: Flow, source: End, destination: End, estate: Estate) -> t.Collection[str]:
    where = flow["feature_at"]
    if where == "site":
        return {name for servers in _of_sites(flow, source, destination, estate) for end in servers for name in end.features}
    return {"source": source.features, "destination": destination.features, "estate": estate.features}[where]


def ports_of(flow: Flow, source: End, destination: End, estate: Estate) -> list[str]:
    """The declared value of the setting, else its default, else the documented ports. Alternatives never count."""
    if flow["setting"] is None:
        return list(flow["ports"])
    places: t.Mapping[str, t.Sequence[t.Mapping[str, t.Any]]] = {
        "source": [source.settings],
        "destination": [destination.settings],
        "estate": [estate.settings],
        "site": [settings for servers in _of_sites(flow, source, destination, estate) for settings in ([end.settings for end in servers] or [estate.settings])],
    }
    default = estate.catalogs.defaults.get(flow["setting"])
    values = [item.get(flow["setting"], default) for item in places[flow["setting_of"]]]
    ports = [str(port) for value in values if value is not None for port in as_list(value)]
    return ports or list(flow["ports"])


def ranges(ports: t.Iterable[str], dynamic: str) -> t.Iterator[tuple[int, int]]:
    """First and last of each port or range; dynamic RPC is the range of the destination's system."""
    for spec in ports:
        for part in str(dynamic if spec == "rpc_dynamic" else spec).replace(" ", "").split(","):
            first, _dash, last = part.partition("-")
            yield int(first), int(last or first)
