# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""One host's owned ruleset in firewalld, reconciled as a whole: read, compare, guard, save, reload, read again.

``run`` takes the options of the module and returns its result; everything it needs from outside comes in by ``Host``.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _refusals
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Watch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import actual_state, desired, environment, evaluate, kernel, objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import persist, undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.apply import FirewalldError, NotUndone, Writer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.host import Found, Host
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.persist import Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import guard, rollback, services, tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import prefix
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import established, find_sessions, guarded
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result, defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

__all__ = ["FirewalldError", "Host", "OPTIONS", "Refused", "inspect", "run"]

OPTIONS = defaults("firewalld")
CLEANUP = "stopping firewalld opens this host, because CleanupOnExit is yes in firewalld.conf: its rules, ours among them, leave the kernel"
PERSIST = (
    "persist is false, but firewalld loads policies and ipsets from its saved configuration only: rules that are not saved cannot be in force. Nothing was "
    "changed; leave persist out or set it to true"
)
UNREADABLE = (
    "firewalld did not answer while its configuration was read: {0}; nothing was changed. See 'systemctl status firewalld' and 'journalctl -u firewalld', "
    "and run again"
)
UNSEEN = "what is there of firewalld's files could not be read, and nothing was changed: {0}"
NOT_AMENDED = "the rules are in force, and this host takes them back, because what it really holds could not be kept for the confirmation: {0}"
TAKEN = "firewalld has objects with names that this collection needs and did not give. Nothing was changed. Rename or remove them, or choose another owner"
OTHER_MANAGER = (
    "another firewall manager is active beside firewalld, and two of them would undo each other's work. Nothing was changed. Stop and mask one of "
    "them, or set allow_other_manager to true to go on"
)


def run(options: Options, check_mode: bool = False, host: t.Optional[Host] = None) -> Result:
    """Reconcile and return the result; raise ``Refused`` or ``FirewalldError`` (the rules from before are in force)."""
    options = dict(OPTIONS, **{key: value for key, value in options.items() if value is not None})
    _refusals.check_owner(options["owner"])
    host = host or Host()
    if options["state"] == "absent" and _leftovers(host.root, host.proc):
        return _remove_leftovers(options, check_mode, host.root)
    if not options["persist"]:
        raise Refused(PERSIST)
    try:
        with persist.held(host.root, check_mode):
            shelf = Shelf(options["owner"], host.root)
            rollback.refuse_while_waiting(shelf, check_mode)
            rollback.refuse_beside(shelf, "firewalld")  # a reload for this owner would end what waits for another
            found = _find(options["owner"], host, check_mode)
            return (_absent if options["state"] == "absent" else _present)(options, check_mode, host, found)
    except BusError as error:
        # What fails while something is written says so itself.
        raise FirewalldError(UNREADABLE.format(error)) from error


def _find(owner: str, host: Host, check_mode: bool) -> Found:
    try:
        return Found(owner, host, check_mode)
    except OSError as error:
        raise FirewalldError(UNSEEN.format(error)) from error


def inspect(owner: str, host: t.Optional[Host] = None) -> Result:
    """Return what is there of one owner: the result of the info module."""
    _refusals.check_owner(owner)
    host = host or Host()
    found = Found(owner, host)
    seen = environment.examine(found.asked, found.ruleset, None, dict(OPTIONS, owner=owner), found.names, found.store, host.root, host.proc)
    watch = find_sessions(host.environment, host.proc)
    actual = found.actual
    in_force = bool(actual.running and actual.running.policies) and not actual.kernel.wrong and not actual.kernel.missing
    return {
        "present": any(side.policies for side in actual_state.sides(actual)),
        "running": found.daemon is not None,
        "names": sorted(actual_state.rule_lines(actual)),
        "lines": actual_state.all_lines(actual),
        "saved": sorted("/etc/firewalld/" + path for path in found.texts),
        "warnings": found.warnings + seen.warnings + _cleanup(found),
        "effective": {"in_force": in_force, "reasons": seen.reasons, "guarded": guarded(watch)},
    }


def _cleanup(found: Found) -> t.List[str]:
    return [CLEANUP] if found.store.setting("CleanupOnExit", "yes").lower() not in ("no", "false") else []


def _absent(options: Options, check_mode: bool, host: Host, found: Found) -> Result:
    actual, none = found.actual, objects.EMPTY
    changed = bool(found.texts) or any(side != none for side in actual_state.sides(actual))
    watch = find_sessions(host.environment, host.proc, came_by=options["connection_port"])
    told = _guard(options, watch, found, [], none)
    writer = Writer(found, host.nft, host.proc, options["allow_other_manager"])
    if changed:
        writer.prepare(actual, none, found.daemon is not None and actual.running != none, check_mode)
    if changed and not check_mode:
        writer.write({})
    return dict(desired.absent(options["owner"], actual, changed, guarded(watch)), warnings=found.warnings + told + writer.said)


