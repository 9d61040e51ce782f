# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was applied to which host is recorded beside the plan; who lags behind and who is an orphan follows from it."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.applied import begins_to_close, lagging, orphans, record, recorded, settings_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import Texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule


def planned(*names: str, port: str = "443", **fields: t.Any) -> Plain:
    return plan({name: host(rules=[rule("in", "tcp", "desk", [port])], **fields) for name in names}, {"desk": ["10.0.0.0/24"]})


def apply(folder: pathlib.Path, made: Plain, *names: str) -> None:
    texts = Texts(made)
    for name in names:
        settings = settings_of(made["hosts"][name])
        record(str(folder), name, {"state": "present", "file": texts.hosts[name], "ruleset": texts.ruleset_of(name), "settings": settings})


def behind(folder: pathlib.Path, made: Plain, leave_out: t.Sequence[str] = ()) -> list[str]:
    texts = Texts(made)
    return lagging(recorded(str(folder), leave_out), texts.hosts, lambda name: (texts.ruleset_of(name), settings_of(made["hosts"][name])))


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "plan"


def test_who_was_left_out_lags_behind_and_who_was_never_seen_does_not(folder: pathlib.Path) -> None:
    apply(folder, planned("a", "b", "c"), "a", "b")
    changed = planned("a", "b", "c", "new", port="80")
    assert behind(folder, changed) == ["a", "b"]
    assert behind(folder, changed, leave_out=["b"]) == ["a"]
    apply(folder, changed, "a")
    assert behind(folder, changed) == ["b"]
    assert behind(folder, planned("c", port="80")) == [], "who is not planned is an orphan"


@pytest.mark.parametrize(
    ("field", "value", "lags"), [("default_inbound", "allow", True), ("management", {}, True), ("features", ["x"], False), ("at", ["10.1.1.1"], False)]
)
def test_what_changes_no_rule_makes_nobody_lag(folder: pathlib.Path, field: str, value: t.Any, lags: bool) -> None:
    apply(folder, planned("a"), "a")
    changed = planned("a", **{field: value})
    assert Texts(changed).hosts != Texts(planned("a")).hosts
    assert behind(folder, changed) == (["a"] if lags else [])


def test_a_host_that_was_emptied_lags_while_it_is_planned(folder: pathlib.Path) -> None:
    apply(folder, planned("a"), "a")
    record(str(folder), "a", {"state": "absent"})
    assert behind(folder, planned("a")) == ["a"]


def test_an_orphan_is_one_until_it_is_emptied_or_planned_again(folder: pathlib.Path) -> None:
    apply(folder, planned("a", "b"), "a", "b")
    saved = {"hosts": {"never": "digest"}, "orphaned": ["old"]}
    assert orphans(planned("a"), saved, recorded(str(folder))) == ["b", "never", "old"], "that no apply was recorded does not say that there was none"
    for name in ("b", "never", "old"):
        record(str(folder), name, {"state": "absent"})
    assert orphans(planned("a"), saved, recorded(str(folder))) == []
    assert orphans(planned("a", "old"), {"orphaned": ["old"]}, {}) == []


def test_a_part_of_the_inventory_makes_no_orphans_and_forgets_none(folder: pathlib.Path) -> None:
    apply(folder, planned("a", "b"), "a", "b")
    part = {**planned("a"), "partial_inventory": True}
    assert orphans(part, {"hosts": {"b": "digest"}, "orphaned": ["old"]}, recorded(str(folder))) == ["old"]


def test_what_is_no_record_says_nothing(folder: pathlib.Path) -> None:
    assert recorded(str(folder)) == {}
    apply(folder, planned("a"), "a")
    beside = folder.with_name("plan.applied")
    for name, text in (("b.json", "{"), ("c.json", "[]"), ("d.json", '{"host": "e"}'), ("README", "x")):
        beside.joinpath(name).write_text(text)
    beside.joinpath("f.json").symlink_to(beside / "a.json")
    assert list(recorded(str(folder))) == ["a"]


def test_a_record_is_whole_and_written_only_when_it_says_something_new(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(folder, planned("a"), "a")
    (path,) = folder.with_name("plan.applied").iterdir()
    before = path.stat().st_mtime_ns
    apply(folder, planned("a"), "a")
    assert path.stat().st_mtime_ns == before

    def full(*args: t.Any) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        apply(folder, planned("a", port="80"), "a")
    assert list(path.parent.iterdir()) == [path]
    assert behind(folder, planned("a")) == []


@pytest.mark.parametrize(
    ("entry", "closing", "begins"),
    [
        ({"state": "present", "closes_inbound": False}, {"closes_inbound": True}, True),
        ({"state": "present", "closes_inbound": True, "closes_outbound": False}, {"closes_inbound": True, "closes_outbound": True}, True),
        ({"state": "present", "closes_inbound": True}, {"closes_inbound": True, "closes_outbound": True}, False),
        ({"state": "present", "closes_inbound": False}, {"closes_inbound": False}, False),
        ({"state": "absent", "closes_inbound": False}, {"closes_inbound": True}, False),
        (None, {"closes_inbound": True}, False),
    ],
)
def test_what_begins_to_close_is_known_from_the_record_alone(folder: pathlib.Path, entry: t.Optional[Plain], closing: dict[str, bool], begins: bool) -> None:
    if entry is not None:
        record(str(folder), "a", entry)
    assert begins_to_close(str(folder), "a", closing) is begins
