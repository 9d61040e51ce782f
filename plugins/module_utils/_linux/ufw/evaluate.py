# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Would ufw let a management connection in: the rules of its files in their order, ours and the administrator's, then the default."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _guard, _intervals
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
        left = _intervals.collapse(peers)
        for step in self._steps:
            if not left:
                return None
            if local is not None and not _intervals.overlaps(step.destinations, local):
                continue
            if not any(first <= port[1] and port[0] <= last for first, last in step.ports) or not _intervals.overlaps(step.sources, left):
                continue
            if step.allows:
                whole = any(first <= port[0] and port[1] <= last for first, last in step.ports)
                everywhere = _intervals.covers(step.destinations, local if local is not None else tuple(i for i in _intervals.ANY if i[0] == left[0][0]))
                # A session that is there came in by some interface; an address that may come one day is another matter.
                if whole and everywhere and not (step.bound and local is None):
                    left = _without(left, step.sources)
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
        addresses = [(_intervals.parse_address(text),) for text in (rule.source, rule.destination)]
        ports = port_intervals(rule.ports)
    except ValueError:
        return None
    allows = rule.action.partition("_")[0] in ("allow", "limit")
    if not any(first <= _guard.EPHEMERAL[0] and _guard.EPHEMERAL[1] <= last for first, last in sources):
        # From some ports only: too little to admit, and enough to be blocked by luck alone.
        return None
    return Step(allows, ports, addresses[0], addresses[1], bool(parsed.interfaces), entry.name or " ".join(rule))


def _without(left, taken):
    """Return the collapsed intervals of ``left`` that ``taken`` does not hold."""
    found = []
    for version, first, last in left:
        for other, low, high in taken:
            if other != version or high < first or last < low:
                continue
            if first < low:
                found.append((version, first, low - 1))
            first = high + 1
            if first > last:
                break
        if first <= last:
            found.append((version, first, last))
    return _intervals.collapse(found)
