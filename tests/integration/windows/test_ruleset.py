# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``win_firewall_ruleset`` on stand-in Windows hosts: real playbooks, what ansible-core sends, the executor that Windows would run."""

from __future__ import annotations

import copy
import json
import pathlib
import typing as t

import engines
import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, Refused, inspect, run

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule
from conftest import ROOT, Host, ansible_playbook
from playbook_runs import Place, Played

OURS = "portcullis:msports"
WEB = rule("in tcp/443 from clients", ["443"], ["@clients"], description="web (document, section 2, row 1)")
RPC = rule("in RPC from site server", ["RPC"], ["10.1.0.5"])
EPMAP = rule("in endpoint mapper", ["RPC-EPMap", "8443-8444"], ["10.1.0.5"], program="%SystemRoot%\\system32\\svchost.exe", service="RpcSs")
PING = rule("ping", remote=["10.0.0.0/8", "fd00::/8"], protocol="icmp_echo")
FIRST = options(WEB, RPC, EPMAP, PING, address_sets={"clients": ["10.20.0.0/16", "10.21.0.0/16", "192.0.2.7", "fd00:20::/48"]})


def module(name: str, **given_options: t.Any) -> Plain:
    return {"name": name, "portcullis.msports.win_firewall_ruleset": given_options}


def checked(task: Plain) -> Plain:
    return {**task, "name": f"{task['name']} (check)", "check_mode": True}


class Estate(Place):
    """A place with stand-in hosts whose stores lie in it, and a line for every call of a host."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder, ROOT / "tests" / "lab" / "collections")
        if engines.chosen().core is not None:  # it takes the payloads of some cores alone
            self.programs = ansible_playbook().parent

    def store(self, name: str, content: t.Optional[policy_file.Content] = None) -> pathlib.Path:
        return policy_file.write(self.folder / f"{name}.json", content or policy_file.fresh_server())

    def content(self, name: str) -> policy_file.Content:
        return policy_file.read(self.folder / f"{name}.json")

    def tasks(self, *tasks: Plain, hosts: t.Sequence[str] = ("w1",)) -> Played:
        """Run tasks on hosts. JSON is YAML; what looks like a template in it is one."""
        shared = {
            "ansible_connection": "portcullis.lab.windows_stand_in",
            "msports_stand_in_directory": str(self.folder),
            "msports_stand_in_calls": str(self.folder / "calls.jsonl"),
        }
        self.write("calls.jsonl", "")
        self.write("hosts.json", json.dumps({"all": {"hosts": dict.fromkeys(hosts, {}), "vars": shared}}))
        self.write("play.yml", json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return self.play("-i", "hosts.json", "play.yml", ANSIBLE_LOCALHOST_WARNING="false")

    def calls(self) -> list[Plain]:
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def estate(tmp_path: pathlib.Path) -> Estate:
    return Estate(tmp_path)


def warnings(result: Plain) -> list[str]:
    """The warnings of a result, without those by which the stand-in says that it is none of Windows."""
    return [text for text in result["warnings"] if "stand-in" not in text and "is only read" not in text]


def steady(result: Plain) -> Plain:
    """What check mode and a real run must have alike: all but whether it is in force, and what was called."""
    found = copy.deepcopy({key: value for key, value in result.items() if key not in ("calls", "check_mode", "invocation")})
    for part in (found["effective"], *found["effective"]["profiles"].values()):
        del part["in_force"]
    return found


CHANGED = options(
    {**WEB, "local_ports": ["443", "444"]},
    {**RPC, "action": "block", "remote_addresses": ["10.1.0.6"]},
    PING,
    rule("new", ["8530"], ["@clients"]),
    address_sets=FIRST["address_sets"],
)


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


# --- the executor without a playbook ---------------------------------------------------------------------------------


def caller(host: Host, between: t.Optional[t.Callable[[], None]] = None) -> t.Callable[[Plain], Plain]:
    """What an action gives ``run`` to call its host with; ``between`` happens when the host has been read."""

    def call(arguments: Plain) -> Plain:
        done = host(**arguments)
        if between and not arguments.get("operations"):
            between()
        return done

    return call


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


def test_a_name_in_another_case_is_another_rule(host: Host) -> None:
    wanted = options(rule("Web", ["443"]))
    run(wanted, caller(host))
    with policy_file.edited(host.path) as content:
        policy_file.own(content)[0]["name"] = "WEB"
    result = run(wanted, caller(host))
    assert (result["added"], result["removed"], result["warnings"]) == (["Web"], ["WEB"], [])
    assert [found["name"] for found in policy_file.own(host.content)] == ["Web"]


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
