# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign rules of every kind that nft has, loaded into a real kernel: ``exact`` is true only where a connection really comes to the port that was allowed.

Each row is a foreign table, what the reasons must say of the rule ``web`` (``None``: it is exact), and whether a packet comes through.
"""

from __future__ import annotations

import socket
import typing as t

import pytest
from network_namespaces import Peer, run

Apply = t.Any
INPUT = "type filter hook input priority 5;"
PRE = "hook prerouting priority -100;"
FILLED = "\t\telements = { 10.7.0.2 }\n"  # by the packet of the test
STOPS, MAY, MOVES = "' stops what we allow: web", "may stop what we allow: web", "it takes what we allow: web"
TABLES: dict[str, tuple[str, t.Optional[str], t.Optional[bool]]] = {
    "nothing": ("table ip o { }", None, True),
    "a drop": (f"table ip o {{ chain i {{ {INPUT} tcp dport 443 drop; }}; }}", STOPS, False),
    "a drop of another port": (f"table ip o {{ chain i {{ {INPUT} tcp dport 442 drop; }}; }}", None, True),
    "a verdict map that drops": (f"table ip o {{ chain i {{ {INPUT} tcp dport vmap {{ 443 : drop, 80 : accept }}; }}; }}", STOPS, False),
    "a verdict map that drops another": (f"table ip o {{ chain i {{ {INPUT} tcp dport vmap {{ 442 : drop, 443 : accept }}; }}; }}", None, True),
    "a verdict map by its name": (
        f"table inet o {{ map m {{ type inet_service : verdict; elements = {{ 443 : drop }}; }}; chain i {{ {INPUT} tcp dport vmap @m; }}; }}",
        STOPS,
        False,
    ),
    "a verdict map that jumps": (
        f'table inet o {{ chain lan {{ tcp dport 443 drop; }}; chain i {{ {INPUT} iifname vmap {{ "lo" : accept, "wire0" : jump lan }}; }}; }}',
        MAY,
        False,
    ),
    "a verdict map of states, then a policy that drops": (
        f"table inet o {{ chain i {{ {INPUT} policy drop; ct state vmap {{ established : accept, invalid : drop }}; tcp dport vmap {{ 443 : accept }}; }}; }}",
        None,
        True,
    ),
    "one that forgets the port": (
        f"table inet o {{ chain i {{ {INPUT} policy drop; ct state vmap {{ established : accept, invalid : drop }}; tcp dport vmap {{ 22 : accept }}; }}; }}",
        "'policy drop' stops what we allow: web",
        False,
    ),
    "a redirect to a port that nobody admits": (f"table ip o {{ chain p {{ type nat {PRE} tcp dport 443 redirect to :8443; }}; }}", MOVES, False),
    "a redirect of another port to it": (
        f"table ip o {{ chain p {{ type nat {PRE} tcp dport 444 redirect to :443; }}; }}",
        "to another port of this host",
        True,
    ),
    "a translation to loopback": (f"table ip o {{ chain p {{ type nat {PRE} tcp dport 443 dnat to 127.0.0.1:443; }}; }}", MOVES, False),
    "a translation to another host": (f"table ip o {{ chain p {{ type nat {PRE} tcp dport 443 dnat to 10.7.0.9:443; }}; }}", MOVES, False),
    "a translation of another port to another host": (f"table ip o {{ chain p {{ type nat {PRE} tcp dport 442 dnat to 10.7.0.9:443; }}; }}", None, True),
    "a translation of another port to it, by the own address": (
        f"table ip o {{ chain p {{ type nat {PRE} tcp dport 444 dnat to 10.7.0.1:443; }}; }}",
        "to another port of this host",
        True,
    ),
    "a redirect that leaves the port": (f"table ip o {{ chain p {{ type nat {PRE} tcp dport 443 redirect; }}; }}", None, True),
    "another port written into packets": (f"table ip o {{ chain p {{ type filter {PRE} tcp dport 443 tcp dport set 8443; }}; }}", MAY, False),
    "another sender written into packets": (f"table ip o {{ chain p {{ type filter {PRE} tcp dport 443 ip saddr set 10.9.9.9; }}; }}", MAY, False),
    "a mark and a hop limit written": (
        f"table ip o {{ chain p {{ type filter {PRE} tcp dport 443 meta mark set 7 ip ttl set 9; }}; }}",
        None,
        True,
    ),
    "a list that rules fill": (
        f"table inet o {{ set s {{ type ipv4_addr; flags dynamic; size 99; }}; chain i {{ {INPUT} tcp dport 443 add @s {{ip saddr}}; ip saddr @s drop; }}; }}",
        MAY,
        False,
    ),
    "a list of addresses with ports": (f"table inet o {{ chain i {{ {INPUT} ip saddr . tcp dport {{ 10.7.0.2 . 443 }} drop; }}; }}", MAY, False),
    "all ports but one": (f"table inet o {{ chain i {{ {INPUT} tcp dport != 22 drop; }}; }}", MAY, False),
    "what is new": (f"table inet o {{ chain i {{ {INPUT} ct state new drop; }}; }}", STOPS, False),
    "what is for this host": (f"table inet o {{ chain i {{ {INPUT} fib daddr type local tcp dport 443 drop; }}; }}", MAY, False),
    "the first flag": (f"table inet o {{ chain i {{ {INPUT} tcp flags syn drop; }}; }}", MAY, False),
    "dice": (f"table inet o {{ chain i {{ {INPUT} numgen inc mod 2 vmap {{ 0 : drop, 1 : drop }}; }}; }}", MAY, False),
    "answers at the interface": ("table netdev o { chain p { type filter hook egress device wire0 priority 0; tcp sport 443 drop; }; }", STOPS, False),
    "a transparent proxy": (f"table ip o {{ chain p {{ type filter {PRE} tcp dport 443 tproxy to :8443; }}; }}", MAY, None),
    "a drop where addresses are translated": (f"table ip o {{ chain p {{ type nat {PRE} tcp dport 443 drop; }}; }}", STOPS, False),
    "a drop at the interface": ("table netdev o { chain p { type filter hook ingress device wire0 priority 0; tcp dport 443 drop; }; }", STOPS, False),
    "a chain that is left before its drop": (
        f"table inet o {{ chain c {{ return; tcp dport 443 drop; }}; chain i {{ {INPUT} jump c; tcp dport 22 drop; }}; }}",
        None,
        True,
    ),
    "a drop behind a goto": (f"table inet o {{ chain c {{ tcp dport 22 drop; }}; chain i {{ {INPUT} goto c; tcp dport 443 drop; }}; }}", None, True),
    "a drop behind a goto of some": (
        f"table inet o {{ chain c {{ tcp dport 22 drop; }}; chain i {{ {INPUT} ip saddr 10.9.0.0/24 goto c; tcp dport 443 drop; }}; }}",
        MAY,
        False,
    ),
    "a limit": (f"table inet o {{ chain i {{ {INPUT} tcp dport 443 limit rate over 1/day burst 1 packets drop; }}; }}", MAY, None),
    "a drop of answers": ("table inet o { chain i { type filter hook output priority 5; tcp sport 443 drop; }; }", STOPS, False),
    "a policy for what leaves, that lets answers pass": (
        "table inet o { chain i { type filter hook output priority 5; policy drop; ct state established,related accept; }; }",
        None,
        True,
    ),
    "a policy for what leaves, that does not": (
        "table inet o { chain i { type filter hook output priority 5; policy drop; udp dport 53 accept; }; }",
        "'policy drop' stops what we allow: web",
        False,
    ),
    "a table that sleeps": (f"table inet o {{ flags dormant; chain i {{ {INPUT} policy drop; tcp dport 443 drop; }}; }}", MAY, True),
    "a bridge": ("table bridge o { chain i { type filter hook input priority 5; tcp dport 443 drop; }; }", MAY, True),
    "no ARP": ("table arp o { chain i { type filter hook input priority 5; drop; }; }", MAY, None),
}


@pytest.mark.parametrize("kind", TABLES)
def test_exact_is_said_where_the_kernel_agrees(apply: Apply, rule: t.Any, peer: Peer, kind: str) -> None:
    text, says, passes = TABLES[kind]
    run("nft -f -", text.replace("{ ", "{\n").replace("; }", ";\n}").replace("};", "}\n"))
    before = run("nft -s list ruleset")
    effective = apply(rule("web", local_ports=["443"], remote_addresses=[peer.there, peer.there6]))["effective"]
    assert (effective["exact"], len(effective["reasons"]) == 0) == (says is None, says is None), effective["reasons"]
    assert says is None or says in effective["reasons"][0]
    if passes is not None:
        with socket.create_server((peer.here, 443)):
            code = f"import socket\ntry:\n    socket.create_connection(({peer.here!r}, 443), 0.4); print(True)\nexcept OSError:\n    print(False)"
            assert peer.python(code).communicate(timeout=300)[0] == f"{passes}\n"
    apply(state="absent")
    assert run("nft -s list ruleset").replace(FILLED, "") == before


RAW = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, %d); s.sendto(b"x" * 40, (%r, 0))
"""


