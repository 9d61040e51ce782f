# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a Windows host showed of who speaks with whom, as observations: listeners and sessions with process and services, and the firewall's log."""

from __future__ import annotations

import types
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._options import PROFILES
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import CONVERSATIONS, DROPPED, LISTENER, LOG, PASSED, SESSION, UNKNOWN

LISTENING, ESTABLISHED = 2, 5  # Windows' own numbers for states of TCP
FIRST_DYNAMIC = 49152  # from here Windows gives ports to sockets which ask for none
MOST_SERVICES = 3
MARKS, LOGGED = "logs", "logged"
Plain = t.Mapping[str, t.Any]
Seen = t.Dict[str, t.Any]
UNREADABLE = {
    "sockets": "the sockets of this host cannot be read: {0}",
    "processes": "the names of processes cannot be read: {0}",
    "services": "which services run in a process cannot be read: {0}",
    "logs": "what the firewall logs cannot be read: {0}",
}
OF_LOG = {
    "not_understood": "{0} lines of the log {1} are not understood",
    "lost": "Windows itself has lost {0} events of the log {1}",
    "left_out": "the log {1} holds more conversations than are kept; {0} lines of others are left out",
    "not_read": "the log {1} is too long: its first {0} bytes were not read",
    "turned_over": "the log {1} no longer has the line that the look before ended with: what was logged in between may be lost; look more often",
}
MISSING = (
    "the log {0} is not there, although profiles log to it ({1}): nothing was logged yet, or the service Windows Defender Firewall (MpsSvc) may not write there"
)


class Census(t.NamedTuple):
    """``unknown`` says in sentences what could not be seen. ``learning``: what passes is logged in every profile. ``mark``: where the next look goes on.

    ``unbroken``: kinds of evidence that have no gap since the look before: every connection is in the logs, and no line of them was lost.
    """

    observations: t.List[Seen]
    unknown: t.List[str]
    learning: bool
    mark: t.Dict[str, t.Any]
    unbroken: t.List[str]


class _Socket(t.NamedTuple):
    protocol: str
    state: int
    local: str
    local_port: int
    peer: str
    peer_port: int
    process: int


def marks_of(mark: Plain) -> t.Dict[str, str]:
    """Return the option ``marks`` of ``win_observe`` out of the mark of the look before: of each log its last line."""
    marks = mark.get(MARKS)
    return dict(marks) if isinstance(marks, dict) else {}


def census(told: Plain, before: Plain = types.MappingProxyType({})) -> Census:
    """Return the observations in what ``win_observe`` told, those over the network only, alike ones counted; ``before`` is the mark it was given."""
    unknown = [text.format(told[key]) for key, text in UNREADABLE.items() if isinstance(told[key], str)]
    processes, services = (told[key] if isinstance(told[key], dict) else {} for key in ("processes", "services"))
    sockets = [_Socket(*row) for row in told["sockets"]] if isinstance(told["sockets"], list) else []
    logs = told["logs"] if isinstance(told["logs"], list) else []
    listening = {(item.protocol, item.local_port): _name(item.process, processes, services) for item in sockets if _listens(item)}
    counts: t.Dict[t.Tuple[t.Any, ...], int] = {}
    for item in sockets:
        seen = _seen(item, listening)
        if seen:
            key = (*seen, _name(item.process, processes, services) or listening.get((item.protocol, item.local_port), ""))
            counts[key] = counts.get(key, 0) + 1
    names = ("direction", "peer", "protocol", "port", "seen", "outcome", "process")
    observations: t.List[Seen] = [dict(zip(names, key), times=number) for key, number in sorted(counts.items())]
    logged, marks = set(PROFILES), marks_of(before)
    whole = (
        bool(logs) and bool(before.get(LOGGED)) and all(log["path"] in marks for log in logs) and not any(True for log in logs for _text in _unknown_of(log))
    )
    for log in logs:
        marks.update({log["path"]: log["last"]} if log["last"] else {})
        observations += [_logged(row, listening) for row in log["rows"]]
        unknown += list(_unknown_of(log))
        logged -= set(log["allowed"])
    learning = bool(logs) and not logged
    return Census(observations, unknown, learning, {MARKS: marks, LOGGED: learning}, [CONVERSATIONS] if whole and learning else [])


def _seen(item: _Socket, listening: t.Container[t.Tuple[str, int]]) -> t.Optional[t.Tuple[t.Any, ...]]:
    """Return what a socket is seen to be, ``None`` for what does not leave the host or waits for an answer only."""
    if item.local == "::1" or item.local.startswith("127."):
        return None
    if _listens(item):  # whatever stands there for a peer
        return "in", "", item.protocol, item.local_port, LISTENER, UNKNOWN
    if item.peer == item.local or item.protocol != "tcp" or item.state != ESTABLISHED or not item.peer:
        return None
    if (item.protocol, item.local_port) in listening:
        return "in", item.peer, item.protocol, item.local_port, SESSION, PASSED
    return "out", item.peer, item.protocol, item.peer_port, SESSION, PASSED


def _listens(item: _Socket) -> bool:
    """Tell whether a socket waits for anybody. One of UDP on a port that Windows gave waits for an answer."""
    return item.state == LISTENING if item.protocol == "tcp" else item.local_port < FIRST_DYNAMIC


def _name(process: int, processes: Plain, services: Plain) -> str:
    """Return a process by its name and its services: ``svchost (TermService)``."""
    name = str(processes.get(str(process), "")) if process else ""  # that of no process is called Idle
    inside = sorted(map(str, services.get(str(process), [])))
    return f"{name} ({some(inside, MOST_SERVICES)})".strip() if inside else name


def _logged(row: t.Sequence[t.Any], listening: t.Mapping[t.Tuple[str, int], str]) -> Seen:
    direction, peer, protocol, port, outcome, times, first, last = row
    process = listening.get((protocol, port), "") if direction == "in" else ""
    kept = {"direction": direction, "peer": peer, "protocol": protocol, "port": port, "seen": LOG, "process": process, "times": times}
    return {**kept, "outcome": {"passed": PASSED, "dropped": DROPPED}[outcome], "first": first, "last": last}


def _unknown_of(log: Plain) -> t.Iterator[str]:
    writing = [profile for profile in PROFILES if profile in {*log["allowed"], *log["dropped"]}]
    if log["missing"] and writing:
        yield MISSING.format(log["path"], some(writing))
    yield from (f"the log of the firewall cannot be read: {text}" for text in log["failed"])
    yield from (text.format(log[key], log["path"]) for key, text in OF_LOG.items() if log[key])
