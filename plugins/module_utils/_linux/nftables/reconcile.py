# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""One host's owned nftables ruleset, reconciled as a whole: lock, read, compare, guard, load, save, read again.

``run`` takes the options of the module and returns its result; everything it needs from outside comes in by ``Host``.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change, _refusals
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import Evaluator, Ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Watch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import guard, rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import RULE_CHAINS, Nft, NftError, Objects, split
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import find_sessions, guarded, managed_ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import apply as loading
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import desired, environment, lock, parse, table, undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.apply import Host
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Staged, Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.table import Table
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result, defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

__all__ = ["OPTIONS", "Host", "Refused", "inspect", "run"]

OPTIONS = defaults("nftables")
OTHER_MANAGER = (
    "another firewall manager is active, and two of them would undo each other's work. Nothing was changed. firewalld and ufw have backends of "
    "their own (backend: auto chooses them); else stop and mask that manager ('systemctl mask --now firewalld'; 'ufw disable' for ufw), "
    "or set allow_other_manager to true to load our table beside its rules"
)


NOT_OURS = (
    "the table inet {0} was not made by this collection: it has none of its chains, and nothing of it is kept in /etc/portcullis. It is left alone; "
    "choose another owner, or remove that table first ('nft delete table inet {0}')"
)
FELL_BACK = "at the last boot {0}. The unit portcullis-msports-{1}.service failed for that; what nft said is in its journal"
NOT_SAVED = "the rules are in force, but could not be saved for the next boot: {0}; the next run saves them"


class Found(t.NamedTuple):
    """``actual`` is the own Table or ``None``, ``own`` are its objects, ``evaluator`` evaluates it, ``foreign`` are the objects of other tables, ``store``
    is what is kept for the next boot. ``strange`` tells that a table of the owner's name is somebody else's; it is among the foreign ones then."""

    actual: t.Optional[Table]
    own: Objects
    evaluator: t.Optional[Evaluator]
    strange: bool
    foreign: Objects
    store: Store
    warnings: t.List[str]


def run(options: Options, check_mode: bool = False, host: t.Optional[Host] = None) -> Result:
    """Reconcile and return the result; raise ``Refused`` or ``NftError``: nothing was changed, or the old rules are back in force, or a timer waits."""
    options = dict(OPTIONS, **{key: value for key, value in options.items() if value is not None})
    _refusals.check_owner(options["owner"])
    host = host or Host()
    with lock.held(host.root, check_mode, host.pause) as warnings:
        rollback.refuse_while_waiting(Shelf(options["owner"], host.root), check_mode)
        found = _find(options["owner"], host)
        done = (_absent if options["state"] == "absent" else _present)(options, check_mode, host, found)
    return dict(done, warnings=done["warnings"] + warnings)


def inspect(owner: str, host: t.Optional[Host] = None) -> Result:
    """Return what is there of one owner: the result of the info module."""
    _refusals.check_owner(owner)
    host = host or Host()
    with lock.held(host.root, True, host.pause):
        found = _find(owner, host)
        saved = found.store.lines(None)
    outside = environment.examine(found.foreign, None, dict(OPTIONS, owner=owner), host.root, host.proc)
    watch = find_sessions(host.environment, host.proc)
    return {
        "present": found.actual is not None,
        "names": sorted(table.rule_lines(found.actual)) if found.actual else [],
        "lines": table.all_lines(found.actual, owner),
        "saved": desired.shown(saved),
        "warnings": found.warnings + ([NOT_OURS.format(owner)] if found.strange else []) + outside.warnings,
        "effective": {"in_force": found.actual is not None, "reasons": outside.reasons, "guarded": guarded(watch)},
    }


def _find(owner: str, host: Host) -> Found:
    """Read everything once, and return ``Found``."""
    objects, warnings = _read_all(host.nft, owner)
    own, foreign = split(objects, owner)
    actual, store = parse.own_table(own), Store(owner, host.nft.path, host.root)
    fallback = store.fallback()
    warnings += [FELL_BACK.format(fallback, owner)] if fallback else []
    if actual is None or _made_here(actual) or store.lines(None):
        return Found(actual, own, environment.evaluator(own) if actual and not actual.others else None, False, foreign, store, warnings)
    return Found(None, [], None, True, foreign + own, store, warnings)


def _made_here(actual: Table) -> bool:
    """Tell whether a table is one of ours, be it as a run has left it that died; one without anything in it is as good."""
    return not any(actual) or actual == loading.WARM_UP_TABLE or not set(RULE_CHAINS.values()).isdisjoint(actual.chains)


