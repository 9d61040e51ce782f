# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Probes: a sender that fires TCP and UDP at many ports at once, and a receiver whose kernel records what passed.

The record is a table of the lab's own on the input hook *after* the filter priority, so it sees only what the filter let
through. It uses no connection tracking (a filter that forgot to would otherwise be helped): probes are told by their source
ports, which no catalog names, and by being first packets.
"""

import contextlib
import errno
import json
import resource
import select
import socket
import subprocess
import time
import typing as t

SOURCE_PORTS = (34000, 44999)  # the same as ip_local_port_range in topology.py
UDP_SOURCE_PORT = 34001
_TABLE = f"""
table inet lab {{
  set seen4 {{ type ipv4_addr . inet_proto . inet_service; flags dynamic; size 65535; }}
  set seen6 {{ type ipv6_addr . inet_proto . inet_service; flags dynamic; size 65535; }}
  chain passed {{
    type filter hook input priority 10; policy accept;
    th sport < {SOURCE_PORTS[0]} return
    th sport > {SOURCE_PORTS[1]} return
    meta l4proto tcp tcp flags & (syn | ack) != syn return
    meta nfproto ipv4 meta l4proto {{ tcp, udp }} update @seen4 {{ ip saddr . meta l4proto . th dport }}
    meta nfproto ipv6 meta l4proto {{ tcp, udp }} update @seen6 {{ ip6 saddr . meta l4proto . th dport }}
  }}
}}
"""
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_QUIET = 0.4  # seconds without any answer, after which the silent ones count as dropped
_ANSWERS = (0, errno.ECONNREFUSED, errno.ECONNRESET)


def measure() -> None:
    """Begin to record what passes this host's input filter."""
    _nft("table inet lab\ndelete table inet lab\n" + _TABLE)


def forget() -> None:
    """Empty the record."""
    _nft("flush set inet lab seen4\nflush set inet lab seen6")


def seen() -> list[tuple[str, str, int]]:
    """Return what passed since the last :func:`forget`: (source address, protocol, destination port)."""
    found = []
    for name in ("seen4", "seen6"):
        told = json.loads(_output(["nft", "-jn", "list", "set", "inet", "lab", name]))
        for item in told["nftables"]:
            for element in item.get("set", {}).get("elem", ()):
                value = element["elem"]["val"] if "elem" in element else element
                source, protocol, port = value["concat"]
                found.append((source, {6: "tcp", 17: "udp"}.get(protocol, protocol), int(port)))
    return found


def probe(targets: t.Sequence[tuple[int, str, str, int]]) -> list[tuple[str, int]]:
    """Fire at every (family, address, protocol, port) and return the TCP ends (address, port) that answered.

    An answer is a connection or a reset; both prove passage (and, from a host that rejects, only presence).
    """
    for family in sorted(_FAMILIES):
        _fire_udp(family, [(address, port) for kind, address, protocol, port in targets if kind == family and protocol == "udp"])
    tcp = [(family, address, port) for family, address, protocol, port in targets if protocol == "tcp"]
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    window = max(64, min(4000, hard - 100))
    return [end for start in range(0, len(tcp), window) for end in _connect_all(tcp[start : start + window])]


def _fire_udp(family: int, ends: t.Sequence[tuple[str, int]]) -> None:
    if not ends:
        return
    with socket.socket(_FAMILIES[family], socket.SOCK_DGRAM) as sender:
        sender.bind(("", UDP_SOURCE_PORT))
        for end in ends:
            # refused by the own output filter: the receiver's record says that it did not arrive
            with contextlib.suppress(OSError):
                sender.sendto(b"portcullis", end)


def _connect_all(ends: t.Sequence[tuple[int, str, int]]) -> list[tuple[str, int]]:
    answered: list[tuple[str, int]] = []
    waiting: dict[int, tuple[socket.socket, tuple[str, int]]] = {}
    poll = select.epoll()
    try:
        for family, address, port in ends:
            sock = socket.socket(_FAMILIES[family], socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            told = sock.connect_ex((address, port))
            if told == errno.EINPROGRESS:
                waiting[sock.fileno()] = (sock, (address, port))
                poll.register(sock.fileno(), select.EPOLLOUT)
                continue
            if told in _ANSWERS:
                answered.append((address, port))
            sock.close()
        last = time.monotonic()
        while waiting:
            late = time.monotonic() - last >= _QUIET  # asked before the last look: this process may have stood still
            ready = poll.poll(0 if late else 0.05, 4096)
            if late and not ready:
                break
            for number, _event in ready:
                last = time.monotonic()
                sock, end = waiting.pop(number)
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in _ANSWERS:
                    answered.append(end)
                sock.close()
    finally:
        poll.close()
        for sock, _end in waiting.values():
            sock.close()
    return answered


def _nft(text: str) -> None:
    done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"nft: {done.stderr.strip()}")


def _output(command: t.Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
