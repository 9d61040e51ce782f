# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole playbooks on a host whose session of WinRM a test holds open; each call is a PowerShell of its own, as Ansible starts it."""

from __future__ import annotations

import json
import pathlib
import typing as t

import policy_file
from wine_plays import Plain, WinePlace

SESSION = {"peer": "10.9.0.5", "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986}


def ruleset(name: str, peers: str, **options: t.Any) -> Plain:
    rule = {"name": "winrm", "direction": "in", "protocol": "tcp", "local_ports": ["5986"], "remote_addresses": [peers]}
    return {"name": name, "portcullis.msports.win_firewall_ruleset": {"rules": [rule], "rollback_timeout": 3600, **options}}


def test_a_playbook_keeps_the_session_of_winrm(tmp_path: pathlib.Path) -> None:
    content = policy_file.fresh_server()
    content["sessions"] = [SESSION]
    for one in content["rules"]:  # nothing but the ruleset admits WinRM
        one["enabled"] = one["enabled"] and one["local_ports"] not in ("5985", "5986", "80")
    place = WinePlace(tmp_path)
    place.stores.mkdir()
    path = policy_file.write(place.stores / "w1.json", content)
    refused = place.tasks(["w1"], [ruleset("refused", "10.8.0.0/24")])
    assert refused.code != 0 and "10.9.0.5" in refused.by_task()["refused"]["msg"], refused.output
    assert policy_file.state(policy_file.read(path)) == policy_file.state(content)
    place.calls()
    admits = ruleset("written", "10.9.0.0/24")
    written = place.tasks(["w1"], [{**admits, "name": "check", "check_mode": True}, admits, {**admits, "name": "again"}])
    assert written.code == 0, written.output
    results = written.by_task()
    assert (results["check"]["changed"], results["written"]["changed"], results["again"]["changed"]) == (True, True, False)
    assert results["written"]["rollback"]["confirmed"] and results["written"]["effective"]["in_force"]
    assert any("10.9.0.5" in text for text in results["written"]["effective"]["guarded"]), results["written"]["effective"]
    assert [call["operations"] for call in place.calls()] == [0, 0, 1, 0, 0], "check; read, write, confirm; again"
    after = policy_file.read(path)
    assert [one["name"] for one in policy_file.own(after)] == ["winrm"] and after["task"] is None
    assert policy_file.foreign(after) == policy_file.foreign(content)
    assert json.dumps(after["sessions"]) != json.dumps(content["sessions"]), "the confirmation came by a session of its own"
