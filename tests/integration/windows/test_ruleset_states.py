# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ruleset in every state of a host, without a playbook: ways to read rules back, commits that fail, group policy."""

from __future__ import annotations

import copy
import typing as t

import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, inspect, run

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule
from conftest import Host
from ruleset_cases import CHANGED, FIRST, caller, warnings

READINGS: list[tuple[str, t.Any]] = [
    ("addresses_as_masks", False),
    ("reorder_addresses", False),
    ("reorder_ports", False),
    ("trailing_comma", False),
    ("null_strings", False),
    ("program_expanded", False),
    ("all_profiles_value", False),
    ("ipv6_text", "plain"),
    ("ipv6_text", "expanded"),
    ("enumeration_order", "stored"),
    ("enumeration_order", "reversed"),
]


def test_in_whatever_way_rules_are_read_back_they_are_the_same(host: Host) -> None:
    """Each of these makes a naive reader see another ruleset; test_stand_in_switches.py shows it."""
    first = run(FIRST, caller(host))
    assert warnings(first) == []
    for switch, value in READINGS:
        host.switch(**{switch: value})
        again = run(FIRST, caller(host), check_mode=True)
        assert (again["changed"], again["kept"], again["diff"]["before"]) == (False, 5, first["diff"]["after"]), switch
        host.switch(**{switch: policy_file.SWITCHES[switch][0]})


def test_a_failure_at_any_commit_leaves_everything_as_it_was(host: Host) -> None:
    run(FIRST, caller(host))
    start = host.content
    changed = {**CHANGED, "default_outbound": "block"}
    commits = run(changed, caller(host))["calls"]["commits"]
    assert commits == 9
    wanted = policy_file.state(host.content)
    for number in range(1, commits + 1):
        policy_file.write(host.path, policy_file.switch(copy.deepcopy(start), fail_commit_at=number))
        with pytest.raises(HostFailed, match="what was done before it is undone"):
            run(changed, caller(host))
        assert policy_file.state(host.content) == policy_file.state(start), number
        assert policy_file.foreign(host.content) == policy_file.foreign(start)
    host.switch(fail_commit_at=0)
    run(changed, caller(host))
    assert policy_file.state(host.content) == wanted


def test_what_is_said_of_a_host_is_what_it_does(make_host: t.Callable[..., Host]) -> None:
    """In every state that group policy, an administrator or another product can make: in force and exact means just that, and is said of no such state."""
    wanted = {"rules": [rule("web", ["8080"], ["any"])], "default_inbound": "block", "allow_lockout": True}
    for name in ["", *policy_file.STATES]:
        host = make_host(policy_file.set_state(policy_file.empty(), name) if name else policy_file.empty(), name or "plain")
        run(wanted, caller(host))
        told = run(wanted, caller(host))["effective"]["profiles"]["domain"]
        does = policy_file.admits(host.content, 8080) and not policy_file.admits(host.content, 80)
        assert does or not (told["in_force"] and told["exact"]), (name, told)
        assert (told["in_force"] and told["exact"]) == (name in ("", "log_given")) or name == "policy_rule_admits", (name, told)


def test_a_default_that_group_policy_keeps_is_not_in_force(host: Host) -> None:
    """What the real executor tells after its writes is taken for what is there."""

    def overruled(arguments: Plain) -> Plain:
        done = host(**arguments)
        for part in (done, done.get("state", {})):
            if "profiles" in part:
                part["profiles"]["domain"]["outbound"] = "allow"
        return done

    wanted = options(rule("m", ["5986"], ["10.9.0.0/24"]), default_outbound="block")
    result = run(wanted, overruled)
    found = result["effective"]
    assert not found["in_force"] and "default outbound was set to block and is allow all the same" in found["reasons"][0]
    assert found["profiles"]["private"]["in_force"]
    assert not run(wanted, overruled)["effective"]["in_force"]


def test_group_policy_states_reach_the_result(host: Host) -> None:
    with policy_file.edited(host.path) as content:
        content["profiles"]["domain"]["local_rules"] = False
        content["profiles"]["private"]["excluded_interfaces"] = ["Ethernet 2"]
        content["profiles"]["public"]["enabled"] = False
        content["active"] = policy_file.DOMAIN | policy_file.PRIVATE
    found = run(FIRST, caller(host))["effective"]
    assert not found["in_force"] and "domain: group policy ignores local rules" in found["reasons"]
    assert "private: nothing is filtered on these interfaces, they are excluded: Ethernet 2" in found["reasons"]
    assert found["profiles"]["public"]["reasons"] == ["the firewall is off"]
    with policy_file.edited(host.path) as content:
        content["modify_state"] = 1
    assert "domain, private: group policy overrides local changes" in inspect("msports", caller(host))["effective"]["reasons"]
