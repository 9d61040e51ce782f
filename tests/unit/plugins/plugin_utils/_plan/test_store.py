# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving a plan directory: there and back, only what differs, and the old plan or the new one whenever it ends."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest
from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan import store
from ansible_collections.portcullis.msports.plugins.plugin_utils._files import file_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import claim
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load, plan_from
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import digest, save
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import Texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

SHARED = [rule("in", "tcp", "desk", ["443"])]


def example(*names: str, at: str = "10.0.0.0/24", **fields: t.Any) -> Plain:
    return plan({name: host(at=[f"10.0.0.{number}"], rules=SHARED) for number, name in enumerate(names, 1)}, {"desk": [at]}, **fields)


def named(made: Plain) -> list[str]:
    """Return the rulesets and sets of a plan as files."""
    texts = Texts(made)
    return [*sorted(f"rulesets/{found}.json" for found in texts.rulesets), *sorted(f"sets/{found}.json" for found in texts.sets)]


def files(folder: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()}


def unsaved(loaded: Plain) -> Plain:
    return {key: value for key, value in loaded.items() if key not in ("digest", "generation")}


def test_there_and_back(tmp_path: pathlib.Path) -> None:
    made = example("till", "lamp", notes=[{"code": "c", "host": None, "text": "ä"}])
    done = save(made, tmp_path)
    assert done.files == ["hosts/lamp.json", "hosts/till.json", *named(made), "index.json"]
    found = load(tmp_path)
    assert unsaved(found) == made
    assert (found["digest"], found["generation"]) == done[1:]
    assert plan_from(str(tmp_path)) == found
    assert plan_from(made) is made
    assert not list(tmp_path.rglob(".*"))


def test_the_same_plan_touches_no_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = save(example("till", "lamp"), tmp_path)
    before = files(tmp_path)
    monkeypatch.setattr(store.time, "time", lambda: 2**40)
    assert save(example("lamp", "till") | {"hosts": example("till", "lamp")["hosts"]}, tmp_path) == ([], first.digest, first.generation)
    assert save(load(tmp_path), tmp_path).files == []
    assert files(tmp_path) == before


