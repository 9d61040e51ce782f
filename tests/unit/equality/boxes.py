# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of connections as unions of boxes, compared exactly: what two rulesets allow, whatever rules say it.

A box is one rule for one family and one kind of traffic. Two unions are equal when for every combination of own ports, their ports and
own addresses the same peers are admitted. Every edge of every box of either side cuts, so between two cuts nothing changes.
"""

from __future__ import annotations

import ipaddress
import itertools
import typing as t

Span = t.Tuple[int, int]
Spans = t.Tuple[Span, ...]
KINDS = ("tcp", "udp", "echo", "other")  # "other" stands for every packet that is none of these: another protocol, another ICMP type
PORTS: Spans = ((0, 65535),)
LAST = {4: 2**32 - 1, 6: 2**128 - 1}


class Packet(t.NamedTuple):
    """The first packet of a connection, seen at one host."""

    direction: str
    family: int
    kind: str
    remote: int
    local: int
    remote_port: int = 0
    local_port: int = 0

    def __str__(self) -> str:
        ends = (f"{_address(self.family, number)} port {port}" for number, port in ((self.remote, self.remote_port), (self.local, self.local_port)))
        return f"{self.direction} {self.kind} IPv{self.family}, their end {' and our end '.join(ends)}"


class Box(t.NamedTuple):
    """What one rule admits of one family and one kind. ``remote`` and ``local`` are addresses as numbers."""

    direction: str
    family: int
    kind: str
    remote: Spans
    local: Spans
    remote_ports: Spans = PORTS
    local_ports: Spans = PORTS
    rule: str = ""

    def holds(self, packet: Packet) -> bool:
        if self.direction != packet.direction or self.family != packet.family or self.kind != packet.kind:
            return False  # so it is of most boxes
        places = zip(self[3:7], (packet.remote, packet.local, packet.remote_port, packet.local_port), strict=True)
        return all(any(first <= number <= last for first, last in spans) for spans, number in places)


def everywhere(family: int) -> Spans:
    return ((0, LAST[family]),)


def difference(left: t.Iterable[Box], right: t.Iterable[Box]) -> list[str]:
    """Return what one side admits and the other does not, one sentence for each cell; nothing when they are equal."""
    sides = {name: grouped(boxes) for name, boxes in (("left", left), ("right", right))}
    found = []
    for group in sorted({*sides["left"], *sides["right"]}):
        mine, theirs = sides["left"].get(group, []), sides["right"].get(group, [])
        boxes = [*mine, *theirs]
        compared: dict[frozenset[int], list[tuple[str, Spans]]] = {}  # many cells lie in the same boxes
        for atoms in itertools.product(*(_holding(boxes, axis) for axis in (4, 5, 6))):
            inside = frozenset.intersection(*(numbers for _atom, numbers in atoms))
            if inside not in compared:
                here, there = _peers(mine, inside), _peers(theirs, {number - len(mine) for number in inside})
                compared[inside] = [("only left", _minus(here, there)), ("only right", _minus(there, here))]
            cell = tuple(atom for atom, _numbers in atoms)
            found += [f"{name}: {_told(group, cell, extra)}" for name, extra in compared[inside] if extra]
    return found


def corners(boxes: t.Iterable[Box]) -> list[Packet]:
    """Return the packets at, and one step beyond, every edge of every box."""
    found: dict[Packet, None] = {}
    for box in boxes:
        inside = Packet(box.direction, box.family, box.kind, *(spans[0][0] for spans in box[3:7]))
        found[inside] = None
        for name in ("remote", "local", "remote_port", "local_port"):
            ports = name.endswith("port")
            limit = 65535 if ports else LAST[box.family]
            if ports and box.kind not in ("tcp", "udp"):
                continue
            for first, last in getattr(box, name + "s" if ports else name):
                for number in (first - 1, first, last, last + 1):
                    if 0 <= number <= limit:
                        found[inside._replace(**{name: number})] = None
    return list(found)


def grouped(boxes: t.Iterable[Box]) -> dict[tuple[str, int, str], list[Box]]:
    """Return the boxes by direction, family and kind, as which a packet begins, too."""
    found: dict[tuple[str, int, str], list[Box]] = {}
    for box in boxes:
        found.setdefault(box[:3], []).append(box)
    return found


def _atoms(all_spans: t.Iterable[Spans]) -> list[Span]:
    """Return the spans between all edges: each lies wholly inside or wholly outside of every span given."""
    cuts = sorted({cut for spans in all_spans for first, last in spans for cut in (first, last + 1)})
    return [(first, after - 1) for first, after in zip(cuts, cuts[1:], strict=False)]


def _holding(boxes: list[Box], axis: int) -> list[tuple[Span, frozenset[int]]]:
    """Return the atoms of own addresses, their ports or own ports, each with the numbers of the boxes that it lies in."""
    spans = [box[axis] for box in boxes]
    return [(atom, frozenset(number for number, one in enumerate(spans) if _inside(atom, one))) for atom in _atoms(spans)]


def _peers(boxes: list[Box], numbers: t.Container[int]) -> Spans:
    """Return the peers that the boxes of these numbers admit."""
    merged: list[Span] = []
    for first, last in sorted(span for number, box in enumerate(boxes) if number in numbers for span in box.remote):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _inside(atom: Span, spans: Spans) -> bool:
    return any(first <= atom[0] and atom[1] <= last for first, last in spans)


def _minus(more: Spans, less: Spans) -> Spans:
    left = list(more)
    for first, last in less:
        left = [part for low, high in left for part in ((low, min(high, first - 1)), (max(low, last + 1), high)) if part[0] <= part[1]]
    return tuple(left)


def _told(group: tuple[str, int, str], cell: tuple[Span, ...], peers: Spans) -> str:
    direction, family, kind = group
    local, remote_ports, local_ports = cell
    places = ", ".join(_span(family, span) for span in peers[:3]) + (" ..." if len(peers) > 3 else "")
    own = "" if local == (0, LAST[family]) else f" at {_span(family, local)}"
    ports = "" if kind not in ("tcp", "udp") else f" own port {local_ports[0]}-{local_ports[1]}, their port {remote_ports[0]}-{remote_ports[1]}"
    return f"{direction} {kind} IPv{family}{ports}{own}, peers {places}"


def _span(family: int, span: Span) -> str:
    first, last = (_address(family, number) for number in span)
    return first if first == last else f"{first}-{last}"


def _address(family: int, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number))
