# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Static multicast routes through the lab's router, by the kernel's own interface (linux/mroute.h); no daemon is needed."""

import socket
import struct
import typing as t

MRT_INIT, MRT_ADD_VIF, MRT_ADD_MFC = 200, 202, 204
VIFF_USE_IFINDEX, MAXVIFS = 8, 32


def route_multicast(source: str, groups: t.Sequence[str], came_in: str, goes_out: str) -> socket.socket:
    """Forward what ``source`` sends to the groups from one interface to another, as long as the returned socket is open."""
    control = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
    control.setsockopt(socket.IPPROTO_IP, MRT_INIT, 1)
    for number, interface in enumerate((came_in, goes_out)):
        vif = struct.pack("=HBBII4s", number, VIFF_USE_IFINDEX, 1, 0, socket.if_nametoindex(interface), b"\0" * 4)
        control.setsockopt(socket.IPPROTO_IP, MRT_ADD_VIF, vif)
    hops = bytes([0, 1] + [0] * (MAXVIFS - 2))  # out of the second interface only
    for group in groups:
        entry = struct.pack("@4s4sH32sIIIi", socket.inet_aton(source), socket.inet_aton(group), 0, hops, 0, 0, 0, 0)
        control.setsockopt(socket.IPPROTO_IP, MRT_ADD_MFC, entry)
    return control
