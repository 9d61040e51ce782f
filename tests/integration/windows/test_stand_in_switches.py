# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Under each of the stand-in's switches an executor that does not know Windows goes wrong."""

from __future__ import annotations

import typing as t

import policy_file
import pytest
from engines import payload
from naive_executor import Case, run_all

REFUSED = "ArgumentException: Value does not fall within the expected range."
DENIED = "UnauthorizedAccessException: Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))"
UNAVAILABLE = "COMException: The RPC server is unavailable. (Exception from HRESULT: 0x800706BA)"
ABSENT = "FileNotFoundException: The system cannot find the file specified. (Exception from HRESULT: 0x80070002)"
STATUS = "COMException: Exception from HRESULT: 0xD000000D"
SVCHOST = "%SystemRoot%\\system32\\svchost.exe"

#: The switch, its hostile and its tame value; a naive way and its argument; what comes of it under each; other switches.
CASES: list[tuple[str, t.Any, t.Any, str, t.Optional[str], t.Any, t.Any, dict[str, t.Any]]] = [
    ("addresses_as_masks", True, False, "Addresses", "10.0.0.0/24", "10.0.0.0/255.255.255.0", "10.0.0.0/24", {}),
    ("addresses_as_masks", True, False, "Addresses", "10.0.0.5", "10.0.0.5/255.255.255.255", "10.0.0.5", {}),
    ("addresses_as_masks", True, False, "Addresses", "10.0.0.0/255.255.255.0", "10.0.0.0/255.255.255.0", "10.0.0.0/24", {}),
    ("reorder_addresses", True, False, "Addresses", "fd00::/8,fe80::/64", "fe80::/64,fd00::/8", "fd00::/8,fe80::/64", {}),
    ("reorder_ports", True, False, "LocalPorts", "80,443,5000-5010", "5000-5010,443,80", "80,443,5000-5010", {}),
    ("trailing_comma", True, False, "LocalPorts", "RPC", "RPC,", "RPC", {}),
    ("trailing_comma", True, False, "LocalPorts", "80", "80", "80", {}),
    ("null_strings", True, False, "LengthOfDescription", None, "NullReferenceException: Object reference not set to an instance of an object", 0, {}),
    ("program_expanded", True, False, "Program", SVCHOST, "C:\\Windows\\system32\\svchost.exe", SVCHOST, {}),
    ("all_profiles_value", True, False, "Profiles", "7", 0x7FFFFFFF, 7, {}),
    ("all_profiles_value", False, True, "Profiles", str(0x7FFFFFFF), 7, 0x7FFFFFFF, {}),
    ("ipv6_text", "prefix", "plain", "Addresses", "fd00::1", "fd00::1/128", "fd00::1", {}),
    ("ipv6_text", "expanded", "plain", "Addresses", "fd00:a::/32", "FD00:000A:0000:0000:0000:0000:0000:0000/32", "fd00:a::/32", {}),
    ("enumeration_order", "shuffled", "stored", "SameOrder", None, False, True, {}),
    ("ports_need_protocol", True, False, "PortsBeforeProtocol", "80", REFUSED, "80", {}),
    ("ports_need_protocol", True, False, "PortsBeforeProtocol", "*", REFUSED, "*", {}),
    ("ports_need_protocol", True, False, "ProtocolOfLiveRule", None, REFUSED, 1, {}),
    ("bar_refused", True, False, "Name", "a|b", REFUSED, "a|b", {}),
    ("bar_refused", True, False, "Description", "a|b", REFUSED, "a|b", {}),
    ("name_all_refused", True, False, "Name", "All", REFUSED, "All", {}),
    ("zero_mask_refused", True, False, "Addresses", "0.0.0.0/0", REFUSED, "0.0.0.0/0", {"addresses_as_masks": False}),
    ("zero_mask_refused", True, False, "Addresses", "::/0", REFUSED, "::/0", {}),
    ("ipv6_special_refused", True, False, "Addresses", "::1", STATUS, "::1/128", {}),
    ("ipv6_special_refused", True, False, "Addresses", "ff02::fb", STATUS, "ff02::fb/128", {}),
    ("keywords_in_place_only", True, False, "RemotePortsOutbound", "RPC", REFUSED, "RPC", {"trailing_comma": False}),
    ("com_spelling_only", True, False, "LocalPorts", "RPCEPMap", REFUSED, "RPC-EPMap", {"trailing_comma": False}),
    ("variant_array_only", True, False, "Interfaces", "Ethernet 2", REFUSED, "Ethernet 2", {}),
    ("built_in_locked", True, False, "DisableBuiltIn", None, DENIED, False, {}),
    ("built_in_locked", True, False, "RemoveBuiltIn", None, DENIED, False, {}),
    ("max_addresses", 1000, 0, "ManyAddresses", "1001", REFUSED, 1001, {}),
    ("max_addresses", 1000, 0, "ManyAddresses", "1000", 1000, 1000, {}),
    ("max_text", 10000, 0, "LongName", "10001", REFUSED, 10001, {}),
    ("host_bits", "refuse", "keep", "Addresses", "10.0.0.7/24", REFUSED, "10.0.0.7/24", {"addresses_as_masks": False}),
    ("host_bits", "mask", "keep", "Addresses", "10.0.0.7/24", "10.0.0.0/24", "10.0.0.7/24", {"addresses_as_masks": False}),
    ("duplicate_names", True, False, "AddTwice", None, 2, 1, {}),
    ("names_ignore_case", True, False, "RemoveMine", "theirs", "mine", "theirs", {}),
    ("remove_takes", "first", "last", "RemoveMine", "Theirs", "mine", "theirs", {}),
    ("remove_takes", "all", "last", "RemoveMine", "Theirs", "", "theirs", {}),
    ("item_takes", "first", "last", "RemoveMineByItem", None, "mine", "theirs", {}),
    ("new_rule_disabled", True, False, "EnabledOfNew", None, False, True, {}),
    ("added_object_is_live", False, True, "ChangeAdded", None, None, "changed", {}),
    ("detached_as_put", True, False, "Recognise", "10.0.0.0/24", 0, 1, {}),
    ("nul_ends_text", True, False, "Description", "a\0b", "a", "a\0b", {}),
    ("fail_commit_at", 2, 0, "TwoAdds", None, UNAVAILABLE, 2, {}),
    ("fail_commits_from", 1, 0, "AddWithRetry", None, UNAVAILABLE, 1, {"fail_commit_at": 1}),
    ("failed_commit_took_effect", True, False, "FailedAdd", None, 1, 0, {"fail_commit_at": 1}),
    ("unreadable_rule", "mDNS (UDP-In)", "no such rule", "ReadNames", None, ABSENT, 69, {}),
    ("fail_memory", True, False, "Remember", "this", "UnauthorizedAccessException: Access to the registry key is denied.", "this", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, read: payload.Call) -> list[tuple[t.Any, t.Any]]:
    """For every case what came of it under the tame and under the hostile value."""
    cases = []
    for name, hostile, tame, way, value, _wrong, _right, others in CASES:
        cases += [Case(way, value, policy_file.fresh_server(**{**others, name: setting})) for setting in (tame, hostile)]
    outcomes = [outcome.value for outcome in run_all(tmp_path_factory.mktemp("naive"), read, cases)]
    return list(zip(outcomes[::2], outcomes[1::2]))


def bare(outcome: t.Any) -> t.Any:
    """An outcome without the full stop of a message, which Mono has not."""
    return (outcome[0], bare(outcome[1])) if isinstance(outcome, tuple) else outcome.rstrip(".") if isinstance(outcome, str) else outcome


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{CASES[number][0]}={CASES[number][1]}-{CASES[number][3]}")
def test_a_naive_executor_goes_wrong_under_each_switch(number: int, shown: list[tuple[t.Any, t.Any]]) -> None:
    *_case, wrong, right, _others = CASES[number]
    assert [bare(outcome) for outcome in shown[number]] == [bare(right), bare(wrong)]


def test_every_switch_has_a_naive_executor_that_goes_wrong_under_it() -> None:
    shown = {case[0] for case in CASES if case[5] != case[6]}
    elsewhere = {"enumeration_fails_at", "die_after_commits", "fail_task", "die_after_steps", "log_failure"}  # what the executor's own tests are about
    assert shown | elsewhere == set(policy_file.SWITCHES)


def test_unknown_switches_and_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="no such switch"):
        policy_file.empty(address_as_masks=True)
    with pytest.raises(ValueError, match="expected something like"):
        policy_file.empty(max_addresses="many")
    with pytest.raises(ValueError, match="no such columns"):
        policy_file.rule("x", port=80)
