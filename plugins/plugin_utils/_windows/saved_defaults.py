# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What lies saved on a host, one text for all owners: what a setting was before us, and what each owner wants of it.

It is JSON: ``{"in": {"domain": {"before": "allow", "owners": {"msports": "block"}}}, "out": {}, "logging": {...}}``. Default actions
are ``allow`` or ``block`` and have one owner, logging is ``{"allowed": bool, "dropped": bool, "path": text, "size": kilobytes}``.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import PROFILES

Plain = t.Dict[str, t.Any]
Entry = t.Dict[str, t.Any]
Saved = t.Dict[str, t.Dict[str, Entry]]

PARTS = ("in", "out", "logging")
LOG = {"allowed": bool, "dropped": bool, "path": str, "size": int}


def settle(current: t.Any, entry: t.Optional[Entry], owner: str, wanted: t.Any) -> t.Tuple[t.Any, t.Optional[Entry]]:
    """Return ``(what to have, what to remember)``; ``wanted`` is ``None`` when this owner leaves a setting to others.

    A setting that is not what an owner made it is somebody else's by now: it stays, or is what was there before from now on.
    """
    owners = dict(entry["owners"]) if entry else {}
    before = entry["before"] if entry and current in owners.values() else current
    if wanted is not None:
        return wanted, {"before": before, "owners": {**owners, owner: wanted}}
    if owner not in owners:
        return current, entry
    if current not in owners.values():
        before = entry["before"] if entry else current
    made_by_us = current in owners.values()
    del owners[owner]
    if not owners:
        return (before if made_by_us else current), None
    # What the others want stands: only logging has several owners.
    wishes = sorted(owners.values(), key=repr, reverse=True)
    return (current if not made_by_us or current in wishes else wishes[0]), {"before": before, "owners": owners}


def notes(known: Saved, kept: Saved, dropped: bool) -> t.Tuple[list[Plain], list[Plain]]:
    """Return the memory operations: what is new is written down before anything is done, and what is old is dropped when all is done.

    In between both are remembered. ``dropped``: there is something on the host that could not be read, which goes.
    """
    both: Saved = {part: {**known[part], **kept[part]} for part in kept}
    for part, entries in both.items():
        for profile, entry in entries.items():
            old = known[part].get(profile, {}).get("owners", {})
            # Cut off in the middle, the next run takes a setting that nobody is noted to have made for what was there before. So of
            # an owner's two wishes the one is noted that was not there before.
            new = {name: old[name] if name in old and wish == entry["before"] else wish for name, wish in entry["owners"].items()}
            entries[profile] = {**entry, "owners": {**old, **new}}
    remember = [{"kind": "memory", "value": text(both)}] if both != known else []
    return remember, ([{"kind": "memory", "value": text(kept)}] if kept != both or dropped and not remember else [])


def text(saved: Saved) -> t.Optional[str]:
    """Return what to save as it lies on a host, ``None`` when there is nothing."""
    filled = {part: entries for part, entries in saved.items() if entries}
    return json.dumps(filled, sort_keys=True) if filled else None


def read(given: t.Optional[str]) -> t.Tuple[Saved, list[str]]:
    """Return ``(what was saved, warnings)``; what cannot be read is dropped, with a warning."""
    found: Saved = {part: {} for part in PARTS}
    if not given:
        return found, []
    try:
        parts = json.loads(given)
    except ValueError:
        parts = None
    if not isinstance(parts, dict):
        return found, [_lost([])]
    lost = sorted(str(part) for part in set(parts) - set(PARTS))
    for part in PARTS:
        entries = parts.get(part, {})
        if not isinstance(entries, dict):
            lost.append(part)
            continue
        for profile, entry in entries.items():
            if profile in PROFILES and _is_entry(entry, part):
                found[part][profile] = {"before": entry["before"], "owners": entry["owners"]}
            else:
                lost.append(f"{part}.{profile}")
    return found, [_lost(lost)] if lost else []


def _is_entry(entry: t.Any, part: str) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("owners"), dict) or not entry["owners"]:
        return False
    return all(_is_log(value) if part == "logging" else value in ("allow", "block") for value in (entry.get("before"), *entry["owners"].values()))


def _is_log(value: t.Any) -> bool:
    return isinstance(value, dict) and set(value) == set(LOG) and all(isinstance(value[key], kind) for key, kind in LOG.items())


def _lost(places: t.Sequence[str]) -> str:
    where = f" ({some(places)})" if places else ""
    return (
        f"what earlier runs noted on this host about default actions and logging cannot be read{where}; it is dropped, and nothing of it is put back: "
        "look at the default actions and the logging of the profiles, and set what is not as it should be"
    )


def holders(saved: Saved) -> set[str]:
    """Return the owners of default actions: one, or none."""
    return {owner for direction in ("in", "out") for entry in saved[direction].values() for owner in entry["owners"]}
