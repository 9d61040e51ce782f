# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Lines of iptables in one canonical form, whether a file of ufw spells them or ``iptables-save`` does."""

from __future__ import annotations

import collections
import functools
import re
import shlex
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._ports import Ports


class Line(t.NamedTuple):
    """``items`` is a sorted tuple of ``(option, value)`` without comments and what is said by default; a negated option begins with ``!``."""

    chain: str
    items: t.Tuple[t.Tuple[str, str], ...]


class Filter(t.NamedTuple):
    """The table filter of one family: ``policies`` by builtin chain, ``chains`` name -> list of lines as ``iptables-save`` prints them."""

    policies: t.Dict[str, str]
    chains: t.Dict[str, t.List[str]]


NAMES = {"-p": "-p", "--protocol": "-p", "-s": "-s", "--source": "-s", "-d": "-d", "--destination": "-d", "-i": "-i", "-o": "-o", "-j": "-j", "-g": "-g"}
# Without /etc/protocols iptables prints most protocols as numbers.
PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "vrrp": 112}
ICMP = {
    "echo-reply": 0,
    "destination-unreachable": 3,
    "redirect": 5,
    "echo-request": 8,
    "router-advertisement": 9,
    "router-solicitation": 10,
    "time-exceeded": 11,
    "parameter-problem": 12,
}
ICMPV6 = {
    "destination-unreachable": 1,
    "packet-too-big": 2,
    "time-exceeded": 3,
    "parameter-problem": 4,
    "echo-request": 128,
    "echo-reply": 129,
    "router-solicitation": 133,
    "router-advertisement": 134,
    "neighbor-solicitation": 135,
    "neighbour-solicitation": 135,
    "neighbor-advertisement": 136,
    "neighbour-advertisement": 136,
    "redirect": 137,
}
DEFAULTS = {
    ("--reject-with", "icmp-port-unreachable"),
    ("--reject-with", "icmp6-port-unreachable"),
    ("--limit-burst", "5"),
    ("--name", "DEFAULT"),
    ("--mask", "255.255.255.255"),
    ("--mask", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("--rsource", ""),
    ("-p", "0"),
    ("-s", "0.0.0.0/0"),
    ("-d", "0.0.0.0/0"),
    ("-s", "::/0"),
    ("-d", "::/0"),
}


# A line is looked at several times in a run: compared with the file, with what is wanted, and for what it does.
@functools.lru_cache(maxsize=65536)
def canonical(text: str) -> t.Optional[Line]:
    """Return the ``Line`` of ``-A chain ...``, ``-I chain ...`` or ``None`` for anything else."""
    try:
        words = shlex.split(text) if '"' in text or "'" in text else text.split()
    except ValueError:
        return None
    if len(words) < 2 or words[0] not in ("-A", "-I"):
        return None
    items, index = [], 2
    while index < len(words):
        negated = "!" if words[index] == "!" else ""
        index += 1 if negated else 0
        option, values = words[index] if index < len(words) else "", []
        index += 1
        while index < len(words) and words[index] != "!" and not (words[index].startswith("-") and len(words[index]) > 1 and not words[index][1].isdigit()):
            values.append(words[index])
            index += 1
        # What a match is called follows from its options; a comment decides nothing, and comes back in other quotes.
        if option not in ("-m", "--comment"):
            item = (NAMES.get(option, option), _value(NAMES.get(option, option), " ".join(values)))
            items += [] if item in DEFAULTS and not negated else [(negated + item[0], item[1])]
    return Line(words[1], tuple(sorted(items)))


def _value(option: str, text: str) -> str:
    if option == "-p":
        return "0" if text == "all" else str(PROTOCOLS.get(text, text))
    if option in ("-s", "-d"):
        return address(text)
    if option in ("--icmp-type", "--icmpv6-type"):
        return str((ICMP if option == "--icmp-type" else ICMPV6).get(text, text))
    if option == "--ctstate":
        return ",".join(sorted(text.split(",")))
    if option == "--limit":
        return text.replace("/minute", "/min")
    return text


@functools.lru_cache(maxsize=65536)
def address(text: str) -> str:
    """Return one address or network in our spelling; what is none (a mask with holes) stays as it is."""
    try:
        return _addresses.text_of(_addresses.parse_one(text))
    except ValueError:
        return text


def lines_of(text: t.Optional[str]) -> t.List[str]:
    """Return the lines of a text with their ends, as programs of the system see them: only a line feed ends one."""
    return [line for line in re.split("(?<=\n)", text or "") if line]


def parse_save(text: str) -> Filter:
    """Return the ``Filter`` of what ``iptables-save -t filter`` printed."""
    policies, chains = {}, collections.OrderedDict()
    for line in lines_of(text):
        line = line.rstrip("\n")
        if line.startswith(":"):
            name, policy = line[1:].split(" ")[:2]
            chains.setdefault(name, [])
            if policy != "-":
                policies[name] = policy
        elif line.startswith("-A "):
            chains.setdefault(line.split(" ", 2)[1], []).append(line)
    return Filter(policies, chains)


def filter_lines(text: t.Optional[str]) -> t.List[str]:
    """Return the lines of the table filter in a file for ``iptables-restore``."""
    found, table = [], None
    for line in lines_of(text):
        stripped = line.strip()
        if stripped.startswith("*"):
            table = stripped[1:].strip()
        elif stripped == "COMMIT":
            table = None
        elif table == "filter" and stripped[:2] in ("-A", "-I"):
            found.append(stripped)
    return found


def chain_of(found: t.Iterable[str], chain: str) -> t.List[str]:
    """Return the lines of one chain, in the order that loading ``found`` gives them (``-I`` puts a line first)."""
    ordered = []
    for line in found:
        words = line.split(None, 2)
        if len(words) > 1 and words[1] == chain:
            ordered.insert(0 if words[0] == "-I" else len(ordered), line)
    return ordered


def port_intervals(ports: str) -> Ports:
    """Return the sorted intervals of a list of ports as iptables and ufw write it; everything for ``any``."""
    if ports == "any":
        return _ports.ALL
    return tuple(sorted(_ports.PortRange.parse(part.replace(":", "-")) for part in ports.split(",")))
