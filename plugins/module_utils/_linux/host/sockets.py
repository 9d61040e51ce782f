# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""A census of the sockets of a Linux host: who listens, and who speaks with whom, each with its process. Starts no process and changes nothing."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import socket_address

ESTABLISHED, BOUND, LISTENING = "01", "07", "0A"  # TCP's numbers, which UDP borrows: 07 is a socket without a peer
FILES = (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6"))
DYNAMIC = (32768, 60999)  # the kernel's own default
Seen = t.Dict[str, t.Any]


class Socket(t.NamedTuple):
    """One socket: addresses as text (never v4-mapped), ``peer`` is ``""`` where there is none."""

    protocol: str
    state: str
    local: str
    local_port: int
    peer: str
    peer_port: int
    inode: str


class Census(t.NamedTuple):
    """``unknown`` says in sentences what could not be seen."""

    observations: t.List[Seen]
    unknown: t.List[str]


def census(proc: str = "/proc") -> Census:
    """Return the listeners and sessions of this network namespace, those over the network only, alike ones counted."""
    sockets, unreadable = _sockets(proc)
    found, hidden = _processes(proc, {item.inode for item in sockets})
    dynamic = _dynamic_ports(proc)
    listening = {(item.protocol, item.local_port): found.get(item.inode, "") for item in sockets if _listens(item, dynamic)}
    counted: t.Dict[t.Tuple[t.Any, ...], int] = {}
    for item in sockets:
        seen = _seen(item, listening, dynamic)
        if seen:
            # what waits to be accepted is of no process yet, but for the one that listens
            key = (*seen, found.get(item.inode) or listening.get((item.protocol, item.local_port), ""))
            counted[key] = counted.get(key, 0) + 1
    names = ("direction", "peer", "protocol", "port", "seen", "outcome", "process")
    observations = [dict(zip(names, key), times=number) for key, number in sorted(counted.items())]
    nameless = sum(1 for item in observations if not item["process"])
    unknown = ["the sockets of this host cannot be read ({0})".format(text) for text in unreadable]
    if hidden and nameless:
        unknown.append("{0} sockets have no process: those of other users cannot be read here, become root".format(nameless))
    return Census(observations, unknown)


def _seen(item: Socket, listening: t.Container[t.Tuple[str, int]], dynamic: t.Tuple[int, int]) -> t.Optional[t.Tuple[t.Any, ...]]:
    """Return what a socket is seen to be, ``None`` for what does not leave the host or waits for an answer only."""
    if _is_inside(item):
        return None
    if _listens(item, dynamic):
        return "in", "", item.protocol, item.local_port, "listener", "unknown"
    if item.state != ESTABLISHED or not item.peer:
        return None
    if (item.protocol, item.local_port) in listening:
        return "in", item.peer, item.protocol, item.local_port, "session", "passed"
    return "out", item.peer, item.protocol, item.peer_port, "session", "passed"


def _listens(item: Socket, dynamic: t.Tuple[int, int]) -> bool:
    """Tell whether a socket waits for anybody. One of UDP on a port that the kernel gave waits for an answer."""
    if item.protocol == "tcp":
        return item.state == LISTENING
    return item.state == BOUND and not dynamic[0] <= item.local_port <= dynamic[1]


def _is_inside(item: Socket) -> bool:
    return item.local == "::1" or item.local.startswith("127.") or (bool(item.peer) and item.peer == item.local)


def _sockets(proc: str) -> t.Tuple[t.List[Socket], t.List[str]]:
    """Return the sockets, and why files could not be read; a host without IPv6 has no file for it."""
    found: t.List[Socket] = []
    unreadable: t.List[str] = []
    for protocol, name in FILES:
        try:
            with open(os.path.join(proc, "net", name), "rb") as stream:
                lines = stream.read().decode("utf-8", "replace").splitlines()[1:]
        except FileNotFoundError:
            continue
        except OSError as error:
            unreadable.append("{0}: {1}".format(name, error.strerror))
            continue
        found += [_socket(protocol, line.split()) for line in lines if len(line.split()) > 9]
    return found, unreadable


def _socket(protocol: str, fields: t.Sequence[str]) -> Socket:
    local, local_port = socket_address(fields[1])
    peer, peer_port = socket_address(fields[2])
    return Socket(protocol, fields[3], local, local_port, peer if peer_port else "", peer_port, fields[9])


def _processes(proc: str, inodes: t.Set[str]) -> t.Tuple[t.Dict[str, str], bool]:
    """Return inode -> name of the process that holds it, and whether some processes could not be looked into."""
    found: t.Dict[str, str] = {}
    hidden = False
    for pid in sorted((name for name in os.listdir(proc) if name.isdigit()), key=int):
        folder = os.path.join(proc, pid, "fd")
        try:
            held = [_inode(folder, name) for name in os.listdir(folder)]
        except PermissionError:
            hidden = True
            continue
        except OSError:
            continue  # it has ended
        mine = [inode for inode in held if inode in inodes and inode not in found]
        found.update(dict.fromkeys(mine, _name(proc, pid)) if mine else {})
    return found, hidden


def _inode(folder: str, name: str) -> str:
    try:
        target = os.readlink(os.path.join(folder, name))
    except OSError:
        return ""  # it was closed meanwhile
    return target[8:-1] if target.startswith("socket:[") else ""


def _name(proc: str, pid: str) -> str:
    try:
        with open(os.path.join(proc, pid, "comm"), "rb") as stream:
            return stream.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _dynamic_ports(proc: str) -> t.Tuple[int, int]:
    """Return the ports that the kernel gives to sockets which ask for none."""
    try:
        with open(os.path.join(proc, "sys/net/ipv4/ip_local_port_range"), "rb") as stream:
            first, last = stream.read().split()
        return int(first), int(last)
    except (OSError, ValueError):
        return DYNAMIC
