# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The algebra of ports against naive sets of numbers; parsing and canonical text."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.module_utils._ports import ALL, PortRange
from hypothesis import given
from hypothesis import strategies as st

Ranges = list[PortRange]
RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: PortRange(min(pair), max(pair))), max_size=8)


def naive(ranges: t.Iterable[tuple[int, int]]) -> set[int]:
    return {port for first, last in ranges for port in range(first, last + 1)}


@given(RANGES, RANGES)
def test_every_operation_is_that_of_sets(one: Ranges, other: Ranges) -> None:
    here, there = naive(one), naive(other)
    left, right = _ports.union(one), _ports.union(other)
    for made, expected in ((left, here), (_ports.union([*one, *other]), here | there), (_ports.meet(left, right), here & there)):
        assert naive(made) == expected
        assert all(before.last + 1 < after.first for before, after in zip(made, made[1:], strict=False))
    assert _ports.overlaps(left, right) is bool(here & there)
    assert _ports.covers(left, right) is (there <= here)
    assert _ports.expand(one) == sorted(here)
    assert _ports.parse(_ports.texts(left)) == left


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("443", 443, 443), (443, 443, 443), ("0", 0, 0), ("65535", 65535, 65535), ("49152-65535", 49152, 65535), (" 1 - 2 ", 1, 2), ("00443", 443, 443)],
)
def test_what_is_a_port(text: t.Any, first: int, last: int) -> None:
    assert PortRange.parse(text) == PortRange(first, last) == (first, last)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https", "is not a port"),
        ("", "is not a port"),
        ("1-", "is not a port"),
        ("-1", "is not a port"),
        ("1-2-3", "is not a port"),
        ("1,2", "is not a port"),
        (True, "is not a port"),  # YAML's yes would else be port 1
        (1.5, "is not a port"),
        ("123456", "is not a port"),
        ("65536", "is not a port range"),
        ("2-1", "is not a port range"),
        ("²", "is not a port"),  # a digit to str.isdigit, no number
        ("٤٤٣", "is not a port"),  # a number to int, and to no firewall
        ("443\n\n80", "is not a port"),
    ],
)
def test_what_is_none(text: t.Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        PortRange.parse(text)


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (5, 4), (0, 65536)])
def test_a_range_is_valid_from_birth(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="is not a port range"):
        PortRange(first, last)


def test_texts_are_canonical() -> None:
    assert _ports.texts(_ports.parse(["82", "80-81", 443, "8000-8002", "8001"])) == ["80-82", "443", "8000-8002"]
    assert [str(PortRange(5, 5)), str(PortRange(5, 6)), _ports.text_of((5, 6))] == ["5", "5-6", "5-6"]


def test_a_range_holds_its_ports() -> None:
    assert [port for port in (79, 80, 81, 82) if port in PortRange(80, 81)] == [80, 81]
    assert None not in PortRange(0, 65535)


@pytest.mark.parametrize(
    ("texts", "of_rule", "restriction"),
    [
        ([], ALL, ()),
        (["443"], ((443, 443),), ((443, 443),)),
        (["2", "1", "3-5"], ((1, 5),), ((1, 5),)),
        (["0-65535"], ALL, ()),
        (["0-9", "10-65535"], ALL, ()),
        (["7", "5", "5"], ((5, 5), (7, 7)), ((5, 5), (7, 7))),
    ],
)
def test_the_list_of_a_rule(texts: list[str], of_rule: t.Any, restriction: t.Any) -> None:
    assert _ports.of_rule(texts) == of_rule
    assert _ports.restriction(texts) == restriction
