# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that asks a real Windows host, played against the stand-in: it passes there, fails in the right rows, and leaves nothing."""

from __future__ import annotations

import json
import pathlib
import re
import sys
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "windows")]

import playbook_runs  # noqa: E402  (they lie in folders of their own)
import policy_file  # noqa: E402

PLAYBOOK = ROOT / "playbooks" / "windows_acceptance.yml"
SESSION = {"peer": "10.9.0.5", "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986}
CHECKS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "playbooks" / "tasks").glob("windows_acceptance_*.yml"))}
POWERSHELL = {"remove_by_name", "group_policy", "keywords", "export", "powershell_7", "versions"}
ALL = {name for text in CHECKS.values() for name in re.findall(r"(?m)^    check: (\w+)$", text)} | POWERSHELL | {"others"}


class Asked(t.NamedTuple):
    """The table by check, with the first word of each line as its result, and the store before and after."""

    rows: dict[str, str]
    lines: dict[str, str]
    played: playbook_runs.Played
    before: policy_file.Content
    after: policy_file.Content


def ask(folder: pathlib.Path, store: policy_file.Content, only: t.Collection[str] = (), *, clean_only: bool = False, rules: int = 20) -> Asked:
    place = playbook_runs.Place(folder, ROOT / "tests" / "lab" / "collections")
    path = policy_file.write(folder / "w1.json", store)
    host = {"ansible_connection": "portcullis.lab.windows_stand_in", "msports_stand_in": str(path), "msports_stand_in_engine": "mono"}
    inventory = place.write("hosts.yml", yaml.safe_dump({"windows_acceptance": {"hosts": {"w1": host}}}))
    chosen = {
        "windows_acceptance_rules": rules,
        "windows_acceptance_powershell": False,
        "windows_acceptance_only": list(only),
        "windows_acceptance_clean_only": clean_only,
    }
    played = place.play("-i", inventory, "portcullis.msports.windows_acceptance", "-e", json.dumps(chosen))
    told = played.by_task().get("The answers", {}).get("msg", [])
    lines = {line[8:].split()[0]: line for line in told}
    return Asked({name: line[:8].strip() for name, line in lines.items()}, lines, played, store, policy_file.read(path))


def server(**switches: t.Any) -> policy_file.Content:
    store = policy_file.fresh_server(remote_desktop=True)
    store["sessions"] = [SESSION]
    return policy_file.switch(store, **switches)


@pytest.mark.every_core
def test_every_check_passes_where_windows_is_as_assumed_and_nothing_is_left(tmp_path: pathlib.Path) -> None:
    asked = ask(tmp_path, server())
    assert asked.played.code == 0, asked.played.output[-4000:]
    assert set(asked.rows) == ALL
    assert asked.rows == {name: "not run" if name in POWERSHELL else "told" if name == "host_bits" else "pass" for name in ALL}
    assert policy_file.state(asked.after) == policy_file.state(asked.before)
    assert "is refused" in asked.lines["host_bits"]
    assert asked.after["counters"]["commits"] > 2 * 20


# What is different in a Windows -> the checks that must see it; all others that are made must pass. Several differences stand in one
# run, because a run takes seconds; each belongs to other checks.
OTHERWISE: dict[str, tuple[dict[str, t.Any], set[str], set[str]]] = {
    "what the store takes": (
        {"duplicate_names": False, "max_addresses": 500, "max_text": 1000, "fail_memory": True},
        {"twins", "many_addresses", "texts", "memory", "audit"},
        {"twins_other", "edit", "addresses", "default_action"},
    ),
    "commits that fail": ({"fail_commit_at": 1}, {"halves", "edit", "default_action"}, {"digest"}),
    "what can be read": ({"unreadable_rule": "Remote Desktop - User Mode (TCP-In)"}, {"reads"}, {"profiles", "guard"}),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_otherwise_is_seen_in_its_own_row(name: str, tmp_path: pathlib.Path) -> None:
    switches, wrong, right = OTHERWISE[name]
    asked = ask(tmp_path, server(**switches), wrong | right)
    assert asked.played.code == 2
    assert asked.rows == {**dict.fromkeys(wrong, "FAIL"), **dict.fromkeys(right, "pass")}, asked.lines
    assert "docs/windows-acceptance.md" in asked.played.by_task()["End with the verdict"]["msg"]
    assert policy_file.foreign(asked.after) == policy_file.foreign(asked.before)


def test_a_session_that_is_not_seen_and_what_becomes_of_host_bits_are_told(tmp_path: pathlib.Path) -> None:
    store = server(host_bits="keep")
    store["sessions"] = []
    asked = ask(tmp_path, store, {"reads", "guard", "host_bits"})
    assert asked.rows == {"reads": "FAIL", "guard": "FAIL", "host_bits": "told"}
    assert "comes back as 192.0.2.7/255.255.255.0" in asked.lines["host_bits"]


def test_what_a_run_that_was_cut_off_left_is_removed_by_the_next(tmp_path: pathlib.Path) -> None:
    store = server()
    clean = policy_file.state(store)
    for owner in ("acc_bulk", "acc_bulk", "acc_twins"):
        policy_file.add(store, policy_file.rule("left", grouping=f"portcullis:{owner}", protocol=6, local_ports="48888"))
    store["memory"] = {"settings": yaml.safe_load(PLAYBOOK.read_text(encoding="utf-8"))[0]["vars"]["windows_acceptance_kept"]}
    asked = ask(tmp_path, store, clean_only=True)
    assert asked.played.code == 0, asked.played.output[-4000:]
    assert asked.rows == {}
    assert policy_file.state(asked.after) == clean


def test_a_memory_that_a_host_has_already_is_left_alone(tmp_path: pathlib.Path) -> None:
    """There is one for all owners: whoever asks a host that is managed must not make it forget."""
    place = playbook_runs.Place(tmp_path / "managed", ROOT / "tests" / "lab" / "collections")
    path = policy_file.write(tmp_path / "managed" / "w1.json", server())
    host = {"ansible_connection": "portcullis.lab.windows_stand_in", "msports_stand_in": str(path), "msports_stand_in_engine": "mono"}
    inventory = place.write("hosts.yml", yaml.safe_dump({"all": {"hosts": {"w1": host}}}))
    tasks = [{"portcullis.msports.win_firewall_ruleset": {"default_outbound": "block"}}]
    play = place.write("play.yml", yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    played = place.play("-i", inventory, play)
    managed = policy_file.read(path)
    assert played.code == 0 and managed["memory"], played.output[-4000:]
    asked = ask(tmp_path / "asked", managed, {"memory", "audit"})
    assert asked.rows == {"memory": "not run", "audit": "pass"}, asked.lines
    assert policy_file.state(asked.after) == policy_file.state(managed)


def test_there_is_no_check_mode(tmp_path: pathlib.Path) -> None:
    place = playbook_runs.Place(tmp_path, ROOT / "tests" / "lab" / "collections")
    path = policy_file.write(tmp_path / "w1.json", server())
    host = {"ansible_connection": "portcullis.lab.windows_stand_in", "msports_stand_in": str(path)}
    inventory = place.write("hosts.yml", yaml.safe_dump({"windows_acceptance": {"hosts": {"w1": host}}}))
    played = place.play("-i", inventory, "portcullis.msports.windows_acceptance", "--check")
    assert played.code == 2 and "no check mode" in played.output
    assert policy_file.read(path)["counters"]["calls"] == 0


def test_the_page_says_of_every_check_what_to_do() -> None:
    page = ROOT.joinpath("docs", "windows-acceptance.md").read_text(encoding="utf-8")
    rows = {name for line in page.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert rows >= ALL
