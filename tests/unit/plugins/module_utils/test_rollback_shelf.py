# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host keeps for a rollback: one token, which exactly one of confirmation and rollback takes."""

from __future__ import annotations

import os
import pathlib
import threading

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import ARMED, CONFIRMED, FIRING, Note, Pending, Shelf, since_boot

CODE = b"code"


@pytest.fixture
def shelf(tmp_path: pathlib.Path) -> Shelf:
    return Shelf("msports", str(tmp_path))


def pending(shelf: Shelf, nonce: str = "one", seconds: float = 60, boot: str = "") -> Pending:
    return Pending(nonce, "msports", "nftables", boot or shelf.boot(), since_boot() + seconds, None, {"old": 1}, {"new": [1, "é"]}, None)


def test_what_was_armed_is_read_back_and_gone_after_the_end(shelf: Shelf, tmp_path: pathlib.Path) -> None:
    armed = pending(shelf)
    shelf.arm(armed, CODE)
    assert shelf.look() == (ARMED, armed)
    assert (os.stat(shelf.folder).st_mode & 0o777, pathlib.Path(shelf.code).read_bytes()) == (0o700, CODE)
    shelf.finish()
    assert shelf.look() is None
    assert list((tmp_path / "var" / "lib").iterdir()) == []


def test_one_of_fire_and_confirm_gets_the_token(shelf: Shelf) -> None:
    taken: list[str] = []
    start = threading.Barrier(2)

    def take(phase: str) -> None:
        start.wait()
        if shelf.take("one", phase):
            taken.append(phase)

    for _turn in range(50):
        armed = pending(shelf)
        shelf.arm(armed, CODE)
        taken.clear()
        threads = [threading.Thread(target=take, args=(phase,)) for phase in (FIRING, CONFIRMED)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        assert shelf.look() == (taken[0], armed)
        shelf.finish()


@pytest.mark.parametrize(("phase", "other"), [(FIRING, CONFIRMED), (CONFIRMED, FIRING)])
def test_what_was_interrupted_is_given_again_and_never_to_the_other(shelf: Shelf, phase: str, other: str) -> None:
    shelf.arm(pending(shelf), CODE)
    assert shelf.take("another", phase) is None
    assert shelf.take("one", phase) == shelf.take("one", phase)
    assert shelf.take("one", other) is None


def test_the_time_left_ends_with_the_boot(shelf: Shelf) -> None:
    assert 59 < shelf.left(pending(shelf)) <= 60
    assert shelf.left(pending(shelf, seconds=-1)) == 0
    assert shelf.left(pending(shelf, boot="an earlier one")) == 0


def test_a_note_outlives_what_it_is_about(shelf: Shelf) -> None:
    note = Note("one", "msports", "2026-01-01T00:00:00Z", "why", ["what", "and what"])
    shelf.arm(pending(shelf), CODE)
    shelf.write_note(note)
    shelf.finish()
    assert (shelf.look(), shelf.note(), os.listdir(shelf.folder)) == (None, note, ["rolled_back.json"])
    shelf.forget_note()
    assert not os.path.exists(shelf.folder)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "nonce": "x"}', "nonsense"])
def test_a_file_that_is_not_understood_is_not_nothing(shelf: Shelf, text: str) -> None:
    os.makedirs(shelf.folder)
    pathlib.Path(shelf.folder, "armed.json").write_text(text)
    with pytest.raises(ValueError, match="/var/lib/portcullis/msports/msports/armed.json cannot be read"):
        shelf.look()


def test_a_folder_that_others_may_enter_is_no_place_for_what_root_runs(shelf: Shelf, tmp_path: pathlib.Path) -> None:
    os.makedirs(shelf.folder, 0o755)
    with pytest.raises(OSError, match="is not a folder that only root can enter"):
        shelf.arm(pending(shelf), CODE)
    os.rmdir(shelf.folder)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    os.symlink(tmp_path / "elsewhere", shelf.folder)
    with pytest.raises(OSError, match="is not a folder that only root can enter"):
        shelf.arm(pending(shelf), CODE)
    assert list((tmp_path / "elsewhere").iterdir()) == []
