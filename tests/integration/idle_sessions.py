# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that this host began with a peer, and that are idle until the peer speaks: what rules that begin to stop must not cut."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import struct
import typing as t

from network_namespaces import Peer

LOOSE = "/proc/sys/net/netfilter/nf_conntrack_tcp_loose"
# The other end of a connected UDP socket: it has heard one word, and then speaks first.
UDP_SPEAKER = """
import socket, sys
speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); speaker.bind((%r, 5432)); print("ready")
for line in sys.stdin:
    if line == "accept\\n":
        address = speaker.recvfrom(9)[1]; print("accepted")
    else:
        speaker.sendto(b"late", address); print("sent")
"""
SPEAKER = """
import socket, sys
listener = socket.create_server((%r, 5432)); print("ready")
sessions = []
for line in sys.stdin:
    if line == "accept\\n":
        sessions.append(listener.accept()[0]); print("accepted")
    else:
        sessions[-1].send(b"late"); print("sent")
"""


class Other:
    """The other end of a session that this host began."""

    def __init__(self, peer: Peer, kind: str = "tcp") -> None:
        self._process = peer.python((SPEAKER if kind == "tcp" else UDP_SPEAKER) % peer.there)
        self._peer, self._kind = peer, kind
        self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        self._line()

    @contextlib.contextmanager
    def session(self) -> t.Iterator[socket.socket]:
        with self._connected() as client:
            self.say("accept")
            client.settimeout(1)  # seconds after which what was said counts as dropped
            yield client

    def _connected(self) -> socket.socket:
        if self._kind == "tcp":
            return socket.create_connection((self._peer.there, 5432))
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((self._peer.there, 5432))
        client.send(b"begin")
        return client

    def is_heard(self, client: socket.socket) -> bool:
        self.say("speak")
        try:
            return client.recv(9) == b"late"
        except TimeoutError:
            return False

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def idle(peer: Peer) -> t.Iterator[t.Callable[[], t.List[str]]]:
    """Sessions by TCP and UDP that connection tracking has forgotten. Yields what asks which of them hear their peer."""
    with contextlib.ExitStack() as kept:
        pathlib.Path(LOOSE).write_text("0", encoding="ascii")  # nothing is picked up midway
        kept.callback(pathlib.Path(LOOSE).write_text, "1", encoding="ascii")  # other tests take a host as it is usual
        others = {kind: Other(peer, kind) for kind in ("tcp", "udp")}
        for other in others.values():
            kept.callback(other.close)
        clients = {kind: kept.enter_context(other.session()) for kind, other in others.items()}
        forget()
        yield lambda: [kind for kind, other in others.items() if other.is_heard(clients[kind])]


def forget() -> None:
    """Empty the table of connections: as if nothing had been said for longer than it keeps them."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_NETFILTER if hasattr(socket, "NETLINK_NETFILTER") else 12) as kernel:
        kernel.send(struct.pack("=IHHII", 20, 1 << 8 | 2, 0x1 | 0x4, 1, 0) + bytes(4))  # delete, without saying which
        error = -struct.unpack_from("=i", kernel.recv(4096), 16)[0]
        assert error == 0, os.strerror(error)
