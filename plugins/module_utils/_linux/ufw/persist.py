# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The files of one run: read as they are, written all or none, under the lock that ufw itself takes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _locks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import Content, File, Writing
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError

LOCK = "run/ufw.lock"
HELD = "ufw or another run has held the lock {0} for {1} seconds; nothing was changed. See what it waits for ('fuser -v {0}' names it), end it, and run again"


@contextlib.contextmanager
def locked(root: str, check_mode: bool, pause: t.Callable[[float], t.Any] = time.sleep, seconds: float = _locks.SECONDS) -> t.Iterator[None]:
    """Hold ufw's lock, so that no command of ufw and no other run reads or writes between our reading and our writing.

    Check mode makes no file: where ufw has not made its lock yet, nobody holds it.
    """
    path = os.path.join(root, LOCK)
    try:
        # For writing, because an exclusive lock needs it; but unlike ufw's own opening this truncates nothing.
        handle = os.open(path, os.O_RDWR | (0 if check_mode else os.O_CREAT), 0o644)
    except OSError as error:
        if check_mode and error.errno == errno.ENOENT:
            yield
            return
        raise UfwError("cannot open the lock of ufw, {0}: {1}".format(path, error.strerror)) from error
    try:
        try:
            taken = _locks.taken(lambda: fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB), pause, seconds)
        except OSError as error:
            raise UfwError("cannot take the lock of ufw, {0}: {1}; nothing was changed".format(path, error.strerror)) from error
        if not taken:
            raise UfwError(HELD.format(path, seconds))
        yield
    finally:
        os.close(handle)


def read(path: str) -> t.Optional[str]:
    """Return the text of a file with every byte in it, or ``None`` when it does not exist."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise UfwError("cannot read {0}: {1}".format(path, error.strerror)) from error


def contents(texts: t.Mapping[str, t.Optional[str]]) -> t.Dict[str, Content]:
    """Return what is to be written for ``{path: text}``, ``None`` for a file that goes away: a link of the admin's stays, and what it points to changes."""
    return {os.path.realpath(path): None if text is None else File(text) for path, text in texts.items()}


def stage(texts: t.Mapping[str, t.Optional[str]]) -> Writing:
    """Return the new contents of some files, already on the disk; raise ``UfwError``, and nothing was changed then."""
    try:
        return Writing(contents(texts))
    except OSError as error:
        raise UfwError("{0}; nothing was changed".format(error.strerror)) from error


def commit(staged: Writing) -> None:
    """Put every file in its place; raise ``UfwError`` after putting back those that were."""
    try:
        staged.commit()
    except OSError as error:
        raise UfwError("{0}; the old files are back".format(error.strerror)) from error
