# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``win_firewall_ruleset`` in real playbooks on stand-in Windows hosts: rules, modes and default actions come, change and go."""

from __future__ import annotations

import json

import policy_file

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import options, rule
from ruleset_cases import CHANGED, FIRST, WEB, Estate, checked, module, steady, warnings


def test_create_change_and_leave(estate: Estate) -> None:
    estate.store("w1", policy_file.fresh_server(remote_desktop=True, exchange=True))
    before = estate.content("w1")
    create, change = module("create", **FIRST), module("change", **CHANGED)
    info = {"name": "info", "portcullis.msports.win_firewall_ruleset_info": {}}
    leave = module("leave", state="absent")
    tasks = [checked(create), create, {**create, "name": "again"}, checked(change), change, info, checked(leave), leave, {**leave, "name": "leave again"}]
    played = estate.tasks(*tasks)
    assert played.code == 0, played.output
    results = played.by_task()

    for name in ("create", "change", "leave"):
        assert steady(results[f"{name} (check)"]) == steady(results[name])
        assert results[f"{name} (check)"]["calls"] == {"remote_calls": 1, "enumerations": 1, "commits": 0}
    created, changed = results["create"], results["change"]
    assert created["added"] == ["in RPC from site server", "in endpoint mapper", "in tcp/443 from clients", "ping (ICMPv4)", "ping (ICMPv6)"]
    assert created["calls"] == {"remote_calls": 2, "enumerations": 2, "commits": 5}
    assert warnings(created) == [] and created["effective"]["in_force"] and not created["effective"]["exact"]
    assert created["effective"]["guarded"] == ["10.1.1.20 port 5986 from 10.9.0.5 (established)"]
    groups = {item["group"] for item in created["effective"]["foreign_allows"]}
    assert groups >= {"Remote Desktop", "Microsoft Exchange", "Windows Remote Management", "the rule 'WinRM over HTTPS'", "mDNS"}
    assert (results["again"]["changed"], results["again"]["kept"]) == (False, 5)
    assert results["again"]["calls"] == {"remote_calls": 1, "enumerations": 1, "commits": 0}
    assert (changed["added"], changed["removed"], changed["kept"]) == (["new"], ["in endpoint mapper"], 2)
    assert changed["changed_rules"] == ["in RPC from site server", "in tcp/443 from clients"]
    # one added, one edited, one removed, one replaced: its old one is renamed first, because its name is there twice
    assert changed["calls"] == {"remote_calls": 2, "enumerations": 2, "commits": 6}
    assert results["info"]["lines"] == changed["diff"]["after"].splitlines()
    assert results["info"]["effective"] == changed["effective"]
    assert [call["what"] for call in estate.calls()] == ["exec_command"] * 12
    after = estate.content("w1")
    assert policy_file.state(after) == policy_file.state(before) and policy_file.foreign(after) == policy_file.foreign(before)
    assert results["leave again"]["changed"] is False


def test_the_store_holds_what_was_wanted(estate: Estate) -> None:
    estate.store("w1")
    played = estate.tasks(module("create", **FIRST))
    assert played.code == 0, played.output
    owned = {found["name"]: found for found in policy_file.own(estate.content("w1"))}
    web, mapper, ping = owned["in tcp/443 from clients"], owned["in endpoint mapper"], owned["ping (ICMPv6)"]
    assert (web["enabled"], web["direction"], web["action"], web["protocol"], web["profiles"], web["edge"]) == (True, 1, 1, 6, 0x7FFFFFFF, 0)
    assert (web["local_ports"], web["description"]) == ("443", "web (document, section 2, row 1)")
    assert web["remote_addresses"] == "10.20.0.0/15,192.0.2.7/32,fd00:20::/48"
    assert (mapper["local_ports"], mapper["service"]) == ("8443-8444,RPC-EPMap", "RpcSs")
    assert (ping["protocol"], ping["icmp"]) == (58, "128:*")


