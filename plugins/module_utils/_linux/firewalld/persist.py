# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is saved for the next boot: the files of an owner below ``/etc/firewalld``, and what can be told of firewalld while it does not run."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import re
import tempfile
import time
import typing as t

from xml.etree import ElementTree

from ansible_collections.portcullis.msports.plugins.module_utils import _locks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services

FOLDER = "etc/firewalld"
PACKAGES = ("usr/lib/python3*/site-packages", "usr/lib/python3*/dist-packages", "usr/lib/python3/dist-packages")
READERS = {"policies": objects.read_policy, "sets": objects.read_set, "services": objects.read_service}
HELD = "another run has held the lock on {0} for {1} seconds; nothing was changed. See what still runs ('fuser {0}'), end it or wait for it, then run again"


class Locked(Exception):
    """Another run changes this host's firewalld, and does not end."""


class Store:
    """The files of one owner. ``root`` is ``/`` but in tests."""

    def __init__(self, start: str, root: str = "/") -> None:
        self._start = start
        self._root = root
        self.folder = os.path.join(root, FOLDER)
        self._lock: t.Optional[int] = None

    def lock(self, pause: t.Callable[[float], t.Any] = time.sleep, seconds: float = _locks.SECONDS) -> None:
        """Wait until no other run changes this host's firewalld; raise ``Locked`` when that takes too long.

        The lock ends with the process or with ``unlock``; it leaves no file.
        """
        self._lock = handle = os.open(self.folder, os.O_RDONLY)
        try:
            taken = _locks.taken(lambda: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB), pause, seconds)
        except OSError as error:
            raise Locked("cannot lock {0}: {1}; nothing was changed".format(self.folder, error.strerror)) from error
        if not taken:
            raise Locked(HELD.format(self.folder, seconds))

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def installed(self) -> bool:
        return os.path.isdir(self.folder) and services.installed("firewalld", self._root)

    def version(self) -> str:
        """Return the version of firewalld from its library, ``""`` when it cannot be found."""
        for pattern in PACKAGES:
            for path in glob.glob(os.path.join(self._root, pattern, "firewall/config/__init__.py")):
                match = re.search(r"""^VERSION\s*=\s*['"]([^'"]+)""", read(path) or "", re.MULTILINE)
                if match:
                    return match.group(1)
        return ""

    def setting(self, name: str, default: str = "") -> str:
        """Return a setting of ``firewalld.conf``."""
        match = re.search(r"^\s*{0}\s*=\s*(\S+)".format(name), read(os.path.join(self.folder, "firewalld.conf")) or "", re.MULTILINE)
        return match.group(1) if match else default

    def texts(self) -> t.Dict[str, t.Optional[str]]:
        """Return ``{path below the folder: text}`` of every file of the owner, copies that the daemon has made of them included."""
        found = {}
        for folder in objects.FOLDERS.values():
            for path in glob.glob(os.path.join(glob.escape(self.folder), folder, self._start + "-*")):
                if path.endswith((".xml", ".xml.old")):
                    found["{0}/{1}".format(folder, os.path.basename(path))] = read(path)
        return found

    def write(self, wanted: t.Mapping[str, t.Optional[str]]) -> bool:
        """Make the owner's files be ``{path: text}``: all are written aside before the first is put in its place. Return whether any differed."""
        there = self.texts()
        changed = {path: text for path, text in wanted.items() if there.get(path) != text}
        aside = {}
        try:
            for path, text in sorted(changed.items()):
                if text is not None:
                    aside[path] = self._aside(text)
            for path, temporary in sorted(aside.items()):
                os.makedirs(os.path.dirname(os.path.join(self.folder, path)), 0o750, exist_ok=True)
                os.rename(temporary, os.path.join(self.folder, path))
        finally:
            for temporary in aside.values():
                _remove(temporary)
        gone = [path for path in there if path not in wanted]
        for path in gone:
            _remove(os.path.join(self.folder, path))
        return bool(changed or gone)

    def _aside(self, text: str) -> str:
        # The daemon watches the folders of policies and ipsets, but not the one above them.
        handle, temporary = tempfile.mkstemp(prefix=".portcullis-", dir=self.folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
        except BaseException:
            _remove(temporary)
            raise
        return temporary

    def broken(self) -> t.List[str]:
        """Return the paths of all files, of whomever, that are no XML: firewalld refuses to load any of its configuration then, and names none of them."""
        found = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self.folder), "*.xml")) + glob.glob(os.path.join(glob.escape(self.folder), "*", "*.xml"))):
            try:
                ElementTree.fromstring(read(path) or "")
            except ElementTree.ParseError:
                found.append(path)
        return found

    def objects(self, texts: t.Mapping[str, t.Optional[str]]) -> objects.Objects:
        """Return the ``Objects`` of the texts; a file that cannot be read as one of ours is left out, and so is found missing."""
        found = objects.Objects({}, {}, {})
        for path, text in texts.items():
            folder, name = path.split("/")
            for sort, place in objects.FOLDERS.items():
                if place == folder and name.endswith(".xml"):
                    try:
                        getattr(found, sort)[name[:-4]] = READERS[sort](text or "")
                    except (ValueError, KeyError, TypeError):
                        pass
        return found


def read(path: str) -> t.Optional[str]:
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return None


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
