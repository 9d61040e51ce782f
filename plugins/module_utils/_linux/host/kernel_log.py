# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Packets in the kernel's log: what our audit, ufw and firewalld wrote down of new connections that rules stop, or would.

The kernel keeps its latest lines in a memory of a fixed size, so reading is bounded; each line has a number, so what is lost between two looks is known.
"""

from __future__ import annotations

import datetime
import errno
import os
import re
import socket
import time
import typing as t

PLACE = "/dev/kmsg"
MOST_LINES, MOST_SEEN = 200000, 20000
FIELD = re.compile(r"(\w+)=(\S*)")
# Who writes what before a packet: of ours nobody knows what became of it, the others say that they stopped it, or that they let it pass. So ufw writes
# what an audit in it would stop.
WOULD = "{0} would drop "
PASSED = "[UFW ALLOW] "
STOPPED = re.compile(r"\[UFW (?:LIMIT )?BLOCK\] |(?:filter_|\b)(?:IN|OUT|INPUT|OUTPUT)_?\S*_(?:DROP|REJECT): |FINAL_REJECT: ")
ECHO = {"ICMP": "8", "ICMPv6": "128"}
LOST = "{0} lines of the kernel's log were gone before they were read: observe more often, or let the host learn (linux_learning)"
UNREADABLE = "the kernel's log cannot be read ({0}), so packets that were logged are not known"
MORE = "more than {0} kinds of packets are in the kernel's log: the rest of them is left out"
Seen = t.Dict[str, t.Any]


class Line(t.NamedTuple):
    """``number`` is the kernel's, ``at`` in microseconds since the boot."""

    number: int
    at: int
    text: str


class Log(t.NamedTuple):
    """``last`` is the number of the last line that was read; ``unknown`` says in sentences what is missing."""

    observations: t.List[Seen]
    last: int
    unknown: t.List[str]


def read(owner: str, own: t.Container[str], after: t.Optional[int], place: str = PLACE) -> Log:
    """Return the packets of the log behind the line ``after`` that are from or to one of the addresses ``own``."""
    try:
        lines = _lines(place)
    except OSError as error:
        return unread(after, error)
    fresh = [line for line in lines if after is None or line.number > after]
    lost = fresh[0].number - after - 1 if fresh and after is not None else 0
    found, beyond = _counted(fresh, owner, own)
    unknown = ([LOST.format(lost)] if lost > 0 else []) + ([MORE.format(MOST_SEEN)] if beyond else [])
    return Log(found, lines[-1].number if lines else -1, unknown)


def unread(after: t.Optional[int], error: OSError) -> Log:
    """Return a log of which nothing can be read; a host without such a log has none to read."""
    return Log([], -1 if after is None else after, [] if error.errno == errno.ENOENT else [UNREADABLE.format(error.strerror)])


def _lines(place: str) -> t.List[Line]:
    """Return what the kernel still has. Each read gives one line; reading changes nothing."""
    found: t.List[Line] = []
    descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while len(found) < MOST_LINES:
            try:
                raw = os.read(descriptor, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # the line was overwritten meanwhile; the next read gives the oldest that is left
            if not raw:
                break
            found += _parsed(raw.decode("utf-8", "replace"))
    finally:
        os.close(descriptor)
    return found


def _parsed(record: str) -> t.Iterator[Line]:
    """Yield the line of one record, ``priority,number,microseconds,flags;text``."""
    head, _mark, text = record.partition(";")
    fields = head.split(",")
    if len(fields) > 2 and fields[1].isdigit() and fields[2].isdigit():
        yield Line(int(fields[1]), int(fields[2]), text.partition("\n")[0])


def _counted(lines: t.Iterable[Line], owner: str, own: t.Container[str]) -> t.Tuple[t.List[Seen], bool]:
    """Return the packets of lines, alike ones of a day as one, and whether there were too many kinds of them."""
    counted: t.Dict[t.Tuple[t.Any, ...], int] = {}
    beyond = False
    booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    for line in lines:
        packet = _packet(line.text, owner, own)
        if packet is None:
            continue
        key = packet + (datetime.datetime.fromtimestamp(booted + line.at / 1e6, datetime.timezone.utc).date().isoformat(),)
        if key not in counted and len(counted) >= MOST_SEEN:
            beyond = True
            continue
        counted[key] = counted.get(key, 0) + 1
    names = ("direction", "peer", "protocol", "port", "outcome", "first")
    ordered = sorted(counted.items(), key=lambda item: tuple(map(str, item[0])))
    return [dict(zip(names, key), last=key[-1], seen="log", process="", times=times) for key, times in ordered], beyond


def _packet(text: str, owner: str, own: t.Container[str]) -> t.Optional[t.Tuple[t.Any, ...]]:
    """Return ``(direction, peer, protocol, port, outcome)`` of a line about a new connection of this host, ``None`` for any other line."""
    start, mark, rest = text.partition("IN=")
    if not mark or " OUT=" not in " " + rest:
        return None
    outcome = _outcome(start, owner)
    if not outcome:
        return None
    # behind a bracket is the packet that an error is about
    fields = dict(FIELD.findall((mark + rest).partition(" [")[0]))
    direction = {(True, False): "in", (False, True): "out"}.get((bool(fields.get("IN")), bool(fields.get("OUT"))))
    here, there = (fields.get(name, "") for name in (("DST", "SRC") if direction == "in" else ("SRC", "DST")))
    what = _port(fields, rest.split())
    if direction is None or what is None or "lo" in (fields["IN"], fields["OUT"]) or _address(here) not in own:
        return None
    return (direction, _address(there)) + what + (outcome,)


def _outcome(start: str, owner: str) -> str:
    if start.startswith(WOULD.format(owner)):
        return "unknown"
    return "passed" if start.endswith(PASSED) else "dropped" if STOPPED.search(start) else ""


def _port(fields: t.Mapping[str, str], words: t.Sequence[str]) -> t.Optional[t.Tuple[str, t.Optional[int]]]:
    """Return protocol and port of what opens a conversation."""
    protocol = fields.get("PROTO", "")
    if protocol in ECHO:
        return ("icmp_echo", None) if fields.get("TYPE") == ECHO[protocol] else None
    if protocol == "TCP" and ("SYN" not in words or "ACK" in words):
        return None
    return (protocol.lower(), int(fields["DPT"])) if protocol in ("TCP", "UDP") and fields.get("DPT", "").isdigit() else None


def _address(text: str) -> str:
    """Return an address in the usual spelling; the kernel writes those of IPv6 in full."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        return ""
