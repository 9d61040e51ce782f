# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Default actions and logging of the profiles: what each owner wants of them, and what becomes of them when one or the last of them leaves.

They belong to the host, so there is one text a host (:mod:`saved_defaults`). Default actions have one owner; logging is on while any owner audits.
What was there before is put back when nobody wants anything any more, and only where a setting is still what an owner made it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import saved_defaults, values
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import PROFILES

Plain = t.Dict[str, t.Any]
Profiles = t.Mapping[str, t.Mapping[str, t.Any]]

SETTINGS = {"in": ("inbound", "default_inbound"), "out": ("outbound", "default_outbound")}  # direction -> key of the state, option
LOG_PATH = "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log"  # what Windows comes with
LOG_SIZE = 16384  # kilobytes at least, in audit
WHO = "group policy or somebody else sets it, too; change it there, or do not ask for it here"
OTHER_OWNER = (
    "{0}: the default actions of this host belong to the owner {1}, and a host has one set of them; nothing was changed. Leave default_inbound and "
    "default_outbound of {2} at keep, or let {1} give them up: run it with both at keep, or with state: absent"
)


class Settings(t.NamedTuple):
    """What happens to the profiles: ``remember`` and ``forget`` are memory operations, one before all else and one after it.

    ``unheld`` are by profile, in sentences, the default actions that an earlier run has set and that are others now.
    """

    remember: t.List[Plain]
    operations: t.List[Plain]
    forget: t.List[Plain]
    after: t.Dict[str, Plain]
    structure: t.List[str]
    warnings: t.List[str]
    unheld: t.Dict[str, t.List[str]]


def plan_settings(host: Host, options: t.Mapping[str, t.Any]) -> Settings:
    """Return what to do to default actions, logging and saved_defaults. Audit leaves the default actions as they are."""
    known, warnings = saved_defaults.read(host.memory)
    _check_one_owner(known, options)
    dropped = bool(warnings)
    after: t.Dict[str, Plain] = {profile: dict(state) for profile, state in host.profiles.items()}
    kept: saved_defaults.Saved = {"in": {}, "out": {}, "logging": {}}
    operations: list[Plain] = []
    structure = []
    owner, auditing = options["owner"], options["state"] == "present" and options["mode"] == "audit"
    for direction, (key, option) in SETTINGS.items():
        wanted = options[option] if options["state"] == "present" else "keep"
        for profile in PROFILES:
            entry = known[direction].get(profile)
            if auditing:
                kept[direction].update({profile: entry} if entry else {})
                continue
            current = host.profiles[profile][key]
            if key in host.profiles[profile]["policy"]:  # nothing that is written here has an effect
                kept[direction].update({profile: entry} if entry and options["state"] == "present" else {})
                continue
            target, remembered = saved_defaults.settle(current, entry, owner, None if wanted == "keep" else wanted)
            kept[direction].update({profile: remembered} if remembered else {})
            if target != current:
                after[profile][key] = target
                structure.append(f"default {key} of {profile}")
                operations.append({"kind": "default_action", "profile": profile, "direction": direction, "action": target})
    for profile in PROFILES:
        state = host.profiles[profile]
        current = _as_noted(log_of(state), known["logging"].get(profile), host.system_root)
        louder = {"allowed": True, "dropped": True, "path": current["path"] or LOG_PATH, "size": max(current["size"], LOG_SIZE)}
        target, remembered = saved_defaults.settle(current, known["logging"].get(profile), owner, louder if auditing else None)
        if state.get("log_policy"):  # nothing that is written here has an effect
            entry = known["logging"].get(profile) if options["state"] == "present" else remembered
            kept["logging"].update({profile: entry} if entry else {})
            silent = [what for what, key in (("allowed connections", "allowed"), ("dropped packets", "dropped")) if not current[key]]
            if auditing and silent:
                warnings.append(
                    f"profile {profile}: group policy gives the logging, or a part of it, and {' and '.join(silent)} are not logged; audit shows none there"
                )
            continue
        kept["logging"].update({profile: remembered} if remembered else {})
        if target != current:
            after[profile].update(log_allowed=target["allowed"], log_dropped=target["dropped"], log_path=target["path"], log_size=target["size"])
            structure.append(f"logging of {profile}")
            operations.append({"kind": "logging", "profile": profile, **target})
    remember, forget = saved_defaults.notes(known, kept, dropped)
    if (remember or forget) and not operations:
        structure.append("memory")
    found = joined(unheld(host, owner, options), overruled(host, options))
    warnings += [f"profile {profile}: {text}" for profile, texts in found.items() for text in texts]
    return Settings(remember, operations, forget, after, structure, warnings, found)