def _read_all(nft: Nft, owner: str) -> t.Tuple[t.List[t.Dict[str, t.Any]], t.List[str]]:
    try:
        return nft.list_objects(), []
    except NftError as error:
        # A ruleset of others that nft cannot print must not keep us from our own table.
        return nft.list_objects(owner), ["only the own table could be read, other tables were not examined: {0}".format(error)]


def _absent(options: Options, check_mode: bool, host: Host, found: Found) -> Result:
    saved = found.store.lines(None)
    warnings = found.warnings + ([NOT_OURS.format(options["owner"])] if found.strange else [])
    if not check_mode:
        # The files first: a restart in the middle ends without the rules, too.
        found.store.tidy()
        try:
            warnings += found.store.save(loading.stage(found.store, None)) if saved else []
            found.store.forget_fallback()
        except OSError as error:
            raise NftError("{0}; nothing was changed".format(error.strerror)) from error
    if found.actual is not None and not check_mode:
        host.nft.load("delete table inet {0}\n".format(options["owner"]))
    return dict(desired.absent(options["owner"], found.actual, saved), warnings=warnings)


def _present(options: Options, check_mode: bool, host: Host, found: Found) -> Result:
    if found.strange:
        raise Refused(NOT_OURS.format(options["owner"]))
    wanted = desired.desire(options, host.nft, found.actual, functools.partial(managed_ports, host.proc, options["connection_port"], host.root))
    saved = found.store.lines(wanted.saved)
    outside = environment.examine(found.foreign, wanted.rules, options, host.root, host.proc)
    if outside.managers and not options["allow_other_manager"]:
        raise Refused(OTHER_MANAGER, outside.managers)
    in_force = wanted.table == found.actual
    watch = find_sessions(host.environment, host.proc, came_by=options["connection_port"])
    strict = options["default_outbound"] == "block"
    after = Ruleset(wanted.holding, options["address_sets"], options["default_inbound"], environment.staying(found.own, wanted.change.extra))
    ground = guard.Ground(wanted.holding, Tables(found.foreign), desired.may_stop_more(wanted, found.actual), strict, after, found.evaluator)
    warnings = found.warnings + wanted.warnings + guard.check(options, watch, ground)
    if not in_force:
        host.nft.check(wanted.text)
    armed = staged = None
    if not check_mode:
        found.store.tidy()
        staged = loading.stage(found.store, wanted.saved)
    if not in_force and staged:
        armed = _load(options, host, found.actual, wanted, staged, watch)
        loaded = parse.present_table(host.nft, options["owner"])
        in_force = loaded == wanted.table
        if not in_force:
            if armed:
                rollback.amend(Shelf(options["owner"], host.root), armed["nonce"], undo.keep(loaded))
            warnings.append(
                "the kernel does not hold what was loaded: " + _change.difference(*(table.all_lines(side, options["owner"]) for side in (wanted.table, loaded)))
            )
    if staged and not armed:
        warnings += _save(found.store, staged)
    if options["persist"] and not found.store.systemd:
        warnings.append("systemd does not run here: {0} is written, but nothing loads it at the next boot".format(found.store.shown))
    done = desired.present(options, found.actual, wanted, saved, in_force, outside, guarded(watch))
    return dict(done, warnings=warnings + outside.warnings, **({"rollback": armed} if armed else {}))


def _save(store: Store, staged: Staged) -> t.List[str]:
    """Put the files for the next boot in their places; return warnings."""
    try:
        warnings = store.save(staged)
        store.forget_fallback()
        return warnings
    except OSError as error:
        return [NOT_SAVED.format(error.strerror)]


def _load(options: Options, host: Host, actual: t.Optional[Table], wanted: desired.Desired, staged: Staged, watch: Watch) -> t.Optional[Result]:
    """Put the rules into the kernel; return what waits for a confirmation, which saves them, or ``None`` without ``rollback_timeout``."""
    armed = None
    try:
        if options["rollback_timeout"]:
            staged.writing.discard()  # there is room, and no obstacle; the confirmation writes them
            armed = undo.arm(options, host, actual, wanted.table, wanted.saved, watch.own)
        loading.load(options, host, actual, wanted.table, wanted.text, watch.sessions)
    except NftError:
        staged.writing.discard()
        if armed:
            rollback.disarm(Shelf(options["owner"], host.root), armed["nonce"])
        raise
    return armed
