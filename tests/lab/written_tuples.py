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
VERDICTS = {"allowed": True, "refused": False}


@dataclass(frozen=True)
class Written:
    """One line: source, destination, ``tcp/443`` or ``icmp_echo``, verdict, place in the document."""

    source: str
    destination: str
    service: str
    allowed: bool
    place: str
    line: int
    family: int = 4

    def probe(self) -> t.Optional[Probe]:
        """Return the probe that decides it; ``None`` for an echo request."""
        if self.service == ECHO:
            return None
        protocol, port = self.service.split("/")
        return Probe(self.source, self.destination, protocol, int(port), self.family)


def read_tuples(path: pathlib.Path, hosts: t.Container[str]) -> list[Written]:
    """Read a file of tab-separated tuples (``#`` begins a comment). Raises ``ValueError`` with every line that is wrong.

    A service may end in ``/6`` (``tcp/443/6``, ``icmp_echo/6``) for IPv6.
    """
    found, wrong = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#") or line.startswith("source\t"):
            continue
        cells = line.split("\t")
        if len(cells) != 5 or cells[3] not in VERDICTS or not cells[4].strip():
            wrong.append(f"{path.name}:{number}: expected source, destination, service, allowed or refused, place: {line!r}")
            continue
        source, destination, service, verdict, place = cells
        family = 6 if service.endswith("/6") and service.count("/") == (1 if service.startswith(ECHO) else 2) else 4
        service = service[:-2] if family == 6 else service
        protocol, _slash, port = service.partition("/")
        if service != ECHO and (protocol not in PROTOCOLS or not port.isdigit()):
            wrong.append(f"{path.name}:{number}: {service!r}: expected tcp/443, udp/53 or {ECHO}")
        wrong += [f"{path.name}:{number}: {name!r} is no host of the inventory" for name in (source, destination) if name not in hosts]
        found.append(Written(source, destination, service, VERDICTS[verdict], place, number, family))
    if wrong:
        raise ValueError("\n".join(wrong))
    return found
