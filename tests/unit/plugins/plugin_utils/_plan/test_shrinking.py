# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that lost hosts or many rules since the saved one is refused, until somebody says that this is meant."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.shrinking import check_shrinking
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

SETS = {"one": ["10.0.0.1"]}


def planned(partial: bool = False, **rules: int) -> Plain:
    """A plan of hosts with so many rules each."""
    hosts = {name: host(*(rule("in", "tcp", "one", [str(port)]) for port in range(1, count + 1))) for name, count in rules.items()}
    return plan(hosts, SETS, inputs=dict.fromkeys(hosts, "x"), partial_inventory=partial)


def told(before: Plain, after: Plain, **options: t.Any) -> list[str]:
    try:
        check_shrinking(before, after, plan_diff(before, after), **options)
    except InventoryError as error:
        return [problem.path for problem in error.problems]
    return []


def test_hosts_that_vanished_are_refused_until_they_are_named() -> None:
    before, after = planned(a=1, b=1, web1=1, web2=1), planned(a=1)
    with pytest.raises(InventoryError) as error:
        check_shrinking(before, after, plan_diff(before, after), ["web*"])
    assert str(error.value) == (
        "expect_removed_hosts: these hosts are in the saved plan and no longer in the inventory: b. Their peers would no longer admit them. "
        "Mend the inventory, or, if they are gone, name them: expect_removed_hosts: [b]"
    )
    assert told(before, after, expected=["b", "web*"]) == []
    assert told(before, after) == ["expect_removed_hosts"]


@pytest.mark.parametrize(
    ("before", "after", "most", "refused"),
    [
        ({"a": 20}, {"a": 0}, None, False),  # so few may always go
        ({"a": 21}, {"a": 0}, None, True),
        ({"a": 100}, {"a": 75}, None, False),  # a quarter
        ({"a": 100}, {"a": 74}, None, True),
        ({"a": 50, "b": 50}, {"a": 37, "b": 37}, None, True),  # from all hosts together
        ({"a": 100}, {"a": 74}, 26, False),  # it was named
        ({"a": 100}, {"a": 99}, 0, True),
        ({"a": 10}, {"a": 500}, 0, False),  # more is no matter of this
    ],
)
def test_many_rules_that_would_go(before: dict[str, int], after: dict[str, int], most: t.Optional[int], refused: bool) -> None:
    assert told(planned(**before), planned(**after), most=most) == (["max_removed_rules"] if refused else [])


def test_rules_of_hosts_that_are_expected_to_go_do_not_count() -> None:
    assert told(planned(a=10, b=500), planned(a=10), expected=["b"]) == []


def test_where_most_of_them_would_go_is_said() -> None:
    before, after = planned(a=1, b=30, c=40, d=2), planned(a=0, b=0, c=0, d=0)
    words = r"73 of the 73 rules of the saved plan would go or lose most of their addresses, most of them at c \(40\), b \(30\), d \(2\), \.\.\."
    with pytest.raises(InventoryError, match=words):
        check_shrinking(before, after, plan_diff(before, after))


def test_where_there_is_no_saved_plan_or_only_a_part_nothing_is_known() -> None:
    assert told({"hosts": {}, "sets": {}}, planned(a=1)) == []
    assert told(planned(a=1, b=1, partial=True), planned(a=1)) == []


def test_a_plan_of_a_part_does_not_take_the_place_of_a_whole_one() -> None:
    assert told(planned(a=1, b=1), planned(partial=True, a=1)) == ["partial_inventory"]
    assert told(planned(partial=True, a=1, b=1), planned(partial=True, a=1)) == []
    assert told({"hosts": {}, "sets": {}}, planned(partial=True, a=1)) == []


def test_what_the_index_of_a_damaged_plan_says_is_compared_all_the_same() -> None:
    assert told({"hosts": {}, "sets": {}, "inputs": {"a": "x", "b": "x"}, "partial_inventory": False}, planned(a=1)) == ["expect_removed_hosts"]


def many(remote: str, *addresses: str) -> Plain:
    """A plan of one host with 30 rules from one set, which another one has, too."""
    ruleset = [rule("in", "tcp", remote, [str(port)]) for port in range(30)]
    return plan({"a": host(*ruleset)}, {remote: list(addresses)}, inputs={"a": "x"}, partial_inventory=False)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (many("client", "10.20.0.0/16"), many("client@P01", "10.20.0.0/16"), False),  # as where the first site is declared
        (many("client", "10.20.0.0/16"), many("client@P01", "10.0.0.0/8"), False),
        (many("client", "10.20.0.0/16"), many("client", "10.20.0.0/17"), False),  # half of it stays
        (many("client", "10.20.0.0/16"), many("client", "10.20.0.0/18"), True),
        (many("client", "10.20.0.0/16"), many("client", "10.2.0.0/16"), True),
        (many("client", "10.20.0.0/16", "fd00::/64"), many("client", "10.2.0.0/16", "fd00::/64"), True),  # families are counted apart
    ],
    ids=["renamed", "wider", "half", "less than half", "mistyped", "one family"],
)
def test_what_is_let_through_counts_and_no_name(before: Plain, after: Plain, refused: bool) -> None:
    assert told(before, after) == (["max_removed_rules"] if refused else [])
