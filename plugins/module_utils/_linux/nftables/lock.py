# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""One run at a time: what a run has loaded is what it saves, and nobody loads something else in between.

nftables has no lock of its own that spans a load and a file. Ours is a file that exists while it is held, so it leaves no trace. Only root
can open it: nobody else can hold up a run. Where it cannot be made (``/run`` is missing or read-only), the root folder itself is locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _locks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError

LOCK = "run/portcullis-msports.lock"
HELD = "another run has held the lock {0} for {1} seconds; nothing was changed. See what it waits for ('fuser -v {0}' names it), end it, and run again"
UNLOCKED = "no lock could be taken ({0}): a run at the same time may save other rules than those that are in force, which the next run repairs"


@contextlib.contextmanager
def held(root: str, check_mode: bool, pause: t.Callable[[float], t.Any] = time.sleep, seconds: float = _locks.SECONDS) -> t.Iterator[t.List[str]]:
    """Hold the lock and yield warnings; raise ``NftError`` when it cannot be had in time. Check mode makes no file, but waits for who has made one."""
    path = os.path.join(root, LOCK)
    handle: t.Optional[int] = None
    ours, warnings = False, []
    try:
        handle = _file(path, check_mode, pause, seconds)
        ours = handle is not None
    except OSError:
        path = root
        try:
            handle = _folder(path, pause, seconds)
        except OSError as error:
            warnings.append(UNLOCKED.format(error.strerror))
    try:
        yield warnings
    finally:
        if handle is not None and ours and not check_mode and _is_still(path, handle):
            os.unlink(path)
        if handle is not None:
            os.close(handle)


def _file(path: str, check_mode: bool, pause: t.Callable[[float], t.Any], seconds: float) -> t.Optional[int]:
    """Return the handle of the locked file; ``None`` in check mode when nobody has made it."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | (0 if check_mode else os.O_CREAT), 0o600)
        except OSError as error:
            if check_mode and error.errno == errno.ENOENT and os.path.isdir(os.path.dirname(path)):
                return None
            raise
        try:
            _take(handle, path, pause, seconds)
            if _is_still(path, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # who held it has removed it; another may have been made since


def _folder(path: str, pause: t.Callable[[float], t.Any], seconds: float) -> int:
    handle = os.open(path, os.O_RDONLY)
    try:
        _take(handle, path, pause, seconds)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _take(handle: int, path: str, pause: t.Callable[[float], t.Any], seconds: float) -> None:
    if not _locks.taken(lambda: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB), pause, seconds):
        raise NftError(HELD.format(path, seconds))


def _is_still(path: str, handle: int) -> bool:
    """Tell whether the file of a handle still has its name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except OSError:
        return False
