# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the tasks of one ansible-playbook run share: which plan is in force, and that its inputs were checked.

Ansible runs every task in a process of its own, so memory does not last; the controller's temporary folder, which it
removes at the end of the run, does. A lock keeps the first batch of forks from all doing the same work.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import typing as t

Marker = t.Dict[str, t.Any]
MARKER, RESULT = "marker.json", "result.json"


class Run:
    """The shared state of one run for one plan directory. ``folder`` is the run's temporary folder."""

    def __init__(self, folder: str, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        name = hashlib.sha256(self.directory.encode()).hexdigest()[:16]
        self._base = pathlib.Path(folder, f"portcullis-msports-{name}")

    @property
    def temporary(self) -> str:
        """Where a plan lies in check mode: nothing is written outside the run's own folder."""
        return str(self._base / "plan")

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        self._base.mkdir(parents=True, exist_ok=True)
        with open(self._base / "lock", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self) -> t.Optional[Marker]:
        """Return what an earlier task of this run left: ``plan`` (where it lies) and ``own`` (the inputs of each host); else ``None``."""
        return self._json(MARKER)

    def result(self) -> t.Optional[Marker]:
        """Return what the task that planned gave. It can be large, and every host's apply reads the marker: so it lies beside it."""
        return self._json(RESULT)

    def write(self, marker: Marker, result: t.Optional[Marker] = None) -> None:
        """Leave a marker for the tasks that follow; it comes last, because it says that the rest is there."""
        if result is not None:
            self._write(RESULT, result)
        self._write(MARKER, marker)

    def _json(self, name: str) -> t.Optional[Marker]:
        try:
            return json.loads((self._base / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _write(self, name: str, value: Marker) -> None:
        temporary = self._base / f"{name}.new"
        temporary.write_text(json.dumps(value), encoding="utf-8")
        os.replace(temporary, self._base / name)
