# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is valid, and probably not meant: traffic that nobody declared and a default cuts, and rules that stop nothing. Notes, never problems."""

from __future__ import annotations

import typing as t
from collections import defaultdict

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, NOBODY, Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet, Rule

SHARED = "windows_server"
MEMBERS, CONTROLLERS = "windows_server.domain_member", "windows_server.domain_controller"
EVERYONE = Addresses.parse(["0.0.0.0/0"])  # of one family is enough
Rulesets = t.Mapping[str, tuple[Rule, ...]]


def remarks(estate: Estate, catalogs: Catalogs, rulesets: Rulesets, sets: t.Mapping[str, AddressSet]) -> t.Iterator[Note]:
    """Yield the notes; ``rulesets`` are those of the managed hosts, ``sets`` the address sets that they name."""
    populations = {role: union(by_site.values()) for role, by_site in sorted(estate.networks.items()) if _is_population(role, catalogs)}
    yield from _without_controllers(estate, populations)
    yield from _with_servers(estate, populations)
    yield from _only_management(estate, rulesets)
    yield from _stopping_nothing(rulesets, sets)


def _is_population(role: str, catalogs: Catalogs) -> bool:
    return role in catalogs.roles and catalogs.roles[role].kind == "population" and not role.startswith(f"{SHARED}.")


def _stops(host: Host) -> bool:
    return host.managed and (host.default_inbound in ("block", "reject") or (host.default_inbound is None and host.system == "linux"))


def _without_controllers(estate: Estate, populations: t.Mapping[str, Addresses]) -> t.Iterator[Note]:
    """Computers of a client network log on somewhere, too, and being a client of a product says nothing of a domain."""
    controllers = [host.name for host in estate.hosts.values() if host.holding(CONTROLLERS) and _stops(host)]
    if not controllers or MEMBERS in estate.explicit_empty:
        return
    members = union(estate.networks.get(MEMBERS, {}).values())
    internet = union(estate.networks.get("internet", {}).values())
    for role, networks in populations.items():
        left = NOBODY if networks == ANY else networks - members - internet
        if left:
            yield Note(
                "no_domain",
                f"networks of {role} ({some(left.cidrs())}) are not among those of {MEMBERS}, so {some(controllers)} will not let their computers log on: "
                f"declare them there, too (msports_networks: {{{MEMBERS}: [...]}}); an empty list says that none of them is a member",
            )


def _with_servers(estate: Estate, populations: t.Mapping[str, Addresses]) -> t.Iterator[Note]:
    for role, networks in populations.items():
        servers = [host for host in estate.hosts.values() if host.managed and host.addresses and not host.holding(role)]
        if len(servers) > 1 and networks != ANY and all(not host.addresses - networks for host in servers):
            yield Note(
                "wide_networks",
                f"the networks of {role} hold the addresses of all {len(servers)} managed hosts ({some(host.name for host in servers)}), so each of them is "
                "let in as a client: name the networks of the clients alone",
            )


def _only_management(estate: Estate, rulesets: Rulesets) -> t.Iterator[Note]:
    """A host that holds a role which opens nothing is alone in its scope, or its role is not the one that was meant."""
    by_roles: dict[tuple[str, ...], list[str]] = defaultdict(list)
    products: dict[int, frozenset[str]] = {}
    for name, ruleset in rulesets.items():
        if id(ruleset) not in products:
            products[id(ruleset)] = frozenset(why.name.partition(".")[0] for rule in ruleset for why in rule.because if why.kind in ("flow", "allow"))
        host = estate.hosts[name]
        own = tuple(holding.role for holding in host.holdings if not holding.role.startswith(f"{SHARED}."))
        if not products[id(ruleset)] - ({SHARED} if own else set()) and _stops(host):
            by_roles[own or tuple(holding.role for holding in host.holdings)].append(name)
    for roles, hosts in sorted(by_roles.items()):
        yield Note("only_management", f"{some(hosts)}: no flow of {some(roles)} makes a rule there, so nothing but management is let in beside the domain")


def _stopping_nothing(rulesets: Rulesets, sets: t.Mapping[str, AddressSet]) -> t.Iterator[Note]:
    wide = {name for name, item in sets.items() if not EVERYONE - item.addresses}
    by_rule: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, ruleset in rulesets.items() if wide else ():
        for rule in ruleset:
            if rule.remote in wide and rule.protocol == "any" and rule.direction == "in":
                by_rule[rule.name, some(why.name for why in rule.because)].append(name)
    for (rule_name, why), hosts in sorted(by_rule.items()):
        yield Note("any_from_any", f"{rule_name} ({why}) lets everybody in over everything, so no other rule counts at {some(hosts)}")
