# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rollback: a change that the controller does not confirm in time is taken back by the host itself.

``arm`` before a run writes, ``confirm`` when the controller has come back, ``fire`` when it has not. One of confirmation and rollback happens.
The caller holds the lock of its backend.
"""

from __future__ import annotations

import secrets
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import ARMED, CONFIRMED, FIRING, Note, Pending, Shelf, now, since_boot
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

NOT_ARMED = "the rules from before could not be kept for a rollback, nothing was changed (rollback_timeout: 0 goes without): {0}"
WAITS = (
    "a run has changed the rules of {0} and waits for its confirmation; without one this host takes the change back in {1:.0f} seconds. Nothing was "
    "changed by this run: wait, then run again"
)
UNREADABLE = "what a run has left for its rollback is not understood, nothing was changed: {0}; look at it, remove it, and run again"
UNFINISHED = "an earlier run has left its rollback unfinished in {0}, and it cannot be finished: {1}"
NOT_CONFIRMED = "the controller did not confirm the change in time"
RESTARTED = "this host was restarted before the controller confirmed the change"
# What a backend says of taking a change back.
NEVER_WRITTEN = "the rules are those from before: there was nothing left to restore"
RESTORED = "the rules from before are in force again"
CHANGED_SINCE = "left alone, because it was changed after the run: {0}"
HAND = "the rules were changed or removed after the run, before they were confirmed"
UNMERGED = "what was changed after the run could not stay ({0}), and the rules from before were restored as they were"
SAME = (
    "the confirmation came over the connection that was open before the change, which shows nothing: rules let pass what is established. Connect anew "
    "(does a proxy or a plugin keep the connection open?)"
)
NOT_SAVED = "the change is confirmed and in force, but could not be saved for the next boot: {0}; the next run saves it"
UNTIDY = "the change is confirmed, in force and saved, but what it has left in {0} could not be removed: {1}; the next run does that"


class Backend(t.NamedTuple):
    """What a backend does for it: hold its lock, say why the host no longer has what was written (``None``: it has), restore or save what was kept.

    ``saved`` tells whether all that ``confirm`` saves is there: a restart has loaded it then.
    """

    held: t.Callable[[], t.ContextManager[t.List[str]]]
    lost: t.Callable[[Pending], t.Optional[str]]
    restore: t.Callable[[Pending], t.List[str]]
    confirm: t.Callable[[Pending], t.List[str]]
    saved: t.Callable[[Pending], bool]


def waiting(shelf: Shelf) -> t.Optional[t.Tuple[str, Pending]]:
    """Return ``(phase, what waits)`` or ``None``; ``Refused`` when that cannot be told."""
    try:
        return shelf.look()
    except (OSError, ValueError) as error:
        raise Refused(UNREADABLE.format(error)) from error


def refuse_while_waiting(shelf: Shelf, check_mode: bool = False) -> None:
    """Raise ``Refused`` while a change waits: what it has loaded must neither be saved nor changed by another run.

    Where nothing waits, what a killed run has left of it goes.
    """
    there = waiting(shelf)
    if there:
        raise Refused(WAITS.format(shelf.owner, shelf.left(there[1])))
    if not check_mode:
        try:
            _finish(shelf)
        except OSError:
            pass  # it harms nobody, and arming says what is wrong with the folder


def refuse_beside(shelf: Shelf, backend: str) -> None:
    """Raise ``Refused`` while a change of another owner waits in rules that all owners of a backend share."""
    for owner in shelf.others():
        there = waiting(Shelf(owner, shelf.root))
        if there and there[1].backend == backend and shelf.left(there[1]):
            raise Refused(WAITS.format(owner, shelf.left(there[1])))


def arm(
    shelf: Shelf,
    backend: str,
    seconds: int,
    previous: t.Any,
    written: t.Any,
    saved: t.Any,
    session: t.Optional[t.Sequence[t.Any]] = None,
    service: t.Optional[str] = None,
) -> t.Dict[str, t.Any]:
    """Keep what is there before it changes, start the timer, and return what the controller needs; ``Refused`` when nothing may change.

    ``service`` loads files at a boot that the run writes before they are confirmed: a restart puts them back before it starts.
    """
    refuse_while_waiting(shelf)
    nonce = secrets.token_hex(8)
    pending = Pending(nonce, shelf.owner, backend, shelf.boot(), since_boot() + seconds, list(session) if session else None, previous, written, saved)
    try:
        shelf.arm(pending, timer.code())
    except (OSError, timer.TimerError) as error:
        raise Refused(NOT_ARMED.format(error)) from error
    try:
        if service:
            timer.at_boot(shelf, pending, service)
        how = timer.start(shelf, pending, seconds)
    except (OSError, timer.TimerError) as error:
        _finish(shelf)
        raise Refused(NOT_ARMED.format(error)) from error
    return {"nonce": nonce, "seconds": seconds, "by": how}


def amend(shelf: Shelf, nonce: str, written: t.Any) -> None:
    """Keep what the host really has after a run has written: only what is that later is taken back."""
    there = waiting(shelf)
    if there and there[0] == ARMED and there[1].nonce == nonce:
        shelf.amend(there[1]._replace(written=written))


def disarm(shelf: Shelf, nonce: str) -> None:
    """Forget what was armed, because nothing was written after all."""
    pending = shelf.take(nonce, FIRING)  # who is ended here has confirmed nothing
    if pending:
        timer.stop(shelf, pending)
        _finish(shelf)


def _finish(shelf: Shelf) -> None:
    """Forget what waited; the token goes behind the unit."""
    timer.not_at_boot(shelf)
    shelf.finish()


def fire(shelf: Shelf, backend: Backend, nonce: str, why: str = NOT_CONFIRMED) -> bool:
    """Take the change of a run back, unless it was confirmed; return whether this was done. A note says what was done.

    The token goes last: what is ended in the middle is done again, by the timer's process or by the next run. Where the disk takes nothing any more, no
    confirmation can take the token, either: the rules are restored all the same, and the error is told.
    """
    try:
        pending = shelf.take(nonce, FIRING)
    except OSError:
        there = shelf.look()
        if there and there[1].nonce == nonce and there[0] != CONFIRMED:
            backend.restore(there[1])
        raise
    if pending is None:
        return False
    what = backend.restore(pending)
    note = shelf.note()
    if note is None or note.nonce != nonce:  # what was killed after it had said so has said it
        shelf.write_note(Note(nonce, shelf.owner, now(), why, what))
    _finish(shelf)
    return True


def confirm(shelf: Shelf, backend: Backend, nonce: str, session: t.Optional[t.Sequence[t.Any]] = None) -> t.Dict[str, t.Any]:
    """Confirm the change of a run. Returns ``confirmed``, ``rolled_back`` (sentences, when the host has taken it back) and ``warnings``.

    Who comes in although the rules are no longer those of the run confirms nothing: the change is taken back then. So is what a restart has ended, a
    confirmation in the middle of saving included.
    ``session`` is the management session that the confirmation comes by; ``Refused`` when it is the one that was open before.
    """
    there = waiting(shelf)
    if there and there[0] == CONFIRMED and there[1].nonce == nonce and there[1].boot != shelf.boot() and not backend.saved(there[1]):
        shelf.give_back()
        there = waiting(shelf)
    if there and there[0] == ARMED and there[1].nonce == nonce:
        if session and there[1].session == list(session):
            raise Refused(SAME)
        why = RESTARTED if there[1].boot != shelf.boot() else backend.lost(there[1])
        if why:
            fire(shelf, backend, nonce, why)
            timer.stop(shelf, there[1])  # not before: where that failed, it tries again
    elif there and there[0] == FIRING and there[1].nonce == nonce:
        fire(shelf, backend, nonce)  # it was ended in the middle
    pending = shelf.take(nonce, CONFIRMED)
    if pending is None:
        return outcome(shelf, nonce)
    timer.stop(shelf, pending)
    try:
        warnings = backend.confirm(pending)
    except Exception as error:  # pylint: disable=broad-except  # whatever it is: from here on nobody takes the change back, and that is said
        return {"confirmed": True, "rolled_back": [], "warnings": [NOT_SAVED.format(error)]}
    try:
        shelf.remember(nonce)
        _finish(shelf)
    except Exception as error:  # pylint: disable=broad-except  # as above
        warnings = warnings + [UNTIDY.format(shelf.shown, error)]
    return {"confirmed": True, "rolled_back": [], "warnings": warnings}


def outcome(shelf: Shelf, nonce: str) -> t.Dict[str, t.Any]:
    """Return what became of a change that waits no more, as ``confirm`` does."""
    note = shelf.note()
    seen = [note.why] + note.what if note and note.nonce == nonce else []
    return {"confirmed": not seen and shelf.remembered() == nonce, "rolled_back": seen, "warnings": []}
