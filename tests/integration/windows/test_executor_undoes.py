# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the executor on the host cannot finish, it takes back."""

from __future__ import annotations

import itertools
import json
import typing as t

import policy_file
import pytest
from conftest import Host
from executor_cases import COMMITS, OURS, edit, estate, everything, named, new, ours, policy, remove, row_of
from policy_file import OUT


class Attempt(t.NamedTuple):
    commit: int
    result: dict[str, t.Any]
    content: policy_file.Content


def attempts(make_host: t.Callable[..., Host], failure: str, **switches: t.Any) -> tuple[policy_file.Content, list[Attempt]]:
    """The whole list of operations once for every commit, which fails; the store before, and what came of each."""
    first = make_host(estate(**switches), "first")
    operations, digest = everything(first), first.known()["digest"]

    hosts = [make_host(estate(**{**switches, failure: commit}), f"{failure}-{commit}") for commit in range(1, COMMITS + 1)]
    results = [host(operations, digest) for host in hosts]
    return first.content, [Attempt(commit, result, host.content) for commit, (host, result) in enumerate(zip(hosts, results), 1)]


def test_the_operations_of_these_tests_succeed_when_nothing_fails(full: Host) -> None:
    foreign = policy_file.foreign(full.content)
    result = full(everything(full))
    assert not result.get("failed"), result["msg"]
    assert result["counts"]["commits"] == full.content["counters"]["commits"] == COMMITS
    assert policy_file.foreign(full.content) == foreign
    assert full.content["memory"] == {}


WORLDS: list[dict[str, t.Any]] = [
    {},
    {"failed_commit_took_effect": True},
    {"added_object_is_live": False, "remove_takes": "last", "item_takes": "last"},
    {"failed_commit_took_effect": True, "added_object_is_live": False, "remove_takes": "all", "enumeration_order": "reversed"},
    {"detached_as_put": False},
    {"failed_commit_took_effect": True, "detached_as_put": False, "added_object_is_live": False},
]


