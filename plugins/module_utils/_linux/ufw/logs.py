# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The line by which ufw logs what meets its default: ufw writes it into its rule files, and what it says follows from the default.

A default that changes takes its line along; otherwise packets that pass would be logged as blocked until ufw writes the file again.
"""

from __future__ import annotations

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import tuples

START, END = "### LOGGING ###", "### END LOGGING ###"
LEVELS = {"low": 100, "medium": 200, "high": 300, "full": 400}
LIMIT = " -m limit --limit 3/min --limit-burst 10"


def line_of(version, direction, policy, level):
    """Return the line that ufw 0.36 writes for a default, or ``None``."""
    if level not in LEVELS or (policy == "ACCEPT" and level == "low"):
        return None
    prefix = "ALLOW" if policy == "ACCEPT" else "BLOCK"
    chain = "{0}-after-logging-{1}".format(tuples.PREFIX[version], tuples.CHAINS[direction])
    return '-A {0} -j LOG --log-prefix "[UFW {1}] "{2}\n'.format(chain, prefix, "" if LEVELS[level] >= LEVELS["high"] else LIMIT)


def _section(lines):
    stripped = [line.strip() for line in lines]
    return (stripped.index(START) + 1, stripped.index(END)) if START in stripped and END in stripped[stripped.index(START) :] else None


def _places(lines, version, direction):
    """Return the numbers of the lines that log a default, within the section of logging; ``None`` where there is no such section."""
    section = _section(lines)
    chain = "-A {0}-after-logging-{1} ".format(tuples.PREFIX[version], tuples.CHAINS[direction])
    return None if section is None else [number for number in range(*section) if lines[number].startswith(chain)]


def follows(text, version, direction, policy, level):
    """Tell whether a file logs a default as ufw would."""
    lines = xtables.lines_of(text)
    places = _places(lines, version, direction)
    wanted = line_of(version, direction, policy, level)
    return places is not None and [lines[number] for number in places] == ([wanted] if wanted else [])


def with_line(text, version, direction, policy, level):
    """Return the text of a file with the line for another default."""
    lines = xtables.lines_of(text)
    places = _places(lines, version, direction)
    if places is None:
        return text
    wanted = line_of(version, direction, policy, level)
    # ufw writes the line for inbound first, then that for outbound.
    inbound = _places(lines, version, "in") if direction == "out" else []
    at = places[0] if places else inbound[-1] + 1 if inbound else _section(lines)[0]
    kept = [line for number, line in enumerate(lines) if number not in places]
    return "".join(kept[:at] + ([wanted] if wanted else []) + kept[at:])
