# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of ufw's programs and of files on a made-up host: everything is as it was, or told."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import files, xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError

from ufw_machine import NEVER, SSH, Machine


@pytest.mark.parametrize("failure", ["check 4", "check 6", "load 4", "load 6"])
def test_a_failure_leaves_or_puts_back_everything(machine: Machine, failure: str) -> None:
    machine(SSH)
    before = machine.state()
    machine.kernel.refuses = failure
    with pytest.raises(UfwError, match="made up"):
        machine(NEVER, default_inbound="reject")
    machine.kernel.refuses = None
    assert machine.state() == before
    assert machine(NEVER, default_inbound="reject")["changed"]


def test_absent_takes_the_files_first_and_a_failure_puts_them_back(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart in the middle ends without the rules: ufw loads its files."""
    before = machine.state()[0]
    machine(SSH, default_inbound="reject")
    applied, files = machine.state(), []
    load = machine.kernel.load

    def seen(version: int, text: str) -> None:
        files.append(machine.state()[0])
        load(version, text)

    monkeypatch.setattr(machine.kernel, "load", seen)
    machine.kernel.refuses = "load 6"
    with pytest.raises(UfwError, match="made up; the rules from before are still in force"):
        machine(state="absent")
    assert machine.state() == applied
    machine.kernel.refuses = None
    machine(state="absent")
    clean = {name: text for name, text in files[0].items() if ".portcullis-kept" not in name}
    assert clean == before


@pytest.mark.parametrize("timeout", [0, 60])
@pytest.mark.parametrize("obstacle", ["a file for a folder", "a folder for the file", "read-only"])
def test_an_obstacle_changes_nothing_and_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch, obstacle: str, timeout: int) -> None:
    machine(SSH)
    if obstacle == "read-only":
        monkeypatch.setattr(files.os, "open", read_only(machine, os.open))
    elif obstacle == "a file for a folder":
        machine.write("portcullis", "")
    else:
        (machine.root / "etc/portcullis/msports/msports.ufw.json").mkdir(parents=True)
    before = machine.state()
    with pytest.raises(UfwError, match="cannot (write|read) .*etc/"):
        machine(NEVER, default_inbound="reject", rollback_timeout=timeout)
    assert machine.state() == before


def read_only(machine: Machine, genuine: t.Callable[..., int]) -> t.Callable[..., int]:
    def opened(path: str, flags: int, *mode: int, **more: t.Any) -> int:
        if str(path).startswith(str(machine.root / "etc")) and flags & os.O_CREAT:
            raise OSError(30, "Read-only file system")
        return genuine(path, flags, *mode, **more)

    return opened


def test_what_a_killed_run_has_left_goes_with_the_next(machine: Machine) -> None:
    machine(SSH)
    before = machine.state()
    for name in ("ufw/.portcullis-user.rules", "ufw/.portcullis-kept-user6.rules", "default/.portcullis-ufw", "portcullis/msports/.portcullis-x.ufw.json"):
        machine.write(name.replace("-x.", "-msports."), "half a file")
    assert not machine(SSH, check=True)["changed"]
    assert machine.state() != before, "check mode removes nothing"
    assert not machine(SSH)["changed"]
    assert (machine.state(), (machine.root / "etc/portcullis").exists()) == (before, False)


def test_a_file_that_cannot_be_written_leaves_everything(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine.state()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(host.os, "fsync", full)
    with pytest.raises(UfwError, match=r"cannot write .*: No space left on device; nothing was changed"):
        machine(SSH, default_inbound="reject")
    assert machine.state() == before
    monkeypatch.undo()
    renames = []

    def second_fails(source: str, target: str) -> None:
        renames.append(target)
        if len(renames) == 3:
            raise OSError(5, "Input/output error")
        os.replace(source, target)

    monkeypatch.setattr(host.os, "rename", second_fails)
    with pytest.raises(UfwError, match="the old files are back"):
        machine(SSH, default_inbound="reject")
    assert machine.state() == before


def test_a_failure_puts_back_a_builtin_chain_once(machine: Machine) -> None:
    """A chain that is builtin keeps its lines in ``iptables-restore --noflush``, so putting it back must not add them again."""
    machine.kernel.tables[4].policies["INPUT"] = "ACCEPT"
    machine.kernel.tables[4].chains["INPUT"].insert(0, "-A INPUT -p tcp --dport 9 -j DROP")
    before = machine.state()
    machine.kernel.refuses = "load 6"
    with pytest.raises(UfwError, match="made up; the rules from before are still in force"):
        machine(SSH)
    assert machine.state() == before


def test_chains_that_are_missing_are_built_by_ufw_itself(machine: Machine) -> None:
    machine(SSH)
    machine.kernel.tables[4] = xtables.parse_save(":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")
    before = machine.state()
    machine.kernel.refuses = "start"
    with pytest.raises(UfwError, match="the old files are back"):
        machine(SSH, NEVER)
    assert machine.state() == before
    machine.kernel.refuses = None
    predicted = machine(SSH, NEVER, check=True)
    done = machine(SSH, NEVER)
    assert predicted["structure"] == done["structure"] == ["chains of ufw (IPv4)", "chains of ufw (IPv6)"]
    assert (predicted["diff"], done["effective"]["in_force"]) == (done["diff"], True)
    assert not machine(SSH, NEVER)["changed"]
    machine.kernel.tables[4] = xtables.parse_save(":INPUT ACCEPT [0:0]\n")
    machine.kernel.service = False
    stopped = machine(SSH)
    assert (stopped["changed"], stopped["effective"]["in_force"]) == (True, False)
    assert "its service is stopped" in stopped["effective"]["reasons"][0]
