# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What was seen at a host: sockets, conversations, probes, lines of a log. Plain values, with days and not seconds, so that two looks differ little."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._addresses import parse_one
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import PROTOCOLS
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT

LISTENER, SESSION, FLOW, LOG, COUNTER, PROBE, IMPORT = SEEN = ("listener", "session", "flow", "log", "counter", "probe", "import")
PASSED, DROPPED, REFUSED, UNKNOWN = OUTCOMES = ("passed", "dropped", "refused", "unknown")
DIRECTIONS = ("in", "out")
Plain = t.Mapping[str, t.Any]


class Observation(t.NamedTuple):
    """One thing that was seen.

    ``direction``  ``in``: ``peer`` reaches ``port`` of ``host``; ``out``: ``host`` reaches ``port`` of ``peer``
    ``peer``       an address; a name where whoever looked knew no address; empty for listeners
    ``port``       the port that is reached; ``None`` where the protocol has none
    ``count``      how often it was seen
    ``first``, ``last``  days, ``YYYY-MM-DD``
    """

    host: str
    direction: str
    peer: str
    protocol: str
    port: t.Optional[int]
    seen: str
    outcome: str
    process: str
    count: int
    first: str
    last: str


FIELDS = Observation._fields
DEFAULTS: t.Mapping[str, t.Any] = {"peer": "", "port": None, "seen": IMPORT, "outcome": UNKNOWN, "process": "", "count": 1}
WORDS: t.Mapping[str, t.Sequence[str]] = {"direction": DIRECTIONS, "protocol": PROTOCOLS[:3], "seen": SEEN, "outcome": OUTCOMES}
Identity = t.Tuple[t.Any, ...]


def identity(observation: Observation) -> Identity:
    """Return what two observations of one thing have in common."""
    return observation[:8]


def aggregate(observations: t.Iterable[Observation]) -> list[Observation]:
    """Return one observation of each thing, sorted: the counts summed, the days from the first to the last."""
    found: dict[Identity, tuple[int, str, str]] = {}
    for item in observations:
        key = item[:8]
        before = found.get(key)
        if before is None:
            found[key] = item[8:]
        else:
            found[key] = (before[0] + item.count, min(before[1], item.first), max(before[2], item.last))
    ordered = sorted(found, key=lambda key: (key[:4], -1 if key[4] is None else key[4], key[5:]))
    return [Observation(*key, *found[key]) for key in ordered]


def parse(entry: t.Any, path: str, problems: Problems, host: str = "", day: str = "") -> t.Optional[Observation]:
    """Return an observation from plain data; ``host`` and ``day`` count where it names none. What is wrong becomes problems."""
    if not isinstance(entry, dict):
        problems.add(path, entry, f"expected a mapping with {', '.join(FIELDS)}")
        return None
    before = len(problems)
    given = {**DEFAULTS, "host": host, "first": entry.get("last", day), "last": entry.get("first", day), **entry}
    for name in sorted(set(given) - set(FIELDS)):
        problems.add(f"{path}.{name}", given[name], "expected a field of an observation: " + ", ".join(FIELDS), FIELDS)
    for name in FIELDS:
        if name in WORDS and given.get(name) not in WORDS[name]:
            problems.add(f"{path}.{name}", given.get(name, MISSING), f"expected one of {', '.join(WORDS[name])}", WORDS[name])
    for name in ("host", "first", "last"):
        if not given[name] or not isinstance(given[name], str) or (name != "host" and not _is_day(given[name])):
            problems.add(f"{path}.{name}", given[name], "expected the inventory name of a host" if name == "host" else "expected a day, like 2026-11-29")
    if not _fits(given.get("protocol"), given["port"]):
        problems.add(f"{path}.port", given["port"], f"expected a port from 0 to {LAST_PORT} for tcp and udp, and none for icmp_echo")
    if not isinstance(given["count"], int) or given["count"] < 1:
        problems.add(f"{path}.count", given["count"], "expected how often it was seen, 1 or more")
    if not isinstance(given["peer"], str) or not given["peer"] and given["seen"] != LISTENER:
        problems.add(f"{path}.peer", given["peer"], "expected the address of the other end, like 10.1.1.20")
    return Observation(*(given[name] for name in FIELDS)) if len(problems) == before else None


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _fits(protocol: t.Any, port: t.Any) -> bool:
    if protocol not in ("tcp", "udp"):
        return port is None
    return isinstance(port, int) and not isinstance(port, bool) and 0 <= port <= LAST_PORT


def is_address(text: str) -> bool:
    """Tell whether a peer is one address, and no name or network."""
    try:
        _version, first, last = parse_one(text)
    except ValueError:
        return False
    return first == last
