# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In each state of a host, such as one of group policy, what the rules say is not what the host admits."""

from __future__ import annotations

import pathlib
import typing as t

import policy_file
from engines import payload
from naive_executor import Case, run_all

#: A state of the host; a naive way and its argument, which says True each time; what is so in a host without that state, in one with it.
STATES: dict[str, tuple[str, str, t.Callable[[policy_file.Content], bool]]] = {
    "firewall_off": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "block_all": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "local_rules_ignored": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "excluded_interface": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "log_given": ("Logs", "D:\\fw.log", lambda content: bool(content["profiles"]["domain"]["log_allowed"])),
    "policy_off": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_opens": ("ClosesTheRest", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_block_all": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "policy_excludes": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_rule_admits": ("ClosesTheRest", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_rule_blocks": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "other_product": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "products_unknown": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "gp_override": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "inbound_blocked": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
}


def test_every_state_of_group_policy_has_a_naive_executor_that_goes_wrong_under_it(tmp_path: pathlib.Path, read: payload.Call) -> None:
    assert set(STATES) == set(policy_file.STATES)
    cases = []
    for name, (way, value, _truth) in STATES.items():
        cases += [Case(way, value, policy_file.empty()), Case(way, value, policy_file.set_state(policy_file.empty(), name))]
    outcomes = run_all(tmp_path, read, cases)
    for number, (name, (_way, _value, truth)) in enumerate(STATES.items()):
        tame, hostile = outcomes[2 * number : 2 * number + 2]
        assert (tame.value, hostile.value) == (True, True), name
        assert (truth(tame.content), truth(hostile.content)) == (True, False), name


def test_what_a_host_admits_is_what_its_rules_and_defaults_say() -> None:
    content = policy_file.add(policy_file.empty(), policy_file.rule("a", protocol=policy_file.TCP, local_ports="80,443", profiles=policy_file.DOMAIN))
    assert [policy_file.admits(content, port) for port in (80, 443, 81)] == [True, True, False]
    assert not policy_file.admits(content, 80, profile="public")
    policy_file.add(content, policy_file.rule("b", protocol=policy_file.TCP, local_ports="443", action=policy_file.BLOCK))
    assert [policy_file.admits(content, port) for port in (80, 443)] == [True, False]
    content["profiles"]["public"]["inbound"] = policy_file.ALLOW
    assert [policy_file.admits(content, port, profile="public") for port in (80, 443)] == [True, False]
