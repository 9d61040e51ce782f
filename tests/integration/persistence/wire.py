# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer that is wired to the booted container, and probes from it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import typing as t

import booted
import network_namespaces
from network_namespaces import NOTHING, REFUSED, Peer, Prober


@contextlib.contextmanager
def wired(container: booted.Container, flush: bool = True) -> t.Iterator[Peer]:
    """A peer that is wired to the container: this thread joins the container's network namespace for as long as that lasts.

    ``flush`` takes away all rules before, so that the wire works whatever was left.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    inside = os.open(f"/proc/{container.pid}/ns/net", os.O_RDONLY)
    if flush:
        container.run("nft flush ruleset", check=False)
    assert libc.setns(inside, network_namespaces.CLONE_NEWNET) == 0
    try:
        # Errors are the answers here: many of them in one second are no attack.
        network_namespaces.run("echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit")
        made = Peer("wire0")
        yield made
        network_namespaces.run("ip link del wire0", check=False)
        made.close()
    finally:
        assert libc.setns(before, network_namespaces.CLONE_NEWNET) == 0
        os.close(before)
        os.close(inside)


LOCK_OUT = {"name": "lock", "direction": "in", "action": "block", "protocol": "tcp", "local_ports": ["22"], "remote_addresses": ["any"]}
LOCKED = {
    "firewalld": {"rules": [], "default_inbound": "block", "firewalld_precedence": "override"},
    "nftables": {"rules": [], "default_inbound": "block"},
    "ufw": {"rules": [LOCK_OUT], "default_inbound": "block"},  # beside a rule of the admin that admits
}
LOCK = """
import random
previous = ruleset(random.Random({seed!r})) if {turn} % 2 else {{"rules": []}}
previous.update(firewalld_precedence="merge", default_inbound="keep")
apply(**previous)
before = state()
done = apply(seconds={seconds}, **{locked!r})
json.dump([previous, before], open("/opt/test/before.json", "w"))
answer = done.get("rollback")
"""
FREED = """
note = settled()
previous, before = json.load(open("/opt/test/before.json"))
again = apply(**previous)
answer = difference(before, state()) + ([f"the next run: {again['diff']}"] if again["changed"] else [])
heard = again.get("rolled_back_before", {}).get("what")
answer += [] if note and heard == note.what else [f"the host says {note}, the next run {heard}"]
"""


# How long a lockout lasts: on a machine that stands still meanwhile it is over before anybody has looked, and a longer one shows it.
LASTING = (2, 10, 60)


def lockouts(host: t.Any, peer: Peer, probe: Prober, turns: t.Iterable[int], backend: str, seed: int = 0) -> list[str]:
    """Lock a peer out, once a turn: it is out, it comes in again by itself, and all is as it was. Returns what was wrong."""
    wrong = []
    for turn in turns:
        for seconds in LASTING:
            inside = _answered(probe, peer)
            armed = host.drill(LOCK.format(seed=f"lockout {seed}/{turn}", turn=turn, locked=LOCKED[backend], seconds=seconds))
            outside = probe("tcp", peer.here, 22)
            told = host.drill(FREED)
            again = _answered(probe, peer)
            if not armed or outside == NOTHING:
                break
        # Nobody listens: an admitted connection is refused by the kernel behind the firewall.
        if not armed or (inside, outside, again) != (REFUSED, NOTHING, REFUSED):
            told = [f"armed {armed}: connections before {inside}, locked {outside}, after {again}", *told]
        wrong += [f"{turn}: {line}" for line in told]
    return wrong


def _answered(probe: Prober, peer: Peer) -> str:
    """What a peer is answered that shall be let in; silence is asked again, because an answer can be late."""
    return next((answer for answer in (probe("tcp", peer.here, 22) for _attempt in range(50)) if answer != NOTHING), NOTHING)
