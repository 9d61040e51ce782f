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
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import rulefile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host as hosts
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.desired import Desired
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.settings import Policies
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result

WORDS = {"in": "inbound", "out": "outbound"}
STATES = {
    hosts.INACTIVE: "ufw is inactive: the rules are saved, and 'ufw enable' puts them in force",
    hosts.STOPPED: "ufw is enabled, but its service is stopped: the rules are saved, and 'systemctl start ufw' puts them in force",
    hosts.REMOVED: "ufw is removed from this host: what its files say is in force nowhere",
}


def structure(found: hosts.Found, wanted: Desired) -> t.Tuple[t.List[str], t.List[str]]:
    """Return ``(names, lines)`` of the parts other than rules that are not right, as they were before the run."""
    names, lines = [], []
    for direction, policy in sorted(wanted.policies.items()):
        if found.settings.policies[direction] != policy:
            names.append("default " + WORDS[direction])
    for version in wanted.disorder:
        name = "order of " + hosts.USER[version].rpartition("/")[2]
        names.append(name)
        lines.append(name + ": an allow stands before a block of ours, or a denial of others behind an allow of ours")
    for version, differences in sorted(wanted.drift.items()):
        for difference in differences:
            names.append("{0} (IPv{1})".format(difference.part, version))
            lines += ["{0} (IPv{1}): {2}".format(difference.part, version, text) for text in difference.found]
    names += wanted.base
    if wanted.record != found.record:
        names.append("saved")
    return sorted(set(names)), lines


def present(options: Options, found: hosts.Found, wanted: Desired, changed: bool, in_force: bool, outside: Environment, watched: t.List[str]) -> Result:
    """Return the result of a run, but for its warnings."""
    names, lines = structure(found, wanted)
    own = rulefile.rule_lines(*found.files.values())
    before = _defaults(found.settings.policies) + lines + [line for _name, line in sorted(own.items())]
    after = _defaults(wanted.policies) + [line for _name, line in sorted(wanted.lines.items())]
    reasons = outside.reasons + _change.staying(wanted.change)
    if wanted.policies["in"] == "ACCEPT":
        reasons.insert(0, "ufw's default for inbound is ACCEPT: what no rule names passes")
    if options["mode"] == "audit":
        reasons.append("mode is audit: blocks are not written, and no default of ufw is made tighter")
    if not in_force:
        reasons.insert(0, STATES.get(found.state, "the rules are not in force"))
    return {
        "changed": changed,
        "diff": _change.diff_text(before, after),
        "added": wanted.change.added,
        "changed_rules": wanted.change.changed,
        "removed": wanted.change.removed,
        "kept": len(wanted.change.kept),
        "structure": names,
        "effective": {"in_force": in_force, "exact": not reasons, "reasons": reasons, "guarded": watched},
    }


def absent(options: Options, found: hosts.Found, wanted: Desired, changed: bool, watched: t.List[str]) -> Result:
    """Return the result of ``state: absent``, but for its warnings."""
    done = present(options, found, wanted, changed, False, NOBODY, watched)
    done["effective"].update(exact=False, reasons=["rules of {0} are absent".format(options["owner"])])
    return done


# Nothing was examined.
NOBODY = Environment([], [], [])


def _defaults(policies: Policies) -> t.List[str]:
    return ["default {0}: {1}".format(WORDS[direction], policy) for direction, policy in sorted(policies.items())]
