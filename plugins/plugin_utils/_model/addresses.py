# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Sets of IP addresses as values with operators: the controller's face of the algebra in ``module_utils/_addresses.py``.

``ANY`` (no restriction) and ``NOBODY`` (nothing left) are different values: the first renders a rule for
everyone, the second renders no rule. Text form: the smallest list of CIDR networks, single addresses without prefix.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval, parse_one

__all__ = ["ANY", "NOBODY", "Addresses", "Interval", "parse_one", "union"]


@dataclass(frozen=True)
class Addresses:
    """Sorted, disjoint, non-adjacent inclusive intervals ``(version, first, last)``."""

    intervals: _addresses.Addresses = ()

    @classmethod
    def parse(cls, texts: t.Iterable[str]) -> Addresses:
        """Parse addresses, CIDR networks, ``first-last`` ranges and the word ``any``; host bits are refused.

        Raises :class:`ValueError` for the first text that is none of these; names (FQDN) are never looked up.
        """
        return cls(_addresses.parse(texts))

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __or__(self, other: Addresses) -> Addresses:
        return Addresses(_addresses.union((*self.intervals, *other.intervals)))

    def __sub__(self, other: Addresses) -> Addresses:
        return Addresses(_addresses.minus(self.intervals, other.intervals))

    def __and__(self, other: Addresses) -> Addresses:
        return Addresses(_addresses.meet(self.intervals, other.intervals))

    def __contains__(self, address: str) -> bool:
        return _addresses.covers(self.intervals, (parse_one(address),))

    def family(self, version: int) -> Addresses:
        """Return the part that is of family 4 or 6."""
        return Addresses(_addresses.of_family(self.intervals, version))

    def families(self) -> tuple[int, ...]:
        """Return the families that hold any address: ``()``, ``(4,)``, ``(6,)`` or ``(4, 6)``."""
        return _addresses.families(self.intervals)

    def cidrs(self) -> list[str]:
        """Return the canonical texts, IPv4 first. ``ANY`` gives ``["any"]``."""
        return ["any"] if self == ANY else [_addresses.text_of(network) for network in _addresses.networks(self.intervals)]


def union(many: t.Iterable[Addresses]) -> Addresses:
    """Return the union of any number of sets, in one pass (a fold with ``|`` would be quadratic)."""
    return Addresses(_addresses.union(interval for item in many for interval in item.intervals))


NOBODY = Addresses()
ANY = Addresses(_addresses.ANY)
