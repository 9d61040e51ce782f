# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""One host's owned rules of ufw, reconciled as a whole: lock, read, compare, guard, check, load, save, read again.

``run`` takes the options of the module and returns its result; everything it needs from outside comes in by ``Host``.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _refusals
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Watch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import guard, rollback, tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import tidy
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import established, find_sessions, guarded
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import Filter
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import apply as loading
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import (
    desired,
    environment,
    kernel,
    programs,
    render,
    rulefile,
    settings,
)
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host as hosts
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.host import Host
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result, defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

__all__ = ["OPTIONS", "Host", "Refused", "UfwError", "inspect", "run"]

OPTIONS = defaults("ufw")
ATTEMPTS = 3
OTHER_MANAGER = (
    "another firewall manager is active besides ufw, and two of them undo each other's work. Nothing was changed. Stop and mask one of them, or set "
    "allow_other_manager to true to go on"
)
NOT_SAVED = (
    "persist is false, but what ufw loads is what its files say: rules of ufw cannot be in force without being saved. Leave persist out or set it to true; "
    "nothing was changed"
)
STILL_THERE = (
    "commands of ufw that began before our writing have not ended yet (processes {0}). ufw reads its rules when it begins, so one that changes rules will "
    "write ours away: see that they end, and run again"
)


def run(options: Options, check_mode: bool = False, host: t.Optional[Host] = None) -> Result:
    """Reconcile and return the result; raise ``Refused`` or ``UfwError`` (nothing was changed, or the old rules are back in
    force, or a timer waits)."""
    options = dict(OPTIONS, **{key: value for key, value in options.items() if value is not None})
    _refusals.check_owner(options["owner"])
    if not options["persist"]:
        raise Refused(NOT_SAVED)
    host = host or Host()
    hosts.require(host, options["state"] == "absent")
    done, others = _locked(options, check_mode, host)
    last, left = done, set()
    for _attempt in range(ATTEMPTS):
        if check_mode or not last["changed"] or not others or "rollback" in last:
            break
        left |= programs.wait_for(others, host.proc, host.pause)
        last, others = _locked(options, check_mode, host)
    if last is done:
        return done
    left = (left | others) & programs.commands(host.proc)
    late = [text for text in last["warnings"] if text not in done["warnings"]] + ([STILL_THERE.format(", ".join(sorted(left, key=int)))] if left else [])
    return dict(done, effective=last["effective"], warnings=done["warnings"] + late)


def _locked(options: Options, check_mode: bool, host: Host) -> t.Tuple[Result, t.Set[str]]:
    """Run once under the lock of ufw; return the result, and the commands of ufw that may have read before we wrote."""
    with hosts.locked(host.root, check_mode, host.pause):
        done = _run(options, check_mode, host)
        return done, programs.commands(host.proc) if done["changed"] and not check_mode else set()


def _run(options: Options, check_mode: bool, host: Host) -> Result:
    rollback.refuse_while_waiting(Shelf(options["owner"], host.root), check_mode)
    rollback.refuse_beside(Shelf(options["owner"], host.root), "ufw")
    found = hosts.find(options["owner"], host)
    if not check_mode:
        tidy(hosts.written(options["owner"], host))
    wanted = desired.desire(options, found, host.versions(found))
    watch = find_sessions(host.environment, host.proc, came_by=options["connection_port"])
    around = _around(options, host, found, wanted) if options["state"] == "present" else desired.NOBODY
    if options["state"] == "present" and around.managers and not options["allow_other_manager"]:
        raise Refused(OTHER_MANAGER, around.managers)
    told = _guarded(options, host, found, wanted, watch) if found.state != hosts.REMOVED else []
    texts = loading.texts(options["owner"], host, found, wanted)
    changed = bool(texts) or any(wanted.differences.values())
    left, armed = [], None
    if changed:
        loading.check(host, found, wanted, texts)
    if changed and not check_mode:
        tracking.learn(established(host.proc))
        now, armed = loading.apply(options, host, found, wanted, texts, watch.own)
        left = _left(host, found, wanted, now.tables)
    watched = guarded(watch)
    if options["state"] == "absent":
        return dict(desired.absent(options, found, wanted, changed, watched), warnings=wanted.warnings + told)
    loaded = found.state in (hosts.RUNNING, hosts.BROKEN)
    in_force = loaded and not left and not (check_mode and any(wanted.differences.values()))
    warnings = wanted.warnings + told + around.warnings
    warnings += ["the kernel does not hold what was loaded: " + "; ".join(left[:4])] if left else []
    warnings += [desired.STATES[found.state]] if found.state in desired.STATES else []
    done = desired.present(options, found, wanted, changed, in_force, around, watched)
    return dict(done, warnings=warnings, **({"rollback": armed} if armed else {}))


