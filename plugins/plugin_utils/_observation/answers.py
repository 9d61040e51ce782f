# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the tasks of ``verify`` gave at each host, as Ansible registers it: answers to probes, who listens, and who could not be asked."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import Plain

Results = t.Mapping[str, t.Sequence[Plain]]
LISTEN = 2  # the state of a socket, as Windows numbers them
LOOPBACK = ("127.0.0.1", "::1")
ANSWERED, SOCKETS = "answers", ("sockets", "logs")
KNOWN = {ANSWERED, *SOCKETS, "skipped", "failed", "unreachable"}
SHAPE = "expected results of linux_probe, win_probe or win_observe, as a task registers them"


class Told(t.NamedTuple):
    """``answers`` by source, ``listening`` ports over TCP of the hosts whose sockets were asked for, ``unasked``: why a host did not give something."""

    answers: dict[str, list[Plain]]
    listening: dict[str, list[int]]
    unasked: dict[str, str]


def told(results: Results) -> Told:
    """Sort the results of all hosts. Tasks that were skipped, or that never ran (an empty result), say nothing.

    Raises :class:`MsportsError` where something is no result.
    """
    found = Told({}, {}, {})
    problems = Problems()
    for name, given in results.items():
        for result in given if isinstance(given, (list, tuple)) else (given,):
            if not isinstance(result, dict) or result and not KNOWN & set(result):
                problems.add(f"results: {name}", result, SHAPE)
                continue
            if result.get("unreachable") or result.get("failed"):
                found.unasked[name] = str(result.get("msg", "it gave no answer"))
            if ANSWERED in result:
                found.answers.setdefault(name, []).extend(result[ANSWERED])
            if any(key in result for key in SOCKETS):
                found.listening[name] = _listening(result.get("sockets"))
    problems.raise_as(MsportsError)
    return found


def _listening(sockets: t.Any) -> list[int]:
    """Return the ports at which somebody listens for other hosts; none where the host says instead why it cannot tell."""
    rows = sockets if isinstance(sockets, (list, tuple)) else ()
    return [row[3] for row in rows if (row[0], row[1]) == ("tcp", LISTEN) and row[2] not in LOOPBACK]
