# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Ends that communicate and have no address family in common: never left out silently, always a problem."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate

PROXY = "the proxy"
OfMembers = t.FrozenSet[t.Tuple[int, ...]]  # the families of each member of an end
Peer = t.Tuple[t.Union[Group, str], OfMembers]


class Families:
    """Collects the problems of one estate: each pair of ends once, whatever the number of flows between them."""

    def __init__(self, estate: Estate, problems: Problems) -> None:
        self._estate = estate
        self._problems = problems
        self._told: set[t.Tuple[str, str]] = set()

    def check(self, flow: Flow, group: Group, peers: t.Iterable[Peer]) -> None:
        """Compare every family of ``group`` with those of ``peers`` (groups, or :data:`PROXY`)."""
        if flow.delivery == "unaddressed":
            return  # the first request has no address of either family, and the server admits it from anywhere
        for peer, families in peers:
            for mine in group.families:
                for theirs in families:
                    if not set(mine) & set(theirs):
                        self._tell(flow, (group, mine), (peer, theirs))

    def _tell(self, flow: Flow, *ends: t.Tuple[t.Union[Group, str], t.Tuple[int, ...]]) -> None:
        first, second = sorted(self._named(end, families) for end, families in ends)
        if (first, second) in self._told:
            return
        self._told.add((first, second))
        roles = sorted(end if isinstance(end, str) else end.role for end, _families in ends)
        self._problems.add(
            "estate: msports_addresses",
            f"{first} and {second}",
            f"no common address family, though {roles[0]} and {roles[1]} communicate (for instance {flow.id}); give both an address of one family",
        )

    def _named(self, end: t.Union[Group, str], families: t.Tuple[int, ...]) -> str:
        if isinstance(end, str):
            label = end
        elif end.hosts:
            label = ", ".join(name for name in end.hosts if self._estate.hosts[name].addresses.families() == families)
        else:
            label = f"networks of {end.role}"
        return f"{label} (IPv{' and IPv'.join(map(str, families))})"
