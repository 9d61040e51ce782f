# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What was seen at a host: sockets, conversations, probes, lines of a log. Plain values, with days and not seconds, so that two looks differ little."""

from __future__ import annotations

import datetime
import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval, parse_one
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import PROTOCOLS
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT

LISTENER, SESSION, FLOW, LOG, COUNTER, PROBE, IMPORT = SEEN = ("listener", "session", "flow", "log", "counter", "probe", "import")
PASSED, DROPPED, REFUSED, UNKNOWN = OUTCOMES = ("passed", "dropped", "refused", "unknown")
# Evidence without a gap from one look to the next: of every rule, or of those over TCP and UDP.
COUNTERS, CONVERSATIONS = WATCHED = ("counters", "conversations")
DIRECTIONS = ("in", "out")
ANY = PROTOCOLS[3]  # a counter has no protocol of its own
Plain = t.Mapping[str, t.Any]


class Observation(t.NamedTuple):
    """One thing that was seen.

    ``direction``  ``in``: ``peer`` reaches ``port`` of ``host``; ``out``: ``host`` reaches ``port`` of ``peer``
    ``peer``       an address; a name where whoever looked knew no address; empty for listeners
    ``port``       the port that is reached; ``None`` where the protocol has none
    ``times``      how often it was seen
    ``first``, ``last``  days, ``YYYY-MM-DD``
    ``rule``       of a counter, which has no peer and no port: the name of the rule at ``host`` that counted
    """

    host: str
    direction: str
    peer: str
    protocol: str
    port: t.Optional[int]
    seen: str
    outcome: str
    process: str
    times: int
    first: str
    last: str
    rule: str = ""


FIELDS = Observation._fields
DEFAULTS: t.Mapping[str, t.Any] = {"peer": "", "port": None, "seen": IMPORT, "outcome": UNKNOWN, "process": "", "times": 1, "rule": ""}
WORDS: t.Mapping[str, t.Sequence[str]] = {"direction": DIRECTIONS, "protocol": PROTOCOLS, "seen": SEEN, "outcome": OUTCOMES}
Identity = t.Tuple[t.Any, ...]


def identity(observation: Observation) -> Identity:
    """Return what two observations of one thing have in common."""
    return (*observation[:8], observation.rule)


def aggregate(observations: t.Iterable[Observation]) -> list[Observation]:
    """Return one observation of each thing, sorted: the counts summed, the days from the first to the last."""
    found: dict[Identity, tuple[int, str, str]] = {}
    for item in observations:
        key = identity(item)
        before = found.get(key)
        if before is None:
            found[key] = item[8:11]
        else:
            found[key] = (before[0] + item.times, min(before[1], item.first), max(before[2], item.last))
    ordered = sorted(found, key=lambda key: (key[:4], -1 if key[4] is None else key[4], key[5:]))
    return [Observation._make((*key[:8], *found[key], key[8])) for key in ordered]


def parse(entry: t.Any, path: str, problems: Problems, host: str = "", day: str = "") -> t.Optional[Observation]:
    """Return an observation from plain data; ``host`` and ``day`` count where it names none. What is wrong becomes problems."""
    if not isinstance(entry, dict):
        problems.add(path, entry, f"expected a mapping with {', '.join(FIELDS)}")
        return None
    given = {**DEFAULTS, "host": host, "first": entry.get("last", day), "last": entry.get("first", day), **entry}
    wrong = [name for name in FIELDS if name not in given or not _HOLDS[name](given[name])]
    if wrong or len(given) != len(FIELDS) or not _fits(given):
        _complain(given, wrong, path, problems)
        return None
    return Observation._make(given[name] for name in FIELDS)


def _complain(given: t.Mapping[str, t.Any], wrong: t.Sequence[str], path: str, problems: Problems) -> None:
    for name in sorted(set(given) - set(FIELDS)):
        problems.add(f"{path}.{name}", given[name], "expected a field of an observation: " + ", ".join(FIELDS), FIELDS)
    for name in wrong:
        problems.add(f"{path}.{name}", given.get(name, MISSING), _EXPECTED[name], WORDS.get(name, ()))
    if not wrong and not _fits(given):
        what = "expected a port for tcp and udp, and a peer unless it is a listener; of a counter, a rule in place of both"
        problems.add(path, {name: given[name] for name in ("protocol", "port", "peer", "rule")}, what)


@functools.lru_cache(maxsize=2**10)
def is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _fits(given: t.Mapping[str, t.Any]) -> bool:
    """Tell whether a port and a peer, or a rule, are there where there must be."""
    if given["seen"] == COUNTER or given["rule"] or given["protocol"] == ANY:
        return given["seen"] == COUNTER and bool(given["rule"]) and given["protocol"] == ANY and not given["peer"] and given["port"] is None
    return (given["port"] is not None) == (given["protocol"] in ("tcp", "udp")) and (bool(given["peer"]) or given["seen"] == LISTENER)


def _is_word(words: t.AbstractSet[str], value: t.Any) -> bool:
    return isinstance(value, str) and value in words


def _is_number(value: t.Any, first: int, last: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and first <= value <= last


_HOLDS: t.Mapping[str, t.Callable[[t.Any], bool]] = {
    **{name: functools.partial(_is_word, frozenset(words)) for name, words in WORDS.items()},
    **dict.fromkeys(("peer", "process", "rule"), lambda value: isinstance(value, str)),
    **dict.fromkeys(("first", "last"), lambda value: isinstance(value, str) and is_day(value)),
    "host": lambda value: isinstance(value, str) and bool(value),
    "port": lambda value: value is None or _is_number(value, 0, LAST_PORT),
    "times": lambda value: _is_number(value, 1, 2**63),
}
_EXPECTED: t.Mapping[str, str] = {
    **{name: f"expected one of {', '.join(words)}" for name, words in WORDS.items()},
    "peer": "expected the address of the other end, like 10.1.1.20",
    "process": "expected the name of a process",
    "rule": "expected the name of a rule",
    **dict.fromkeys(("first", "last"), "expected a day, like 2026-11-29"),
    "host": "expected the inventory name of a host",
    "port": f"expected a port from 0 to {LAST_PORT}",
    "times": "expected how often it was seen, 1 or more",
}


def address_of(text: str) -> t.Optional[Interval]:
    """Return the one address that a peer is; ``None`` for a name or a network."""
    try:
        found = parse_one(text)
    except ValueError:
        return None
    return found if found[1] == found[2] else None
