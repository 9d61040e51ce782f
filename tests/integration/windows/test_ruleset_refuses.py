# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks with ``win_firewall_ruleset`` that fail: bad rules, lockouts, another system, and a commit that fails."""

from __future__ import annotations

import json

import policy_file

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import options, rule
from ruleset_cases import CHANGED, FIRST, RPC, Estate, module


def test_a_failure_in_the_middle_undoes_and_says_so(estate: Estate) -> None:
    estate.store("w1")
    estate.tasks(module("create", **FIRST))
    with policy_file.edited(estate.folder / "w1.json") as content:
        policy_file.switch(content, fail_commit_at=4)
    before = estate.content("w1")
    played = estate.tasks(module("change", **CHANGED))
    result = played.by_task()["change"]
    assert played.code != 0 and result["failed"] and not result["changed"]
    assert "failed: " in result["msg"] and "what was done before it is undone" in result["msg"]
    assert (result["undone"], result["remaining"], result["problems"]) == (True, [], [])
    assert policy_file.state(estate.content("w1")) == policy_file.state(before)
    with policy_file.edited(estate.folder / "w1.json") as content:
        policy_file.switch(content, fail_commit_at=0)
    assert estate.tasks(module("change", **CHANGED)).by_task()["change"]["changed"]


def test_the_guard_refuses_and_nothing_is_written(estate: Estate) -> None:
    lonely = policy_file.fresh_server()
    lonely["rules"] = [found for found in lonely["rules"] if found["name"] != "WinRM over HTTPS"]
    for name in ("w1", "w2"):
        estate.store(name, lonely)
    refused, allowed = module("refused", **options(RPC)), module("allowed", **options(RPC, rule("m", ["5986"], ["10.9.0.0/24"], program="System")))
    played = estate.tasks({**refused, "ignore_errors": True}, allowed, {**refused, "name": "refused again"}, hosts=["w1"])
    results = played.by_task()
    reason = (
        "profile domain: the present session from 10.9.0.5 to 10.1.1.20 port 5986: no rule admits it; add to the inventory: "
        "msports_management: {from: [10.9.0.5], services: [tcp/5986]}, and plan again"
    )
    for name in ("refused", "refused again"):
        assert results[name]["problems"] == [reason]
        assert results[name]["msg"].endswith(reason) and results[name]["msg"].startswith("these rules would lock out")
    assert results["allowed"]["changed"] and results["allowed"]["effective"]["in_force"]
    assert {found["name"] for found in policy_file.own(estate.content("w1"))} == {"in RPC from site server", "m"}


def test_every_bad_rule_is_told_before_the_host_is_called(estate: Estate) -> None:
    estate.store("w1")
    bad = options(rule("all", ["70000"]), rule("a|b"), rule("x", remote=["server.example.com"]), default_inbound="reject")
    result = estate.tasks(module("bad", **bad)).by_task()["bad"]
    assert [problem.split(":")[0] for problem in result["problems"]] == [
        "default_inbound",
        "rules[0].local_ports[0]",
        "rules[0].name",
        "rules[1].name",
        "rules[2].remote_addresses[0]",
    ]
    assert estate.calls() == []


def test_a_host_that_is_no_windows_is_told_so(estate: Estate) -> None:
    estate.write("hosts", "linux ansible_connection=local\n")
    estate.write("play.yml", json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [module("try", **options(RPC))]}]))
    result = estate.play("-i", "hosts", "play.yml").by_task()["try"]
    assert result["failed"] and result["msg"].startswith("this is for Windows hosts, and the connection to linux speaks to another shell; nothing was done.")


def test_a_session_on_another_port_is_guarded_when_the_port_is_told(estate: Estate) -> None:
    content = policy_file.fresh_server()
    content["sessions"] = [{**content["sessions"][0], "local_port": 8443}]
    estate.store("w1", content)
    blocking = rule("no web", ["80"], action="block")
    task = {**module("try", **options(blocking)), "ignore_errors": True}
    told = {**module("told", **options(RPC)), "vars": {"ansible_port": 8443}, "ignore_errors": True}
    results = estate.tasks(task, told).by_task()
    (problem,) = results["try"]["problems"]
    assert problem.startswith("no management session over the network was found on the host; set ansible_port"), results["try"]
    (problem,) = results["told"]["problems"]
    assert problem.startswith("profile domain: the present session from 10.9.0.5 to 10.1.1.20 port 8443: no rule admits it")
