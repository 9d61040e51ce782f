# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on nftables: the lock spans a run, ends with it, leaves nothing, and works where its file cannot be made."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import nft
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import lock, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Store

RULE = {"name": "https", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["any"]}


def impatient(_seconds: float) -> None:
    """Waits for no time at all."""


def is_held(root: pathlib.Path) -> bool:
    """Tell whether a second run would have to wait."""
    try:
        with lock.held(str(root), False, impatient, 0):
            return False
    except NftError:
        return True


class FakeNft(nft.Nft):
    """Starts nothing; notes whether the lock was held whenever it was asked for something."""

    def __init__(self, root: pathlib.Path) -> None:
        super().__init__("/usr/sbin/nft")
        self.root = root
        self.seen: list[tuple[str, bool]] = []

    def _run(self, arguments: list[str], given: str = "") -> tuple[int, str, str]:
        self.count += 1
        self.seen.append((arguments[-1] if given == "" else "check" if "-c" in arguments else "load", is_held(self.root)))
        return 0, "", ""


@pytest.fixture(params=["run", "no run", "read-only run"])
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    if request.param != "no run":
        (tmp_path / "run").mkdir()
    if request.param == "read-only run":
        real = os.open

        def refuses(path: str, flags: int, *more: t.Any) -> int:
            if str(path).endswith(lock.LOCK):
                raise OSError(errno.EROFS, "Read-only file system")
            return real(path, flags, *more)

        monkeypatch.setattr(lock.os, "open", refuses)
    return tmp_path


def test_a_run_holds_the_lock_from_its_reading_to_its_saving(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, saved = FakeNft(root), []
    save = Store.save
    monkeypatch.setattr(Store, "save", lambda *given: (saved.append(is_held(root)), save(*given))[1])
    host = reconcile.Host(nft=program, root=str(root), environment={}, proc=str(root / "proc"), pause=impatient)
    done = reconcile.run({"rules": [RULE], "allow_lockout": True}, host=host)
    assert [held for _what, held in program.seen] == [True] * 4
    assert saved == [True]
    assert (root / "etc/portcullis/msports/msports.nft").exists()
    assert not is_held(root)
    assert not [text for text in done["warnings"] if "lock" in text]
    assert not (root / lock.LOCK).exists()
    program.seen.clear()
    reconcile.run({"state": "absent"}, host=host)
    reconcile.inspect("msports", host)
    assert program.seen
    assert not list((root / "run").glob("*")), "nothing is left"


def test_a_lock_that_is_held_too_long_is_told_and_nothing_was_changed(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, pauses = FakeNft(root), []
    host = reconcile.Host(nft=program, root=str(root), environment={}, proc=str(root / "proc"), pause=pauses.append)
    with lock.held(str(root), False):
        with pytest.raises(NftError, match=r"another run has held the lock .* for 60 seconds; nothing was changed. .*run again"):
            reconcile.run({"rules": [RULE]}, host=host)
        assert is_held(root), "whoever failed has not taken it away"
    assert (program.seen, 59 < sum(pauses) < 61) == ([], True)
    assert not is_held(root)


def test_a_failure_gives_the_lock_back(root: pathlib.Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.held(str(root), False):
        raise ZeroDivisionError
    assert not is_held(root)


def test_who_waits_gets_the_lock_although_its_file_is_another_by_then(tmp_path: pathlib.Path) -> None:
    (tmp_path / "run").mkdir()
    first = lock.held(str(tmp_path), False)
    first.__enter__()
    waited = []

    def pause(_seconds: float) -> None:
        waited.append(is_held(tmp_path))
        if len(waited) == 3:
            first.__exit__(None, None, None)

    with lock.held(str(tmp_path), False, pause):
        assert waited == [True] * 3
        assert is_held(tmp_path)
    assert not (tmp_path / lock.LOCK).exists()


def test_the_file_of_a_run_that_was_killed_holds_up_nobody(tmp_path: pathlib.Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / lock.LOCK).touch()
    with lock.held(str(tmp_path), True) as warnings:
        assert warnings == []
    assert (tmp_path / lock.LOCK).exists(), "check mode writes nothing"
    assert not is_held(tmp_path)
    assert not (tmp_path / lock.LOCK).exists()


def test_check_mode_makes_no_file_but_waits_for_a_run_that_has_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "run").mkdir()
    with lock.held(str(tmp_path), True):
        assert not (tmp_path / lock.LOCK).exists()
    with lock.held(str(tmp_path), False):
        assert (tmp_path / lock.LOCK).stat().st_mode & 0o777 == 0o600, "nobody else may hold up a run"
        with pytest.raises(NftError, match="another run has held the lock"), lock.held(str(tmp_path), True, impatient, 0):
            pass


def test_a_file_system_without_locks_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuses)
    with lock.held(str(tmp_path), False) as warnings:
        assert warnings == [
            "no lock could be taken (No locks available): a run at the same time may save other rules than those that are in force, which the next run repairs"
        ]
