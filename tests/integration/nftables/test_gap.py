# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules are loaded while packets come in."""

from __future__ import annotations

import re
import typing as t

import pytest
from network_namespaces import Peer, run

pytestmark = pytest.mark.packets


FLOOD = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((%r, 7))
while True:
    try:
        s.send(b"x")
    except ConnectionRefusedError:  # one came through, and nobody listens
        pass
"""


def _came_through(peer: Peer, load: t.Callable[[int], t.Any], enough: t.Callable[[int, int], bool]) -> int:
    """Call ``load`` with 0, 1, 2... while packets arrive at a port that no rule admits, as fast as they can; return how many came through.

    It ends when ``enough`` says so of how often it was loaded and of how many came through. Packets are counted by chains before and behind ours, in the
    kernel; a load counts when packets have arrived since the one before, because the machine may not let the other side run for a while.
    """
    chains = [f"chain {name} {{ type filter hook input priority {at}; udp dport 7 counter\n}}" for name, at in (("before", -9), ("behind", 9))]
    run("nft -f -", "\n".join(["table inet counting", "delete table inet counting", "table inet counting {", *chains, "}"]))
    flood = peer.python(FLOOD % peer.here)
    number = loads = last = through = 0
    while not enough(loads, through):
        load(number)
        number += 1
        arrived, through = (int(found) for found in re.findall(r"packets (\d+)", run("nft list table inet counting")))
        loads, last = loads + (arrived > last), arrived
        assert number < 5000, f"{loads} loads met packets, {through} of {arrived} came through"
    flood.kill()
    flood.communicate()
    return through


def test_loading_opens_no_gap(apply: t.Any, rule: t.Any, peer: Peer) -> None:
    """While rulesets replace each other, what none of them admits does not come through; loading in two steps lets it."""

    def load(number: int) -> None:
        apply(*[rule(f"r{i}", local_ports=[str(1000 + number % 2 + i)]) for i in range(50)])

    load(0)
    assert _came_through(peer, load, lambda loads, through: loads >= 60 or through > 0) == 0
    ruleset = run("nft list table inet msports")

    def load_in_two_steps(_number: int) -> None:
        run("nft delete table inet msports")
        run("nft -f -", ruleset)

    assert _came_through(peer, load_in_two_steps, lambda _loads, through: through > 20) > 20
