# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""How many packets our rules in ufw have met: iptables counts each line by itself, and the file of ufw says of which rule a line is."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.counters import Counters, Key
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.host import USER, read_file
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import Programs
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import CHAINS

LINE = re.compile(r"\[(\d+):\d+\] (-A .*)")
OUTCOMES = {"ACCEPT": "passed", "DROP": "dropped"}
DIRECTIONS = {chain: direction for direction, chain in CHAINS.items()}


def of_ufw(programs: Programs, owner: str, root: str = "/") -> Counters:
    """Return what iptables has counted for the rules of an owner; ``UfwError`` where that cannot be read."""
    packets: t.Dict[Key, int] = {}
    for version, place in USER.items():
        text = read_file(os.path.join(root, place))
        waiting = _lines(RuleFile(text, owner, version).own()) if text is not None else {}
        for match in filter(None, map(LINE.match, programs.save(version, counted=True).splitlines() if waiting else [])):
            keys = waiting.get(xtables.canonical(match.group(2)))
            if keys:  # equal lines of several rules come in the order of the file
                key = keys.pop(0)
                packets[key] = packets.get(key, 0) + int(match.group(1))
    return Counters("", packets)


def _lines(own: t.Mapping[str, t.Any]) -> t.Dict[t.Optional[xtables.Line], t.List[Key]]:
    """Return canonical line -> the rules that have it, of lines that decide."""
    found: t.Dict[t.Optional[xtables.Line], t.List[Key]] = {}
    for name, entries in own.items():
        for line in (line for entry in entries for line in entry.lines):
            canonical = xtables.canonical(line)
            outcome = OUTCOMES.get(dict(canonical.items).get("-j", "")) if canonical else None
            if canonical and outcome and not name.startswith("'"):
                found.setdefault(canonical, []).append((DIRECTIONS[canonical.chain.rpartition("-")[2]], name, outcome))
    return found
