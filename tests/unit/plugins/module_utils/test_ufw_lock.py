# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of ufw beside a run, on a made-up host: its lock, and what was read before us."""

from __future__ import annotations

import fcntl
import multiprocessing
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError

from ufw_machine import NEVER, SSH, USER, Machine


def _hold(path: str, ready: t.Any, done: t.Any) -> None:
    with open(path, "w") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        ready.set()
        done.wait(30)


def test_the_lock_of_ufw_is_waited_for(machine: Machine) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(machine.root / host.LOCK), ready, done))
    other.start()
    try:
        assert ready.wait(30)
        waited = []

        def pause(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 3:
                done.set()
                other.join(30)

        with host.locked(str(machine.root), False, pause):
            assert len(waited) == 3
        assert not other.is_alive()
    finally:
        done.set()
        other.join(30)
    ready, never = context.Event(), context.Event()
    again = context.Process(target=_hold, args=(str(machine.root / host.LOCK), ready, never))
    again.start()
    try:
        assert ready.wait(30)
        with (
            pytest.raises(UfwError, match=r"held the lock .*/run/ufw.lock for 1 seconds; nothing was changed.*'fuser -v .*run again"),
            host.locked(str(machine.root), False, lambda _seconds: None, 1),
        ):
            pass
    finally:
        again.kill()
        again.join(30)


def test_a_command_of_ufw_that_has_read_before_us_is_outlived(machine: Machine) -> None:
    """It waits for our lock with what it has read, and then writes our rules away."""
    command = machine.root / "proc/77"
    command.mkdir()
    (command / "cmdline").write_bytes(b"/usr/bin/python3\0/usr/sbin/ufw\0allow\0" + b"1\0")
    other = machine.root / "proc/78"
    other.mkdir()
    (other / "cmdline").write_bytes(b"/usr/bin/vi\0/etc/ufw\0")
    (machine.root / "proc/79").mkdir()
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            machine.write("ufw/user.rules", USER)
            (command / "cmdline").unlink()

    made = machine.host()
    made.pause = pause
    done = reconcile.run({"rules": [SSH]}, host=made)
    assert (done["added"], done["effective"]["in_force"], len(pauses)) == (["ssh"], True, 3)
    assert "comment=" in (machine.root / "etc/ufw/user.rules").read_text()
    assert not machine(SSH)["changed"]
    # One that never ends is not waited for without end.
    (command / "cmdline").write_bytes(b"/usr/sbin/ufw\0status\0")
    stubborn = machine(NEVER)
    assert stubborn["removed"] == ["ssh"]
    assert [text for text in stubborn["warnings"] if "commands of ufw that began before our writing have not ended yet (processes 77)" in text]
    assert not [text for text in done["warnings"] + machine(NEVER)["warnings"] if "commands of ufw" in text]


def test_commands_of_ufw_that_follow_each_other_without_end_are_told(machine: Machine) -> None:
    """Each writes our rules away and ends; the next one is there already."""
    names = iter(range(100, 200))
    running: list[pathlib.Path] = []

    def begin() -> None:
        running.append(machine.root / f"proc/{next(names)}")
        running[-1].mkdir()
        (running[-1] / "cmdline").write_bytes(b"/usr/bin/python3\0/usr/sbin/ufw\0allow\0")

    def pause(_seconds: float) -> None:
        machine.write("ufw/user.rules", USER)
        (running[-1] / "cmdline").unlink()
        begin()

    begin()
    made = machine.host()
    made.pause = pause
    done = reconcile.run({"rules": [SSH]}, host=made)
    assert len(running) == 1 + reconcile.ATTEMPTS
    assert [text for text in done["warnings"] if f"have not ended yet (processes {running[-1].name})" in text]


def test_check_mode_makes_no_lock(machine: Machine) -> None:
    machine(SSH, check=True)
    assert not (machine.root / host.LOCK).exists()
    machine(SSH)
    assert (machine.root / host.LOCK).exists()
    assert not machine(SSH, check=True)["changed"]
