# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The algebra of IP addresses, for controller and targets: sets are tuples of closed intervals ``(version, first, last)`` of integers.

A set (``Addresses``) is sorted, and its intervals neither overlap nor touch, so equal sets are equal values. ``union`` makes one of any intervals.
``ANY`` (everybody) and ``NOBODY`` are different values: the first is no restriction, the second renders no rule.
"""

from __future__ import annotations

import bisect
import functools
import ipaddress
import socket
import typing as t

Interval = t.Tuple[int, int, int]
Addresses = t.Tuple[Interval, ...]

LAST = {4: 2**32 - 1, 6: 2**128 - 1}
BITS = {4: 32, 6: 128}
ANY: Addresses = ((4, 0, LAST[4]), (6, 0, LAST[6]))
NOBODY: Addresses = ()
_MAPPED = (0xFFFF << 32, (0xFFFF << 32) + LAST[4])  # ::ffff:0:0/96
IPV4_AS_IPV6 = "is an IPv4 address in IPv6 form: write it as IPv4"
ZONE = "names a zone, which means something on one host only: write the address without it"


def parse_one(text: str) -> Interval:
    """Return the interval of an address, a network without host bits, or a ``first-last`` range; ``ValueError`` says what was expected.

    A zone (``fe80::1%eth0``) means something on one host only, so it is refused. Names are never looked up.
    """
    interval = _read(text) if isinstance(text, str) else None
    if interval is None:
        raise ValueError("{0!r} is not an IP address, a network in CIDR form without host bits, or a first-last range".format(text))
    return interval


def odd_form(text: t.Any) -> t.Optional[str]:
    """Return why an address, network or range cannot stand in a rule although it can be read, as a phrase: no packet has it. ``None`` where it can."""
    if not isinstance(text, str):
        return None
    interval = _read(text.partition("%")[0])
    if interval is None:
        return None
    if interval[0] == 6 and _MAPPED[0] <= interval[1] and interval[2] <= _MAPPED[1]:
        return IPV4_AS_IPV6
    return ZONE if "%" in text else None


@functools.lru_cache(maxsize=2**14)  # a run asks for each several times: is it one, what does the rule match, whom does it admit
def _read(text: str) -> t.Optional[Interval]:
    try:
        if "%" in text:
            return None
        if "-" in text:
            low, high = (ipaddress.ip_address(part.strip()) for part in text.split("-", 1))
            if low.version != high.version or int(low) > int(high):
                return None
            return low.version, int(low), int(high)
        if "/" not in text:  # four times faster than going through a network of one address
            address = ipaddress.ip_address(text)
            return address.version, int(address), int(address)
        network = ipaddress.ip_network(text)
        return network.version, int(network.network_address), int(network.broadcast_address)
    except ValueError:
        return None


def parse(texts: t.Iterable[str]) -> Addresses:
    """Return the set of addresses, networks and ranges; the word ``any`` is both families whole. ``ValueError`` for the first text that is none."""
    intervals: t.List[Interval] = []
    for text in texts:
        if text == "any":
            intervals.extend(ANY)
        else:
            intervals.append(parse_one(text))
    return union(intervals)


def text_of(interval: Interval) -> str:
    """Return an interval as an address, as a network where it is one, else as ``first-last``."""
    version, first, last = interval
    make = _ipv4_text if version == 4 else _ipv6_text
    if first == last:
        return make(first)
    size = last - first + 1
    if size & (size - 1) == 0 and first % size == 0:
        return "{0}/{1}".format(make(first), BITS[version] + 1 - size.bit_length())
    return "{0}-{1}".format(make(first), make(last))


def _ipv4_text(number: int) -> str:
    return socket.inet_ntoa(number.to_bytes(4, "big"))


def _ipv6_text(number: int) -> str:
    return str(ipaddress.IPv6Address(number))


def union(intervals: t.Iterable[Interval]) -> Addresses:
    """Return the set of all addresses of the intervals, which may come in any order, overlap and touch."""
    merged: t.List[Interval] = []
    for interval in sorted(intervals):
        version, first, last = interval
        if merged and merged[-1][0] == version and first <= merged[-1][2] + 1:
            if last > merged[-1][2]:
                merged[-1] = (version, merged[-1][1], last)
        else:
            merged.append(interval)
    return tuple(merged)


def minus(left: Addresses, right: Addresses) -> Addresses:
    """Return what of ``left`` is not in ``right``."""
    remaining: t.List[Interval] = []
    start = max(bisect.bisect_right(right, left[0]) - 1, 0) if left else 0  # a few addresses beside many: those before them are passed over
    for version, first, last in left:
        while start < len(right) and (right[start][0], right[start][2]) < (version, first):
            start += 1
        near = start
        while first <= last and near < len(right) and right[near][0] == version and right[near][1] <= last:
            if right[near][1] > first:
                remaining.append((version, first, right[near][1] - 1))
            first = right[near][2] + 1
            near += 1
        if first <= last:
            remaining.append((version, first, last))
    return tuple(remaining)


def meet(left: Addresses, right: Addresses) -> Addresses:
    """Return what both sets hold."""
    if left == ANY:
        return right
    common: t.List[Interval] = []
    here, there = (max(bisect.bisect_right(mine, other[0]) - 1, 0) if other else 0 for mine, other in ((left, right), (right, left)))
    while here < len(left) and there < len(right):
        one, other = left[here], right[there]
        if one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]:
            common.append((one[0], max(one[1], other[1]), min(one[2], other[2])))
        if (one[0], one[2]) < (other[0], other[2]):
            here += 1
        else:
            there += 1
    return tuple(common)


def overlaps(left: Addresses, right: Addresses) -> bool:
    """Tell whether two sets have an address in common."""
    few, many = (left, right) if len(left) <= len(right) else (right, left)
    for version, first, last in few:
        index = bisect.bisect_right(many, (version, last, LAST[6]))
        if index and many[index - 1][0] == version and many[index - 1][2] >= first:
            return True
    return False


def covers(outer: Addresses, inner: Addresses) -> bool:
    """Tell whether ``outer`` holds every address of ``inner``."""
    for version, first, last in inner:
        near = _last_from(outer, version, first)
        if not near or near[0] != version or near[2] < last:
            return False
    return True


def _last_from(addresses: Addresses, version: int, number: int) -> t.Optional[Interval]:
    """Return the last interval that begins at or before a number."""
    index = bisect.bisect_right(addresses, (version, number, LAST[6]))
    return addresses[index - 1] if index else None


def of_family(addresses: Addresses, version: int) -> Addresses:
    """Return the part of a set that is of IPv4 (4) or IPv6 (6)."""
    return tuple(interval for interval in addresses if interval[0] == version)


def families(addresses: Addresses) -> t.Tuple[int, ...]:
    """Return the families that a set has addresses of: ``()``, ``(4,)``, ``(6,)`` or ``(4, 6)``."""
    if not addresses:
        return ()
    first, last = addresses[0][0], addresses[-1][0]
    return (first,) if first == last else (first, last)


def networks(intervals: t.Iterable[Interval]) -> t.Iterator[Interval]:
    """Yield the fewest networks that make up each interval, for what knows no ranges. Much faster than ``ipaddress`` does it."""
    for interval in intervals:
        version, first, last = interval
        if first == last:
            yield interval
            continue
        while first <= last:
            aligned = (first & -first).bit_length() - 1 if first else BITS[version]
            size = 1 << min(aligned, (last - first + 1).bit_length() - 1)
            yield version, first, first + size - 1
            first += size


def halves(interval: Interval) -> Addresses:
    """Return a whole family as its two halves, for what takes no mask without bits; any other interval as it is.

    The two touch: together they are a list to write, and no set to calculate with.
    """
    version, first, last = interval
    if (first, last) != (0, LAST[version]):
        return (interval,)
    middle = last // 2
    return (version, 0, middle), (version, middle + 1, last)
