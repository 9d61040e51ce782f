# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A computation in a process of its own, while the lab waits for something else."""

import multiprocessing
import os
import sys
import traceback
import typing as t


class Background:
    """Runs ``function(*arguments)`` in a forked process; :meth:`result` waits for what it returns. Results travel pickled."""

    def __init__(self, function: t.Callable[..., t.Any], *arguments: t.Any) -> None:
        self._pipe, theirs = multiprocessing.Pipe(duplex=False)
        sys.stdout.flush()
        if os.fork() == 0:
            try:
                theirs.send((True, function(*arguments)))
            except BaseException:
                theirs.send((False, traceback.format_exc()))
            os._exit(0)
        theirs.close()

    def result(self) -> t.Any:
        good, value = self._pipe.recv()
        if not good:
            raise RuntimeError(value)
        return value
