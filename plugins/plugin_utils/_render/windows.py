# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Options of ``win_firewall_ruleset``: rules as the Windows firewall wants them.

What differs from other systems, and why:

* Dynamic RPC and its endpoint mapper are keywords, inbound and over TCP only; the firewall itself knows the ports. Only the
  endpoint mapper is one service, so only it is bound to its program. Everything else is numeric.
* There are no tracking helpers. A TFTP server with strict outbound answers by a rule of its own; a name query by NetBIOS broadcast
  needs none, because the firewall admits unicast answers to it.
* A rule holds at most 1,000 addresses; more are split into several rules of the same meaning. A mask of no bits is refused there, and ``*``
  would stand for both families: all addresses of one family are its two halves.
* Inbound is blocked already, so the default stays what it is unless the inventory says otherwise.
"""

from __future__ import annotations

import hashlib
import itertools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._options import DYNAMIC_PORTS
from ansible_collections.portcullis.msports.plugins.module_utils._windows.limits import MOST_ADDRESSES
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import (
    COPIED,
    Options,
    Plain,
    Sets,
    addresses_of,
    checked,
    living,
    refer,
    wire_name,
)

MOST_TEXT = 1000  # characters of a description
REFUSED_CHARACTER = "|"  # in names and descriptions
ENDPOINT_MAPPER = "135"
RPC = "RPC"  # the keyword for the endpoint mapper, RPC-EPMap, admits more than 135: 593 as well, where it listens there
MAPPER_SERVICE = {"program": "%SystemRoot%\\system32\\svchost.exe", "service": "RpcSs"}


def windows(plan: Plain, host: Plain) -> Options:
    """Return the options for one host of the plan. Outbound rules are needed only where outbound is blocked."""
    strict = host["default_outbound"] == "block"
    chosen = living(plan, [rule for rule in host["rules"] if rule["direction"] == "in" or strict])
    dynamic = host["dynamic_ports"]
    sets: Sets = {}
    return checked(
        {
            "rules": _distinct([made for rule in chosen for variant in _variants(rule, strict, dynamic) for made in _split(plan, rule, variant, sets)]),
            "address_sets": sets,
            "default_inbound": host["default_inbound"] or "keep",
            "default_outbound": host["default_outbound"],
            "management": dict(host["management"]),
            **({} if dynamic == [DYNAMIC_PORTS] else {"dynamic_ports": dynamic}),
            **({"windows_profiles": host["windows_profiles"]} if "windows_profiles" in host else {}),
        },
        windows=True,
    )


class _Variant(t.NamedTuple):
    """One rule of several that a planned rule becomes: its name, and what it says differently."""

    name: str
    differs: Plain


def _variants(rule: Plain, strict: bool, dynamic: t.Sequence[str]) -> t.Iterator[_Variant]:
    name, inbound_tcp = rule["name"], (rule["direction"], rule["protocol"]) == ("in", "tcp")
    if inbound_tcp and rule["rpc"]:
        yield _Variant(name, {"local_ports": [RPC]})
    elif inbound_tcp and ENDPOINT_MAPPER in rule["local_ports"]:
        others = [port for port in rule["local_ports"] if port != ENDPOINT_MAPPER]
        if others:
            yield _Variant(name, {"local_ports": others})
        yield _Variant(f"{name} [endpoint mapper]" if others else name, {"local_ports": [ENDPOINT_MAPPER], **MAPPER_SERVICE})
    else:
        yield _Variant(name, {})
    if strict and rule["direction"] == "in" and rule["helper"] == "tftp":  # it answers from a new port, to the port that was asked from
        answers = f"out {rule['protocol']} to {rule['remote']} port {','.join(dynamic)} [tftp]"
        yield _Variant(answers, {"direction": "out", "local_ports": list(dynamic), "remote_ports": []})


def _split(plan: Plain, rule: Plain, variant: _Variant, sets: Sets) -> t.Iterator[Options]:
    """Yield the variant for each part of its address sets: together they admit what the one rule would."""
    remotes = _parts(addresses_of(plan, rule["remote"]))
    locals_ = _parts(addresses_of(plan, rule["local"])) if rule["local"] else [[]]
    combined = list(itertools.product(enumerate(remotes, 1), enumerate(locals_, 1)))
    for number, ((remote_number, remote), (local_number, local)) in enumerate(combined, 1):
        yield {
            "name": _name(variant.name, _part(number, len(combined))),
            **{key: rule[key] for key in COPIED if key != "helper"},
            **variant.differs,
            "remote_addresses": refer(_name(rule["remote"], _part(remote_number, len(remotes))), remote, sets),
            "local_addresses": refer(_name(rule["local"] or "", _part(local_number, len(locals_))), local, sets),
            "description": describe(rule["because"]),
        }


def _distinct(rules: t.Sequence[Options]) -> list[Options]:
    """Give rules whose names differ only in case (of two groups of the inventory, say) names that Windows cannot take for one.

    What is put behind each of them comes from its own name alone, so it stays the same whatever becomes of the others.
    """
    spelled: dict[str, set[str]] = {}
    for rule in rules:
        spelled.setdefault(rule["name"].lower(), set()).add(rule["name"])
    return [{**rule, "name": _told_apart(rule["name"])} if len(spelled[rule["name"].lower()]) > 1 else rule for rule in rules]


def _told_apart(name: str) -> str:
    return _name(name, f" ~{hashlib.sha256(name.encode()).hexdigest()[:8]}")


def _parts(addresses: t.Sequence[str]) -> list[list[str]]:
    """Return the addresses in lists that a rule can hold."""
    whole = [half for address in addresses for half in _halves(address)]
    return [whole[start : start + MOST_ADDRESSES] for start in range(0, len(whole), MOST_ADDRESSES)]


def _halves(address: str) -> tuple[str, ...]:
    """Return all of one family as its halves; anything else as it is."""
    return tuple(map(_addresses.text_of, _addresses.halves(_addresses.parse_one(address)))) if address.endswith("/0") else (address,)


def _part(number: int, count: int) -> str:
    return f" [{number}/{count}]" if count > 1 else ""


def _name(name: str, suffix: str) -> str:
    return wire_name(name, suffix, without=REFUSED_CHARACTER)


def describe(because: t.Sequence[Plain]) -> str:
    """Return the reasons as one text: each flow with document, section and row, as many as fit."""
    reasons = [_clean(f"{'' if why['kind'] == 'flow' else why['kind'] + ' '}{why['name']}{f' ({text})' if (text := why['text']) else ''}") for why in because]
    for count in range(len(reasons), 0, -1):
        left = len(reasons) - count
        text = "; ".join([*reasons[:count], *([f"and {left} more"] if left else [])])
        if len(text) <= MOST_TEXT:
            return text
    tail = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return reasons[0][: MOST_TEXT - len(tail) - 3] + "..." + tail


def _clean(text: str) -> str:
    return " ".join(text.replace(REFUSED_CHARACTER, "/").split())
