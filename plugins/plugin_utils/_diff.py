# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The diff of one host as people see it: what differs, and nothing of what stays."""

from __future__ import annotations

import re
import typing as t

ENDS = ("before", "after")
LONG = 160  # a longer line is a list of addresses mostly, and shows what came and went in place of all
_ITEM = re.compile(r",\s*")


def shortened(diff: t.Mapping[str, str]) -> dict[str, str]:
    """Return ``before`` and ``after`` without the lines that both have; in long lines of one beginning, what both have is counted only."""
    lines = {end: diff[end].splitlines() for end in ENDS}
    both = {*lines["before"]} & {*lines["after"]}
    differing = {end: {line.partition(": ")[0]: line for line in lines[end] if line not in both} for end in ENDS}
    return {
        end: "".join(f"{_short(line, differing[other].get(line.partition(': ')[0], ''))}\n" for line in lines[end] if line not in both)
        for end, other in (ENDS, ENDS[::-1])
    }


def _short(line: str, other: str) -> str:
    if len(line) < LONG or len(other) < LONG:
        return line
    head, mark, rest = line.partition(": ")
    others = {*_ITEM.split(other.partition(": ")[2])}
    items = _ITEM.split(rest)
    own = [item for item in items if item not in others]
    return f"{head}{mark}{', '.join(own)}{' and ' if own else ''}{len(items) - len(own)} that stay"
