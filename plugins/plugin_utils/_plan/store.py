# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Saving a plan: ``index.json``, ``hosts/<name>.json``, ``rulesets/<sha256>.json`` and ``sets/<sha256>.json``.

It diffs in review, is an artifact in CI, and is what slices of a large run share. The new plan comes into force when its index takes the
place of the old one, and not before: rulesets and sets are called by their content, and a host's new file lies beside the old one until then.
So whoever is killed at whatever moment leaves the old plan or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._files import file_name, read_file, refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import (
    DIGEST,
    FOLDERS,
    HOSTS,
    INDEX,
    RULESETS,
    SETS,
    UNFINISHED,
    Claimed,
    claim,
    claim_held,
    locked,
    pending,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import Texts, index_text

FILE_MODE = 0o644
TEMPORARY = re.compile(r"\.[0-9a-f]{64}")  # what is not yet in its place
Where = t.Union[str, "os.PathLike[str]"]


def digest(value: t.Any) -> str:
    """Return the SHA-256 of ``value`` (plain data) as hexadecimal text; equal data give equal digests."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Saved(t.NamedTuple):
    """What a save came to: the names of the files that changed, and what identifies the plan now."""

    files: list[str]
    digest: str
    generation: int


def save(plan: Plain, directory: Where, texts: t.Optional[Texts] = None, generation: t.Optional[int] = None, check: bool = False) -> Saved:
    """Write ``plan``; files that say the same stay as they are, and a host that left the plan loses its file.

    ``texts`` are the plan's where the caller has them. ``generation`` is given where the directory is not the one that counts. With ``check`` nothing
    is written, and what is returned is what would be.
    Raises :class:`MsportsError` when the directory is something else's (:func:`claim`) or cannot be written.
    """
    folder = os.fspath(directory)
    try:
        if check:
            return _Save(folder, claim(folder), texts or Texts(plan), check).run(plan, generation)
        if not os.path.isdir(folder):
            claim(folder)  # says what is in the way
            os.makedirs(folder, exist_ok=True)
        with locked(folder):
            return _Save(folder, claim_held(folder), texts or Texts(plan), check).run(plan, generation)
    except OSError as error:
        raise refused(folder, f"cannot be written ({error.strerror}); expected a plan directory that this user may write") from error


class _Save:
    """One save into one directory."""

    def __init__(self, folder: str, ours: Claimed, texts: Texts, check: bool) -> None:
        self._folder = folder
        self._ours = ours
        self._texts = texts
        self._check = check
        self._changed: list[str] = []

    def run(self, plan: Plain, generation: t.Optional[int]) -> Saved:
        if not self._check:
            self._begin()
        for folder, digests, text in ((RULESETS, self._texts.rulesets, self._texts.ruleset), (SETS, self._texts.sets, self._texts.set)):
            for found in sorted(digests):
                self._put(f"{folder}/{found}.json", text(found).encode())
        waiting = [name for name in self._texts.hosts if self._host_waits(name)]
        known = self._ours.saved.get("generation") if generation is None else generation
        content = index_text(plan, self._texts.hosts, known if isinstance(known, int) else 0)
        if generation is None and not _says(self._path(INDEX), content.encode()):
            content = index_text(plan, self._texts.hosts, _next(known))
        self._set_aside()
        self._put(INDEX, content.encode())  # from here on the new plan is in force
        for name in waiting:
            os.replace(self._path(HOSTS, pending(self._texts.hosts[name])), self._path(HOSTS, file_name(name)))
        self._clean()
        index = json.loads(content)
        return Saved(sorted(self._changed, key=lambda file: (file == INDEX, file)), index["digest"], index["generation"])

    def _begin(self) -> None:
        """Make the folders, and finish what a save that was cut off had begun: a host's file that the index means takes its place, any other goes."""
        if not self._ours.saved:
            with contextlib.suppress(FileExistsError):
                _create(self._path(UNFINISHED), b"")
        for name in FOLDERS:
            os.makedirs(self._path(name), exist_ok=True)
        left = [(name, file) for name in ("", *FOLDERS) for file in os.listdir(self._path(name)) if TEMPORARY.fullmatch(file)]
        hosts = self._ours.saved.get(HOSTS, {}) if left else {}
        meant = {pending(found): file_name(name) for name, found in hosts.items() if isinstance(found, str)}
        for folder, file in left:
            if folder == HOSTS and file in meant:
                os.replace(self._path(folder, file), self._path(folder, meant[file]))
            else:
                os.unlink(self._path(folder, file))

    def _host_waits(self, name: str) -> bool:
        """Write the file of a host, beside the one that is there as long as the old index holds; tell whether it is there that it lies."""
        file = file_name(name)
        path, content = self._path(HOSTS, file), self._texts.host(name).encode()
        if _says(path, content):
            return False
        self._changed.append(f"{HOSTS}/{file}")
        if self._check:
            return False
        if self._ours.saved:
            _create(self._path(HOSTS, pending(self._texts.hosts[name])), content)
            return True
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # of a first save that was cut off
        _create(path, content)
        return False

    def _put(self, file: str, content: bytes) -> None:
        """Write one file atomically, and only when it differs."""
        path = self._path(*file.split("/"))
        if _says(path, content):
            return
        self._changed.append(file)
        if self._check:
            return
        temporary = os.path.join(os.path.dirname(path), f".{os.urandom(32).hex()}")
        try:
            _create(temporary, content)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise

    def _set_aside(self) -> None:
        """Put the files of hosts that leave where the old index still finds them, and where they are known to be nobody's once it is gone."""
        files = {file_name(name): found for name, found in self._ours.saved.get(HOSTS, {}).items()}
        for file in sorted(self._ours.files - set(map(file_name, self._texts.hosts))):
            if os.path.lexists(self._path(HOSTS, file)):
                self._changed.append(f"{HOSTS}/{file}")
                if not self._check:
                    aside = files.get(file)
                    known = aside if isinstance(aside, str) and DIGEST.fullmatch(aside) else os.urandom(32).hex()
                    os.replace(self._path(HOSTS, file), self._path(HOSTS, pending(known)))

    def _clean(self) -> None:
        """Remove the files of hosts that left, and rulesets and sets that nobody names; then what says that the first save is not finished."""
        stale = []
        for folder, digests in ((RULESETS, self._texts.rulesets), (SETS, self._texts.sets)):
            named = {f"{found}.json" for found in digests}
            there = os.listdir(self._path(folder)) if os.path.isdir(self._path(folder)) else []
            stale += [f"{folder}/{file}" for file in sorted(there) if file not in named and DIGEST.fullmatch(file.removesuffix(".json"))]
        self._changed += stale
        if not self._check:
            for path in (*map(self._path, stale), *(self._path(HOSTS, file) for file in os.listdir(self._path(HOSTS)) if TEMPORARY.fullmatch(file))):
                os.unlink(path)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(UNFINISHED))

    def _path(self, *names: str) -> str:
        return os.path.join(self._folder, *names)


def _next(known: t.Any) -> int:
    """Return a generation later than the known one. It is the time in seconds: plans that lie in several directories can be told by age, too."""
    return max(int(time.time()), (known if isinstance(known, int) else 0) + 1)


def _says(path: str, content: bytes) -> bool:
    """Tell whether a file has exactly this content."""
    try:
        return read_file(path) == content
    except (OSError, MsportsError):
        return False


def _create(path: str, content: bytes) -> None:
    """Write a file that is not there yet, for all to read whatever the umask of whoever plans."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE), "wb") as file:
        file.write(content)
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) != FILE_MODE:
            os.fchmod(file.fileno(), FILE_MODE)
