# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the executor on the host writes, by execution."""

from __future__ import annotations

import copy
import json
import typing as t

import policy_file
import pytest
from conftest import Host
from executor_cases import FIELDS, OURS, SHARED, SVCHOST, edit, named, new, policy, remove, row_of
from policy_file import ICMP4, OUT


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
        {"kind": "logging", "profile": "private", "allowed": True, "dropped": True, "path": "D:\\logs\\fw.log", "size": 16384},
    ]
    result = full(operations)
    assert result["counts"]["commits"] == 2 + 4  # each value of the logging
    profiles = full.content["profiles"]
    assert [(profiles[name]["inbound"], profiles[name]["outbound"]) for name in policy_file.PROFILES] == [(1, 1), (0, 1), (0, 0)]
    private = profiles["private"]
    assert (private["log_allowed"], private["log_dropped"], private["log_path"], private["log_size"]) == (True, True, "D:\\logs\\fw.log", 16384)
    assert [profiles[name]["log_allowed"] for name in ("domain", "public")] == [False, False]
    assert full()["state"]["memory"] == full.content["memory"]["settings"] == "kept"
    full([{"kind": "memory", "value": None}])
    assert full()["state"]["memory"] is None
    assert full.content["memory"] == {}


def test_the_profiles_after_a_write_are_read_and_not_repeated(full: Host) -> None:
    """Group policy keeps its value: what was written is not what is in force. Where no setting is written, nothing is told."""
    operation = {"kind": "default_action", "profile": "public", "direction": "out", "action": "block"}
    log = {"kind": "logging", "profile": "private", "allowed": True, "dropped": True, "path": "D:\\fw.log", "size": 16384}
    assert "profiles" not in full([new("x")])
    assert "profiles" not in full([{"kind": "memory", "value": "x"}])
    for written, commits, expected in ((operation, 1, ("block", False)), (log, 4, ("block", True))):
        result = full([written])
        assert result["counts"] == {"enumerations": 1, "commits": commits}
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
    result = full([new("x"), {"kind": "logging", "profile": "private", "allowed": True, "dropped": True, "path": "D:\\fw.log", "size": 16384}])
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
