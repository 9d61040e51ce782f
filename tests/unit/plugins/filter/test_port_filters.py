# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over ports."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.portcullis.msports.plugins.filter import expand_ports, merge_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports
from hypothesis import given
from hypothesis import strategies as st

merge = merge_ports.FilterModule().filters()["merge_ports"]
expand = expand_ports.FilterModule().filters()["expand_ports"]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([], []),
        (None, []),
        (443, ["443"]),
        ("80-90", ["80-90"]),
        ([445, "80", "81-90", 443, 444], ["80-90", "443-445"]),
        (("1", "1-3", "2-5", "7"), ["1-5", "7"]),
        ([0, 65535, "rpc_dynamic"], ["0", "49152-65535"]),
    ],
)
def test_merge(ports: t.Any, expected: list[str]) -> None:
    assert merge(ports) == expected


def test_dynamic_ports_can_be_chosen() -> None:
    assert merge(["rpc_dynamic", 5002], dynamic_ports="5000-5001") == ["5000-5002"]
    assert expand(["rpc_dynamic"], dynamic_ports="5000-5001") == [5000, 5001]
    with pytest.raises(AnsibleFilterError, match="^dynamic_ports: 'x': expected a range of ports such as 49152-65535$"):
        merge(["1"], dynamic_ports="x")


@pytest.mark.parametrize(("function", "name"), [(merge, "merge_ports"), (expand, "expand_ports")])
def test_everything_wrong_is_told(function: t.Callable[..., t.Any], name: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        function(["https", 443, "90-80", 65536, True])
    expected = "expected a port, 0-65535, or a range of ports such as 49152-65535"
    assert str(caught.value).splitlines() == [
        f"{name}[0]: 'https': {expected}",
        f"{name}[2]: '90-80': {expected}",
        f"{name}[3]: 65536: {expected}",
        f"{name}[4]: True: {expected}",
    ]


def test_expand() -> None:
    assert expand(["8530-8531", 443, "443"]) == [443, 8530, 8531]
    assert expand("137-139") == [137, 138, 139]


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 300)), max_size=12))
def test_merged_and_single_ports_are_the_same_set(pairs: list[tuple[int, int]]) -> None:
    specs = [f"{first}-{min(first + more, 65535)}" for first, more in pairs]
    every = {port for first, more in pairs for port in range(first, min(first + more, 65535) + 1)}
    merged = merge(specs)
    assert expand(merged) == expand(specs) == sorted(every)
    assert merge(merged) == merged
    ranges = parse_ports(merged)
    assert all(one.last + 1 < other.first for one, other in zip(ranges, ranges[1:], strict=False))