def _guarded(options: Options, host: Host, found: hosts.Found, wanted: desired.Desired, watch: Watch) -> t.List[str]:
    """Return the guard's warnings. Audit tightens nothing, but removes rules all the same; and ufw's own default stays."""
    after, before = (
        rulefile.Evaluator([files[version] for version in host.versions(found)], policies["in"] != "ACCEPT")
        for files, policies in ((wanted.files, wanted.policies), (found.files, found.settings.policies))
    )
    blocks = {rule["name"] for rule in wanted.given_rules if rule["action"] == "block"}
    change = wanted.change
    closes = bool(wanted.policies != found.settings.policies or change.changed or change.removed or blocks & set(change.added))
    strict = wanted.policies["out"] != "ACCEPT"
    ground = guard.Ground(wanted.given_rules, _foreign(host, found) if strict else None, closes, strict, after, before)
    # Into files alone a run writes for good: no timer takes back what ufw loads when it starts.
    timeout = options["rollback_timeout"] if found.state in (hosts.RUNNING, hosts.BROKEN) else 0
    return guard.check(dict(options, mode="enforce", rollback_timeout=timeout), watch, ground)


def _foreign(host: Host, found: hosts.Found) -> t.Optional[Tables]:
    try:
        return Tables([pair for item in host.programs.foreign_tables(hosts.own_tables(found)) for pair in item.items() if pair[0] != "metainfo"])
    except UfwError:  # which is told with what stands around ufw
        return None


def _left(host: Host, found: hosts.Found, wanted: desired.Desired, tables: t.Mapping[int, Filter]) -> t.List[str]:
    """Return in words what the kernel holds otherwise than wanted, when ufw is loaded."""
    if found.state not in (hosts.RUNNING, hosts.BROKEN):
        return []
    if not all(kernel.loaded(tables[version], version, found.before[version]) for version in host.versions(found)):
        return ["chains of ufw are missing"]
    return [
        "{0} (IPv{1}): {2}".format(difference.part, version, text)
        for version in host.versions(found)
        for difference in kernel.differences(tables[version], version, wanted.policies, wanted.files[version].text, wanted.kinds)
        for text in difference.found
    ]


def _around(options: Options, host: Host, found: hosts.Found, wanted: desired.Desired) -> environment.Environment:
    tables = {
        version: kernel.planned(found.tables.get(version), version, wanted.files[version].text, found.before[version], found.after[version])
        for version in host.versions(found)
    }
    warnings = []
    try:
        objects = host.programs.foreign_tables(hosts.own_tables(found))
    except UfwError as error:
        objects, warnings = [], [str(error)]
    around = environment.examine(tables, objects, wanted.rules, wanted.given_rules, options, wanted.closed, found.legacy, host.root, host.proc)
    return around._replace(warnings=warnings + around.warnings)


def inspect(owner: str, host: t.Optional[Host] = None) -> Result:
    """Return what is there of one owner: the result of the info module."""
    _refusals.check_owner(owner)
    host = host or Host()
    hosts.require(host, absent=True)
    with hosts.locked(host.root, True, host.pause):
        found = hosts.find(owner, host)
        options = dict(OPTIONS, owner=owner, rules=[], purge=False)
        keep = {settings.POLICY_KEYS[direction]: policy for direction, policy in found.settings.policies.items()}
        wanted = desired.as_found(found, host.versions(found))
        around = _around(options, host, found, wanted)
        watch = find_sessions(host.environment, host.proc)
    own = rulefile.rule_lines(*found.files.values())
    left = ["{0} (IPv{1}): {2}".format(part.part, version, text) for version, parts in wanted.drift.items() for part in parts for text in part.found]
    in_force = found.state == hosts.RUNNING and bool(own) and not left
    state = [desired.STATES[found.state]] if found.state in desired.STATES else []
    return {
        "present": bool(own),
        "names": sorted(name for name in own if not render.is_structure(name)),
        "lines": [line for _name, line in sorted(own.items())],
        "saved": ["{0}: {1}".format(key, policy) for key, policy in sorted(keep.items())]
        + ["{0} was {1} before us".format(key, value["before"].strip()) for key, value in sorted(found.record.items())],
        "warnings": around.warnings,
        "effective": {"in_force": in_force, "reasons": state + left + around.reasons, "guarded": guarded(watch)},
    }
