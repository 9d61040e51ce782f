# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who is missing: roles that documented flows need and nobody holds. Essential ones are problems, the others notes."""

from __future__ import annotations

import typing as t
from collections import defaultdict

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import Problem, some
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.reach import Reach
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES, Catalogs, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group, Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate


class Needs:
    """Collects, over all flows that are on, the ends that some host's role needs and that are empty.

    A product that no host holds a role of is not in use here: a domain controller alone asks for no Exchange server.
    """

    def __init__(self, estate: Estate, catalogs: Catalogs) -> None:
        self._estate = estate
        self._catalogs = catalogs
        used = (*(item.role for host in estate.hosts.values() for item in host.holdings), *estate.networks)
        self._in_use = {"windows_server", *BARE_ROLES, *map(_product, used)}
        self._required: dict[str, set[str]] = defaultdict(set)  # missing role -> roles held that need it
        self._any: dict[str, set[str]] = defaultdict(set)
        self._reach = Reach(estate, catalogs)

    def see(self, flow: Flow, held: t.Mapping[str, tuple[Group, ...]]) -> None:
        """Take note of the missing end of a flow that is on."""
        for side, other in (("source", "destination"), ("destination", "source")):
            if not held[side] and any(group.hosts for group in held[other]):
                role, needed_by = getattr(flow, side), getattr(flow, other)
                if _product(role) not in self._in_use:
                    continue
                self._any[role].add(needed_by)
                if flow.requirement == "required":
                    self._required[role].add(needed_by)

    def out_of_reach(self, flow: Flow, group: Group, missed: str) -> None:
        """Take note of a role that somebody holds, but nobody within the scope of a flow of ``group``."""
        self._reach.miss(flow, group, missed)

    def problems(self) -> t.Iterator[Problem]:
        for role, needed_by in sorted(self._required.items()):
            if self._catalogs.roles[role].essential and not self._declared(role):
                yield Problem(
                    "estate",
                    None,
                    f"nobody holds {role}, a peer of {some(needed_by)}: give the role to a host ({_group(role)} or msports_roles), "
                    f"name its networks (msports_networks: {{{role}: [...]}}), or say that there is none (msports_not_deployed: [{role}])",
                )
        yield from self._reach.problems()

    def notes(self) -> t.Iterator[Note]:
        """Yield a note for every role that is missed and no problem (those in ``msports_not_deployed`` were answered), and one for each site."""
        problems = {role for role in self._required if self._catalogs.roles[role].essential and not self._declared(role)}
        for role, needed_by in sorted(self._any.items()):
            if role not in self._estate.not_deployed and role not in problems:
                yield Note("nobody_holds", f"nobody holds {role}; the flows of {some(needed_by)} with it make no rules")
        yield from self._reach.notes()

    def _declared(self, role: str) -> bool:
        return role in self._estate.not_deployed or role in self._estate.explicit_empty


def _product(role: str) -> str:
    return role.partition(".")[0]


def _group(role: str) -> str:
    return f"group {role.replace('.', '_')}"
