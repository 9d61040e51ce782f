# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Default actions and logging of the profiles, with a memory: what we set is put back later only if it is still what we set.

The memory is JSON that lies on the host: ``{"in": {"domain": {"before": "allow", "set": "block"}}, "out": {}, "logging": {...}}``.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import PROFILES

Plain = t.Dict[str, t.Any]

SETTINGS = {"in": ("inbound", "default_inbound"), "out": ("outbound", "default_outbound")}  # direction -> key of the state, option
LOG_PATH = "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log"  # what Windows comes with
LOG_SIZE = 16384  # kilobytes at least, while allowed connections are logged


class Settings(t.NamedTuple):
    """What happens to the profiles: ``remember`` and ``forget`` are memory operations, one before all else and one after it."""

    remember: t.List[Plain]
    operations: t.List[Plain]
    forget: t.List[Plain]
    after: t.Dict[str, Plain]
    structure: t.List[str]
    warnings: t.List[str]


def plan_settings(host: Host, options: t.Mapping[str, t.Any]) -> Settings:
    """Return what to do to default actions, logging and memory. Audit leaves the default actions as they are."""
    memory, warnings = _read(host.memory)
    after: t.Dict[str, Plain] = {profile: dict(state) for profile, state in host.profiles.items()}
    kept: t.Dict[str, Plain] = {"in": {}, "out": {}, "logging": {}}
    operations: list[Plain] = []
    structure = []
    auditing = options["state"] == "present" and options["mode"] == "audit"
    for direction, (key, option) in SETTINGS.items():
        wanted = options[option] if options["state"] == "present" else "keep"
        for profile in PROFILES:
            entry = memory[direction].get(profile)
            if auditing:
                kept[direction].update({profile: entry} if entry else {})
                continue
            current = host.profiles[profile][key]
            target, remembered = _settle(current, entry, None if wanted == "keep" else wanted)
            kept[direction].update({profile: remembered} if remembered else {})
            if entry and wanted == entry["set"] != current:
                warnings.append(
                    f"profile {profile}: default {key} was set to {entry['set']} by an earlier run and is {current}: group policy or somebody else sets it, too"
                )
            if target != current:
                after[profile][key] = target
                structure.append(f"default {key} of {profile}")
                operations.append({"kind": "default_action", "profile": profile, "direction": direction, "action": target})
    for profile in PROFILES:
        state = host.profiles[profile]
        current = log_of(state)
        entry = memory["logging"].get(profile)
        if state.get("log_policy"):
            kept["logging"].update({profile: entry} if entry and options["state"] == "present" else {})
            if auditing and not current["allowed"]:
                warnings.append(f"profile {profile}: group policy says that allowed connections are not logged; audit shows nothing there")
            continue
        louder = {"allowed": True, "path": current["path"] or LOG_PATH, "size": max(current["size"], LOG_SIZE)}
        target, remembered = _settle(current, entry, louder if auditing else None)
        kept["logging"].update({profile: remembered} if remembered else {})
        if target != current:
            after[profile].update(log_allowed=target["allowed"], log_path=target["path"], log_size=target["size"])
            structure.append(f"logging of {profile}")
            operations.append({"kind": "logging", "profile": profile, **target})
    remember, forget = _notes(memory, kept, host.memory)
    if (remember or forget) and not operations:
        structure.append("memory")
    return Settings(remember, operations, forget, after, structure, warnings)


def log_of(state: t.Mapping[str, t.Any]) -> Plain:
    return {"allowed": state["log_allowed"], "path": state["log_path"], "size": state["log_size"]}


def _settle(current: t.Any, entry: t.Optional[Plain], wanted: t.Any) -> t.Tuple[t.Any, t.Optional[Plain]]:
    """Return ``(what to have, what to remember)``; ``wanted`` is ``None`` to leave a setting to others.

    An entry counts only while the setting is what we made it.
    """
    ours = entry if entry and entry["set"] == current else None
    if wanted is None:
        return (ours["before"] if ours else current), None
    before = ours["before"] if ours else current
    return wanted, ({"before": before, "set": wanted} if before != wanted else None)


def _notes(memory: t.Dict[str, Plain], kept: t.Dict[str, Plain], text: t.Optional[str]) -> t.Tuple[list[Plain], list[Plain]]:
    """Return the memory operations: what is new is written down before anything is done, and what is old is dropped when all is done."""
    both = {part: {**memory[part], **kept[part]} for part in kept}
    first, last = _text(both), _text(kept)
    remember = [{"kind": "memory", "value": first}] if both != memory else []
    unreadable = bool(text) and last is None and not remember
    return remember, ([{"kind": "memory", "value": last}] if kept != both or unreadable else [])


def _text(memory: t.Dict[str, Plain]) -> t.Optional[str]:
    filled = {part: entries for part, entries in memory.items() if entries}
    return json.dumps(filled, sort_keys=True) if filled else None


def _read(text: t.Optional[str]) -> t.Tuple[t.Dict[str, Plain], list[str]]:
    """Return ``(memory, warnings)``; what is not of our making is dropped, with a warning."""
    found: t.Dict[str, Plain] = {"in": {}, "out": {}, "logging": {}}
    if not text:
        return found, []
    try:
        given = json.loads(text)
        for part in found:
            for profile, entry in given.get(part, {}).items():
                kind = dict if part == "logging" else str
                if profile in PROFILES and isinstance(entry["before"], kind) and isinstance(entry["set"], kind):
                    found[part][profile] = {"before": entry["before"], "set": entry["set"]}
    except (ValueError, AttributeError, KeyError, TypeError):
        return {part: {} for part in found}, ["what an earlier run noted about default actions on this host cannot be read; nothing is put back"]
    return found, []
