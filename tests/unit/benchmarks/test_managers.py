# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of firewalld and ufw: what they refuse, what they leave out and say so, and how rows of ratios are made. Nothing here is timed."""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import tests.benchmarks.__main__ as program  # noqa: E402  (a package of the checkout)
from tests.benchmarks import booted_host, managers, rivals  # noqa: E402
from tests.benchmarks.tables import Series  # noqa: E402

booted = booted_host.booted


# What a machine must have


def test_without_podman_the_reason_names_the_package(monkeypatch):
    monkeypatch.setattr(booted_host.os, "geteuid", lambda: 0)
    monkeypatch.setattr(booted_host.shutil, "which", lambda program: None if program == "podman" else f"/usr/bin/{program}")
    with pytest.raises(booted.CannotRun, match=r"missing packages: podman$"):
        booted_host.check()


def test_without_root_the_reason_says_so(monkeypatch):
    monkeypatch.setattr(booted_host.os, "geteuid", lambda: 1000)
    with pytest.raises(booted.CannotRun, match="root is needed"):
        booted_host.check()


def test_a_part_that_cannot_be_measured_is_told_and_the_others_are_measured(monkeypatch, capsys, tmp_path):
    measured = []

    def refuse():
        raise booted.CannotRun("no podman")

    monkeypatch.setattr(program, "OUTPUT", tmp_path)
    monkeypatch.setattr(program.checkout, "link", lambda: tmp_path)
    monkeypatch.setattr(booted_host, "check", refuse)
    monkeypatch.setitem(program.PARTS, "windows", lambda options: measured.append("windows"))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "firewalld", "ufw", "windows"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 1
    assert measured == ["windows"]
    shown = capsys.readouterr().out
    assert "firewalld: this machine cannot measure it: no podman" in shown
    assert "ufw: this machine cannot measure it: no podman" in shown


def test_options_reach_the_program_that_is_started_inside():
    assert program._chosen(argparse.Namespace(quick=True, no_loops=True, turns=3)) == ["--quick", "--no-loops", "--turns", "3"]
    assert program._chosen(argparse.Namespace(quick=False, no_loops=False, turns=None)) == []


# Rivals


