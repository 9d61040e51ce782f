# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the executor on the host refuses before it does anything, by execution."""

from __future__ import annotations

import dataclasses
import pathlib

import policy_file
import pytest
from conftest import Host
from engines.mono import Mono
from executor_cases import OURS, edit, named, new, policy, remove, row_of
from policy_file import TCP, rule


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


@pytest.mark.parametrize("silent", [True, False], ids=["as it is", "without no_log"])
def test_no_parameter_gets_into_the_event_log(silent: bool, full: Host, tmp_path: pathlib.Path) -> None:
    """Mono keeps an event log in files, and Ansible.Basic writes to it: all parameters, unless the whole spec is marked no_log."""
    log = tmp_path / "log"
    call = full.call(owner="msports", operations=[new("hidden in the log")], expected=full.known()["digest"])
    assert call.script.count("no_log = $true") == 1
    script = call.script if silent else call.script.replace("no_log = $true", "no_log = $false")
    environment = {**call.environment, "MONO_EVENTLOG_TYPE": f"local:{log}"}
    done = Mono().run(dataclasses.replace(call, script=script, environment=environment), full.path)
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
        {"kind": "logging", "profile": "domain", "allowed": True, "dropped": True, "path": 'D:\\"x', "size": 40_000},
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
