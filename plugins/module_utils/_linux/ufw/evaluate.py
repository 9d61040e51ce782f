# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Would ufw let a management connection in: the rules of its files in their order, ours and the administrator's, then the default."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import port_intervals

Step = collections.namedtuple("Step", "allows ports sources destinations bound text")
Step.__doc__ = """One rule for new TCP connections: ``bound`` tells that it holds on one interface only, ``text`` is how people know it."""


class Judge:
    """Judges like ``_guard`` asks: ``refuses`` returns why not every one of the peers may connect, or ``None``."""

    def __init__(self, files, closed):
        self._closed = closed
        self._steps = [step for file in files for step in map(_step, file.entries) if step]

    def refuses(self, peers, port, local):
        """Tell why not every one of ``peers`` may connect to the interval ``port``, or ``None``; ``local`` is ``None`` when it is not known."""
        left = _addresses.union(peers)
        for step in self._steps:
            if not left:
                return None
            if local is not None and not _addresses.overlaps(step.destinations, local):
                continue
            if not _ports.overlaps(step.ports, [port]) or not _addresses.overlaps(step.sources, left):
                continue
            if step.allows:
                whole = _ports.covers(step.ports, [port])
                everywhere = _addresses.covers(step.destinations, local if local is not None else tuple(i for i in _addresses.ANY if i[0] == left[0][0]))
                # A session that is there came in by some interface; an address that may come one day is another matter.
                if whole and everywhere and not (step.bound and local is None):
                    left = _addresses.minus(left, step.sources)
            elif not step.bound:
                return "the rule {0!r} blocks it".format(step.text)
        return "no rule admits it" if left and self._closed else None


def _step(entry):
    parsed = entry.parsed
    if parsed is None or parsed.forward or parsed.rule.direction != "in" or parsed.rule.protocol not in ("tcp", "any"):
        return None
    rule = parsed.rule
    try:
        sources = port_intervals(rule.source_ports)
        addresses = [(_addresses.parse_one(text),) for text in (rule.source, rule.destination)]
        ports = port_intervals(rule.ports)
    except ValueError:
        return None
    allows = rule.action.partition("_")[0] in ("allow", "limit")
    if not _ports.covers(sources, [_guard.EPHEMERAL]):
        # From some ports only: too little to admit, and enough to be blocked by luck alone.
        return None
    return Step(allows, ports, addresses[0], addresses[1], bool(parsed.interfaces), entry.name or " ".join(rule))
