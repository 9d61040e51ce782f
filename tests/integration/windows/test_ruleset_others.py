# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of others beside a ruleset, without a playbook: in between, duplicates, names in another case, a second owner."""

from __future__ import annotations

import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, Refused, inspect, run

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import options, rule
from conftest import Host
from ruleset_cases import CHANGED, FIRST, WEB, caller


def test_a_change_in_between_is_refused(host: Host) -> None:
    run(FIRST, caller(host))

    def somebody() -> None:
        with policy_file.edited(host.path) as content:
            policy_file.own(content)[0]["enabled"] = False

    before = policy_file.foreign(host.content)
    with pytest.raises(HostFailed, match="nothing was changed"):
        run(CHANGED, caller(host, somebody))
    assert {found["name"] for found in policy_file.own(host.content)} == set(inspect("msports", caller(host))["names"])
    assert len(policy_file.own(host.content)) == 5 and policy_file.foreign(host.content) == before


def test_what_others_do_in_between_does_not_matter(host: Host) -> None:
    def somebody() -> None:
        with policy_file.edited(host.path) as content:
            policy_file.add(content, policy_file.rule("theirs", protocol=6, local_ports="80"))

    assert run(FIRST, caller(host, somebody))["effective"]["in_force"]


def test_duplicates_of_ours_and_of_others(host: Host) -> None:
    run(options(WEB, address_sets=FIRST["address_sets"]), caller(host))
    with policy_file.edited(host.path) as content:
        (ours,) = policy_file.own(content)
        policy_file.add(content, {**ours, "key": None}, {**ours, "key": None, "enabled": False}, {**ours, "key": None, "grouping": None, "protocol": 17})
    before = policy_file.foreign(host.content)
    result = run(options(WEB, address_sets=FIRST["address_sets"]), caller(host))
    assert (result["changed_rules"], result["warnings"]) == ([WEB["name"]], [])
    assert len(policy_file.own(host.content)) == 1 and policy_file.foreign(host.content) == before
    assert not run(options(WEB, address_sets=FIRST["address_sets"]), caller(host))["changed"]


def test_the_last_of_two_owners_puts_everything_back(host: Host) -> None:
    """Default actions have one owner, which gives them up for another to take; logging stays on while any owner audits."""
    with policy_file.edited(host.path) as content:
        for name in policy_file.PROFILES:
            content["profiles"][name]["inbound"] = 1  # allow
    start, call = host.content, caller(host)
    common = {"rules": [rule("m", ["5986"], ["10.9.0.0/24"])], "mode": "enforce"}
    one, two = ({**common, "owner": owner, "default_inbound": "block"} for owner in ("one", "two"))

    def defaults() -> list[int]:
        return [host.content["profiles"][name]["inbound"] for name in policy_file.PROFILES]

    assert run(one, call)["effective"]["in_force"]
    held = host.content
    with pytest.raises(Refused, match="the default actions of this host belong to the owner one"):
        run(two, call)
    assert policy_file.state(host.content) == policy_file.state(held)
    run({"state": "absent", "owner": "one"}, call)
    assert defaults() == [1] * 3 and run(two, call)["changed"] and defaults() == [0] * 3
    run({**common, "owner": "one", "mode": "audit"}, call)
    run({**common, "owner": "two", "mode": "audit"}, call)
    assert run({"state": "absent", "owner": "two", "allow_lockout": True}, call)["changed"]
    assert all(host.content["profiles"][name]["log_allowed"] for name in policy_file.PROFILES)
    run({"state": "absent", "owner": "one", "allow_lockout": True}, call)
    assert policy_file.state(host.content) == policy_file.state(start)


def test_a_name_in_another_case_is_another_rule(host: Host) -> None:
    wanted = options(rule("Web", ["443"]))
    run(wanted, caller(host))
    with policy_file.edited(host.path) as content:
        policy_file.own(content)[0]["name"] = "WEB"
    result = run(wanted, caller(host))
    assert (result["added"], result["removed"], result["warnings"]) == (["Web"], ["WEB"], [])
    assert [found["name"] for found in policy_file.own(host.content)] == ["Web"]
