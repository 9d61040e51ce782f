# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a plan directory: every file has to be the one that the plan means, and a host costs its own files alone."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan import read
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff
from ansible_collections.portcullis.msports.plugins.plugin_utils._files import file_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import NO_PLAN, load, load_host, plan_from, read_index
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import Texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

SHARED = [rule("in", "tcp", "desk", ["443"]), rule("in", "udp", "lab", ["53"])]
SETS = {"desk": ["10.0.0.0/24"], "lab": ["10.1.0.0/24"], "shop": ["10.2.0.0/24"]}
NOT_IT = "is not the file that the plan means: it was edited, cut off, or comes from another plan; plan again, or fetch the published directory whole"


def made() -> Plain:
    own = [rule("in", "tcp", "shop", ["80"])]
    return plan({"a": host(rules=SHARED), "b": host(rules=SHARED, at=["10.0.0.2"]), "c": host(rules=own), "d": host()}, SETS)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    save(made(), tmp_path / "plan")
    return tmp_path / "plan"


def parts(folder: pathlib.Path, name: str = "c") -> list[pathlib.Path]:
    """Return the files that a host is made of, in the order in which they are read."""
    entry = json.loads(folder.joinpath("hosts", file_name(name)).read_text())
    ruleset = folder / "rulesets" / f"{entry['ruleset']}.json"
    sets = json.loads(ruleset.read_text())["sets"].values()
    return [folder / "index.json", folder / "hosts" / file_name(name), ruleset, *(folder / "sets" / f"{digest}.json" for digest in sets)]


def edited(path: pathlib.Path, _folder: pathlib.Path) -> str:
    text = path.read_text()
    path.write_text(text.replace("10.2.0", "10.3.0").replace('"80"', '"81"').replace('"linux"', '"windows"').replace('"orphaned"', '"orphaned" '))
    assert path.read_text() != text
    return NOT_IT


def with_one_blank_more(path: pathlib.Path, _folder: pathlib.Path) -> str:
    path.write_text(path.read_text() + "\n")
    return NOT_IT


def truncated(path: pathlib.Path, _folder: pathlib.Path) -> str:
    path.write_bytes(path.read_bytes()[:-20])
    return NOT_IT if path.name != "index.json" else "is no JSON"


def empty(path: pathlib.Path, _folder: pathlib.Path) -> str:
    path.write_bytes(b"")
    return NOT_IT if path.name != "index.json" else "is no JSON"


def gone(path: pathlib.Path, _folder: pathlib.Path) -> str:
    path.unlink()
    return NO_PLAN if path.name == "index.json" else "cannot be read (No such file or directory); expected a plan directory that the plan action wrote, whole"


def a_link(path: pathlib.Path, folder: pathlib.Path) -> str:
    """To the very same content: what it says tomorrow is somebody else's to decide."""
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")
    return "is a symbolic link, and links are not followed; put what it points to in its place, or plan again"


def a_pipe(path: pathlib.Path, _folder: pathlib.Path) -> str:
    path.unlink()
    os.mkfifo(path)
    return "is no regular file; plan again"


def of_another_plan(path: pathlib.Path, folder: pathlib.Path) -> str:
    other = made()
    other["hosts"]["c"]["rules"] = [rule("in", "tcp", "shop", ["1-65535"])]
    other["sets"]["shop"]["addresses"] = ["any"]
    save(other, folder.parent / "other")
    shutil.copy(parts(folder.parent / "other")[parts(folder).index(path)], path)
    return NOT_IT


@pytest.mark.parametrize("part", range(1, 4), ids=["host", "ruleset", "set"])
@pytest.mark.parametrize("damage", [edited, with_one_blank_more, truncated, empty, gone, a_link, a_pipe, of_another_plan])
def test_a_part_that_is_not_the_plan_s_is_refused_by_name(folder: pathlib.Path, part: int, damage: t.Callable[..., str]) -> None:
    index, path = read_index(folder), parts(folder)[part]
    message = damage(path, folder)
    own = index["hosts"]["c"]
    for reading in (lambda: load(folder), lambda: load(folder, only=["c"]), lambda: load_host(folder, "c", own), lambda: plan_from(str(folder))):
        with pytest.raises(MsportsError) as error:
            reading()
        assert str(error.value) == f"{path}: {message}"
    assert load(folder, only=["a"])["hosts"]["a"] == made()["hosts"]["a"], "others have nothing to do with it"


@pytest.mark.parametrize("damage", [edited, with_one_blank_more, truncated, empty, gone, a_link, a_pipe])
def test_an_index_that_is_not_the_plan_s_is_refused_by_name(folder: pathlib.Path, damage: t.Callable[..., str]) -> None:
    message = damage(folder / "index.json", folder)
    with pytest.raises(MsportsError) as error:
        load(folder)
    assert str(error.value).startswith(f"{folder / 'index.json'}: {message}")


