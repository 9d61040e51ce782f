# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a statement of a foreign rule does to a packet. One that is not known here may stop it: that is never nothing."""

from __future__ import annotations

import typing as t

MAY = "may stop"  # the verdict of a statement that is not known, or is not ours to know: queue, tproxy, fwd...
DECIDE = ("accept", "drop", MAY)
# Statements that end nothing: those that say nothing about what a rule matches, and those that make it depend on more.
SILENT = ("counter", "log", "notrack", "ct helper", "ct timeout", "ct expectation", "masquerade", "snat", "dnat", "redirect", "flow", "last")
# Fields that rules may write into packets without changing which rules they meet, or how they are tracked.
WRITTEN = ("dscp", "ecn", "ttl", "hoplimit", "flowlabel")
CONDITIONS = ("limit", "quota", "meter", "set", "map", "ct count", "dup", "continue")
# Targets of iptables after which a packet goes on.
TARGETS = ("LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CLASSIFY", "DSCP", "TOS", "TCPMSS", "TCPOPTSTRIP", "CT", "NOTRACK", "SECMARK", "CONNSECMARK")
MORE_TARGETS = ("CHECKSUM", "TRACE", "SET", "HL", "TTL", "ECN", "AUDIT", "RATEEST", "MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP", "IDLETIMER", "LED")


def verdict_of(kind: str, value: t.Any) -> t.Tuple[str, bool]:
    """Return ``(verdict, whether the statement leaves certain what the rule matches)``. A statement that is not known here may stop a packet."""
    if kind in ("accept", "drop", "return"):
        return kind, True
    if kind == "reject":
        return "drop", True
    if kind == "xt":
        # Rules of iptables: nft tells the name of a match or target at best, never its parameters.
        name = (value or {}).get("name", "")
        if name in ("DROP", "REJECT", "ACCEPT"):
            return "accept" if name == "ACCEPT" else "drop", True
        return MAY if target(kind, value) and name not in TARGETS + MORE_TARGETS else "", name == "comment"
    if kind == "mangle":
        return (MAY if _disguises(value) else ""), True
    return "" if kind in SILENT + CONDITIONS else MAY, kind in SILENT


def _disguises(value: t.Any) -> bool:
    """Tell whether what is written makes another connection of it: other ports or addresses, or another zone of connection tracking."""
    try:
        ((kind, field),) = value["key"].items()
        return kind == "ct" and field["key"] == "zone" or kind == "payload" and field.get("field") not in WRITTEN
    except (AttributeError, KeyError, TypeError, ValueError):
        return True


def target(kind: str, value: t.Any) -> str:
    """Return the name of a target of iptables, which is in capitals; ``""`` for a match, and for what is none of iptables."""
    name = (value or {}).get("name", "") if kind == "xt" else ""
    return name if name.isupper() else ""


def stays(value: t.Any, own: t.Container[str]) -> bool:
    """Tell whether a translation of the destination leaves packets on this host: it changes the port alone, or leads to loopback or an ``own`` address."""
    to = value.get("addr") if isinstance(value, dict) else None
    return to is None or (isinstance(to, str) and (to.startswith("127.") or to == "::1" or to in own))


def element(entry: t.Any) -> t.Any:
    """Return an entry of a set without what it counts or when it ends."""
    return entry["elem"]["val"] if isinstance(entry, dict) and "elem" in entry else entry


def filled(expressions: t.Iterable[t.Any]) -> t.Iterator[str]:
    """Yield the names of the sets and maps that a rule adds to."""
    for expression in expressions:
        for kind, value in expression.items():
            name = value.get(kind, "") if kind in ("set", "map") and isinstance(value, dict) else ""
            if isinstance(name, str) and name.startswith("@"):
                yield name[1:]
