# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Tuples written by hand from the documents: who may reach whom on which port, and where it says so."""

import pathlib
import typing as t
from dataclasses import dataclass

from proof import PROTOCOLS, Probe

ECHO = "icmp_echo"
PORTLESS = {"igmp": 2, "gre": 47, "esp": 50, "sctp": 132}  # other IP protocols, by number
VERDICTS = {"allowed": True, "refused": False}
IPV6 = "ipv6:"


@dataclass(frozen=True)
class Written:
    """One line: source, destination, ``tcp/443``, ``icmp_echo`` or ``gre``, verdict, place in the document."""

    source: str
    destination: str
    service: str
    allowed: bool
    place: str
    line: int
    family: int = 4

    def probe(self) -> t.Optional[Probe]:
        """Return the probe that decides it; ``None`` for what has no ports."""
        if "/" not in self.service:
            return None
        protocol, port = self.service.split("/")
        return Probe(self.source, self.destination, protocol, int(port), self.family)

    def __str__(self) -> str:
        verdict = "allowed" if self.allowed else "refused"
        return f"line {self.line} ({self.place}): {self.source} -> {self.destination} {self.service} over IPv{self.family} is {verdict} there"


def read_tuples(path: pathlib.Path, hosts: t.Container[str]) -> list[Written]:
    """Read a file of tab-separated tuples (``#`` begins a comment, ``ipv6:`` a service over IPv6). Raises ``ValueError`` with every wrong line."""
    found: dict[tuple[str, str, str], Written] = {}
    wrong = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != 5 or cells[3] not in VERDICTS or not cells[4].strip():
            wrong.append(f"{path.name}:{number}: expected source, destination, service, allowed or refused, place: {line!r}")
            continue
        source, destination, service, verdict, place = cells
        protocol, _slash, port = service.removeprefix(IPV6).partition("/")
        if not (port.isdigit() if protocol in PROTOCOLS else protocol in (ECHO, *PORTLESS) and not port):
            wrong.append(f"{path.name}:{number}: {service!r}: expected tcp/443, udp/53, {ECHO}, {', '.join(PORTLESS)}, or one of these after {IPV6}")
            continue
        wrong += [f"{path.name}:{number}: {name!r} is no host of the inventory" for name in (source, destination) if name not in hosts]
        item = Written(source, destination, service.removeprefix(IPV6), VERDICTS[verdict], place, number, 6 if service.startswith(IPV6) else 4)
        known = found.setdefault((source, destination, service), item)
        if known.allowed != item.allowed:
            wrong.append(f"{path.name}:{number}: says the opposite of line {known.line}")
    if wrong:
        raise ValueError("\n".join(wrong))
    return list(found.values())
