# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a run returns, made from what it found, wanted and did."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import table
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.desired import Desired
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Lines
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.table import Table
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result


def present(
    options: Options,
    actual: t.Optional[Table],
    desired: Desired,
    saved: Lines,
    in_force: bool,
    outside: Environment,
    watched: t.List[str],
) -> Result:
    """Return the result of ``state: present``, but for its warnings. ``saved`` are the lines of the store from before the run."""
    owner = options["owner"]
    saved_differs = not all(right for _line, right in saved)
    after = [(line.replace(" is missing", "").replace(" differs", ""), True) for line, _right in saved] if options["persist"] else []
    reasons = outside.reasons + _change.staying(desired.change)
    if options["mode"] != "enforce":
        reasons.append("mode is audit: what would be dropped is logged and passes")
    if not in_force:
        reasons.insert(0, "the rules are not in force")
    return {
        "changed": desired.table != actual or saved_differs,
        "diff": _change.diff_text(table.all_lines(actual, owner) + shown(saved), table.all_lines(desired.table, owner) + shown(after)),
        "added": desired.change.added,
        "changed_rules": desired.change.changed,
        "removed": desired.change.removed,
        "kept": len(desired.change.kept),
        "structure": _structure_changes(desired.table, actual, owner) + (["saved"] if saved_differs else []),
        "effective": {"in_force": in_force, "exact": not reasons, "reasons": reasons, "guarded": watched},
    }


def absent(owner: str, actual: t.Optional[Table], saved: Lines) -> Result:
    """Return the result of ``state: absent``, but for its warnings."""
    return {
        "changed": actual is not None or bool(saved),
        "diff": _change.diff_text(table.all_lines(actual, owner) + shown(saved), []),
        "added": [],
        "changed_rules": [],
        "removed": sorted(table.rule_lines(actual)) if actual else [],
        "kept": 0,
        "structure": [],
        "effective": {"in_force": False, "exact": False, "reasons": ["the table inet {0} is absent".format(owner)], "guarded": []},
    }


def _structure_changes(desired: Table, actual: t.Optional[Table], owner: str) -> t.List[str]:
    """Return the names of the parts (chains, base rules, sets, helpers) that differ."""
    wanted = table.structure_lines(desired, owner)
    there = table.structure_lines(actual, owner) if actual else {}
    return sorted(part for part in set(wanted) | set(there) if wanted.get(part) != there.get(part))


def difference(desired: Table, loaded: t.Optional[Table], owner: str) -> str:
    """Return in words where what the kernel holds is not what was loaded."""
    wanted, there = (set(table.all_lines(value, owner)) for value in (desired, loaded))
    lines = ["wanted: " + line for line in sorted(wanted - there)] + ["found: " + line for line in sorted(there - wanted)]
    return "; ".join(lines[:4]) or "the order of rules"


def shown(saved: Lines) -> t.List[str]:
    """Return the lines of the store without their verdicts."""
    return [line for line, _right in saved]
