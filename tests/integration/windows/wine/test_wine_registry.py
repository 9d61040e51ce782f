# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry for real: our memory, and what group policy and device management give, in every place that is read."""

from __future__ import annotations

import typing as t

import engines
import policy_file
import pytest
from wine import hives

from conftest import Host

MACHINE_POLICY = rf"{hives.LOCAL}\Mdm"


def asked(**order: t.Any) -> dict[str, t.Optional[hives.Values]]:
    """Have the host write or read its registry."""
    return engines.chosen().machine.asked({"clear": [], "set": {}, "deny": [], "read": [], "sessions": [], **order})


def profile(host: Host, name: str, given: t.Mapping[str, hives.Values]) -> dict[str, t.Any]:
    """What a read tells of a profile where these values are in the registry besides those of the policy file."""
    machine = engines.chosen().machine
    machine.besides = dict(given)
    try:
        return host()["state"]["profiles"][name]
    finally:
        machine.besides = {}


def test_memory_is_a_value_and_nothing_of_it_stays(host: Host) -> None:
    host([{"kind": "memory", "value": "one"}])
    assert asked(read=[hives.MEMORY]) == {hives.MEMORY: {"settings": "one"}}
    host([{"kind": "memory", "value": None}])
    assert asked(read=[hives.MEMORY, hives.MEMORY_PARENT]) == {hives.MEMORY: None, hives.MEMORY_PARENT: None}


def test_a_value_of_somebody_else_beside_our_memory_stays(make_host: t.Callable[..., Host]) -> None:
    content = policy_file.empty()
    content["memory"] = {"settings": "one", "other": "of somebody"}
    host = make_host(content)
    host([{"kind": "memory", "value": None}])
    assert asked(read=[hives.MEMORY]) == {hives.MEMORY: {"other": "of somebody"}}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *((name, rf"{hives.POLICIES}\{key}") for name, key in hives.POLICY_KEYS.items()),
        *((name, rf"{MACHINE_POLICY}\{key}") for name, key in hives.POLICY_KEYS.items()),
        ("private", rf"{MACHINE_POLICY}\StandardProfile"),
    ],
)
def test_a_policy_is_read_wherever_it_is_kept(name: str, key: str, host: Host) -> None:
    given: dict[str, hives.Values] = {key: {"AllowLocalPolicyMerge": 0}, rf"{key}\Logging": {"LogSuccessfulConnections": 1, "LogFilePath": "D:\\p.log"}}
    found = profile(host, name, given)
    assert (found["local_rules"], found["log_policy"], found["log_allowed"], found["log_path"], found["log_size"]) == (False, True, True, "D:\\p.log", 4096)
    others = [other for other in policy_file.PROFILES if other != name]
    plain = host()["state"]["profiles"]
    assert all(plain[other]["local_rules"] and not plain[other]["log_policy"] for other in [*others, name])


@pytest.mark.parametrize(("dropped", "in_the_way"), [(1, False), (0, True)])
def test_dropped_packets_that_a_policy_logs_are_not_in_the_way_of_an_audit(dropped: int, in_the_way: bool, host: Host) -> None:
    found = profile(host, "domain", {rf"{hives.POLICIES}\DomainProfile\Logging": {"LogDroppedPackets": dropped}})
    assert (found["log_policy"], found["log_dropped"], found["log_allowed"]) == (in_the_way, dropped == 1, False)


def test_group_policy_goes_before_device_management(host: Host) -> None:
    key = "DomainProfile"
    given: dict[str, hives.Values] = {rf"{hives.POLICIES}\{key}": {"AllowLocalPolicyMerge": 1}, rf"{MACHINE_POLICY}\{key}": {"AllowLocalPolicyMerge": 0}}
    assert profile(host, "domain", given)["local_rules"] is True


def test_values_of_another_type_are_none(host: Host) -> None:
    """As a text where a number belongs: Windows takes no notice, and so it is told."""
    found = profile(host, "public", {rf"{hives.POLICIES}\PublicProfile": {"AllowLocalPolicyMerge": "0"}})
    assert found["local_rules"] is True


def test_settings_that_a_policy_gives_are_told_as_they_are_kept(host: Host) -> None:
    given: dict[str, hives.Values] = {
        rf"{hives.POLICIES}\DomainProfile": {"EnableFirewall": 0, "DefaultInboundAction": 1, "DisabledInterfaces": "{A},{B}", "Other": 1}
    }
    found = profile(host, "domain", given)
    assert found["given"] == {"EnableFirewall": 0, "DefaultInboundAction": 1, "DisabledInterfaces": "{A},{B}"}
    assert found["enabled"] is True, "COM tells the local value"


@pytest.mark.parametrize(("name", "seen"), [("domain", False), ("private", True), ("public", True)])
def test_the_older_profile_stands_for_private_and_public(name: str, seen: bool, host: Host) -> None:
    """But for the merging of local rules, which is younger than it; and what the profile itself is given goes first."""
    older = rf"{hives.POLICIES}\StandardProfile"
    found = profile(host, name, {older: {"EnableFirewall": 0, "AllowLocalPolicyMerge": 0}})
    assert (found["given"], found["local_rules"]) == ({"EnableFirewall": 0} if seen else {}, True)
    found = profile(host, name, {older: {"EnableFirewall": 0}, rf"{hives.POLICIES}\{hives.POLICY_KEYS[name]}": {"EnableFirewall": 1}})
    assert found["given"] == {"EnableFirewall": 1}


def test_rules_and_products_are_read_where_they_are(make_host: t.Callable[..., Host]) -> None:
    content = policy_file.set_state(policy_file.set_state(policy_file.empty(), "policy_rule_admits"), "other_product")
    content["policy_rules"].append({"origin": "device management", "id": "two", "text": "v2.31|Action=Block|Dir=In|Name=Ä|"})
    state = make_host(content)()["state"]
    assert sorted(state["policy_rules"]) == sorted([one["origin"], one["id"], one["text"]] for one in content["policy_rules"])
    assert state["products"] == [["Other Firewall", [0, 2]]]
    state = make_host(policy_file.set_state(policy_file.empty(), "products_unknown"), "unknown")()["state"]
    assert isinstance(state["products"], str) and "0x800706BE" in state["products"]
