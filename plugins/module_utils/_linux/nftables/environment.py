# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who else filters on this host, and what that means for our rules: managers, other tables, containers."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import Evaluator, FirstMatch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import compare, portless, tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import foreign as others
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import legacy_tables, other_managers
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import RULE_CHAINS, Objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.services import installed, starts
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain, Rule
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options


FIREWALLD_LATER = (
    "firewalld is stopped, but enabled: at the next boot it filters again, beside the table of ours. Disable it for good ('systemctl disable firewalld'), "
    "or start it before the next run and use the backend firewalld"
)


def evaluator(own: Objects) -> Evaluator:
    """Return what evaluates our own table as nft printed it."""
    tables = others.Tables(own)
    return FirstMatch([rule for base in tables.base_chains("in") for rule in tables.rules_met(base, "in")], False)


def staying(own: Objects, names: t.Sequence[str]) -> t.List[Rule]:
    """Return the inbound rules of our own table that have these names."""
    if not names:
        return []
    tables = others.Tables([(kind, value) for kind, value in own if kind != "rule" or value["chain"] != RULE_CHAINS["in"] or value.get("comment") in names])
    return [rule for base in tables.base_chains("in") for rule in tables.rules_met(base, "in") if rule.place[2] == RULE_CHAINS["in"]]


def examine(objects: Objects, rules: t.Optional[t.Sequence[Plain]], options: Options, root: str = "/", proc: str = "/proc") -> Environment:
    """Return ``Environment`` for the objects of other tables, complete rules and the module's options. Starts no process.

    Without rules (``None``) nothing is said about what they and the others' rules do to each other.
    """
    tables = others.Tables(objects)
    legacy = legacy_tables(proc)
    managers, warnings = other_managers(tables, legacy, root, proc)
    reasons = ["another manager filters here too: " + text for text in managers]
    if legacy:
        reasons.append("tables of legacy iptables are loaded ({0}); nft cannot read their rules".format(", ".join(sorted(set(legacy)))))
    enforce = options["mode"] == "enforce"
    closed = {"in": enforce and options["default_inbound"] in ("block", "reject"), "out": enforce and options["default_outbound"] == "block"}
    if rules is not None and options["default_inbound"] not in ("block", "reject"):
        reasons.append("default_inbound is {0}: what no rule names passes unless another table drops it".format(options["default_inbound"]))
    if rules is not None:
        cut, killed = compare.compare(tables, rules, options, closed)
        reasons += cut
        warnings += killed
        warnings += portless.warnings(rules, options, proc)
    for key, text in tables.mentions("notrack"):
        consequence = "replies to them are dropped as if nobody had asked"
        reasons.append("{0} takes packets out of connection tracking ({1}): {2}".format(compare.place(key), text, consequence))
    warnings += tracking.warnings(proc)
    if "firewalld is running" not in managers and installed("firewalld", root) and starts("firewalld", root):
        warnings.append(FIREWALLD_LATER)
    warnings += others.containers(tables)
    return Environment(managers, reasons, warnings)
