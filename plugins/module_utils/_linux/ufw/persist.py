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
import tempfile
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _locks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError

LOCK = "run/ufw.lock"
HELD = "ufw or another run has held the lock {0} for {1} seconds; nothing was changed. See what it waits for ('fuser -v {0}' names it), end it, and run again"


@contextlib.contextmanager
def locked(
    root: str, check_mode: bool, pause: t.Callable[[float], t.Any] = time.sleep, seconds: float = _locks.SECONDS
) -> t.Iterator[None]:
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


class Writing:
    """New contents of some files: all are on the disk before the first one is put in its place, and the old ones can be put back.

    Until ``finish`` an old file has a second name beside it, so putting it back needs no room on the disk.
    """

    def __init__(self, texts: t.Mapping[str, t.Optional[str]]) -> None:
        """``texts`` maps paths to texts, or to ``None`` for a file that goes away. Raises ``UfwError``; nothing was changed then."""
        self._done = []
        self._ready = []
        for path, text in sorted(texts.items()):
            real = os.path.realpath(path)
            try:
                self._ready.append((real, None if text is None else self._temporary(real, text)))
            except OSError as error:
                self.discard()
                raise UfwError("cannot write {0}: {1}; nothing was changed".format(path, error.strerror)) from error

    def _temporary(self, path: str, text: str) -> str:
        folder = os.path.dirname(path)
        os.makedirs(folder, 0o755, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".portcullis-", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if os.path.exists(path):
                there = os.stat(path)
                os.chmod(temporary, there.st_mode & 0o7777)
                os.chown(temporary, there.st_uid, there.st_gid)
        except BaseException:
            os.unlink(temporary)
            raise
        return temporary

    def commit(self) -> None:
        """Put every file in its place; raise ``UfwError`` after putting back those that were."""
        while self._ready:
            path, temporary = self._ready[0]
            try:
                self._done.append((path, _second_name(path)))
                if temporary is None:
                    _remove(path)
                else:
                    os.rename(temporary, path)
            except OSError as error:
                self.undo()
                raise UfwError("cannot write {0}: {1}; the old files are back".format(path, error.strerror)) from error
            self._ready.pop(0)

    def undo(self) -> None:
        """Put back what was replaced, and drop what was not yet."""
        self.discard()
        for path, kept in reversed(self._done):
            if kept is None:
                _remove(path)
            else:
                _back(kept, path)
        self._done = []

    def finish(self) -> None:
        """Forget the old files."""
        for _path, kept in self._done:
            if kept is not None:
                _remove(kept)
        self._done = []

    def discard(self) -> None:
        """Drop what was not put in its place."""
        for path, temporary in self._ready:
            if temporary is not None:
                os.unlink(temporary)
                _tidy(path)
        self._ready = []


def _second_name(path: str) -> t.Optional[str]:
    """Give a file another name beside it, and return that; ``None`` when there is no file."""
    if not os.path.lexists(path):
        return None
    kept = os.path.join(os.path.dirname(path), ".portcullis-kept-" + os.path.basename(path))
    if os.path.lexists(kept):  # a run was killed; what it had changed is what the host has now
        os.unlink(kept)
    os.link(path, kept)
    return kept


def _back(kept: str, path: str) -> None:
    """Give a file its first name back. Between two names of one file a rename does nothing, so the second one is removed then."""
    os.rename(kept, path)
    if os.path.lexists(kept):
        os.unlink(kept)


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
    _tidy(path)


def _tidy(path: str) -> None:
    """Remove the folders that exist for files of ours only, when nothing is left in them."""
    folder = os.path.dirname(path)
    while folder.endswith(("/portcullis/msports", "/portcullis")):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)
