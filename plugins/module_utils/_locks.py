# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Waiting for a lock, with an end."""

from __future__ import annotations

import errno
import typing as t

SECONDS = 60
STEP = 0.1


def taken(take: t.Callable[[], t.Any], pause: t.Callable[[float], t.Any], seconds: float = SECONDS) -> bool:
    """Call ``take`` until it gets its lock; return False when somebody else has held it for so long. Other errors are raised."""
    waited = 0.0
    while True:
        try:
            take()
            return True
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
        if waited >= seconds:
            return False
        pause(STEP)
        waited += STEP
