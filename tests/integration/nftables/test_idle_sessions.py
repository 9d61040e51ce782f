# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that were open and idle when a direction began to stop, by every way that this can come about: the other end speaks first, and is heard."""

from __future__ import annotations

import socket
import typing as t

import pytest
from idle_sessions import Other
from network_namespaces import Peer, run

Apply = t.Any


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


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("way", WAYS)
def test_an_idle_session_survives_whatever_begins_to_stop(apply: Apply, rule: t.Any, peer: Peer, way: str, kind: str) -> None:
    run("echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose")  # nothing is picked up midway
    other = Other(peer, kind)
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


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_without_the_telling_it_is_not_heard(apply: Apply, rule: t.Any, peer: Peer, kind: str) -> None:
    """The control: none of it is given by itself."""
    run("echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose")
    other = Other(peer, kind)
    apply.learn = lambda _sessions: True
    try:
        with other.session() as client:
            apply(rule("ssh", local_ports=["22"]))
            assert not other.is_heard(client)
    finally:
        other.close()


def test_a_socket_that_speaks_with_many_is_heard_again_when_it_speaks(apply: Apply, rule: t.Any, peer: Peer) -> None:
    """The kernel does not tell with whom it speaks."""
    other = Other(peer, "udp")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.settimeout(1)
            server.sendto(b"begin", (peer.there, 5432))
            other.say("accept")
            apply(rule("ssh", local_ports=["22"]))
            assert not other.is_heard(server)
            server.sendto(b"again", (peer.there, 5432))
            other.say("accept")
            assert other.is_heard(server)
    finally:
        other.close()