def _check_one_owner(saved: saved_defaults.Saved, options: t.Mapping[str, t.Any]) -> None:
    """Raise ``Refused`` where another owner has set default actions that this one asks for, too: a host has one set of them."""
    asked = [f"{option}: {options[option]}" for _key, option in SETTINGS.values() if options["state"] == "present" and options[option] != "keep"]
    others = sorted(saved_defaults.holders(saved) - {options["owner"]})
    if asked and others:
        raise Refused(OTHER_OWNER.format(" and ".join(asked), some(others), options["owner"]))


def _as_noted(current: Plain, entry: t.Optional[saved_defaults.Entry], root: str) -> Plain:
    """Return logging in the words in which it was noted, where it is the same: Windows may spell the path otherwise."""

    def meaning(log: Plain) -> t.Tuple[t.Any, ...]:
        return log["allowed"], log["dropped"], values.program(log["path"], root), log["size"]

    noted = [*entry["owners"].values(), entry["before"]] if entry else []
    return next((log for log in noted if meaning(log) == meaning(current)), current)


def log_of(state: t.Mapping[str, t.Any]) -> Plain:
    return {"allowed": state["log_allowed"], "dropped": state["log_dropped"], "path": state["log_path"], "size": state["log_size"]}


def logged(log: t.Mapping[str, t.Any]) -> str:
    """Return in words what is logged."""
    what = [text for key, text in (("allowed", "allowed connections"), ("dropped", "dropped packets")) if log[key]]
    return f"{' and '.join(what)} logged to {log['path']}, {log['size']} KB" if what else "nothing logged"


def unheld(host: Host, owner: str, options: t.Optional[t.Mapping[str, t.Any]] = None) -> t.Dict[str, t.List[str]]:
    """Return by profile, in sentences, which default actions of this owner are not what an earlier run has made them.

    With ``options`` only those that they still want; a wish that is given up is not missed.
    """
    known, _warnings = saved_defaults.read(host.memory)
    found: t.Dict[str, t.List[str]] = {}
    for direction, (key, option) in SETTINGS.items():
        for profile, entry in known[direction].items():
            wish, current = entry["owners"].get(owner), host.profiles[profile][key]
            if wish not in (None, current) and (options is None or options["state"] == "present" and options[option] == wish):
                found.setdefault(profile, []).append(f"default {key} was set to {wish} by an earlier run and is {current}: {WHO}")
    return found


def overruled(host: Host, options: t.Mapping[str, t.Any]) -> t.Dict[str, t.List[str]]:
    """Return by profile, in sentences, which default actions these options ask for in vain, because group policy gives another one."""
    found: t.Dict[str, t.List[str]] = {}
    if options["state"] != "present" or options["mode"] == "audit":
        return found
    for key, option in SETTINGS.values():
        for profile, state in host.profiles.items():
            if key in state["policy"] and options[option] not in ("keep", state[key]):
                found.setdefault(profile, []).append(f"default {key} is {state[key]} by group policy, which goes before {option}: {options[option]}")
    return found


def joined(*several: t.Mapping[str, t.Sequence[str]]) -> t.Dict[str, t.List[str]]:
    """Return the sentences of all by profile, each once."""
    return {
        profile: list(dict.fromkeys(text for one in several for text in one.get(profile, ()))) for profile in PROFILES if any(profile in one for one in several)
    }


def missed(operations: t.Iterable[Plain], there: t.Optional[Profiles]) -> t.Dict[str, t.List[str]]:
    """Return by profile, in sentences, which settings were written and read otherwise afterwards; ``there`` are the profiles as they are then."""
    found: t.Dict[str, t.List[str]] = {}
    for operation in operations if there else ():
        state = (there or {})[operation["profile"]]
        if operation["kind"] == "default_action":
            key = SETTINGS[operation["direction"]][0]
            if state[key] != operation["action"]:
                found.setdefault(operation["profile"], []).append(f"default {key} was set to {operation['action']} and is {state[key]} all the same: {WHO}")
        elif any(log_of(state)[key] != operation[key] for key in ("allowed", "dropped", "size")):
            wanted, current = (logged(log) for log in (operation, log_of(state)))
            text = f"logging was set ({wanted}) and is ({current}) all the same: {WHO}"
            found.setdefault(operation["profile"], []).append(text)
    return found
