# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What became of the hosts of a run, in a few lines: what closed comes first, then what needs somebody's eye, then counts."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import capped, counted, some

Outcome = t.Dict[str, t.Any]
Outcomes = t.Mapping[str, Outcome]
NOT_YET = "the rules are not in force"  # which is what check mode is for
LOST = "dropped out, not reached or failed elsewhere, and nothing is known of what they have now"
UNTOUCHED = "not reached, so nothing was changed there"
SHOWN = 3  # names of removed rules that a host's outcome keeps
LISTS = ("added", "changed_rules", "removed")


def outcome(result: t.Mapping[str, t.Any], closes: bool = False, begins: bool = False) -> Outcome:
    """Return what a summary needs of the result of one host.

    ``closes`` tells that its rules stop what no rule names, ``begins`` that those from before did not, in one direction.
    """
    if result.get("failed"):
        return {"rolled_back" if result.get("rolled_back") else "failed": True}
    counts = {key: len(result.get(key) or ()) for key in LISTS}
    effective = result.get("effective") or {}
    first = closes and bool(counts["added"]) and not (counts["changed_rules"] or counts["removed"] or result.get("kept"))
    return {
        **counts,
        "changed": bool(result.get("changed")),
        "names": list(result.get("removed") or ())[:SHOWN],
        "first": first,
        "begins": begins and bool(result.get("changed")) and not first,
        "absent": not counts["added"] and effective.get("in_force") is False and bool(counts["removed"]),
        "reasons": list(effective.get("reasons_beyond_baseline", [] if effective.get("exact") else effective.get("reasons") or ())),
    }


def lost(untouched: bool) -> Outcome:
    """Return what a summary needs of a host that was not reached; ``untouched``: nothing can have been changed there."""
    return {"lost": True, "untouched": untouched}


def skipped(holds: bool) -> Outcome:
    """Return what a summary needs of a host without a ruleset in the plan; ``holds`` tells that it has rules of an earlier one."""
    return {"skipped": True, "holds": holds}


def lines(planned: t.Sequence[str], outcomes: Outcomes, lagging: t.Sequence[str], check_mode: bool) -> list[str]:
    """Return the lines that tell of a run: those of its plan, of its hosts, and of the hosts that have another plan's rules and are left out."""
    done = {name: item for name, item in outcomes.items() if "changed" in item}
    applied = [*_closed(done, check_mode), *_troubles(outcomes, done, check_mode), *_counts(outcomes, done, check_mode), *_skipped(outcomes)]
    told = [*planned, *applied, *_lagging(lagging)]
    return sorted(told, key=lambda line: not line.split(":")[0].isupper())  # the order stays but for what closes, which is written large


def _closed(done: Outcomes, check_mode: bool) -> t.Iterator[str]:
    removed = {name: item for name, item in done.items() if item["removed"]}
    if removed:
        shown = "; ".join(f"{name}: {_named(item)}" for name, item in list(removed.items())[:5]) + (" ..." if len(removed) > 5 else "")
        rules = counted(sum(item["removed"] for item in removed.values()), "rule")
        yield f"{'WOULD REMOVE' if check_mode else 'REMOVED'}: {rules} at {counted(len(removed), 'host')}: {shown}"
    for key, what in (("first", "the first rules at"), ("begins", "what no rule names is stopped from now on at")):
        hosts = [name for name, item in done.items() if item[key]]
        if hosts:
            yield f"{'WOULD CLOSE' if check_mode else 'NEWLY CLOSED'}: {what} {counted(len(hosts), 'host')}: {some(hosts, 5)}"


def _named(item: Outcome) -> str:
    left = item["removed"] - len(item["names"])
    return ", ".join(item["names"]) + (f" and {left} more" if left else "")


def _troubles(outcomes: Outcomes, done: Outcomes, check_mode: bool) -> t.Iterator[str]:
    for key, what in (
        ("rolled_back", "took the change back: the rules from before are in force"),
        ("failed", "FAILED, the reasons stand above"),
        ("untouched", UNTOUCHED),
        ("lost", LOST),
    ):
        hosts = [name for name, item in outcomes.items() if item.get(key) and not (key == "lost" and item.get("untouched"))]
        if hosts:
            yield f"{counted(len(hosts), 'host')} {what}: {some(hosts, 5)}"
    by_reason: dict[str, list[str]] = {}
    for name, item in done.items():
        for reason in () if item["absent"] else item["reasons"]:
            if check_mode and reason == NOT_YET:
                continue
            by_reason.setdefault(reason, []).append(name)
    ordered = sorted(by_reason.items(), key=lambda found: (-len(found[1]), found[0]))
    yield from capped(f"differs from the plan at {some(hosts)}: {reason}" for reason, hosts in ordered)


def _counts(outcomes: Outcomes, done: Outcomes, check_mode: bool) -> t.Iterator[str]:
    changed = [item for item in done.values() if item["changed"]]
    rules = [f"{sum(item[key] for item in changed)} {word}" for key, word in zip(LISTS, ("added", "changed", "removed"))]
    if outcomes:
        what = f"{len(changed)} of {counted(len(outcomes), 'host')} {'would change' if check_mode else 'changed'}"
        yield what + (f": rules {', '.join(rules)}" if changed else "")


def _skipped(outcomes: Outcomes) -> t.Iterator[str]:
    skipping = {name: item for name, item in outcomes.items() if item.get("skipped")}
    holding = [name for name, item in skipping.items() if item["holds"]]
    bare = [name for name in skipping if name not in holding]
    if holding:
        yield f"skipped, and still with rules of an earlier plan: {some(holding, 5)}; state absent removes them (host_firewall_state)"
    if bare:
        yield f"skipped, without rules in the plan: {some(bare, 5)}"


def _lagging(hosts: t.Sequence[str]) -> t.Iterator[str]:
    if hosts:
        yield f"{counted(len(hosts), 'host')} {'lags' if len(hosts) == 1 else 'lag'} behind the plan: {some(hosts, 5)}; apply it there, too"
