# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the executor on the host reads, by execution."""

from __future__ import annotations

import json
import typing as t

import policy_file
import pytest
from conftest import Host
from executor_cases import FIELDS, OURS, ours, policy, row_of
from policy_file import ICMP4, TCP, rule


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
    ("the generation of our plan", True, lambda content: content["memory"].update({"generation.msports": "7"})),
    ("that of another owner", False, lambda content: content["memory"].update({"generation.team_b": "7"})),
    ("no memory", True, lambda content: content["memory"].clear()),
    ("a foreign rule", False, lambda content: policy_file.add(content, rule("theirs", protocol=TCP))),
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
    """A naive executor goes wrong under each of them, as test_stand_in_switches.py shows; this one tells the controller of each."""
    hosts = [make_host(policy_file.empty(), "none"), *(make_host(policy_file.set_state(policy_file.empty(), name), name) for name in policy_file.STATES)]
    states = [host()["state"] for host in hosts]
    assert len({json.dumps(state, sort_keys=True) for state in states}) == len(states)


def test_rules_of_apps_are_told_once_for_all_users(make_host: t.Callable[..., Host]) -> None:
    """A terminal server has thousands, the same for each user; another app, port or owner of ours is another rule."""
    content = policy_file.empty()
    for user in range(40):
        owner = {"local_user_owner": f"S-1-5-21-1-2-3-{user}", "grouping": "@{App}"}
        for app in ("S-1-15-2-1", "S-1-15-2-2"):
            policy_file.add(content, rule("@{App}", app_package=app, **owner))
    policy_file.add(content, rule("@{App}", app_package="S-1-15-2-1", protocol=TCP, local_ports="80", grouping="@{App}"))
    state = make_host(content)()["state"]
    assert sorted(row[-1] for row in state["others"]) == ["S-1-15-2-1", "S-1-15-2-1", "S-1-15-2-2"]
    assert state["app_rules_alike"] == 78


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