def test_only_what_differs_is_written(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    changed = example("till", "lamp")
    changed["hosts"]["lamp"]["system"] = "windows"
    assert save(changed, tmp_path).files == ["hosts/lamp.json", "index.json"]


def test_nobody_s_ruleset_and_set_go(tmp_path: pathlib.Path) -> None:
    old, new = example("till"), example("till", at="10.7.0.0/24")
    save(old, tmp_path)
    assert save(new, tmp_path).files == sorted(["hosts/till.json", *named(old), *named(new)]) + ["index.json"]
    assert sorted(files(tmp_path)) == sorted(["hosts/till.json", *named(new), "index.json"])


def test_a_generation_grows_with_each_changed_save_whatever_the_clock_says(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for now, made in ((1000.5, example("till")), (1000.7, example("lamp")), (900, example("till")), (900, example("till")), (5000, example("lamp"))):
        monkeypatch.setattr(store.time, "time", lambda now=now: now)
        found.append(save(made, tmp_path).generation)
    assert found == [1000, 1001, 1002, 1002, 5000]


def test_an_index_that_was_edited_is_written_anew_and_later(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.time, "time", lambda: 1000)
    save(example("till"), tmp_path)
    path = tmp_path / "index.json"
    path.write_text(path.read_text().replace("1000", "3000"))
    assert save(example("till"), tmp_path).generation == 3001
    assert load(tmp_path)["generation"] == 3001


def test_check_writes_nothing_and_predicts(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.time, "time", lambda: 1000)
    folder = tmp_path / "plan"
    for made in (example("till", "lamp"), example("till"), example("till", at="10.7.0.0/24"), example()):
        before = files(tmp_path)
        predicted = save(made, folder, check=True)
        assert files(tmp_path) == before
        assert save(made, folder) == predicted
        assert save(made, folder, check=True).files == []
    folder.joinpath("hosts/till.json").touch()  # of nobody
    save(example("till"), folder)
    folder.joinpath("hosts/till.json").write_text("edited")
    assert save(example("till"), folder, check=True).files == ["hosts/till.json"]


def test_files_are_for_all_to_read_whatever_the_umask(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o077)
    try:
        save(example("till"), tmp_path)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.json")} == {0o644}


def test_a_write_that_fails_leaves_the_old_plan(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(example("till"), tmp_path)

    def full(*args: t.Any) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(MsportsError, match=r"cannot be written \(No space left on device\)"):
            save(example("till", at="10.7.0.0/24"), tmp_path)
    assert unsaved(load(tmp_path)) == example("till")


class Killed(BaseException):
    """What a process that is killed does at this point: nothing more."""


def interrupted(patch: pytest.MonkeyPatch, at: int, torn: bool) -> None:
    """Let the call number ``at`` that changes something be the last; ``torn``: a file that it opens is there, without its content."""
    count = iter(range(10**6))

    def counted(call: t.Callable[..., t.Any], opens: bool) -> t.Callable[..., t.Any]:
        def run(*args: t.Any, **options: t.Any) -> t.Any:
            if opens and not args[1] & os.O_CREAT:
                return call(*args, **options)
            number = next(count)
            if number < at:
                return call(*args, **options)
            if torn and opens and number == at:
                os.close(call(*args, **options))
            raise Killed  # and whatever it wanted to clean up, too

        return run

    for name in ("replace", "unlink", "open", "makedirs"):
        patch.setattr(os, name, counted(getattr(os, name), name == "open"))


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_whenever_a_save_ends_the_old_plan_or_the_new_one_is_there(tmp_path: pathlib.Path, first: bool, torn: bool) -> None:
    """Every single step of a save is the last one, once. Afterwards the plan reads as one of the two, and the next save comes to its end."""
    old = example("till", "lamp", "gone")
    new = example("till", "lamp", "new", at="10.7.0.0/24")
    new["hosts"]["lamp"]["system"] = "windows"
    outcomes = []
    for at in range(1000):
        folder = tmp_path / str(at)
        if not first:
            save(old, folder)
        with pytest.MonkeyPatch.context() as patch:
            interrupted(patch, at, torn)
            try:
                save(new, folder)
                break
            except Killed:
                pass
        if folder.joinpath("index.json").exists():
            found = unsaved(load(folder))
            assert found in (old, new)
            outcomes.append(found == new)
        else:
            assert first
        for following in (new, old):
            save(following, folder)
            assert unsaved(load(folder)) == following
            assert sorted(files(folder)) == sorted([*(f"hosts/{name}.json" for name in following["hosts"]), *named(following), "index.json"])
    assert at > 8, "nothing was interrupted"
    assert outcomes == sorted(outcomes), "there and back again"
    assert {True} <= set(outcomes) <= ({True} if first else {False, True})


def test_two_saves_at_once_wait_for_each_other(tmp_path: pathlib.Path) -> None:
    plans = [example("till", "lamp", at=f"10.{number}.0.0/24") for number in range(1, 4)]
    children = []
    for made in plans:
        child = os.fork()
        if not child:
            try:
                for _turn in range(5):
                    save(made, tmp_path)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert unsaved(load(tmp_path)) in plans
    assert len(files(tmp_path)) == 5


def test_who_left_loses_the_file(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    assert save(example("till"), tmp_path).files == ["hosts/lamp.json", "index.json"]
    assert list(load(tmp_path)["hosts"]) == ["till"]


def test_files_of_others_stay_even_in_a_plan_directory(tmp_path: pathlib.Path) -> None:
    save(example("till", "lamp"), tmp_path)
    precious = [tmp_path / place for place in ("hosts/precious.json", "rulesets/precious.json", "sets/README", "README")]
    for path in precious:
        path.write_text("{}")
    assert save(example("till"), tmp_path).files == ["hosts/lamp.json", "index.json"]
    assert all(path.exists() for path in precious)
    tmp_path.joinpath("hosts/till.json").unlink()
    assert save(example(), tmp_path).files == sorted(named(example("till"))[:1]) + ["index.json"]  # somebody removed the host's file before


def test_an_index_cannot_point_outside(tmp_path: pathlib.Path) -> None:
    """What is removed is named by the hosts of the index, never by anything else that it says."""
    folder, outside = tmp_path / "plan", tmp_path / "outside.json"
    save(example("till"), folder)
    outside.write_text("{}")
    index = json.loads(folder.joinpath("index.json").read_text())
    index["hosts"] = {"till": "../../outside.json", "/../../outside": "outside.json", "../../outside": ["x"]}
    folder.joinpath("index.json").write_text(json.dumps(index))
    save(example(), folder)
    assert outside.exists()
    assert sorted(files(folder)) == sorted([*named(example())[-1:], "index.json"])


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (
            {"hosts/precious.json": "{}"},
            "plan: holds files but no plan (index.json); expected a plan directory or an empty folder: empty it, or name another one",
        ),
        ({"README": ""}, "plan: holds files but no plan (index.json)"),
        ({"index.json": '{"name": "web site"}'}, "index.json: is not the index of a plan; expected a plan directory or an empty folder"),
        ({"index.json": '{"format": 2}'}, "index.json: is not the index of a plan"),
        ({"index.json": "[]"}, "index.json: is not the index of a plan"),
        ({"index.json": "<<<<<<<"}, "index.json: is not the index of a plan"),
        ({"index.json/page": ""}, "index.json: is no regular file"),
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


@pytest.mark.parametrize("name", ["hosts", "rulesets", "sets"])
@pytest.mark.parametrize("saved", [False, True])
def test_nothing_is_written_through_a_link(tmp_path: pathlib.Path, name: str, saved: bool) -> None:
    folder, outside = tmp_path / "plan", tmp_path / "outside"
    outside.mkdir()
    save(example("till"), folder)
    for path in folder.joinpath(name).iterdir():
        path.rename(outside / path.name)
    folder.joinpath(name).rmdir()
    folder.joinpath(name).symlink_to(outside)
    if not saved:
        folder.joinpath("index.json").rename(folder / ".msports-plan")
    before = files(outside)
    with pytest.raises(MsportsError, match=f"plan/{name}: is a symbolic link"):
        save(example("lamp", at="10.7.0.0/24"), folder)
    assert files(outside) == before


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(tmp_path: pathlib.Path) -> None:
    folder, outside = tmp_path / "plan", tmp_path / "outside.json"
    made = example("till")
    save(made, folder)
    for file in ("hosts/till.json", *named(made)):
        outside.write_bytes(folder.joinpath(file).read_bytes())
        folder.joinpath(file).unlink()
        folder.joinpath(file).symlink_to(outside)
        assert save(made, folder).files == [file]
        assert folder.joinpath(file).is_file() and not folder.joinpath(file).is_symlink()


def test_a_free_or_empty_folder_is_taken(tmp_path: pathlib.Path) -> None:
    assert claim(tmp_path / "new") == ({}, frozenset())
    tmp_path.joinpath(".gitkeep").touch()
    assert claim(tmp_path) == ({}, frozenset())
    save(example("a/b"), tmp_path)
    assert claim(tmp_path).files == {"a%2Fb.json"}
    tmp_path.joinpath("link").symlink_to(tmp_path)
    assert save(example("a/b"), tmp_path / "link").files == [], "the directory itself may be named by a link"


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


@pytest.mark.parametrize(("owner", "call"), [(os, "makedirs"), (pathlib.Path, "iterdir")])
def test_a_directory_that_this_user_may_not_use(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, owner: t.Any, call: str) -> None:
    def refuse(*args: t.Any, **options: t.Any) -> t.NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(owner, call, refuse)
    with pytest.raises(MsportsError, match=r"cannot be (read|written) \(Permission denied\); expected a plan directory that this user may"):
        save(example("till"), tmp_path)


def test_names_longer_than_a_file_may_have(tmp_path: pathlib.Path) -> None:
    long = [f"{'x' * 260}{last}" for last in "ab"] + ["y" * 250, "z" * 251, "\u00fc" * 60]
    made = example(*long)
    save(made, tmp_path)
    assert unsaved(load(tmp_path)) == made
    names = [file_name(name) for name in long]
    assert len(set(names)) == len(long) and max(map(len, names)) <= 255
    assert names[2] == "y" * 250 + ".json"
    assert names[0].startswith("x" * 150 + "~")
    assert len(save(example(), tmp_path).files) == len(long) + 2


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
