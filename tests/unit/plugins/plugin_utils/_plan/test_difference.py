# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two plans."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff
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
