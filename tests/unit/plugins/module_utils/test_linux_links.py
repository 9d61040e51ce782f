# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries a tunnel, from interfaces as the kernel tells of them: those kinds, too, that the kernel of the tests lacks."""

from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import links, netlink
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
