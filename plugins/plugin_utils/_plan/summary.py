# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A plan in a few lines, for a reader who looks at nothing else: what closes comes first, then what is unusual, then counts."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import capped, counted, some

Plain = t.Mapping[str, t.Any]
USUAL = ("nobody_holds", "out_of_scope", "user_defined_port")  # codes of notes that nearly every plan has
CLOSED = ("block", "reject")
FIRST = "WILL CLOSE: first rules at {}: {}; what no rule names is stopped there"


def summary(plan: Plain, difference: Plain, path: t.Optional[str]) -> list[str]:
    """Return the lines that tell of ``plan``, which lies at ``path`` if it was saved, and of its ``difference`` from the one before."""
    rules = sum(len(host["rules"]) for host in plan["hosts"].values())
    return [
        *_closing(plan, difference),
        f"{counted(rules, 'rule')} for {counted(len(plan['hosts']), 'host')}{f' in {path}' if path else ''}, {counted(len(plan['notes']), 'note')}",
        *_opening(plan, difference),
        *_notes(plan["notes"], f" (in {path}/index.json)" if path else ""),
        *_hosts(plan),
    ]


def _closing(plan: Plain, difference: Plain) -> t.Iterator[str]:
    """Yield what would no longer pass."""
    hosts = difference["hosts"]
    removed = {name: found["removed"] for name, found in hosts.items() if found["removed"] and name in plan["hosts"]}
    if removed:
        shown = "; ".join(f"{name}: {some(removed[name], 2)}" for name in sorted(removed)[:5]) + (" ..." if len(removed) > 5 else "")
        yield f"REMOVED FROM THE PLAN: {counted(sum(map(len, removed.values())), 'rule')} at {counted(len(removed), 'host')}: {shown}"
    smaller = {name: found["removed"] for name, found in difference["sets"].items() if found["removed"] and name in plan["sets"]}
    yield from capped(f"REMOVED FROM THE PLAN: {some(addresses, 5)} from {name}" for name, addresses in smaller.items())
    first = [name for name, found in hosts.items() if _option(found, "managed") == (False, True) and _blocks(plan["hosts"][name])]
    if first:
        yield FIRST.format(counted(len(first), "host"), some(first, 5))
    for option, loose in (("default_inbound", "inbound"), ("default_outbound", "outbound")):
        stricter = [name for name, found in hosts.items() if name not in first and _tightens(found, option)]
        if stricter:
            yield f"WILL CLOSE: {loose} traffic that no rule names is stopped at {some(stricter, 5)}"


def _option(found: Plain, name: str) -> tuple[t.Any, t.Any]:
    change = found["options"].get(name, {})
    return change.get("before"), change.get("after")


def _tightens(found: Plain, option: str) -> bool:
    before, after = _option(found, option)
    return after in CLOSED and before not in CLOSED and _option(found, "managed")[0] is None


def _blocks(host: Plain) -> bool:
    return host["default_inbound"] in CLOSED or host["default_outbound"] in CLOSED or (host["default_inbound"] is None and host["system"] == "linux")


def _opening(plan: Plain, difference: Plain) -> t.Iterator[str]:
    """Yield how much is new. A rule that changes because a set of addresses does is not counted: the change is at the set."""
    added = {name: len(found["added"]) for name, found in difference["hosts"].items() if found["added"]}
    if added:
        yield f"added: {counted(sum(added.values()), 'rule')} at {counted(len(added), 'host')}: {some(added, 5)}"
    grown = {
        name: found["added"]
        for name, found in difference["sets"].items()
        if found["added"] and (found["removed"] or found["added"] != plan["sets"][name]["addresses"])
    }
    if grown:
        yield f"added: {counted(sum(map(len, grown.values())), 'address or network', 'addresses or networks')} to {some(grown, 5)}"


def _notes(notes: t.Iterable[Plain], where: str) -> t.Iterator[str]:
    by_code: dict[str, list[str]] = collections.defaultdict(list)
    for note in notes:
        by_code[note["code"]].append(f"note ({note['code']}): " + (f"{note['host']}: " if note["host"] else "") + note["text"])
    for code in sorted(set(by_code) - set(USUAL)):
        yield from capped(by_code[code])
    usual = [f"{len(by_code[code])} {code}" for code in USUAL if code in by_code]
    if usual:
        yield f"more notes: {', '.join(usual)}{where}"


def _hosts(plan: Plain) -> t.Iterator[str]:
    """Yield which hosts the plan leaves alone."""
    bare = [name for name, peer in plan["peers"].items() if not peer["roles"] and name not in plan["orphaned"]]
    if bare:
        yield f"no role, so no rules: {some(bare, 5)}"
    if plan["orphaned"]:
        yield f"orphans, which had rules and hold no role any more: {some(plan['orphaned'], 5)}; apply with state absent there (host_firewall_state)"
