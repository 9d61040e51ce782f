# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Groups whose names are nearly those that give a role: ``configmgr-management-point``, ``ConfigMgrManagementPoint``, ``confgimgr_management_points``."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import nearest


class Meant:
    """Tells which group was meant. ``known`` are the names of groups that give a role, ``products`` those that they begin with."""

    def __init__(self, known: t.Iterable[str], products: t.Iterable[str]) -> None:
        self._known = {_compact(name): name for name in known}
        self._products = tuple(products)

    def by(self, group: str) -> t.Optional[str]:
        """Return the name that ``group`` has but for its spelling: case, signs between words, the plural, a slip in the product."""
        first, mark, rest = re.sub(r"[^a-z0-9]+", "_", group.lower()).partition("_")
        product = nearest(first, self._products) if mark and first not in self._products else None
        return self._spelled(group) or (self._spelled(f"{product}_{rest}") if product else None)

    def _spelled(self, group: str) -> t.Optional[str]:
        spelled = _compact(group)
        return self._known.get(spelled) or self._known.get(spelled.removesuffix("s"))


def _compact(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
