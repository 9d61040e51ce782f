# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From wanted and held rules to the operations of the executor: adds first, then edits, then removals of exactly these rules."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change
from ansible_collections.portcullis.msports.plugins.module_utils._match import holds
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import values
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.desired import Wanted
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reach import holding, parts, shape
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Held, Rule, differing

Operation = t.Dict[str, t.Any]

# Columns that may be put on a rule that is in force, each by itself, and what to put there where the wanted rule does not say it.
# All others would need an order (ports follow the protocol), or belong to a rule that somebody has made another one: it is replaced.
EDITABLE: t.Dict[str, t.Any] = {
    "enabled": None,
    "action": None,
    "local_ports": "*",
    "remote_ports": "*",
    "local_addresses": "*",
    "remote_addresses": "*",
    "profiles": values.ALL_PROFILES,
    "icmp": "*",
}
# Windows takes these with some protocols only, even where they say "any".
EDITABLE_WITH: t.Dict[str, t.Tuple[int, ...]] = {"local_ports": (6, 17), "remote_ports": (6, 17), "icmp": (1, 58)}


class Planned(t.NamedTuple):
    """``change`` by names; the operations by kind; our rules as they are ``after``."""

    change: _change.Change
    adds: t.List[Operation]
    edits: t.List[Operation]
    removes: t.List[Operation]
    after: t.List[Rule]
    written: t.List[Rule]


def plan_rules(desired: t.Mapping[str, Wanted], actual: t.Sequence[Held], purge: bool, max_removals: t.Optional[int]) -> Planned:
    """Return what turns the rules that a host holds into the wanted ones; raise ``Refused`` beyond ``max_removals``.

    Names are no keys on Windows. Of several rules with one name, the one that is right or nearest stays, or is replaced; the others are own
    rules that nobody wants like any other: they go, or stay when nothing is purged.
    """
    by_name: t.Dict[str, list[Held]] = {}
    for item in actual:
        by_name.setdefault(item.rule.name, []).append(item)
    chosen = {name: min((_way(desired[name].rule, item.rule), item.id, item) for item in items) for name, items in by_name.items() if name in desired}
    spare = [item for name, items in by_name.items() for item in items if name not in chosen or item is not chosen[name][2]]
    gone = sorted(item.rule.name for item in spare) if purge else []
    if max_removals is not None and len(gone) > max_removals:
        raise Refused(str(_change.TooManyRemovals(gone, max_removals)))
    want: t.Dict[str, list[Rule]] = {name: [wanted.rule] for name, wanted in desired.items()}
    have = {name: [item.rule for item in items if purge or name not in chosen or item is chosen[name][2]] for name, items in by_name.items()}
    change = _change.plan_change(want, have, purge)._replace(removed=gone)
    adds = [desired[name] for name in change.added]
    edits: list[t.Tuple[bool, Operation]] = []
    removes = []
    for name in change.changed:
        way, _id, kept = chosen[name]
        if way == REPLACE:
            adds.append(desired[name])
            removes.append(kept)
        elif way == EDIT:
            edits.append((_widens(desired[name].rule, kept.rule), _edit(desired[name], kept)))
    removes += spare if purge else []
    adds.sort(key=lambda wanted: (wanted.rule.action != "allow", wanted.rule.name))
    edits.sort(key=lambda pair: (not pair[0], pair[1]["name"]))
    return Planned(
        change,
        [{"kind": "add", "rule": wanted.columns} for wanted in adds],
        [operation for _widening, operation in edits],
        [{"kind": "remove", "id": item.id, "name": item.rule.name} for item in removes],
        [wanted.rule for wanted in desired.values()] + ([] if purge else [item.rule for item in spare]),
        [wanted.rule for wanted in adds] + [desired[operation["name"]].rule for _widening, operation in edits],
    )


KEEP, EDIT, REPLACE = range(3)


def _way(wanted: Rule, there: Rule) -> int:
    """Return how a rule that is there becomes the wanted one."""
    filtering = [column for column in differing(wanted, there) if column != "description"]
    if not filtering:
        return KEEP if wanted.description == there.description else EDIT
    return EDIT if len(filtering) == 1 and wanted.protocol in EDITABLE_WITH.get(filtering[0], (wanted.protocol,)) and filtering[0] in EDITABLE else REPLACE


def _edit(wanted: Wanted, there: Held) -> Operation:
    columns = differing(wanted.rule, there.rule)
    return {
        "kind": "edit",
        "id": there.id,
        "name": there.rule.name,
        "set": {column: wanted.columns.get(column, EDITABLE.get(column, "")) for column in columns},
    }


def _widens(wanted: Rule, there: Rule) -> bool:
    """Tell whether an edit admits no less than before, so that it may come before those that do."""
    if wanted.action != there.action or wanted.enabled != there.enabled:
        return wanted.enabled == (wanted.action == "allow")
    more, less = (wanted, there) if wanted.action == "allow" else (there, wanted)
    return (more.profiles == values.ANY or more.profiles == less.profiles) and all(
        (outer := holding(more, keywords)) is not None and holds(outer._replace(certain=True), shape(part)) for keywords, part in parts(less)
    )
