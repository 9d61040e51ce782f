# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The packet proof: every ordered pair of hosts, every port, both protocols, both families, against an oracle."""

import time
import typing as t
from dataclasses import dataclass, field

from company import Company
from namespace_host import NamespaceHost, everywhere

PROTOCOLS = ("tcp", "udp")
TRIES = 3  # a probe that disagrees is repeated: packets get lost, verdicts do not change


class Probe(t.NamedTuple):
    """One question to the lab: does a first packet get from one host's process to another's?"""

    source: str
    destination: str
    protocol: str
    port: int
    family: int

    def __str__(self) -> str:
        return f"{self.source} -> {self.destination} {self.protocol}/{self.port} over IPv{self.family}"


class Oracle(t.Protocol):
    """What the proof compares with; tests/lab/oracle has the real one."""

    def allows(self, source: str, destination: str, protocol: str, port: int, family: int = 4) -> bool: ...


@dataclass
class Findings:
    """What one pass saw. ``opened``/``closed``: probes that passed though refused, and were stopped though allowed."""

    probes: int = 0
    allowed: int = 0
    opened: list[Probe] = field(default_factory=list)
    closed: list[Probe] = field(default_factory=list)
    unanswered: list[Probe] = field(default_factory=list)  # recorded at the receiver, but the sender got no answer
    unrecorded: list[Probe] = field(default_factory=list)  # answered, but not recorded
    cross_checked: int = 0
    seconds: float = 0.0
    repeated: int = 0

    def disagreements(self) -> list[str]:
        kinds = (
            ("wrongly open", self.opened),
            ("wrongly closed", self.closed),
            ("let in, but its answer did not come back", self.unanswered),
            ("answered, but not seen to pass", self.unrecorded),
        )
        return [f"{kind}: {probe}" for kind, probes in kinds for probe in sorted(probes)]


def all_probes(company: Company, ports: t.Sequence[int], destinations: t.Optional[t.Container[str]] = None) -> list[Probe]:
    """Return every probe, neighbours in the list going to different hosts so that nobody is flooded."""
    pairs = [
        (source.name, destination.name, family)
        for family in (4, 6)
        for source, destination in company.pairs(family)
        if destinations is None or destination.name in destinations
    ]
    return [Probe(source, destination, protocol, port, family) for port in ports for protocol in PROTOCOLS for source, destination, family in pairs]


class Prover:
    """Fires probes and reads the records. ``rejecting`` hosts answer refused probes too, so their answers prove nothing."""

    def __init__(self, company: Company, hosts: t.Mapping[str, NamespaceHost], rejecting: t.Container[str] = ()) -> None:
        self.company = company
        self.hosts = hosts
        self.rejecting = rejecting
        self._address = {(name, family): machine.address(family) for name, machine in company.machines.items() for family in (4, 6)}
        self._end = {address: (name, family) for (name, family), address in self._address.items() if address}

    def prepare(self) -> None:
        everywhere([self.hosts[name] for name in self.company.machines], "measure")

    def fire(self, probes: t.Sequence[Probe]) -> tuple[set[Probe], set[Probe]]:
        """Return the probes that receivers recorded, and the TCP probes whose senders got an answer."""
        receivers = [self.hosts[name] for name in sorted({probe.destination for probe in probes})]
        everywhere(receivers, "forget")
        targets: dict[str, list[tuple[int, t.Optional[str], str, int]]] = {}
        for probe in probes:
            targets.setdefault(probe.source, []).append((probe.family, self._address[probe.destination, probe.family], probe.protocol, probe.port))
        for source, ends in targets.items():
            self.hosts[source].start("probe", targets=ends)
        answered = set()
        for source in targets:
            for address, port in self.hosts[source].result():
                destination, family = self._end[address]
                answered.add(Probe(source, destination, "tcp", port, family))
        passed = set()
        for destination, records in everywhere(receivers, "seen").items():
            for address, protocol, port in records:
                source, family = self._end.get(address, (f"unknown address {address}", 0))
                passed.add(Probe(source, destination, protocol, port, family))
        return passed, answered

    def compare(self, probes: t.Sequence[Probe], expected: t.Container[Probe]) -> Findings:
        """Fire all probes and compare with ``expected`` (the allowed ones); disagreements are fired again before they count."""
        began = time.monotonic()
        passed, answered = self.fire(probes)
        asked = set(probes)
        found = Findings(probes=len(probes), allowed=sum(probe in expected for probe in probes))
        doubtful = self._doubtful(asked, passed, answered, expected)
        for _try in range(TRIES - 1):
            if not doubtful:
                break
            found.repeated += len(doubtful)
            again, answered_again = self.fire(sorted(doubtful))
            passed |= again
            answered |= answered_again
            doubtful = self._doubtful(doubtful, passed, answered, expected)
        for probe in doubtful:
            if (probe in passed) != (probe in expected):
                (found.opened if probe in passed else found.closed).append(probe)
            elif probe.protocol == "tcp" and (probe in answered) != (probe in passed):
                (found.unanswered if probe in passed else found.unrecorded).append(probe)
        found.opened += sorted(passed - asked)  # what nobody sent
        found.cross_checked = sum(probe.protocol == "tcp" and probe.destination not in self.rejecting for probe in probes)
        found.seconds = time.monotonic() - began
        return found

    def _doubtful(self, probes: t.Iterable[Probe], passed: t.Container[Probe], answered: t.Container[Probe], expected: t.Container[Probe]) -> set[Probe]:
        """Return the probes that disagree with the oracle, or whose sender and receiver disagree."""
        found = set()
        for probe in probes:
            went = probe in passed
            if went != (probe in expected) or (probe.protocol == "tcp" and went != (probe in answered) and (went or probe.destination not in self.rejecting)):
                found.add(probe)
        return found
