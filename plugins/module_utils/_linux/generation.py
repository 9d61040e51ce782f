# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which generation of a plan a host has: an older plan does not go over a newer one unnoticed.

The memory lasts as long as the rules: in ``/etc`` where they are kept for the next boot, else in ``/run``.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._refusals import OLDER, Refused

ROOT = "/"
KEPT, UNTIL_BOOT = "etc/portcullis/msports", "run/portcullis-msports"
OURS = ("msports", "portcullis", "portcullis-msports")  # folders that go when they are empty
NONE = 0  # before the first one
UNREADABLE = "{0} cannot be read ({1}), so whether this plan is older than the one before is unknown"
UNWRITABLE = "{0} cannot be written ({1}), so an older plan will not be noticed on this host"

Warnings = t.List[str]


class Memory:
    """What one owner's host remembers, below ``root`` (``/`` but in tests): the generation, and behind it the one before while a rollback may come."""

    def __init__(self, owner: str, persist: bool, root: t.Optional[str] = None) -> None:
        folders = (KEPT, UNTIL_BOOT) if persist else (UNTIL_BOOT, KEPT)
        self._files = [os.path.join(root or ROOT, folder, owner + ".generation") for folder in folders]
        self._taken_back = False

    def take_back(self, check_mode: bool) -> None:
        """Go back to the generation before the last one, because the host has taken that back."""
        self._taken_back = True
        self._reduce(check_mode, slice(1, None))

    def trust(self, check_mode: bool) -> None:
        """Forget the generation before the last one: nothing waits and nothing was taken back, so the last one stands."""
        self._reduce(check_mode, slice(1))

    def _reduce(self, check_mode: bool, part: slice) -> None:
        """Keep a part of the numbers of each file that has more than one."""
        for path in self._files if not check_mode else ():
            try:
                numbers = _read(path)
                if len(numbers) > 1:
                    _write(path, numbers[part])
            except (OSError, ValueError):
                pass  # which the check says

    def check(self, generation: int) -> Warnings:
        """Raise ``Refused`` when the host has a later generation; return warnings."""
        warnings = []
        for path in self._files:
            try:
                known = max(_read(path)[-1 if self._taken_back else 0 :][:1], default=generation)
            except (OSError, ValueError) as error:
                warnings.append(UNREADABLE.format(path, error))
                continue
            if known > generation:
                raise Refused(OLDER.format(known, generation))
        return warnings

    def keep(self, generation: int, armed: bool = False) -> Warnings:
        """Remember a generation, and the one before while a rollback is ``armed``; return warnings."""
        path = self._files[0]
        try:
            before = [number for file in self._files for number in _known(file)[:1]] + [NONE] if armed else []
            if _known(path) != [generation] + before[:1]:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                _write(path, [generation] + before[:1])
            _remove(self._files[1])
        except OSError as error:
            return [UNWRITABLE.format(path, error.strerror)]
        return []

    def forget(self) -> None:
        for path in self._files:
            _remove(path)
            folder = os.path.dirname(path)
            while os.path.basename(folder) in OURS:
                _remove_empty(folder)
                folder = os.path.dirname(folder)


def _read(path: str) -> t.List[int]:
    """Return the numbers of a file, none when it is not there."""
    try:
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def _known(path: str) -> t.List[int]:
    try:
        return _read(path)
    except (OSError, ValueError):
        return []


def _write(path: str, numbers: t.List[int]) -> None:
    temporary = "{0}.{1}".format(path, os.getpid())
    with open(temporary, "w", encoding="ascii") as file:
        file.write(" ".join(map(str, numbers)) + "\n")
    os.replace(temporary, path)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it is not there, or what is wrong with it shows when it is read


def _remove_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass
