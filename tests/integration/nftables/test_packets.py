# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes and what does not, by packets from another namespace."""

from __future__ import annotations

import contextlib
import socket
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import observe
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import desired, render
from network_namespaces import REFUSED, UNREACHABLE, WAIT, Peer, Prober, run, udp

pytestmark = pytest.mark.packets


def test_rules_admit_what_they_say_and_nothing_else(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober) -> None:
    apply(
        rule("a", local_ports=["443", "8000-8001"], remote_addresses=["10.7.0.0/24", "fd07::/64"]),
        rule("b", local_ports=["80"], remote_addresses=["10.8.0.0/24"]),
        rule("c", local_ports=["25"], remote_addresses=["any"]),
        rule("d", local_ports=["25"], remote_addresses=["fd07::2"], action="block"),
        rule("e", protocol="udp", local_ports=["53"], remote_addresses=["@many"]),
        rule("f", local_ports=["993"], local_addresses=[peer.here]),
        address_sets={"many": [f"10.7.0.{i}" for i in range(2, 250, 2)]},
    )
    expected = {
        ("tcp", peer.here, 443): REFUSED,
        ("tcp", peer.here6, 443): REFUSED,
        ("tcp", peer.here, 8001): REFUSED,
        ("tcp", peer.here, 8002): "nothing",
        ("tcp", peer.here, 80): "nothing",
        ("tcp", peer.here, 25): REFUSED,
        ("tcp", peer.here6, 25): "nothing",
        ("udp", peer.here, 53): REFUSED,
        ("udp", peer.here6, 53): "nothing",
        ("udp", peer.here, 443): "nothing",
        ("tcp", peer.here, 993): REFUSED,
        ("tcp", peer.here6, 993): "nothing",
    }
    assert {key: probe(*key) for key in expected} == expected


