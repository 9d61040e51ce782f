# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Small files, read and replaced as a whole."""

from __future__ import annotations

import os
import tempfile
import typing as t


def read_text(path: str) -> t.Optional[str]:
    """Return the text of a file; ``None`` only when there is none. ``OSError`` when it is there and cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None


def replace(path: str, content: t.Union[str, bytes], mode: int) -> None:
    """Replace a file as a whole, on disk before this returns: readers see the old one or the new one, after a power failure, too."""
    folder = os.path.dirname(path)
    os.makedirs(folder, 0o755, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".portcullis-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content if isinstance(content, bytes) else content.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
