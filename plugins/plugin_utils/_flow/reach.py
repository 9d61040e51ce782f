# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which sites reach each other: roles that somebody holds, but nobody within reach of a site that needs them, and sites that no hierarchy joins.

Both are how a misspelt site shows: a free name whose slip makes a new site instead of an error.
"""

from __future__ import annotations

import functools
import typing as t
from collections import defaultdict

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import Problem, nearest, some
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group, Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate

TOLD_EACH = 3
UPWARDS = ("parent", "parent_or_child", "hierarchy", "top_site")  # scopes that ask who is whose parent


class Reach:
    """Collects, over all flows that are on, what the hosts of a site miss though another site has it."""

    def __init__(self, estate: Estate, catalogs: Catalogs) -> None:
        self._estate = estate
        self._catalogs = catalogs
        self._missed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))  # site -> role out of reach -> roles there
        self._required: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))  # the same of flows that a product does not work without

    def miss(self, flow: Flow, group: Group, role: str) -> None:
        """Take note of a role that nobody holds within the scope of a flow of ``group``."""
        site = str(group.site)
        self._missed[site][role].add(group.role)
        known = self._catalogs.roles[role]
        if flow.requirement == "required" and known.essential and known.kind != "population" and not self._is_answered(role, site):
            self._required[site][role].add(group.role)

    def problems(self) -> t.Iterator[Problem]:
        """Yield a problem for each site that lacks an essential role, else for each that no hierarchy joins with the others of its product."""
        lonely = {site: lacked for site, lacked in sorted(self._required.items()) if self._lacked(site, lacked)}
        for site, lacked in lonely.items():
            roles = self._lacked(site, lacked)
            there = sorted({other for role in roles for other in self._sites_of(role)} - {site})
            hosts = some(host.name for host in self._estate.hosts.values() for item in host.holdings if site in item.sites)
            needed_by = some({role for missing in roles for role in lacked[missing]})
            yield Problem(
                "estate",
                None,
                f"site {site} ({hosts}): nobody within the scope of their flows holds {', '.join(roles)}, which {needed_by} there cannot do without "
                f"(it is in {', '.join(there) or 'no site'}): correct msports_site, join the sites (msports_hierarchy: {{<child>: <parent>}}), "
                f"or say who holds it (msports_networks: {{{roles[0]}: {{{site}: [...]}}}}; an empty list says that nobody does)",
                nearest(site, [other for sites in self._estate.sites.values() if site in sites for other in sites if other != site]),
            )
        for product, sites in sorted(self._estate.sites.items()):
            if any(flow.product == product and flow.scope in UPWARDS for flow in self._catalogs.flows):
                yield from self._unjoined(product, [site for site in sites if site not in lonely])

    def _unjoined(self, product: str, sites: t.Sequence[str]) -> t.Iterator[Problem]:
        tops = [site for site in sites if site not in self._estate.hierarchy]
        first, others = tops[:1], [site for site in tops[1:] if site not in self._estate.sites_alone]
        if others and first[0] in self._estate.sites_alone:
            first, others = others[:1], others[1:]
        alike = [[site] for site in others] if len(others) <= TOLD_EACH else [others]  # many are one cause, and no slips
        for lonely in alike:
            yield Problem(
                "estate",
                None,
                f"no msports_hierarchy joins site {some(lonely)} of {product} with {first[0]}, so nothing is open between them: "
                f"name its parent (msports_hierarchy: {{{lonely[0]}: {first[0]}}}), or say that it has none ({{{lonely[0]}: null}})",
                nearest(lonely[0], [other for other in self._estate.sites[product] if other != lonely[0]]) if len(lonely) == 1 else None,
            )

    def notes(self) -> t.Iterator[Note]:
        for site, alone in sorted(self._missed.items()):
            missed = self._lacked(site, alone)
            if missed:
                those = ", ".join(sorted({role for other in missed for role in alone[other]}))
                text = f"site {site}: nobody within the scope of their flows holds {', '.join(missed)}"
                yield Note("out_of_scope", f"{text}; the flows of {those} there with them make no rules")

    def _lacked(self, site: str, roles: t.Iterable[str]) -> list[str]:
        """Return those roles that the site lacks: one that this very site has is missed only by flows to other sites."""
        return sorted(role for role in roles if site not in self._sites_of(role))

    def _sites_of(self, role: str) -> set[str]:
        return self._sites.get(role, set())

    @functools.cached_property
    def _sites(self) -> dict[str, set[str]]:
        """Role -> the sites in which somebody has it, read once: thousands of hosts would be asked for each site again."""
        found: dict[str, set[str]] = defaultdict(set)
        for host in self._estate.hosts.values():
            for holding in host.holdings:
                found[holding.role].update(holding.sites)
        for role, by_site in self._estate.networks.items():
            found[role].update(site for site, addresses in by_site.items() if site and addresses)
        return found

    def _is_answered(self, role: str, site: str) -> bool:
        """Tell whether the inventory says that the site has none: by an empty list of networks."""
        return self._estate.networks.get(role, {}).get(site) is not None