@pytest.mark.parametrize(("number", "name"), [(112, "VRRP"), (89, "OSPF"), (47, "GRE"), (50, "ESP"), (51, "AH"), (99, "protocol 99")])
def test_a_protocol_without_ports_that_is_used_here_is_a_warning_where_it_is_cut(apply: Apply, rule: t.Any, peer: Peer, number: int, name: str) -> None:
    ssh = rule("ssh", local_ports=["22"])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, number) as here:
        here.settimeout(0.3)

        def heard() -> bool:
            peer.python(RAW % (number, peer.here)).communicate(timeout=300)
            try:
                return bool(here.recv(99))
            except TimeoutError:
                return False

        def warned(**options: t.Any) -> list[str]:
            given = [ssh, *options.pop("more", [])]
            return [text for text in apply(*given, **options)["warnings"] if text.startswith(name + " is used here")]

        assert heard()
        assert len(warned(mode="audit")) == 1
        assert heard()
        assert warned() and not heard()
        assert warned(more=[rule("far", protocol="any", remote_addresses=["10.7.0.9"])]) and not heard()
        assert not warned(more=[rule("all", protocol="any")]) and heard()
        assert not warned(default_inbound="keep")


def test_a_tunnel_whose_packets_are_cut_is_a_warning(apply: Apply, rule: t.Any, peer: Peer) -> None:
    run(f"ip link add vx type vxlan id 5 dstport 4789 local {peer.here} remote {peer.there}; ip link set vx up")
    outer = rule("outer", protocol="udp", local_ports=["4789"], remote_addresses=[peer.there])
    assert [text for text in apply()["warnings"] if text.startswith("udp/4789 is used here (the tunnel vx)") and "in: udp/4789, from: [10.7.0.2]" in text]
    assert not [text for text in apply(outer)["warnings"] if "udp/4789" in text]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ike:
        ike.bind(("0.0.0.0", 500))
        assert [text for text in apply(outer)["warnings"] if text.startswith("ESP is used here (udp/500 of IKE is open)")]
