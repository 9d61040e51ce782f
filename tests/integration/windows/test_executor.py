# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The executor on the host, by execution: what it reads, what it does, and that what it cannot finish it takes back."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import pathlib
import typing as t

import engine
import policy_file
import pytest
from conftest import Host, together
from policy_file import ICMP4, OUT, TCP, UDP, rule

OURS = "portcullis:msports"
FIELDS = [
    *("id", "name", "description", "enabled", "direction", "action", "protocol", "local_ports", "remote_ports", "local_addresses", "remote_addresses"),
    *("profiles", "program", "service", "interface_types", "interfaces", "icmp", "edge", "secure", "grouping", "users"),
]
SVCHOST = "%SystemRoot%\\system32\\svchost.exe"
SHARED = "Windows Remote Management (HTTP-In)"


def ours(name: str, **columns: t.Any) -> policy_file.Rule:
    return rule(name, grouping=OURS, **{"protocol": TCP, "local_ports": "443", **columns})


def estate(**switches: t.Any) -> policy_file.Content:
    """A server with rules of ours, among them twins, a disabled one, and names that others have, too."""
    content = policy_file.fresh_server(remote_desktop=True, exchange=True, **switches)
    policy_file.add(
        content,
        ours("web", remote_addresses="10.0.0.0/24,10.2.0.0/16,192.0.2.5/32", description="flow 1"),
        ours("rpc", local_ports="RPC", profiles=1),
        ours("twin"),
        ours("twin"),
        rule("twin", protocol=TCP, local_ports="443"),
        ours("off", enabled=False, protocol=UDP, local_ports="53,1000-2000"),
        ours(SHARED, local_ports="5985"),
        rule("WEB 2", protocol=TCP, local_ports="8080"),
        ours("web 2"),
        ours("ping", protocol=ICMP4, local_ports="*", icmp="8:*,3:4"),
        ours("bound", program="C:\\Windows\\system32\\svchost.exe", service="RpcSs", interfaces=["Ethernet 2"], edge=1),
    )
    content["memory"]["settings"] = '{"in": {}}'
    return content


@pytest.fixture
def full(make_host: t.Callable[..., Host]) -> Host:
    return make_host(estate())


def row_of(host: Host, name: str, number: int = 0, owner: str = "msports") -> dict[str, t.Any]:
    return [row for row in host.rows(owner) if row["name"] == name][number]


def named(content: policy_file.Content, name: str) -> list[policy_file.Rule]:
    return [one for one in content["rules"] if one["name"] == name]


def new(name: str, **columns: t.Any) -> dict[str, t.Any]:
    return {"kind": "add", "rule": {"name": name, "enabled": True, "protocol": TCP, "local_ports": "80", **columns}}


def edit(row: dict[str, t.Any], **columns: t.Any) -> dict[str, t.Any]:
    return {"kind": "edit", "id": row["id"], "name": row["name"], "set": columns}


def remove(row: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"kind": "remove", "id": row["id"], "name": row["name"]}


def policy(host: Host) -> policy_file.Content:
    return policy_file.state(host.content)


# -- reading


