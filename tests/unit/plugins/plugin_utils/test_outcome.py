# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says of its hosts in a few lines, and the diff of one host."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._options import closes
from ansible_collections.portcullis.msports.plugins.plugin_utils._diff import shortened
from ansible_collections.portcullis.msports.plugins.plugin_utils._outcome import lines, outcome, skipped


def result(**values: t.Any) -> dict[str, t.Any]:
    effective = {"in_force": True, "exact": True, "reasons": []}
    return {"changed": True, "added": [], "changed_rules": [], "removed": [], "kept": 1, "effective": effective, **values}


def told(outcomes: t.Mapping[str, t.Any], planned: t.Sequence[str] = (), lagging: t.Sequence[str] = (), check_mode: bool = False) -> list[str]:
    return lines(planned, outcomes, lagging, check_mode)


def test_what_was_removed_or_newly_closed_comes_before_everything_else() -> None:
    outcomes = {
        "a": outcome(result(removed=[f"rule {number}" for number in range(5)], added=["x"])),
        "b": outcome(result(added=["x", "y"], kept=0), closes=True),
        "c": outcome(result(changed=False), closes=True),
    }
    assert told(outcomes, ["12 rules for 3 hosts", "REMOVED FROM THE PLAN: 1 rule at 1 host: a: z"], ["d"]) == [
        "REMOVED FROM THE PLAN: 1 rule at 1 host: a: z",
        "REMOVED: 5 rules at 1 host: a: rule 0, rule 1, rule 2 and 2 more",
        "NEWLY CLOSED: the first rules at 1 host: b",
        "12 rules for 3 hosts",
        "2 of 3 hosts changed: rules 3 added, 0 changed, 5 removed",
        "1 host lags behind the plan: d; apply it there, too",
    ]
    assert told(outcomes, check_mode=True)[:2] == [
        "WOULD REMOVE: 5 rules at 1 host: a: rule 0, rule 1, rule 2 and 2 more",
        "WOULD CLOSE: the first rules at 1 host: b",
    ]


def test_rules_that_come_with_windows_are_no_news_in_a_summary() -> None:
    shipped = {"in_force": True, "exact": False, "exact_beyond_baseline": True, "reasons": ["domain: 3 rules that come with Windows"]}
    more = {**shipped, "exact_beyond_baseline": False, "reasons": [*shipped["reasons"], "domain: theirs"], "reasons_beyond_baseline": ["domain: theirs"]}
    assert told({"a": outcome(result(changed=False, effective={**shipped, "reasons_beyond_baseline": []}))}) == ["0 of 1 host changed"]
    assert told({"a": outcome(result(changed=False, effective=more))}) == ["differs from the plan at a: domain: theirs", "0 of 1 host changed"]


def test_rules_that_begin_to_stop_something_are_told_although_none_is_new() -> None:
    outcomes = {"a": outcome(result(), closes=True, begins=True), "b": outcome(result(changed=False), closes=True, begins=True)}
    assert told(outcomes)[0] == "NEWLY CLOSED: what no rule names is stopped from now on at 1 host: a"
    assert told(outcomes, check_mode=True)[0] == "WOULD CLOSE: what no rule names is stopped from now on at 1 host: a"


def test_hosts_that_failed_or_took_it_back_and_foreign_rules_are_named() -> None:
    foreign = {"in_force": True, "exact": False, "reasons": ["zone public admits: service ssh"]}
    outcomes = {
        "a": outcome({"failed": True, "msg": "x"}),
        "b": outcome({"failed": True, "rolled_back": True, "msg": "x"}),
        "e": {"lost": True},
        "c": outcome(result(changed=False, effective=foreign)),
        "d": outcome(result(changed=False, effective=foreign)),
    }
    assert told(outcomes) == [
        "1 host took the change back: the rules from before are in force: b",
        "1 host FAILED, the reasons stand above: a",
        "1 host dropped out, not reached or failed elsewhere, and nothing is known of what they have now: e",
        "differs from the plan at c, d: zone public admits: service ssh",
        "0 of 5 hosts changed",
    ]


def test_check_mode_does_not_complain_of_what_it_did_not_do_and_absent_rules_are_no_deviation() -> None:
    waiting = {"in_force": False, "exact": False, "reasons": ["the rules are not in force"]}
    gone = {"in_force": False, "exact": False, "reasons": ["the table inet msports is absent"]}
    assert told({"a": outcome(result(effective=waiting))}, check_mode=True) == ["1 of 1 host would change: rules 0 added, 0 changed, 0 removed"]
    assert any(line.startswith("differs from") for line in told({"a": outcome(result(effective=waiting))}))
    assert not any(line.startswith("differs from") for line in told({"a": outcome(result(removed=["x"], kept=0, effective=gone))}))


def test_skipped_hosts_are_parted_by_whether_they_still_have_rules() -> None:
    assert told({"a": skipped(True), "b": skipped(False)})[1:] == [
        "skipped, and still with rules of an earlier plan: a; state absent removes them (host_firewall_state)",
        "skipped, without rules in the plan: b",
    ]


def test_a_diff_has_no_line_that_stays_and_counts_what_stays_in_long_ones() -> None:
    many = ", ".join(f"10.0.{number // 250}.{number % 250}" for number in range(5000))
    before = {
        "before": f"chain input: x\nset clients: IPv4 {many}\nin 'a': b\nin 'gone': c\n",
        "after": f"chain input: x\nset clients: IPv4 {many}, 10.99.0.1\nin 'a': b\n",
    }
    assert shortened(before) == {
        "before": "set clients: 5000 that stay\nin 'gone': c\n",
        "after": "set clients: 10.99.0.1 and 5000 that stay\n",
    }
    assert shortened({"before": before["before"], "after": before["before"]}) == {"before": "", "after": ""}
    assert shortened({"before": "", "after": f"set clients: IPv4 {many}\n"})["after"] == f"set clients: IPv4 {many}\n"


def test_first_rules_that_stop_nothing_close_nothing() -> None:
    """As on Windows and with firewalld, whose default stays as it is, and in audit mode."""
    assert not any("CLOSE" in line for line in told({"a": outcome(result(added=["x"], kept=0))}))


@pytest.mark.parametrize(
    ("options", "backend", "expected"),
    [
        ({}, "nftables", True),
        ({}, "firewalld", False),
        ({}, "windows", False),
        ({"default_inbound": "reject"}, "ufw", True),
        ({"default_inbound": "keep"}, "nftables", False),
        ({"default_outbound": "block"}, "windows", True),
        ({"mode": "audit", "default_inbound": "block"}, "nftables", False),
    ],
)
def test_which_options_close(options: dict[str, str], backend: str, expected: bool) -> None:
    assert closes(options, backend) is expected
