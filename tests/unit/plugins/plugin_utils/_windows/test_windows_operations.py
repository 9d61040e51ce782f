# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations: what they make of any store is exactly what is wanted, in an order in which nothing is missing on the way."""

from __future__ import annotations

import copy
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, run
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import canonical, line
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import NEW_RULE, Columns, FakeHost, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import RULESETS, SETS, Plain, options, rule

OURS = "portcullis:msports"
WHAT_TO_DO = "; raise max_removals if they may go, or set purge to false to keep them"


def own(name: str, **columns: t.Any) -> Columns:
    return {**NEW_RULE, "name": name, "enabled": True, "grouping": OURS, "edge": 0, **columns}


WEB = own("web", protocol=6, local_ports="443", remote_addresses="10.0.0.0/24")
WANT_WEB = rule("web", ["443"], ["10.0.0.0/24"])


def kinds(host: FakeHost) -> list[str]:
    return [operation["kind"] for call in host.calls for operation in call.get("operations", [])]


def test_a_run_that_finds_everything_right_calls_once_and_writes_nothing() -> None:
    host = FakeHost([WEB], seed=1)
    result = run(options(WANT_WEB), host)
    assert (result["changed"], result["kept"], result["calls"]) == (False, 1, {"remote_calls": 1, "enumerations": 1, "commits": 0})
    assert result["diff"]["before"] == result["diff"]["after"]


# what somebody did to the rule -> what the run puts on it (None: the rule is replaced)
EDITS: list[tuple[Columns, t.Optional[Columns]]] = [
    ({"enabled": False}, {"enabled": True}),
    ({"action": 0}, {"action": 1}),
    ({"local_ports": "*"}, {"local_ports": "443"}),
    ({"remote_ports": "1024-65535"}, {"remote_ports": "*"}),
    ({"remote_addresses": "*"}, {"remote_addresses": "10.0.0.0/24"}),
    ({"remote_addresses": "10.0.0.0/25,10.0.0.128/25"}, {"remote_addresses": "10.0.0.0/24"}),
    ({"local_addresses": "10.1.1.1"}, {"local_addresses": "*"}),
    ({"profiles": 1}, {"profiles": 0x7FFFFFFF}),
    ({"description": "old"}, {"description": ""}),
    ({"description": "old", "enabled": False}, {"description": "", "enabled": True}),
    ({"enabled": False, "action": 0}, None),
    ({"direction": 2}, None),
    ({"protocol": 17}, None),
    ({"program": "C:\\x.exe"}, None),
    ({"service": "x"}, None),
    ({"interface_types": "Lan"}, None),
    ({"interfaces": ["Ethernet"]}, None),
    ({"edge": 1}, None),
    ({"secure": 2}, None),
    ({"users": "D:(A;;CC;;;S-1-5-11)"}, None),
    ({"name": "web", "protocol": 6, "local_ports": "nonsense"}, {"local_ports": "443"}),
]


@pytest.mark.parametrize(("done", "put"), EDITS)
def test_one_property_is_edited_more_are_replaced(done: Columns, put: t.Optional[Columns]) -> None:
    host = FakeHost([{**WEB, **done}])
    result = run(options(WANT_WEB), host)
    assert (result["changed"], result["changed_rules"], result["added"], result["removed"]) == (True, ["web"], [], [])
    if put is None:
        assert kinds(host) == ["add", "remove"]
    else:
        assert kinds(host) == ["edit"]
        assert host.calls[1]["operations"][0]["set"] == put
    assert [canonical(rule) for rule in host.own()] == [canonical(WEB)]
    assert not run(options(WANT_WEB), host)["changed"]


def test_of_several_rules_with_one_name_the_right_one_stays() -> None:
    wrong, nearly = {**WEB, "protocol": 17, "enabled": False}, {**WEB, "enabled": False}
    host = FakeHost([wrong, WEB, nearly])
    result = run(options(WANT_WEB), host)
    assert (result["changed_rules"], result["removed"], kinds(host), host.rules) == (["web"], ["web", "web"], ["remove", "remove"], [WEB])
    assert result["calls"]["commits"] == 4, "their names are not unique as long as the right one is there, so each is renamed first"


def test_of_several_rules_with_one_name_the_nearest_is_edited() -> None:
    host = FakeHost([{**WEB, "protocol": 17, "enabled": False}, {**WEB, "enabled": False}])
    run(options(WANT_WEB), host)
    assert (kinds(host), host.rules) == (["edit", "remove"], [WEB])


