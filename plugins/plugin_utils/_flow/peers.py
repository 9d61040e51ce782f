# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Sets of peers: groups joined under a name that says how they were selected, each content made once."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet


class PeerSets:
    """Makes address sets from groups. The same groups under the same name are the same object; ids are unique."""

    def __init__(self) -> None:
        self._by_groups: dict[tuple[t.Any, ...], AddressSet] = {}
        self._by_id: dict[str, AddressSet] = {}

    def of(self, name: str, groups: t.Sequence[Group]) -> AddressSet:
        """Return the union of ``groups`` as a set with the id ``name``."""
        key = (name, *map(id, groups))
        if key not in self._by_groups:
            addresses = union(group.addresses for group in groups)
            self._by_groups[key] = self.made(AddressSet(name, addresses, tuple(sorted(set(_members(groups))))))
        return self._by_groups[key]

    def made(self, wanted: AddressSet) -> AddressSet:
        """Return ``wanted``, numbered when its id already stands for other members: two settings may part one role differently."""
        number, known = 1, self._by_id.setdefault(wanted.id, wanted)
        while known.members != wanted.members or known.addresses != wanted.addresses:
            number += 1
            numbered = AddressSet(f"{wanted.id}~{number}", wanted.addresses, wanted.members)
            known = self._by_id.setdefault(numbered.id, numbered)
        return known


def _members(groups: t.Iterable[Group]) -> t.Iterator[str]:
    for group in groups:
        if group.hosts:
            yield from group.hosts
        else:
            yield f"networks:{group.role}" + (f"@{group.site}" if group.site else "")
