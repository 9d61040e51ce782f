# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Would ufw let a management connection in: the rules of its files in their order, ours and the administrator's, then the default."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import EPHEMERAL, FirstMatch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import port_intervals
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import Entry, RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._match import PROTOCOLS, Match, Rule


class Evaluator(FirstMatch):
    """Evaluates new connections by the rules of ``files``; ``closed`` tells that ufw's own default stops what none of them names."""

    def __init__(self, files: t.Iterable[RuleFile], closed: bool) -> None:
        super().__init__([rule for file in files for rule in map(_rule, file.entries) if rule], closed)


def _rule(entry: Entry) -> t.Optional[Rule]:
    """Return a rule for new TCP connections. One that is bound to an interface is not certain: a session that is there came in by some interface."""
    parsed = entry.parsed
    if parsed is None or parsed.forward or parsed.rule.direction != "in" or parsed.rule.protocol not in PROTOCOLS:
        return None
    rule = parsed.rule
    try:
        sources = port_intervals(rule.source_ports)
        source, destination = (_addresses.parse([text]) for text in (rule.source, rule.destination))
        ports = port_intervals(rule.ports)
    except ValueError:
        return None
    if not _ports.covers(sources, [EPHEMERAL]):
        # From some ports only: too little to admit, and enough to be blocked by luck alone.
        return None
    allows = rule.action.partition("_")[0] in ("allow", "limit")
    match = Match(PROTOCOLS[rule.protocol], ports, source, not parsed.interfaces, destination)
    return Rule("", entry.name or " ".join(rule), match, allows, entry.name is not None)
