# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""How many packets each of our rules has met since the last look.

A counter begins again with every load of its rules. So what was counted is kept with a mark of that load, and compared with counters of the
same load only; of another one all counts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import RULE_CHAINS, Nft

Seen = t.Dict[str, t.Any]
Key = t.Tuple[str, str, str]  # direction, name of the rule, outcome
DIRECTIONS = {chain: direction for direction, chain in RULE_CHAINS.items()}


class Counters(t.NamedTuple):
    """``load`` tells one load of the rules from another, as far as the kernel does; ``packets`` are those of each rule since then.

    ``every`` tells that each rule has a counter.
    """

    load: str
    packets: t.Dict[Key, int]
    every: bool = False


def of_nftables(nft: Nft, owner: str) -> Counters:
    """Return what the table of an owner has counted; rules that were loaded without counters are not in it."""
    load, packets = "", {}  # type: t.Tuple[str, t.Dict[Key, int]]
    every = True
    for item in nft.list_objects(owner):
        ((kind, value),) = item.items()
        if kind == "table":
            load = "nft {0}".format(value.get("handle", ""))  # the kernel gives no handle twice in one boot
        if kind == "rule" and value.get("chain") in DIRECTIONS and value.get("comment"):
            counting = [expression["counter"] for expression in value["expr"] if isinstance(expression.get("counter"), dict)]
            every = every and bool(counting)
            for content in counting:
                key = DIRECTIONS[value["chain"]], value["comment"], "dropped" if {"drop": None} in value["expr"] else "passed"
                packets[key] = packets.get(key, 0) + int(content["packets"])
    return Counters(load, packets, every and bool(packets))


def since(now: Counters, before: t.Mapping[str, t.Any]) -> t.Tuple[t.List[Seen], t.Dict[str, t.Any]]:
    """Return what was counted since the last look, and what to remember for the next."""
    same = before.get("load") == now.load
    earlier = {(direction, name, outcome): packets for direction, name, outcome, packets in (before.get("packets", []) if same else [])}
    seen = []
    for key, packets in sorted(now.packets.items()):
        more = packets - earlier.get(key, 0)
        if packets and more:
            direction, name, outcome = key
            # one that is lower than before has begun again
            seen.append(_seen(direction, name, outcome, more if more > 0 else packets))
    return seen, {"load": now.load, "packets": [list(key) + [packets] for key, packets in sorted(now.packets.items()) if packets]}


def unbroken(now: Counters, before: t.Mapping[str, t.Any]) -> bool:
    """Tell whether every rule has counted since the look before: all that a rule met since then is in its counter. Nobody knows where loads look alike."""
    return bool(now.load) and now.every and before.get("load") == now.load


def _seen(direction: str, name: str, outcome: str, packets: int) -> Seen:
    return {
        "direction": direction,
        "peer": "",
        "protocol": "any",
        "port": None,
        "seen": "counter",
        "outcome": outcome,
        "process": "",
        "times": packets,
        "rule": name,
    }
