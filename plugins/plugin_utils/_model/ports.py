# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Ports: inclusive ranges with one canonical text form, and sets of them as sorted, disjoint tuples.

Unit: TCP or UDP port numbers, 0 to 65535. ``()`` means "no port given", which for a rule is any port;
a set that became empty by subtraction is the caller's business to tell apart.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

LAST_PORT = 65535
_SPEC = re.compile(r"^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$")


@dataclass(frozen=True, order=True)
class PortRange:
    """Inclusive range of ports; ``0 <= first <= last <= 65535`` always holds. Text form: ``443`` or ``49152-65535``."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last <= LAST_PORT:
            raise ValueError(f"{self.first}-{self.last} is not a port range (0-{LAST_PORT}, first <= last)")

    @classmethod
    def parse(cls, text: t.Union[str, int]) -> PortRange:
        """Parse ``443``, ``"443"`` or ``"49152-65535"``; raise :class:`ValueError` that says what was expected."""
        match = None if isinstance(text, bool) else _SPEC.match(str(text))
        if not match:
            raise ValueError(f"{text!r} is not a port (0-{LAST_PORT}) or a range of ports (first-last)")
        first = int(match.group(1))
        return cls(first, int(match.group(2) or first))

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last


Ports = t.Tuple[PortRange, ...]


def parse_ports(specs: t.Iterable[t.Union[str, int]]) -> Ports:
    """Parse several specifications and return them merged: sorted, disjoint, adjacent ranges joined."""
    return merge(PortRange.parse(spec) for spec in specs)


def merge(ranges: t.Iterable[PortRange]) -> Ports:
    """Return the smallest sorted tuple of ranges that covers exactly the same ports."""
    merged: list[PortRange] = []
    for item in sorted(ranges):
        if merged and item.first <= merged[-1].last + 1:
            merged[-1] = PortRange(merged[-1].first, max(merged[-1].last, item.last))
        else:
            merged.append(item)
    return tuple(merged)


def expand(ranges: t.Iterable[PortRange]) -> list[int]:
    """Return every single port, ascending, without repetition."""
    return [port for item in merge(ranges) for port in range(item.first, item.last + 1)]


def covers(ranges: Ports, port: t.Optional[int]) -> bool:
    """Tell whether ``port`` is admitted by ``ranges``, where no range at all admits every port."""
    return not ranges or (port is not None and any(port in item for item in ranges))


def texts(ranges: t.Iterable[PortRange]) -> list[str]:
    """Return the canonical text forms."""
    return [str(item) for item in ranges]
