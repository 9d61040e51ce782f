# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Sets of IP addresses as disjoint ranges of both families, with the algebra that rules need.

``ANY`` (no restriction) and ``NOBODY`` (nothing left) are different values: the first renders a rule for
everyone, the second renders no rule. Text form: the smallest list of CIDR networks, single addresses without prefix.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

Range = t.Tuple[int, int]
_BITS = {4: 32, 6: 128}
_CLASSES: dict[int, t.Any] = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}


@dataclass(frozen=True)
class Addresses:
    """Sorted, disjoint, non-adjacent inclusive ranges of integers for each family."""

    v4: tuple[Range, ...] = ()
    v6: tuple[Range, ...] = ()

    @classmethod
    def parse(cls, texts: t.Iterable[str]) -> Addresses:
        """Parse addresses, CIDR networks, ``first-last`` ranges and the word ``any``; host bits are refused.

        Raises :class:`ValueError` for the first text that is none of these; names (FQDN) are never looked up.
        """
        found: dict[int, list[Range]] = {4: [], 6: []}
        for text in texts:
            if text == "any":
                return ANY
            family, item = parse_range(text)
            found[family].append(item)
        return cls(_merge(found[4]), _merge(found[6]))

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def __or__(self, other: Addresses) -> Addresses:
        return Addresses(_merge([*self.v4, *other.v4]), _merge([*self.v6, *other.v6]))

    def __sub__(self, other: Addresses) -> Addresses:
        return Addresses(_subtract(self.v4, other.v4), _subtract(self.v6, other.v6))

    def __and__(self, other: Addresses) -> Addresses:
        return self - (self - other)

    def __contains__(self, address: str) -> bool:
        family, (first, last) = parse_range(address)
        return any(low <= first and last <= high for low, high in self.family(family))

    def family(self, version: int) -> tuple[Range, ...]:
        """Return the ranges of family 4 or 6."""
        return self.v4 if version == 4 else self.v6

    def families(self) -> tuple[int, ...]:
        """Return the families that hold any address: ``()``, ``(4,)``, ``(6,)`` or ``(4, 6)``."""
        return tuple(version for version in (4, 6) if self.family(version))

    def cidrs(self, version: t.Optional[int] = None) -> list[str]:
        """Return the canonical texts, IPv4 first; with ``version`` only that family's. ``ANY`` gives ``["any"]``."""
        if version is None:
            return ["any"] if self == ANY else self.cidrs(4) + self.cidrs(6)
        address, bits = _CLASSES[version], _BITS[version]
        return [
            str(address(first)) if size == 0 else f"{address(first)}/{bits - size}"
            for low, high in self.family(version)
            for first, size in _networks(low, high, bits)
        ]


def union(many: t.Iterable[Addresses]) -> Addresses:
    """Return the union of any number of sets, in one pass (a fold with ``|`` would be quadratic)."""
    v4: list[Range] = []
    v6: list[Range] = []
    for item in many:
        v4.extend(item.v4)
        v6.extend(item.v6)
    return Addresses(_merge(v4), _merge(v6))


def parse_range(text: str) -> tuple[int, Range]:
    """Return ``(family, (first, last))`` of one address, network or ``first-last`` range."""
    try:
        if "-" in text:
            low, high = (ipaddress.ip_address(part.strip()) for part in text.split("-", 1))
            if low.version != high.version or int(low) > int(high):
                raise ValueError
            return low.version, (int(low), int(high))
        if "/" not in text:  # four times faster than going through a network of one address
            address = ipaddress.ip_address(text)
            return address.version, (int(address), int(address))
        network = ipaddress.ip_network(text)
        return network.version, (int(network.network_address), int(network.broadcast_address))
    except (ValueError, TypeError):
        raise ValueError(f"{text!r} is not an IP address, a network in CIDR form without host bits, or a first-last range") from None


def _networks(first: int, last: int, bits: int) -> t.Iterator[Range]:
    """Yield the networks that make up a range: first address, and the number of bits behind the prefix. Faster than ipaddress does it."""
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else bits
        size = min(aligned, (last - first + 1).bit_length() - 1)
        yield first, size
        first += 1 << size


def _merge(ranges: t.Sequence[Range]) -> tuple[Range, ...]:
    if len(ranges) < 2:
        return tuple(ranges)
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def _subtract(ranges: tuple[Range, ...], holes: tuple[Range, ...]) -> tuple[Range, ...]:
    left: list[Range] = []
    for first, last in ranges:
        for low, high in holes:
            if high < first or low > last:
                continue
            if low > first:
                left.append((first, low - 1))
            first = high + 1
            if first > last:
                break
        if first <= last:
            left.append((first, last))
    return tuple(left)


NOBODY = Addresses()
ANY = Addresses(((0, 2**32 - 1),), ((0, 2**128 - 1),))
