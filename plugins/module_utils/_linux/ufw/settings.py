# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What ``/etc/default/ufw`` and ``/etc/ufw/ufw.conf`` say, and how a default is changed and put back.

What was there before is kept in a record of ours, line by line, so that ``keep`` and ``absent`` put back the very bytes. A line that
somebody changed after us is theirs, and stays.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import assignments, is_yes
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import tuples

Policies = t.Mapping[str, t.Optional[str]]  # by direction
Record = t.Dict[str, t.Dict[str, t.Any]]

POLICY_KEYS = {"in": "DEFAULT_INPUT_POLICY", "out": "DEFAULT_OUTPUT_POLICY"}
POLICIES = {"block": "DROP", "reject": "REJECT", "allow": "ACCEPT"}
DEFAULTS = {"DROP": "block", "REJECT": "reject", "ACCEPT": "allow"}


class Settings(t.NamedTuple):
    """``policies`` is ``DROP``, ``REJECT`` or ``ACCEPT`` by direction (``None``: none that ufw knows), ``level`` is ufw's level of logging."""

    enabled: bool
    ipv6: bool
    policies: Policies
    level: str


class Planned(t.NamedTuple):
    """``logged`` are the directions whose default changes, and whose line in the log is to follow it."""

    text: str
    record: Record
    warnings: t.List[str]
    logged: t.Tuple[str, ...]


def asked(defaults: t.Mapping[str, str], audit: bool) -> Policies:
    """Return the policies that the defaults of a run (by direction) ask for, ``None`` for what is kept; in audit mode none becomes tighter."""
    return {direction: POLICIES.get(default) if not audit or default == "allow" else None for direction, default in defaults.items()}


def read(defaults: t.Optional[str], conf: t.Optional[str]) -> Settings:
    """Return ``Settings`` from the texts of both files; the shell reads them, so the last assignment holds."""
    values = dict(_values(defaults), **_values(conf))
    policies = {direction: values.get(key, "") for direction, key in POLICY_KEYS.items()}
    return Settings(
        is_yes(values.get("ENABLED")),
        is_yes(values.get("IPV6")),
        {direction: policy if policy in DEFAULTS else None for direction, policy in policies.items()},
        values.get("LOGLEVEL", "").lower(),
    )


def shown(text: t.Optional[str], key: str) -> str:
    """Return what a file says of a setting, for people."""
    values = _values(text)
    return "{0} is {1!r}".format(key, values[key]) if key in values else "{0} is missing".format(key)


def _values(text: t.Optional[str]) -> t.Dict[str, str]:
    return {key: value for _number, key, value in _assignments(text)}


def _assignments(text: t.Optional[str]) -> t.Iterator[t.Tuple[int, str, str]]:
    return assignments(xtables.lines_of(text))


def plan(text: str, record: Record, wanted: Policies, logged: t.Sequence[str] = ()) -> Planned:
    """Return ``Planned``: the text of ``/etc/default/ufw``, which has both, with the policies ``wanted`` by direction (``None``: as before us).

    ``record`` is ``{key: {"before": line, "ours": line, "logged": whether the log followed}}`` of what was changed on earlier runs; ``logged``
    are the directions whose line in the log is now what ufw makes of the default.
    """
    lines, kept, warnings, follow = xtables.lines_of(text), dict(record), [], []
    for direction, key in sorted(POLICY_KEYS.items()):
        current = {name: number for number, name, _value in _assignments("".join(lines))}[key]
        line = lines[current]
        ours = kept.get(key)
        policy = wanted[direction]
        if policy is None:
            if ours and line == ours["ours"]:
                lines[current] = ours["before"]
                follow += [direction] if ours["logged"] else []
            elif ours:
                warnings.append("{0} was changed by somebody else after us, and stays as it is".format(key))
            kept.pop(key, None)
        elif _values(line).get(key) != policy:
            before, follows = (ours["before"], ours["logged"]) if ours else (line, direction in logged)
            follow += [direction] if follows else []
            if _values(before).get(key) == policy:
                lines[current] = before
                kept.pop(key, None)
            else:
                lines[current] = '{0}="{1}"\n'.format(key, policy)
                kept[key] = {"before": before, "ours": lines[current], "logged": follows}
    return Planned("".join(lines), kept, warnings, tuple(follow))


