# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whose a plan directory is, how its files are called, and how a file is read: nothing of something else is written, removed or followed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._files import LINK, file_name, read_file, refused

INDEX = "index.json"
HOSTS, RULESETS, SETS = FOLDERS = ("hosts", "rulesets", "sets")
UNFINISHED = ".msports-plan"  # says that the first save into this folder did not come to its end
DIGEST = re.compile(r"[0-9a-f]{64}")
CANNOT_READ = "cannot be read ({0}); expected a plan directory that this user may read and write"
Where = t.Union[str, "os.PathLike[str]"]


def pending(digest: str) -> str:
    """Return the name of a host's new file until the index says that it holds; hidden, so that it is not taken for a host's."""
    return f".{digest}"


class Claimed(t.NamedTuple):
    """What is ours in a plan directory: the ``saved`` index as it stands there (``{}``: none yet), and the names of the files in ``hosts``."""

    saved: dict[str, t.Any]
    files: frozenset[str]


@contextlib.contextmanager
def locked(folder: Where) -> t.Iterator[None]:
    """Hold a plan directory: two runs may save into it, and what one has half done is nothing to judge it by."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def claim(directory: Where) -> Claimed:
    """Return what a plan directory holds of ours; no other file of the folder is.

    Raises :class:`MsportsError` unless the directory is missing, empty (but for hidden files) or holds a plan.
    """
    folder = os.fspath(directory)
    if not os.path.isdir(folder):
        if os.path.isfile(folder):
            raise refused(folder, "is a file; expected a plan directory, or a name that is free")
        return Claimed({}, frozenset())
    try:
        with locked(folder):
            return claim_held(folder)
    except OSError as error:
        raise refused(folder, CANNOT_READ.format(error.strerror)) from error


def claim_held(directory: Where) -> Claimed:
    """Do what :func:`claim` does, for whoever holds the directory."""
    folder = pathlib.Path(directory)
    try:
        if not os.path.lexists(folder / INDEX):
            return Claimed({}, _unfinished(folder))
        check_folders(folder)
        index = _parsed(read_file(str(folder / INDEX)))
    except OSError as error:
        raise refused(str(folder), CANNOT_READ.format(error.strerror)) from error
    if not isinstance(index, dict) or not isinstance(index.get("format"), int) or not isinstance(index.get("hosts"), dict):
        raise refused(str(folder / INDEX), "is not the index of a plan; expected a plan directory or an empty folder: empty it, or name another one")
    return Claimed(index, frozenset(map(file_name, index["hosts"])))  # never what the index says of paths: those could lie outside


def _unfinished(folder: pathlib.Path) -> frozenset[str]:
    """Return the host files of a first save that was cut off; refuse a folder that holds anything else."""
    if folder.joinpath(UNFINISHED).exists():
        check_folders(folder)
        return frozenset(os.listdir(folder / HOSTS)) if folder.joinpath(HOSTS).exists() else frozenset()
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise refused(str(folder), f"holds files but no plan ({INDEX}); expected a plan directory or an empty folder: empty it, or name another one")
    return frozenset()


def check_folders(folder: Where) -> None:
    """Refuse a plan directory whose folders are links to somewhere else."""
    problems = Problems()
    for name in FOLDERS:
        if os.path.islink(os.path.join(folder, name)):
            problems.add(os.path.join(folder, name), MISSING, LINK)
    problems.raise_as(MsportsError)


def _parsed(text: bytes) -> t.Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
