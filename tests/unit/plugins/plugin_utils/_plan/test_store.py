# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan directory: there and back, only what differs, whole files only, and every mistake told."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest
from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import digest, file_name, load, orphans, plan_from, save
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

SHARED = [rule("in", "tcp", "desk", ["443"])]


def example(*names: str, **fields: t.Any) -> Plain:
    return plan({name: host(at=[f"10.0.0.{number}"], rules=SHARED) for number, name in enumerate(names, 1)}, {"desk": ["10.0.0.0/24"]}, **fields)


def files(folder: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_there_and_back(tmp_path: pathlib.Path) -> None:
    made = example("till", "lamp", notes=[{"code": "c", "host": None, "text": "ä"}])
    assert save(made, tmp_path) == ["hosts/lamp.json", "hosts/till.json", "sets.json", "index.json"]
    assert load(tmp_path) == made
    assert plan_from(str(tmp_path)) == made
    assert plan_from(made) is made


def test_only_some_hosts(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    assert list(load(tmp_path, only=["lamp", "unknown"])["hosts"]) == ["lamp"]


def test_the_same_plan_touches_no_file(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    before = files(tmp_path)
    assert save(example("lamp", "till") | {"hosts": example("till", "lamp")["hosts"]}, tmp_path) == []
    assert files(tmp_path) == before


def test_only_what_differs_is_written(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    changed = example("till", "lamp")
    changed["hosts"]["lamp"]["system"] = "windows"
    assert save(changed, tmp_path) == ["hosts/lamp.json"]


def test_files_are_text_that_diffs(tmp_path: pathlib.Path) -> None:
    save(example("till"), tmp_path)
    for path in tmp_path.rglob("*.json"):
        text = path.read_text(encoding="ascii")
        assert text == json.dumps(json.loads(text), sort_keys=True, indent=1) + "\n"
        assert path.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(example("till"), tmp_path)
    before = files(tmp_path)

    def full(*args: t.Any) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    changed = example("till")
    changed["hosts"]["till"]["system"] = "windows"
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save(changed, tmp_path)
    assert files(tmp_path) == before  # and nothing half written beside it
    assert load(tmp_path) == example("till")


def test_the_index_is_written_last(tmp_path: pathlib.Path) -> None:
    """Its digest says that the rest is complete."""
    order: list[str] = []
    save(example("till"), tmp_path)
    replace = os.replace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", lambda old, new: (order.append(pathlib.Path(new).name), replace(old, new)))
        save({**example("till", "lamp"), "digest": "e" * 64, "sets": {}}, tmp_path)
    assert order[-1] == "index.json"
    assert len(order) == 3


def test_who_left_loses_the_file_and_is_orphaned(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    assert save(example("till"), tmp_path) == ["hosts/lamp.json", "index.json"]
    assert load(tmp_path)["orphaned"] == ["lamp"]
    save(example("till"), tmp_path)
    assert load(tmp_path)["orphaned"] == ["lamp"]  # until it has a ruleset again
    save(example("till", "lamp"), tmp_path)
    assert load(tmp_path)["orphaned"] == []


def test_a_slice_orphans_nobody(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp", orphaned=["old"]), tmp_path)
    assert orphans(example("till", whole=False), tmp_path) == ["old"]


@pytest.mark.parametrize("text", [None, "{", "[]"], ids=["missing", "no JSON", "no object"])
def test_orphans_of_an_unreadable_directory_are_those_of_the_plan(tmp_path: pathlib.Path, text: t.Optional[str]) -> None:
    if text is not None:
        tmp_path.joinpath("index.json").write_text(text)
    assert orphans(example("till", orphaned=["old"]), tmp_path) == ["old"]


@pytest.mark.parametrize(
    ("broken", "text", "message"),
    [
        ("index.json", None, "index.json: (missing): cannot be read (No such file or directory); expected a plan directory that the plan action wrote"),
        ("index.json", "{", "is no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); plan again"),
        ("index.json", "[]", "index.json: expected a JSON object; plan again"),
        ("index.json", "{}", "index.json: expected format 1; plan again with this version of the collection"),
        ("index.json", '{"format": 2}', "index.json: 2: expected format 1; plan again with this version of the collection"),
        ("index.json", '{"format": 1}', "index.json: expected the names of hosts and of their files; plan again"),
        ("index.json", '{"format": 1, "hosts": ["till"]}', "index.json: ['till']: expected the names of hosts and of their files; plan again"),
        ("sets.json", "\x00", "sets.json: is no JSON"),
        ("hosts/till.json", None, "hosts/till.json: cannot be read"),
        ("hosts/till.json", "3", "hosts/till.json: expected a JSON object; plan again"),
    ],
)
def test_bad_files(tmp_path: pathlib.Path, broken: str, text: t.Optional[str], message: str) -> None:
    save(example("till"), tmp_path)
    path = tmp_path / broken
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(MsportsError) as error:
        load(tmp_path)
    assert message.replace("(missing): ", "") in str(error.value)


def test_all_bad_files_are_told_at_once(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    for path in [*tmp_path.glob("hosts/*"), tmp_path / "sets.json"]:
        path.write_text("broken")
    with pytest.raises(MsportsError) as error:
        load(tmp_path)
    assert len(error.value.problems) == 3


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mp01.example.com", "mp01.example.com.json"),
        ("web_01-a", "web_01-a.json"),
        ("a/b", "a%2Fb.json"),
        ("..", "%2E..json"),
        (".hidden", "%2Ehidden.json"),
        ("fd00::1", "fd00%3A%3A1.json"),
        ("100%", "100%25.json"),
        ("zürich", "z%C3%BCrich.json"),
        ("with blank", "with%20blank.json"),
    ],
)
def test_file_names(tmp_path: pathlib.Path, name: str, file: str) -> None:
    assert file_name(name) == file
    save(example(name), tmp_path)
    assert [path.name for path in tmp_path.joinpath("hosts").iterdir()] == [file]
    assert list(load(tmp_path)["hosts"]) == [name]


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, min_size=2, max_size=2))
def test_two_hosts_never_share_a_file(pair: list[str]) -> None:
    assert file_name(pair[0]) != file_name(pair[1])
    assert "/" not in file_name(pair[0])


def test_digests_depend_on_the_content_alone() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 64


@pytest.mark.parametrize("value", [None, 3, {}, {"hosts": {}}, ["a"]])
def test_what_is_no_plan(value: t.Any) -> None:
    with pytest.raises(MsportsError, match="expected a plan, as the plan filter or action gives it, or the path of a plan directory"):
        plan_from(value)
