# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Sites: where a host is for each product, who must say so, and which site is whose child."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, entries, near_name, site_declarations
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs

_SITE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")  # goes into names of address sets and rules
SITE_WORDS = "expected the name of a site as text: letters, digits, _ and - (put a number into quotes)"


@dataclass(frozen=True)
class HostSites:
    """``msports_site`` of one host: names for all products, or names by product."""

    everywhere: t.Tuple[str, ...] = ()
    by_product: t.Mapping[str, t.Tuple[str, ...]] = field(default_factory=dict)

    def of(self, product: str) -> t.Tuple[str, ...]:
        return self.everywhere or self.by_product.get(product, ())


def read_names(value: t.Any, path: str, problems: ProblemCollector) -> t.Tuple[str, ...]:
    """Read the name of a site or a list of names, sorted."""
    if isinstance(value, (list, tuple)):
        labelled = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        labelled = [(path, value)]
    return _names(labelled, problems)


def _names(labelled: t.Iterable[t.Tuple[str, t.Any]], problems: ProblemCollector) -> t.Tuple[str, ...]:
    found = set()
    for path, name in labelled:
        if isinstance(name, str) and _SITE.match(name):
            found.add(name)
        else:
            problems.add(path, name, SITE_WORDS)
    return tuple(sorted(found))


def parse_site(declared: Declarations, problems: ProblemCollector, products: t.Collection[str]) -> HostSites:
    """Read ``msports_site``; ``products`` are those whose roles have sites."""
    names, by_product = site_declarations(declared, problems)
    found = {}
    for product, (path, value) in by_product.items():
        if product in products:
            found[product] = read_names(value, path, problems)
        else:
            problems.add(path, MISSING, f"expected a product whose roles have sites: {', '.join(sorted(products))}", near=near_name(product, products))
    return HostSites(_names(names, problems), found)


def site_bound_roles(catalogs: Catalogs) -> frozenset[str]:
    """Return the host and population roles that some flow of their own product binds to sites."""
    return frozenset(
        end
        for flow in catalogs.flows
        if flow.scope != "any"
        for end in (flow.source, flow.destination)
        if end.startswith(f"{flow.product}.") and catalogs.roles[end].kind != "external"
    )


def parse_hierarchy(declared: Declarations, problems: ProblemCollector, known: t.Collection[str]) -> dict[str, t.Optional[str]]:
    """Read ``msports_hierarchy``, child to parent; ``known`` are the sites that hosts declare. Every cycle is a problem.

    ``null`` in place of a parent says that the site has none.
    """
    found: dict[str, t.Optional[str]] = {}
    for child, (path, parent) in entries(declared, problems).items():
        fine = True
        for name, what, value in ((child, "child", MISSING), *(((parent, "parent", parent),) if parent is not None else ())):
            if not isinstance(name, str) or not _SITE.match(name):
                problems.add(path, name, SITE_WORDS)
                fine = False
            elif name not in known:
                sites = f"the sites are {', '.join(sorted(known))}" if known else "no host declares msports_site"
                problems.add(path, value, f"no host is in the {what} site {name}; {sites}", near=near_name(name, known))
        if fine:
            found[child] = parent
    for cycle in _cycles({child: parent for child, parent in found.items() if parent is not None}):
        path = f"{declared[0][0]}.{cycle[0]}"
        problems.add(path, found[cycle[0]], f"a site cannot be its own ancestor: {' > '.join([*cycle, cycle[0]])}")
    return found


def _cycles(parents: Mapping[str, str]) -> list[list[str]]:
    """Return every cycle once, beginning with its first site by name."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in sorted(parents):
        path: list[str] = []
        site = start
        while site in parents and site not in done:
            done.add(site)
            path.append(site)
            site = parents[site]
        if site in path:
            cycle = path[path.index(site) :]
            first = cycle.index(min(cycle))
            found.append(cycle[first:] + cycle[:first])
    return found
