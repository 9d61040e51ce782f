# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks minutes after a default drop, when a base rule is missing: seen in seconds, because the timers of the other side are short.

The peer is a snooping switch that asks for memberships every second and forgets them after two (usually 125 and 260 seconds), and a router
that announces itself for three seconds (usually 30 minutes).
"""

from __future__ import annotations

import time
import typing as t

import pytest
from network_namespaces import Peer, run

pytestmark = pytest.mark.packets

LINK_LOCAL = "fe80::2"
# Times of a bridge are hundredths of a second.
TIMES = "mcast_query_interval 100 mcast_startup_query_interval 100 mcast_query_response_interval 50 mcast_membership_interval 200"
SWITCH = (
    f"ip link add br0 type bridge mcast_snooping 1 mcast_mld_version 2 {TIMES}",
    "ip link set br0 type bridge mcast_querier 1",  # after the times: it floods until one response interval is over
    "ip addr flush dev wire",
    "ip link set wire master br0",
    f"ip addr add {LINK_LOCAL}/64 dev br0 nodad",
    "ip addr add fd07::2/64 dev br0 nodad",
    "ip link set br0 up",
    "until ip -6 route show dev br0 table local | grep -q ff00; do sleep 0.1; done",  # the switch's own way to its networks takes a moment
)
ROUTER = f"""
import socket, struct, time
router = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("br0"))
router.bind(("{LINK_LOCAL}", 0, 0, socket.if_nametoindex("br0")))
while True:
    router.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 3, 0, 0), ("ff02::1", 0, 0, socket.if_nametoindex("br0")))
    time.sleep(1)
"""


@pytest.fixture
def switch(peers: t.Callable[..., Peer]) -> t.Iterator[Peer]:
    peer = peers("wire0")
    run("sysctl -qw net.ipv6.conf.wire0.accept_ra=1")
    peer.run(" && ".join(SWITCH))
    router = peer.python(ROUTER)
    yield peer
    router.kill()
    router.communicate()


def is_member(switch: Peer) -> bool:
    """Whether the switch knows that someone behind the wire wants the solicitations for fd07::1."""
    return "grp ff02::1:ff00:1" in switch.run("bridge mdb show dev br0")


def is_found(switch: Peer) -> bool:
    """Whether the other side can still resolve our address: the switch passes solicitations to members only."""
    # A flushed neighbour is asked by unicast first; without ARP for a moment it is forgotten for good.
    switch.run("ip link set br0 arp off && ip link set br0 arp on")
    return " 0% packet loss" in switch.run("ping -6 -c 1 -W 1 fd07::1", check=False)


def has_router() -> bool:
    """Whether a default route is there whose time is not over; the kernel tidies up later."""
    return any(LINK_LOCAL in line and "expires -" not in line for line in run("ip -6 route show default").splitlines())


def until(condition: t.Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def strict(apply: t.Any, rule: t.Any, switch: Peer) -> None:
    """Strict rules on this side, once the switch and the router are known."""
    assert until(lambda: is_member(switch) and has_router(), 120)
    apply(rule("echo", protocol="icmp_echo"), default_outbound="block")


def test_memberships_and_routers_outlive_their_timers(strict: None, switch: Peer) -> None:
    time.sleep(6)
    # The router is a process: while it stands still its time runs out, and it is known again when it goes on. Without the rules nothing comes back.
    for known in (lambda: is_member(switch), lambda: is_found(switch), has_router):
        assert until(known, 120)


@pytest.mark.parametrize(
    ("direction", "missing", "lost"),
    [("in", "MLD", "member"), ("out", "MLD", "member"), ("in", "neighbour discovery", "router")],
)
def test_without_the_base_rule_they_are_lost(strict: None, switch: Peer, direction: str, missing: str, lost: str) -> None:
    """The control of the test above: what it shows is not given by itself."""
    handles = run(f"nft -a list chain inet msports base_{direction} | sed -n 's/.*comment \"{missing}\" # handle //p'").split()
    assert len(handles) == 1
    run(f"nft delete rule inet msports base_{direction} handle {handles[0]}")
    if lost == "router":
        assert until(lambda: not has_router(), 120)
    else:
        assert until(lambda: not is_member(switch), 120)  # a report that was under way when the rule went counts once more
        assert not is_found(switch)
