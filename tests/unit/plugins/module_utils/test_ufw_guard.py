# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard against lockouts on a made-up host with ufw."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import rulefile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

from ufw_machine import CONF, NEVER, SSH, TUPLE, USER, Machine, rule

SESSION = _guard.Session("10.9.0.5", 50022, "10.0.1.11", 22)


def _admits(text: str, closed: bool = True, session: bool = True, port: int = 22) -> t.Optional[str]:
    asked = rulefile.Evaluator([RuleFile("### RULES ###\n" + text, "msports", 4)], closed)
    local = (_addresses.parse_one(SESSION.local),) if session else None
    return asked.why_blocked((_addresses.parse_one(SESSION.peer),), (port, port), local)


GUARDED = {
    "nothing": ("", "no rule admits it"),
    "an allow": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in"), None),
    "a limit": (TUPLE.format("limit tcp", "22", "10.9.0.0/24", "in"), None),
    "another port": (TUPLE.format("allow tcp", "23", "10.9.0.0/24", "in"), "no rule admits it"),
    "udp": (TUPLE.format("allow udp", "22", "10.9.0.0/24", "in"), "no rule admits it"),
    "outbound": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "out"), "no rule admits it"),
    "a denial first": (TUPLE.format("deny tcp", "22", "10.9.0.4/31", "in") + TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in"), "blocks it"),
    "a denial behind": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in") + TUPLE.format("deny any", "any", "0.0.0.0/0", "in"), None),
    "in two halves": (TUPLE.format("allow tcp", "22", "10.9.0.4/32", "in") + TUPLE.format("allow tcp", "20:30", "10.9.0.5/32", "in"), None),
    "by an interface": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in_eth0"), None),
    "denied on an interface": (TUPLE.format("deny tcp", "22", "10.9.0.0/24", "in_eth1") + TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in"), None),
    "forwarding": (TUPLE.format("route:allow tcp", "22", "10.9.0.0/24", "in"), "no rule admits it"),
}


@pytest.mark.parametrize("case", GUARDED)
def test_the_guard_reads_the_rules_in_their_order(case: str) -> None:
    text, reason = GUARDED[case]
    found = _admits(text)
    assert (found is None) == (reason is None), found
    assert reason is None or reason in found
    assert _admits("", closed=False) is None


def test_the_guard_is_stricter_about_management_that_may_come() -> None:
    bound = TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in_eth0")
    assert _admits(bound, session=False) == "no rule admits it"
    assert _admits(bound.replace("in_eth0", "in"), session=False) is None


def test_lockouts_are_refused_and_the_administrators_rules_count(machine: Machine) -> None:
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}
    with pytest.raises(Refused, match="would lock out whoever manages this host"):
        machine(NEVER, management=management)
    machine.write(
        "ufw/user.rules",
        USER.replace(
            "### END", "\n" + TUPLE.format("allow tcp", "22", "10.9.0.0/16", "in") + "-A ufw-user-input -p tcp --dport 22 -s 10.9.0.0/16 -j ACCEPT\n### END"
        ),
    )
    assert machine(NEVER, management=management)["changed"]
    with pytest.raises(Refused, match="the rule 'cut' blocks it"):
        machine(rule("cut", action="block", remote_addresses=["10.9.0.7"]), management=management)
    assert machine(rule("cut", action="block", remote_addresses=["10.9.0.7"]), management=management, allow_lockout=True)["changed"]
    with pytest.raises(Refused, match="would lock out"):
        machine(rule("ok", remote_addresses=["10.8.0.0/24"]), management={"addresses": ["10.8.0.0/23"], "ports": ["22"]}, mode="audit")


def test_absent_that_would_lock_out_is_refused(machine: Machine) -> None:
    machine(SSH)
    with pytest.raises(Refused, match="would lock out"):
        machine(state="absent", management={"addresses": ["10.9.0.0/24"], "ports": ["22"]})
    assert machine(state="absent", management={"addresses": ["10.9.0.0/24"], "ports": ["22"]}, allow_lockout=True)["changed"]


def test_what_cannot_be_told_is_refused_where_no_timer_can_take_it_back(machine: Machine) -> None:
    """While ufw is off a run writes its files for good, whatever rollback_timeout says: ufw loads them when somebody starts it."""
    machine.write("ufw/ufw.conf", CONF.replace("yes", "no"))
    (machine.root / "proc/net/tcp").unlink()
    before = machine.state()
    with pytest.raises(Refused, match="no timer would take them back"):
        machine(rule("web", local_ports=["443"]), default_inbound="reject", rollback_timeout=60)
    assert machine.state() == before


def test_ping_is_judged_by_before_rules(machine: Machine) -> None:
    ping = rule("ping", protocol="icmp_echo")
    done = machine(ping)
    assert (done["changed"], done["added"]) == (False, [])
    machine.write("ufw/before6.rules", "")
    with pytest.raises(Refused, match=r"before6.rules do not admit these echo requests \(in\)"):
        machine(ping)
    assert not machine(dict(ping, remote_addresses=["10.0.0.0/8"]))["changed"]
