# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find netfw.idl, the interfaces of the Windows firewall as Wine writes them down, or take it out of Debian's package.

The C# declarations are compared with it. It belongs to Wine (LGPL) and is not shipped: an installed libwine-dev is used as it is,
else the package is downloaded with apt as an ordinary user and some files of it are kept in ``.cache``. Nothing is installed.

Run as a program it prints the folder.
"""

from __future__ import annotations

import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "libwine-dev"
INSTALLED = pathlib.Path("/usr/include/wine/wine/windows")
KEPT = ROOT / ".cache" / "netfw-idl"
# icftypes.idl has the enumerations, taskschd.idl the Task Scheduler.
FILES = ("netfw.idl", "icftypes.idl", "taskschd.idl")
HELP = (
    f"Install {PACKAGE} (it brings {INSTALLED / FILES[0]}), or let apt download it: that needs Debian or Ubuntu with their package lists"
    f" (apt-get update as root). Or put {' and '.join(FILES)} of Wine's sources (folder include) into {KEPT}."
)


class NotFound(Exception):
    """There is no netfw.idl here and none can be had; the text says what was tried and what to do."""


def folder(installed: pathlib.Path = INSTALLED, kept: pathlib.Path = KEPT) -> pathlib.Path:
    """The folder with the files; fetches them into ``kept`` when they are nowhere."""
    for place in (installed, kept):
        if all((place / name).is_file() for name in FILES):
            return place
    keep(package(), kept)
    return kept


def package() -> bytes:
    """Download Debian's package into a temporary folder and give back its content as a tar archive."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise NotFound(f"{program} is not here. {HELP}")
    with tempfile.TemporaryDirectory() as place:
        _run(["apt-get", "download", PACKAGE], place)
        found = sorted(pathlib.Path(place).glob(f"{PACKAGE}_*.deb"))
        if not found:
            raise NotFound(f"apt-get download {PACKAGE} left no package. {HELP}")
        return _run(["dpkg-deb", "--fsys-tarfile", str(found[-1])], place)


def keep(archive: bytes, kept: pathlib.Path) -> None:
    """Put the files from ``archive`` into ``kept``, each whole or not at all."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = {
            pathlib.PurePosixPath(member.name).name: member
            for member in tar
            if member.isfile() and member.name.endswith(tuple(f"/windows/{name}" for name in FILES))
        }
        missing = [name for name in FILES if name not in members]
        if missing:
            raise NotFound(f"{PACKAGE} has no {' and no '.join(missing)}. {HELP}")
        kept.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            stream = tar.extractfile(members[name])
            assert stream is not None
            handle, beside = tempfile.mkstemp(dir=kept)
            with os.fdopen(handle, "wb") as target:
                target.write(stream.read())
            os.replace(beside, kept / name)


def _run(command: list[str], place: str) -> bytes:
    done = subprocess.run(command, cwd=place, capture_output=True, check=False)
    if done.returncode != 0:
        raise NotFound(f"{' '.join(command)} failed: {done.stderr.decode(errors='replace').strip()}. {HELP}")
    return done.stdout


if __name__ == "__main__":
    try:
        print(folder())
    except NotFound as error:
        sys.exit(f"netfw.idl: {error}")
