# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The rules of iptables that packets meet, in their order: what each matches, as far as it can be read, and what becomes of the packet."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._match import EVERYTHING, Match, Ports, Protocols, Rule, meet, of_family, typed

Chains = t.Mapping[str, t.Sequence[str]]
Met = t.Iterator[t.Tuple[Rule, xtables.Line]]

FAMILY = {4: "ip", 6: "ip6"}
ALLOWS = {"ACCEPT": True, "DROP": False, "REJECT": False}
# Options that say nothing about which new connections match.
SILENT = ("--reject-with", "--log-prefix", "--log-level", "--comment", "-j", "-g")
PEER = {"in": "-s", "out": "-d"}
INTERFACE = {"in": "-i", "out": "-o"}
LIMIT = 20000


def rules(chains: Chains, version: int, direction: str, builtin: str) -> Met:
    """Yield ``(Rule, canonical line)`` of every rule that new connections over the network can meet from a builtin chain on.

    The place of a rule is its chain; its text is what a packet must be like, through all the jumps. By its line we know our own.
    """
    return _walk(chains, version, direction, builtin, EVERYTHING, ())


def _walk(chains: Chains, version: int, direction: str, name: str, within: Match, passed: t.Tuple[t.Tuple[str, str], ...]) -> Met:
    """``passed`` are the ``(chain, conditions)`` of the jumps on the way."""
    doubtful = False
    for text in chains.get(name, ()) if name not in [before for before, _text in passed] else ():
        line = xtables.canonical(text)
        if line is None:
            continue
        items = dict(line.items)
        own = match_of(items, version, direction)
        match = meet(of_family(own, FAMILY[version]), within) if own else None
        if match is None:
            continue
        if doubtful:
            match = match._replace(certain=False)
        target = items.get("-j", items.get("-g", ""))
        if target == "RETURN":
            if items.get("--dst-type") == "LOCAL" and direction == "in":
                # Whatever is meant for this host goes back here; broadcasts and multicast do by the lines that follow.
                return
            if match == of_family(within, FAMILY[version]):
                return
            doubtful = True
        elif target in ALLOWS:
            conditions = " ".join([words for _before, words in passed if words] + [short(text)]).strip()
            yield Rule(name, conditions or "everything", match, ALLOWS[target]), line
        elif target in chains:
            yield from _walk(chains, version, direction, target, match, passed + ((name, short(text)),))
            if "-g" in items:
                doubtful = True


def short(text: str) -> str:
    """Return the conditions of a line for people: without its chain, its target and the names of matches."""
    return re.sub(r" -m \w+| -[jg] .*|/32\b|/128\b", "", " " + text.split(" ", 2)[2]).strip()


def match_of(items: t.Mapping[str, str], version: int, direction: str) -> t.Optional[Match]:
    """Return the ``Match`` of a line's options, or ``None`` when no new connection over the network matches."""
    protocols: t.Optional[Protocols] = None
    ports: Ports = _ports.ALL
    peers, certain = _addresses.ANY, True
    for option, value in items.items():
        if option == "--ctstate":
            if "NEW" not in value.split(","):
                return None
        elif option == INTERFACE[direction] and value in ("lo", "lo+"):
            return None
        elif option == "-p" and _ports.is_number(value):
            protocols = typed(int(value)) if int(value) in (1, 58) and protocols is None else protocols or frozenset([int(value)])
        elif option in ("--icmp-type", "--icmpv6-type") and _ports.is_number(value.partition("/")[0]):
            protocols = typed(1 if option == "--icmp-type" else 58, [int(value.partition("/")[0])])
            certain = certain and "/" not in value
        elif option in ("--dport", "--dports"):
            try:
                ports = xtables.port_intervals(value)
            except ValueError:
                certain = False
        elif option == PEER[direction]:
            try:
                peers = (_addresses.parse_one(value),)
            except ValueError:
                certain = False
        elif option == "--rt-type":
            # Source routing of old: no connection of anybody's uses it.
            return None
        elif option not in SILENT and not (option == "--dst-type" and value == "LOCAL" and direction == "in"):
            certain = False
    return Match(protocols, ports, peers, certain)


def accepts(lines: t.Sequence[str], version: int, direction: str, start: str) -> t.List[Match]:
    """Return what the chains of a file certainly accept, from the chain ``start`` on."""
    chains = {line.split()[1]: xtables.chain_of(lines, line.split()[1]) for line in lines}
    return [rule.match for rule, _line in rules(chains, version, direction, start) if rule.allows]
