# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection plugin of stand-in hosts: a call for each module call, what it says of itself, and what it refuses in words."""

from __future__ import annotations

import json
import pathlib
import textwrap
import typing as t

import policy_file
import pytest
from conftest import READ, ROOT, run_playbook
from engine_cases import MODULE


def task(text: str) -> str:
    return "- hosts: all\n  gather_facts: false\n  tasks:\n" + textwrap.indent(textwrap.dedent(text).strip(), "    ") + "\n"


def calls(folder: pathlib.Path) -> list[dict[str, t.Any]]:
    return [json.loads(line) for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for name in ("w1", "w2"):
        policy_file.write(tmp_path / f"{name}.json", policy_file.fresh_server())
    return tmp_path


def test_one_module_call_is_one_call_of_the_connection_and_hosts_run_side_by_side(folder: pathlib.Path) -> None:
    code, said = run_playbook(folder, READ, ["w1", "w2"], MSPORTS_STAND_IN_CALLS=str(folder / "calls"))
    assert code == 0, said
    made = calls(folder)
    assert sorted((call["host"], call["what"], call["module"], call["operations"]) for call in made) == [
        ("w1", "exec_command", MODULE, 0),
        ("w2", "exec_command", MODULE, 0),
    ]
    for name in ("w1", "w2"):
        assert policy_file.read(folder / f"{name}.json")["counters"]["calls"] == 1


def test_it_says_once_per_host_and_run_what_it_is(folder: pathlib.Path) -> None:
    code, said = run_playbook(folder, READ + READ.split("tasks:\n")[1].split("      environment:")[0], ["w1", "w2"])
    assert code == 0, said
    said = " ".join(said.split())
    for name in ("w1", "w2"):
        assert said.count(f"{name} is a stand-in for a Windows host") == 1
        assert policy_file.read(folder / f"{name}.json")["counters"]["calls"] == 2


REFUSALS = [
    ("raw", "- ansible.builtin.raw: whoami", "not a command that starts ansible-core's bootstrap wrapper", "refused"),
    (
        "sudo",
        "- {portcullis.msports.win_firewall_policy: {owner: msports}, become: true}",
        "Become plugin sudo is not supported by the Windows exec wrapper",
        None,
    ),
    (
        "runas",
        "- {portcullis.msports.win_firewall_policy: {owner: msports}, become: true, become_method: runas, become_user: SYSTEM}",
        "without files, become, async and coverage",
        "refused",
    ),
    ("a file", "- {ansible.builtin.copy: {content: x, dest: 'C:/x'}}", "without files, become", "refused"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case[0])
def test_what_cannot_be_played_fails_in_words(case: tuple[str, str, str, t.Optional[str]], folder: pathlib.Path) -> None:
    _name, text, sentence, what = case
    code, said = run_playbook(folder, task(text), ["w1"], MSPORTS_STAND_IN_CALLS=str(folder / "calls"))
    assert code != 0
    assert sentence in " ".join(said.split())
    if what:
        assert calls(folder)[-1]["what"] == what
    assert policy_file.read(folder / "w1.json")["counters"]["calls"] == 0


def test_async_fails_in_words(folder: pathlib.Path) -> None:
    text = "- {portcullis.msports.win_firewall_policy: {owner: msports}, async: 60, poll: 1}"
    code, said = run_playbook(folder, task(text), ["w1"])
    assert code != 0
    assert "only a plain module can be run here, without files, become, async and coverage" in " ".join(said.split())


def test_a_host_without_a_file_is_told(folder: pathlib.Path) -> None:
    code, said = run_playbook(folder, READ, ["w3"])
    assert code != 0
    assert f"no file {folder}/w3.json for the stand-in host w3" in " ".join(said.split())


def test_the_connection_is_not_in_the_collection() -> None:
    ignored = ROOT.joinpath("galaxy.yml").read_text(encoding="utf-8").split("build_ignore:")[1]
    assert "  - tests\n" in ignored
    assert not list(ROOT.joinpath("plugins").rglob("*stand_in*"))
