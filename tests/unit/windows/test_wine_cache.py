# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for hosts under Wine is found by what it is made of, not by where it lies."""

from __future__ import annotations

import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "windows"))

from wine import prefix, root  # noqa: E402  (they lie in a folder of their own)


@pytest.fixture
def made_of(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "one"
    folder.joinpath("below").mkdir(parents=True)
    for name in ("a.dll", "below/b.dll"):
        folder.joinpath(name).write_bytes(name.encode())
    return folder


def test_the_place_does_not_matter_and_every_name_and_byte_does(made_of: pathlib.Path, tmp_path: pathlib.Path) -> None:
    known = {prefix.fingerprint(made_of)}
    other = shutil.copytree(made_of, tmp_path / "another place" / "two")
    assert {prefix.fingerprint(other)} == known
    for change in (
        lambda: other.joinpath("below/b.dll").write_bytes(b"below/c.dll"),  # as long as before
        lambda: other.joinpath("a.dll").rename(other / "c.dll"),
        lambda: other.joinpath("more").write_bytes(b""),
        lambda: other.joinpath("more").unlink() or other.joinpath("below/b.dll").unlink(),
    ):
        change()
        known.add(prefix.fingerprint(other))
    assert len(known) == 5


@pytest.mark.parametrize("what", ["packages", "folder"])
def test_what_is_kept_is_made_again_when_it_would_be_made_of_something_else(
    what: str, made_of: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = []

    def fill(_found: root.Root, folder: pathlib.Path) -> None:
        filled.append(folder)

    monkeypatch.setattr(root, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(root, "find", lambda: root.Root(tmp_path, ""))
    monkeypatch.setattr(root, "packages", lambda: "wine\t10.0")
    first = prefix._kept("programs", made_of, fill)
    assert prefix._kept("programs", shutil.copytree(made_of, tmp_path / "two"), fill) == first and len(filled) == 1
    if what == "packages":
        monkeypatch.setattr(root, "packages", lambda: "wine\t10.1")
    else:
        made_of.joinpath("a.dll").write_bytes(b"changed")
    second = prefix._kept("programs", made_of, fill)
    assert second != first and len(filled) == 2
    assert first.is_dir(), "another checkout may use it"
