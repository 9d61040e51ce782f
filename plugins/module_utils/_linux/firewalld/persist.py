# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is saved for the next boot: the files of an owner below ``/etc/firewalld``, and what can be told of firewalld while it does not run."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import os
import re
import time
import typing as t

from xml.etree import ElementTree

from ansible_collections.portcullis.msports.plugins.module_utils import _locks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.apply import FirewalldError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import File, aside, read_text, remove

FOLDER = "etc/firewalld"
PACKAGES = ("usr/lib/python3*/site-packages", "usr/lib/python3*/dist-packages", "usr/lib/python3/dist-packages")
READERS = {"policies": objects.read_policy, "sets": objects.read_set, "services": objects.read_service}
# What refers to something comes after it, and what stops the rest after what admits: a boot between two files must cut nobody. Removing goes backwards.
ORDER = ("services", "ipsets", "policies")
ASIDE = ".portcullis-"
HELD = "another run has held the lock on {0} for {1} seconds; nothing was changed. See what still runs ('fuser {0}'), end it or wait for it, then run again"


class Locked(FirewalldError):
    """Another run changes this host's firewalld, and does not end."""


@contextlib.contextmanager
def held(root: str, check_mode: bool = False, pause: t.Callable[[float], t.Any] = time.sleep, seconds: float = _locks.SECONDS) -> t.Iterator[t.List[str]]:
    """Wait until no other run changes this host's firewalld, and hold that off; raise ``Locked`` when it takes too long. Yields no warnings.

    Check mode changes nothing, and waits for nobody.

    The lock is on the folder, so it ends with the process and leaves no file. What a run that was killed has left beside the files goes.
    """
    folder = os.path.join(root, FOLDER)
    if check_mode or not os.path.isdir(folder):
        yield []
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            taken = _locks.taken(lambda: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB), pause, seconds)
        except OSError as error:
            raise Locked("cannot lock {0}: {1}; nothing was changed".format(folder, error.strerror)) from error
        if not taken:
            raise Locked(HELD.format(folder, seconds))
        for path in glob.glob(os.path.join(glob.escape(folder), ASIDE + "*")):
            remove(path)
        yield []
    finally:
        os.close(handle)


class Store:
    """The files of one owner. ``root`` is ``/`` but in tests."""

    def __init__(self, start: str, root: str = "/") -> None:
        self._start = start
        self._root = root
        self.folder = os.path.join(root, FOLDER)

    def installed(self) -> bool:
        return os.path.isdir(self.folder) and services.installed("firewalld", self._root)

    def version(self) -> str:
        """Return the version of firewalld from its library, ``""`` when it cannot be found."""
        for pattern in PACKAGES:
            for path in glob.glob(os.path.join(self._root, pattern, "firewall/config/__init__.py")):
                match = re.search(r"""^VERSION\s*=\s*['"]([^'"]+)""", read_text(path) or "", re.MULTILINE)
                if match:
                    return match.group(1)
        return ""

    def setting(self, name: str, default: str = "") -> str:
        """Return a setting of ``firewalld.conf``."""
        match = re.search(r"^\s*{0}\s*=\s*(\S+)".format(name), read_text(os.path.join(self.folder, "firewalld.conf")) or "", re.MULTILINE)
        return match.group(1) if match else default

    def texts(self, known: t.Container[str] = ()) -> t.Dict[str, str]:
        """Return ``{path below the folder: text}`` of every file of the owner, copies that the daemon has made of them included.

        ``known`` are names that are ours whatever their files say. Raises ``OSError`` for a file that is there and cannot be read.
        """
        named = self._named()
        ours = {path.partition(".")[0] for path, text in named.items() if objects.is_ours(name_of(path), self._start, text)}
        return {path: text for path, text in named.items() if path.partition(".")[0] in ours or name_of(path) in known}

    def others(self, known: t.Container[str]) -> t.List[str]:
        """Return the paths of files whose names begin as ours do, and that are not."""
        return sorted(set(self._named()) - set(self.texts(known)))

    def _named(self) -> t.Dict[str, str]:
        found = {}
        for folder in objects.FOLDERS.values():
            for path in glob.glob(os.path.join(glob.escape(self.folder), folder, self._start + "-*")):
                text = read_text(path) if path.endswith((".xml", ".xml.old")) else None
                if text is not None:
                    found["{0}/{1}".format(folder, os.path.basename(path))] = text
        return found

    def write(self, desired: t.Mapping[str, str], known: t.Container[str] = ()) -> bool:
        """Make the owner's files be ``{path: text}``: all are written aside before the first is put in its place. Return whether any differed."""
        there = self.texts(known)
        changed = {path: text for path, text in desired.items() if there.get(path) != text}
        ready: t.Dict[str, str] = {}
        try:
            for path in sorted(changed, key=_rank):
                place = self._room(path)
                # The daemon watches the folders of policies and ipsets, but not the one above them.
                ready[place] = aside(place, File(changed[path], 0o644), os.path.join(self.folder, ASIDE + path.replace("/", "-")))
            for place, temporary in ready.items():
                os.rename(temporary, place)
        finally:
            for temporary in ready.values():
                remove(temporary)
        gone = sorted((path for path in there if path not in desired), key=_rank, reverse=True)
        for path in gone:
            remove(os.path.join(self.folder, path))
        return bool(changed or gone)

    def _room(self, path: str) -> str:
        """Return the full path of a file, whose folder is there then; ``OSError`` when something else is in the place of one of them."""
        place = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(place), 0o750, exist_ok=True)
        if os.path.isdir(place):
            raise IsADirectoryError(errno.EISDIR, "a folder is in the place of a file", place)
        return place

    def broken(self) -> t.List[str]:
        """Return the paths of all files, of whomever, that are no XML: firewalld refuses to load any of its configuration then, and names none of them."""
        found = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self.folder), "*.xml")) + glob.glob(os.path.join(glob.escape(self.folder), "*", "*.xml"))):
            try:
                ElementTree.fromstring(read_text(path) or "")
            except (OSError, ElementTree.ParseError):
                found.append(path)
        return found

    def objects(self, texts: t.Mapping[str, str]) -> objects.Objects:
        """Return the ``Objects`` of the texts; a file that cannot be read as one of ours is left out, and so is found missing."""
        found = objects.Objects({}, {}, {})
        for path, text in texts.items():
            folder, name = path.split("/")
            for sort, place in objects.FOLDERS.items():
                if place == folder and name.endswith(".xml"):
                    try:
                        getattr(found, sort)[name[:-4]] = READERS[sort](text)
                    except (ValueError, KeyError, TypeError):
                        pass
        return found


def name_of(path: str) -> str:
    """Return the name of the object that a file holds."""
    return os.path.basename(path).partition(".")[0]


def _rank(path: str) -> t.Tuple[int, str]:
    """Return the place of a file in the order of writing; ``-allow``, ``-block`` and ``-rest`` are in theirs by their names."""
    return ORDER.index(path.split("/")[0]), path
