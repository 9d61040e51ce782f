# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a host keeps of its rules before they change, until the controller has come back over a new connection.

A run arms before it writes: it keeps a ``Pending`` in a folder that only root can enter, with a copy of the code that restores it. Then a timer waits.
In time, the controller *confirms*; else the timer *fires*, and the host restores its previous rules by itself. One file, ``armed.json``, is the token of
both: each renames it to a name of its own, so exactly one of the two happens, and what a sudden end interrupted is seen and finished later.

Everybody who calls these functions holds the lock of a run.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import read_text, replace

FOLDER = "var/lib/portcullis/msports"
BOOT_ID = "sys/kernel/random/boot_id"
STARTED = 19  # the place of a process's start behind its name
CODE, NOTE = "code.zip", "rolled_back.json"
ARMED, FIRING, CONFIRMED = "armed", "firing", "confirmed"
PHASES = (ARMED, FIRING, CONFIRMED)
FORMAT = 1


class Pending(t.NamedTuple):
    """Rules that were written and not confirmed yet.

    ``nonce`` names the run. ``backend`` restores ``previous``, where what is ours is still ``written``; ``saved`` is what a confirmation keeps for the
    next boot. The three are JSON values that only the backend reads. ``boot`` is the id of the boot, ``deadline`` in seconds since that boot. ``session`` is
    the one management session that the run came by, as a list, or ``None`` where that is not known.
    """

    nonce: str
    owner: str
    backend: str
    boot: str
    deadline: float
    session: t.Any
    previous: t.Any
    written: t.Any
    saved: t.Any


class Note(t.NamedTuple):
    """What a host did by itself: ``why`` is a sentence, ``what`` are sentences, ``when`` is UTC in ISO form."""

    nonce: str
    owner: str
    when: str
    why: str
    what: t.List[str]


class Shelf:
    """The files of one owner below ``root`` (``/`` but in tests)."""

    def __init__(self, owner: str, root: str = "/", proc: str = "/proc") -> None:
        self.owner = owner
        self.shown = "/{0}/{1}".format(FOLDER, owner)
        self.folder = os.path.join(root, FOLDER, owner)
        self.code = os.path.join(self.folder, CODE)
        self.root = root
        self._last = os.path.join(root, "run", "portcullis-msports.{0}.confirmed".format(owner))
        self._proc = proc

    def boot(self) -> str:
        """Return the id of the present boot: what an earlier one has armed waits for nothing any more.

        A container has the id of its host; there the start of its first process tells one boot from another.
        """
        first = (read_text(os.path.join(self._proc, "1/stat")) or "").rpartition(")")[2].split()
        return " ".join([(read_text(os.path.join(self._proc, BOOT_ID)) or "").strip()] + first[STARTED : STARTED + 1])

    def look(self) -> t.Optional[t.Tuple[str, Pending]]:
        """Return ``(phase, what waits in it)``, or ``None``. ``ValueError`` for a file that cannot be understood: that is not nothing."""
        for phase in PHASES:
            text = read_text(self._file(phase))
            if text is None:
                continue
            try:
                content = json.loads(text)
                if content.pop("format") != FORMAT:
                    raise ValueError("it has another format")
                return phase, Pending(**content)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError("{0}/{1}.json cannot be read: {2}".format(self.shown, phase, error)) from error
        return None

    def others(self) -> t.List[str]:
        """Return the other owners who keep something here."""
        folder = os.path.dirname(self.folder)
        return sorted(set(os.listdir(folder)) - {self.owner}) if os.path.isdir(folder) else []

    def left(self, pending: Pending) -> float:
        """Return the seconds until a timer fires; 0 when its time is over, be it by a restart."""
        return max(0.0, pending.deadline - since_boot()) if pending.boot == self.boot() else 0.0

    def arm(self, pending: Pending, code: bytes) -> None:
        """Keep ``pending`` and the code that restores it; ``OSError`` when that fails, and nothing is armed then."""
        self._make_folder()
        try:
            replace(self.code, code, 0o600)
            self.amend(pending)
        except OSError:
            self.finish()
            raise

    def amend(self, pending: Pending) -> None:
        """Keep another value of what waits, before anybody can have taken it."""
        replace(self._file(ARMED), json.dumps(dict(pending._asdict(), format=FORMAT), sort_keys=True), 0o600)

    def take(self, nonce: str, phase: str) -> t.Optional[Pending]:
        """Take the token of a run for ``phase`` and return what it held; ``None`` when the other one has it, or the run is another.

        What was taken for the same phase before, and not finished, is given again.
        """
        there = self.look()
        if there is None or there[1].nonce != nonce or there[0] not in (ARMED, phase):
            return None
        if there[0] == ARMED:
            try:
                os.rename(self._file(ARMED), self._file(phase))
            except FileNotFoundError:
                return None
        return there[1]

    def give_back(self) -> None:
        """Give back the token of a confirmation that a restart has ended."""
        os.rename(self._file(CONFIRMED), self._file(ARMED))

    def finish(self) -> None:
        """Forget what waited, whatever its phase. A note stays."""
        for phase in PHASES:
            if os.path.exists(self._file(phase)):
                os.unlink(self._file(phase))
        self.tidy()

    def remember(self, nonce: str) -> None:
        """Remember which change was confirmed last, until the next boot: an answer that was lost on its way can be asked for again."""
        replace(self._last, nonce, 0o600)

    def remembered(self) -> t.Optional[str]:
        """Return the nonce of the change that was confirmed last."""
        return read_text(self._last)

    def note(self) -> t.Optional[Note]:
        """Return what the host did by itself, until somebody has read it."""
        text = read_text(os.path.join(self.folder, NOTE))
        try:
            return None if text is None else Note(**json.loads(text))
        except (TypeError, ValueError) as error:
            return Note("", self.owner, "", "{0}/{1} cannot be read: {2}".format(self.shown, NOTE, error), [])

    def write_note(self, note: Note) -> None:
        self._make_folder()
        replace(os.path.join(self.folder, NOTE), json.dumps(note._asdict(), sort_keys=True), 0o600)

    def forget_note(self) -> None:
        if os.path.exists(os.path.join(self.folder, NOTE)):
            os.unlink(os.path.join(self.folder, NOTE))
            self.tidy()

    def _file(self, phase: str) -> str:
        return os.path.join(self.folder, phase + ".json")

    def _make_folder(self) -> None:
        """Make the folder. One that others may enter, or a link, is no place for what root will run."""
        os.makedirs(os.path.dirname(self.folder), 0o755, exist_ok=True)
        try:
            os.mkdir(self.folder, 0o700)
        except FileExistsError:
            pass
        state = os.lstat(self.folder)
        if os.path.islink(self.folder) or not os.path.isdir(self.folder) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
            raise OSError("{0} is not a folder that only root can enter; remove it and run again".format(self.shown))

    def tidy(self) -> None:
        """Remove what nobody needs any more, folders that are empty then included: what was killed in the middle leaves some of them."""
        if any(os.path.exists(self._file(phase)) for phase in PHASES):
            return
        if os.path.exists(os.path.join(self.folder, NOTE)):
            if os.path.exists(self.code):
                os.unlink(self.code)
            return
        if os.path.isdir(self.folder):
            shutil.rmtree(self.folder)
        folder = os.path.dirname(self.folder)
        while os.path.relpath(folder, self.root) in (FOLDER, os.path.dirname(FOLDER)):
            if os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)
            folder = os.path.dirname(folder)


def since_boot() -> float:
    """Return the seconds since the boot, those of a suspended machine included: a clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def now() -> str:
    """Return the present time as UTC in ISO form, for people."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
