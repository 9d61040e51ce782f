# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""One Windows host's owned rules, reconciled as a whole: read, compare, look around, guard, and then write once, or stop.

``run`` takes the options of the module and a function that runs the executor once; everything that it knows of the host comes by that.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ports, _refusals
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import result, rollback
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.desired import OPTIONS, at, desire
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.effective import effective, view
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.foreign_rules import applies
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.guard import watch
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import Host, host_of, profiles_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.operations import plan_rules
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.result import HostFailed, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import COLUMNS, held
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.settings import joined, missed, overruled, plan_settings
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.settings import unheld as unheld_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import PROFILES

__all__ = ["OPTIONS", "HostFailed", "Refused", "inspect", "run"]

Call = t.Callable[[Plain], Plain]


def run(options: t.Mapping[str, t.Any], call: Call, check_mode: bool = False, ports: t.Optional[t.Sequence[int]] = None) -> Plain:
    """Reconcile and return the result.

    ``call`` takes the arguments of ``win_firewall_policy`` and returns its result. ``ports`` are the local TCP ports that the host was
    reached by, an empty list if that is not known; ``None`` tells that it was not reached over the network. Raises ``Refused`` before anything was
    changed, and ``HostFailed`` when the host says that it could not (its text tells what was undone).
    """
    options = {**OPTIONS, **{key: value for key, value in options.items() if value is not None}}
    _refusals.check_owner(options["owner"])
    desired = desire(options)
    calls = result.Calls(call)
    host, note = _read(calls, options["owner"], ports, settle=True)
    notes = _notes(options, host, note)

    present = options["state"] == "present"
    planned = plan_rules(at(desired.rules, host.system_root), host.rules, options["purge"] or not present, options["max_removals"] if present else None)
    settings = plan_settings(host, options)
    inbound = {profile: state["inbound"] for profile, state in settings.after.items()}
    operations = [*settings.remember, *planned.adds, *planned.edits, *settings.operations, *planned.removes, *settings.forget]
    warnings = [*_noted(note), *host.warnings, *desired.warnings, *settings.warnings]
    warnings += _refusals.elsewhere(options["planned_addresses"], host.addresses) if present else []
    warnings += watch(host, planned.after, inbound, options, bool(operations))

    done: Plain = {}
    in_force, profiles, unheld = not operations, settings.after, settings.unheld
    if operations and not check_mode:
        armed = {"rollback": rollback.arm(options["rollback_timeout"])} if options["rollback_timeout"] and present else {}
        done = calls.run({"owner": options["owner"], "expected": host.digest, "operations": [*operations, *notes], **armed})
        written = [item.rule for item in held(COLUMNS, done["written"], host.system_root)]
        in_force = set(planned.written) <= set(written)
        if not in_force:
            warnings.append("Windows does not hold what was written: " + result.difference(planned.written, written))
        if done.get("profiles"):  # read after the writes: what is there counts, not what was asked for
            profiles = profiles_of(done["profiles"])
            not_taken = missed(settings.operations, profiles)
            stays = settings.unheld if options["mode"] == "audit" else {}  # no default action was written
            unheld = joined(stays, not_taken, overruled(host, options))
            warnings += [f"profile {profile}: {text}" for profile, texts in not_taken.items() for text in texts if not present]
    elif notes and not check_mode:
        done = calls.run({"owner": options["owner"], "expected": host.digest, "operations": notes})
    around = view(host, planned.after, profiles, options, present)
    return {
        "changed": bool(operations),
        **({"rollback": done["rollback"]} if done.get("rollback") else {}),
        **({"rolled_back_before": note} if note else {}),
        **result.told(options, host, planned, settings),
        "effective": effective(around, host, present and in_force, unheld),
        "calls": calls.counts,
        "warnings": warnings,
    }


def _read(calls: result.Calls, owner: str, ports: t.Optional[t.Sequence[int]], settle: bool = False) -> t.Tuple[Host, t.Optional[Plain]]:
    """Return the host, and what it did by itself since the last run; ``settle`` has it finish what earlier runs have left."""
    read = calls.run({"owner": owner, **({"ports": list(ports)} if ports else {}), **({"settle": True} if settle else {})})
    note = read.get("rolled_back_before")
    # What was taken back of another owner waits for a run of that owner.
    return host_of(read["state"], ports), note if note and note["owner"] == owner else None


def _notes(options: t.Mapping[str, t.Any], host: Host, note: t.Optional[Plain]) -> t.List[Plain]:
    """Return what the host is to remember and to forget, as operations; raise ``Refused`` for a plan that is older than the one it has."""
    generation = options["generation"] if options["state"] == "present" else None
    known = host.generation if _ports.is_number(host.generation or "") else None
    if generation is not None and known is not None and int(known) > generation and not options["allow_older_plan"]:
        raise Refused(_refusals.OLDER.format(known, generation))
    text = None if generation is None else str(generation)
    keeps = text != host.generation and (text is not None or options["state"] != "present")
    return ([{"kind": "memory", "of": "generation", "value": text}] if keeps else []) + ([{"kind": "memory", "of": "note", "value": None}] if note else [])


def _noted(note: t.Optional[Plain]) -> t.List[str]:
    return [_refusals.NOTED.format(note["when"], "; ".join([note["why"], *note["what"]]))] if note else []


def inspect(owner: str, call: Call, ports: t.Optional[t.Sequence[int]] = None) -> Plain:
    """Return what a host holds of one owner, and what stands beside it: the result of the info module."""
    _refusals.check_owner(owner)
    calls = result.Calls(call)
    host, _note = _read(calls, owner, ports)
    rules = [item.rule for item in host.rules]
    reached = [profile for profile in PROFILES if any(applies(rule, profile) for rule in rules)]
    around = view(host, rules, host.profiles, {**OPTIONS, "owner": owner, "windows_profiles": reached}, bool(rules))
    return {
        "present": bool(rules or host.unreadable[0]),
        "names": sorted(rule.name for rule in rules),
        "lines": result.lines(rules, host.profiles),
        "effective": effective(around, host, bool(rules), unheld_of(host, owner)),
        "calls": calls.counts,
        "warnings": host.warnings,
    }
