# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in's store: what it holds and counts after calls that went well, failed or died, and what it is like when fresh."""

from __future__ import annotations

import typing as t

import policy_file
from conftest import Host
from naive_executor import Outcome


def test_an_enumerator_that_fails_looks_like_the_end_to_a_naive_reader(naive: t.Callable[..., Outcome]) -> None:
    everything = len(policy_file.fresh_server()["rules"])
    assert naive("CountRules").value == everything
    assert naive("CountRules", enumeration_fails_at=10).value == 9


def test_a_process_that_dies_leaves_what_it_had_done(naive: t.Callable[..., Outcome]) -> None:
    died = naive("TwoAdds", die_after_commits=1)
    assert died.code != 0
    assert [rule["name"] for rule in died.content["rules"][-1:]] == ["one"]
    assert died.content["counters"]["commits"] == 1


def test_absent_names(naive: t.Callable[..., Outcome]) -> None:
    assert naive("RemoveAbsent").value == "went well"
    assert naive("RemoveAbsent").content["counters"]["commits"] == 0
    assert naive("ItemAbsent").value.startswith("FileNotFoundException")


def test_every_put_on_a_stored_rule_is_a_commit_and_is_in_the_journal(naive: t.Callable[..., Outcome]) -> None:
    content = naive("ChangeAdded").content
    assert content["counters"]["commits"] == 2
    assert [(entry["commit"], entry["what"], entry["name"], entry["property"], entry["value"]) for entry in content["journal"]] == [
        (1, "add", "naive", None, None),
        (2, "put", "naive", "description", "changed"),
    ]


def test_a_failed_commit_is_none(naive: t.Callable[..., Outcome]) -> None:
    content = naive("TwoAdds", fail_commit_at=2).content
    assert (content["counters"]["commits"], content["counters"]["failed_commits"]) == (1, 1)


def test_the_file_has_the_shape_that_the_helpers_write(naive: t.Callable[..., Outcome]) -> None:
    # a file that says nothing gets every default of the C#, which are those of the table here
    bare = {"format": 1, "profiles": {name: {} for name in policy_file.PROFILES}, "rules": [{"name": "bare", "enabled": True}]}
    content = naive("CountRules", content={**bare, "switches": {}}).content
    expected = policy_file.empty()
    assert list(content["switches"].items()) == list(expected["switches"].items())
    assert content["profiles"] == expected["profiles"]
    assert list(content) == list(expected)
    assert content["rules"] == [policy_file.rule("bare")]
    assert set(content["counters"]) == set(expected["counters"])


def test_a_fresh_server_is_like_one(naive: t.Callable[..., Outcome]) -> None:
    content = policy_file.fresh_server(exchange=True)
    rules = content["rules"]
    enabled = [rule for rule in rules if rule["enabled"]]
    assert len(rules) >= 60 and 30 <= len(enabled) < len(rules)
    names = [rule["name"] for rule in rules]
    assert len(set(names)) < len(names), "Windows itself has rules of one name"
    assert any(rule["name"].startswith("@{") and rule["app_package"] for rule in rules)
    # what it holds is what the store itself would keep: reading and writing changes nothing
    assert policy_file.state(naive("CountRules", content=content).content) == policy_file.state(content)


def test_connections_that_cannot_be_read_are_unknown(make_host: t.Callable[..., Host]) -> None:
    """The stand-in alone can play that: the TCP table of Wine can always be read."""
    assert isinstance(make_host({**policy_file.empty(), "sessions": None})()["state"]["sessions"], str)
