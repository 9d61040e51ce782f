# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that were open and idle when a direction began to stop, by every way that this can come about: the other end speaks first, and is heard."""

from __future__ import annotations

import contextlib
import socket
import typing as t

import pytest
from network_namespaces import Peer, run

Apply = t.Any
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


@pytest.fixture
def peer(peers: t.Callable[..., Peer]) -> Peer:
    return peers("wire0")


class Other:
    """The other end of a session that this host began."""

    def __init__(self, peer: Peer) -> None:
        self._process = peer.python(SPEAKER % peer.there)
        self._peer = peer
        self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        self._line()

    @contextlib.contextmanager
    def session(self) -> t.Iterator[socket.socket]:
        with socket.create_connection((self._peer.there, 5432), timeout=1) as client:
            self._say("accept")
            yield client

    def is_heard(self, client: socket.socket) -> bool:
        self._say("speak")
        try:
            return client.recv(9) == b"late"
        except TimeoutError:
            return False

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Died(Exception):
    pass


def _die_while_loading(apply: Apply, ssh: dict[str, t.Any]) -> None:
    """A run that ends right before its rules are loaded, and the next one."""
    genuine = apply.learn

    def learn(_sessions: t.Any) -> bool:
        raise Died

    apply.learn = learn
    with pytest.raises(Died):
        apply(ssh)
    apply.learn = genuine
    apply(ssh)


FOREIGN = "table ip other { chain i { type filter hook input priority 0; ct state invalid drop; }; }"
# What is in force while the session begins, and what happens then. The last step always ends with a default that stops.
WAYS: dict[str, tuple[t.Callable[..., t.Any], t.Callable[..., t.Any]]] = {
    "the first rules": (lambda apply, ssh: None, lambda apply, ssh: apply(ssh)),
    "audit, then enforce": (lambda apply, ssh: None, lambda apply, ssh: (apply(ssh, mode="audit"), apply(ssh))),
    "audit with strict outbound, then enforce": (
        lambda apply, ssh: None,
        lambda apply, ssh: (apply(ssh, mode="audit", default_outbound="block"), apply(ssh, default_outbound="block")),
    ),
    "absent, then present": (lambda apply, ssh: (apply(ssh), apply(state="absent")), lambda apply, ssh: apply(ssh)),
    "keep, then block": (
        lambda apply, ssh: None,
        lambda apply, ssh: (apply(dict(ssh, action="block", local_ports=["2222"]), default_inbound="keep"), apply(ssh)),
    ),
    "keep, with a block that meets it": (
        lambda apply, ssh: None,
        lambda apply, ssh: apply(dict(ssh, action="block", protocol="any", local_ports=[]), default_inbound="keep"),
    ),
    "allow, then block": (lambda apply, ssh: None, lambda apply, ssh: (apply(ssh, default_inbound="allow"), apply(ssh))),
    "allow, then reject": (lambda apply, ssh: None, lambda apply, ssh: (apply(ssh, default_inbound="allow"), apply(ssh, default_inbound="reject"))),
    "inbound, then outbound, too": (lambda apply, ssh: None, lambda apply, ssh: (apply(ssh), apply(ssh, default_outbound="block"))),
    "beside a foreign rule that tracks": (lambda apply, ssh: None, lambda apply, ssh: (run("nft -f -", FOREIGN), apply(ssh))),
    "beside one that tracked others already": (lambda apply, ssh: None, lambda apply, ssh: (run("nft -f -", FOREIGN), _another(apply), apply(ssh))),
    "after a run that died": (lambda apply, ssh: None, _die_while_loading),
    "after somebody flushed all rules": (lambda apply, ssh: apply(ssh), lambda apply, ssh: (run("nft flush ruleset"), apply(ssh))),
}


def _another(apply: Apply) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


@pytest.mark.parametrize("way", WAYS)
def test_an_idle_session_survives_whatever_begins_to_stop(apply: Apply, rule: t.Any, peer: Peer, way: str) -> None:
    run("echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose")  # nothing is picked up midway
    other = Other(peer)
    ssh = rule("ssh", local_ports=["22"])
    before, then = WAYS[way]
    try:
        before(apply, ssh)
        with other.session() as client:
            then(apply, ssh)
            assert apply.pauses == []
            assert other.is_heard(client)
    finally:
        other.close()


def test_without_the_telling_it_is_not_heard(apply: Apply, rule: t.Any, peer: Peer) -> None:
    """The control: none of it is given by itself."""
    run("echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose")
    other = Other(peer)
    apply.learn = lambda _sessions: True
    try:
        with other.session() as client:
            apply(rule("ssh", local_ports=["22"]))
            assert not other.is_heard(client)
    finally:
        other.close()