def test_twins_are_told_apart() -> None:
    host = FakeHost([WEB, dict(WEB), dict(WEB)])
    result = run(options(WANT_WEB), host)
    assert (result["changed_rules"], host.rules) == (["web"], [WEB])


def test_a_rule_of_others_with_our_name_stays() -> None:
    theirs = foreign("web", protocol=6, local_ports="443")
    host = FakeHost([theirs, WEB])
    run(options(), host)
    assert host.rules == [theirs]


def test_without_purge_own_rules_stay_and_count() -> None:
    host = FakeHost([WEB, own("old", enabled=False)])
    result = run(options(rule("new", ["80"]), purge=False), host)
    assert (result["added"], result["removed"], [found["name"] for found in host.rules]) == (["new"], [], ["web", "old", "new"])
    assert "disabled" in result["diff"]["after"]


def test_too_many_removals_are_refused() -> None:
    host = FakeHost([WEB, own("other")])
    with pytest.raises(Refused) as caught:
        run(options(max_removals=1), host)
    assert str(caught.value) == "2 rules would be removed and max_removals is 1; nothing was changed. They are: other, web" + WHAT_TO_DO
    assert len(host.calls) == 1


def test_duplicates_of_a_wanted_rule_count_as_removals() -> None:
    host = FakeHost([WEB, dict(WEB), {**WEB, "protocol": 17, "enabled": False}, own("other")])
    with pytest.raises(Refused) as caught:
        run(options(WANT_WEB, max_removals=2), host)
    assert str(caught.value) == "3 rules would be removed and max_removals is 2; nothing was changed. They are: other, web, web" + WHAT_TO_DO
    assert run(options(WANT_WEB, max_removals=3), host)["removed"] == ["other", "web", "web"]
    assert host.rules == [WEB]


def test_a_rule_that_is_replaced_is_no_removal_but_its_duplicates_are() -> None:
    wrong = {**WEB, "protocol": 17, "enabled": False}
    result = run(options(WANT_WEB, max_removals=0), FakeHost([wrong]))
    assert (result["changed_rules"], result["removed"]) == (["web"], [])
    with pytest.raises(Refused):
        run(options(WANT_WEB, max_removals=0), FakeHost([wrong, dict(wrong)]))


def test_without_purge_duplicates_of_a_wanted_rule_stay() -> None:
    wrong = {**WEB, "protocol": 17, "enabled": False}
    host = FakeHost([WEB, dict(WEB), wrong])
    result = run(options(WANT_WEB, purge=False, max_removals=0), host)
    assert (result["changed"], result["kept"], result["removed"]) == (False, 1, [])
    assert result["diff"]["after"].count("'web'") == 3
    host = FakeHost([wrong, dict(wrong)])
    result = run(options(WANT_WEB, purge=False, max_removals=0), host)
    assert (result["changed_rules"], result["removed"], kinds(host), host.rules) == (["web"], [], ["add", "remove"], [wrong, WEB])


def test_a_program_is_the_same_only_where_windows_is() -> None:
    wanted = rule("epmap", ["135"], program="%SystemRoot%\\system32\\svchost.exe")
    there = own("epmap", protocol=6, local_ports="135", program="D:\\Windows\\system32\\svchost.exe")
    host = FakeHost([there])
    host.system_root = "D:\\Windows"
    assert not run(options(wanted), host)["changed"]
    host.system_root = "C:\\Windows"
    assert run(options(wanted), host)["changed"]
    spelled_out = rule("epmap", ["135"], program="C:\\Windows\\system32\\svchost.exe")
    assert not run(options(spelled_out), host)["changed"]


def test_adds_that_allow_then_adds_that_block_then_edits_that_widen_then_others_then_removes() -> None:
    host = FakeHost(
        [
            own("a narrows", protocol=6, local_ports="80-90"),
            own("b widens", protocol=6, local_ports="22"),
            own("z gone"),
        ]
    )
    run(
        options(
            rule("a narrows", ["80"]), rule("b widens", ["22", "23"]), rule("block", ["25"], action="block"), rule("new", ["443"]), default_inbound="allow"
        ),
        host,
    )
    told = [(operation["kind"], operation.get("name") or operation.get("rule", {}).get("name")) for operation in host.calls[1]["operations"]]
    assert told == [
        ("memory", None),
        ("add", "new"),
        ("add", "block"),
        ("edit", "b widens"),
        ("edit", "a narrows"),
        ("default_action", None),
        ("default_action", None),
        ("default_action", None),
        ("remove", "z gone"),
    ]


def test_unique_rules_cost_one_commit_each() -> None:
    host = FakeHost([own(f"old {number}") for number in range(3)])
    result = run(options(*(rule(f"new {number}", ["80"]) for number in range(5))), host)
    assert result["calls"] == {"remote_calls": 2, "enumerations": 2, "commits": 8}


