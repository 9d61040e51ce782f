# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What must not stop in the middle does not: the signals of a lost connection, of a stop and of Ctrl-C wait until it is done."""

from __future__ import annotations

import contextlib
import signal
import typing as t

WAITING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def deferred() -> t.Iterator[None]:
    """Let ``WAITING`` arrive only at the end. What is started meanwhile inherits that, so a timer is started before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, WAITING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
