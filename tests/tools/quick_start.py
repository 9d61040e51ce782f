# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program of ansible-core by its own script, without what makes each start slow: ``quick_start.py PROGRAM ARGUMENT...``

A fifth of a start's processor time looks for garbage, of which a process so short has little, and its workers, too. Another fifth parses two long files
of ansible-core, always the same: what they hold is kept in the folder that ``MSPORTS_PACKED`` names.
"""

from __future__ import annotations

import gc
import hashlib
import os
import pathlib
import runpy
import sys
import typing as t

import kept
import yaml

LONG = 50_000  # bytes; what is shorter is parsed as fast as it is looked up
parse = yaml.load


def parse_once(stream: t.Any, Loader: t.Any) -> t.Any:
    """What ``yaml.load`` gives for a long text by a loader that makes plain data, from memory of an earlier run."""
    if Loader not in (yaml.CBaseLoader, yaml.CSafeLoader):
        return parse(stream, Loader)
    text = stream.read() if hasattr(stream, "read") else stream
    if not isinstance(text, bytes) or len(text) < LONG:
        return parse(text, Loader)
    path = pathlib.Path(os.environ["MSPORTS_PACKED"], f"{hashlib.sha256(text).hexdigest()}.{Loader.__name__}-{sys.implementation.cache_tag}")
    return kept.once(path, lambda: parse(text, Loader))


if __name__ == "__main__":
    gc.disable()
    yaml.load = parse_once
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
