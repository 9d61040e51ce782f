# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell for Windows under Wine: a few calls of each kind, which `make test` runs, too."""

from __future__ import annotations

import json
import typing as t

import engines
import policy_file
import pytest
from executor_cases import OURS, SHARED, SVCHOST, edit, named, new, ours, remove, row_of
from policy_file import ICMP4

from conftest import Host, result_of

#: A value of its own for every column that the executor writes.
EVERY_COLUMN = {
    "description": "flow 1 \u20ac",
    "enabled": False,
    "direction": 1,
    "action": 1,
    "protocol": 6,
    "local_ports": "80,443,1000-2000",
    "remote_ports": "1024-65535",
    "local_addresses": "10.1.1.20,fd00::20",
    "remote_addresses": "10.0.0.0/24,192.0.2.5,10.2.0.1-10.2.0.9,LocalSubnet",
    "profiles": 3,
    "program": SVCHOST,
    "service": "RpcSs",
    "interface_types": "Lan,Wireless",
    "interfaces": ["Ethernet", "Ethernet 2"],
    "edge": 2,
    "secure": 1,
}


def without_order(state: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**state, "others": sorted(state["others"]), "rules": sorted(state["rules"])}


def test_a_call_as_ansible_core_sends_it_reads_what_an_open_powershell_reads(full: Host) -> None:
    alone = result_of(engines.chosen().run(full.call(owner="msports"), full.path))
    opened = full()
    assert alone["counts"] == opened["counts"] == {"enumerations": 1, "commits": 0}
    assert without_order(alone["state"]) == without_order(opened["state"])
    assert alone["state"]["sessions"] == [{"peer": "10.9.0.5", "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986}]
    assert full.content["counters"]["calls"] == 2


def test_every_operation_with_every_column_in_one_call_as_ansible_core_sends_it(full: Host) -> None:
    foreign = policy_file.foreign(full.content)
    rows = {row["name"]: row for row in full.rows()}
    operations = [
        {"kind": "memory", "value": '{"\u20ac": 1}'},
        {"kind": "add", "rule": {"name": "every", **EVERY_COLUMN}},
        new("icmp", protocol=ICMP4, local_ports="", icmp="8:*,3:4"),
        edit(rows["bound"], program="", service="", interfaces=[], enabled=False),
        edit(rows["off"], name="renamed"),
        {"kind": "default_action", "profile": "public", "direction": "out", "action": "block"},
        {"kind": "logging", "profile": "private", "allowed": True, "dropped": True, "path": "D:\\logs of \u20ac\\fw.log", "size": 16384},
        remove(rows["rpc"]),
        remove(row_of(full, "twin", 1)),
        remove(rows[SHARED]),
    ]
    call = full.call(owner="msports", operations=operations, expected=full.known()["digest"])
    result = result_of(engines.chosen().run(call, full.path))
    after = full.content
    assert not result.get("failed"), result
    assert policy_file.foreign(after) == foreign
    assert named(after, "every") == [
        {
            **ours("every", **EVERY_COLUMN),
            "key": named(after, "every")[0]["key"],
            "local_addresses": "10.1.1.20/32,fd00::20/128",
            "remote_addresses": "10.0.0.0/24,10.2.0.1-10.2.0.9,192.0.2.5/32,LocalSubnet",
            "program": "C:\\Windows\\system32\\svchost.exe",
            "interface_types": "Lan,Wireless",
        }
    ]
    (bound,) = named(after, "bound")
    assert (bound["program"], bound["service"], bound["interfaces"], bound["enabled"]) == (None, None, None, False)
    assert not named(after, "rpc") and not named(after, "off") and len(named(after, "renamed")) == 1
    assert [one["grouping"] for one in named(after, "twin")].count(OURS) == 1
    assert all(one["grouping"] != OURS for one in named(after, SHARED))
    assert after["profiles"]["public"]["outbound"] == policy_file.BLOCK
    assert after["memory"] == {"settings": '{"\u20ac": 1}'}
    private = after["profiles"]["private"]
    assert (private["log_allowed"], private["log_dropped"], private["log_path"], private["log_size"]) == (True, True, "D:\\logs of \u20ac\\fw.log", 16384)
    assert result["counts"]["commits"] == after["counters"]["commits"]
    set_logging = ["advfirewall", "set", "privateprofile", "logging"]
    assert [words[1:] for words in engines.chosen().machine.netsh] == [
        [*set_logging, "filename", "D:\\logs of \u20ac\\fw.log"],
        [*set_logging, "maxfilesize", "16384"],
        [*set_logging, "allowedconnections", "enable"],
        [*set_logging, "droppedconnections", "enable"],
    ]
    row = row_of(full, "every")
    assert (row["description"], row["profiles"], row["interfaces"], row["edge"], row["secure"]) == ("flow 1 \u20ac", 3, ["Ethernet", "Ethernet 2"], 2, 1)


@pytest.mark.parametrize("null", [True, False])
def test_a_text_that_is_not_set_is_empty_however_com_gives_it(null: bool, make_host: t.Callable[..., Host]) -> None:
    content = policy_file.add(policy_file.empty(null_strings=null), ours("bare", protocol=ICMP4, local_ports="*"))
    state = make_host(content)()["state"]
    row = dict(zip(state["fields"], state["rules"][0]))
    unset = ("description", "local_ports", "remote_ports", "program", "service", "users")
    assert {row[name] for name in unset} == {""} and row["interfaces"] == [] and row["icmp"] == "*"


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_an_enumeration_gives_every_rule_once(count: int, make_host: t.Callable[..., Host]) -> None:
    content = policy_file.empty()
    policy_file.add(content, *(policy_file.rule(f"rule {number}", protocol=6, local_ports=str(number + 1)) for number in range(count)))
    result = make_host(content)()
    assert sorted(row[1] for row in result["state"]["others"]) == sorted(f"rule {number}" for number in range(count))
    assert result["counts"] == {"enumerations": 1, "commits": 0}


def test_what_com_refuses_is_told_as_the_stand_in_tells_it(make_host: t.Callable[..., Host]) -> None:
    """An argument, an absent rule, a call that breaks: HRESULT and hint are the same, whatever words the runtime has for them."""
    for number, (operation, switches, told) in enumerate(
        (
            (new("all"), {}, "Value does not fall within the expected range (0x80070057): Windows refuses a value of the rule"),
            (new("six", remote_addresses="::1"), {}, "0xD000000D: Windows refuses a value of the rule"),
            (new("rpc"), {"fail_commit_at": 1}, "(0x800706BA): the service Windows Defender Firewall (MpsSvc) does not answer; is it running?"),
        )
    ):
        host = make_host(policy_file.fresh_server(**switches), f"host{number}")
        before = policy_file.state(host.content)
        messages = []
        call = host.call(owner="msports", operations=[operation], expected=host.known()["digest"])
        for engine in (engines.chosen(), engines.named("mono")):
            result = json.loads(engine.run_open(call, host.path).output)
            assert result["failed"] and result["undone"], result
            messages.append(result["msg"])
            assert policy_file.state(host.content) == before
        assert told in messages[0], messages
        assert messages[0].partition("0x")[2][:8].lower() == messages[1].partition("0x")[2][:8].lower(), messages
        assert messages[0].rpartition(": ")[2] == messages[1].rpartition(": ")[2]
