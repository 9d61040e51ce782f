# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files for the next boot, below a root of the test's own."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Store


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    return tmp_path


def files(root: pathlib.Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or path.is_file()}


def test_save_writes_once_and_sees_every_drift(root: pathlib.Path) -> None:
    store = Store("own", "/sbin/nft", str(root))
    assert all("is missing" in line for line, _right in store.lines("rules\n"))
    assert store.save("rules\n") is True
    assert all(right for _line, right in store.lines("rules\n"))
    assert store.save("rules\n") is False
    assert store.save("other rules\n") is False, "units do not change with the rules"
    made = files(root)
    assert len(made) == 5
    for name in made - {"etc/portcullis/msports/own.nft"}:
        path = root / name
        kept = path.readlink() if path.is_symlink() else path.read_text()
        path.unlink()
        assert sum(not right for _line, right in store.lines("other rules\n")) == 1
        assert store.save("other rules\n") is True
        assert (path.readlink() if path.is_symlink() else path.read_text()) == kept


def test_remove_leaves_nothing_of_ours_and_everything_of_others(root: pathlib.Path) -> None:
    other = root / "etc/systemd/system/nftables.service.d/other.conf"
    other.parent.mkdir(parents=True)
    other.write_text("")
    store = Store("own", "/sbin/nft", str(root))
    store.systemd = False  # nobody is to be told
    store.save("x")
    store.systemd = True
    store.save("x")
    store.systemd = False
    assert [line for line, _right in store.lines(None)] != []
    assert store.remove() is False
    assert files(root) == {"etc/systemd/system/nftables.service.d/other.conf"}
    assert store.lines(None) == []
    assert not (root / "etc/portcullis").exists()
    assert (root / "etc/systemd/system/sysinit.target.wants").exists(), "a folder of the system stays"


def test_a_failed_write_leaves_the_old_file(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store("own", "/sbin/nft", str(root))
    store.save("old")

    def fail(*_arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.rename", fail)
    with pytest.raises(OSError, match="disk full"):
        store.save("new")
    assert pathlib.Path(store.file).read_text() == "old"
    assert [name for name in files(root) if ".portcullis-" in name] == []
