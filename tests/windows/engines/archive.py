# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PowerShell out of its release archive, unpacked once into ``.cache``."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile

from . import stand_in
from .payload import EngineError

CACHE = stand_in.HERE.parents[1] / ".cache" / "powershell"


def program_in(place: pathlib.Path, name: str) -> pathlib.Path:
    """The program ``name`` (``pwsh``, ``pwsh.exe``) that ``place`` is, or has in it: a program, a folder, or an archive of PowerShell."""
    if place.is_file() and place.name == name:
        return place
    if place.is_file() and any(place.name.endswith(ending) for ending in (".tar.gz", ".tar.xz", ".zip")):
        return program_in(_unpacked(place), name)
    found = sorted((path for path in place.rglob(name) if path.is_file()), key=lambda path: len(path.parts))
    if not found:
        raise EngineError(f"{place}: no {name}, no folder with one, and no archive (.tar.gz, .tar.xz, .zip) of PowerShell")
    return found[0]


def _unpacked(archive: pathlib.Path) -> pathlib.Path:
    size = archive.stat().st_size
    folder = CACHE / f"{archive.name}-{size}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with stand_in.locked(CACHE / "lock"):
        if not folder.exists():
            made = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
            shutil.unpack_archive(archive, made)
            for program in filter(pathlib.Path.is_file, made.rglob("pwsh")):
                program.chmod(0o755)
            os.replace(made, folder)
    return folder