def test_a_rule_ends_with_its_last_day_by_itself(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's clock decides: without a run, after the next boot from the saved file, and in whatever time zone."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    over = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 24 * 60 * 60))
    rules = [rule("open", local_ports=["80"], until=day), rule("over", local_ports=["81"], until=over), rule("ever", local_ports=["82"])]
    assert apply(*rules)["changed"]
    asked = {80: REFUSED, 81: "nothing", 82: REFUSED}
    assert {port: probe("tcp", peer.here, port) for port in asked} == asked
    for zone in ("America/New_York", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        assert not apply(*rules)["changed"]
    with open(apply.saved, encoding="utf-8") as saved:
        run("nft -f -", saved.read())
    assert not apply(*rules)["changed"]
    assert {port: probe("tcp", peer.here, port) for port in asked} == asked
    for seconds in (2, 20, 200):
        soon = int(time.time()) + seconds
        run("nft flush chain inet msports rules_in")
        run("nft -f -", f"add rule inet msports rules_in tcp dport 80 {render.ENDS.format(soon)} accept")
        before = probe("tcp", peer.here, 80)
        if time.time() < soon:  # or else the machine stood still, and it says nothing
            break
    assert before == REFUSED
    time.sleep(max(soon - time.time(), 0) + 0.2)
    assert probe("tcp", peer.here, 80) == "nothing"


def test_a_kernel_that_knows_no_time_keeps_a_rule_until_the_next_run(apply: t.Any, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desired, "has_time", lambda _nft: False)
    result = apply(rule("open", local_ports=["80"], until="2020-01-01"))
    assert "cannot end a rule by itself; the first run after its last day removes it: open" in " ".join(result["warnings"])
    assert "time" not in run("nft list table inet msports")


def test_block_reject_and_audit(apply: t.Any, peer: Peer, probe: Prober) -> None:
    # Without a listener both a reset and an ICMP error tell that the packet was let through, or refused by name.
    run("nft add table ip count; nft add chain ip count c '{ type filter hook output priority 0; }'")
    run("nft add rule ip count c icmp type destination-unreachable icmp code admin-prohibited counter")
    apply(default_inbound="reject")
    assert probe("tcp", peer.here, 80) == REFUSED
    assert probe("udp", peer.here, 80) == UNREACHABLE
    assert "packets 1 " in run("nft list table ip count")
    apply(default_inbound="block")
    assert probe("udp", peer.here, 80) == "nothing"
    apply(default_inbound="block", mode="audit")
    assert probe("udp", peer.here, 80) == REFUSED


def test_strict_outbound(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober) -> None:
    apply(
        rule("in", local_ports=["443"]),
        rule("out", direction="out", remote_ports=["80"], remote_addresses=[peer.there, peer.there6]),
        default_outbound="block",
    )
    assert [_connect(peer.there, 80), _connect(peer.there6, 80), _connect(peer.there, 81)] == ["refused", "refused", "dropped"]
    assert probe("tcp", peer.here, 443) == REFUSED, "replies and resets leave under strict outbound"


def _connect(address: str, port: int, wait: float = WAIT) -> str:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        client.settimeout(wait)
        try:
            client.connect((address, port))
        except ConnectionRefusedError:
            return "refused"
        except (TimeoutError, PermissionError):
            return "dropped"
    return "open"


ICMPV6 = """
import socket, sys
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
for kind, hops in %r:
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    raw.sendto(bytes([kind, 0, 0, 0]) + bytes(20), (%r, 0))
print("sent")
"""


def test_what_keeps_a_host_alive_passes(apply: t.Any, peer: Peer) -> None:
    apply(default_outbound="block")
    seen = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    seen.settimeout(WAIT)
    # (type, hop limit): errors, discovery from this link and from afar, multicast membership, and an echo request.
    sent = [(1, 64), (2, 64), (3, 64), (4, 64), (130, 1), (131, 1), (132, 1), (143, 1), (133, 255), (134, 255), (137, 255), (134, 64), (128, 64)]
    process = peer.python(ICMPV6 % (sent, peer.here6))
    assert process.communicate(timeout=300)[0] == "sent\n"
    types = []
    with contextlib.suppress(TimeoutError):
        while True:
            data, address = seen.recvfrom(200)
            # Sizes tell ours from what the kernels say to each other meanwhile.
            if address[0] == peer.there6 and len(data) == 24:
                types.append(data[0])
    seen.close()
    assert types == [1, 2, 3, 4, 130, 131, 132, 143, 133, 134]
    run("ip -6 neigh flush dev wire0; ip neigh flush dev wire0")
    apply({"name": "v6", "direction": "out", "protocol": "tcp", "remote_addresses": ["any"]}, default_outbound="block")
    assert _connect(peer.there6, 80, 3 * WAIT) == "refused", "neighbour discovery works in both directions"


def test_address_assignment_passes(apply: t.Any, peer: Peer) -> None:
    apply()
    here = {port: udp("0.0.0.0", port) for port in (68, 69)}
    here6 = udp("::", 546)
    code = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'wire'); s.bind(('', 67))\n"
        "[s.sendto(b'offer', ('255.255.255.255', port)) for port in (68, 69)]\n"
        "t = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); t.bind(('', 547))\n"
        f"t.sendto(b'reply', ('{_link_local()}', 546, 0, socket.if_nametoindex('wire')))\n"
        "print('sent')\n"
    )
    assert peer.python(code).communicate(timeout=300)[0] == "sent\n"
    assert here[68].recv(9) == b"offer"
    assert here6.recv(9) == b"reply"
    with pytest.raises(TimeoutError):
        here[69].recv(9)
    for each in (*here.values(), here6):
        each.close()


def _link_local() -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        shown = run("ip -6 -o addr show dev wire0 scope link -tentative").split()
        if shown:
            return shown[shown.index("inet6") + 1].split("/")[0]
        time.sleep(0.05)
    raise AssertionError("no link-local address")


def test_rules_count_and_a_look_tells_what_came_since_the_one_before(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober) -> None:
    rules = [rule("web", local_ports=["80"]), rule("idle", local_ports=["81"]), rule("never", local_ports=["22"], action="block")]
    apply(*rules)
    asked = {"tcp 80": probe("tcp", peer.here, 80), "tcp6 80": probe("tcp", peer.here6, 80), "tcp 22": probe("tcp", peer.here, 22)}
    assert asked == {"tcp 80": REFUSED, "tcp6 80": REFUSED, "tcp 22": "nothing"}

    def counted(mark: t.Mapping[str, t.Any]) -> tuple[dict[str, str], dict[str, t.Any]]:
        seen = observe.look("msports", mark)
        return {item["rule"]: item["outcome"] for item in seen["observations"] if item["seen"] == "counter"}, seen["mark"]

    first, mark = counted({})
    assert first == {"web": "passed", "never": "dropped"}
    assert counted(mark)[0] == {}, "nothing came since"
    assert not apply(*rules)["changed"], "what a rule has counted is no change"
    assert probe("tcp", peer.here, 80) == REFUSED
    more, mark = counted(mark)
    assert more == {"web": "passed"}
    apply(*rules, rule("new", local_ports=["82"]))  # loaded anew: all counters begin again
    assert counted(mark)[0] == {}
    assert probe("tcp", peer.here, 81) == REFUSED
    assert counted(mark)[0] == {"idle": "passed"}
