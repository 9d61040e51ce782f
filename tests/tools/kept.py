# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each run of Ansible would make anew, kept for the runs that follow. ``MSPORTS_PACKED`` names the folder."""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import pathlib
import shutil
import tempfile
import typing as t


@functools.cache
def folder() -> pathlib.Path:
    """The folder of ``make test``, or else one of this process, which goes with it. One checkout fills it."""
    if shared := os.environ.get("MSPORTS_PACKED"):
        return pathlib.Path(shared)
    made = tempfile.mkdtemp(prefix="msports-packed-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return pathlib.Path(made)


def once(path: pathlib.Path, make: t.Callable[[], t.Any]) -> t.Any:
    """What ``make`` gives, plain data or code; from ``path``, where an earlier run has left it there."""
    try:
        return marshal.loads(path.read_bytes())
    except FileNotFoundError:
        made = make()
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as aside:  # several runs may want it at once
            aside.write(marshal.dumps(made))
        os.replace(aside.name, path)
        return made
