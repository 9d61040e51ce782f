# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules of others admit more than ours, so that the effect is not exact."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.effect import WEB, domain, effective, more
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import Columns, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import options, rule

CORE = "@FirewallAPI.dll,-25000"


@pytest.mark.parametrize(
    ("other", "admits_more"),
    [
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.0/24"), False),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.7"), False),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.0/23"), True),
        (foreign("x", protocol=6, local_ports="443,444", remote_addresses="10.0.0.7"), True),
        (foreign("x", protocol=17, local_ports="443", remote_addresses="10.0.0.7"), True),
        (foreign("x", protocol=256, remote_addresses="10.0.0.7"), True),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="LocalSubnet"), True),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.7", program="C:\\x.exe"), False),
        (foreign("x", protocol=6, local_ports="80", program="C:\\x.exe"), True),
        (foreign("x", protocol=6, local_ports="80", enabled=False), False),
        (foreign("x", protocol=6, local_ports="80", direction=2), False),
        (foreign("x", protocol=6, local_ports="RPC", program="C:\\Exchange\\store.exe"), True),
        (foreign("x", protocol=1, icmp="8:*"), True),
        (foreign("x", protocol=1, icmp="3:4,"), False),
        (foreign("x", protocol=58, icmp="135:*", remote_addresses="LocalSubnet"), False),
        (foreign("x", protocol=2), False),
        (foreign("x", protocol=17, local_ports="68", remote_ports="67", program="%SystemRoot%\\system32\\svchost.exe", service="dhcp"), False),
        (foreign("x", protocol=41, program="System"), True),
        (foreign("x", protocol="odd"), True),
    ],
)
def test_allows_of_others(other: Columns, admits_more: bool) -> None:
    """What keeps any host alive (ICMP errors, neighbours, DHCP) is not told."""
    assert domain(other) == (more("the rule 'x'") if admits_more else [])


def test_an_allow_of_others_bound_like_ours_admits_no_more() -> None:
    bound = {"program": "%SystemRoot%\\system32\\svchost.exe", "service": "RpcSs"}
    wanted = options(rule("epmap", ["RPC-EPMap"], **bound))
    theirs = {"protocol": 6, "local_ports": "135"}
    assert domain(foreign("x", **theirs, **bound), given=wanted) == []
    keyword = {"protocol": 6, "local_ports": "RPC-EPMap", **bound}
    assert domain(foreign("x", **keyword), given=wanted) == []
    assert domain(foreign("x", **keyword), given=options(rule("epmap", ["135"], **bound))) == more("the rule 'x'")  # 593, where the mapper has it
    assert domain(foreign("x", **theirs), given=wanted) == more("the rule 'x'")
    assert domain(foreign("x", **theirs, program=bound["program"], service="other"), given=wanted) == more("the rule 'x'")


def test_the_keyword_rpc_stands_for_the_dynamic_ports() -> None:
    assert domain(foreign("x", protocol=6, local_ports="RPC,"), given=options(rule("rpc", ["RPC"]))) == []
    assert domain(foreign("x", protocol=6, local_ports="RPC,"), given=options(rule("rpc", ["49152-65535"]))) == []
    assert domain(foreign("x", protocol=6, local_ports="RPC,"), given=options(rule("rpc", ["50000-65535"]))) == more("the rule 'x'")


@pytest.mark.parametrize("ports", ["49152-65535", "50000", "RPC,50000", "80,RPC,49152-65535"])
def test_the_keyword_rpc_does_not_hold_whatever_listens_there(ports: str) -> None:
    wanted = options(rule("rpc", ["RPC"]), rule("web", ["80"]))
    assert domain(foreign("x", protocol=6, local_ports=ports), given=wanted) == more("the rule 'x'")
    assert domain(foreign("x", protocol=6, local_ports=ports), given=options(rule("wide", ["RPC", "80", "49152-65535"]))) == []
    assert domain(foreign("x", protocol=6, local_ports="80,RPC,"), given=wanted) == []


def test_edge_traversal_is_more_than_ours() -> None:
    same = {"protocol": 6, "local_ports": "443", "remote_addresses": "10.0.0.0/24"}
    assert domain(foreign("x", **same, edge=0)) == []
    for edge in (1, 2, 3):
        assert domain(foreign("x", **same, edge=edge)) == more("the rule 'x'")
    assert domain(foreign("x", **same, edge=1, direction=2)) == []


def test_several_of_ours_cover_one_of_theirs() -> None:
    wanted = options(rule("low", ["443"], ["10.0.0.0/25"]), rule("high", ["443", "80"], ["10.0.0.128/25"]))
    assert domain(foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.0/24"), given=wanted) == []
    assert domain(foreign("x", protocol=6, local_ports="80,443", remote_addresses="10.0.0.0/24"), given=wanted) == more("the rule 'x'")


def test_outbound_counts_where_outbound_is_blocked() -> None:
    dns = foreign("DNS", direction=2, protocol=17, remote_ports="53", program="%SystemRoot%\\system32\\svchost.exe", service="dnscache", grouping=CORE)
    assert domain(dns) == []
    strict = options(WEB, default_outbound="block")
    assert domain(dns, given=strict) == ["1 outbound rule that comes with Windows or an app admits more than these rules: Core Networking"]
    mine = {"name": "dns", "direction": "out", "protocol": "udp", "remote_ports": ["53"], "remote_addresses": ["any"]}
    assert domain(dns, given=options(mine, default_outbound="block")) == []
    found = effective(dns, given=strict)["foreign_allows"]
    assert found[0]["admits"] == ["udp/53 to any by svchost.exe (service dnscache)"]
