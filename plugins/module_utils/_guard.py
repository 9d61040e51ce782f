# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The lockout guard: would the rules still admit those who manage this host. Who does so right now, each system tells in its own way."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import Evaluator, Ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain


SSH = 22
ADD_SESSION = "add to the inventory: msports_management: {{from: [{0}], services: [{1}]}}, and plan again"
ADD_RULE = "give a rule that admits it, or name in msports_management (option management) who really manages this host, like [10.9.0.0/24]"
MULTICAST = _addresses.parse(["224.0.0.0/4", "ff00::/8"])
INSIDE = (
    "the session comes from this host itself (a forwarder or a jump host on it: {0} port {1}), and the connection from outside that it belongs to is not "
    "known{2}"
)


class Session(t.NamedTuple):
    """One connection over the network: addresses as text (never v4-mapped), ports as numbers."""

    peer: str
    peer_port: int
    local: str
    local_port: int


class Watch(t.NamedTuple):
    """Who manages a host right now, as far as that can be seen, and ``how`` it was. ``unknown`` says why there may be more, in sentences.

    Where nobody is there, ``listening`` are the ports by which somebody could come. ``own`` is the session that this process belongs to, which may
    be one from the host itself.
    """

    sessions: t.Tuple[Session, ...]
    how: str
    unknown: t.Tuple[str, ...] = ()
    listening: t.Tuple[int, ...] = ()
    own: t.Optional[Session] = None


def is_inside(session: Session) -> bool:
    """Tell whether a session does not leave the host."""
    return session.peer == session.local or session.peer.startswith("127.") or session.peer == "::1"


def add_session(session: Session) -> str:
    """Return what to do so that a session is admitted."""
    return ADD_SESSION.format(session.peer, service(session.local_port))


def service(port: int) -> str:
    """Return a port as ``msports_management`` has it."""
    return "ssh" if port == SSH else "tcp/{0}".format(port)


def packed_text(packed: bytes) -> str:
    """Return the text of an address of 4 or 16 bytes; a v4-mapped one as IPv4."""
    if len(packed) == 16 and packed[:12] == b"\0" * 10 + b"\xff\xff":
        packed = packed[12:]
    number = int.from_bytes(packed, "big")
    return _addresses.text_of((4 if len(packed) == 4 else 6, number, number))


def parse_session(value: t.Optional[str]) -> t.Optional[Session]:
    """Return the ``Session`` of a value of ``SSH_CONNECTION``, or ``None`` when it is none."""
    parts = (value or "").split()
    if len(parts) != 4:
        return None
    try:
        peer, local = (plain_address(part) for part in (parts[0], parts[2]))
        return Session(peer, int(parts[1]), local, int(parts[3]))
    except ValueError:
        return None


def plain_address(text: str) -> str:
    """Return an address in its one spelling: without a zone, and v4-mapped ones as IPv4; ValueError for what is none."""
    version, first, last = _addresses.parse_one(text.split("%")[0])
    return packed_text(first.to_bytes(4 if version == 4 else 16, "big")) if first == last else text


def lockout(
    rules: t.Iterable[Plain],
    address_sets: t.Mapping[str, t.Sequence[str]],
    default_inbound: str,
    management: Plain,
    sessions: t.Iterable[Session],
    evaluator: t.Optional[Evaluator] = None,
) -> t.List[str]:
    """Return a list of sentences: what of ``management`` and ``sessions`` the rules would not admit. Empty = all is well.

    ``rules`` are complete, ``default_inbound`` says what happens to what no rule admits (``block``, ``reject``, or anything else for "passes"),
    ``management`` is ``{"addresses": [...], "ports": ["22", "tcp/5986", ...]}``. Where foreign rules stand among ours, the backend gives an
    ``evaluator`` of its own.
    """
    evaluator = evaluator or Ruleset(rules, address_sets, default_inbound)
    problems = []
    for session in sessions:
        if is_inside(session):
            continue
        peer, local = (_addresses.parse([text]) for text in (session.peer, session.local))
        reason = evaluator.why_blocked(peer, (session.local_port, session.local_port), local)
        if reason:
            problems.append("the present session from {0} to {1} port {2}: {3}".format(session.peer, session.local, session.local_port, reason))
    for address in management.get("addresses") or []:
        peers = _addresses.parse([address])
        for port in management.get("ports") or []:
            first, last = _ports.PortRange.parse(str(port).rpartition("/")[2])
            # Each port of a short range may be admitted by a rule of its own; a long one is asked for as a whole.
            parts = [(number, number) for number in range(first, last + 1)] if last - first < 64 else [(first, last)]
            reasons = (evaluator.why_blocked(peers, part, None) for part in parts)
            reason = next((reason for reason in reasons if reason), None)
            if reason:
                problems.append("management from {0} to port {1}: {2}".format(address, port, reason))
    return problems
