# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The lockout guard: who manages this host right now, and would the rules still admit them.

The present peer comes from ``SSH_CONNECTION`` in the environment of this process or of an ancestor (sudo drops it from the
child's), else from the established sockets of sshd. A session counts only when its socket is in this network namespace:
what comes in by ``podman exec``, by ``ip netns exec`` or locally has nothing that a firewall could cut.
"""

from __future__ import annotations

import collections
import os
import struct
import sys

from ansible_collections.portcullis.msports.plugins.module_utils import _intervals

Session = collections.namedtuple("Session", "peer peer_port local local_port")
Session.__doc__ = "One connection over the network: addresses as text (never v4-mapped), ports as numbers."

SERVERS = ("sshd", "sshd-session", "dropbear")
ESTABLISHED = "01"
# A new connection comes from any of these source ports.
EPHEMERAL = (1024, 65535)
NOT_ADMITTED = "no rule admits it"


def find_sessions(environment=None, proc="/proc", pid=None):
    """Return ``(sessions, how)``: the management sessions over the network, and a sentence on how they were found."""
    environment = os.environ if environment is None else environment
    kernel = _Sockets(proc)
    pids = _ancestors(proc, os.getpid() if pid is None else pid)
    for place, variables in [("the environment", environment)] + [("the environment of process {0}".format(p), None) for p in pids]:
        value = variables.get("SSH_CONNECTION") if variables is not None else _variable(proc, place.rsplit(" ", 1)[1], "SSH_CONNECTION")
        session = parse_session(value)
        if session and kernel.has(session):
            return [session], "SSH_CONNECTION in {0}".format(place)
    servers = [p for p in pids if _command(proc, p) in SERVERS]
    sockets = kernel.all()
    found = _of(proc, servers, sockets)
    if found:
        return found, "sockets of sshd among the ancestors"
    if sockets:
        found = _of(proc, [p for p in _processes(proc) if _command(proc, p) in SERVERS], sockets)
        if found:
            return found, "established sockets of sshd"
    return [], "no management session over the network was found: there is nothing to guard"


def established(proc="/proc"):
    """Return every established TCP session over the network, whoever serves it."""
    return [session for session, _inode in _Sockets(proc).all() if not _is_inside(session)]


def _is_inside(session):
    return session.peer == session.local or session.peer.startswith("127.") or session.peer == "::1"


class _Sockets:
    """The established TCP sockets of this network namespace, as ``(Session, inode)``.

    Read file by file: for each the kernel walks through all the room that it has for sockets, which takes milliseconds, and mostly the first one tells.
    """

    def __init__(self, proc):
        self._files = [os.path.join(proc, "net", name) for name in ("tcp", "tcp6")]
        self._found = []

    def has(self, session):
        """Tell whether ``session`` is one of them."""
        while session not in (known for known, _inode in self._found):
            if not self._files:
                return False
            self._read_next()
        return True

    def all(self):
        """Return every one."""
        while self._files:
            self._read_next()
        return self._found

    def _read_next(self):
        for line in _read(self._files.pop(0)).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == ESTABLISHED:
                local, local_port = _socket_address(fields[1])
                peer, peer_port = _socket_address(fields[2])
                self._found.append((Session(peer, peer_port, local, local_port), fields[9]))


def _socket_address(field):
    """Return ``(address text, port)`` of the kernel's ``0100007F:0016``: 32-bit words in the machine's own order."""
    digits, port = field.split(":")
    words = [int(digits[index : index + 8], 16) for index in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("<I" if sys.byteorder == "little" else ">I", word) for word in words)
    return _plain(packed), int(port, 16)


def _plain(packed):
    if len(packed) == 16 and packed[:12] == b"\0" * 10 + b"\xff\xff":
        packed = packed[12:]
    return _intervals.address_text((4 if len(packed) == 4 else 6,) + (int.from_bytes(packed, "big"),) * 2)


def parse_session(value):
    """Return the ``Session`` of a value of ``SSH_CONNECTION``, or ``None`` when it is none."""
    parts = (value or "").split()
    if len(parts) != 4:
        return None
    try:
        peer, local = (plain_address(part) for part in (parts[0], parts[2]))
        return Session(peer, int(parts[1]), local, int(parts[3]))
    except ValueError:
        return None


def plain_address(text):
    """Return an address in its one spelling: without a zone, and v4-mapped ones as IPv4; ValueError for what is none."""
    version, first, last = _intervals.parse_address(text.split("%")[0])
    return _plain(first.to_bytes(4 if version == 4 else 16, "big")) if first == last else text


def _read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _variable(proc, pid, name):
    for item in _read(os.path.join(proc, pid, "environ")).split("\0"):
        if item.startswith(name + "="):
            return item[len(name) + 1 :]
    return None


def _command(proc, pid):
    return _read(os.path.join(proc, pid, "comm")).strip()


def _ancestors(proc, pid):
    """Return the ids (texts) of the process's ancestors, nearest first."""
    found, pid = [], str(pid)
    while pid not in ("0", "", "1") and len(found) < 64:
        # The name in parentheses may hold anything; the parent is the second field behind it.
        fields = _read(os.path.join(proc, pid, "stat")).rpartition(")")[2].split()
        pid = fields[1] if len(fields) > 1 else ""
        if pid not in ("0", ""):
            found.append(pid)
    return found


def _processes(proc):
    try:
        return [name for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return []


def _of(proc, pids, sockets):
    """Return the sessions whose sockets one of ``pids`` holds."""
    inodes = set()
    for pid in pids:
        folder = os.path.join(proc, pid, "fd")
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(os.path.join(folder, name))
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    return sorted({session for session, inode in sockets if inode in inodes})


def lockout(rules, address_sets, default_inbound, management, sessions, judge=None):
    """Return a list of sentences: what of ``management`` and ``sessions`` the rules would not admit. Empty = all is well.

    ``rules`` are complete wire rules, ``default_inbound`` says what happens to what no rule admits (``block``, ``reject``,
    or anything else for "passes"), ``management`` is ``{"addresses": [...], "ports": ["22", "tcp/5986", ...]}``. Where others' rules stand
    among ours, the backend gives a ``judge`` of its own: ``refuses(peers, port interval, local intervals or None)`` returns why, or ``None``.
    """
    judge = judge or _Judge(rules, address_sets, default_inbound)
    found = []
    for session in sessions:
        if _is_inside(session):
            continue
        peer = (_intervals.parse_address(session.peer),)
        local = (_intervals.parse_address(session.local),)
        reason = judge.refuses(peer, (session.local_port,) * 2, local)
        if reason:
            found.append("the present session from {0} to {1} port {2}: {3}".format(session.peer, session.local, session.local_port, reason))
    for address in management.get("addresses") or []:
        wanted = _intervals.parse_addresses([address])
        for port in management.get("ports") or []:
            first, last = _intervals.parse_port(str(port).rpartition("/")[2])
            # Each port of a short range may be admitted by a rule of its own; a long one is asked for as a whole.
            parts = [(number, number) for number in range(first, last + 1)] if last - first < 64 else [(first, last)]
            reason = next((reason for reason in (judge.refuses(wanted, part, None) for part in parts) if reason), None)
            if reason:
                found.append("management from {0} to port {1}: {2}".format(address, port, reason))
    return found


class _Judge:
    """Judges new TCP connections to this host by wire rules: blocks first, then allows, then the default."""

    def __init__(self, rules, address_sets, default_inbound):
        self._sets = address_sets
        self._known = {}
        self._closed = default_inbound in ("block", "reject")
        inbound = [
            (rule, _intervals.parse_ports(rule["local_ports"]) or _intervals.ALL_PORTS)
            for rule in rules
            if rule["direction"] == "in" and rule["protocol"] in ("tcp", "any")
        ]
        self._blocks, self._allows = ([pair for pair in inbound if pair[0]["action"] == action] for action in ("block", "allow"))

    def _addresses(self, texts):
        """Return the intervals of a rule's addresses; each list is read once, and only when a port has matched."""
        key = tuple(texts)
        if key not in self._known:
            named = self._sets[key[0][1:]] if key and key[0].startswith("@") else key
            self._known[key] = _intervals.parse_addresses(named) if key else _intervals.ANY
        return self._known[key]

    def refuses(self, peers, port, local):
        """Return why not every one of ``peers`` may connect to ``port``, or ``None``. ``local`` is ``None`` when not known."""
        for rule, ports in self._blocks:
            if not any(first <= port[1] and port[0] <= last for first, last in ports):
                continue
            if local is not None and not _intervals.overlaps(self._addresses(rule["local_addresses"]), local):
                continue
            if _intervals.overlaps(self._addresses(rule["remote_addresses"]), peers):
                return "the rule {0!r} blocks it".format(rule["name"])
        if not self._closed:
            return None
        admitted = []
        for rule, ports in self._allows:
            if not any(first <= port[0] and port[1] <= last for first, last in ports):
                continue
            sources = _intervals.parse_ports(rule["remote_ports"]) or _intervals.ALL_PORTS
            if not any(first <= EPHEMERAL[0] and EPHEMERAL[1] <= last for first, last in sources):
                continue
            if rule["local_addresses"] and (local is None or not _intervals.covers(self._addresses(rule["local_addresses"]), local)):
                continue
            admitted.extend(self._addresses(rule["remote_addresses"]))
        return None if _intervals.covers(_intervals.collapse(admitted), peers) else NOT_ADMITTED
