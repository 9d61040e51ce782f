# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs a helper of connection tracking, and goes with it: TFTP both ways."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from network_namespaces import WAIT, Peer, udp

pytestmark = pytest.mark.packets


SERVE_TFTP = """
import socket, sys
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); ask.bind(("0.0.0.0", 69)); print("ready")
data, client = ask.recvfrom(99)
answer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); answer.bind(("0.0.0.0", 0)); answer.settimeout(60)
answer.sendto(b"\\0\\3\\0\\1file", client)
print(answer.recvfrom(99)[0])
"""


@pytest.mark.parametrize("helper", ["tftp", ""])
def test_tftp_client_needs_the_helper_and_works_with_it(apply: t.Any, rule: t.Any, peer: Peer, helper: str) -> None:
    apply(rule("tftp", direction="out", protocol="udp", remote_ports=["69"], remote_addresses=[peer.there], helper=helper), default_outbound="block")
    server = peer.python(SERVE_TFTP)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    client = udp("0.0.0.0", 0)
    client.settimeout(60 if helper else WAIT)
    client.sendto(b"\0\1name\0octet\0", (peer.there, 69))
    if helper:
        data, address = client.recvfrom(99)
        assert (data, address[1] != 69) == (b"\0\3\0\1file", True)
        client.sendto(b"\0\4\0\1", address)
        assert server.stdout.readline() == "b'\\x00\\x04\\x00\\x01'\n"
    else:
        with pytest.raises(TimeoutError):
            client.recvfrom(99)
    client.close()
    server.kill()
    server.communicate()


ASK_TFTP = """
import socket
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); ask.settimeout(%s)
ask.sendto(b"\\0\\1name\\0octet\\0", (%r, 69))
try:
    data, server = ask.recvfrom(99)
    ask.sendto(b"\\0\\4\\0\\1", server)
    print(data)
except socket.timeout:
    print("nothing")
"""


@pytest.mark.parametrize(("helper", "outbound"), [("tftp", "block"), ("", "block"), ("tftp", "keep")])
def test_tftp_server_under_strict_outbound_needs_the_helper(apply: t.Any, rule: t.Any, peer: Peer, helper: str, outbound: str) -> None:
    apply(rule("tftp", protocol="udp", local_ports=["69"], helper=helper), default_outbound=outbound)
    ask = udp("0.0.0.0", 69)
    ask.settimeout(60)
    client = peer.python(ASK_TFTP % (60 if helper else WAIT * 2, peer.here))
    client_address = ask.recvfrom(99)[1]
    answer = udp("0.0.0.0", 0)
    with contextlib.suppress(PermissionError):
        answer.sendto(b"\0\3\0\1file", client_address)
    answer.settimeout(60)
    if helper:
        assert answer.recvfrom(99)[0] == b"\0\4\0\1"
    expected = "b'\\x00\\x03\\x00\\x01file'\n" if helper else "nothing\n"
    assert client.communicate(timeout=300)[0] == expected
    ask.close()
    answer.close()
