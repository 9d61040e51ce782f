# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The way back for firewalld: what is kept before a run writes, how it is restored, and what a confirmation saves.

firewalld takes policies and ipsets from files only, at a reload. So a run puts its files in place for the time of the reload and takes them out again:
until a confirmation a restart or a reload ends in the rules from before. A unit before firewalld covers the moment in between.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import actual_state, others, persist
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.actual_state import Actual
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.apply import FirewalldError, NotUndone, Writer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.daemon import NeedsReload
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.host import Found, Host, connect
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import EMPTY, Objects, Policy, files, names
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback, services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import prefix
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.rollback import CHANGED_SINCE, HAND, NEVER_WRITTEN, RESTORED, UNMERGED, Backend
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Pending, Shelf

REMOVED = "our policies are removed again: there were none before"
SAVED = "firewalld does not run; the rules from before are in its files, and count when it starts"
GONE = "what was put into our policies by hand after the run is gone: {0}"
STOPPED = "firewalld does not run any more, so nothing filters"
STARTING = "firewalld has begun to start and does not answer yet"

STRANGE = "{0} is none of our files any more"

Texts = t.Dict[str, str]


def seen(actual: Actual) -> t.Any:
    """Return what is in force as a JSON value: our objects in the daemon, and what the kernel lacks of them."""
    lines = [line for found in (actual.kernel.wrong, actual.kernel.missing) for part in sorted(found) for line in found[part]]
    return json.loads(json.dumps({"objects": actual_state.plain(actual.running), "kernel": lines}))


def objects_of(value: t.Any) -> Objects:
    """Return the ``Objects`` of such a value."""
    policies, sets, helpers = value["objects"] or EMPTY
    made = {name: Policy(one[0], one[1], tuple(one[2]), tuple(one[3]), tuple(one[4]), {}) for name, one in policies.items()}
    return Objects(made, {name: (version, tuple(map(tuple, entries))) for name, (version, entries) in sets.items()}, helpers)


def arm(options: t.Mapping[str, t.Any], host: Host, found: Found, desired: Objects, session: t.Optional[Session]) -> t.Dict[str, t.Any]:
    """Keep what is there, start the timer, and return what the controller needs; ``Refused``, and nothing is armed then."""
    previous = dict(seen(found.actual), texts=found.texts)
    written = seen(actual_state.of(desired, True))
    saved = {"texts": files(desired), "may_lose": options["allow_other_manager"]}
    shelf = Shelf(options["owner"], host.root)
    return rollback.arm(shelf, "firewalld", options["rollback_timeout"], previous, written, saved, session, "firewalld")


def backend(root: str) -> Backend:
    """Return what firewalld does for a rollback."""
    host = Host(root=root)
    return Backend(
        held=lambda: persist.held(root),
        lost=lambda pending: lost(pending, host),
        restore=lambda pending: restore(pending, host),
        confirm=lambda pending: confirm(pending, host),
        saved=lambda pending: persist.Store(prefix(pending.owner), host.root).texts(_names(pending)) == pending.saved["texts"],
    )


def lost(pending: Pending, host: Host) -> t.Optional[str]:
    """Return why firewalld no longer has in force what the run wrote; ``None`` when it has."""
    if connect(host) is None:
        return STOPPED
    found = Found(pending.owner, host, known=_names(pending))
    return None if seen(found.actual) == pending.written else HAND


def confirm(pending: Pending, host: Host) -> t.List[str]:
    """Keep for the next boot what is confirmed; return warnings."""
    persist.Store(prefix(pending.owner), host.root).write(pending.saved["texts"], _names(pending))
    return []


def restore(pending: Pending, host: Host) -> t.List[str]:
    """Put back the rules from before, and return what was done in sentences; an exception when that failed, and it is tried again."""
    store = persist.Store(prefix(pending.owner), host.root)
    texts, told = _merged_texts(store, pending)
    changed = os.path.isdir(store.folder) and store.write(texts, _names(pending))
    daemon = connect(host)
    if daemon is None:
        if services.running("firewalld", host.root, host.proc):
            raise FirewalldError(STARTING)
        return [SAVED if changed else NEVER_WRITTEN] + told + others.finish(host.root, None, host.ruleset()[0], False)
    if daemon.state() == "FAILED":
        daemon.reload()  # it could not load what it was told; the files from before are there again
    found = Found(pending.owner, host, False, _names(pending))
    if seen(found.actual) == {key: pending.previous[key] for key in ("objects", "kernel")}:
        return [RESTORED if changed else NEVER_WRITTEN] + told + found.warnings
    told += _in_force(pending, host, found, texts)
    return [RESTORED if pending.previous["texts"] else REMOVED] + list(dict.fromkeys(told)) + found.warnings


def _names(pending: Pending) -> t.FrozenSet[str]:
    """Return the names of all that was or is ours around a run, whatever it says of itself by now."""
    texts = {persist.name_of(path) for side in (pending.previous, pending.saved) for path in side["texts"]}
    return frozenset(texts) | names(objects_of(pending.previous)) | names(objects_of(pending.written))


