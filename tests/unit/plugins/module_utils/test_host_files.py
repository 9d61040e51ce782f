# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a run: all are on the disk before the first is in its place, and what fails or was killed leaves nothing."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import files
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import File, Link, Writing, tidy, write_all


def names(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full(*_arguments: t.Any, **_more: t.Any) -> None:
    raise OSError(28, "No space left on device")


def test_old_files_come_back_on_a_disk_that_is_full_by_now(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, gone, new = tmp_path / "user.rules", tmp_path / "record", tmp_path / "new"
    there.write_text("old\n" * 1000)
    there.chmod(0o640)
    gone.write_text("kept")
    inode = there.stat().st_ino
    writing = Writing({str(there): File("short"), str(gone): None, str(new): File("text", 0o600)})
    writing.commit()
    assert (there.read_text(), there.stat().st_mode & 0o777, gone.exists(), new.read_text()) == ("short", 0o640, False, "text")
    monkeypatch.setattr(files.os, "open", full)
    writing.undo()
    monkeypatch.undo()
    assert (there.read_text(), gone.read_text(), there.stat().st_ino, there.stat().st_mode & 0o777) == ("old\n" * 1000, "kept", inode, 0o640)
    assert names(tmp_path) == ["record", "user.rules"]


def test_what_cannot_be_written_aside_changes_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, folder = tmp_path / "first", tmp_path / "second", tmp_path / "folder"
    first.write_text("old")
    folder.mkdir()
    for path in (folder, first / "below a file"):
        with pytest.raises(OSError, match=f"cannot write {path}: "):
            Writing({str(first): File("new"), str(path): File("x")})
        assert (first.read_text(), names(tmp_path)) == ("old", ["first", "folder"])
    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            Writing({str(second): File("x")})
    assert names(tmp_path) == ["first", "folder"]


def test_links_are_put_in_place_like_files(tmp_path: pathlib.Path) -> None:
    link, other = tmp_path / "link", tmp_path / "other"
    link.write_text("a file, once")
    other.symlink_to("elsewhere")
    writing = Writing({str(link): Link("/new"), str(other): None})
    writing.commit()
    assert (os.readlink(link), names(tmp_path)) == ("/new", [".portcullis-kept-link", ".portcullis-kept-other", "link"])
    writing.undo()
    assert (link.read_text(), os.readlink(other), names(tmp_path)) == ("a file, once", "elsewhere", ["link", "other"])


@pytest.mark.parametrize("left", [".portcullis-x", ".portcullis-kept-x"])
def test_what_a_killed_run_has_left_is_no_obstacle_and_goes(tmp_path: pathlib.Path, left: str) -> None:
    path = tmp_path / "portcullis" / "msports" / "x"
    path.parent.mkdir(parents=True)
    path.with_name(left).write_text("of a run that was killed")
    write_all({str(path): File("new")})
    path.with_name(left).write_text("of a run that was killed")
    tidy([str(path)])
    assert names(path.parent) == ["x"]
    write_all({str(path): None})
    assert names(tmp_path) == []
    path.parent.parent.mkdir()
    tidy([str(path)])
    assert names(tmp_path) == []