def fake_role(folder):
    for name in ("tasks/main.yml", "library/firewall_lib.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    (folder / "CHANGELOG.md").write_text("Changelog\n\n[1.12.4] - 2026\n-----\n\n[1.12.3] - 2026\n", encoding="utf-8")
    return folder


def test_the_role_is_taken_from_the_path_that_is_given(tmp_path):
    copy = fake_role(tmp_path / "copy")
    found = rivals.role(tmp_path, {rivals.VARIABLE: str(copy)})
    assert found == ("linux-system-roles.firewall", "ANSIBLE_ROLES_PATH", str(tmp_path / "roles"), "linux-system-roles.firewall 1.12.4")
    assert (tmp_path / "roles" / rivals.ROLE).resolve() == copy


def test_a_path_without_the_role_is_refused_although_another_copy_is_there(tmp_path):
    fake_role(tmp_path / "there" / rivals.ROLE)
    environment = {rivals.VARIABLE: str(tmp_path / "nothing"), "ANSIBLE_ROLES_PATH": str(tmp_path / "there")}
    with pytest.raises(rivals.Missing, match=f"{rivals.VARIABLE} is .*/nothing, which is not a copy of the role"):
        rivals.role(tmp_path, environment)


def test_the_role_is_found_on_the_path_of_roles(tmp_path):
    copy = fake_role(tmp_path / "there" / rivals.ROLE)
    rivals.role(tmp_path, {"ANSIBLE_ROLES_PATH": f"{tmp_path}/empty:{tmp_path}/there"})
    assert (tmp_path / "roles" / rivals.ROLE).resolve() == copy


def test_the_role_is_found_in_a_collection(tmp_path):
    collection = tmp_path / "ansible_collections/fedora/linux_system_roles"
    (collection / "roles/firewall/tasks").mkdir(parents=True)
    (collection / "roles/firewall/tasks/main.yml").touch()
    (collection / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "1.120.5"}}), encoding="utf-8")
    found = rivals.role(tmp_path, {"ANSIBLE_ROLES_PATH": "", "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)})
    assert found == ("fedora.linux_system_roles.firewall", "ANSIBLE_COLLECTIONS_PATH", str(tmp_path), "fedora.linux_system_roles 1.120.5")


def test_without_the_role_the_reason_says_how_to_give_it(tmp_path):
    with pytest.raises(rivals.Missing, match=f"set {rivals.VARIABLE}"):
        rivals.role(tmp_path, {"ANSIBLE_ROLES_PATH": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)})


def test_only_the_two_collections_are_unpacked_and_once(monkeypatch, tmp_path):
    asked = []

    def download(command, **_more):
        asked.append(command[-1])
        with zipfile.ZipFile(pathlib.Path(command[command.index("--dest") + 1], "ansible-12.3.0-py3-none-any.whl"), "w") as wheel:
            for name in ("ansible/posix", "community/general", "community/windows", "community/general_more"):
                wheel.writestr(f"ansible_collections/{name}/MANIFEST.json", '{"version": "1.2.3"}')
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(rivals.subprocess, "run", download)
    folder = rivals.collections(tmp_path)
    assert rivals.collections(tmp_path) == folder
    assert len(asked) == 1
    assert asked[0].startswith("ansible==")
    there = {str(path.parent.relative_to(folder / "ansible_collections")) for path in folder.rglob("MANIFEST.json")}
    assert there == {"ansible/posix", "community/general"}
    assert rivals.version(folder, "ansible.posix") == "ansible.posix 1.2.3"


def test_what_cannot_be_downloaded_is_missing_with_the_words_of_pip(monkeypatch, tmp_path):
    monkeypatch.setattr(rivals.subprocess, "run", lambda command, **_more: subprocess.CompletedProcess(command, 1, "ERROR: no route\n"))
    with pytest.raises(rivals.Missing, match="cannot be downloaded: ERROR: no route"):
        rivals.collections(tmp_path)


# What runs, and whether it did what it should


def test_all_cases_are_given_the_same_rules():
    wanted = managers.rules(3)
    entry = managers.role_entry(wanted)
    assert entry["rich_rule"] == [
        f'rule family="ipv4" source address="10.0.{number}.0/24" port port="{10000 + number}" protocol="tcp" accept' for number in range(3)
    ]
    loop = managers.tasks("firewalld")[managers.LOOPED][0]["ansible.posix.firewalld"]["rich_rule"]
    shown = loop.replace("{{ item.remote_addresses[0] }}", "10.0.2.0/24").replace("{{ item.local_ports[0] }}", "10002")
    assert shown == entry["rich_rule"][2]


def test_the_role_is_a_rival_of_firewalld_only():
    assert managers.BULK in managers.tasks("firewalld")
    assert list(managers.tasks("ufw")) == [managers.NOTHING, managers.OURS, managers.LOOPED]


LISTING = """
table inet firewalld {
    chain policy {
        ip saddr 10.0.0.0/24 tcp dport 10000 accept
        ip saddr 10.0.1.0/24 tcp dport 10001 ct state { new, untracked } accept
        ip saddr 10.0.2.0/24 tcp dport 10002 drop
        ip saddr 192.0.2.1 tcp dport 22 accept
    }
}
table ip filter {
    chain ufw-user-input {
        ip saddr 10.0.3.0/24 tcp dport 10003 counter packets 0 bytes 0 accept
    }
}
"""


def test_rules_are_found_in_what_nft_lists():
    assert booted_host.live_rules(LISTING) == {("10.0.0.0/24", "10000"), ("10.0.1.0/24", "10001"), ("10.0.3.0/24", "10003")}


LIVE, SAVED = {("10.0.0.0/24", "10000"), ("10.0.1.0/24", "10001")}, {"10.0.0.0/24", "10.0.1.0/24"}


def test_a_run_that_did_what_it_should_passes():
    managers.check(managers.OURS, 2, managers.FIRST, True, LIVE, SAVED)
    managers.check(managers.OURS, 2, managers.UNCHANGED, False, LIVE, SAVED)
    managers.check(managers.NOTHING, 2, managers.FIRST, False, set(), set())


@pytest.mark.parametrize(
    ("run", "changed", "live", "saved", "words"),
    [
        (managers.FIRST, False, LIVE, SAVED, "changed is False"),
        (managers.UNCHANGED, True, LIVE, SAVED, "changed is True"),
        (managers.FIRST, True, {("10.0.0.0/24", "10000")}, SAVED, "in the kernel 1 rules are missing, and 0 are too many"),
        (managers.FIRST, True, LIVE | {("10.0.2.0/24", "10002")}, SAVED, "in the kernel 0 rules are missing, and 1 are too many"),
        (managers.FIRST, True, LIVE, {"10.0.0.0/24"}, "in the manager's files 1 rules are missing"),
    ],
)
def test_a_run_that_did_something_else_ends_the_benchmark(run, changed, live, saved, words):
    with pytest.raises(RuntimeError, match=words):
        managers.check(managers.OURS, 2, run, changed, live, saved)


# CPU time of a container


@pytest.mark.parametrize(
    ("groups", "path", "unit"),
    [
        ("3:cpuset:/\n2:cpuacct:/libpod_parent/libpod-0a1b\n0::/", "cpuacct/libpod_parent/libpod-0a1b/cpuacct.usage", 1e-9),
        (
            "4:cpu,cpuacct:/machine.slice/libpod-0a1b.scope/init.scope\n1:name=systemd:/libpod-0a1b",
            "cpuacct/machine.slice/libpod-0a1b.scope/cpuacct.usage",
            1e-9,
        ),
        ("0::/machine.slice/libpod-0a1b.scope/container/init.scope", "machine.slice/libpod-0a1b.scope/cpu.stat", 1e-6),
    ],
)
def test_the_cpu_time_is_that_of_the_whole_container(groups, path, unit):
    assert booted_host.cpu_file(groups, pathlib.Path("/sys/fs/cgroup")) == (pathlib.Path("/sys/fs/cgroup", path), unit)


def test_a_container_without_a_control_group_is_refused():
    with pytest.raises(booted.CannotRun, match="no control group of its own"):
        booted_host.cpu_file("2:cpuacct:/\n0::/", pathlib.Path("/sys/fs/cgroup"))


# Rows of ratios


def series(**seconds):
    """Return a series of two turns, the second twice as slow for everybody."""
    made = Series()
    for turn in (1, 2):
        for case, wall in seconds.items():
            for run in managers.RUNS:
                made.add((getattr(managers, case), 100, run), wall=wall * turn, task=wall * turn / 2, cpu=wall * turn / 4)
    return made


def rows(made, manager):
    return {(row[0], row[2]): row[3:] for row in managers.ratios(made, manager, (100,))}


def test_ratios_are_those_to_ours_with_what_is_wanted():
    found = rows(series(NOTHING=1.0, OURS=2.0, BULK=9.0, LOOPED=30.0), "firewalld")
    assert found[f"ours to {managers.NOTHING}", "first"] == [2.0, 2.0, 2.0, 2.0, ""]
    assert found[f"{managers.BULK} to ours", "first"] == [4.5, 4.5, 4.5, 4.5, ">= 4"]
    assert found[f"{managers.LOOPED} to ours", "unchanged"] == [15.0, 15.0, 15.0, 15.0, ">= 15"]
    assert len(found) == 6


def test_without_the_role_its_ratio_is_made_by_the_loop_and_says_so():
    found = rows(series(NOTHING=1.0, OURS=2.0, LOOPED=33.5), "firewalld")
    words = f"{managers.BULK} to ours, by the loop and the ratio of an earlier day"
    assert found[words, "first"] == [pytest.approx(5.0), "", "", "", ">= 4"]
    assert (f"{managers.BULK} to ours", "first") not in found


def test_without_loops_there_are_no_rows_of_them():
    assert [name for name, _run in rows(series(NOTHING=1.0, OURS=2.0), "ufw")] == [f"ours to {managers.NOTHING}"] * 2
    assert rows(series(NOTHING=1.0, OURS=2.0, LOOPED=80.0), "ufw")[f"{managers.LOOPED} to ours", "unchanged"][-1] == ">= 40"