def told(world: dict[str, t.Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in world.items()) or "as windows"


@pytest.mark.parametrize("world", WORLDS, ids=told)
def test_a_failure_at_every_commit_is_taken_back_wholly(world: dict[str, t.Any], make_host: t.Callable[..., Host]) -> None:
    before, tried = attempts(make_host, "fail_commit_at", **world)
    assert len(tried) == COMMITS
    for attempt in tried:
        result = attempt.result
        assert result["failed"] is True, attempt.commit
        assert (result["undone"], result["remaining"]) == (True, []), (attempt.commit, result["msg"])
        assert policy_file.state(attempt.content) == policy_file.state(before), (attempt.commit, result["msg"])
        assert policy_file.foreign(attempt.content) == policy_file.foreign(before), attempt.commit
        assert result["counts"]["commits"] == attempt.content["counters"]["commits"] - (1 if world.get("failed_commit_took_effect") else 0)
        assert result["failed_at"] == result["done"] < 19
    places = [attempt.result["failed_at"] for attempt in tried]
    assert places == sorted(places)
    assert set(places) == set(range(1, 18)), "every operation with a commit failed once; memory has none"


@pytest.mark.parametrize("world", WORLDS[:3], ids=told)
def test_what_cannot_be_taken_back_is_told(world: dict[str, t.Any], make_host: t.Callable[..., Host]) -> None:
    before, tried = attempts(make_host, "fail_commits_from", **world)
    for attempt in tried:
        result = attempt.result
        same = policy_file.state(attempt.content) == policy_file.state(before)
        assert result["failed"] is True
        assert result["undone"] == same == (not result["remaining"]), (attempt.commit, result["msg"])
        assert policy_file.foreign(attempt.content) == policy_file.foreign(before), attempt.commit
        for text in result["remaining"]:
            assert text in result["msg"]
    if world.get("failed_commit_took_effect"):
        assert all(attempt.result["undone"] for attempt in tried), "what takes effect in spite of its failure takes it back, too"
        return
    assert [attempt.result["undone"] for attempt in tried].count(True) < 3, "with the first commits there is nothing to take back"
    assert len(tried[-1].result["remaining"]) > 10


#: What may make a rule read otherwise when it is put back: its prefix has host bits, and Windows takes them away.
DRIFTING = "10.0.0.7/24"


def drifting(make_host: t.Callable[..., Host], *operations: t.Callable[[Host], dict[str, t.Any]], **switches: t.Any) -> tuple[policy_file.Content, Host, t.Any]:
    """A store with one more rule of ours, ``drifts``, the operations on it, and a last one that fails: the store before, and what came of it."""
    content = policy_file.add(estate(host_bits="mask", **switches), ours("drifts", remote_addresses=DRIFTING))
    host = make_host(content)
    result = host([*(operation(host) for operation in operations), new("a|b")])
    assert (result["failed"], result["done"], result["changed"]) == (True, len(operations), not result["undone"])
    return content, host, result


def test_an_edit_that_reads_otherwise_when_it_is_put_back_is_told(make_host: t.Callable[..., Host]) -> None:
    before, host, result = drifting(make_host, lambda host: edit(row_of(host, "drifts"), remote_addresses="10.9.0.0/16", description="x"))
    assert result["undone"] is False
    assert any("remote_addresses" in text and "does not read as before" in text for text in result["remaining"])
    assert any('the rule "drifts"' in text for text in result["remaining"])
    assert [one["remote_addresses"] for one in named(host.content, "drifts")] == ["10.0.0.0/24"]
    assert policy_file.foreign(host.content) == policy_file.foreign(before)


@pytest.mark.parametrize("lost", [False, True])
def test_a_removed_rule_that_reads_otherwise_when_it_is_added_again_is_told(lost: bool, make_host: t.Callable[..., Host]) -> None:
    switches = {"failed_commit_took_effect": True, "fail_commit_at": 2} if lost else {}
    before, host, result = drifting(make_host, lambda host: remove(row_of(host, "drifts")), **switches)
    assert result["undone"] is False
    assert sorted(text.split(":")[0] for text in result["remaining"]) == [
        'the rule "drifts" is not there as it was',
        'the rule "drifts" was not there before, or not like this',
    ]
    assert [one["remote_addresses"] for one in named(host.content, "drifts")] == ["10.0.0.0/24"], "once, also when the answer was lost"
    assert policy_file.foreign(host.content) == policy_file.foreign(before)


@pytest.mark.parametrize("live", [True, False])
def test_in_doubt_no_rule_is_removed_and_it_is_told(live: bool, make_host: t.Callable[..., Host]) -> None:
    """An added rule and one that could not be put back, both of one name: which is which is known by the object that was added, or not at all."""
    added, edited = new("drifts", remote_addresses="10.5.0.0/16"), {"remote_addresses": "10.9.0.0/16"}
    _before, host, result = drifting(make_host, lambda _host: added, lambda host: edit(row_of(host, "drifts"), **edited), added_object_is_live=live)
    assert result["undone"] is False and result["remaining"]
    left = sorted(one["remote_addresses"] for one in named(host.content, "drifts"))
    assert left == (["10.0.0.0/24"] if live else ["10.0.0.0/24", "10.5.0.0/16"])
    assert len([text for text in result["remaining"] if "was not there before" in text]) == len(left)


def test_rules_that_cannot_be_looked_at_are_not_taken_for_back(make_host: t.Callable[..., Host]) -> None:
    """The first of the rules that were added cannot be read any more: it is told, not believed to be gone."""
    host = make_host(estate(added_object_is_live=False, unreadable_rule="hidden"))
    result = host([new("hidden"), new("seen"), new("a|b")])
    assert (result["failed"], result["undone"]) == (True, False)
    assert result["remaining"] == ["there are rules that cannot be read, more than before"]
    assert [len(named(host.content, name)) for name in ("hidden", "seen")] == [1, 0]


def test_a_registry_that_is_denied_takes_everything_back(make_host: t.Callable[..., Host]) -> None:
    host = make_host(estate())
    operations = [operation for operation in everything(host) if operation["kind"] != "memory"] + [{"kind": "memory", "value": "x"}]
    digest = host()["state"]["digest"]
    host.switch(fail_memory=True)
    before = policy(host)
    result = host(operations, expected=digest)
    assert (result["failed"], result["undone"], result["done"]) == (True, True, len(operations) - 1)
    assert policy(host) == before


REFUSED: list[dict[str, t.Any]] = [
    {"remote_addresses": "0.0.0.0/0"},
    {"remote_addresses": "10.0.0.7/24"},
    {"remote_addresses": ",".join(f"10.0.{number // 250}.{number % 250 + 1}" for number in range(1001))},
    {"remote_addresses": "::1"},
    {"local_ports": "RPCEPMap"},
    {"local_ports": "80-79"},
    {"protocol": 256},
    {"direction": OUT, "edge": 1},
    {"description": "a|b"},
    {"name": "a|b"},
    {"name": "All"},
    {"name": "x" * 10_001},
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: json.dumps(bad)[:40])
def test_a_value_that_windows_refuses_takes_everything_back(bad: dict[str, t.Any], full: Host) -> None:
    before = policy(full)
    result = full([new("first"), new(**{"name": "second", **bad}), new("third")])
    assert (result["failed"], result["undone"], result["done"], result["failed_at"]) == (True, True, 1, 1)
    assert f'add "{bad.get("name", "second")}'[:100] in result["msg"]
    assert policy(full) == before


def test_a_process_that_dies_in_the_middle_leaves_rules_that_the_next_call_sees(make_host: t.Callable[..., Host]) -> None:
    host = make_host(estate(die_after_commits=3))
    operations, digest = everything(host), host.known()["digest"]
    with pytest.raises(json.JSONDecodeError):
        host(operations, expected=digest)
    host.switch(die_after_commits=0)
    assert host.content["counters"]["commits"] == 3
    assert host()["state"]["digest"] != digest
    assert [row["name"] for row in host.rows()].count("added") == 2
    assert "changed in between" in host(operations, expected=digest)["msg"]


def test_nothing_but_what_was_asked_for_is_in_the_journal(full: Host) -> None:
    full([new("one"), edit(row_of(full, "web"), description="x"), remove(row_of(full, "rpc"))])
    entries = [(entry["what"], entry["name"], entry["property"]) for entry in full.content["journal"]]
    assert entries == [("add", "one", None), ("put", "web", "description"), ("remove", "rpc", None)]


def test_an_unreadable_rule_of_others_is_no_hindrance_for_operations(full: Host) -> None:
    full.switch(unreadable_rule="WinRM over HTTPS")
    foreign = policy_file.foreign(full.content)
    assert not full([new("one"), remove(row_of(full, "twin", 1))]).get("failed")
    assert policy_file.foreign(full.content) == foreign


def test_where_a_name_cannot_be_read_no_name_is_known_to_be_unique(full: Host) -> None:
    row = row_of(full, "rpc")
    full.switch(unreadable_rule="WinRM over HTTPS")
    assert full([remove(row)])["counts"]["commits"] == 2
    assert not named(full.content, "rpc")


def test_a_rule_of_an_app_in_our_group_is_not_ours_to_remove(make_host: t.Callable[..., Host]) -> None:
    host = make_host(policy_file.add(policy_file.empty(), ours("app", app_package="S-1-15-2-1"), ours("plain")))
    state = host()["state"]
    assert [row[1] for row in state["rules"]] == ["plain"]
    assert [row[1] for row in state["others"]] == ["app"]


def test_one_rule_is_touched_once_in_a_call(full: Host) -> None:
    before = policy(full)
    web = row_of(full, "web")
    for operations in ([edit(web, description="x"), remove(web)], [remove(web), edit(web, description="x")], [remove(web), remove(web)]):
        result = full(operations)
        assert result["failed"] is True and len(result["problems"]) == 1, result
    assert policy(full) == before


def test_names_are_told_apart_in_every_order_of_the_operations(make_host: t.Callable[..., Host]) -> None:
    """Rules of one name: adding, renaming and removing them in one call, in any order, hits the rule that is meant."""
    first = make_host(estate(), "first")
    rows = [row for row in first.rows() if row["name"] == "twin"]
    operations = [new("twin", local_ports="9"), remove(rows[0]), edit(rows[1], name="TWIN 2", description="renamed")]
    for order in itertools.permutations(range(3)):
        host = make_host(estate(), "".join(map(str, order)))
        result = host([operations[place] for place in order], expected=first.known()["digest"])
        assert not result.get("failed"), (order, result["msg"])
        kept = sorted((one["name"], one["local_ports"], one["grouping"]) for one in host.content["rules"] if "twin" in one["name"].lower())
        assert kept == [("TWIN 2", "443", OURS), ("twin", "443", None), ("twin", "9", OURS)], order
