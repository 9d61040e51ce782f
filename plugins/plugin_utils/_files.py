# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Files that stages leave beside each other: how a host's file is called, how one is read without following links, and how one is replaced."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems

LONGEST = 255 - len(".json")  # bytes that file systems allow for a name, less the suffix
HEAD = 150  # characters of a longer name that stay, for the reader


def file_name(host: str) -> str:
    """Return a file name for any host name: letters, digits, ``.``, ``_`` and ``-`` stay, others are escaped as ``%XX``.

    What would be longer than file systems allow is cut, and ends with ``~`` and a digest of the whole name.
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "".join(f"%{b:02X}" for b in c.encode()) for c in host)
    safe = f"%{ord(safe[0]):02X}{safe[1:]}" if safe.startswith(".") else safe
    return (safe if len(safe) <= LONGEST else f"{safe[:HEAD]}~{hashlib.sha256(host.encode()).hexdigest()}") + ".json"


LINK = "is a symbolic link, and links are not followed; put what it points to in its place, or plan again"


def read_file(path: str) -> bytes:
    """Return the content of a regular file; raise :class:`OSError`, or :class:`MsportsError` for a link and for what is no file."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refused(path, LINK) from None
        raise
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise refused(path, "is no regular file; plan again")
    with open(opened, "rb", buffering=0) as file:
        return file.read()


def refused(path: str, expected: str) -> MsportsError:
    problems = Problems()
    problems.add(path, MISSING, expected)
    return MsportsError(problems)


def replace_file(path: str, content: bytes) -> bool:
    """Write a file whole or not at all, and tell whether it says something new; raise :class:`OSError`."""
    with contextlib.suppress(OSError, MsportsError):
        if read_file(path) == content:
            return False
    temporary = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return True