def _guard(options: Options, watch: Watch, found: Found, rules: t.Sequence[Plain], wanted: objects.Objects) -> t.List[str]:
    """Return warnings; raise ``Refused`` when the run would lock out whoever manages the host.

    In audit mode and with ``absent``, too: nothing new is stopped by our rules then, but what they admitted until now may be by others'.
    """
    actual, told = found.actual, []
    strict = options["default_outbound"] == "block" and options["mode"] == "enforce"
    if found.asked is not None:
        evaluator = evaluate.Evaluator(found.asked, found.names, actual.running, wanted, found.filters())
        ground = guard.Ground(rules, Tables(found.ruleset), not _same(actual, wanted), strict, evaluator)
        told = guard.check(dict(options, mode="enforce"), watch, ground)
        return told + evaluator.already
    if options["state"] == "present":
        # What the zones make of the rest is not known while firewalld does not run: then only what the rules themselves do is judged.
        closing = "allow" if options["default_inbound"] in ("allow", "keep") else "block"
        told = guard.check(dict(options, default_inbound=closing, rollback_timeout=0), watch, guard.Ground(rules, closes=actual.saved != wanted))
    return told


def _present(options: Options, check_mode: bool, host: Host, found: Found) -> Result:
    actual, daemon = found.actual, found.daemon
    wanted = desired.desire(options, host.nft, actual, found.version, found.set_types())
    seen = environment.examine(found.asked, found.ruleset, wanted.rules, options, found.names, found.store, host.root, host.proc)
    if seen.managers and not options["allow_other_manager"]:
        raise Refused(OTHER_MANAGER, seen.managers)
    taken = found.taken(wanted.objects)
    if taken:
        raise Refused(TAKEN, taken)
    watch = find_sessions(host.environment, host.proc, came_by=options["connection_port"])
    told = _guard(options, watch, found, wanted.rules, wanted.objects)

    differs = daemon is not None and not _same(actual, wanted.objects)
    changed = differs or actual.saved != wanted.objects
    warnings = found.warnings + wanted.warnings + told
    after, armed = actual, None
    writer = Writer(found, host.nft, host.proc, options["allow_other_manager"])
    if changed:
        writer.prepare(actual, wanted.objects, differs, check_mode)
    if changed and not check_mode:
        tracking.learn(established(host.proc))
        armed = undo.arm(options, host, found, wanted.objects, watch.own) if differs and options["rollback_timeout"] else None
        _write(writer, options["owner"], host, wanted.objects, armed)
        after = _read_again(found, host)
        if armed and undo.seen(after) != undo.seen(actual_state.of(wanted.objects, True)):
            _amend(Shelf(options["owner"], host.root), armed["nonce"], after)
        warnings += writer.said
        if daemon and (after.kernel.wrong or after.kernel.missing):
            warnings.append("the kernel does not hold what firewalld was told: " + desired.complaints(after.kernel))
    in_force = daemon is not None and _same(after, wanted.objects)
    if changed and options["default_inbound"] in environment.CLOSED:
        warnings += _cleanup(found)
    done = desired.present(options, actual, wanted, changed, in_force, seen, guarded(watch))
    return dict(done, warnings=warnings + seen.warnings, **({"rollback": armed} if armed else {}))


def _write(writer: Writer, owner: str, host: Host, desired_objects: objects.Objects, armed: t.Optional[Result]) -> None:
    """Put it in force, and leave it in the files unless a confirmation does; when that fails and is undone, nothing waits."""
    try:
        writer.write(objects.files(desired_objects), armed is None)
    except FirewalldError as error:
        if armed and not isinstance(error, NotUndone):
            with contextlib.suppress(OSError):  # what fires then finds nothing to restore
                rollback.disarm(Shelf(owner, host.root), armed["nonce"])
        raise


def _amend(shelf: Shelf, nonce: str, after: actual_state.Actual) -> None:
    try:
        rollback.amend(shelf, nonce, undo.seen(after))
    except OSError as error:
        raise FirewalldError(NOT_AMENDED.format(error)) from error


def _read_again(found: Found, host: Host) -> actual_state.Actual:
    try:
        return found.again(host)
    except BusError as error:
        text = "the rules were saved and loaded, but firewalld did not answer when it was asked for them: {0}. See 'journalctl -u firewalld', and run again"
        raise FirewalldError(text.format(error)) from error


def _same(actual: actual_state.Actual, wanted: objects.Objects) -> bool:
    return actual_state.plain(actual.running) == actual_state.plain(wanted) and actual.kernel == kernel.NOTHING


NOBODY = "firewalld is removed, so nothing that goes was in force"


def _leftovers(root: str = "/", proc: str = "/proc") -> bool:
    """Tell whether files are all that can be left of firewalld: its program is gone, and no process of it lives."""
    return not Store("", root).installed() and not services.running("firewalld", root, proc)


def _remove_leftovers(options: Options, check_mode: bool = False, root: str = "/") -> Result:
    """Remove the files of an owner, which stay below ``/etc/firewalld`` when the package is removed, and return the result of ``state: absent``."""
    owner = options.get("owner", "msports")
    store = Store(prefix(owner), root)
    texts = store.texts()
    if texts and not check_mode:
        store.write({})
        _tidy(os.path.join(root, "etc/firewalld"))
    actual = actual_state.Actual(store.objects(texts), None, kernel.NOTHING)
    return dict(desired.absent(owner, actual, bool(texts), [NOBODY]), warnings=[])


def _tidy(folder: str) -> None:
    """Remove folders that held nothing but our files; the package takes those along that are empty when it goes."""
    for path in [os.path.join(folder, name) for name in sorted(objects.FOLDERS.values())] + [folder]:
        try:
            os.rmdir(path)
        except OSError:
            pass
