# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports: parsing, canonical text, and the algebra against single numbers."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, covers, expand, merge, parse_ports, texts

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: PortRange(min(pair), max(pair))), max_size=8)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("443", 443, 443), (443, 443, 443), ("0", 0, 0), ("65535", 65535, 65535), ("49152-65535", 49152, 65535), (" 1 - 2 ", 1, 2), ("00443", 443, 443)],
)
def test_what_is_a_port(text: t.Any, first: int, last: int) -> None:
    assert PortRange.parse(text) == PortRange(first, last)


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
    ],
)
def test_what_is_none(text: t.Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        PortRange.parse(text)


def test_texts_are_canonical() -> None:
    assert texts(parse_ports(["82", "80-81", 443, "8000-8002", "8001"])) == ["80-82", "443", "8000-8002"]


@given(RANGES)
def test_merged_ranges_hold_the_same_ports_and_touch_nowhere(ranges: list[PortRange]) -> None:
    merged = merge(ranges)
    assert {port for item in merged for port in range(item.first, item.last + 1)} == {port for item in ranges for port in range(item.first, item.last + 1)}
    assert all(left.last + 1 < right.first for left, right in zip(merged, merged[1:], strict=False))
    assert merge(merged) == merged
    assert parse_ports(texts(merged)) == merged


@given(RANGES)
def test_expanded_is_every_port_once(ranges: list[PortRange]) -> None:
    assert expand(ranges) == sorted({port for item in ranges for port in range(item.first, item.last + 1)})


@given(RANGES, st.one_of(st.none(), st.integers(0, 45)))
def test_covers(ranges: list[PortRange], port: t.Optional[int]) -> None:
    assert covers(tuple(ranges), port) is (not ranges or port in expand(ranges))
