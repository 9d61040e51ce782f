# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says of itself in a few lines."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff, text_of_difference
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.summary import summary
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, inventory

NOTHING: dict[str, t.Any] = {"hosts": {}, "sets": {}}
HOSTS = {
    "mp01": host("configmgr.management_point", at="10.0.0.2", default_inbound="keep"),
    "sql01": host("configmgr.sql_server", at="10.0.0.4"),
    "win01": host("configmgr.site_server", at="10.0.0.6", connection="winrm"),
    "bare01": host(at="10.0.0.9"),
}


def plan(hosts: t.Optional[t.Mapping[str, t.Any]] = None, **everywhere: t.Any) -> dict[str, t.Any]:
    return _compile.compile_plan(inventory(hosts or HOSTS, networks={"configmgr.client": ["10.20.0.0/16"]}, **everywhere))


def told(before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any], path: t.Optional[str] = "/tmp/plan") -> list[str]:
    return summary(after, plan_diff(before, after), path)


def test_a_first_plan_says_where_it_closes_and_who_has_no_rules() -> None:
    found = plan()
    lines = told(NOTHING, found)
    assert lines[0] == "WILL CLOSE: first rules at 1 host: sql01; what no rule names is stopped there"
    assert lines[1].startswith(f"{sum(len(item['rules']) for item in found['hosts'].values())} rules for 3 hosts in /tmp/plan, ")
    assert "no role, so no rules: bare01" in lines
    assert not any("/tmp/plan" in line for line in told(NOTHING, found, None))


def test_what_goes_comes_first_and_a_set_is_told_once_however_many_rules_name_it() -> None:
    before = plan(allow=[{"name": "agent", "in": "tcp/9000", "from": ["10.7.0.1"], "because": "x"}])
    after = plan({**HOSTS, "mp01": host("configmgr.management_point", at="10.0.0.3", default_inbound="block")})
    lines = told(before, after)
    assert lines[0] == (
        "REMOVED FROM THE PLAN: 3 rules at 3 hosts: mp01: in tcp/9000 from allow:10.7.0.1; sql01: in tcp/9000 from allow:10.7.0.1; "
        "win01: in tcp/9000 from allow:10.7.0.1"
    )
    assert "REMOVED FROM THE PLAN: 10.0.0.2 from configmgr.management_point" in lines
    assert "WILL CLOSE: inbound traffic that no rule names is stopped at mp01" in lines
    assert any(line.startswith("added: ") and "configmgr.management_point" in line for line in lines)


def test_an_address_that_becomes_part_of_a_network_was_not_removed() -> None:
    more = {**HOSTS, "mp02": host("configmgr.management_point", at="10.0.0.3")}
    assert plan()["sets"]["configmgr.management_point"]["addresses"] == ["10.0.0.2"]
    assert plan(more)["sets"]["configmgr.management_point"]["addresses"] == ["10.0.0.2/31"]
    difference = plan_diff(plan(), plan(more))
    assert difference["sets"]["configmgr.management_point"] == {"added": ["10.0.0.3"], "removed": []}
    assert not any(line.startswith("REMOVED") for line in told(plan(), plan(more)))


def test_of_an_orphan_it_is_not_said_that_it_has_rules() -> None:
    """It was in the plan before; whether that was ever applied is not known."""
    assert [line for line in told(plan(), {**plan(), "orphaned": ["gone"]}) if "gone" in line] == [
        "orphans, which had rules and hold no role any more: gone; apply with state absent there (host_firewall_state)"
    ]


def test_the_same_plan_says_nothing_of_changes() -> None:
    assert not [line for line in told(plan(), plan()) if line.startswith(("REMOVED", "CLOSES", "added"))]


def test_unusual_notes_are_in_full_and_usual_ones_are_counted() -> None:
    found = plan(allow=[{"name": "old", "in": "tcp/9000", "from": ["10.7.0.1"], "because": "x", "until": "2020-01-01"}])
    lines = told(NOTHING, found)
    assert any(line.startswith("note (expired): msports_allow old ended on 2020-01-01") for line in lines)
    (counts,) = [line for line in lines if line.startswith("more notes: ")]
    assert " nobody_holds" in counts and counts.endswith(" (in /tmp/plan/index.json)")
    many = copy.deepcopy(found)
    many["notes"] = [{"code": "narrowed", "host": None, "text": f"text {number}"} for number in range(30)]
    assert [line for line in told(NOTHING, many) if line.startswith(("note", "..."))][-1] == "... and 20 more like these"


def test_the_diff_has_a_line_for_each_thing_that_came_or_went_and_no_other() -> None:
    addresses = [f"10.7.0.{number}" for number in range(1, 200, 2)]
    before = plan(ping=addresses)
    after = copy.deepcopy(before)
    after["sets"]["ping:10.7.0.5"]["addresses"] = ["10.7.0.6"]
    after["hosts"]["sql01"]["default_inbound"] = "block"
    assert text_of_difference(plan_diff(before, after)) == {
        "before": "sql01: default_inbound: None\nset ping:10.7.0.5: 10.7.0.5\n",
        "after": "sql01: default_inbound: block\nset ping:10.7.0.5: 10.7.0.6\n",
    }
