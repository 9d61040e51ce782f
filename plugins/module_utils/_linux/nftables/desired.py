# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What must be in the kernel: the table for the rules given, what it changes of the table that is there, and what a run returns of that."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change, _limits, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._change import Change
from ansible_collections.portcullis.msports.plugins.module_utils._guard import SSH
from ansible_collections.portcullis.msports.plugins.module_utils._limits import UNSAYABLE
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, has_netbios, has_time
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import render, table
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Lines, Saved
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.table import Table
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused, checked_rules

NO_CLOCK = "this kernel is older than Linux 5.4 and cannot end a rule by itself; the first run after its last day removes it: {0}"


class Desired(t.NamedTuple):
    """``rules`` complete rules, ``holding`` those that the kernel has not ended by its clock, ``table`` the Table, ``saved`` what is kept of it for the
    next boot, ``change`` what it adds, changes, removes and keeps."""

    rules: t.List[t.Dict[str, t.Any]]
    holding: t.List[t.Dict[str, t.Any]]
    table: Table
    text: str
    saved: t.Optional[Saved]
    change: Change
    warnings: t.List[str]


def desire(options: Options, nft: Nft, actual: t.Optional[Table], managed: t.Callable[[], t.Sequence[int]] = tuple) -> Desired:
    """Return ``Desired`` for the options and the own table that is there (or ``None``); raise ``Refused`` with every problem at once.

    ``managed`` tells the ports by which this host is managed; it is asked where the options do not say them.
    """
    rules = checked_rules(options)
    lasting = _lasting(rules, nft)
    helpers = ["tftp"] + (["netbios-ns"] if _wants_netbios(rules) and _has_netbios(nft, actual) else [])
    sayable = [dict(rule, until="") if rule["name"] in lasting else rule for rule in rules]
    rendered = render.render(
        sayable, options["address_sets"], options["default_inbound"], options["default_outbound"], options["owner"], _mode(options), helpers
    )
    warnings = rendered.warnings + ([NO_CLOCK.format(_limits.some(lasting))] if lasting else [])
    if rendered.problems:
        raise Refused(UNSAYABLE.format("nftables"), rendered.problems)
    want = table.rule_lines(rendered.table)
    have = table.rule_lines(actual) if actual else {}
    try:
        change = _change.plan_change(want, have, options["purge"], options["max_removals"])
    except _change.TooManyRemovals as error:
        raise Refused(str(error)) from error
    desired = _with_extra(options, rendered.table, actual, change.extra) if actual and change.extra else rendered.table
    text = table.text(desired, options["owner"])
    holding = [rule for rule in sayable if not _ruleset.is_over(rule["until"], time.time())]
    return Desired(rules, holding, desired, text, Saved(text, _least(options, managed)) if options["persist"] else None, change, warnings)


def _lasting(rules: t.Iterable[Plain], nft: Nft) -> t.List[str]:
    """Return the names of the rules with a last day that this kernel cannot end by itself."""
    ending = [rule["name"] for rule in rules if rule["until"]]
    return ending if ending and not has_time(nft) else []


def _least(options: Options, managed: t.Callable[[], t.Sequence[int]]) -> str:
    """Return the file of the least that a host boots with where its kernel refuses the rest: the base rules and management. Where none is named, that is
    whoever comes to a port by which the host is managed, or to that of ssh where none was seen."""
    management = options["management"]
    ports = management.get("ports") or managed() or (SSH,)
    rule = {
        "name": "management",
        "direction": "in",
        "protocol": "tcp",
        "local_ports": [str(port).rpartition("/")[2] for port in ports],
        "remote_addresses": list(management.get("addresses") or ["any"]),
    }
    rules = checked_rules(dict(options, rules=[rule], address_sets={}))
    found = render.render(rules, {}, options["default_inbound"], options["default_outbound"], options["owner"], _mode(options), ())
    return table.text(found.table, options["owner"])


def may_stop_more(desired: Desired, actual: t.Optional[Table]) -> bool:
    """Tell whether the desired table may stop what passes now. Rules that allow, and nothing else, cannot where each direction stops already."""
    if desired.table == actual:
        return False
    blocks = {rule["name"] for rule in desired.rules if rule["action"] == "block"}
    hooks = [hook for hook in desired.table.chains if table.stops_in(desired.table, hook)]
    only_added = not desired.change.changed and not desired.change.removed and not blocks & set(desired.change.added)
    return not only_added or not all(table.stops_in(actual, hook) for hook in hooks)


def _wants_netbios(rules: t.Iterable[Plain]) -> bool:
    return any(rule["helper"] == "netbios-ns" for rule in rules)


def _mode(options: Options) -> str:
    """Return how the rules are rendered: those of an audit differ by whether it writes a log."""
    return render.LOG if options["mode"] == "audit" and options["audit_log"] else str(options["mode"])


def _has_netbios(nft: Nft, actual: t.Optional[Table]) -> bool:
    """Tell whether the kernel has the helper: our table holds it already, or the kernel accepts it in a check."""
    if actual and any(helper[0] == "netbios-ns" for helper in actual.helpers.values()):
        return True
    return has_netbios(nft)


def _with_extra(options: Options, desired: Table, actual: Table, extra: t.Iterable[str]) -> Table:
    """Return ``desired`` with the own rules that stay because nothing is purged, in chains that packets reach."""
    chains = dict(desired.chains)
    for direction, chain in sorted(table.RULE_CHAINS.items()):
        if chain not in chains and chain in actual.chains and any(comment in extra for comment, _rule in actual.chains[chain].rules):
            default = options["default_inbound" if direction == "in" else "default_outbound"]
            chains.update(render.chains_of(direction, (), default, options["owner"], _mode(options)))
    try:
        return table.with_extra(desired._replace(chains=chains), actual, set(extra))
    except ValueError as error:
        text = "purge is false, but a rule in our table cannot be kept, because it is none of ours; move it to a table of its own"
        raise Refused(text, [str(error)]) from error


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
        reasons.append("mode is audit: what would be dropped passes")
    if not in_force:
        reasons.insert(0, "the rules are not in force")
    return _change.result(
        desired.change,
        desired.table != actual or saved_differs,
        table.all_lines(actual, owner) + shown(saved),
        table.all_lines(desired.table, owner) + shown(after),
        _change.differing(*(table.structure_lines(side, owner) if side else {} for side in (desired.table, actual))) + (["saved"] if saved_differs else []),
        in_force,
        reasons,
        watched,
    )


def absent(owner: str, actual: t.Optional[Table], saved: Lines) -> Result:
    """Return the result of ``state: absent``, but for its warnings."""
    lines, rules = table.all_lines(actual, owner) + shown(saved), table.rule_lines(actual) if actual else ()
    return _change.absent(actual is not None or bool(saved), lines, rules, "the table inet {0} is absent".format(owner), [])


def shown(saved: Lines) -> t.List[str]:
    """Return the lines of the store without their verdicts."""
    return [line for line, _right in saved]
