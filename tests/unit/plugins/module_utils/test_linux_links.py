# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries a tunnel, from interfaces as the kernel tells of them: those kinds, too, that the kernel of the tests lacks."""

from __future__ import annotations

import socket
import struct
import sys
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import links, netlink, wireguard
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.links import Link, Outer

REMOTE, REMOTE6 = socket.inet_aton("10.7.0.2"), socket.inet_pton(socket.AF_INET6, "fd07::2")
EVERY = ((0, 65535),)


def link(kind: str, data: t.Optional[dict[int, bytes]] = None, shape: int = 1, **more: int) -> Link:
    return Link("t0", kind, shape, more.get("lower", 0), more.get("master", 0), data or {})


@pytest.mark.parametrize(
    ("given", "outer"),
    [
        (link(""), None),
        (link("", shape=772), None),
        (link("veth"), None),
        (link("", shape=512), Outer("t0", None, None, None, True)),
        (link("tun", shape=65534), Outer("t0", None, None, None, True)),
        (link("a kind of next year"), Outer("t0", None, None, None, True)),
        (link("vxlan", {2: REMOTE, 15: b"\x12\xb5"}), Outer("t0", 17, ((4789, 4789),), "10.7.0.2", False)),
        (link("vxlan", {16: REMOTE6, 15: b"\x12\xb5"}), Outer("t0", 17, ((4789, 4789),), "fd07::2", False)),
        (link("vxlan", {15: b"\x12\xb5"}), Outer("t0", 17, ((4789, 4789),), None, False)),
        (link("geneve", {2: REMOTE, 5: b"\x17\xc1"}), Outer("t0", 17, ((6081, 6081),), "10.7.0.2", False)),
        (link("gre", {7: REMOTE}), Outer("t0", 47, EVERY, "10.7.0.2", True)),
        (link("gre", {7: bytes(4)}), Outer("t0", 47, EVERY, None, True)),
        (link("ip6gretap", {7: REMOTE6}), Outer("t0", 47, EVERY, "fd07::2", True)),
        (link("ipip", {3: REMOTE}), Outer("t0", 4, EVERY, "10.7.0.2", True)),
        (link("sit", {3: REMOTE}), Outer("t0", 41, EVERY, "10.7.0.2", True)),
        (link("bareudp", {1: b"\x19\xeb"}), Outer("t0", 17, ((6635, 6635),), None, False)),
        (link("gre", {7: REMOTE, 14: b"\1\0"}), Outer("t0", 17, None, None, True)),  # in UDP besides
        (link("gre", {7: REMOTE, 14: b"\0\0"}), Outer("t0", 47, EVERY, "10.7.0.2", True)),
        (link("sit", {3: REMOTE, 15: b"\2\0"}), Outer("t0", 17, None, None, True)),
        (link("gtp", shape=65534), Outer("t0", 17, None, None, True)),
        (link("wireguard", shape=65534), Outer("t0", 17, None, None, True)),
    ],
)
def test_a_kind_of_interface_has_its_outer_packets(given: Link, outer: t.Optional[Outer]) -> None:
    assert links.carrier(given) == outer


def test_what_is_below_an_interface_counts() -> None:
    known = {1: link("bridge"), 2: link("veth", master=1), 3: link("vlan", master=1, lower=4), 4: link("gre", {7: REMOTE}), 5: link("vlan", lower=5)}
    assert [outer.protocol for outer in links.carriers(1, known)] == [47]
    assert links.carriers(2, known) == links.carriers(5, known) == links.carriers(9, known) == []


def test_an_error_of_the_kernel_is_an_error() -> None:
    with pytest.raises(OSError, match="netlink"):
        netlink.ask(netlink.ROUTE, links.GET_ROUTE, bytes([2]) + bytes(3))


def test_attributes_that_are_cut_off_are_left_out() -> None:
    assert netlink.attributes(netlink.attribute(3, b"a") + b"\x02\x00\x01\x00" + netlink.attribute(4, b"b")) == {3: b"a"}


def device(port: int, *peers: bytes) -> bytes:
    """A part of the kernel's answer about an interface of WireGuard, behind its generic header."""
    head = netlink.attribute(wireguard.LISTEN_PORT, port.to_bytes(2, sys.byteorder)) if port else b""
    return bytes(4) + head + netlink.attribute(0x8000 | wireguard.PEERS, b"".join(netlink.attribute(0x8000, peer) for peer in peers))


def peer(end: str, *behind: str) -> bytes:
    family = socket.AF_INET6 if ":" in end else socket.AF_INET
    packed = socket.inet_pton(family, end) if end else b""
    address = struct.pack("=H", family) + b"\xca\x6c" + (bytes(4) + packed + bytes(4) if ":" in end else packed + bytes(8))
    allowed = b""
    for text in behind:
        network, length = text.split("/")
        packed = socket.inet_pton(socket.AF_INET6 if ":" in network else socket.AF_INET, network)
        parts = netlink.attribute(1, struct.pack("=H", 2)) + netlink.attribute(2, packed) + netlink.attribute(3, bytes([int(length)]))
        allowed += netlink.attribute(0x8000, parts)
    return netlink.attribute(1, bytes(32)) + (netlink.attribute(4, address) if end else b"") + netlink.attribute(0x8000 | 9, allowed)


@pytest.mark.parametrize(
    ("inner", "remote"),
    [("10.8.0.5", "10.7.0.2"), ("10.8.1.9", None), ("fd08::9", "fd07::2"), ("10.8.9.9", None), ("10.8.2.1", None)],
)
def test_wireguard_tells_its_port_and_who_is_where(monkeypatch: pytest.MonkeyPatch, inner: str, remote: t.Optional[str]) -> None:
    """Also of a peer that nobody has heard of yet, of two that claim one address, and of an answer in two parts."""
    answers = [
        device(51820, peer("10.7.0.2", "10.8.0.0/24"), peer("", "10.8.1.0/24"), peer("10.7.0.3", "10.8.2.0/24")),
        device(0, peer("10.7.0.4", "10.8.2.0/24"), peer("fd07::2", "fd08::/64")),
    ]

    def ask(family: int, kind: int, body: bytes, flags: int = 0) -> list[bytes]:
        assert family == 16 and (kind, flags) in ((16, 0), (33, netlink.DUMP))
        assert netlink.attributes(body[4:]) == {2: b"wireguard\0" if kind == 16 else b"t0\0"}
        return [bytes(4) + netlink.attribute(1, struct.pack("=H", 33))] if kind == 16 else answers

    monkeypatch.setattr(netlink, "ask", ask)
    assert links.carriers(1, {1: link("wireguard", shape=65534)}, inner) == [Outer("t0", 17, ((51820, 51820),), remote, True)]


def test_generic_netlink_is_asked_as_the_kernel_wants_it() -> None:
    """WireGuard is a module that not every kernel has; the family that tells of families is in each."""
    found = netlink.ask(wireguard.GENERIC, wireguard.CONTROL, wireguard._asking(wireguard.GET_FAMILY, wireguard.FAMILY_NAME, b"nlctrl"))
    assert struct.unpack("=H", netlink.attributes(found[0][4:])[wireguard.FAMILY_ID])[0] == wireguard.CONTROL
    assert wireguard.read("no-such-interface") is None