def load_record(text: t.Optional[str]) -> Record:
    """Return the record of an earlier run; ValueError when the file is none of ours."""
    if not text:
        return {}
    record = json.loads(text)
    if not isinstance(record, dict) or any(
        key not in POLICY_KEYS.values() or not isinstance(value, dict) or set(value) != {"before", "ours", "logged"} for key, value in record.items()
    ):
        raise ValueError("not a record of changed defaults")
    return record


def record_text(record: Record) -> t.Optional[str]:
    """Return the text of the record's file, or ``None`` when there is nothing to remember."""
    return json.dumps(record, indent=1, sort_keys=True) + "\n" if record else None


# The line by which ufw logs what meets its default: ufw writes it into its rule files, and what it says follows from the default. A default that
# changes takes its line along; otherwise packets that pass would be logged as blocked until ufw writes the file again.
START, END = "### LOGGING ###", "### END LOGGING ###"
LEVELS = {"low": 100, "medium": 200, "high": 300, "full": 400}
LIMIT = " -m limit --limit 3/min --limit-burst 10"


def line_of(version: int, direction: str, policy: t.Optional[str], level: str) -> t.Optional[str]:
    """Return the line that ufw 0.36 writes for a default, or ``None``."""
    if level not in LEVELS or (policy == "ACCEPT" and level == "low"):
        return None
    prefix = "ALLOW" if policy == "ACCEPT" else "BLOCK"
    chain = "{0}-after-logging-{1}".format(tuples.PREFIX[version], tuples.CHAINS[direction])
    return '-A {0} -j LOG --log-prefix "[UFW {1}] "{2}\n'.format(chain, prefix, "" if LEVELS[level] >= LEVELS["high"] else LIMIT)


def _section(lines: t.Sequence[str]) -> t.Optional[t.Tuple[int, int]]:
    stripped = [line.strip() for line in lines]
    return (stripped.index(START) + 1, stripped.index(END)) if START in stripped and END in stripped[stripped.index(START) :] else None


def _places(lines: t.Sequence[str], version: int, direction: str) -> t.Optional[t.List[int]]:
    """Return the numbers of the lines that log a default, within the section of logging; ``None`` where there is no such section."""
    section = _section(lines)
    chain = "-A {0}-after-logging-{1} ".format(tuples.PREFIX[version], tuples.CHAINS[direction])
    return None if section is None else [number for number in range(*section) if lines[number].startswith(chain)]


def follows(text: t.Optional[str], version: int, direction: str, policy: t.Optional[str], level: str) -> bool:
    """Tell whether a file logs a default as ufw would."""
    lines = xtables.lines_of(text)
    places = _places(lines, version, direction)
    wanted = line_of(version, direction, policy, level)
    return places is not None and [lines[number] for number in places] == ([wanted] if wanted else [])


def with_line(text: t.Optional[str], version: int, direction: str, policy: t.Optional[str], level: str) -> str:
    """Return the text of a file with the line for another default."""
    lines = xtables.lines_of(text)
    places = _places(lines, version, direction)
    if places is None:
        return text or ""
    wanted = line_of(version, direction, policy, level)
    # ufw writes the line for inbound first, then that for outbound.
    inbound = _places(lines, version, "in") if direction == "out" else []
    section = _section(lines)
    at = places[0] if places else inbound[-1] + 1 if inbound else section[0] if section else 0
    kept = [line for number, line in enumerate(lines) if number not in places]
    return "".join(kept[:at] + ([wanted] if wanted else []) + kept[at:])
