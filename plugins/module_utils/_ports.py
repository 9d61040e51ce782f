# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The algebra of ports, for controller and targets: sets are sorted tuples of ranges that neither overlap nor touch, so equal sets are equal values.

Unit: TCP or UDP port numbers, 0 to 65535. ``ALL`` is every port and ``()`` none. In the list of a rule, no port at all stands for every port:
``of_rule`` reads such a list.
"""

from __future__ import annotations

import re
import typing as t

LAST_PORT = 65535
_SPEC = re.compile(r"\s*([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?\s*\Z")


def is_number(text: str) -> bool:
    """Tell whether a text is a whole number in ASCII digits, as programs write them. ``isdigit`` alone takes ``²``, which ``int`` does not."""
    return text.isascii() and text.isdigit()


def number(text: str) -> t.Optional[int]:
    """Return the one port, from 1 on, that a text is; ``None`` where it is none."""
    return int(text) if is_number(text) and 0 < int(text) <= LAST_PORT else None


class _Ends(t.NamedTuple):
    first: int
    last: int


class PortRange(_Ends):
    """Inclusive range of ports; ``0 <= first <= last <= 65535`` always holds. Text form: ``443`` or ``49152-65535``."""

    __slots__ = ()

    def __new__(cls, first: int, last: int) -> PortRange:
        if not 0 <= first <= last <= LAST_PORT:
            raise ValueError("{0}-{1} is not a port range (0-{2}, first <= last)".format(first, last, LAST_PORT))
        return super().__new__(cls, first, last)

    @classmethod
    def parse(cls, text: t.Union[str, int]) -> PortRange:
        """Return the range of ``443``, ``"443"`` or ``"49152-65535"``; ``ValueError`` says what was expected."""
        match = None if isinstance(text, bool) else _SPEC.match(str(text))
        if not match:
            raise ValueError("{0!r} is not a port (0-{1}) or a range of ports (first-last)".format(text, LAST_PORT))
        first = int(match.group(1))
        return cls(first, int(match.group(2) or first))

    def __str__(self) -> str:
        return text_of(self)

    def __contains__(self, port: object) -> bool:
        return isinstance(port, int) and self.first <= port <= self.last


Range = t.Tuple[int, int]  # what the functions take: a PortRange is one
Ports = t.Tuple[PortRange, ...]
ALL: Ports = (PortRange(0, LAST_PORT),)


def parse(texts: t.Iterable[t.Union[str, int]]) -> Ports:
    """Return the set of some ports and ranges; ``ValueError`` for the first text that is none."""
    return union(PortRange.parse(text) for text in texts)


def of_rule(texts: t.Sequence[t.Union[str, int]]) -> Ports:
    """Return the set that a rule's list of ports stands for: every port where the list is empty."""
    return parse(texts) if texts else ALL


def restriction(texts: t.Iterable[t.Union[str, int]]) -> Ports:
    """Return the ports that a rule must name: none where its list is empty, or holds every port."""
    ports = parse(texts)
    return () if ports == ALL else ports


def text_of(ports: Range) -> str:
    """Return the canonical text of a range."""
    first, last = ports
    return str(first) if first == last else "{0}-{1}".format(first, last)


def texts(ranges: t.Iterable[Range]) -> t.List[str]:
    """Return the canonical texts."""
    return [text_of(item) for item in ranges]


def union(ranges: t.Iterable[Range]) -> Ports:
    """Return the set of all ports of the ranges, which may come in any order, overlap and touch."""
    merged: t.List[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(PortRange(*item) for item in merged)


def meet(left: t.Iterable[Range], right: t.Sequence[Range]) -> Ports:
    """Return what both sets hold."""
    both = ((max(first, low), min(last, high)) for first, last in left for low, high in right)
    return tuple(PortRange(first, last) for first, last in both if first <= last)


def overlaps(left: t.Iterable[Range], right: t.Sequence[Range]) -> bool:
    """Tell whether two sets have a port in common."""
    return any(first <= high and low <= last for first, last in left for low, high in right)


def covers(outer: t.Sequence[Range], inner: t.Iterable[Range]) -> bool:
    """Tell whether ``outer`` holds every port of ``inner``."""
    return all(any(first <= low and high <= last for first, last in outer) for low, high in inner)


def expand(ranges: t.Iterable[Range]) -> t.List[int]:
    """Return every single port, ascending, without repetition."""
    return [port for first, last in union(ranges) for port in range(first, last + 1)]
