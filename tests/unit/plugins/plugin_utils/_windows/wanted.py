# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wire rules and options for tests, by hand and generated."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

Plain = dict[str, t.Any]


def rule(name: str, ports: t.Sequence[str] = (), remote: t.Sequence[str] = ("any",), **more: t.Any) -> Plain:
    """An inbound TCP allow, unless told otherwise."""
    return {"name": name, "direction": "in", "protocol": "tcp", "local_ports": list(ports), "remote_addresses": list(remote), **more}


def options(*rules: Plain, **more: t.Any) -> Plain:
    return {"rules": list(rules), **more}


ADDRESSES = st.sampled_from(
    [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.0/24",
        "10.0.1.0/24",
        "10.0.0.9-10.0.0.77",
        "192.0.2.0/25",
        "0.0.0.0/0",
        "::/0",
        "fd00::1",
        "fd00::/64",
        "fd00:1::-fd00:1::99",
    ]
)
ENDS = st.one_of(st.just(["any"]), st.lists(ADDRESSES, min_size=1, max_size=5), st.just(["@some"]))
SETS = {"some": ["10.7.0.0/16", "10.8.0.4", "fd00:7::/48"]}
PORTS = st.lists(st.sampled_from(["22", "80", "81", "443", "8000-8100", "49152-65535", "0-65535"]), max_size=4)
NAMES = st.text("abc /", min_size=1, max_size=3).filter(lambda name: name == name.strip())


@st.composite
def wire_rules(draw: st.DrawFn) -> Plain:
    protocol = draw(st.sampled_from(["tcp", "tcp", "udp", "any", "icmp_echo"]))
    direction = draw(st.sampled_from(["in", "in", "out"]))
    has_ports = protocol in ("tcp", "udp")
    keywords = draw(st.sampled_from([[], [], ["RPC"], ["RPCEPMap"], ["rpc", "rpc-epmap"]])) if (protocol, direction) == ("tcp", "in") else []
    bound = draw(st.sampled_from([{}, {}, {"program": "%SystemRoot%\\system32\\svchost.exe", "service": "RpcSs"}, {"program": "System"}]))
    return {
        "name": draw(NAMES),
        "direction": direction,
        "action": draw(st.sampled_from(["allow", "allow", "block"])),
        "protocol": protocol,
        "local_ports": draw(PORTS) + keywords if has_ports else [],
        "remote_ports": draw(PORTS) if has_ports else [],
        "remote_addresses": draw(ENDS),
        "local_addresses": draw(st.one_of(st.just([]), ENDS)),
        "description": draw(st.sampled_from(["", "why", "other  words", "Grund: \u00e4\u20ac\U0001f600"])),
        **bound,
    }


RULESETS = st.lists(wire_rules(), max_size=6, unique_by=lambda made: made["name"].lower())
