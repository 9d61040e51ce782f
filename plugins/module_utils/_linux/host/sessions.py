# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who manages this host right now, over the network, and what of that cannot be seen from here.

The present peer comes from ``SSH_CONNECTION`` in the environment of this process or of an ancestor (sudo drops it from the child's), else from the
sockets of sshd, else from those at the ports of management. A session counts only when its socket is in this network namespace: what comes in by
``podman exec``, by ``ip netns exec`` or locally has nothing that a firewall could cut. What cannot be read (another user's process without the
right to trace, a /proc that hides) is unknown, and unknown is not "nobody".
"""

from __future__ import annotations

import os
import struct
import sys
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import INSIDE, SSH, Session, Watch, is_inside, packed_text, parse_session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services

Sockets = t.List[t.Tuple[Session, str]]

SERVERS = ("sshd", "sshd-session", "dropbear")
ESTABLISHED, LISTENING = "01", "0A"
NOBODY = "no management session over the network was found: there is nothing to guard"
NOT_TOLD = "no management session over the network was found, and not all could be seen"
BY_PORT = "established sockets at the ports of management"

SAY_PORT = "; say in the inventory by which port of this host you come, like ansible_port: 2443"
LOST = (
    "this run came over the network to port {0}, and no connection to that port or to sshd is among the sockets of this host; say in the inventory on "
    "which port of this host its server listens, like ansible_port: 2022"
)
HIDDEN = "processes of other users cannot be read here (their environment and sockets need the right to trace, CAP_SYS_PTRACE), and connections to {0} are open"
UNREADABLE = "the sockets of this host cannot be read ({0})"


def find_sessions(
    environment: t.Optional[t.Mapping[str, str]] = None, proc: str = "/proc", pid: t.Optional[int] = None, came_by: t.Optional[int] = None
) -> Watch:
    """Return who manages this host, as far as that can be seen. ``came_by`` is the port by which the controller came, ``None`` where it is no network."""
    environment = os.environ if environment is None else environment
    kernel, reader = _Sockets(proc), _Reader(proc)
    pids = reader.ancestors(os.getpid() if pid is None else pid)
    for place, value in _variables(reader, environment, pids):
        session = parse_session(value)
        if session and kernel.has(session):
            how = "SSH_CONNECTION in {0}".format(place)
            return _from_inside(session, kernel, reader, came_by) if kernel.is_inside(session) else Watch((session,), how, own=session)
    found = reader.held(reader.named(pids), kernel.all())
    outside = tuple(session for session in found if not kernel.is_inside(session))
    if outside:
        return Watch(outside, "sockets of sshd among the ancestors", own=outside[0] if len(outside) == 1 else None)
    if found:
        return _from_inside(found[0], kernel, reader, came_by)
    return _any_session(kernel, reader, came_by)


class Datagrams(Session):
    """A conversation over UDP whose other end the socket is connected to."""


def established(proc: str = "/proc") -> t.List[Session]:
    """Return every established TCP session over the network, whoever serves it, and the conversations over UDP (``Datagrams``) of connected sockets.

    Of a socket that speaks with many the kernel does not tell with whom.
    """
    kernel = _Sockets(proc)
    sessions = [session for session, _inode in kernel.all() if not kernel.is_inside(session)]
    return sessions + [session for session in _datagrams(proc) if not is_inside(session)]


def _datagrams(proc: str) -> t.Iterator[Datagrams]:
    for name in ("udp", "udp6"):
        try:
            lines = _read(os.path.join(proc, "net", name)).splitlines()[1:]
        except OSError:
            continue  # that they are not known is nothing that a run depends on
        for fields in map(str.split, lines):
            if len(fields) > 9 and fields[3] == ESTABLISHED:
                (local, local_port), (peer, peer_port) = map(socket_address, fields[1:3])
                yield Datagrams(peer, peer_port, local, local_port)


def managed_ports(proc: str = "/proc", came_by: t.Optional[int] = None, root: str = "/") -> t.Tuple[int, ...]:
    """Return the ports of this host at which somebody who manages it would knock, as far as that can be seen: those that listen now.

    Not those that somebody's session listens on (``ssh -R``), which come and go.
    """
    kernel, reader = _Sockets(proc), _Reader(proc)
    sockets = kernel.all()
    servers = reader.named(reader.processes()) if kernel.listening else []
    # Where systemd listens for sshd, its files and the sessions tell by which port.
    found = {*_served(kernel, reader, servers, came_by), *(session.local_port for session in reader.held(servers, sockets))}
    named = services.socket_ports(("ssh", "sshd"), root)
    inodes = reader.inodes(("1",)) if named else set()
    found |= {port for port in named if kernel.listening.get(port, "") in inodes}
    forwarded = reader.inodes(pid for pid in servers if reader.held([pid], sockets))
    return tuple(sorted(port for port in found if kernel.listening.get(port, "") not in {"", *forwarded}))


def _variables(reader: _Reader, environment: t.Mapping[str, str], pids: t.Iterable[str]) -> t.Iterator[t.Tuple[str, t.Optional[str]]]:
    yield "the environment", environment.get("SSH_CONNECTION")
    for pid in pids:
        yield "the environment of process {0}".format(pid), reader.variable(pid, "SSH_CONNECTION")


def _any_session(kernel: _Sockets, reader: _Reader, came_by: t.Optional[int]) -> Watch:
    """Return every session of sshd and at the ports of management: one of them is ours, where we came by any."""
    sockets = kernel.all()
    servers = reader.named(reader.processes()) if sockets or kernel.listening else []
    by_sshd = [session for session in reader.held(servers, sockets) if not kernel.is_inside(session)]
    ports = _served(kernel, reader, servers, came_by)
    if kernel.unreadable:
        return Watch((), NOT_TOLD, (UNREADABLE.format(kernel.unreadable),))
    by_port = [] if by_sshd and not reader.hidden else kernel.at(ports)
    found = tuple(sorted({*by_sshd, *by_port}))
    if found:
        return Watch(found, "established sockets of sshd" if by_sshd else BY_PORT, own=found[0] if len(found) == 1 else None)
    others = sorted({session.local_port for session, _inode in sockets if session.local_port in kernel.listening and not kernel.is_inside(session)})
    unknown = [LOST.format(came_by)] if came_by else []
    if reader.hidden and others:
        unknown.append(HIDDEN.format(", ".join("port {0}".format(port) for port in others[:5])))
    return Watch((), NOT_TOLD if unknown else NOBODY, tuple(unknown), tuple(port for port in ports if port in kernel.listening))


def _from_inside(own: Session, kernel: _Sockets, reader: _Reader, came_by: t.Optional[int]) -> Watch:
    """Return the sessions from outside that may be behind one from this host itself: those at the port by which the controller came."""
    ports = _served(kernel, reader, reader.named(reader.processes()) if kernel.all() else [], came_by)
    found = tuple(kernel.at((came_by,) if came_by else ports))
    if found:
        return Watch(found, "established sockets at the port that leads to the session from this host itself", own=own)
    asked = "; none is at port {0}, by which this run came".format(came_by) if came_by else ""
    return Watch((), NOT_TOLD, (INSIDE.format(own.peer, own.peer_port, asked + SAY_PORT),), own=own)


def _served(kernel: _Sockets, reader: _Reader, servers: t.Iterable[str], came_by: t.Optional[int]) -> t.Tuple[int, ...]:
    """Return the ports by which this host may be managed: that of ssh, those on which an sshd listens, and the one by which the controller came."""
    inodes = reader.inodes(servers) if set(kernel.listening) - {SSH} else ()
    return tuple(sorted({SSH, *({came_by} if came_by else ()), *(port for port, inode in kernel.listening.items() if inode in inodes)}))


class _Sockets:
    """The TCP sockets of this network namespace: established ones as ``(Session, inode)``, ``listening`` ports with their inode.

    Read file by file: for each the kernel walks through all the room that it has for sockets, which takes milliseconds, and mostly the first one tells.
    """

    def __init__(self, proc: str) -> None:
        self._files = [os.path.join(proc, "net", name) for name in ("tcp", "tcp6")]
        self._found: Sockets = []
        self._known: t.Set[Session] = set()
        self.listening: t.Dict[int, str] = {}
        self.unreadable = ""

    def has(self, session: Session) -> bool:
        """Tell whether ``session`` is one of them."""
        while session not in self._known:
            if not self._files:
                return False
            self._read_next()
        return True

    def is_inside(self, session: Session) -> bool:
        """Tell whether a session does not leave the host: then its other end is among the sockets that were read, too."""
        other = Session(session.local, session.local_port, session.peer, session.peer_port)
        return is_inside(session) or other in self._known

    def all(self) -> Sockets:
        """Return every established one."""
        while self._files:
            self._read_next()
        return self._found

    def at(self, ports: t.Iterable[int]) -> t.List[Session]:
        """Return the sessions over the network that came in by some ports."""
        return sorted(session for session, _inode in self.all() if session.local_port in ports and not self.is_inside(session))

    def _read_next(self) -> None:
        path = self._files.pop(0)
        try:
            lines = _read(path).splitlines()[1:]
        except OSError as error:
            if not path.endswith("6"):  # without IPv6 there is no such file
                self.unreadable = "{0}: {1}".format(path, error.strerror)
            return
        for line in lines:
            fields = line.split()
            if len(fields) < 10:
                continue
            local, local_port = socket_address(fields[1])
            if fields[3] == ESTABLISHED:
                peer, peer_port = socket_address(fields[2])
                session = Session(peer, peer_port, local, local_port)
                self._known.add(session)
                self._found.append((session, fields[9]))
            elif fields[3] == LISTENING and local != "::1" and not local.startswith("127."):
                self.listening[local_port] = fields[9]


def socket_address(field: str) -> t.Tuple[str, int]:
    """Return ``(address text, port)`` of the kernel's ``0100007F:0016``: 32-bit words in the machine's own order."""
    digits, port = field.split(":")
    words = [int(digits[index : index + 8], 16) for index in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("<I" if sys.byteorder == "little" else ">I", word) for word in words)
    return packed_text(packed), int(port, 16)


def _read(path: str) -> str:
    with open(path, "rb") as stream:
        return stream.read().decode("utf-8", "replace")


class _Reader:
    """Reads processes. ``hidden`` tells that some of one could not be read: then what was not found may be there all the same."""

    def __init__(self, proc: str) -> None:
        self._proc = proc
        self.hidden = False

    def _ask(self, question: t.Callable[[str], t.Any], path: str) -> t.Any:
        try:
            return question(path)
        except (FileNotFoundError, ProcessLookupError):  # it has ended, or is hidden: ``ancestors`` and ``processes`` look for that
            return None
        except OSError:
            self.hidden = True
            return None

    def _text(self, pid: str, name: str) -> str:
        return self._ask(_read, os.path.join(self._proc, pid, name)) or ""

    def variable(self, pid: str, name: str) -> t.Optional[str]:
        """Return a variable of a process's environment."""
        for item in self._text(pid, "environ").split("\0"):
            if item.startswith(name + "="):
                return item[len(name) + 1 :]
        return None

    def named(self, pids: t.Iterable[str]) -> t.List[str]:
        """Return those of the processes that serve ssh."""
        return [pid for pid in pids if self._text(pid, "comm").strip() in SERVERS]

    def ancestors(self, pid: int) -> t.List[str]:
        """Return the ids (texts) of the process's ancestors, nearest first. A chain that breaks off has a hidden one."""
        found: t.List[str] = []
        near = str(pid)
        while near not in ("0", "", "1") and len(found) < 64:
            # The name in parentheses may hold anything; the parent is the second field behind it.
            fields = self._text(near, "stat").rpartition(")")[2].split()
            near = fields[1] if len(fields) > 1 else ""
            if near not in ("0", ""):
                found.append(near)
        self.hidden = self.hidden or near == ""
        return found

    def processes(self) -> t.List[str]:
        """Return the ids of all processes. Where process 1 is not among them, /proc hides those of other users."""
        found = [name for name in self._ask(os.listdir, self._proc) or () if name.isdigit()]
        self.hidden = self.hidden or "1" not in found
        return found

    def inodes(self, pids: t.Iterable[str]) -> t.Set[str]:
        """Return the inodes of the sockets that processes hold."""
        found = set()
        for pid in pids:
            folder = os.path.join(self._proc, pid, "fd")
            for name in self._ask(os.listdir, folder) or ():
                target = self._ask(os.readlink, os.path.join(folder, name)) or ""
                if target.startswith("socket:["):
                    found.add(target[8:-1])
        return found

    def held(self, pids: t.Iterable[str], sockets: Sockets) -> t.List[Session]:
        """Return the sessions whose sockets one of the processes holds."""
        inodes = self.inodes(pids)
        return sorted({session for session, inode in sockets if inode in inodes})


def guarded(watch: Watch) -> t.List[str]:
    """Return the sessions that the guard looked at, in words, or that there is none."""
    return ["{0} port {1} from {2} ({3})".format(session.local, session.local_port, session.peer, watch.how) for session in watch.sessions] or [watch.how]