# --- properties ------------------------------------------------------------------------------------------------------


def store(rules: list[Plain]) -> list[Columns]:
    """The rules as a host has them after a run."""
    host = FakeHost()
    run({"rules": rules, "address_sets": SETS}, host)
    return host.rules


DAMAGE: dict[str, list[t.Any]] = {
    "enabled": [False],
    "direction": [1, 2],
    "action": [0, 1],
    "protocol": [6, 17, 256, 1, 47],
    "local_ports": ["443", "RPC,", "*", "odd"],
    "remote_addresses": ["*", "10.0.0.0/255.255.255.0", "LocalSubnet", "10.0.0.7/24"],
    "profiles": [1, 7, 0],
    "program": ["C:\\x.exe", ""],
    "interfaces": [["Ethernet"]],
    "secure": [1],
    "description": ["other"],
    "name": ["a", "b", "zzz"],
}
DAMAGES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(sorted(DAMAGE)).flatmap(lambda column: st.tuples(st.just(column), st.sampled_from(DAMAGE[column])))),
    max_size=6,
)
STRANGERS = [
    foreign("a", protocol=6, local_ports="443"),
    foreign("a", enabled=False),
    foreign("LocalSubnet things", remote_addresses="LocalSubnet,", profiles=4),
]


@settings(deadline=None)
@given(RULESETS, RULESETS, DAMAGES, st.lists(st.integers(0, 5), max_size=3), st.integers(0, 2**32))
def test_operations_turn_any_store_into_exactly_what_is_wanted(before: list[Plain], after: list[Plain], damages: t.Any, twins: list[int], seed: int) -> None:
    rules = store(before)
    for index, (column, value) in damages:
        if index < len(rules):
            rules[index][column] = copy.deepcopy(value)
    rules += [dict(rules[index]) for index in twins if index < len(rules)]
    host = FakeHost([*STRANGERS, *rules], seed)
    given_options = {"rules": after, "address_sets": SETS}

    checked = run(given_options, host, check_mode=True)
    assert len(host.calls) == 1 and host.commits == 0
    owned_before = sorted(line(canonical(found)) for found in host.own())
    result = run(given_options, host)
    wanted = sorted(line(canonical(found)) for found in store(after))
    assert sorted(line(canonical(found)) for found in host.own()) == wanted
    assert host.others() == STRANGERS
    assert result["changed"] == (owned_before != wanted)
    assert result["effective"]["in_force"] and result["warnings"] == []
    assert result["diff"]["before"].splitlines()[3:] == owned_before and result["diff"]["after"].splitlines()[3:] == wanted

    checked["effective"]["in_force"] = result["effective"]["in_force"]
    for profile in checked["effective"]["profiles"].values():
        profile["in_force"] = True
    assert {key: value for key, value in checked.items() if key != "calls"} == {key: value for key, value in result.items() if key != "calls"}

    again = run(given_options, host)
    assert (again["changed"], again["calls"]) == (False, {"remote_calls": 1, "enumerations": 1, "commits": 0})
    run({"state": "absent"}, host)
    assert host.rules == STRANGERS


@settings(deadline=None)
@given(RULESETS, RULESETS)
def test_what_is_allowed_before_and_after_is_allowed_all_the_time(before: list[Plain], after: list[Plain]) -> None:
    """A rule that stays as it is, or is replaced by one with its name, is never missing on the way."""
    host = FakeHost(store(before))
    kept = {found["name"] for found in host.rules if found["action"] == 1}
    run({"rules": after, "address_sets": SETS}, host)
    final = {found["name"] for found in host.rules if found["action"] == 1}
    for names in host.history:
        assert kept & final <= set(names)


@settings(deadline=None)
@given(RULESETS, RULESETS, st.data())
def test_a_failure_in_the_middle_is_passed_on_and_changes_nothing(before: list[Plain], after: list[Plain], data: st.DataObject) -> None:
    host = FakeHost(store(before))
    rules = copy.deepcopy(host.rules)
    run({"rules": after, "address_sets": SETS}, host)
    count = len(host.calls[1]["operations"]) if len(host.calls) > 1 else 0
    if not count:
        return
    host = FakeHost(rules)
    host.fail_at = data.draw(st.integers(0, count - 1))
    with pytest.raises(HostFailed) as caught:
        run({"rules": after, "address_sets": SETS}, host)
    assert str(caught.value) == f"operation {host.fail_at + 1} of {count} failed: injected; what was done before it is undone"
    assert host.rules == rules
