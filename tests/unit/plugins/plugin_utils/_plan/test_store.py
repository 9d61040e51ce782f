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
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import claim, file_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load, plan_from
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import digest, orphans, save
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


def test_files_are_for_all_to_read_whatever_the_umask(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o077)
    try:
        save(example("till"), tmp_path)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.json")} == {0o644}


def test_a_write_that_fails_leaves_the_old_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(example("till"), tmp_path)
    before = files(tmp_path)

    def full(*args: t.Any) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    changed = example("till")
    changed["hosts"]["till"]["system"] = "windows"
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(MsportsError, match=r"cannot be written \(No space left on device\)"):
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
    assert order == ["lamp.json", "till.json", "sets.json", "index.json"]


def test_the_folder_of_hosts_is_there_whole_or_not_at_all(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a first save that broke off, nothing is left that the next one would take for somebody else's."""
    opened = os.open

    def full(path: str, *args: t.Any, **options: t.Any) -> int:
        if str(path).endswith("till.json"):
            raise OSError(28, "No space left on device")
        return opened(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(MsportsError, match=r"cannot be written \(No space left on device\)"):
            save(example("till", "lamp"), tmp_path)
    assert files(tmp_path) == {}
    assert len(save(example("till", "lamp"), tmp_path)) == 4


def test_who_left_loses_the_file_and_is_orphaned(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    assert save(example("till"), tmp_path) == ["hosts/till.json", "hosts/lamp.json", "index.json"]  # whose rules stood in the file of the other
    assert load(tmp_path)["orphaned"] == ["lamp"]
    save(example("till"), tmp_path)
    assert load(tmp_path)["orphaned"] == ["lamp"]  # until it has a ruleset again
    save(example("till", "lamp"), tmp_path)
    assert load(tmp_path)["orphaned"] == []


def test_files_of_others_stay_even_in_a_plan_directory(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    precious = [tmp_path / "hosts" / "precious.json", tmp_path / "README"]
    for path in precious:
        path.write_text("{}")
    assert save(example("till"), tmp_path) == ["hosts/till.json", "hosts/lamp.json", "index.json"]
    assert all(path.exists() for path in precious)
    precious[0].unlink()
    tmp_path.joinpath("hosts/till.json").unlink()
    assert save(example(), tmp_path) == ["index.json"]  # somebody removed the file before


def test_an_index_cannot_point_outside(tmp_path: pathlib.Path) -> None:
    """What is removed is named by the hosts of the index, never by the paths that it gives."""
    folder, outside = tmp_path / "plan", tmp_path / "outside.json"
    save(example("till"), folder)
    outside.write_text("{}")
    index = json.loads(folder.joinpath("index.json").read_text())
    index["hosts"] = {"till": "../../outside.json", "/../../outside": "outside.json"}
    folder.joinpath("index.json").write_text(json.dumps(index))
    assert save(example(), folder) == ["hosts/till.json", "index.json"]
    assert outside.exists()


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (
            {"hosts/precious.json": "{}"},
            "plan: holds files but no plan (index.json); expected a plan directory or an empty folder: empty it, or name another one",
        ),
        ({"README": ""}, "plan: holds files but no plan (index.json)"),
        ({"index.json": '{"name": "web site"}'}, "index.json: is not the index of a plan; expected a plan directory or an empty folder"),
        ({"index.json": '{"format": 1}'}, "index.json: is not the index of a plan"),
        ({"index.json": "[]"}, "index.json: is not the index of a plan"),
        ({"index.json": "<<<<<<<"}, "index.json: is not the index of a plan"),
        ({"index.json/page": ""}, "plan: cannot be read (Is a directory)"),
    ],
)
def test_a_folder_of_something_else_is_left_alone(tmp_path: pathlib.Path, there: dict[str, str], message: str) -> None:
    folder = tmp_path / "plan"
    for name, text in there.items():
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(name).write_text(text)
    before = files(folder)
    for refused in (lambda: claim(folder), lambda: save(example("till"), folder)):
        with pytest.raises(MsportsError) as error:
            refused()
        assert message in str(error.value)
    assert files(folder) == before


def test_a_free_or_empty_folder_is_taken(tmp_path: pathlib.Path) -> None:
    assert claim(tmp_path / "new") == frozenset()
    tmp_path.joinpath(".gitkeep").touch()
    assert claim(tmp_path) == frozenset()
    save(example("a/b"), tmp_path)
    assert claim(tmp_path) == {"a%2Fb.json"}


def test_a_directory_that_cannot_be(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for directory, message in (
        (file, "file: is a file; expected a plan directory, or a name that is free"),
        (file / "below", "below: cannot be written (Not a directory); expected a plan directory that this user may write"),
    ):
        with pytest.raises(MsportsError) as error:
            save(example("till"), directory)
        assert str(error.value).endswith(message)
    assert file.read_text() == ""


@pytest.mark.parametrize("call", ["mkdir", "iterdir"])
def test_a_directory_that_this_user_may_not_use(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse(*args: t.Any, **options: t.Any) -> t.NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, call, refuse)
    with pytest.raises(MsportsError, match=r"cannot be (read|written) \(Permission denied\); expected a plan directory that this user may"):
        save(example("till"), tmp_path)


@pytest.mark.parametrize(
    ("file", "at", "message"),
    [
        ("hosts/till.json", ["rules"], "till.json: lacks rules; plan again"),
        ("hosts/till.json", ["management"], "till.json: lacks management; plan again"),
        ("hosts/till.json", ["rules", 0, "helper"], "till.json: holds rules that lack some of action, because,"),
        ("index.json", ["inputs"], "index.json: lacks inputs; plan again"),
    ],
)
def test_entries_that_lack_something(tmp_path: pathlib.Path, file: str, at: list[t.Any], message: str) -> None:
    save(example("till"), tmp_path)
    content = json.loads(tmp_path.joinpath(file).read_text())
    inner = content
    for key in at[:-1]:
        inner = inner[key]
    del inner[at[-1]]
    tmp_path.joinpath(file).write_text(json.dumps(content))
    with pytest.raises(MsportsError) as error:
        load(tmp_path)
    assert message in str(error.value)
    with pytest.raises(MsportsError):
        load(tmp_path, beside=example("till", "lamp") if file != "index.json" else None)


def test_rules_that_are_no_list(tmp_path: pathlib.Path) -> None:
    save(example("till"), tmp_path)
    path = tmp_path / "hosts" / "till.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rules": {"a": 1}}))
    with pytest.raises(MsportsError, match="holds rules that lack some of"):
        load(tmp_path)


def test_names_longer_than_a_file_may_have(tmp_path: pathlib.Path) -> None:
    long = [f"{'x' * 260}{last}" for last in "ab"] + ["y" * 250, "z" * 251, "\u00fc" * 60]
    made = example(*long)
    save(made, tmp_path)
    assert load(tmp_path) == made
    names = [file_name(name) for name in long]
    assert len(set(names)) == len(long) and max(map(len, names)) <= 255
    assert names[2] == "y" * 250 + ".json"
    assert names[0].startswith("x" * 150 + "~")
    assert len(save(example(), tmp_path)) == len(long) + 1


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


@given(st.lists(st.text(min_size=1, max_size=300), unique=True, min_size=2, max_size=2))
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
