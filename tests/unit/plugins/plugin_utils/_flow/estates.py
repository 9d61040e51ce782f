# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small estates, written shortly: inventories for the whole compiler, and catalogs and estates made by hand for its stages."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalog, Catalogs, Feature, Flow, Reference, Role, Setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate, Holding, Host

Plain = dict[str, t.Any]
MANAGEMENT = {"from": ["10.9.0.0/24"], "services": ["ssh"]}
PREFIX = "msports_"
# The editions that the tests of meaning are about: a newer one must not change what they show.
RELEASES = {"configmgr": "1806", "exchange": "2013", "databox": "2019-12"}


def host(*roles: t.Any, at: t.Any = (), groups: t.Sequence[str] = (), connection: str = "ssh", **variables: t.Any) -> Plain:
    """Return a host: its roles, its addresses (one or several), and ``msports_*`` variables without their prefix."""
    addresses = [at] if isinstance(at, str) else list(at)
    found: Plain = {"ansible_connection": connection}
    if roles:
        found["msports_roles"] = list(roles)
    if addresses:
        found["msports_addresses"] = addresses
    found.update((PREFIX + name, value) for name, value in variables.items())
    return {"vars": found, "groups": list(groups)}


def inventory(hosts: t.Mapping[str, Plain], today: str = "2026-11-21", whole: bool = True, quiet: bool = True, **everywhere: t.Any) -> Plain:
    """Return an inventory. ``everywhere`` are variables that all hosts declare; management is declared unless it is given.

    ``quiet`` declares every essential role as not deployed that no host and no network has, and that sites stand alone which no hierarchy joins,
    so that a test can be about one thing.
    """
    common = {"management": MANAGEMENT, "releases": RELEASES, **everywhere}
    if quiet and "not_deployed" not in common:
        common["not_deployed"] = sorted(_essential() - _held(hosts) - set(common.get("networks", ())))
    if quiet:
        common.update(_apart(common, _placed(hosts.values(), common)))
    named: Plain = {}
    for name, item in hosts.items():
        named[name] = {"vars": {**{PREFIX + key: value for key, value in common.items()}, **item["vars"]}, "groups": item["groups"]}
    groups = sorted({group for item in named.values() for group in item["groups"]})
    return {
        "hosts": named,
        "groups": {group: [name for name, item in named.items() if group in item["groups"]] for group in groups},
        "whole": whole,
        "today": today,
        "resolved": {},
        "facts": {},
    }


def _essential() -> set[str]:
    return {role.id for role in load_catalogs(RELEASES).roles.values() if role.essential}


def _placed(hosts: t.Iterable[Plain], everywhere: Plain) -> dict[str, set[str]]:
    """Return role -> the sites that its holders are in."""
    found: dict[str, set[str]] = {}
    for item in hosts:
        for entry in item["vars"].get("msports_roles", ()):
            role, site = (entry["role"], entry.get("site")) if isinstance(entry, dict) else (entry, None)
            site = site or item["vars"].get("msports_site") or everywhere.get("site")
            site = site.get(role.partition(".")[0]) if isinstance(site, dict) else site
            found.setdefault(role, set()).update(site if isinstance(site, (list, tuple)) else [str(site)] if site else ())
    return found


def _apart(common: Plain, placed: t.Mapping[str, set[str]]) -> Plain:
    """Return what says of sites that they stand alone, and that they have none of the essential roles that only others have."""
    by_product: dict[str, set[str]] = {}
    for role, sites in placed.items():
        by_product.setdefault(role.partition(".")[0], set()).update(sites if not role.startswith("windows_server.") else ())
    parents = dict(common.get("hierarchy", {}))
    alone = set().union(*by_product.values()) - set(parents)
    networks = dict(common.get("networks", {}))
    for role in sorted(_essential() & {*placed, *networks}):
        lacking = by_product.get(role.partition(".")[0], set()) - placed.get(role, set())
        if lacking and isinstance(networks.get(role, {}), dict):
            networks[role] = {**{site: [] for site in sorted(lacking)}, **networks.get(role, {})}
    said = {"hierarchy": {**parents, **dict.fromkeys(sorted(alone))}} if len(alone) > 1 else {}
    return {**said, **({"networks": networks} if networks else {})}


