# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What earlier runs have left of their rollback, and what a timer runs: the one place that knows which backend restores what."""

from __future__ import annotations

import sys
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.rollback import Backend
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import ARMED, CONFIRMED, Note, Pending, Shelf, since_boot
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.timer import AT_BOOT
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import NOTED, Refused

UNFIRED = "the controller did not confirm the change, and the timer did not fire; a later run took the change back"
LATER = "an earlier run has left its rollback unfinished, so this check would tell nothing of what comes; the next run that is no check finishes it"
RETRY_SECONDS = 5


def backend_of(name: str, root: str = "/") -> Backend:
    """Return what a backend does for a rollback; ``ValueError`` when there is none of that name. Each is imported only when it is used."""
    if name == "nftables":
        from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import undo as nftables

        return nftables.backend(root)
    if name == "ufw":
        from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import undo as ufw

        return ufw.backend(root)
    if name == "firewalld":
        from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import undo as firewalld

        return firewalld.backend(root)
    raise ValueError("no backend is called {0!r}".format(name))


def confirm(shelf: Shelf, nonce: str, session: t.Optional[t.Sequence[t.Any]] = None) -> t.Dict[str, t.Any]:
    """Confirm a change, or say what became of it when nothing waits any more. Returns what ``host.rollback.confirm`` does."""
    there = rollback.waiting(shelf)
    if there is None:
        return rollback.outcome(shelf, nonce)
    backend = backend_of(there[1].backend, shelf.root)
    with backend.held():
        return rollback.confirm(shelf, backend, nonce, session)


def settle(shelf: Shelf, check_mode: bool) -> t.Tuple[t.Optional[Note], t.List[str]]:
    """Finish what earlier runs have left; return ``(note of what the host did by itself, warnings)``. ``Refused`` while another run waits."""
    there = rollback.waiting(shelf)
    if there is None:
        return _noted(shelf.note(), [])
    phase, pending = there
    if phase == ARMED and shelf.left(pending):
        raise Refused(rollback.WAITS.format(shelf.owner, shelf.left(pending)))
    if check_mode:
        raise Refused(LATER)
    backend = backend_of(pending.backend, shelf.root)
    try:
        with backend.held() as warnings:
            if phase == CONFIRMED:
                warnings = warnings + rollback.confirm(shelf, backend, pending.nonce)["warnings"]
            else:
                rollback.fire(shelf, backend, pending.nonce, _why(shelf, pending))
    except OSError as error:
        raise Refused(rollback.UNFINISHED.format(shelf.shown, error)) from error
    if rollback.waiting(shelf):
        raise Refused(rollback.UNFINISHED.format(shelf.shown, "; ".join(warnings)))
    return _noted(shelf.note(), list(warnings))


def _why(shelf: Shelf, pending: Pending) -> str:
    return UNFIRED if pending.boot == shelf.boot() else rollback.RESTARTED


def _noted(note: t.Optional[Note], warnings: t.List[str]) -> t.Tuple[t.Optional[Note], t.List[str]]:
    return note, warnings + ([NOTED.format(note.when, "; ".join([note.why] + note.what))] if note else [])


def main(arguments: t.Sequence[str]) -> int:
    """Fire: ``OWNER NONCE ROOT [SECONDS | boot]``, what a timer runs. It tries again for as long as it fails: nobody else will.

    At a boot it tries once, because a service waits for it, and only for what an earlier boot has armed.
    """
    owner, nonce, root = arguments[:3]
    shelf, booting = Shelf(owner, root), arguments[3:] == [AT_BOOT]
    end = since_boot() + float(arguments[3] if arguments[3:] and not booting else 0)
    while True:
        try:
            there = shelf.look()
            if there is None or there[1].nonce != nonce or (booting and there[1].boot == shelf.boot()):
                return 0
            if since_boot() < end:
                time.sleep(min(1.0, end - since_boot()))
                continue
            backend = backend_of(there[1].backend, root)
            with backend.held():
                rollback.fire(shelf, backend, nonce, rollback.NOT_CONFIRMED if there[1].boot == shelf.boot() else rollback.RESTARTED)
            return 0
        except Exception as error:  # pylint: disable=broad-except  # whatever it is: without this process nobody opens the host again
            sys.stderr.write("rollback of {0}: {1}\n".format(owner, error))  # which systemd keeps in its journal
            sys.stderr.flush()
            if booting:
                return 1
            time.sleep(RETRY_SECONDS)