ODD_TEXTS = [
    "$(Get-Process) `whoami` ${x} %PATH% & calc; #",
    "'single' \"double\" \\back\\ /slash/ <xml> &amp;",
    "Gr\u00fc\u00dfe \u4e2d\u6587 \U0001f600 \u202e right to left",
    "{{ 7 * 7 }} {% if %} {# no #}",
    "a\tb\nc",
]


def test_hostile_texts_arrive_as_they_are(estate: Estate) -> None:
    names = ["$(x) %y% {{ z }}; & <a> #", "[a]*?~^!", "@x"[1:] + "plain, (text): 1/2"]
    rules = [rule(name, ["80"], description=text) for name, text in zip(names + ["d", "e"], ODD_TEXTS)]
    estate.write("rules.json", json.dumps(rules))
    estate.store("w1")
    read = "{{ lookup('ansible.builtin.file', '" + str(estate.folder / "rules.json") + "') | from_json }}"
    task = module("odd", rules=read)
    played = estate.tasks(task, {**task, "name": "again"})
    assert played.code == 0, played.output
    owned = {found["name"]: found["description"] for found in policy_file.own(estate.content("w1"))}
    assert owned == {made["name"]: " ".join(made["description"].split()) for made in rules}
    assert played.by_task()["again"]["changed"] is False and warnings(played.by_task()["again"]) == []


def test_a_thousand_rules(estate: Estate) -> None:
    estate.store("w1")
    many = options(
        *(rule(f"rule {number}", [str(1000 + number)], ["@peers"]) for number in range(1000)), address_sets={"peers": [f"10.0.{n}.0/25" for n in range(40)]}
    )
    task = module("many", **many)
    fewer = module("fewer", **{**many, "rules": many["rules"][:990]})
    results = estate.tasks(task, {**task, "name": "again"}, fewer).by_task()
    assert results["many"]["calls"] == {"remote_calls": 2, "enumerations": 2, "commits": 1000}
    assert results["again"]["calls"] == {"remote_calls": 1, "enumerations": 1, "commits": 0}
    assert results["fewer"]["calls"] == {"remote_calls": 2, "enumerations": 2, "commits": 10}
    assert [warnings(results[name]) for name in ("many", "again", "fewer")] == [[], [], []]
    assert estate.content("w1")["counters"]["enumerations"] == 5


def test_audit_and_default_actions_come_and_go(estate: Estate) -> None:
    estate.store("w1")
    before = estate.content("w1")
    block = rule("no", ["25"], action="block")
    steps = [
        module("audit", **options(WEB, block, address_sets=FIRST["address_sets"], mode="audit")),
        module("enforce", **options(WEB, block, address_sets=FIRST["address_sets"], default_outbound="block")),
        module("audit again", **options(WEB, block, address_sets=FIRST["address_sets"], default_outbound="block", mode="audit")),
        module("leave", state="absent"),
    ]
    profiles = []
    for step in steps:
        played = estate.tasks(checked(step), step, {**step, "name": "twice"})
        assert played.code == 0, played.output
        results = played.by_task()
        assert steady(results[checked(step)["name"]]) == steady(results[step["name"]])
        assert results["twice"]["changed"] is False
        content = estate.content("w1")
        profiles.append(
            (
                [(found["name"], found["enabled"]) for found in sorted(policy_file.own(content), key=lambda found: str(found["name"]))],
                [content["profiles"][name]["outbound"] for name in policy_file.PROFILES],
                [(content["profiles"][name]["log_allowed"], content["profiles"][name]["log_size"]) for name in policy_file.PROFILES],
            )
        )
    web = WEB["name"]
    assert profiles == [
        ([(web, True), ("no", False)], [1] * 3, [(True, 16384)] * 3),
        ([(web, True), ("no", True)], [0] * 3, [(False, 4096)] * 3),
        ([(web, True), ("no", False)], [0] * 3, [(True, 16384)] * 3),
        ([], [1] * 3, [(False, 4096)] * 3),
    ]
    assert policy_file.state(estate.content("w1")) == policy_file.state(before)
