# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which of some named sets of addresses hold an address. Between two edges of the sets all addresses are alike, so the answer is found by bisection."""

from __future__ import annotations

import bisect
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval

Name = t.TypeVar("Name", bound=t.Hashable)


class Places(t.Generic[Name]):
    """Named sets of addresses. A *slot* is the number of a stretch of addresses that are in the same sets."""

    def __init__(self, named: t.Iterable[tuple[Name, _addresses.Addresses]]) -> None:
        opens: dict[tuple[int, int], list[Name]] = {}
        ends: dict[tuple[int, int], list[Name]] = {}
        for name, intervals in named:
            for version, first, last in intervals:
                opens.setdefault((version, first), []).append(name)
                ends.setdefault((version, last + 1), []).append(name)
        self._starts = sorted({*opens, *ends})
        self._names: list[frozenset[Name]] = [frozenset()]
        alike: dict[frozenset[Name], frozenset[Name]] = {}  # most stretches have the names of another one: one value for all
        for start in self._starts:
            here = self._names[-1].difference(ends.get(start, ())).union(opens.get(start, ()))
            self._names.append(alike.setdefault(here, here))

    def slot(self, version: int, number: int) -> int:
        """Return where an address is."""
        return bisect.bisect_right(self._starts, (version, number))

    def names(self, slot: int) -> frozenset[Name]:
        """Return every name that has the addresses there."""
        return self._names[slot]

    def of(self, intervals: t.Iterable[Interval]) -> set[Name]:
        """Return every name that has an address of the intervals."""
        found: set[Name] = set()
        for version, first, last in intervals:
            found.update(*self._names[self.slot(version, first) : self.slot(version, last) + 1])
        return found
