# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Netlink, by which the kernel tells of interfaces, routes and tracked connections: messages and their attributes. Numbers are those of ``linux/netlink.h``."""

from __future__ import annotations

import socket
import struct
import typing as t

ROUTE, NETFILTER = 0, 12
REQUEST, ACKNOWLEDGE, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3
NESTED = 0x8000
SECONDS = 1.0


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def nest(kind: int, value: bytes) -> bytes:
    """Return an attribute that holds attributes."""
    return attribute(NESTED | kind, value)


def attributes(data: bytes) -> t.Dict[int, bytes]:
    """Return the attributes of a message's end by their kind."""
    return dict(listed(data))


def listed(data: bytes) -> t.List[t.Tuple[int, bytes]]:
    """Return the attributes of a message's end in their order; those of a list may all be of one kind."""
    found = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found.append((kind & ~NESTED, data[4:length]))
        data = data[(length + 3) & ~3 :]
    return found


def ask(family: int, kind: int, body: bytes, flags: int = 0) -> t.List[bytes]:
    """Return the bodies of the kernel's answers to one question; ``OSError`` when it gives none."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as kernel:
        kernel.bind((0, 0))
        kernel.settimeout(SECONDS)
        kernel.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 1, 0) + body)
        answers: t.List[bytes] = []
        while not _read(kernel.recv(1 << 18), answers) and flags == DUMP:
            pass
        return answers


def _read(data: bytes, answers: t.List[bytes]) -> bool:
    """Add the messages of one packet; tell whether the kernel has said all."""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        if kind == ERROR:
            number = -struct.unpack_from("=i", data, 16)[0]
            raise OSError(number, "netlink")
        if kind == DONE:
            return True
        answers.append(data[16:length])
        data = data[(length + 3) & ~3 :]
    return False
