# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The algebra of addresses against naive sets of integers: both families, their ends, and a small universe in which all can be counted."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import ANY, LAST, NOBODY
from hypothesis import given
from hypothesis import strategies as st

Interval = tuple[int, int, int]
SIZE = 32
# Where the universe lies in each family: at the low end, in the middle, at the high end.
STARTS = {"low": dict.fromkeys((4, 6), 0), "middle": {4: 10 << 24, 6: 0xFD << 120}, "high": {version: last - SIZE + 1 for version, last in LAST.items()}}


@st.composite
def intervals(draw: st.DrawFn, start: str) -> list[Interval]:
    made = []
    for _number in range(draw(st.integers(0, 8))):
        version, ends = draw(st.sampled_from([4, 6])), sorted(draw(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1))))
        made.append((version, STARTS[start][version] + ends[0], STARTS[start][version] + ends[1]))
    return made


PAIRS = st.sampled_from(sorted(STARTS)).flatmap(lambda start: st.tuples(intervals(start), intervals(start)))


def naive(found: t.Iterable[Interval]) -> set[tuple[int, int]]:
    return {(version, number) for version, first, last in found for number in range(first, last + 1)}


def is_set(found: t.Sequence[Interval]) -> bool:
    return all(left[0] < right[0] or left[2] + 1 < right[1] for left, right in zip(found, found[1:], strict=False))


@given(PAIRS)
def test_every_operation_is_that_of_sets(pair: tuple[list[Interval], list[Interval]]) -> None:
    here, there = map(naive, pair)
    left, right = map(_addresses.union, pair)
    for made, expected in (
        (left, here),
        (_addresses.union([*left, *right]), here | there),
        (_addresses.minus(left, right), here - there),
        (_addresses.meet(left, right), here & there),
        (_addresses.of_family(left, 4), {item for item in here if item[0] == 4}),
        (_addresses.of_family(left, 6), {item for item in here if item[0] == 6}),
    ):
        assert naive(made) == expected
        assert is_set(made)
    assert _addresses.overlaps(left, right) is bool(here & there)
    assert _addresses.covers(left, right) is (there <= here)
    assert _addresses.families(left) == tuple(sorted({version for version, _number in here}))


@given(PAIRS)
def test_equal_sets_are_equal_values_however_they_were_made(pair: tuple[list[Interval], list[Interval]]) -> None:
    one_by_one = _addresses.union((version, number, number) for version, number in sorted(naive(pair[0]), reverse=True))
    assert one_by_one == _addresses.union(pair[0])


@given(PAIRS)
def test_anybody_and_nobody_are_the_ends_of_the_algebra(pair: tuple[list[Interval], list[Interval]]) -> None:
    one = _addresses.union(pair[0])
    assert _addresses.meet(one, ANY) == _addresses.meet(ANY, one) == one
    assert _addresses.minus(one, ANY) == NOBODY == _addresses.meet(one, NOBODY)
    assert _addresses.minus(one, NOBODY) == one
    assert _addresses.union([*_addresses.minus(ANY, one), *one]) == ANY
    assert _addresses.covers(ANY, one)
    assert _addresses.covers(one, NOBODY)


def kind(version: int) -> t.Any:
    return ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address


WHOLE = st.sampled_from([4, 6]).flatmap(lambda version: st.tuples(st.just(version), *[st.integers(0, LAST[version])] * 2)).map(lambda i: (i[0], *sorted(i[1:])))


@given(WHOLE)
def test_networks_are_those_of_the_standard_library(interval: Interval) -> None:
    version, first, last = interval
    expected = ipaddress.summarize_address_range(kind(version)(first), kind(version)(last))
    made = list(_addresses.networks([interval]))
    assert made == [(version, int(network.network_address), int(network.broadcast_address)) for network in expected]
    assert [_addresses.text_of(network) for network in made] == [
        str(network.network_address) if network.num_addresses == 1 else str(network)
        for network in ipaddress.summarize_address_range(kind(version)(first), kind(version)(last))
    ]


def test_networks_of_whole_families_and_of_several_intervals() -> None:
    assert tuple(_addresses.networks(ANY)) == ANY
    networks = _addresses.networks(_addresses.parse(["fd00::5", "10.0.0.1-10.0.0.3"]))
    assert [_addresses.text_of(item) for item in networks] == ["10.0.0.1", "10.0.0.2/31", "fd00::5"]


@given(WHOLE)
def test_text_reads_back(interval: Interval) -> None:
    assert _addresses.parse_one(_addresses.text_of(interval)) == interval


@pytest.mark.parametrize("version", [4, 6])
def test_halves_are_of_whole_families_only(version: int) -> None:
    whole = (version, 0, LAST[version])
    halves = _addresses.halves(whole)
    assert [_addresses.text_of(half) for half in halves] == {4: ["0.0.0.0/1", "128.0.0.0/1"], 6: ["::/1", "8000::/1"]}[version]
    assert _addresses.union(halves) == (whole,)
    assert [_addresses.halves(half) for half in halves] == [(half,) for half in halves]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", (4, 0x0A000001, 0x0A000001)),
        ("10.0.0.0/31", (4, 0x0A000000, 0x0A000001)),
        ("10.0.0.1 - 10.0.0.3", (4, 0x0A000001, 0x0A000003)),
        ("::", (6, 0, 0)),
        ("FD00:0::1", (6, (0xFD << 120) + 1, (0xFD << 120) + 1)),
        ("::ffff:10.0.0.1", (6, 0xFFFF0A000001, 0xFFFF0A000001)),  # what stands for IPv4 is for the reader of an inventory or a session to say
    ],
)
def test_what_is_read(text: str, expected: Interval) -> None:
    assert _addresses.parse_one(text) == expected


NONE = ["", "host", "10.0.0.1/24", "10.0.0.256", "10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "1.2.3", "-", "a-b", "10.0.0.0/33", "Any"]


@pytest.mark.parametrize("text", [*NONE, "fe80::1%eth0", "fe80::1%1", 1, None])
def test_what_is_no_address(text: t.Any) -> None:
    with pytest.raises(ValueError, match="is not an IP address, a network in CIDR form without host bits, or a first-last range"):
        _addresses.parse_one(text)


def test_any_is_both_families_and_beside_others_it_stays_any() -> None:
    assert _addresses.parse(["0.0.0.0/0"]) + _addresses.parse(["::/0"]) == _addresses.parse(["10.0.0.1", "any"]) == ANY
    assert _addresses.parse([]) == NOBODY
