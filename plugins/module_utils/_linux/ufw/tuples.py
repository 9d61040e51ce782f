# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""A line of ufw's own rule files: the tuple that ufw reads, and the iptables rules that ufw makes of it.

ufw keeps a rule twice: as a comment ``### tuple ### allow tcp 443 0.0.0.0/0 any 10.0.0.0/8 in comment=...`` and as the lines that
``iptables-restore`` loads. Whenever a command of ufw writes the file it reads the tuples only and makes the lines anew. So the lines
must be those that ufw itself would write: anything else in them (a set, a match of our own) would be lost without a word.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._ports import Range


class Rule(t.NamedTuple):
    """One tuple, every field as ufw writes it: ``allow`` ``tcp`` ``80,443,8000:8100`` ``0.0.0.0/0`` ``any`` ``10.0.0.0/8`` ``in``.

    ``action`` is ``allow``, ``deny`` or ``allow_log``; ``ports`` and ``source_ports`` are ``any`` or numbers and ranges, as many as ufw takes.
    """

    action: str
    protocol: str
    ports: str
    destination: str
    source_ports: str
    source: str
    direction: str


ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
PREFIX = {4: "ufw", 6: "ufw6"}
CHAINS = {"in": "input", "out": "output"}
MARK = "### tuple ###"
TARGETS = {"allow": "ACCEPT", "deny": "DROP", "allow_log": "ACCEPT"}
LOGGED = '-m conntrack --ctstate NEW -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW ALLOW] "'
# A list of ports has 15 places; a range takes two of them.
PLACES = 15

_TUPLE = re.compile(r"^### tuple ###\s+(\S.*?)(?: comment=([0-9A-Fa-f]*))?\s*$")


def chunks(intervals: t.Iterable[Range]) -> t.List[str]:
    """Return the port intervals as ufw's lists, each short enough for one rule; ``["any"]`` for no intervals."""
    found, room = [], 0
    for first, last in intervals:
        size = 1 if first == last else 2
        if room < size:
            found.append([])
            room = PLACES
        found[-1].append(str(first) if first == last else "{0}:{1}".format(first, last))
        room -= size
    return [",".join(parts) for parts in found] or ["any"]


def hexed(comment: str) -> str:
    return comment.encode("utf-8").hex()


def block(rule: Rule, comment: str, version: int) -> str:
    """Return what stands in the file for one rule, as ufw writes it: an empty line, the tuple, the lines of iptables."""
    return "\n{0} {1} comment={2}\n{3}\n".format(MARK, " ".join(rule), hexed(comment), "\n".join(lines(rule, version)))


def lines(rule: Rule, version: int) -> t.List[str]:
    """Return the lines of iptables that ufw 0.36 makes of a tuple."""
    suffix = CHAINS[rule.direction]
    chain = "{0}-user-{1}".format(PREFIX[version], suffix)
    match = _match(rule)
    made = [" ".join(["-A", chain] + match + ["-j", TARGETS[rule.action]])]
    if rule.action == "allow_log":
        logging = "{0}-user-logging-{1}".format(PREFIX[version], suffix)
        made = [
            " ".join(["-A", logging] + match + [LOGGED]),
            " ".join(["-A", logging] + match + ["-j", "RETURN"]),
            " ".join(["-A", chain] + match + ["-j", logging]),
        ] + made
    return made


def _match(rule: Rule) -> t.List[str]:
    several = {side: re.search("[,:]", ports) is not None for side, ports in (("d", rule.ports), ("s", rule.source_ports))}
    multiport = any(several.values())
    found = ["-p", rule.protocol] if rule.protocol != "any" else []
    if multiport:
        for side, ports in (("d", rule.ports), ("s", rule.source_ports)):
            found += ["-m", "multiport", "--{0}ports".format(side), ports] if ports != "any" else []
    for side, address, ports in (("d", rule.destination, rule.ports), ("s", rule.source, rule.source_ports)):
        found += ["-" + side, address] if address not in ANYWHERE.values() else []
        found += ["--{0}port".format(side), ports] if ports != "any" and not multiport else []
    return found


class Parsed(t.NamedTuple):
    """A tuple of the file: ``rule``, its decoded comment, whether it is for forwarding, its interfaces, whether it came from a profile."""

    rule: Rule
    comment: str
    forward: bool
    interfaces: str
    application: bool


def parse(line: str) -> t.Optional[Parsed]:
    """Return ``Parsed`` of a tuple line, or ``None`` when it is none that ufw itself would read."""
    match = _TUPLE.match(line)
    fields = match.group(1).split() if match else []
    if match is None or not 6 <= len(fields) <= 9:
        return None
    last = fields[-1] if len(fields) in (7, 9) else "in"
    direction, _underscore, interface = last.partition("_")
    action = fields[0].rpartition(":")[2]
    try:
        comment = bytes.fromhex(match.group(2) or "").decode("utf-8", "replace")
    except ValueError:
        comment = ""
    rule = Rule(action, fields[1], fields[2], _plain(fields[3]), fields[4], _plain(fields[5]), direction)
    return Parsed(rule, comment, ":" in fields[0], interface, len(fields) > 7)


def _plain(text: str) -> str:
    """Return an address in our spelling; what is none stays as it is."""
    if text in ANYWHERE.values():
        return text
    try:
        return _addresses.text_of(_addresses.parse_one(text))
    except ValueError:
        return text
