# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The port and the other ends of a WireGuard interface, by generic netlink, as ``wg show`` asks for them: no other source tells them.

Numbers are those of ``linux/genetlink.h`` and ``linux/wireguard.h``. It takes the right to administer the network.
"""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._guard import packed_text
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import netlink

GENERIC, CONTROL, GET_FAMILY, FAMILY_ID, FAMILY_NAME = 16, 16, 3, 1, 2
GET_DEVICE, IFNAME, LISTEN_PORT, PEERS = 0, 2, 6, 8
ENDPOINT, ALLOWED, FAMILY, ADDRESS, MASK = 4, 9, 1, 2, 3  # of a peer, and of an address that is allowed there
IPV4 = 2


class Tunnel(t.NamedTuple):
    """``port`` is where the packets of the others come in; ``peers`` are ``(address of the other end or None, addresses behind it)``."""

    port: int
    peers: t.Tuple[t.Tuple[t.Optional[str], _addresses.Addresses], ...]

    def remote(self, peer: str) -> t.Optional[str]:
        """Return the other end of whoever is behind the tunnel, ``None`` where it is not known."""
        asked = _addresses.parse([peer])
        ends = {end for end, behind in self.peers if _addresses.covers(behind, asked)}
        return ends.pop() if len(ends) == 1 else None


def read(name: str) -> t.Optional[Tunnel]:
    """Return what the kernel tells of an interface, ``None`` where it does not."""
    try:
        found = netlink.ask(GENERIC, CONTROL, _asking(GET_FAMILY, FAMILY_NAME, b"wireguard"))
        family = struct.unpack("=H", netlink.attributes(found[0][4:])[FAMILY_ID])[0]
        return parse(netlink.ask(GENERIC, family, _asking(GET_DEVICE, IFNAME, name.encode()), netlink.DUMP))
    except (OSError, KeyError, IndexError, struct.error):
        return None


def _asking(command: int, kind: int, text: bytes) -> bytes:
    return struct.pack("=BBH", command, 1, 0) + netlink.attribute(kind, text + b"\0")


def parse(answers: t.Iterable[bytes]) -> t.Optional[Tunnel]:
    """Return what the answers tell; those of many peers come in parts, and a peer may be in two of them."""
    port, peers = 0, []
    for body in answers:
        found = netlink.attributes(body[4:])
        port = struct.unpack("=H", found[LISTEN_PORT])[0] if LISTEN_PORT in found else port
        for _number, each in netlink.listed(found.get(PEERS, b"")):
            peer = netlink.attributes(each)
            behind = [_interval(netlink.attributes(item)) for _number, item in netlink.listed(peer.get(ALLOWED, b""))]
            peers.append((_end(peer.get(ENDPOINT, b"")), _addresses.union(behind)))
    return Tunnel(port, tuple(peers)) if port else None


def _end(packed: bytes) -> t.Optional[str]:
    """Return the address of a ``sockaddr``."""
    if len(packed) < 8:
        return None
    return packed_text(packed[4:8] if struct.unpack_from("=H", packed)[0] == IPV4 else packed[8:24])


def _interval(found: t.Mapping[int, bytes]) -> _addresses.Interval:
    bits = 8 * len(found[ADDRESS])
    first = int.from_bytes(found[ADDRESS], "big")
    return 4 if bits == 32 else 6, first, first | ((1 << (bits - found[MASK][0])) - 1)
