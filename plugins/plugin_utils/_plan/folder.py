# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whose a plan directory is, and how its files are called: nothing is written into, or removed from, a folder of something else."""

from __future__ import annotations

import hashlib
import json
import pathlib
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems

INDEX = "index.json"
LONGEST = 255 - len(".json")  # bytes that file systems allow for a name, less the suffix
HEAD = 150  # characters of a longer name that stay, for the reader


def file_name(host: str) -> str:
    """Return a file name for any host name: letters, digits, ``.``, ``_`` and ``-`` stay, others are escaped as ``%XX``.

    What would be longer than file systems allow is cut, and ends with ``~`` and a digest of the whole name.
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "".join(f"%{b:02X}" for b in c.encode()) for c in host)
    safe = f"%{ord(safe[0]):02X}{safe[1:]}" if safe.startswith(".") else safe
    return (safe if len(safe) <= LONGEST else f"{safe[:HEAD]}~{hashlib.sha256(host.encode()).hexdigest()}") + ".json"


def claim(directory: t.Union[str, pathlib.Path]) -> frozenset[str]:
    """Return the names of the host files that a saved plan's index lists: those are ours, and no other file of the folder is.

    Raises :class:`MsportsError` unless the directory is missing, empty (but for hidden files) or holds a plan.
    """
    folder = pathlib.Path(directory)
    try:
        if not folder.is_dir():
            if folder.exists():
                raise refused(str(folder), "is a file; expected a plan directory, or a name that is free")
            return frozenset()
        if not folder.joinpath(INDEX).exists():
            if any(not path.name.startswith(".") for path in folder.iterdir()):
                raise refused(str(folder), f"holds files but no plan ({INDEX}); expected a plan directory or an empty folder: empty it, or name another one")
            return frozenset()
        index = _parsed(folder.joinpath(INDEX).read_bytes())
    except OSError as error:
        raise refused(str(folder), f"cannot be read ({error.strerror}); expected a plan directory that this user may read and write") from error
    if not isinstance(index, dict) or not isinstance(index.get("format"), int) or not isinstance(index.get("hosts"), dict):
        raise refused(str(folder / INDEX), "is not the index of a plan; expected a plan directory or an empty folder: empty it, or name another one")
    return frozenset(file_name(name) for name in index["hosts"])  # never what the index says of paths: those could lie outside


def refused(path: str, expected: str) -> MsportsError:
    problems = Problems()
    problems.add(path, MISSING, expected)
    return MsportsError(problems)


def _parsed(text: bytes) -> t.Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
