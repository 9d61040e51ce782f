# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The addresses of this host's interfaces, and whether those that a plan gives it are among them: what an inventory says is held against the host."""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import packed_text
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import netlink
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import elsewhere

GET_ADDRESS = 22
ADDRESS, LOCAL = 1, 2  # IFA_*; at an interface with two ends the first is the other end's
LINK, HOST = 253, 254  # RT_SCOPE_*: what no other network, or no other host, can reach


def own_addresses() -> t.List[str]:
    """Return the addresses that others may reach; ``OSError`` when the kernel does not tell."""
    answers = netlink.ask(netlink.ROUTE, GET_ADDRESS, struct.pack("=BBBBI", 0, 0, 0, 0, 0), netlink.DUMP)
    return sorted(set(filter(None, map(_address, answers))))


def _address(body: bytes) -> t.Optional[str]:
    scope = body[3]
    found = netlink.attributes(body[8:])
    packed = found.get(LOCAL) or found.get(ADDRESS)
    return packed_text(packed) if packed and scope < LINK else None


def warnings(planned: t.Sequence[str]) -> t.List[str]:
    """Return a warning where none of the ``planned`` addresses is one of this host. What cannot be read is unknown, and no reason for one."""
    try:
        return elsewhere(planned, own_addresses())
    except OSError:
        return []
