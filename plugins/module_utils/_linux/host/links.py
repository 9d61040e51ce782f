# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""By which interface packets of a peer come, and what carries them where that is a tunnel: the outer packets must be admitted, too.

Kinds and attributes are those of ``linux/if_link.h`` and ``linux/if_tunnel.h``. An interface whose kind is not known to be plain counts as a tunnel of
which nothing is known.
"""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.module_utils._guard import packed_text
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import netlink, wireguard
from ansible_collections.portcullis.msports.plugins.module_utils._match import UDP, Ports

GET_LINK, GET_ROUTE = 18, 26
NAME, LOWER, MASTER, INFO, ELSEWHERE = 3, 5, 10, 18, 37  # IFLA_*; the last tells that the lower one is in another namespace
KIND, DATA = 1, 2  # IFLA_INFO_*
DESTINATION, OUT = 1, 4  # RTA_*
PLAIN = ("veth", "bridge", "bond", "team", "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "dummy", "vrf", "ifb", "hsr", "netdevsim", "netkit", "dsa", "can")
WIRES = (1, 32, 772)  # ARPHRD_*: Ethernet, InfiniBand, loopback
GRE, IPIP, SIT, ESP = 47, 4, 41, 50


class Link(t.NamedTuple):
    """An interface. ``shape`` is its ARPHRD, ``lower`` and ``master`` are numbers of interfaces (0: none), ``data`` are the attributes of its kind."""

    name: str
    kind: str
    shape: int
    lower: int
    master: int
    data: t.Mapping[int, bytes]


class Outer(t.NamedTuple):
    """The packets that carry a tunnel, as this host gets them; what is not known is ``None``. ``answers``: they count as answers to what we send."""

    name: str
    protocol: t.Optional[int]
    ports: t.Optional[Ports]
    remote: t.Optional[str]
    answers: bool


class Kind(t.NamedTuple):
    protocol: int
    remotes: t.Sequence[int] = ()  # attributes with the other end
    port: int = 0  # attribute with the port on both ends; 0: a protocol without ports
    wrapped: int = 0  # attribute that is not 0 where all of it is in UDP besides (FOU, GUE)


TUNNELS = {
    "vxlan": Kind(UDP, (2, 16), 15),
    "geneve": Kind(UDP, (2, 7), 5),
    "bareudp": Kind(UDP, (), 1),
    **dict.fromkeys(("gre", "gretap", "erspan", "ip6gre", "ip6gretap", "ip6erspan"), Kind(GRE, (7,), wrapped=14)),
    "ipip": Kind(IPIP, (3,), wrapped=15),
    "sit": Kind(SIT, (3,), wrapped=15),
}
WIREGUARD = "wireguard"
HIDDEN = ("gtp",)  # over UDP as well, to ports that only its own tools tell


def links() -> t.Dict[int, Link]:
    """Return the interfaces by number; ``OSError`` when the kernel does not tell."""
    answers = netlink.ask(netlink.ROUTE, GET_LINK, struct.pack("=BxHiII", 0, 0, 0, 0, 0), netlink.DUMP)
    return dict(map(_link, answers))


def _link(body: bytes) -> t.Tuple[int, Link]:
    _family, shape, index = struct.unpack_from("=BxHi", body)
    found = netlink.attributes(body[16:])
    info = netlink.attributes(found.get(INFO, b""))
    lower = 0 if ELSEWHERE in found else _number(found, LOWER)
    data = netlink.attributes(info.get(DATA, b""))
    return index, Link(_text(found, NAME), _text(info, KIND), shape, lower, _number(found, MASTER), data)


def _number(found: t.Mapping[int, bytes], kind: int) -> int:
    return struct.unpack("=I", found[kind])[0] if kind in found else 0


def _text(found: t.Mapping[int, bytes], kind: int) -> str:
    return found.get(kind, b"").rstrip(b"\0").decode("ascii", "replace")


def toward(peer: str) -> int:
    """Return the number of the interface by which packets to an address leave; ``OSError`` when there is no way to it."""
    family, packed = (socket.AF_INET6, 16) if ":" in peer else (socket.AF_INET, 4)
    body = struct.pack("=BBBBBBBBI", family, packed * 8, 0, 0, 0, 0, 0, 0, 0) + netlink.attribute(DESTINATION, socket.inet_pton(family, peer))
    return _number(netlink.attributes(netlink.ask(netlink.ROUTE, GET_ROUTE, body)[0][12:]), OUT)


def carriers(index: int, known: t.Mapping[int, Link], peer: t.Optional[str] = None) -> t.List[Outer]:
    """Return what carries the packets of an interface, or of one below it: none where it is a wire. ``peer`` is whoever is behind it."""
    found: t.List[Outer] = []
    pending, seen = [index], set()
    while pending:
        number = pending.pop()
        link = known.get(number)
        if link is None or number in seen:
            continue
        seen.add(number)
        outer = carrier(link, peer)
        found += [outer] if outer else []
        pending += [link.lower] + [member for member, other in known.items() if other.master == number]
    return found


def carrier(link: Link, peer: t.Optional[str] = None) -> t.Optional[Outer]:
    """Return the packets that carry a tunnel, or ``None`` where an interface is none."""
    if link.kind in PLAIN or (not link.kind and link.shape in WIRES):
        return None
    if link.kind in HIDDEN:
        return Outer(link.name, UDP, None, None, True)
    if link.kind == WIREGUARD:
        # Either end may be the one that begins, so what comes in may be an answer.
        tunnel = wireguard.read(link.name)
        return Outer(link.name, UDP, ((tunnel.port, tunnel.port),) if tunnel else None, tunnel.remote(peer) if tunnel and peer else None, True)
    kind = TUNNELS.get(link.kind)
    if kind is None:
        return Outer(link.name, None, None, None, True)
    if kind.wrapped and any(link.data.get(kind.wrapped, b"")):
        return Outer(link.name, UDP, None, None, True)
    remote = next((packed_text(link.data[key]) for key in kind.remotes if any(link.data.get(key, b""))), None)
    ports: t.Optional[Ports] = _ports.ALL
    if kind.port:
        ports = ((_port(link.data[kind.port]),) * 2,) if kind.port in link.data else None
    # Both ends of VXLAN and Geneve send from ports of their own choice to the one that is known, so nothing is an answer to anything.
    return Outer(link.name, kind.protocol, ports, remote, not kind.port)


def _port(value: bytes) -> int:
    return int.from_bytes(value, "big")
