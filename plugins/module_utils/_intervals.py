# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Addresses and ports as closed integer intervals: what rules cover, whatever the way it was written.

An address interval is ``(version, first, last)``, a port interval is ``(first, last)``. ``collapse`` and ``collapse_ports``
give the one shortest sorted list for a coverage; the ``*_text`` functions give the one spelling of an interval.
"""

from __future__ import annotations

import bisect
import functools
import ipaddress
import socket

LAST = {4: 2**32 - 1, 6: 2**128 - 1}
ALL_PORTS = ((0, 65535),)
ANY = ((4, 0, LAST[4]), (6, 0, LAST[6]))


@functools.lru_cache(maxsize=2**14)  # a run asks for each several times: is it one, what does the rule match, whom does it admit
def parse_address(text):
    """Return the interval of an address, a network or a ``first-last`` range; ValueError for anything else."""
    if "-" in text:
        first, last = (ipaddress.ip_address(part) for part in text.split("-", 1))
        if first.version != last.version or int(first) > int(last):
            raise ValueError("not a range of one family from low to high: {0!r}".format(text))
        return (first.version, int(first), int(last))
    network = ipaddress.ip_network(text)
    return (network.version, int(network.network_address), int(network.broadcast_address))


def parse_addresses(texts):
    """Return the collapsed intervals of a list of addresses; ``any`` is both families whole."""
    found = []
    for text in texts:
        if text == "any":
            found.extend(ANY)
        else:
            found.append(parse_address(text))
    return collapse(found)


def collapse(intervals):
    """Return the shortest sorted tuple of intervals with the same coverage: overlapping and touching ones become one."""
    merged = []
    for version, first, last in sorted(intervals):
        if merged and merged[-1][0] == version and first <= merged[-1][2] + 1:
            if last > merged[-1][2]:
                merged[-1] = (version, merged[-1][1], last)
        else:
            merged.append((version, first, last))
    return tuple(merged)


def overlaps(left, right):
    """Tell whether two collapsed lists of intervals have an address in common."""
    few, many = sorted((left, right), key=len)
    for interval in few:
        near = _last_from(many, (interval[0], interval[2]))
        if near and near[0] == interval[0] and near[2] >= interval[1]:
            return True
    return False


def covers(outer, inner):
    """Tell whether the collapsed list ``outer`` holds every address of ``inner``."""
    for interval in inner:
        near = _last_from(outer, (interval[0], interval[1]))
        if not near or near[0] != interval[0] or near[2] < interval[2]:
            return False
    return True


def _last_from(intervals, place):
    """Return the last of the collapsed intervals that begins at or before ``place`` (version, number)."""
    index = bisect.bisect_right(intervals, place + (LAST[6],))
    return intervals[index - 1] if index else None


def _ipv4_text(number):
    return socket.inet_ntoa(number.to_bytes(4, "big"))


def address_text(interval):
    """Return an interval as an address, as a network where it is one, else as ``first-last``."""
    version, first, last = interval
    make = _ipv4_text if version == 4 else ipaddress.IPv6Address
    if first == last:
        return str(make(first))
    size = last - first + 1
    if size & (size - 1) == 0 and first % size == 0:
        return "{0}/{1}".format(make(first), LAST[version].bit_length() - (size.bit_length() - 1))
    return "{0}-{1}".format(make(first), make(last))


def parse_port(text):
    """Return the interval of ``443`` or ``49152-65535``; ValueError for anything else."""
    first, separator, last = str(text).partition("-")
    interval = (int(first), int(last) if separator else int(first))
    if not 0 <= interval[0] <= interval[1] <= 65535:
        raise ValueError("not a port or a range of ports: {0!r}".format(text))
    return interval


def parse_ports(texts):
    """Return the shortest sorted tuple of port intervals; empty (any port) also when everything is covered."""
    merged = []
    for first, last in sorted(parse_port(text) for text in texts):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return () if tuple(merged) == ALL_PORTS else tuple(merged)


def port_text(interval):
    return str(interval[0]) if interval[0] == interval[1] else "{0}-{1}".format(*interval)
