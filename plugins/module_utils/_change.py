# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What differs between the rules that are wanted and the rules that are there: one planning code for all backends.

Both sides are mappings of a rule's name to its canonical line. Two rules are the same rule when their names are equal,
and they are unchanged when their lines are.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _limits
from ansible_collections.portcullis.msports.plugins.module_utils._options import Result


class Change(t.NamedTuple):
    """Sorted lists of names. ``extra`` are own rules that nobody wants and that stay because nothing is purged."""

    added: t.List[str]
    changed: t.List[str]
    removed: t.List[str]
    kept: t.List[str]
    extra: t.List[str]


TOO_MANY = (
    "{0} rules would be removed and max_removals is {1}; nothing was changed. They are: {2}; raise max_removals if they may go, or set purge to false to "
    "keep them"
)


UNNAMED = "a rule without a name"  # made by hand, in our own table
STAY = "purge is false: rules of earlier runs stay, and count beside those of this one: {0}"


class TooManyRemovals(Exception):
    """More rules would go away than the caller allows. ``names`` are the rules, ``limit`` is the bound."""

    def __init__(self, names: t.Iterable[str], limit: int) -> None:
        self.names = list(names)
        self.limit = limit
        shown = ", ".join(self.names[:10]) + (" ..." if len(self.names) > 10 else "")
        super().__init__(TOO_MANY.format(len(self.names), limit, shown))


def plan_change(desired: t.Mapping[str, t.Any], actual: t.Mapping[str, t.Any], purge: bool = True, max_removals: t.Optional[int] = None) -> Change:
    """Return the ``Change`` that turns ``actual`` into ``desired``; raise ``TooManyRemovals`` beyond ``max_removals``."""
    gone = sorted(set(actual) - set(desired))
    removed = gone if purge else []
    if max_removals is not None and len(removed) > max_removals:
        raise TooManyRemovals(removed, max_removals)
    common = sorted(set(desired) & set(actual))
    return Change(
        added=sorted(set(desired) - set(actual)),
        changed=[name for name in common if desired[name] != actual[name]],
        removed=removed,
        kept=[name for name in common if desired[name] == actual[name]],
        extra=[] if purge else gone,
    )


def staying(change: Change) -> t.List[str]:
    """Return as a reason why the effect is not exactly that of a run's rules what stays beside them."""
    return [STAY.format(_limits.some(change.extra))] if change.extra else []


def result(
    change: Change,
    changed: bool,
    before: t.Iterable[str],
    after: t.Iterable[str],
    structure: t.List[str],
    in_force: bool,
    reasons: t.List[str],
    watched: t.List[str],
) -> Result:
    """Return the result of a run, but for its warnings: ``before`` and ``after`` are canonical lines, ``structure`` names what differs besides rules."""
    return {
        "changed": changed,
        "diff": diff_text(before, after),
        "added": change.added,
        "changed_rules": change.changed,
        "removed": [name or UNNAMED for name in change.removed],
        "kept": len(change.kept),
        "structure": structure,
        "effective": {"in_force": in_force, "exact": not reasons, "reasons": reasons, "guarded": watched},
    }


def absent(changed: bool, before: t.Iterable[str], removed: t.Iterable[str], reason: str, watched: t.List[str]) -> Result:
    """Return the result of ``state: absent``, but for its warnings."""
    return result(Change([], [], sorted(removed), [], []), changed, before, [], [], False, [reason], watched)


def differing(desired: t.Mapping[str, t.Any], actual: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return the names of the parts that differ, sorted."""
    return sorted(name for name in {*desired, *actual} if desired.get(name) != actual.get(name))


def difference(desired: t.Iterable[str], actual: t.Iterable[str]) -> str:
    """Return in words where what is there is not what was to be put there. Both sides are canonical lines."""
    wanted, found = set(desired), set(actual)
    lines = ["wanted: " + line for line in sorted(wanted - found)] + ["found: " + line for line in sorted(found - wanted)]
    return "; ".join(lines[:4]) or "the order of rules"


def diff_text(before: t.Iterable[str], after: t.Iterable[str]) -> t.Dict[str, str]:
    """Return the ``diff`` of a result from two lists of canonical lines."""
    return {"before": "".join(line + "\n" for line in before), "after": "".join(line + "\n" for line in after)}
