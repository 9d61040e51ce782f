# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of addresses as values: operators, canonical text, and what is no address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, NOBODY, Addresses, union

# A universe of 32 addresses of each family, in which every set can be counted out.
FOUR, SIX = int(ipaddress.ip_address("10.0.0.0")), int(ipaddress.ip_address("fd00::"))
UNIVERSE = [str(ipaddress.ip_address(FOUR + number)) for number in range(32)] + [str(ipaddress.ip_address(SIX + number)) for number in range(32)]


def spec(low: int, high: int, six: bool) -> str:
    base = SIX if six else FOUR
    first, last = sorted((low, high))
    kind = ipaddress.IPv6Address if six else ipaddress.IPv4Address
    return str(kind(base + first)) if first == last else f"{kind(base + first)}-{kind(base + last)}"


SETS = st.lists(st.builds(spec, st.integers(0, 31), st.integers(0, 31), st.booleans()), max_size=6).map(Addresses.parse)


def counted(addresses: Addresses) -> set[str]:
    return {text for text in UNIVERSE if text in addresses}


@given(SETS, SETS)
def test_algebra(one: Addresses, other: Addresses) -> None:
    assert counted(one | other) == counted(one) | counted(other)
    assert counted(one - other) == counted(one) - counted(other)
    assert counted(one & other) == counted(one) & counted(other)
    assert bool(one) is bool(counted(one))


@given(st.lists(SETS, max_size=5))
def test_union_of_many_is_the_fold(many: list[Addresses]) -> None:
    folded = NOBODY
    for item in many:
        folded = folded | item
    assert union(many) == folded


@given(SETS)
def test_text_and_back(addresses: Addresses) -> None:
    assert Addresses.parse(addresses.cidrs()) == addresses
    assert addresses.cidrs() == addresses.family(4).cidrs() + addresses.family(6).cidrs()
    assert addresses.families() == tuple(version for version in (4, 6) if addresses.family(version))


@given(SETS)
def test_equal_sets_are_equal_values_however_they_were_made(addresses: Addresses) -> None:
    singly = Addresses.parse(sorted(counted(addresses), reverse=True))
    assert singly == addresses
    assert hash(singly) == hash(addresses)


@pytest.mark.parametrize(
    ("given_", "canonical"),
    [
        (["10.0.0.0", "10.0.0.1"], ["10.0.0.0/31"]),  # adjacent addresses print as a network
        (["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"]),
        (["10.0.0.0/8", "10.1.2.3"], ["10.0.0.0/8"]),  # what is contained goes
        (["10.0.0.1-10.0.0.3"], ["10.0.0.1", "10.0.0.2/31"]),
        (["fd00::1", "10.0.0.1"], ["10.0.0.1", "fd00::1"]),  # IPv4 first
        (["FD00:0::1"], ["fd00::1"]),
        (["0.0.0.0/0", "::/0"], ["any"]),
        (["0.0.0.0/0"], ["0.0.0.0/0"]),
        (["10.0.0.1", "any"], ["any"]),
        ([], []),
    ],
)
def test_canonical_text(given_: list[str], canonical: list[str]) -> None:
    assert Addresses.parse(given_).cidrs() == canonical


def test_a_value_that_is_no_text_is_no_address() -> None:
    with pytest.raises(ValueError, match="is not an IP address"):
        Addresses.parse([None])  # type: ignore[list-item]


def test_anyone_and_nobody_are_different() -> None:
    assert ANY
    assert not NOBODY
    assert ANY - ANY == NOBODY
    assert "10.0.0.1" in ANY
    assert "10.0.0.1" not in NOBODY
    assert ANY - Addresses.parse(["10.0.0.0/8"]) != ANY
    assert "10.0.0.0/7" not in Addresses.parse(["10.0.0.0/8"])
