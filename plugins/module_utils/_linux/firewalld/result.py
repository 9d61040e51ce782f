# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a run returns, made from what it found, wanted and did."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import actual_state
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.actual_state import Actual
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.desired import Desired
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.kernel import Kernel
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result


def present(options: Options, actual: Actual, wanted: Desired, changed: bool, in_force: bool, outside: Environment, watched: t.List[str]) -> Result:
    """Return the result of ``state: present``, but for its warnings."""
    reasons = outside.reasons + _change.staying(wanted.change)
    if not in_force and actual.running is not None:
        reasons.insert(0, "the rules are not in force")
    after = actual_state.of(wanted.objects, actual.running is not None)
    return {
        "changed": changed,
        "diff": _change.diff_text(actual_state.all_lines(actual, wanted.objects), actual_state.all_lines(after)),
        "added": wanted.change.added,
        "changed_rules": wanted.change.changed,
        "removed": wanted.change.removed,
        "kept": len(wanted.change.kept),
        "structure": _structure(actual, after) + (["saved"] if actual.saved != wanted.objects else []),
        "effective": {"in_force": in_force, "exact": not reasons, "reasons": reasons, "guarded": watched},
    }


def _structure(actual: Actual, after: Actual) -> t.List[str]:
    """Return the names of the parts other than rules that differ."""
    there, wanted = actual_state.structure_lines(actual), actual_state.structure_lines(after)
    return sorted(part for part in set(there) | set(wanted) if there.get(part) != wanted.get(part))


def absent(owner: str, actual: Actual, changed: bool, watched: t.List[str]) -> Result:
    """Return the result of ``state: absent``, but for its warnings."""
    return {
        "changed": changed,
        "diff": _change.diff_text(actual_state.all_lines(actual), []),
        "added": [],
        "changed_rules": [],
        "removed": sorted(actual_state.rule_lines(actual)),
        "kept": 0,
        "structure": [],
        "effective": {"in_force": False, "exact": False, "reasons": ["the rules of {0} are absent".format(owner)], "guarded": watched},
    }


def complaints(kernel: Kernel) -> str:
    """Return in words what the kernel lacks or has too much."""
    lines = [line for part in sorted(kernel.wrong) for line in kernel.wrong[part]]
    lines += ["{0} lacks {1}".format(policy, line) for policy, missing in sorted(kernel.missing.items()) for line in missing]
    return "; ".join(lines[:4]) + (" and {0} more".format(len(lines) - 4) if len(lines) > 4 else "")
