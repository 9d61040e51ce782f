# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files for the next boot, below a root of the test's own."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import files as host_files
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Saved, Store


@pytest.fixture
def root(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    monkeypatch.setattr(services, "call", lambda *_arguments: None)  # nobody is to be told
    return tmp_path


def files(root: pathlib.Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or path.is_file()}


def save(store: Store, text: t.Optional[str]) -> bool:
    """Save rules, or remove them; return whether systemd must read its units again."""
    staged = store.stage(None if text is None else Saved(text, "least"))
    store.save(staged)
    return staged.units


def lines(store: Store, text: str) -> list[tuple[str, bool]]:
    return store.lines(Saved(text, "least"))


def test_save_writes_once_and_sees_every_drift(root: pathlib.Path) -> None:
    store = Store("own", "/sbin/nft", str(root))
    assert all("is missing" in line for line, _right in lines(store, "rules\n"))
    assert save(store, "rules\n") is True
    assert all(right for _line, right in lines(store, "rules\n"))
    assert save(store, "rules\n") is False
    assert save(store, "other rules\n") is False, "units do not change with the rules"
    made = files(root)
    assert len(made) == 7
    for name in made:
        path = root / name
        kept = path.readlink() if path.is_symlink() else path.read_text()
        path.unlink()
        assert sum(not right for _line, right in lines(store, "other rules\n")) == 1
        assert save(store, "other rules\n") is not name.endswith(".nft")
        assert (path.readlink() if path.is_symlink() else path.read_text()) == kept


def test_remove_leaves_nothing_of_ours_and_everything_of_others(root: pathlib.Path) -> None:
    other = root / "etc/systemd/system/nftables.service.d/other.conf"
    other.parent.mkdir(parents=True)
    other.write_text("")
    store = Store("own", "/sbin/nft", str(root))
    save(store, "x")
    assert [line for line, _right in store.lines(None)] != []
    assert save(store, None) is True
    assert files(root) == {"etc/systemd/system/nftables.service.d/other.conf"}
    assert store.lines(None) == []
    assert not (root / "etc/portcullis").exists()
    assert (root / "etc/systemd/system/sysinit.target.wants").exists(), "a folder of the system stays"


@pytest.mark.parametrize("removes", [False, True], ids=["save", "remove"])
def test_a_failed_write_leaves_the_old_files(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, removes: bool) -> None:
    store = Store("own", "/sbin/nft", str(root))
    save(store, "old")
    made, calls = files(root), [0]

    def fail(*_arguments: object) -> None:
        calls[0] += 1
        if calls[0] == (4 if removes else 2):
            raise OSError(28, "disk full")
        rename(*_arguments)

    rename = os.unlink if removes else os.rename
    monkeypatch.setattr(host_files.os, "unlink" if removes else "rename", fail)
    (root / "etc/portcullis/msports/own.least.nft").write_text("changed")
    with pytest.raises(OSError, match="disk full"):
        save(store, None if removes else "new")
    assert pathlib.Path(store.file).read_text() == "old"
    assert files(root) == made
