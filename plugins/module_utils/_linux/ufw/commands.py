# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Commands of ufw that run at the same time.

ufw reads its rules before it takes its lock, and writes what it has read with its own change in it. So a command that started before
we wrote, and had to wait for us, writes our rules away. Whoever has written looks again when all those commands have ended.
"""

from __future__ import annotations

import os

SECONDS = 30
STEP = 0.1


def running(proc):
    """Return the ids of the processes that are commands of ufw now."""
    found = set()
    for pid in os.listdir(proc):
        if pid.isdigit():
            try:
                with open(os.path.join(proc, pid, "cmdline"), "rb") as stream:
                    words = stream.read().split(b"\0")
            except OSError:
                continue
            # A script: the interpreter comes first.
            if any(word == b"ufw" or word.endswith(b"bin/ufw") for word in words[:2]):
                found.add(pid)
    return found


def wait_for(pids, proc, pause):
    """Wait until none of the processes is left; return the ids of those that were still there in the end."""
    waited = 0.0
    left = pids & running(proc)
    while left and waited < SECONDS:
        pause(STEP)
        waited += STEP
        left = left & running(proc)
    return left
