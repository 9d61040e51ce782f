# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the tasks of one ansible-playbook run share: which plan is in force, that it was checked, and what it says of each host.

Ansible runs every task in a process of its own, so memory does not last; the controller's temporary folder, which it
removes at the end of the run, does. A lock keeps the first batch of forks from all doing the same work. A plan has an index
of all hosts, and one task reads it; the others find their own host's line in a sorted file, however many hosts there are.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import mmap
import os
import pathlib
import typing as t

Marker = t.Dict[str, t.Any]
MARKER, RESULT, ENTRIES, OUTCOMES, TOLD, LIMIT = "marker.json", "result.json", "entries", "outcomes", "told.json", "limit.json"
# How well the plan of a run is known to be the present one; each answers the questions before it, too.
ACCEPTED, PARTLY, CHECKED, MADE = range(4)
MANAGED, ORPHANED, UNMANAGED, ROLELESS = "managed", "orphaned", "unmanaged", "roleless"


class Entry(t.NamedTuple):
    """What a run knows of one host: what the plan takes it for, the digest of its file there, and that of its inputs today (``""``: not asked)."""

    kind: str
    file: str = ""
    own: str = ""


def marker_of(path: str, plan: t.Mapping[str, t.Any]) -> Marker:
    """Return what every task of a run has to know of its plan: where it lies, and what it is."""
    return {"plan": os.path.realpath(path), **{key: plan[key] for key in ("digest", "generation", "partial_inventory")}}


def entries_of(plan: t.Mapping[str, t.Any], files: t.Mapping[str, str], own: t.Mapping[str, str]) -> dict[str, Entry]:
    """Return what a run knows of each host, from a plan or its index."""
    peers = {name: Entry(UNMANAGED if peer["roles"] else ROLELESS, "", own.get(name, "")) for name, peer in plan["peers"].items()}
    orphaned = {name: Entry(ORPHANED, "", own.get(name, "")) for name in plan["orphaned"]}
    return {**peers, **orphaned, **{name: Entry(MANAGED, file, own.get(name, "")) for name, file in files.items()}}


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

    def is_saved(self, marker: Marker) -> bool:
        """Tell whether the marker's plan lies in the plan directory, and not where check mode leaves one."""
        return bool(marker["plan"] == os.path.realpath(self.directory))

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        self._base.mkdir(parents=True, exist_ok=True)
        with open(self._base / "lock", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self, name: str = MARKER) -> t.Optional[Marker]:
        """Return what an earlier task of this run left, the marker if nothing else is asked for; else ``None``."""
        try:
            return json.loads((self._base / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def write(self, marker: Marker, entries: t.Mapping[str, Entry]) -> None:
        """Leave a marker for the tasks that follow; it comes last, because it says that the rest is there."""
        lines = sorted(_key(name) + b"\t" + "\t".join(entry).encode() + b"\n" for name, entry in entries.items())
        self._put(ENTRIES, b"".join(lines))
        self.leave(MARKER, marker)

    def leave(self, name: str, value: t.Any) -> None:
        """Leave something beside the marker: every host's task reads that, and so it is small."""
        self._put(name, json.dumps(value).encode())

    def entry(self, name: str) -> t.Optional[Entry]:
        """Return what the run knows of one host, by a binary search: nothing else is read."""
        wanted = _key(name)
        if not (self._base / ENTRIES).stat().st_size:
            return None
        with open(self._base / ENTRIES, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            low, high = 0, len(lines)
            while low < high:
                before = lines.rfind(b"\n", low, (low + high) // 2)
                start = low if before < 0 else before + 1
                end = lines.find(b"\n", start)
                key, _tab, rest = lines[start:end].partition(b"\t")
                if key == wanted:
                    return Entry(*rest.decode().split("\t"))
                low, high = (end + 1, high) if key < wanted else (low, start)
        return None

    def tell(self, host: str, outcome: t.Any) -> None:
        """Leave what became of one host, for the summary at the end."""
        self._base.joinpath(OUTCOMES).mkdir(parents=True, exist_ok=True)
        self._put(f"{OUTCOMES}/{hashlib.sha256(host.encode()).hexdigest()[:32]}", json.dumps([host, outcome]).encode())

    def told(self) -> dict[str, t.Any]:
        """Return what became of each host since this was asked last."""
        found = self.peek()
        for path in self._base.joinpath(OUTCOMES).glob("*[0-9a-f]"):
            path.unlink()
        return found

    def peek(self) -> dict[str, t.Any]:
        """Return what became of each host, and leave it there."""
        return dict(sorted(json.loads(path.read_bytes()) for path in self._base.joinpath(OUTCOMES).glob("*[0-9a-f]")))

    def _put(self, name: str, content: bytes) -> None:
        temporary = self._base / f"{name}.new"
        temporary.write_bytes(content)
        os.replace(temporary, self._base / name)


def _key(name: str) -> bytes:
    """Return a host's name as it sorts and stands in a line: without a tab or a line break, whatever it is made of."""
    return json.dumps(name).encode()
