# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Open sessions made known to the kernel's connection tracking, by netlink, as ``conntrack --create`` does it: those of TCP, and of connected UDP sockets.

By itself the kernel learns a session only when it says something. Numbers are those of ``linux/netlink.h``, ``linux/netfilter/nfnetlink.h``,
``nfnetlink_conntrack.h``, ``nf_conntrack_common.h`` and ``nf_conntrack_tcp.h``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.netlink import NETFILTER, attribute, nest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.services import read_text
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import Datagrams
from ansible_collections.portcullis.msports.plugins.module_utils._match import TCP, UDP

NEW_CONNECTION = 1 << 8  # subsystem of connection tracking, message 0
FLAGS = 0x1 | 0x4 | 0x200 | 0x400  # request, with an answer, never change one that is there, create
TUPLE_ORIGINAL, TUPLE_REPLY, STATUS, PROTOCOL_INFO, TIMEOUT = 1, 2, 3, 4, 7
SEEN_REPLY_ASSURED_CONFIRMED = 0x2 | 0x4 | 0x8
ESTABLISHED = 3
# Windows and their scaling were agreed on before anybody looked: the same flags that the kernel gives to what it picks up midway.
LIBERAL = struct.pack("BB", 0x2 | 0x8, 0x2 | 0x8)
LASTING = 432000  # seconds, the kernel's own default; the first packet sets what this kernel is told to keep
# Nobody says goodbye by UDP: what is silent for so long is over, here as for any other rules. The kernel's own default again.
UDP_STREAM = 120


NEARLY_FULL = (
    "connection tracking holds {0} connections, {1} are open, and there is room for {2} (nf_conntrack_max). When it is full, the kernel drops what is "
    "new, whatever the rules say. Give it more: 'sysctl -w net.netfilter.nf_conntrack_max={3}'"
)
NOT_LOOSE = "nf_conntrack_tcp_loose is 0: TCP sessions older than the first rule of anybody that tracks connections may be cut"


def warnings(proc: str) -> t.List[str]:
    """Return what may go wrong with the tracking of the sessions that are open."""
    sessions = _in_use(proc)
    count, room, loose = (_setting(proc, name) for name in ("nf_conntrack_count", "nf_conntrack_max", "nf_conntrack_tcp_loose"))
    found = [NOT_LOOSE] if loose == 0 else []
    if count is not None and room and max(count, sessions) * 10 > room * 9:
        found.append(NEARLY_FULL.format(count, sessions, room, 2 * room))
    return found


def _in_use(proc: str) -> int:
    """Return the number of TCP sockets, which the kernel has counted: to list them takes much longer."""
    lines = [line.split() for name in ("sockstat", "sockstat6") for line in read_text(os.path.join(proc, "net", name)).splitlines()]
    return sum(int(fields[2]) for fields in lines if fields[:2] in (["TCP:", "inuse"], ["TCP6:", "inuse"]))


def _setting(proc: str, name: str) -> t.Optional[int]:
    text = read_text(os.path.join(proc, "sys/net/netfilter", name)).strip()
    return int(text) if text.isdigit() else None


def learn(sessions: t.Iterable[Session]) -> bool:
    """Make each of ``sessions`` (addresses as text, ports as numbers) known as established; tell whether all are."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER) as kernel:
            kernel.bind((0, 0))
            kernel.settimeout(1)
            known = [_learn(kernel, number, session) for number, session in enumerate(sessions)]  # all of them, also when one is refused
            return all(known)
    except (OSError, struct.error):
        return False


def _learn(kernel: socket.socket, number: int, session: Session) -> bool:
    """Ask for one and tell whether it is known now."""
    kernel.send(message(number, session))
    while True:
        answer = kernel.recv(65536)
        _length, _kind, _flags, sequence, _port, negative = struct.unpack_from("=IHHIIi", answer)
        if sequence == number:
            return -negative in (0, errno.EEXIST)


def message(number: int, session: Session) -> bytes:
    """Return the request for one session."""
    family, ends = _ends(session)
    protocol = UDP if isinstance(session, Datagrams) else TCP
    ports = (session.peer_port, session.local_port)
    body = struct.pack(">BBH", family, 0, 0)
    body += _tuple(TUPLE_ORIGINAL, family, ends, ports, protocol) + _tuple(TUPLE_REPLY, family, ends[::-1], ports[::-1], protocol)
    body += attribute(STATUS, struct.pack(">I", SEEN_REPLY_ASSURED_CONFIRMED))
    body += attribute(TIMEOUT, struct.pack(">I", LASTING if protocol == TCP else UDP_STREAM))
    if protocol == TCP:
        body += nest(PROTOCOL_INFO, nest(1, attribute(1, struct.pack("B", ESTABLISHED)) + attribute(4, LIBERAL) + attribute(5, LIBERAL)))
    return struct.pack("=IHHII", 16 + len(body), NEW_CONNECTION, FLAGS, number, 0) + body


def _ends(session: Session) -> t.Tuple[int, t.Tuple[bytes, ...]]:
    family = socket.AF_INET6 if ":" in session.peer else socket.AF_INET
    return family, tuple(socket.inet_pton(family, text) for text in (session.peer, session.local))


def _tuple(kind: int, family: int, ends: t.Sequence[bytes], ports: t.Sequence[int], protocol: int) -> bytes:
    source = 3 if family == socket.AF_INET6 else 1
    addresses = attribute(source, ends[0]) + attribute(source + 1, ends[1])
    transport = attribute(1, struct.pack("B", protocol)) + attribute(2, struct.pack(">H", ports[0])) + attribute(3, struct.pack(">H", ports[1]))
    return nest(kind, nest(1, addresses) + nest(2, transport))
