# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a reload takes from others is on disk before it: what only the running daemon holds of them, and their rules of iptables.

A run that is killed between the reload and its end leaves that file. A process that stands by finishes it at once; where that is killed, too, whoever
holds the lock next does. What others have changed since stays: an item comes back when the reload can have taken it, and goes away again when the
reload can have brought it.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.daemon import CHANGEABLE, DIRECT, Daemon, Snapshot
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import read_text, replace, tidy
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.iptables import Iptables

# In /run: what only the running daemon has, and rules of iptables, end with the boot by themselves.
JOURNAL = "run/portcullis-msports.firewalld.json"
FINISHED = "an earlier run was ended while it reloaded firewalld; what others had at run time was put back now"
UNFINISHED = "an earlier run was ended while it reloaded firewalld, and this could not be put back: {0}"
LATER = "an earlier run was ended while it reloaded firewalld; the next run that is no check puts back what others had at run time"
STRANGE = "what an earlier run has kept in {0} cannot be read ({1}): rules that others had at run time may be missing since; look at it, and remove it"


class Journal(t.NamedTuple):
    """``handle`` is that of firewalld's table before the reload, ``None`` where it is not known. ``before`` ran, ``saved`` is what a reload loads.

    ``entries`` are those of ipsets with a timeout, ``iptables`` is ``{family: text}``, ``own`` are the names of ours, which the snapshots leave out.
    """

    handle: t.Optional[int]
    before: Snapshot
    saved: Snapshot
    entries: t.List[t.Any]
    iptables: t.Dict[str, str]
    own: t.List[str]


def handle(objects: t.Iterable[t.Tuple[str, t.Any]]) -> t.Optional[int]:
    """Return the handle of firewalld's table among what nft printed: it is another one after each reload."""
    return next((value.get("handle") for kind, value in objects if kind == "table" and (value.get("family"), value.get("name")) == ("inet", "firewalld")), None)


def keep(root: str, journal: Journal) -> None:
    replace(os.path.join(root, JOURNAL), json.dumps(journal), 0o600)


def kept(root: str) -> t.Optional[Journal]:
    """Return what an interrupted run has left; ``ValueError`` when it cannot be read."""
    text = read_text(os.path.join(root, JOURNAL))
    if text is None:
        return None
    try:
        journal = Journal(*json.loads(text))
        return journal._replace(before=Snapshot(*journal.before), saved=Snapshot(*journal.saved))
    except (TypeError, ValueError) as error:
        raise ValueError(STRANGE.format("/" + JOURNAL, error)) from error


def forget(root: str) -> None:
    path = os.path.join(root, JOURNAL)
    tidy([path])
    if os.path.lexists(path):
        os.unlink(path)


class Standby:
    """Keeps a journal, and a process that puts back what it holds if this one is killed before ``__exit__``. That process holds our lock, too."""

    def __init__(self, root: str, connect: t.Callable[[], t.Optional[Daemon]]) -> None:
        self._root, self._connect = root, connect
        self._child, self._writer = 0, -1

    def __enter__(self) -> Standby:
        return self

    def start(self, journal: Journal) -> None:
        """``OSError`` when the journal cannot be written. Without a process the next run finishes what is left."""
        keep(self._root, journal)
        reader, writer = os.pipe()
        try:
            self._child = os.fork()
        except OSError:
            os.close(writer)
        else:
            if self._child == 0:
                os.close(writer)
                self._stand_by(reader, journal)
            self._writer = writer
        os.close(reader)

    def __exit__(self, *_reason: t.Any) -> None:
        if self._child:
            try:
                os.write(self._writer, b".")
            except OSError:
                pass  # somebody has killed it
            os.close(self._writer)
            os.waitpid(self._child, 0)

    def _stand_by(self, reader: int, journal: Journal) -> None:
        """Be the process: wait for the end of the other one. Does not return."""
        try:
            os.setsid()
            for handle in range(3):  # who waits for the end of our output waits for the other one only
                os.dup2(os.open(os.devnull, os.O_RDWR), handle)
            if not os.read(reader, 1) and not put_back(journal, self._connect(), Iptables()).failed:
                forget(self._root)
        finally:
            os._exit(0)


def finish(root: str, daemon: t.Optional[Daemon], objects: t.Iterable[t.Tuple[str, t.Any]], check_mode: bool) -> t.List[str]:
    """Put back what an interrupted run has taken from others, and return warnings. The caller holds the lock."""
    try:
        journal = kept(root)
    except (OSError, ValueError) as error:
        return [str(error)]
    if check_mode:
        return [LATER] if journal else []
    failed: t.List[str] = []
    if journal and (journal.handle is None or journal.handle != handle(objects)):
        failed = put_back(journal, daemon, Iptables()).failed
    forget(root)
    return [UNFINISHED.format("; ".join(failed)) if failed else FINISHED] if journal else []


class Back(t.NamedTuple):
    """``failed`` says what could not be put back. ``now`` is what others have in the daemon, where nothing of it had to be put back."""

    failed: t.List[str]
    now: t.Optional[Snapshot]


def put_back(journal: Journal, daemon: t.Optional[Daemon], iptables: Iptables) -> Back:
    """Make what others had at run time what it was."""
    failed, untouched = [], None
    try:
        if daemon is not None:
            now = plain(daemon.snapshot(journal.own))
            asked = daemon.bus.count
            failed += daemon.put_back(merged(plain(journal.before), plain(journal.saved), now), now, list(journal.entries))
            untouched = now if daemon.bus.count == asked else None
    except BusError as error:
        failed.append(str(error))
    # Last, because direct rules of the daemon are rules of iptables, too.
    return Back(failed + iptables.restore(journal.iptables), untouched)


def merged(before: Snapshot, saved: Snapshot, now: Snapshot) -> Snapshot:
    """Return what is to run: ``now``, with what a reload has taken from ``before`` and without what it has brought from ``saved``."""
    zones, policies = (
        {
            name: _settings(sort, *(getattr(side, field).get(name) for side in (before, saved, now)))
            for name in {**getattr(before, field), **getattr(now, field)}
        }
        for sort, field in (("zone", "zones"), ("policy", "policies"))
    )
    ipsets = {name: _ipset(found, saved.ipsets.get(name), now.ipsets.get(name)) for name, found in before.ipsets.items()}
    direct = {sort: _items(*(side.direct[sort] for side in (before, saved, now))) for sort in DIRECT}
    return Snapshot(before.default_zone, zones, policies, ipsets, direct)


def _settings(sort: str, before: t.Any, saved: t.Any, now: t.Any) -> t.Any:
    found = dict(now or before)
    for key, signature in CHANGEABLE[sort].items():
        if signature == "b":
            sides = [bool((side or {}).get(key, False)) for side in (before, saved, now)]
            found[key] = sides[0] if sides[1] == sides[2] else sides[2]
        else:
            found[key] = _items(*((side or {}).get(key, []) for side in (before, saved, now)))
    return found


def _ipset(before: t.Any, saved: t.Any, now: t.Any) -> t.Any:
    entries = _items(before[5], saved[5] if saved else [], now[5] if now else [])
    return list(before[:5]) + [entries]


def _items(before: t.Sequence[t.Any], saved: t.Sequence[t.Any], now: t.Sequence[t.Any]) -> t.List[t.Any]:
    brought = [item for item in saved if item not in before]
    taken = [item for item in before if item not in saved and item not in now]
    return [item for item in now if item not in brought] + taken


def plain(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot as JSON gives it back, so that what was kept and what is there compare."""
    return Snapshot(*json.loads(json.dumps(snapshot)))
