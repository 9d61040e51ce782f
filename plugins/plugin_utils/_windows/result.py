# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a run returns, and what is counted and told of the calls that it made."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.operations import Planned
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Rule, line
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.settings import Settings, log_of, logged
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import PROFILES

Plain = t.Dict[str, t.Any]


class HostFailed(Exception):
    """The host could not read or write; the text says what it said, and what it undid. ``problems`` are the single reasons."""

    def __init__(self, failed: t.Mapping[str, t.Any], writing: bool = False) -> None:
        self.failed = dict(failed)
        self.writing = writing
        self.problems = [str(text) for text in failed.get("problems") or failed.get("remaining") or []]
        super().__init__(str(failed.get("msg") or "the host gave no reason"))


class Calls:
    """The calls of one run, counted."""

    def __init__(self, call: t.Callable[[Plain], Plain]) -> None:
        self._call = call
        self.counts = {"remote_calls": 0, "enumerations": 0, "commits": 0}

    def run(self, arguments: Plain) -> Plain:
        """Return what the executor returned; raise ``HostFailed`` when it failed."""
        self.counts["remote_calls"] += 1
        done = self._call(arguments)
        if done.get("failed") or done.get("unreachable"):
            raise HostFailed(done, bool(arguments.get("operations")))
        for name in ("enumerations", "commits"):
            self.counts[name] += done["counts"][name]
        return done


def told(options: t.Mapping[str, t.Any], host: Host, planned: Planned, settings: Settings) -> Plain:
    """Return what was, or would be, changed."""
    before = lines([item.rule for item in host.rules], host.profiles)
    after = lines(planned.after, settings.after)
    return {
        "diff": _change.diff_text(before, after),
        "added": planned.change.added,
        "changed_rules": planned.change.changed,
        "removed": planned.change.removed,
        "kept": len(planned.change.kept),
        "structure": settings.structure,
    }


def lines(rules: t.Iterable[Rule], profiles: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """Return one line a profile, then one line a rule."""
    return [_profile_line(profile, profiles[profile]) for profile in PROFILES] + sorted(map(line, rules))


def _profile_line(profile: str, state: t.Mapping[str, t.Any]) -> str:
    return f"profile {profile}: inbound {state['inbound']}, outbound {state['outbound']}, {logged(log_of(state))}"


def difference(wanted: t.Iterable[Rule], written: t.Iterable[Rule]) -> str:
    """Return in words where what Windows holds is not what was written."""
    want, have = (set(map(line, rules)) for rules in (wanted, written))
    found = ["wanted: " + text for text in sorted(want - have)] + ["found: " + text for text in sorted(have - want)]
    return "; ".join(found[:4])
