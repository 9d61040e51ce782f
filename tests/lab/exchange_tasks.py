# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Real exchanges for the special cases: datagrams, raw frames, multicast, TFTP, echo requests, streams."""

import os
import select
import socket
import struct
import time
import typing as t

ETHERNET_IP, BROADCAST = 0x0800, b"\xff" * 6
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_open: dict[str, socket.socket] = {}  # listeners of this host by name, between one task and the next


def listen(name: str, port: int, kind: str = "udp", group: str = "", address: str = "", family: int = 4) -> None:
    """Open a socket that :func:`receive` or :func:`take_in` and :func:`give_out` read later. ``kind``: udp, tcp, or raw (``port`` is the IP protocol)."""
    if name in _open:
        _open.pop(name).close()
    if kind == "raw":
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, port)
    else:
        sock = socket.socket(_FAMILIES[family], socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    if kind == "tcp":
        sock.listen(8)
    if group:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + struct.pack("!i", 0))
    _open[name] = sock


def receive(name: str, seconds: float = 0.4) -> t.Optional[tuple[str, str]]:
    """Return (text, source address) of the first datagram that a listener gets, or ``None``; the listener is closed."""
    sock = _open.pop(name)
    with sock:
        if not select.select([sock], [], [], seconds)[0]:
            return None
        data, source = sock.recvfrom(65535)
        return data.decode("latin-1"), source[0]


def send(address: str, port: int, text: str = "portcullis", source_port: int = 0, family: int = 4) -> str:
    """Send one datagram (unicast, broadcast or multicast with 4 hops); return ``""`` or why it could not leave."""
    with socket.socket(_FAMILIES[family], socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == 4:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
        sock.bind(("", source_port))
        try:
            sock.sendto(text.encode("latin-1"), (address, port))
        except OSError as error:
            return os.strerror(error.errno or 0)
    return ""


def send_protocol(address: str, protocol: int = socket.IPPROTO_GRE) -> str:
    """Send one packet of a protocol that has no ports."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as sock:
        try:
            sock.sendto(b"\0\0\x08\0portcullis", (address, 0))
        except OSError as error:
            return os.strerror(error.errno or 0)
    return ""


def send_frame(port: int, source_port: int, text: str) -> None:
    """Broadcast a datagram as a machine does that has no address yet: from 0.0.0.0 to 255.255.255.255, as a raw frame."""
    data = text.encode("latin-1")
    udp = struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0, b"\0" * 4, b"\xff" * 4)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("eth0", 0))
        sock.send(BROADCAST + sock.getsockname()[4] + struct.pack("!H", ETHERNET_IP) + head + udp)


def sniff(name: str) -> None:
    """Listen to whole frames as they arrive, before any filter; :func:`receive` tells the first one's payload."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERNET_IP))
    sock.bind(("eth0", ETHERNET_IP))
    _open[name] = sock


def ping(address: str, family: int = 4, size: int = 32, seconds: float = 0.5) -> bool:
    """Send an echo request and tell whether the reply came."""
    kind, protocol, reply = (8, socket.IPPROTO_ICMP, 0) if family == 4 else (128, socket.IPPROTO_ICMPV6, 129)
    mark = os.urandom(2)
    body = struct.pack("!BBH", kind, 0, 0) + mark + b"\0\1" + b"p" * size
    body = body[:2] + struct.pack("!H", _checksum(body)) + body[4:]
    with socket.socket(_FAMILIES[family], socket.SOCK_RAW, protocol) as sock:
        try:
            sock.sendto(body, (address, 0))
        except OSError:
            return False
        end = time.monotonic() + seconds
        while select.select([sock], [], [], max(0.0, end - time.monotonic()))[0]:
            data, source = sock.recvfrom(65535)
            answer = data[(data[0] & 15) * 4 :] if family == 4 else data
            if answer[0] == reply and answer[4:6] == mark and source[0] == address:
                return True
    return False


def give_out(name: str, size: int, seconds: float = 4.0) -> int:
    """Accept one TCP connection, send ``size`` bytes and return how many left."""
    with _open.pop(name) as server:
        server.settimeout(seconds)
        try:
            client, _source = server.accept()
        except TimeoutError:
            return -1
        with client:
            client.settimeout(seconds)
            sent = 0
            try:
                while sent < size:
                    sent += client.send(b"x" * min(65536, size - sent))
                client.shutdown(socket.SHUT_WR)
                client.recv(1)
            except OSError:
                pass
            return sent


def take_in(address: str, port: int, family: int = 4, seconds: float = 4.0) -> int:
    """Connect and read until the end; return how many bytes came, or -1 without a connection."""
    with socket.socket(_FAMILIES[family], socket.SOCK_STREAM) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect((address, port))
        except OSError:
            return -1
        count = 0
        try:
            while data := sock.recv(65536):
                count += len(data)
        except OSError:
            pass
        return count


def tftp_serve(name: str, size: int, seconds: float) -> int:
    """Answer one TFTP read request to what listens from a new port (RFC 1350) and return how many blocks were acknowledged."""
    with _open.pop(name) as server:
        server.settimeout(seconds)
        try:
            _request, client = server.recvfrom(2048)
        except TimeoutError:
            return 0
    blocks = [b"b" * 512] * (size // 512) + [b"b" * (size % 512)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as session:
        session.bind(("", 0))
        session.settimeout(seconds)
        for number, block in enumerate(blocks, 1):
            try:
                session.sendto(struct.pack("!HH", 3, number) + block, client)
                answer, _source = session.recvfrom(2048)
            except OSError:
                return number - 1
            if answer[:4] != struct.pack("!HH", 4, number):
                return number - 1
    return len(blocks)


def tftp_fetch(address: str, seconds: float) -> int:
    """Read a file by TFTP and return its size, or -1 when no answer comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        size = 0
        try:
            sock.sendto(b"\0\1boot.wim\0octet\0", (address, 69))
            while True:
                data, source = sock.recvfrom(2048)
                size += len(data) - 4
                sock.sendto(b"\0\4" + data[2:4], source)
                if len(data) < 516:
                    return size
        except OSError:
            return -1


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