def test_a_read_tells_everything_in_one_enumeration_and_writes_nothing(full: Host) -> None:
    before = policy(full)
    result = full()
    state = result["state"]
    assert result["changed"] is False
    assert result["counts"] == {"enumerations": 1, "commits": 0}
    assert state["fields"] == FIELDS
    content = full.content
    assert (content["counters"]["enumerations"], content["counters"]["commits"], content["counters"]["lookups"]) == (1, 0, 0)
    assert policy(full) == before
    assert sorted(row[1] for row in state["rules"]) == sorted(one["name"] for one in policy_file.own(content))
    others = [one for one in content["rules"] if one["grouping"] != OURS]
    assert sorted(row[1] for row in state["others"]) == sorted(one["name"] for one in others if one["enabled"])
    assert state["others_disabled"] == len([one for one in others if not one["enabled"]])
    assert {(row[0], row[2]) for row in state["others"]} == {("", "")}
    assert state["active"] == ["domain"]
    assert state["modify_state"] == "ok"
    assert state["memory"] == '{"in": {}}'
    assert state["sessions"] == [{"peer": "10.9.0.5", "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986}]
    assert state["ssh_connection"] is None
    assert state["system"] == "10.0.20348.0"


def test_columns_have_the_types_of_com_and_null_is_an_empty_text(full: Host) -> None:
    row = row_of(full, "web")
    assert {name: row[name] for name in FIELDS if name != "id"} == {
        "name": "web",
        "description": "flow 1",
        "enabled": True,
        "direction": 1,
        "action": 1,
        "protocol": 6,
        "local_ports": "443",
        "remote_ports": "*",
        "local_addresses": "*",
        "remote_addresses": "192.0.2.5/255.255.255.255,10.2.0.0/255.255.0.0,10.0.0.0/255.255.255.0",
        "profiles": 0x7FFFFFFF,
        "program": "",
        "service": "",
        "interface_types": "All",
        "interfaces": [],
        "icmp": "",
        "edge": 0,
        "secure": 0,
        "grouping": OURS,
        "users": "",
    }
    assert row_of(full, "rpc")["local_ports"] == "RPC,"
    ping = row_of(full, "ping")
    assert (ping["icmp"], ping["local_ports"], ping["remote_ports"]) == ("8:*,3:4", "", "")
    bound = row_of(full, "bound")
    assert (bound["interfaces"], bound["service"], bound["edge"]) == (["Ethernet 2"], "RpcSs", 1)
    assert row_of(full, "off")["enabled"] is False


def test_users_are_all_that_bind_a_rule_to_somebody(make_host: t.Callable[..., Host]) -> None:
    content = policy_file.empty()
    bound = {"local_users": "D:(A;;CC;;;S-1-1)", "remote_users": "D:(A;;CC;;;S-1-2)", "remote_machines": "D:(A;;CC;;;S-1-3)", "local_user_owner": "S-1-4"}
    policy_file.add(content, rule("bound", protocol=TCP, secure=2, **bound), rule("app", app_package="S-1-15-2-1"))
    others = {row[1]: row[-1] for row in make_host(content)()["state"]["others"]}
    assert sorted(others["bound"].split("|")) == sorted(bound.values())
    assert others["app"] == "S-1-15-2-1"


def test_ids_are_the_same_in_every_order_and_twins_are_numbered(full: Host) -> None:
    first, second = ([dict(zip(FIELDS, row)) for row in full()["state"]["rules"]] for _again in range(2))
    assert [row["name"] for row in first] != [row["name"] for row in second], "the stand-in lists them otherwise each time"
    assert {row["id"] for row in first} == {row["id"] for row in second}
    assert len({row["id"] for row in first}) == len(first)
    twins = sorted(row["id"] for row in first if row["name"] == "twin")
    assert twins[1] == twins[0] + "#2"
    assert all(len(row["id"].split("#")[0]) == 16 for row in first)


@pytest.mark.parametrize("column", [name for name in policy_file.rule("x") if name not in ("key", "grouping", "app_package")])
def test_every_column_of_ours_is_in_the_id(column: str, make_host: t.Callable[..., Host]) -> None:
    other: dict[str, t.Any] = {
        "name": "B", "enabled": False, "direction": 2, "action": 0, "protocol": 17, "profiles": 1, "interfaces": ["Ethernet"], "edge": 1, "secure": 1,
        "local_ports": "81", "remote_ports": "81", "local_addresses": "10.0.0.0/8", "remote_addresses": "10.0.0.0/8", "icmp": "8:*", "interface_types": "Lan",
    }  # fmt: skip
    base: dict[str, t.Any] = {"protocol": ICMP4, "local_ports": "*"} if column == "icmp" else {}
    changed = {**ours("A", **base), column: other.get(column, "text")}
    content = policy_file.add(policy_file.empty(), ours("A", **base), changed)
    ids = [row[0] for row in make_host(content)()["state"]["rules"]]
    assert len({one.split("#")[0] for one in ids}) == 2


CHANGES: list[tuple[str, bool, t.Callable[[policy_file.Content], t.Any]]] = [
    ("a rule of ours", True, lambda content: policy_file.own(content)[0].update(enabled=False)),
    ("its description", True, lambda content: policy_file.own(content)[0].update(description="other")),
    ("one of ours is gone", True, lambda content: content["rules"].remove(policy_file.own(content)[2])),
    ("one more of ours", True, lambda content: policy_file.add(content, ours("more"))),
    ("a default action", True, lambda content: content["profiles"]["public"].update(outbound=0)),
    ("logging", True, lambda content: content["profiles"]["private"].update(log_allowed=True)),
    ("the size of the log", True, lambda content: content["profiles"]["private"].update(log_size=8192)),
    ("our memory", True, lambda content: content["memory"].update(settings="other")),
    ("no memory", True, lambda content: content["memory"].clear()),
    ("a rule of others", False, lambda content: policy_file.add(content, rule("theirs", protocol=TCP))),
    ("another value beside our memory", False, lambda content: content["memory"].update(other="x")),
    ("a session", False, lambda content: content["sessions"].clear()),
    ("another place in the store", False, lambda content: content["rules"].reverse()),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_the_digest_is_of_what_is_ours_alone(change: tuple[str, bool, t.Callable[[policy_file.Content], t.Any]], full: Host) -> None:
    _name, matters, act = change
    before = full()["state"]["digest"]
    with policy_file.edited(full.path) as content:
        act(content)
    assert (full()["state"]["digest"] != before) == matters


def test_group_policy_states_are_told_per_profile(make_host: t.Callable[..., Host]) -> None:
    content = policy_file.empty()
    content["active"] = policy_file.DOMAIN | policy_file.PUBLIC
    content["modify_state"] = 1
    content["profiles"]["domain"].update(local_rules=False, excluded_interfaces=["Ethernet 2", "ünï"])
    content["profiles"]["private"].update(enabled=False, inbound=1, outbound=0)
    content["profiles"]["public"].update(block_all=True, log_allowed=True, log_path="D:\\fw.log", log_size=16384)
    content["environment"]["SSH_CONNECTION"] = "10.9.0.5 50000 10.1.1.20 22"
    host = make_host(content)
    state = host()["state"]
    assert state["active"] == ["domain", "public"]
    assert state["modify_state"] == "gp_override"
    assert state["ssh_connection"] == "10.9.0.5 50000 10.1.1.20 22"
    domain, private, public = (state["profiles"][name] for name in policy_file.PROFILES)
    assert (domain["enabled"], domain["inbound"], domain["outbound"], domain["block_all"], domain["local_rules"]) == (True, "block", "allow", False, False)
    assert domain["excluded_interfaces"] == ["Ethernet 2", "ünï"]
    assert (private["enabled"], private["inbound"], private["outbound"], private["local_rules"]) == (False, "allow", "block", True)
    assert private["excluded_interfaces"] == []
    assert (public["block_all"], public["log_allowed"], public["log_path"], public["log_size"]) == (True, True, "D:\\fw.log", 16384)
    with policy_file.edited(host.path) as content:
        content["modify_state"] = 2
    assert host()["state"]["modify_state"] == "inbound_blocked"


def test_every_state_of_group_policy_is_told(make_host: t.Callable[..., Host]) -> None:
    """A naive executor goes wrong under each of them, as test_stand_in.py shows; this one tells the controller of each."""
    hosts = [make_host(policy_file.empty(), "none"), *(make_host(policy_file.set_state(policy_file.empty(), name), name) for name in policy_file.STATES)]
    states = [host()["state"] for host in hosts]
    assert len({json.dumps(state, sort_keys=True) for state in states}) == len(states)


def test_an_enumeration_that_fails_is_told_and_nothing_is_taken_for_the_whole(full: Host) -> None:
    full.switch(enumeration_fails_at=10)
    result = full()
    assert result["failed"] is True and "state" not in result
    assert "nothing was changed" in result["msg"]


def test_one_rule_that_cannot_be_read_hides_no_other(full: Host) -> None:
    everything = len(full()["state"]["others"])
    full.switch(unreadable_rule="WinRM over HTTPS")
    state = full()["state"]
    assert len(state["others"]) == everything - 1
    assert len(state["unreadable"]) == 1


# -- doing


def test_what_is_added_is_what_is_read(full: Host) -> None:
    rules = [
        new("plain"),
        new("block", action=0, description="why", profiles=3, remote_addresses="10.0.0.0/24,10.0.1.7,fd00::/8,10.3.0.1-10.3.0.9"),
        new("out", direction=OUT, local_ports="", remote_ports="80,443,8000-8080", local_addresses="10.1.1.20"),
        new("keywords", local_ports="RPC", service="RpcSs", program=SVCHOST, edge=2, interfaces=["Ethernet 2", "ünï"]),
        new("echo", protocol=ICMP4, local_ports="", icmp="8:*"),
        new("any", protocol=256, local_ports="", interface_types="Lan,Wireless", secure=2),
        new("sleeping", enabled=False),
    ]
    foreign = policy_file.foreign(full.content)
    result = full(rules)
    assert result["changed"] is True
    assert result["counts"] == {"enumerations": 1, "commits": len(rules)}
    assert policy_file.foreign(full.content) == foreign
    read = {row["name"]: row for row in full.rows()}
    for row in (dict(zip(FIELDS, row)) for row in result["written"]):
        assert {**read[row["name"]], "id": ""} == {**row, "id": ""}
    assert len(result["written"]) == len(rules)
    kept = {one["name"]: one for one in policy_file.own(full.content)}
    assert kept["block"]["remote_addresses"] == "10.0.0.0/24,10.0.1.7/32,10.3.0.1-10.3.0.9,fd00::/8"
    assert (kept["block"]["action"], kept["block"]["profiles"], kept["block"]["description"]) == (0, 3, "why")
    assert (kept["out"]["direction"], kept["out"]["remote_ports"], kept["out"]["local_ports"]) == (2, "80,443,8000-8080", "*")
    assert (kept["keywords"]["local_ports"], kept["keywords"]["program"]) == ("RPC", "C:\\Windows\\system32\\svchost.exe")
    assert (kept["keywords"]["edge"], kept["keywords"]["interfaces"]) == (2, ["Ethernet 2", "ünï"])
    assert (kept["echo"]["icmp"], kept["any"]["protocol"], kept["any"]["secure"]) == ("8:*", 256, 2)
    assert (kept["plain"]["enabled"], kept["sleeping"]["enabled"]) == (True, False)
    assert {kept[one["rule"]["name"]]["grouping"] for one in rules} == {OURS}


EDITS: list[tuple[str, dict[str, t.Any], dict[str, t.Any]]] = [
    ("web", {"enabled": False}, {"enabled": False}),
    ("web", {"description": ""}, {"description": None}),
    ("web", {"description": "new"}, {"description": "new"}),
    ("web", {"remote_addresses": "10.9.0.0/24"}, {"remote_addresses": "10.9.0.0/24"}),
    ("web", {"remote_addresses": ""}, {"remote_addresses": "*"}),
    ("web", {"local_ports": "444,RPC"}, {"local_ports": "444,RPC"}),
    ("web", {"action": 0}, {"action": 0}),
    ("web", {"profiles": 1}, {"profiles": 1}),
    ("web", {"protocol": 17}, {"protocol": 17}),
    ("web", {"name": "web three"}, {"name": "web three"}),
    ("bound", {"program": "", "service": ""}, {"program": None, "service": None}),
    ("bound", {"interfaces": []}, {"interfaces": None}),
    ("bound", {"edge": 0}, {"edge": 0}),
    ("bound", {"edge": 0, "direction": 2}, {"edge": 0, "direction": 2}),
    ("web", {"protocol": 1, "icmp": "8:*", "local_ports": ""}, {"protocol": 1, "icmp": "8:*", "local_ports": "*"}),
    ("ping", {"local_ports": "80", "protocol": 6, "icmp": ""}, {"protocol": 6, "icmp": "*", "local_ports": "80"}),
]


@pytest.mark.parametrize("case", EDITS, ids=lambda case: f"{case[0]}-{json.dumps(case[1])}")
def test_an_edit_changes_what_it_says_and_nothing_else(case: tuple[str, dict[str, t.Any], dict[str, t.Any]], full: Host) -> None:
    name, columns, expected = case
    before = full.content
    row = row_of(full, name)
    result = full([edit(row, **columns)])
    assert not result.get("failed"), result["msg"]
    after = full.content
    assert result["counts"]["commits"] == after["counters"]["commits"] == len(columns)
    wanted = copy.deepcopy(before)
    named(wanted, name)[0].update(expected)
    assert after["rules"] == wanted["rules"]
    (written,) = result["written"]
    assert dict(zip(FIELDS, written))["name"] == expected.get("name", name)


@pytest.mark.parametrize("takes", ["first", "last", "all"])
@pytest.mark.parametrize("live", [True, False])
def test_exactly_the_rule_that_is_meant_goes(takes: str, live: bool, full: Host) -> None:
    full.switch(remove_takes=takes, item_takes="last" if takes == "first" else "first", added_object_is_live=live)
    before = full.content
    doomed = [row_of(full, "web"), row_of(full, "twin", 1), row_of(full, SHARED), row_of(full, "web 2")]
    result = full([remove(row) for row in doomed])
    assert not result.get("failed"), result["msg"]
    after = full.content
    # two for each name that others have, too (names are compared without regard to case), one for the name that is unique
    assert result["counts"]["commits"] == after["counters"]["commits"] == 7
    assert policy_file.foreign(after) == policy_file.foreign(before)
    left = sorted(one["name"] for one in policy_file.own(before))
    for row in doomed:
        left.remove(row["name"])
    assert sorted(one["name"] for one in policy_file.own(after)) == left


def test_a_name_that_becomes_shared_within_the_call_is_not_removed_by_name(full: Host) -> None:
    result = full([new("web", local_ports="8443"), remove(row_of(full, "web"))])
    assert not result.get("failed"), result["msg"]
    (left,) = named(full.content, "web")
    assert left["local_ports"] == "8443"


def test_twins_can_both_go_and_theirs_stays(full: Host) -> None:
    rows = [row for row in full.rows() if row["name"] == "twin"]
    assert not full([remove(row) for row in rows]).get("failed")
    (left,) = named(full.content, "twin")
    assert left["grouping"] is None


def test_default_actions_logging_and_memory(full: Host) -> None:
    operations = [
        {"kind": "memory", "value": "kept"},
        {"kind": "default_action", "profile": "domain", "direction": "in", "action": "allow"},
        {"kind": "default_action", "profile": "public", "direction": "out", "action": "block"},
        {"kind": "logging", "profile": "private", "allowed": True, "path": "D:\\logs\\fw.log", "size": 16384},
    ]
    result = full(operations)
    assert result["counts"]["commits"] == 3
    profiles = full.content["profiles"]
    assert [(profiles[name]["inbound"], profiles[name]["outbound"]) for name in policy_file.PROFILES] == [(1, 1), (0, 1), (0, 0)]
    private = profiles["private"]
    assert (private["log_allowed"], private["log_path"], private["log_size"]) == (True, "D:\\logs\\fw.log", 16384)
    assert [profiles[name]["log_allowed"] for name in ("domain", "public")] == [False, False]
    assert full()["state"]["memory"] == full.content["memory"]["settings"] == "kept"
    full([{"kind": "memory", "value": None}])
    assert full()["state"]["memory"] is None
    assert full.content["memory"] == {}


def test_the_profiles_after_a_write_are_read_and_not_repeated(full: Host) -> None:
    """Group policy keeps its value: what was written is not what is in force. Where no setting is written, nothing is told."""
    operation = {"kind": "default_action", "profile": "public", "direction": "out", "action": "block"}
    log = {"kind": "logging", "profile": "private", "allowed": True, "path": "D:\\fw.log", "size": 16384}
    assert "profiles" not in full([new("x")])
    assert "profiles" not in full([{"kind": "memory", "value": "x"}])
    for written, expected in ((operation, ("block", False)), (log, ("block", True))):
        result = full([written])
        assert result["counts"] == {"enumerations": 1, "commits": 1}
        assert result["profiles"] == full()["state"]["profiles"]
        assert (result["profiles"]["public"]["outbound"], result["profiles"]["private"]["log_allowed"]) == expected


def test_the_memory_is_one_for_all_owners(full: Host) -> None:
    full([{"kind": "memory", "value": "of one"}], owner="one")
    assert full.content["memory"] == {"settings": "of one"}
    before = full(owner="two")["state"]
    assert before["memory"] == full()["state"]["memory"] == "of one"
    full([{"kind": "memory", "value": "of both"}], owner="one")
    late = full([{"kind": "memory", "value": "lost"}], expected=before["digest"], owner="two")
    assert late["failed"] is True and "changed in between" in late["msg"]
    assert full.content["memory"] == {"settings": "of both"}


def test_further_ports_of_management(full: Host) -> None:
    with policy_file.edited(full.path) as content:
        for port in (22, 443, 5985, 2222, 5987):
            content["sessions"].append({"peer": "10.9.0.6", "peer_port": 50000, "local": "10.1.1.20", "local_port": port})
    sessions = [full(**more)["state"]["sessions"] for more in ({}, {"ports": []}, {"ports": [2222, 5987]})]
    assert [sorted(session["local_port"] for session in found) for found in sessions] == [[22, 5985, 5986]] * 2 + [[22, 2222, 5985, 5986, 5987]]
    assert full(ports=["ssh"])["failed"] is True


def test_the_folder_of_the_system_is_told(make_host: t.Callable[..., Host]) -> None:
    content = policy_file.empty()
    content["system_root"] = "D:\\WINNT"
    host = make_host(content)
    assert host()["state"]["system_root"] == "D:\\WINNT"
    host([new("x", program=SVCHOST)])
    assert row_of(host, "x")["program"] == "D:\\WINNT\\system32\\svchost.exe"


def test_logging_that_group_policy_gives_is_told_and_left_alone(full: Host) -> None:
    with policy_file.edited(full.path) as content:
        content["profiles"]["private"]["log_policy"] = True
    before = policy(full)
    result = full([new("x"), {"kind": "logging", "profile": "private", "allowed": True, "path": "D:\\fw.log", "size": 16384}])
    assert result["failed"] is True and "group policy" in result["msg"]
    assert policy(full) == before


def test_owners_do_not_see_each_other(full: Host) -> None:
    full([new("other's")], owner="other")
    assert [row["name"] for row in full.rows("other")] == ["other's"]
    assert "other's" in [row[1] for row in full()["state"]["others"]]
    result = full([remove(row_of(full, "other's", owner="other"))])
    assert result["failed"] is True
    assert named(full.content, "other's")


def test_whole_numbers_of_powershell_7(full: Host) -> None:
    result = full([new("wide", profiles=3, edge=1)], wide=True)
    assert not result.get("failed"), result
    assert (named(full.content, "wide")[0]["profiles"], named(full.content, "wide")[0]["edge"]) == (3, 1)


STRINGS = [
    "ünï€ \U0001f600 \u202eabc",
    "\"quoted\" 'single' \u2018curly\u2019 `tick`",
    "$(Remove-Item C:\\) $env:PATH ${x} @{a=1} ; & exit",
    "%SystemRoot% %1 ^& <a> {0} {1:x}",
    "line\nline\r\nline\ttab",
    "  spaces around  ",
    "@FirewallAPI.dll,-1",
    "portcullis:msports",
    "x" * 10_000,
]


def test_hostile_texts_are_kept_as_they_are(full: Host) -> None:
    rules = [new(text, description=text, program=f"C:\\{text[:200]}.exe", service=text[:200]) for text in STRINGS]
    result = full(rules)
    assert not result.get("failed"), result["msg"]
    for text in STRINGS:
        (kept,) = named(full.content, text)
        assert (kept["description"], kept["program"], kept["service"]) == (text, f"C:\\{text[:200]}.exe", text[:200])
    rows = {row["name"]: row for row in full.rows()}
    assert not full([edit(rows[text], description=text[::-1]) for text in STRINGS[:-1]]).get("failed")
    assert not full([remove(row) for row in full.rows() if row["name"] in STRINGS]).get("failed")
    assert not [one for one in policy_file.own(full.content) if one["name"] in STRINGS]


def test_a_thousand_rules_in_one_call(full: Host) -> None:
    before = policy(full)
    foreign = policy_file.foreign(full.content)
    result = full([new(f"rule {number}", local_ports=str(1 + number), remote_addresses=f"10.{number % 250}.0.0/16") for number in range(1000)])
    assert result["counts"] == {"enumerations": 1, "commits": 1000}
    rows = [row for row in full.rows() if row["name"].startswith("rule ")]
    assert len(rows) == 1000
    mixed = [edit(row, description="edited") for row in rows[:300]] + [remove(row) for row in rows[300:]]
    result = full(mixed)
    assert result["counts"] == {"enumerations": 1, "commits": 1000}
    assert not full([remove(row) for row in full.rows() if row["name"].startswith("rule ")]).get("failed")
    assert policy(full) == before
    assert policy_file.foreign(full.content) == foreign


# -- refusing


def test_a_change_in_between_is_refused_and_nothing_is_done(full: Host) -> None:
    digest = full()["state"]["digest"]
    with policy_file.edited(full.path) as content:
        policy_file.own(content)[0]["enabled"] = False
    before = policy(full)
    result = full([new("late")], expected=digest)
    assert result["failed"] is True
    assert "changed in between" in result["msg"] and "nothing was changed" in result["msg"]
    assert result["counts"]["commits"] == full.content["counters"]["commits"] == 0
    assert policy(full) == before


def test_a_change_of_others_in_between_is_no_hindrance(full: Host) -> None:
    digest = full()["state"]["digest"]
    with policy_file.edited(full.path) as content:
        policy_file.add(content, rule("theirs", protocol=TCP, local_ports="25"))
    assert not full([new("late")], expected=digest).get("failed")


def test_operations_need_what_they_were_planned_from(full: Host) -> None:
    result = full([new("x")], expected="")
    assert result["failed"] is True and "expected" in result["msg"]


def test_check_mode_takes_no_operations(full: Host) -> None:
    before = policy(full)
    result = full([new("x")], _ansible_check_mode=True)
    assert result["failed"] is True and "check mode" in result["msg"]
    assert full(_ansible_check_mode=True)["counts"] == {"enumerations": 1, "commits": 0}
    assert policy(full) == before


EXECUTOR = "ansible_collections.portcullis.msports.plugins.module_utils._FirewallExecutor.cs"


@pytest.mark.parametrize("silent", [True, False], ids=["as it is", "without no_log"])
def test_no_parameter_gets_into_the_event_log(silent: bool, full: Host, tmp_path: pathlib.Path) -> None:
    """Mono keeps an event log in files, and Ansible.Basic writes to it: all parameters, unless the whole spec is marked no_log."""
    log = tmp_path / "log"
    call = full.call(owner="msports", operations=[new("hidden in the log")], expected=full.known()["digest"])
    code = call.csharp[EXECUTOR]
    assert code.count('{ "no_log", true }') == 1
    csharp = call.csharp if silent else {**call.csharp, EXECUTOR: code.replace('{ "no_log", true }', '{ "no_log", false }')}
    environment = {**call.environment, "MONO_EVENTLOG_TYPE": f"local:{log}"}
    done = engine.run(dataclasses.replace(call, csharp=csharp, environment=environment), full.path)
    assert done.code == 0 and named(full.content, "hidden in the log")
    logged = "".join(path.read_text(encoding="utf-8") for path in log.rglob("*") if path.is_file()) if log.exists() else ""
    assert ("hidden in the log" in logged) == (not silent)
    assert silent == (not logged)


@pytest.mark.parametrize("owner", ["", "Upper", "a|b", "portcullis:x", "x" * 60, "a b", "@x"])
def test_an_owner_that_is_none_is_refused(owner: str, full: Host) -> None:
    assert full(owner=owner)["failed"] is True


def test_all_bad_operations_are_named_at_once_before_anything_is_done(full: Host) -> None:
    before = policy(full)
    web = row_of(full, "web")
    operations = [
        new("good"),
        new("no column", colour="red"),
        {"kind": "add", "rule": {"name": "no enabled"}},
        {"kind": "add", "rule": {"enabled": True}},
        {"kind": "add"},
        new("grouped", grouping="portcullis:other"),
        new("users", users="S-1-1"),
        new("type", protocol="tcp"),
        {"kind": "remove", "id": "0123456789abcdef", "name": "nobody"},
        {**remove(web), "name": "another name"},
        remove(web),
        edit(web, description="already gone"),
        {"kind": "edit", "id": web["id"], "name": "web"},
        {"kind": "default_action", "profile": "domain"},
        {"kind": "logging", "profile": "domain", "allowed": True},
        {"kind": "logging", "profile": "domain", "allowed": True, "path": 'D:\\"x', "size": 40_000},
    ]
    result = full(operations)
    assert result["failed"] is True
    assert "nothing was changed" in result["msg"]
    good = {0, 10}
    told = {number for number in range(len(operations)) if any(problem.startswith(f"operation {number} ") for problem in result["problems"])}
    assert told == set(range(len(operations))) - good
    assert result["counts"]["commits"] == full.content["counters"]["commits"] == 0
    assert policy(full) == before


def test_a_rule_of_others_cannot_be_named(full: Host) -> None:
    content = full.content
    foreign = next(one for one in content["rules"] if one["name"] == "WinRM over HTTPS")
    # the id that it would have if it were ours
    with policy_file.edited(full.path) as edited:
        next(one for one in edited["rules"] if one["key"] == foreign["key"])["grouping"] = OURS
    row = row_of(full, "WinRM over HTTPS")
    policy_file.write(full.path, content)
    for operation in (remove(row), edit(row, enabled=False)):
        assert full([operation])["failed"] is True
    assert policy(full) == policy_file.state(content)


# -- taking back


def everything(host: Host) -> list[dict[str, t.Any]]:
    """Operations of every kind, on names of every kind."""
    rows = {row["name"]: row for row in host.rows()}
    twin = row_of(host, "twin", 1)
    return [
        {"kind": "memory", "value": "more"},
        new("added"),
        new("added", local_ports="81", action=0),
        new("web", local_ports="8443", remote_addresses="10.0.0.0/8"),
        new("icmp", protocol=ICMP4, local_ports="", icmp="8:*"),
        new("twin", remote_addresses="10.0.0.0/24,10.0.1.7", local_ports="443,80", profiles=7),
        new(SHARED, program=SVCHOST, interfaces=["Ethernet 2"]),
        edit(rows["web"], remote_addresses="10.7.0.0/16", description="other"),
        edit(rows["bound"], program="", service="", enabled=False),
        edit(rows["ping"], protocol=6, icmp="", local_ports="80"),
        edit(rows["off"], name="renamed"),
        {"kind": "default_action", "profile": "domain", "direction": "in", "action": "allow"},
        {"kind": "default_action", "profile": "public", "direction": "out", "action": "block"},
        {"kind": "logging", "profile": "private", "allowed": True, "path": "D:\\fw.log", "size": 16384},
        remove(rows["rpc"]),
        remove(twin),
        remove(rows[SHARED]),
        remove(rows["web 2"]),
        {"kind": "memory", "value": None},
    ]


COMMITS = 6 + 2 + 3 + 3 + 1 + 2 + 1 + (1 + 2 + 2 + 2)


class Attempt(t.NamedTuple):
    commit: int
    result: dict[str, t.Any]
    content: policy_file.Content


def attempts(make_host: t.Callable[..., Host], failure: str, **switches: t.Any) -> tuple[policy_file.Content, list[Attempt]]:
    """The whole list of operations once for every commit, which fails; the store before, and what came of each."""
    first = make_host(estate(**switches), "first")
    operations, digest = everything(first), first.known()["digest"]

    hosts = [make_host(estate(**{**switches, failure: commit}), f"{failure}-{commit}") for commit in range(1, COMMITS + 1)]
    results = together(hosts, operations, digest)
    return first.content, [Attempt(commit, result, host.content) for commit, (host, result) in enumerate(zip(hosts, results), 1)]


def test_the_operations_of_these_tests_succeed_when_nothing_fails(full: Host) -> None:
    foreign = policy_file.foreign(full.content)
    result = full(everything(full))
    assert not result.get("failed"), result["msg"]
    assert result["counts"]["commits"] == full.content["counters"]["commits"] == COMMITS
    assert policy_file.foreign(full.content) == foreign
    assert full.content["memory"] == {}


WORLDS: list[dict[str, t.Any]] = [
    {},
    {"failed_commit_took_effect": True},
    {"added_object_is_live": False, "remove_takes": "last", "item_takes": "last"},
    {"failed_commit_took_effect": True, "added_object_is_live": False, "remove_takes": "all", "enumeration_order": "reversed"},
    {"detached_as_put": False},
    {"failed_commit_took_effect": True, "detached_as_put": False, "added_object_is_live": False},
]


def told(world: dict[str, t.Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in world.items()) or "as windows"


@pytest.mark.parametrize("world", WORLDS, ids=told)
def test_a_failure_at_every_commit_is_taken_back_wholly(world: dict[str, t.Any], make_host: t.Callable[..., Host]) -> None:
    before, tried = attempts(make_host, "fail_commit_at", **world)
    assert len(tried) == COMMITS
    for attempt in tried:
        result = attempt.result
        assert result["failed"] is True, attempt.commit
        assert (result["undone"], result["remaining"]) == (True, []), (attempt.commit, result["msg"])
        assert policy_file.state(attempt.content) == policy_file.state(before), (attempt.commit, result["msg"])
        assert policy_file.foreign(attempt.content) == policy_file.foreign(before), attempt.commit
        assert result["counts"]["commits"] == attempt.content["counters"]["commits"] - (1 if world.get("failed_commit_took_effect") else 0)
        assert result["failed_at"] == result["done"] < 19
    places = [attempt.result["failed_at"] for attempt in tried]
    assert places == sorted(places)
    assert set(places) == set(range(1, 18)), "every operation with a commit failed once; memory has none"


@pytest.mark.parametrize("world", WORLDS[:3], ids=told)
def test_what_cannot_be_taken_back_is_told(world: dict[str, t.Any], make_host: t.Callable[..., Host]) -> None:
    before, tried = attempts(make_host, "fail_commits_from", **world)
    for attempt in tried:
        result = attempt.result
        same = policy_file.state(attempt.content) == policy_file.state(before)
        assert result["failed"] is True
        assert result["undone"] == same == (not result["remaining"]), (attempt.commit, result["msg"])
        assert policy_file.foreign(attempt.content) == policy_file.foreign(before), attempt.commit
        for text in result["remaining"]:
            assert text in result["msg"]
    if world.get("failed_commit_took_effect"):
        assert all(attempt.result["undone"] for attempt in tried), "what takes effect in spite of its failure takes it back, too"
        return
    assert [attempt.result["undone"] for attempt in tried].count(True) < 3, "with the first commits there is nothing to take back"
    assert len(tried[-1].result["remaining"]) > 10


#: What may make a rule read otherwise when it is put back: its prefix has host bits, and Windows takes them away.
DRIFTING = "10.0.0.7/24"


def drifting(make_host: t.Callable[..., Host], *operations: t.Callable[[Host], dict[str, t.Any]], **switches: t.Any) -> tuple[policy_file.Content, Host, t.Any]:
    """A store with one more rule of ours, ``drifts``, the operations on it, and a last one that fails: the store before, and what came of it."""
    content = policy_file.add(estate(host_bits="mask", **switches), ours("drifts", remote_addresses=DRIFTING))
    host = make_host(content)
    result = host([*(operation(host) for operation in operations), new("a|b")])
    assert (result["failed"], result["done"], result["changed"]) == (True, len(operations), not result["undone"])
    return content, host, result


def test_an_edit_that_reads_otherwise_when_it_is_put_back_is_told(make_host: t.Callable[..., Host]) -> None:
    before, host, result = drifting(make_host, lambda host: edit(row_of(host, "drifts"), remote_addresses="10.9.0.0/16", description="x"))
    assert result["undone"] is False
    assert any("remote_addresses" in text and "does not read as before" in text for text in result["remaining"])
    assert any('the rule "drifts"' in text for text in result["remaining"])
    assert [one["remote_addresses"] for one in named(host.content, "drifts")] == ["10.0.0.0/24"]
    assert policy_file.foreign(host.content) == policy_file.foreign(before)


@pytest.mark.parametrize("lost", [False, True])
def test_a_removed_rule_that_reads_otherwise_when_it_is_added_again_is_told(lost: bool, make_host: t.Callable[..., Host]) -> None:
    switches = {"failed_commit_took_effect": True, "fail_commit_at": 2} if lost else {}
    before, host, result = drifting(make_host, lambda host: remove(row_of(host, "drifts")), **switches)
    assert result["undone"] is False
    assert sorted(text.split(":")[0] for text in result["remaining"]) == [
        'the rule "drifts" is not there as it was',
        'the rule "drifts" was not there before, or not like this',
    ]
    assert [one["remote_addresses"] for one in named(host.content, "drifts")] == ["10.0.0.0/24"], "once, also when the answer was lost"
    assert policy_file.foreign(host.content) == policy_file.foreign(before)


@pytest.mark.parametrize("live", [True, False])
def test_in_doubt_no_rule_is_removed_and_it_is_told(live: bool, make_host: t.Callable[..., Host]) -> None:
    """An added rule and one that could not be put back, both of one name: which is which is known by the object that was added, or not at all."""
    added, edited = new("drifts", remote_addresses="10.5.0.0/16"), {"remote_addresses": "10.9.0.0/16"}
    _before, host, result = drifting(make_host, lambda _host: added, lambda host: edit(row_of(host, "drifts"), **edited), added_object_is_live=live)
    assert result["undone"] is False and result["remaining"]
    left = sorted(one["remote_addresses"] for one in named(host.content, "drifts"))
    assert left == (["10.0.0.0/24"] if live else ["10.0.0.0/24", "10.5.0.0/16"])
    assert len([text for text in result["remaining"] if "was not there before" in text]) == len(left)


def test_rules_that_cannot_be_looked_at_are_not_taken_for_back(make_host: t.Callable[..., Host]) -> None:
    """The first of the rules that were added cannot be read any more: it is told, not believed to be gone."""
    host = make_host(estate(added_object_is_live=False, unreadable_rule="hidden"))
    result = host([new("hidden"), new("seen"), new("a|b")])
    assert (result["failed"], result["undone"]) == (True, False)
    assert result["remaining"] == ["there are rules that cannot be read, more than before"]
    assert [len(named(host.content, name)) for name in ("hidden", "seen")] == [1, 0]


def test_a_registry_that_is_denied_takes_everything_back(make_host: t.Callable[..., Host]) -> None:
    host = make_host(estate())
    operations = [operation for operation in everything(host) if operation["kind"] != "memory"] + [{"kind": "memory", "value": "x"}]
    digest = host()["state"]["digest"]
    host.switch(fail_memory=True)
    before = policy(host)
    result = host(operations, expected=digest)
    assert (result["failed"], result["undone"], result["done"]) == (True, True, len(operations) - 1)
    assert policy(host) == before


REFUSED: list[dict[str, t.Any]] = [
    {"remote_addresses": "0.0.0.0/0"},
    {"remote_addresses": "10.0.0.7/24"},
    {"remote_addresses": ",".join(f"10.0.{number // 250}.{number % 250 + 1}" for number in range(1001))},
    {"remote_addresses": "::1"},
    {"local_ports": "RPCEPMap"},
    {"local_ports": "80-79"},
    {"protocol": 256},
    {"direction": OUT, "edge": 1},
    {"description": "a|b"},
    {"name": "a|b"},
    {"name": "All"},
    {"name": "x" * 10_001},
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: json.dumps(bad)[:40])
def test_a_value_that_windows_refuses_takes_everything_back(bad: dict[str, t.Any], full: Host) -> None:
    before = policy(full)
    result = full([new("first"), new(**{"name": "second", **bad}), new("third")])
    assert (result["failed"], result["undone"], result["done"], result["failed_at"]) == (True, True, 1, 1)
    assert f'add "{bad.get("name", "second")}'[:100] in result["msg"]
    assert policy(full) == before


def test_a_process_that_dies_in_the_middle_leaves_rules_that_the_next_call_sees(make_host: t.Callable[..., Host]) -> None:
    host = make_host(estate(die_after_commits=3))
    operations, digest = everything(host), host.known()["digest"]
    with pytest.raises(json.JSONDecodeError):
        host(operations, expected=digest)
    host.switch(die_after_commits=0)
    assert host.content["counters"]["commits"] == 3
    assert host()["state"]["digest"] != digest
    assert [row["name"] for row in host.rows()].count("added") == 2
    assert "changed in between" in host(operations, expected=digest)["msg"]


def test_nothing_but_what_was_asked_for_is_in_the_journal(full: Host) -> None:
    full([new("one"), edit(row_of(full, "web"), description="x"), remove(row_of(full, "rpc"))])
    entries = [(entry["what"], entry["name"], entry["property"]) for entry in full.content["journal"]]
    assert entries == [("add", "one", None), ("put", "web", "description"), ("remove", "rpc", None)]


def test_an_unreadable_rule_of_others_is_no_hindrance_for_operations(full: Host) -> None:
    full.switch(unreadable_rule="WinRM over HTTPS")
    foreign = policy_file.foreign(full.content)
    assert not full([new("one"), remove(row_of(full, "twin", 1))]).get("failed")
    assert policy_file.foreign(full.content) == foreign


def test_where_a_name_cannot_be_read_no_name_is_known_to_be_unique(full: Host) -> None:
    row = row_of(full, "rpc")
    full.switch(unreadable_rule="WinRM over HTTPS")
    assert full([remove(row)])["counts"]["commits"] == 2
    assert not named(full.content, "rpc")


def test_a_rule_of_an_app_in_our_group_is_not_ours_to_remove(make_host: t.Callable[..., Host]) -> None:
    host = make_host(policy_file.add(policy_file.empty(), ours("app", app_package="S-1-15-2-1"), ours("plain")))
    state = host()["state"]
    assert [row[1] for row in state["rules"]] == ["plain"]
    assert [row[1] for row in state["others"]] == ["app"]


def test_one_rule_is_touched_once_in_a_call(full: Host) -> None:
    before = policy(full)
    web = row_of(full, "web")
    for operations in ([edit(web, description="x"), remove(web)], [remove(web), edit(web, description="x")], [remove(web), remove(web)]):
        result = full(operations)
        assert result["failed"] is True and len(result["problems"]) == 1, result
    assert policy(full) == before


def test_names_are_told_apart_in_every_order_of_the_operations(make_host: t.Callable[..., Host]) -> None:
    """Rules of one name: adding, renaming and removing them in one call, in any order, hits the rule that is meant."""
    first = make_host(estate(), "first")
    rows = [row for row in first.rows() if row["name"] == "twin"]
    operations = [new("twin", local_ports="9"), remove(rows[0]), edit(rows[1], name="TWIN 2", description="renamed")]
    for order in itertools.permutations(range(3)):
        host = make_host(estate(), "".join(map(str, order)))
        result = host([operations[place] for place in order], expected=first.known()["digest"])
        assert not result.get("failed"), (order, result["msg"])
        kept = sorted((one["name"], one["local_ports"], one["grouping"]) for one in host.content["rules"] if "twin" in one["name"].lower())
        assert kept == [("TWIN 2", "443", OURS), ("twin", "443", None), ("twin", "9", OURS)], order
