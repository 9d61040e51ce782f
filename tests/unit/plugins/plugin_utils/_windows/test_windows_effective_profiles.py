# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profile by profile: whether the rules are in force and exact under its state, its default actions and the mode, and why not."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import Refused, inspect, run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.effect import WEB, domain, effective
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import Columns, FakeHost, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import options, rule


def test_nothing_else_is_there() -> None:
    found = effective()
    alone = {"in_force": True, "exact": True, "exact_beyond_baseline": True, "reasons": []}
    assert found == {
        **alone,
        "reasons_beyond_baseline": [],
        "reasons_beyond_foreign_allows": [],
        "guarded": ["no management session over the network was found: there is nothing to guard"],
        "profiles": {"domain": alone, "private": alone, "public": alone},
        "foreign_allows": [],
    }


STATES: list[tuple[Columns, bool, str]] = [
    ({"enabled": False}, False, "the firewall is off"),
    ({"local_rules": False}, False, "group policy ignores local rules"),
    ({"block_all": True}, False, "all inbound traffic is blocked, whatever the rules admit"),
    ({"inbound": "allow"}, True, "what no rule admits comes in all the same: the default action inbound is allow"),
    ({"excluded_interfaces": ["Ethernet 2", "Ethernet 1"]}, True, "nothing is filtered on these interfaces, they are excluded: Ethernet 1, Ethernet 2"),
]


@pytest.mark.parametrize(("changed", "in_force", "reason"), STATES)
def test_states_of_a_profile(changed: Columns, in_force: bool, reason: str) -> None:
    found = effective(**changed)
    assert found["profiles"]["domain"] == {"in_force": in_force, "exact": False, "exact_beyond_baseline": False, "reasons": [reason]}
    assert found["profiles"]["public"]["exact"]
    assert (found["in_force"], found["exact"], found["reasons"]) == (in_force, False, [f"domain: {reason}"])


@pytest.mark.parametrize(
    ("state", "reason"),
    [("gp_override", "group policy overrides local changes"), ("inbound_blocked", "all inbound traffic is blocked, whatever the rules admit")],
)
def test_group_policy_says_so_of_the_active_profiles(state: str, reason: str) -> None:
    host = FakeHost()
    host.active, host.modify_state = ["private", "public"], state
    found = run(options(WEB), host)["effective"]
    assert [found["profiles"][profile]["reasons"] for profile in ("domain", "private", "public")] == [[], [reason], [reason]]
    assert found["reasons"] == [f"private, public: {reason}"] and not found["in_force"]


def test_above_stands_what_is_active() -> None:
    host = FakeHost([foreign("open", protocol=6, local_ports="80", profiles=4)])
    found = run(options(WEB), host)["effective"]
    assert (found["exact"], found["reasons"], found["profiles"]["public"]["exact"]) == (True, [], False)
    host.active = []
    found = run(options(WEB), host)["effective"]
    assert (found["exact"], found["reasons"]) == (False, ["public: 1 inbound foreign rule admits more than these rules: the rule 'open'"])


def test_where_no_profile_is_known_to_be_active_group_policy_counts_for_all() -> None:
    host = FakeHost()
    host.active, host.modify_state = [], "gp_override"
    found = run(options(WEB), host)["effective"]
    assert (found["in_force"], found["reasons"]) == (False, ["domain, private, public: group policy overrides local changes"])


def test_rules_for_one_profile_are_in_force_there_alone() -> None:
    host = FakeHost()
    found = run(options(WEB, windows_profiles=["domain"]), host)["effective"]
    assert [one["profiles"] for one in host.own()] == [1]
    assert found["in_force"] and found["profiles"]["domain"]["exact"]
    left_out = {"in_force": False, "exact": False, "exact_beyond_baseline": False, "reasons": ["these rules are for domain alone (windows_profiles)"]}
    assert found["profiles"]["public"] == left_out
    assert inspect("msports", host)["effective"]["profiles"] == found["profiles"], "who only looks says the same"
    assert not run(options(WEB, windows_profiles=["domain"]), host)["changed"]
    assert run(options(WEB), host)["changed_rules"] == ["web"] and [one["profiles"] for one in host.own()] == [0x7FFFFFFF]
    with pytest.raises(Refused, match="rules of no profile admit nobody"):
        run(options(WEB, windows_profiles=[]), host)


def test_an_audit_that_finds_a_default_changed_says_so_in_its_first_run_as_in_the_next() -> None:
    host = FakeHost()
    run(options(WEB, default_inbound="block"), host)
    host.profiles["domain"]["inbound"] = "allow"
    first, second = (run(options(WEB, default_inbound="block", mode="audit"), host) for _run in range(2))
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["effective"]["profiles"] == second["effective"]["profiles"] and not second["effective"]["in_force"]


def test_the_guard_judges_profiles_that_are_left_out() -> None:
    admitting = options(rule("m", ["5985"], ["10.9.0.5"]), windows_profiles=["domain", "private"])
    host = FakeHost()
    host.session("10.9.0.5")
    assert any(text.startswith("profile public, which is not active now, but may be after a reboot") for text in run(admitting, host)["warnings"])
    host = FakeHost()
    host.session("10.9.0.5")
    host.active = ["public"]
    with pytest.raises(Refused, match="profile public: the present session from 10.9.0.5 to 10.1.1.20 port 5985: no rule admits it"):
        run(admitting, host)


def test_outbound_that_somebody_else_blocks() -> None:
    expected = "what no foreign rule admits does not go out: the default action outbound is block, and these rules do not ask for that"
    assert domain(outbound="block") == [expected]
    assert domain(outbound="block", given=options(WEB, default_outbound="allow")) == []
    assert domain(outbound="block", given=options(WEB, default_outbound="block")) == []


AUDIT = (
    "mode is audit: allowed connections and dropped packets are logged, our rules that block are written but not enabled, and default actions stay as they are"
)


def test_audit_says_so() -> None:
    assert domain(given=options(WEB, mode="audit")) == [f"{AUDIT} (inbound is blocked by default)"]
    assert domain(given=options(WEB, mode="audit"), enabled=False) == ["the firewall is off", f"{AUDIT} (inbound is blocked by default)"]


def test_default_allow_that_is_wanted_is_no_surprise() -> None:
    assert domain(given=options(WEB, default_inbound="allow")) == []
