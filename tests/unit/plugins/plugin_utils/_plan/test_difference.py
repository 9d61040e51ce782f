# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two plans."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff, shortened
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

NONE = {"added": [], "removed": [], "changed": [], "options": {}}
IN = rule("in", "tcp", "desk", ["443"])
SETS = {"desk": ["10.0.0.1"], "boss": ["10.0.0.9"]}
BEFORE = plan({"till": host(IN)}, SETS)


def test_equal_plans() -> None:
    assert plan_diff(BEFORE, plan({"till": host(IN)}, SETS)) == {"changed": False, "hosts": {}, "sets": {}}


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ([IN, rule("in", "tcp", "boss", ["22"])], {"added": ["in tcp/22 from boss"]}),
        ([], {"removed": ["in tcp/443 from desk"]}),
        ([{**IN, "local_ports": ["444"]}], {"changed": ["in tcp/443 from desk"]}),
        ([{**IN, "helper": "tftp"}], {"changed": ["in tcp/443 from desk"]}),
    ],
    ids=["added", "removed", "changed", "helper"],
)
def test_rules(after: list[Plain], found: Plain) -> None:
    assert plan_diff(BEFORE, plan({"till": host(*after)}, SETS)) == {"changed": True, "hosts": {"till": {**NONE, **found}}, "sets": {}}


def test_another_reason_is_no_change_of_what_is_filtered() -> None:
    assert not plan_diff(BEFORE, plan({"till": host({**IN, "because": [], "delivery": "broadcast"})}, SETS))["changed"]


def test_another_content_of_a_set_changes_every_rule_that_names_it() -> None:
    found = plan_diff(BEFORE, plan({"till": host(IN)}, {**SETS, "desk": ["10.0.0.1", "10.0.0.2"]}))
    assert found == {
        "changed": True,
        "hosts": {"till": {**NONE, "changed": ["in tcp/443 from desk"]}},
        "sets": {"desk": {"added": ["10.0.0.2"], "removed": []}},
    }


def test_groups_count_as_well() -> None:
    rules = {**IN, "local": "boss"}
    before = plan({"till": host(rules)}, SETS)
    assert plan_diff(before, plan({"till": host(rules)}, {**SETS, "boss": []}))["hosts"]["till"]["changed"] == ["in tcp/443 from desk"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("default_inbound", "allow"),  # opens everything, though no rule changes
        ("default_outbound", "block"),
        ("system", "windows"),
        ("management", {"addresses": ["any"], "ports": ["22"]}),
    ],
)
def test_what_decides_beside_rules(option: str, value: t.Any) -> None:
    after = plan({"till": host(IN, **{option: value})}, SETS)
    assert plan_diff(BEFORE, after)["hosts"] == {"till": {**NONE, "options": {option: {"before": BEFORE["hosts"]["till"][option], "after": value}}}}


def test_a_host_that_comes_without_any_rule_is_a_change() -> None:
    found = plan_diff(plan({}, {}), plan({"till": host()}, {}))
    assert found["changed"]
    assert found["hosts"]["till"]["options"]["managed"] == {"before": False, "after": True}
    assert plan_diff(plan({"till": host()}, {}), plan({}, {}))["hosts"]["till"]["options"]["managed"] == {"before": True, "after": False}


def test_a_first_plan_has_nothing_before_it() -> None:
    found = plan_diff({"hosts": {}, "sets": {}}, BEFORE)
    assert found["hosts"]["till"]["added"] == ["in tcp/443 from desk"]
    assert found["sets"] == {"boss": {"added": ["10.0.0.9"], "removed": []}, "desk": {"added": ["10.0.0.1"], "removed": []}}


def _grown(hosts: int, rules: int, addresses: int = 1) -> Plain:
    """The difference to a first plan of so many hosts with so many rules each, and as many sets as hosts."""
    ruleset = [rule("in", "tcp", "s0", [str(1000 + number)]) for number in range(rules)]
    sets = {f"s{number}": [f"10.{number}.{2 * last}.0/24" for last in range(addresses)] for number in range(hosts)}
    return plan_diff(plan({}, {}), plan({f"h{number}": host(*ruleset) for number in range(hosts)}, sets))


def test_what_is_not_long_is_not_shortened() -> None:
    found = _grown(3, 4)
    assert shortened(found) == (found, {"hosts": 0, "sets": 0})


def test_what_is_long_keeps_the_first_hosts_and_sets_whole_and_counts_the_others() -> None:
    found = _grown(5, 10, 8)
    options = len(found["hosts"]["h0"]["options"])
    kept, left_out = shortened(found, 2 * (10 + options))
    assert (list(kept["hosts"]), list(kept["sets"]), left_out) == (["h0", "h1"], ["s0", "s1", "s2", "s3"], {"hosts": 3, "sets": 1})
    assert kept["hosts"]["h1"] == found["hosts"]["h1"]
    assert kept["sets"]["s3"] == found["sets"]["s3"]
    assert kept["changed"]
    assert len(found["hosts"]) == 5, "what was given stays as it was"


def test_one_entry_is_shown_however_long_it_is() -> None:
    kept, left_out = shortened(_grown(2, 10), 1)
    assert (list(kept["hosts"]), left_out["hosts"]) == (["h0"], 1)
    assert len(kept["hosts"]["h0"]["added"]) == 10
