# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intervals of addresses and ports: coverage is kept, and spelled in one way."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _intervals
from hypothesis import given
from hypothesis import strategies as st

small = st.tuples(st.just(4), st.integers(0, 60), st.integers(0, 60)).map(lambda i: (i[0], min(i[1:]), max(i[1:])))
lists = st.lists(small, max_size=12)


def points(intervals: t.Iterable[tuple[int, int, int]]) -> set[int]:
    return {number for _version, first, last in intervals for number in range(first, last + 1)}


@given(lists)
def test_collapse_keeps_the_coverage_and_is_shortest(intervals: list[tuple[int, int, int]]) -> None:
    collapsed = _intervals.collapse(intervals)
    assert points(collapsed) == points(intervals)
    assert all(a[2] + 1 < b[1] for a, b in zip(collapsed, collapsed[1:]))


@given(lists, lists)
def test_overlaps_and_covers_agree_with_sets(left: list[tuple[int, int, int]], right: list[tuple[int, int, int]]) -> None:
    one, two = _intervals.collapse(left), _intervals.collapse(right)
    assert _intervals.overlaps(one, two) == bool(points(left) & points(right))
    assert _intervals.covers(one, two) == (points(right) <= points(left))


@given(st.sampled_from([4, 6]), st.data())
def test_text_reads_back(version: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, _intervals.LAST[version]))
    last = data.draw(st.integers(first, _intervals.LAST[version]))
    assert _intervals.parse_address(_intervals.address_text((version, first, last))) == (version, first, last)


@given(st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str), st.integers(0, 32))
def test_networks_are_spelled_as_networks(address: str, prefix: int) -> None:
    network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    single = network.num_addresses == 1
    assert _intervals.address_text(_intervals.parse_address(str(network))) == (str(network.network_address) if single else str(network))


def test_families_do_not_mix() -> None:
    four, six = _intervals.parse_addresses(["0.0.0.0/0"]), _intervals.parse_addresses(["::/0"])
    assert not _intervals.overlaps(four, six)
    assert not _intervals.covers(four, six)
    assert four + six == _intervals.parse_addresses(["any"]) == _intervals.ANY


@pytest.mark.parametrize("text", ["", "host", "10.0.0.1/24", "10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "1.2.3", "-"])
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        _intervals.parse_address(text)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [([], ()), (["443"], ((443, 443),)), (["2", "1", "3-5"], ((1, 5),)), (["0-65535"], ()), (["0-9", "10-65535"], ()), (["7", "5", "5"], ((5, 5), (7, 7)))],
)
def test_ports(texts: list[str], expected: tuple[tuple[int, int], ...]) -> None:
    assert _intervals.parse_ports(texts) == expected


@pytest.mark.parametrize("text", ["x", "65536", "5-4", "-1", ""])
def test_what_is_no_port_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        _intervals.parse_ports([text])
