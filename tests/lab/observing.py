# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Sessions that an estate runs before it has rules, what preflight announces of them, and which of them can be opened again afterwards."""

import re
import typing as t

from company import Company
from namespace_host import NamespaceHost, everywhere

PORTS = (80, 111, 443, 445, 2049, 5432, 8080, 10050)  # some that a rule admits at some host, and some that none does; none of management
ANNOUNCED = re.compile(r"\b([\w.]+) -> ([\w.]+) tcp/(\d+)\b")
WRONG = re.compile(r"(?:passed though not planned|stopped though planned): (\S+) -> (\S+) tcp/(\d+)")
TRIED = re.compile(r"\b(\d+) of \d+ probes tried, all as planned")


class Session(t.NamedTuple):
    """One TCP session over IPv4, by names."""

    source: str
    destination: str
    port: int


class Sessions:
    """The sessions of an estate: each of some hosts serves some ports, and everybody has a session to each of them."""

    def __init__(self, company: Company, hosts: t.Mapping[str, NamespaceHost], servers: t.Sequence[str]) -> None:
        self._company, self._hosts = company, hosts
        sources = [name for name, host in company.machines.items() if host.address(4)]
        self.all = [Session(source, server, port) for server in servers for source in sources if source != server for port in PORTS]
        for server in servers:
            hosts[server].call("serve", ports=list(PORTS))

    def open(self, keep: bool) -> set[Session]:
        """Open every session and return those that could be opened; with ``keep`` they stay."""
        found: set[Session] = set()
        by_source: dict[str, list[Session]] = {}
        for session in self.all:
            by_source.setdefault(session.source, []).append(session)
        for source, sessions in by_source.items():
            targets = [(self._company.machines[item.destination].address(4), item.port) for item in sessions]
            self._hosts[source].start("open_sessions", targets=targets, keep=keep)
        for source, sessions in by_source.items():
            found.update(item for item, opened in zip(sessions, self._hosts[source].result(), strict=True) if opened)
        return found

    def end(self) -> None:
        everywhere([self._hosts[name] for name in sorted({*(item.source for item in self.all), *(item.destination for item in self.all)})], "end_sessions")

    def announced(self, text: str) -> set[Session]:
        """Return the sessions to these servers that a run of preflight says would be cut."""
        mine = set(self.all)
        return {session for match in ANNOUNCED.finditer(text) if (session := Session(match[1], match[2], int(match[3]))) in mine}


def wrong_ends(text: str) -> set[tuple[str, int]]:
    """Return the hosts and ports that a run of verify complains of."""
    return {(match[2], int(match[3])) for match in WRONG.finditer(text)}


def tried(text: str) -> int:
    """Return how many probes a run of verify tried, of which it complains of none; it tells that only then."""
    found = TRIED.search(text)
    return int(found[1]) if found else 0
