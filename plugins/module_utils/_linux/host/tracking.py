# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Open TCP sessions made known to the kernel's connection tracking, by netlink, as ``conntrack --create`` does it.

By itself the kernel learns a session only when it says something. Numbers are those of ``linux/netlink.h``, ``linux/netfilter/nfnetlink.h``,
``nfnetlink_conntrack.h``, ``nf_conntrack_common.h`` and ``nf_conntrack_tcp.h``.
"""

from __future__ import annotations

import errno
import socket
import struct
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session

NETLINK_NETFILTER = 12
NEW_CONNECTION = 1 << 8  # subsystem of connection tracking, message 0
FLAGS = 0x1 | 0x4 | 0x200 | 0x400  # request, with an answer, never change one that is there, create
TUPLE_ORIGINAL, TUPLE_REPLY, STATUS, PROTOCOL_INFO, TIMEOUT = 1, 2, 3, 4, 7
SEEN_REPLY_ASSURED_CONFIRMED = 0x2 | 0x4 | 0x8
ESTABLISHED = 3
# Windows and their scaling were agreed on before anybody looked: the same flags that the kernel gives to what it picks up midway.
LIBERAL = struct.pack("BB", 0x2 | 0x8, 0x2 | 0x8)
LASTING = 432000  # seconds, the kernel's own default; the first packet sets what this kernel is told to keep


def learn(sessions: t.Iterable[Session]) -> bool:
    """Make each of ``sessions`` (addresses as text, ports as numbers) known as established; tell whether all are."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.bind((0, 0))
            kernel.settimeout(1)
            known = [_learn(kernel, number, session) for number, session in enumerate(sessions)]
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
    ports = (session.peer_port, session.local_port)
    body = struct.pack(">BBH", family, 0, 0)
    body += _tuple(TUPLE_ORIGINAL, family, ends, ports) + _tuple(TUPLE_REPLY, family, ends[::-1], ports[::-1])
    body += _attribute(STATUS, struct.pack(">I", SEEN_REPLY_ASSURED_CONFIRMED)) + _attribute(TIMEOUT, struct.pack(">I", LASTING))
    body += _nest(PROTOCOL_INFO, _nest(1, _attribute(1, struct.pack("B", ESTABLISHED)) + _attribute(4, LIBERAL) + _attribute(5, LIBERAL)))
    return struct.pack("=IHHII", 16 + len(body), NEW_CONNECTION, FLAGS, number, 0) + body


def _ends(session: Session) -> t.Tuple[int, t.Tuple[bytes, ...]]:
    family = socket.AF_INET6 if ":" in session.peer else socket.AF_INET
    return family, tuple(socket.inet_pton(family, text) for text in (session.peer, session.local))


def _tuple(kind: int, family: int, ends: t.Sequence[bytes], ports: t.Sequence[int]) -> bytes:
    source = 3 if family == socket.AF_INET6 else 1
    addresses = _attribute(source, ends[0]) + _attribute(source + 1, ends[1])
    transport = _attribute(1, struct.pack("B", socket.IPPROTO_TCP)) + _attribute(2, struct.pack(">H", ports[0])) + _attribute(3, struct.pack(">H", ports[1]))
    return _nest(kind, _nest(1, addresses) + _nest(2, transport))


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _nest(kind: int, value: bytes) -> bytes:
    return _attribute(0x8000 | kind, value)
