# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which sites a scope joins. The meaning of each scope: ``docs/meaning.md``.

A scope compares only ends that have sites: everything here is asked only when both ends of a flow do.
"""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """Sites of peers as seen from one site: ``label`` for the name of the set, ``sites`` for its content."""

    label: str
    sites: frozenset[str]


class Hierarchy:
    """Sites and who is whose parent. A site that is in no pair is a tree of its own."""

    def __init__(self, parents: t.Mapping[str, str]) -> None:
        self._parent = dict(parents)
        self._children: dict[str, set[str]] = defaultdict(set)
        for child, parent in parents.items():
            self._children[parent].add(child)

    def top(self, site: str) -> str:
        while site in self._parent:
            site = self._parent[site]
        return site

    def is_top(self, site: str) -> bool:
        return site not in self._parent

    def parent(self, site: str) -> Reach:
        return Reach(f"{site}.parent", frozenset({self._parent[site]} if site in self._parent else ()))

    def children(self, site: str) -> Reach:
        return Reach(f"{site}.children", frozenset(self._children.get(site, ())))

    def site_or_parent(self, site: str) -> Reach:
        return Reach(f"{site}.site_or_parent", self.parent(site).sites | {site})

    def site_or_children(self, site: str) -> Reach:
        return Reach(f"{site}.site_or_children", self.children(site).sites | {site})

    def neighbours(self, site: str) -> Reach:
        return Reach(f"{site}.neighbours", self.parent(site).sites | self.children(site).sites)

    def tree(self, site: str) -> Reach:
        top = self.top(site)
        found, queue = {top}, [top]
        while queue:  # ends, because the estate has no cycles and every site one parent
            children = self._children.get(queue.pop(), set())
            found |= children
            queue.extend(children)
        return Reach(f"{top}.tree" if len(found) > 1 else top, frozenset(found))

    @staticmethod
    def same(site: str) -> Reach:
        return Reach(site, frozenset({site}))


# scope -> what a source sees of destinations, what a destination sees of sources
SCOPES: dict[str, tuple[t.Callable[[Hierarchy, str], Reach], t.Callable[[Hierarchy, str], Reach]]] = {
    "site": (lambda h, s: h.same(s), lambda h, s: h.same(s)),
    "parent": (lambda h, s: h.parent(s), lambda h, s: h.children(s)),
    "site_or_parent": (lambda h, s: h.site_or_parent(s), lambda h, s: h.site_or_children(s)),
    "parent_or_child": (lambda h, s: h.neighbours(s), lambda h, s: h.neighbours(s)),
    "hierarchy": (lambda h, s: h.tree(s), lambda h, s: h.tree(s)),
}