@pytest.mark.parametrize("name", ["hosts", "rulesets", "sets"])
def test_a_folder_that_is_a_link_is_refused(folder: pathlib.Path, name: str) -> None:
    index = read_index(folder)
    folder.joinpath(name).rename(folder.parent / "elsewhere")
    folder.joinpath(name).symlink_to(folder.parent / "elsewhere")
    for reading in (lambda: load(folder), lambda: load_host(folder, "c", index["hosts"]["c"])):
        with pytest.raises(MsportsError, match=f"plan/{name}: is a symbolic link"):
            reading()


def test_a_host_s_file_is_its_own(folder: pathlib.Path) -> None:
    """Even where an index says so, a host does not get the file of another."""
    path = folder / "index.json"
    index = read_index(folder)
    index["hosts"]["c"] = index["hosts"]["a"]
    shutil.copy(folder / "hosts" / "a.json", folder / "hosts" / "c.json")
    rest = json.dumps({key: value for key, value in index.items() if key != "digest"})[1:] + "\n"
    path.write_text(f'{{\n"digest": "{hashlib.sha256(rest.encode()).hexdigest()}",\n{rest}')
    with pytest.raises(MsportsError, match="hosts/c.json: 'a': is not the file of c; plan again"):
        load(folder)


def test_all_bad_files_are_told_at_once(folder: pathlib.Path) -> None:
    for path in (*folder.glob("hosts/*"), parts(folder)[3]):
        path.write_text("broken")
    with pytest.raises(MsportsError) as error:
        load(folder)
    assert len(error.value.problems) == 4


def rewritten(folder: pathlib.Path, text: str) -> None:
    rest = text.partition("\n")[2]
    folder.joinpath("index.json").write_text(f'{{\n"digest": "{hashlib.sha256(rest.encode()).hexdigest()}",\n{rest}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "index.json: expected a JSON object; plan again"),
        ("{}", "index.json: expected format 2; plan again with this version of the collection"),
        ('{"format": 1}', "index.json: 1: expected format 2; plan again with this version of the collection"),
        ('{"format": 2}', NOT_IT),
        ('{\n"format": 2,\n"hosts": {}}', "index.json: lacks catalogs, generation, inputs, networks, notes, off, orphaned, partial_inventory, peers, today"),
    ],
)
def test_an_index_of_something_else(folder: pathlib.Path, text: str, message: str) -> None:
    folder.joinpath("index.json").write_text(text) if "\n" not in text else rewritten(folder, text)
    with pytest.raises(MsportsError) as error:
        load(folder)
    assert message in str(error.value)


def test_only_some_hosts(folder: pathlib.Path) -> None:
    found = load(folder, only=["c", "unknown"])
    assert (list(found["hosts"]), list(found["sets"])) == (["c"], ["shop"])


def test_one_host_costs_its_own_files(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, wanted, opened = read_index(folder), parts(folder)[1:], []
    read_file = read.read_file
    monkeypatch.setattr(read, "read_file", lambda path: (opened.append(pathlib.Path(path)), read_file(path))[1])
    found = load_host(folder, "c", index["hosts"]["c"])
    assert opened == wanted
    assert (found["hosts"], found["sets"], found["ruleset"]) == ({"c": made()["hosts"]["c"]}, {"shop": made()["sets"]["shop"]}, wanted[1].stem)


def test_hosts_share_their_rules_when_read_again(folder: pathlib.Path) -> None:
    hosts = load(folder)["hosts"]
    assert hosts["a"]["rules"] is hosts["b"]["rules"]


def test_a_directory_is_read_once_for_many_questions(folder: pathlib.Path) -> None:
    first = plan_from(str(folder))
    assert plan_from(str(folder)) is first
    changed = made()
    del changed["hosts"]["d"]
    save(changed, folder)
    assert list(plan_from(str(folder))["hosts"]) == ["a", "b", "c"]


def test_an_unchanged_host_is_the_plan_s_own_entry_and_is_not_read(folder: pathlib.Path) -> None:
    texts = Texts(made())
    shutil.rmtree(folder / "hosts")
    found = load(folder, beside=texts)
    assert all(found["hosts"][name] is entry for name, entry in texts.plan["hosts"].items())
    assert not plan_diff(found, texts.plan)["changed"]


@pytest.mark.parametrize("change", ["rule", "set of one", "set of two", "gone", "new", "options"])
def test_the_difference_is_the_same_as_with_everything_read(folder: pathlib.Path, change: str) -> None:
    after = copy.deepcopy(made())
    if change == "rule":
        after["hosts"]["c"]["rules"][0]["local_ports"] = ["443"]
    elif change.startswith("set"):
        after["sets"]["shop" if "one" in change else "desk"]["addresses"] = ["10.9.0.0/24"]
    elif change == "gone":
        del after["hosts"]["a"]
    elif change == "new":
        after["hosts"]["e"] = copy.deepcopy(after["hosts"]["c"])
    else:
        after["hosts"]["a"]["default_inbound"] = "allow"
    difference = plan_diff(load(folder, beside=Texts(after)), after)
    assert difference == plan_diff(load(folder), after)
    assert difference["changed"]


def test_a_folder_without_a_plan_says_how_to_make_one(tmp_path: pathlib.Path) -> None:
    with pytest.raises(MsportsError, match="index.json: no plan is here; make one: ansible-playbook -i inventory.yml portcullis.msports.plan"):
        load(tmp_path)
