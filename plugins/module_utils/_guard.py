# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The lockout guard: would the rules still admit those who manage this host. Who does so right now, each system tells in its own way."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports

Session = collections.namedtuple("Session", "peer peer_port local local_port")
Session.__doc__ = "One connection over the network: addresses as text (never v4-mapped), ports as numbers."

# A new connection comes from any of these source ports.
EPHEMERAL = (1024, 65535)
NOT_ADMITTED = "no rule admits it"


def is_inside(session):
    """Tell whether a session does not leave the host."""
    return session.peer == session.local or session.peer.startswith("127.") or session.peer == "::1"


def packed_text(packed):
    """Return the text of an address of 4 or 16 bytes; a v4-mapped one as IPv4."""
    if len(packed) == 16 and packed[:12] == b"\0" * 10 + b"\xff\xff":
        packed = packed[12:]
    return _addresses.text_of((4 if len(packed) == 4 else 6,) + (int.from_bytes(packed, "big"),) * 2)


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
    version, first, last = _addresses.parse_one(text.split("%")[0])
    return packed_text(first.to_bytes(4 if version == 4 else 16, "big")) if first == last else text


def lockout(rules, address_sets, default_inbound, management, sessions, judge=None):
    """Return a list of sentences: what of ``management`` and ``sessions`` the rules would not admit. Empty = all is well.

    ``rules`` are complete wire rules, ``default_inbound`` says what happens to what no rule admits (``block``, ``reject``,
    or anything else for "passes"), ``management`` is ``{"addresses": [...], "ports": ["22", "tcp/5986", ...]}``. Where others' rules stand
    among ours, the backend gives a ``judge`` of its own: ``refuses(peers, port interval, local intervals or None)`` returns why, or ``None``.
    """
    judge = judge or _Judge(rules, address_sets, default_inbound)
    found = []
    for session in sessions:
        if is_inside(session):
            continue
        peer = (_addresses.parse_one(session.peer),)
        local = (_addresses.parse_one(session.local),)
        reason = judge.refuses(peer, (session.local_port,) * 2, local)
        if reason:
            found.append("the present session from {0} to {1} port {2}: {3}".format(session.peer, session.local, session.local_port, reason))
    for address in management.get("addresses") or []:
        wanted = _addresses.parse([address])
        for port in management.get("ports") or []:
            first, last = _ports.PortRange.parse(str(port).rpartition("/")[2])
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
            (rule, _ports.of_rule(rule["local_ports"]))
            for rule in rules
            if rule["direction"] == "in" and rule["protocol"] in ("tcp", "any")
        ]
        self._blocks, self._allows = ([pair for pair in inbound if pair[0]["action"] == action] for action in ("block", "allow"))

    def _addresses(self, texts):
        """Return the intervals of a rule's addresses; each list is read once, and only when a port has matched."""
        key = tuple(texts)
        if key not in self._known:
            named = self._sets[key[0][1:]] if key and key[0].startswith("@") else key
            self._known[key] = _addresses.parse(named) if key else _addresses.ANY
        return self._known[key]

    def refuses(self, peers, port, local):
        """Return why not every one of ``peers`` may connect to ``port``, or ``None``. ``local`` is ``None`` when not known."""
        for rule, ports in self._blocks:
            if not _ports.overlaps(ports, [port]):
                continue
            if local is not None and not _addresses.overlaps(self._addresses(rule["local_addresses"]), local):
                continue
            if _addresses.overlaps(self._addresses(rule["remote_addresses"]), peers):
                return "the rule {0!r} blocks it".format(rule["name"])
        if not self._closed:
            return None
        admitted = []
        for rule, ports in self._allows:
            if not _ports.covers(ports, [port]):
                continue
            sources = _ports.of_rule(rule["remote_ports"])
            if not _ports.covers(sources, [EPHEMERAL]):
                continue
            if rule["local_addresses"] and (local is None or not _addresses.covers(self._addresses(rule["local_addresses"]), local)):
                continue
            admitted.extend(self._addresses(rule["remote_addresses"]))
        return None if _addresses.covers(_addresses.union(admitted), peers) else NOT_ADMITTED