def _merged_texts(store: persist.Store, pending: Pending) -> t.Tuple[Texts, t.List[str]]:
    """Return the files that are to be there, and sentences about what somebody has changed in them since."""
    previous, saved = (dict(side["texts"]) for side in (pending.previous, pending.saved))
    now = store.texts(_names(pending))
    before, after, there = (store.objects(texts) for texts in (previous, saved, now))
    strange = {persist.name_of(path) for path in now if path.endswith(".xml")} - names(there)
    if strange:
        return previous, [UNMERGED.format(STRANGE.format(", ".join(sorted(strange))))]
    desired, left, gone = merge(before, after, there)
    try:
        rendered = files(desired)
    except ValueError as error:  # something that has no place in a rule of ours
        return previous, [UNMERGED.format(error)]
    same = _same(before, desired)
    return {**rendered, **{path: text for path, text in previous.items() if not path.endswith(".xml") or persist.name_of(path) in same}}, _said(left, gone)


def _said(left: t.Iterable[str], gone: t.Sequence[str]) -> t.List[str]:
    return [CHANGED_SINCE.format(part) for part in left] + ([GONE.format(", ".join(gone))] if gone else [])


def _same(before: Objects, desired: Objects) -> t.Set[str]:
    """Return the names of what is as it was before: its file is kept to the letter."""
    return {name for sort in Objects._fields for name, old in getattr(before, sort).items() if getattr(desired, sort).get(name) == old}


def _in_force(pending: Pending, host: Host, found: Found, texts: Texts) -> t.List[str]:
    """Have the daemon hold what the files hold and what somebody has changed in it since; return sentences about what is left, or gone."""
    desired, left, gone = merge(objects_of(pending.previous), objects_of(pending.written), actual_state.plain(found.actual.running) or EMPTY)
    writer = Writer(found, host.nft, host.proc, pending.saved["may_lose"])
    writer.prepare(found.actual, found.store.objects(texts), True)
    try:
        writer.write(texts)
    except NotUndone:
        raise
    except FirewalldError as error:
        if not writer.loaded:
            raise
        return [UNMERGED.format(error)]  # the files from before are loaded, as far as firewalld takes them
    if found.daemon is None:
        return writer.said + _said(left, gone)  # what it starts with are the files
    try:
        found.daemon.change(found.daemon.changes(found.daemon.own(found.start, _names(pending)), desired))
    except (BusError, NeedsReload):
        return writer.said + _said([], left + gone)
    return writer.said + _said(left, gone)


def merge(before: Objects, ours: Objects, now: Objects) -> t.Tuple[Objects, t.List[str], t.List[str]]:
    """Return ``(objects, left, gone)``: those from before, but where ``now`` is no longer ``ours``, what is there now.

    ``left`` names these places; ``gone`` are rules that somebody has put into a policy that was not there before, and that goes with it.
    """
    left: t.List[str] = []
    gone: t.List[str] = []
    sets = _values("ipset ", before.sets, ours.sets, now.sets, left)
    helpers = _values("service ", before.services, ours.services, now.services, left)
    policies: t.Dict[str, Policy] = {}
    for name in sorted({*before.policies, *ours.policies, *now.policies}):
        sides = [side.policies.get(name) for side in (before, ours, now)]
        head = _one("policy " + name, [side and side[:4] for side in sides], left)
        lines = [side.rules if side else () for side in sides]
        theirs = gone if head is None else left
        rules = [line for line in sorted({*lines[0], *lines[1], *lines[2]}) if _one("{0}: {1}".format(name, line), [line in of for of in lines], theirs)]
        if head is not None:
            record = next((side.record for side in (sides[0], sides[2]) if side), {})
            policies[name] = Policy(head[0], head[1], head[2], head[3], tuple(rules), record)
    return Objects(policies, _with(sets, policies, now.sets), helpers), left, gone


def _with(sets: t.Dict[str, t.Any], policies: t.Mapping[str, Policy], now: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return the ipsets with those that the rules refer to."""
    used = {name for policy in policies.values() for line in policy.rules for name in now if 'ipset="{0}"'.format(name) in line}
    return {**{name: now[name] for name in used}, **sets}


def _values(what: str, before: t.Mapping[str, t.Any], ours: t.Mapping[str, t.Any], now: t.Mapping[str, t.Any], left: t.List[str]) -> t.Dict[str, t.Any]:
    found = {name: _one(what + name, [side.get(name) for side in (before, ours, now)], left) for name in sorted({*before, *ours, *now})}
    return {name: value for name, value in found.items() if value is not None}


def _one(what: str, sides: t.Sequence[t.Any], left: t.List[str]) -> t.Any:
    """Return what was there before, but where somebody changed what the run wrote, what is there now. ``sides`` are those three."""
    before, ours, now = sides
    if now in (ours, before):
        return before
    left.append(what)
    return now
