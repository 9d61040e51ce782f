# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which connections to try after a plan was applied, and what their answers mean: those that must pass, and those that must not.

For each rule over TCP one host is chosen that it admits, and one that no rule admits to that port. Sources are hosts that the plan manages. Nobody
listens for it: where the default drops, a refusal says that the packet got there. Windows refuses nothing (its stealth mode): silence of a port
where nobody listens says nothing there.
"""

from __future__ import annotations

import types
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import DROPPED, PASSED, PROBE, Observation, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.verdict import ALLOWED, Index, Judge

OPEN, CLOSED, FILTERED, FAILED = ANSWERS = ("open", "refused", "filtered", "failed")
MUTE = "nobody answered, and nobody is known to listen there; Windows refuses nothing, so that says nothing"
NEVER = (1, 9)  # ports that no catalog names: what is open there is open everywhere
FEW, FEW_OF_A_RULE = 50, 3  # so many hosts are asked whether they may, of all and of those that a rule names: an estate may have thousands
NONE: t.Mapping[str, t.Any] = types.MappingProxyType({})
Wanted = t.Dict[str, t.List[t.Dict[str, t.Any]]]


class Probe(t.NamedTuple):
    """One connection over TCP to try; ``admitted``: the plan allows it."""

    source: str
    destination: str
    address: str
    port: int
    admitted: bool


def probes_of(index: Index, most: int, systems: t.Container[str] = ("linux", "windows")) -> tuple[list[Probe], int]:
    """Return the connections to try from hosts of some systems, at most so many to each host, and how many were left out."""
    judge = Judge(index)
    hosts = index.plan["hosts"]
    sources = sorted(name for name, host in hosts.items() if host["system"] in systems and host["addresses"])
    found: list[Probe] = []
    left_out = 0
    for destination in sorted(hosts):
        if not hosts[destination]["addresses"] or hosts[destination]["default_inbound"] == "reject" or not sources:
            continue  # where everything is refused, a refusal says nothing
        wanted = list(_wanted(index, judge, destination, sources))
        found += wanted[:most]
        left_out += len(wanted[most:])
    return found, left_out


def _wanted(index: Index, judge: Judge, destination: str, sources: t.Sequence[str]) -> t.Iterator[Probe]:
    """Yield the probes of one host: each port from somebody who may and from somebody who may not, then ports that nobody has."""
    rules = [rule for rule in index.plan["hosts"][destination]["rules"] if rule["direction"] == "in" and rule["protocol"] == "tcp"]
    ports = sorted({int(str(text).partition("-")[0]) for rule in rules for text in rule["local_ports"]})
    start = sum(map(ord, destination)) % len(sources)  # in turn, so that no one has to ask all
    able_to = set(sources)
    ordered = [*sources[start : start + FEW], *sources[: max(0, start + FEW - len(sources))]]
    for rule in rules:
        members = [name for name in index.plan["sets"][rule["remote"]]["members"] if name in able_to]
        ordered += [members[(start + number) % len(members)] for number in range(min(FEW_OF_A_RULE, len(members)))]
    ordered = [name for name in dict.fromkeys(ordered) if name != destination]
    for version in (4, 6):
        address = _address(index, destination, version)
        able = [name for name in ordered if _address(index, name, version)] if address else []
        for port in (*ports, *NEVER) if able else ():
            yield from _at_port(index, judge, [Probe(name, destination, address, port, False) for name in able], [rule for rule in rules if _has(rule, port)])


def _at_port(index: Index, judge: Judge, tried: t.Sequence[Probe], rules: t.Sequence[Plain]) -> t.Iterator[Probe]:
    """Yield one probe that each rule admits, and one that no rule does; where the plan is uncertain, none."""
    verdicts = {probe.source: judge.judge(_observation(probe.source, probe.address, probe.port, PASSED, "1970-01-01")) for probe in tried}
    admitted = [probe._replace(admitted=True) for probe in tried if verdicts[probe.source].verdict == ALLOWED]
    chosen: set[Probe] = set()
    for rule in rules:
        remote = index.set(rule["remote"])
        chosen.update([probe for probe in admitted if _address(index, probe.source, 6 if ":" in probe.address else 4) in remote][:1])
    yield from sorted(chosen)
    yield from [probe for probe in tried if verdicts[probe.source].unmet or verdicts[probe.source].cut][:1]


def _has(rule: Plain, port: int) -> bool:
    return any(str(text).partition("-")[0] == str(port) for text in rule["local_ports"])


def _address(index: Index, name: str, version: int) -> str:
    """Return the first address of a host in a family; ``""`` where it has none."""
    own = (index.entry(name) or {"addresses": ()})["addresses"]
    return next((str(text) for text in own if (":" in text) == (version == 6) and "/" not in text), "")


def _observation(source: str, address: str, port: int, outcome: str, day: str) -> Observation:
    return Observation(source, "out", address, "tcp", port, PROBE, outcome, "", 1, day, day)


def by_source(probes: t.Iterable[Probe]) -> Wanted:
    """Return source -> what it has to try, as plain data."""
    found: Wanted = {}
    for probe in probes:
        found.setdefault(probe.source, []).append({"address": probe.address, "port": probe.port})
    return found


def observed(
    index: Index,
    answers: t.Mapping[str, t.Sequence[Plain]],
    day: str,
    listening: t.Mapping[str, t.Sequence[int]] = NONE,
    unasked: t.Mapping[str, str] = NONE,
) -> tuple[list[Observation], list[str]]:
    """Return what answers to probes mean, and those that could not be tried, in words; ``answers`` is source -> address, port, answer.

    ``listening`` are the hosts that refuse nothing, with the ports where somebody listens; ``unasked`` those that did not give an answer, and why.
    """
    found: list[Observation] = []
    untested: list[str] = []
    problems = Problems()
    for source, entries in sorted(answers.items()):
        for entry in entries:
            if entry.get("answer") not in ANSWERS or index.entry(source) is None:
                problems.add(f"answers: {source}", entry.get("answer", MISSING), f"expected one of {', '.join(ANSWERS)}, of a host of the plan", ANSWERS)
            elif entry["answer"] == FAILED:
                untested.append(f"{source} -> {entry['address']} tcp/{entry['port']}: {entry.get('why', 'it could not be tried')}")
            elif entry["answer"] == FILTERED and (why := _says_nothing(index, entry, listening, unasked)):
                untested.append(f"{source} -> {entry['address']} tcp/{entry['port']}: {why}")
            else:
                outcome = DROPPED if entry["answer"] == FILTERED else PASSED
                found.append(_observation(source, entry["address"], entry["port"], outcome, day))
    problems.raise_as(MsportsError)
    return found, untested


def _says_nothing(index: Index, entry: Plain, listening: t.Mapping[str, t.Sequence[int]], unasked: t.Mapping[str, str]) -> str:
    """Return why the silence of a port says nothing; ``""`` where it does."""
    owners = sorted(index.owned.of(Addresses.parse([entry["address"]]).intervals)) if listening or unasked else ()
    away = [name for name in owners if name in unasked and name not in listening]
    if away:
        return f"{away[0]} itself could not be asked, so its silence says nothing ({unasked[away[0]]})"
    return MUTE if any(entry["port"] not in listening[name] for name in owners if name in listening) else ""


def unanswered(wanted: t.Mapping[str, t.Sequence[Plain]], answers: t.Mapping[str, t.Sequence[Plain]], unasked: t.Mapping[str, str]) -> list[str]:
    """Return in words the probes to which their sources gave no answer."""
    return [
        f"{source} -> {probe['address']} tcp/{probe['port']}: {source} could not try it ({unasked.get(source, 'it was not asked')})"
        for source, probes in sorted(wanted.items())
        for known in [{(entry.get("address"), entry.get("port")) for entry in answers.get(source, ())}]
        for probe in probes
        if (probe["address"], probe["port"]) not in known
    ]