def _held(hosts: t.Mapping[str, Plain]) -> set[str]:
    entries = [entry for item in hosts.values() for entry in item["vars"].get("msports_roles", ())]
    return {entry["role"] if isinstance(entry, dict) else entry for entry in entries}


def plan(hosts: t.Mapping[str, Plain], **everywhere: t.Any) -> Plain:
    """Compile an estate with the bundled catalogs."""
    return _compile.compile_plan(inventory(hosts, **everywhere))


def rules(found: Plain, name: str, flow: t.Optional[str] = None) -> list[Plain]:
    """Return the rules of one host; with ``flow`` those that it (an id, or its beginning) is a reason of."""
    every = found["hosts"][name]["rules"]
    return every if flow is None else [rule for rule in every if any(why["name"].startswith(flow) for why in rule["because"])]


def names(found: Plain, name: str, flow: t.Optional[str] = None) -> list[str]:
    return [rule["name"] for rule in rules(found, name, flow)]


def addresses(found: Plain, rule: Plain, key: str = "remote") -> list[str]:
    return found["sets"][rule[key]]["addresses"]


def codes(found: Plain) -> list[str]:
    return [note["code"] for note in found["notes"]]


def texts(found: Plain, code: str) -> list[str]:
    return [note["text"] for note in found["notes"] if note["code"] == code]


# ---- made by hand, for stages alone

DOCUMENT = Reference("page", "table", 1)


def flow(source: str, destination: str, port: str = "1000", variant: str = "", **fields: t.Any) -> Flow:
    """Return a TCP flow of the product ``shop``, over ``port`` and between all sites unless told otherwise."""
    values: Plain = {"protocol": "tcp", "ports": (port,), "scope": "any", "service": "s", "reference": DOCUMENT, **fields}
    return Flow(id=f"{source}.{destination}.{port}{variant}", product="shop", edition="1", source=source, destination=destination, **values)


def catalogs(
    *flows: Flow,
    settings: t.Sequence[Setting] = (),
    features: t.Sequence[str] = (),
    essential: t.Sequence[str] = (),
    external: t.Sequence[str] = (),
    supplements: t.Sequence[Flow] = (),
) -> Catalogs:
    """Return one catalog, ``shop``, whose roles are the ends of its flows."""
    ends = sorted({end for item in (*flows, *supplements) for end in (item.source, item.destination)})
    kinds = {end: "external" if end == "internet" or end in external else "host" for end in ends}
    roles = {end: Role(end, end, kinds[end], end in essential) for end in ends}
    by_id = {setting.id: setting for setting in settings}
    known = {name: Feature(name, name) for name in features}
    catalog = Catalog("shop", "1", "shop/1.yml", "0" * 64, roles, by_id, known, tuple(flows), tuple(supplements), {})
    return Catalogs({"shop": catalog}, roles, by_id, known)


def made(name: str, *holdings: t.Union[str, Holding], at: str = "", **fields: t.Any) -> Host:
    """Return a managed host; ``at`` are addresses, separated by blanks."""
    held = tuple(item if isinstance(item, Holding) else Holding(item) for item in holdings)
    values: Plain = {"managed": bool(held), "addresses": Addresses.parse(at.split()), "holdings": held, **fields}
    return Host(name=name, **values)


def estate(*hosts: Host, networks: t.Optional[t.Mapping[str, t.Mapping[t.Optional[str], str]]] = None, **fields: t.Any) -> Estate:
    """Return an estate of ``hosts``, with the sites and features that these have; networks are texts, separated by blanks."""
    sites = tuple(sorted({site for item in hosts for holding in item.holdings for site in holding.sites}))
    values: Plain = {
        "networks": {role: {site: Addresses.parse(text.split()) for site, text in by_site.items()} for role, by_site in (networks or {}).items()},
        "sites": {"shop": sites} if sites else {},
        "sites_alone": frozenset(sites),
        "features": frozenset().union(*(item.features for item in hosts)),
        **fields,
    }
    return Estate({item.name: item for item in sorted(hosts, key=lambda item: item.name)}, **values)
