# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netfw.idl is found where it is, taken out of the package where it is not, and where that fails the message says what to do."""

from __future__ import annotations

import io
import pathlib
import tarfile

import pytest

from ansible_collections.portcullis.msports.tests.windows import fetch_netfw_idl


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return stream.getvalue()


def test_the_files_are_kept_and_found_again(tmp_path: pathlib.Path) -> None:
    kept, absent = tmp_path / "kept", tmp_path / "absent"
    place = "./usr/include/wine/wine/windows/"
    fetch_netfw_idl.keep(archive(f"{place}netfw.idl", f"{place}icftypes.idl", f"{place}taskschd.idl", f"{place}oaidl.idl", "./usr/share/doc/netfw.idl"), kept)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {name: place + name for name in fetch_netfw_idl.FILES}
    assert fetch_netfw_idl.folder(absent, kept) == kept
    assert fetch_netfw_idl.folder(kept, absent) == kept


def test_a_package_without_them_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(fetch_netfw_idl.NotFound, match=r"libwine-dev has no icftypes\.idl.*Install libwine-dev"):
        fetch_netfw_idl.keep(archive("./usr/include/wine/wine/windows/netfw.idl"), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_without_apt_the_message_says_what_to_do(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(fetch_netfw_idl.NotFound, match=r"apt-get is not here\. Install libwine-dev .*apt-get update as root"):
        fetch_netfw_idl.folder(tmp_path / "absent", tmp_path / "kept")
