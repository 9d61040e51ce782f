# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy file of a host, while an engine runs a call on it: its lock, and the environment that it gives to the host's processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import pathlib
import typing as t

HERE = pathlib.Path(__file__).resolve().parents[1]
SOURCES = tuple(sorted((HERE / "stand_in").glob("*.cs")))
# A process of the host finds its policy file by this.
VARIABLE = "MSPORTS_STAND_IN"


@contextlib.contextmanager
def locked(path: pathlib.Path) -> t.Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def environment_for(policy: t.Optional[pathlib.Path], task: t.Mapping[str, str]) -> t.Iterator[dict[str, str]]:
    """The environment of the host's process, while the policy file is locked: the file's own, then the task's."""
    if policy is None:
        yield dict(task)
        return
    with locked(policy.with_name(policy.name + ".lock")):
        own = json.loads(policy.read_text(encoding="utf-8")).get("environment") or {}
        yield {**own, **task, VARIABLE: str(policy)}
