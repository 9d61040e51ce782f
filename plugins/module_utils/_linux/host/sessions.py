# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who manages this host right now, over the network.

The present peer comes from ``SSH_CONNECTION`` in the environment of this process or of an ancestor (sudo drops it from the
child's), else from the established sockets of sshd. A session counts only when its socket is in this network namespace:
what comes in by ``podman exec``, by ``ip netns exec`` or locally has nothing that a firewall could cut.
"""

from __future__ import annotations

import os
import struct
import sys
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session, is_inside, packed_text, parse_session

Sockets = t.List[t.Tuple[Session, str]]

SERVERS = ("sshd", "sshd-session", "dropbear")
ESTABLISHED = "01"


def find_sessions(
    environment: t.Optional[t.Mapping[str, str]] = None, proc: str = "/proc", pid: t.Optional[int] = None
) -> t.Tuple[t.List[Session], str]:
    """Return ``(sessions, how)``: the management sessions over the network, and a sentence on how they were found."""
    environment = os.environ if environment is None else environment
    kernel = _Sockets(proc)
    pids = _ancestors(proc, os.getpid() if pid is None else pid)
    for place, variables in [("the environment", environment)] + [("the environment of process {0}".format(p), None) for p in pids]:
        value = variables.get("SSH_CONNECTION") if variables is not None else _variable(proc, place.rsplit(" ", 1)[1], "SSH_CONNECTION")
        session = parse_session(value)
        if session and kernel.has(session):
            return [session], "SSH_CONNECTION in {0}".format(place)
    servers = [p for p in pids if _command(proc, p) in SERVERS]
    sockets = kernel.all()
    found = _of(proc, servers, sockets)
    if found:
        return found, "sockets of sshd among the ancestors"
    if sockets:
        found = _of(proc, [p for p in _processes(proc) if _command(proc, p) in SERVERS], sockets)
        if found:
            return found, "established sockets of sshd"
    return [], "no management session over the network was found: there is nothing to guard"


def established(proc: str = "/proc") -> t.List[Session]:
    """Return every established TCP session over the network, whoever serves it."""
    return [session for session, _inode in _Sockets(proc).all() if not is_inside(session)]


class _Sockets:
    """The established TCP sockets of this network namespace, as ``(Session, inode)``.

    Read file by file: for each the kernel walks through all the room that it has for sockets, which takes milliseconds, and mostly the first one tells.
    """

    def __init__(self, proc: str) -> None:
        self._files = [os.path.join(proc, "net", name) for name in ("tcp", "tcp6")]
        self._found = []

    def has(self, session: Session) -> bool:
        """Tell whether ``session`` is one of them."""
        while session not in (known for known, _inode in self._found):
            if not self._files:
                return False
            self._read_next()
        return True

    def all(self) -> Sockets:
        """Return every one."""
        while self._files:
            self._read_next()
        return self._found

    def _read_next(self) -> None:
        for line in _read(self._files.pop(0)).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == ESTABLISHED:
                local, local_port = _socket_address(fields[1])
                peer, peer_port = _socket_address(fields[2])
                self._found.append((Session(peer, peer_port, local, local_port), fields[9]))


def _socket_address(field: str) -> t.Tuple[str, int]:
    """Return ``(address text, port)`` of the kernel's ``0100007F:0016``: 32-bit words in the machine's own order."""
    digits, port = field.split(":")
    words = [int(digits[index : index + 8], 16) for index in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("<I" if sys.byteorder == "little" else ">I", word) for word in words)
    return packed_text(packed), int(port, 16)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _variable(proc: str, pid: str, name: str) -> t.Optional[str]:
    for item in _read(os.path.join(proc, pid, "environ")).split("\0"):
        if item.startswith(name + "="):
            return item[len(name) + 1 :]
    return None


def _command(proc: str, pid: str) -> str:
    return _read(os.path.join(proc, pid, "comm")).strip()


def _ancestors(proc: str, pid: int) -> t.List[str]:
    """Return the ids (texts) of the process's ancestors, nearest first."""
    found: t.List[str] = []
    near = str(pid)
    while near not in ("0", "", "1") and len(found) < 64:
        # The name in parentheses may hold anything; the parent is the second field behind it.
        fields = _read(os.path.join(proc, near, "stat")).rpartition(")")[2].split()
        near = fields[1] if len(fields) > 1 else ""
        if near not in ("0", ""):
            found.append(near)
    return found


def _processes(proc: str) -> t.List[str]:
    try:
        return [name for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return []


def _of(proc: str, pids: t.Iterable[str], sockets: Sockets) -> t.List[Session]:
    """Return the sessions whose sockets one of ``pids`` holds."""
    inodes = set()
    for pid in pids:
        folder = os.path.join(proc, pid, "fd")
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(os.path.join(folder, name))
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    return sorted({session for session, inode in sockets if inode in inodes})


def guarded(sessions: t.Iterable[Session], how: str) -> t.List[str]:
    """Return the sessions that the guard looked at, in words, or that there is none."""
    return ["{0} port {1} from {2} ({3})".format(session.local, session.local_port, session.peer, how) for session in sessions] or [how]
