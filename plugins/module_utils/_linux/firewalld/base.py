# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Where the policies stand, and what the default of a direction consists of."""

from __future__ import annotations

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.rich import rule

# Priorities by ``firewalld_precedence``: of what blocks, of what allows, of the default. The policy that firewalld comes with has -15000.
PRIORITIES = {"merge": (-1000, -990, 30000), "override": (-1000, -990, -980), "yield": (-1000, 20000, 30000)}
ZONES = {"in": ("ANY", "HOST"), "out": ("HOST", "ANY")}
BLOCK, ALLOW, REST = 0, 1, 2
TARGETS = {"block": "DROP", "reject": "REJECT", "allow": "ACCEPT"}

_ICMP = tuple(rule(element=("icmp-type", name)) for name in ("destination-unreachable", "time-exceeded", "parameter-problem"))
_ICMPV6 = tuple(
    rule("ipv6", element=("icmp-type", name))
    for name in ("packet-too-big", "neighbour-solicitation", "neighbour-advertisement", "router-solicitation", "router-advertisement", "redirect")
)
_BOTH = _ICMP + _ICMPV6 + (rule("ipv4", element=("protocol", "igmp")),)
# What keeps a host alive, for a default that stops packets. firewalld itself lets replies and the interface lo pass. It has no names for the
# types of MLD in every version: all ICMPv6 to multicast groups stands for them, and inbound only from this link.
BASE = {
    "in": _BOTH + (rule("ipv6", source="fe80::/10", destination="ff00::/8", element=("protocol", "ipv6-icmp")),),
    "out": _BOTH + (rule("ipv6", destination="ff00::/8", element=("protocol", "ipv6-icmp")),),
}
RESETS = tuple(rule(family, element=("protocol", "tcp"), action=("reject", "tcp-reset"), priority=1) for family in ("ipv4", "ipv6"))
# Assignment of addresses has ports at both ends: where from (an ipset of that name), family, source port, destination port.
ASSIGNMENT = {
    "in": (("dhcp-answers", 4, "0.0.0.0/0", 67, "68"), ("dhcpv6-answers", 6, "fe80::/10", 547, "546")),
    "out": (("dhcp-requests", 4, "0.0.0.0/0", 68, "67"), ("dhcpv6-requests", 6, "::/0", 546, "547")),
}
