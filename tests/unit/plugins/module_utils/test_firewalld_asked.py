# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a run asks firewalld: each question costs the host some milliseconds, most of them in polkit."""

from __future__ import annotations

import pytest
from firewalld_cases import CLOSED, USERS, Backend

OF_OTHERS = {"getAllRules", "getSettings", "getSettings2", "getZoneNames"}


def test_what_judges_a_run_asks_each_question_once(apply: Backend) -> None:
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}
    apply.daemon.saved.policies["theirs"] = {"target": "CONTINUE", "priority": 5, "ingress_zones": ["ANY"], "egress_zones": ["HOST"], "rich_rules": []}
    apply.daemon.load()
    apply(*USERS, management=management, allow_lockout=True, **CLOSED)
    assert not apply(*USERS, management=management, allow_lockout=True, **CLOSED)["changed"]
    log = apply.daemon.log
    assert [log.count(member) for member in ("getActiveZones", "getDefaultZone", "getZoneSettings2")] == [1, 1, 1]
    assert log.count("getPolicies") == 2, "ours to compare, those of others to judge"


def test_a_check_does_not_read_what_a_reload_takes_from_others(apply: Backend) -> None:
    assert apply(*USERS, check=True, **CLOSED)["changed"]
    assert not OF_OTHERS & set(apply.daemon.log)
    apply(*USERS, **CLOSED)
    assert set(apply.daemon.log) >= OF_OTHERS


@pytest.mark.parametrize("ports", [[], [("8443", "tcp")]], ids=["nothing", "a port"])
def test_others_are_read_again_where_something_was_put_back(apply: Backend, ports: list[tuple[str, str]]) -> None:
    if ports:
        apply.daemon.running.zones["public"]["ports"] = ports
    assert apply(*USERS, **CLOSED)["changed"]
    assert apply.daemon.log.count("getAllRules") == (3 if ports else 2)
    assert apply.daemon.running.zones["public"].get("ports", []) == ports
