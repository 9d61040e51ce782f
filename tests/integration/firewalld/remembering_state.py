# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``firewalld_state.py`` prints, without asking again for services and types of ICMP whose files are untouched. Runs in a container of tests.

The daemon is asked about each of some 270 of them, and asks polkit about each question: half a second of the processor. They come from files alone, when the
daemon loads them; nothing sets them at run time. ``note`` loads them and notes what the daemon says, together with what a file or a folder cannot be
changed, come or go without: as long as that is the same, so is what was noted, whatever is loaded meanwhile. Which of them the daemon has is asked always.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import sys

import dbus
import firewalld_state

FOLDERS = [pathlib.Path(root, "firewalld", sort) for root in ("/usr/lib", "/etc") for sort in ("services", "icmptypes")]
NOTES = pathlib.Path("/opt/test/notes.json")
FROM_FILES = ("getServiceSettings2", "getIcmpTypeSettings")


def files() -> str:
    """When each of the folders and of their files was changed last, and which file it is."""
    seen: list[tuple[str, int, int, int]] = []
    for folder in FOLDERS:
        found = folder.stat()
        seen.append((str(folder), found.st_mtime_ns, 0, 0))
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            about = entry.stat()
            seen.append((entry.path, about.st_mtime_ns, about.st_size, about.st_ino))
    return repr(seen)


def notes() -> dict[str, dict[str, str]]:
    read: dict[str, dict[str, str]] = json.loads(NOTES.read_text(encoding="utf-8")) if NOTES.exists() else {}
    return read


def loaded(known: dict[str, str]) -> str:
    """All of it; nothing where the daemon does not answer."""
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.suppress(dbus.DBusException):
        firewalld_state.main(known)
    return output.getvalue()


def tell() -> str:
    return loaded(notes().get(files(), {}))


def note() -> None:
    before = files()
    daemon = dbus.SystemBus().get_object(firewalld_state.NAME, firewalld_state.PATH)
    daemon.reload(dbus_interface=firewalld_state.NAME)
    lines = [line for line in loaded({}).splitlines() if line.startswith(FROM_FILES)]
    assert files() == before and len(lines) > 100
    NOTES.write_text(json.dumps({**notes(), before: {" ".join(line.split(" ", 2)[:2]): line for line in lines}}), encoding="utf-8")


if __name__ == "__main__":
    note() if sys.argv[1:] == ["note"] else print(tell(), end="")
