# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Problems and the error that carries them: all at once, each with path, value, expectation and nearest name."""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that stops the work.

    ``path``      where: ``mp01: msports_roles[0]`` or ``configmgr/1806.yml: flows[4].ports[1]``
    ``value``     the offending value as text (``repr`` form), or ``None`` when something is missing
    ``expected``  what would be right, and what to do, as a sentence without a full stop
    ``nearest``   the nearest valid name, when one is near enough
    """

    path: str
    value: t.Optional[str]
    expected: str
    nearest: t.Optional[str] = None

    def __str__(self) -> str:
        value = "" if self.value is None else f"{self.value}: "
        nearest = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.path}: {value}{self.expected}{nearest}"


class MsportsError(Exception):
    """Something the user can mend. ``problems`` is never empty; the text lists all of them, sorted."""

    def __init__(self, problems: t.Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems), key=lambda p: (p.path, p.value or "", p.expected)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class CatalogError(MsportsError):
    """A catalog, or a request that names something no catalog has, is wrong."""


class InventoryError(MsportsError):
    """The estate that the inventory describes is wrong."""


class UnsupportedRuleError(MsportsError):
    """A backend cannot express rules of the plan. Nothing is widened and nothing is dropped."""


class Problems:
    """A collector: stages add to it and go on, and the caller raises once."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, path: str, value: object, expected: str, known: t.Iterable[str] = ()) -> None:
        """Add one problem. ``value`` may be ``MISSING``; ``known`` are the valid names to search for the nearest."""
        text = None if value is MISSING else repr(value)
        self._found.append(Problem(path, text, expected, nearest(str(value), known)))

    def extend(self, problems: t.Iterable[Problem]) -> None:
        self._found.extend(problems)

    def __iter__(self) -> t.Iterator[Problem]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def raise_as(self, error: type[MsportsError]) -> None:
        """Raise ``error`` with everything that was found; do nothing when nothing was."""
        if self._found:
            raise error(self._found)


class _Missing:
    def __repr__(self) -> str:
        return "(missing)"


MISSING = _Missing()


NEAR = 0.75  # below this share of common letters a name is another name, not the same one with a slip
NEAR_BEGINNING = 0.6  # the same where one name goes on after the other: bool and boolean


def some(names: t.Iterable[str], most: int = 3) -> str:
    """Name the first few of many: ``a, b, c and 4 more``."""
    ordered = sorted(names)
    return ", ".join(ordered[:most]) + (f" and {len(ordered) - most} more" if len(ordered) > most else "")


def counted(number: int, thing: str, things: str = "") -> str:
    """Return ``1 host`` or ``2 hosts``."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def capped(lines: t.Iterable[str], most: int = 10) -> t.Iterator[str]:
    """Yield the first of many lines, and how many are left out."""
    every = list(lines)
    yield from every[:most]
    if len(every) > most:
        yield f"... and {len(every) - most} more like these"


def nearest(name: str, known: t.Iterable[str]) -> t.Optional[str]:
    """Return the valid name that is most like ``name``, or ``None`` when none is near, or when two are equally so.

    What both have in front, a product or a prefix, says nothing: ``configmgr_mp`` is not near to ``configmgr_client``.
    """
    found: list[tuple[tuple[float, bool], str]] = []
    for other in set(known):
        mine, theirs = _telling(name, other)
        matcher = difflib.SequenceMatcher(None, mine, theirs)
        least = NEAR_BEGINNING if mine.startswith(theirs) or theirs.startswith(mine) else NEAR
        alike = matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least and matcher.ratio() >= least
        if alike or one_slip(mine, theirs) or sorted(mine.split("_")) == sorted(theirs.split("_")):
            found.append(((matcher.ratio(), ("." in name) == ("." in other)), other))
    best = max((rank for rank, _other in found), default=None)
    names = [other for rank, other in found if rank == best]
    return names[0] if len(names) == 1 else None


def _telling(name: str, other: str) -> tuple[str, str]:
    """Return the parts of two names that are worth comparing: behind a common first part, or behind a product that only one of them names."""
    if "." in other and "." not in name:
        return name, other.partition(".")[2]
    mark = "." if "." in name and "." in other else "_"
    first, _mark, mine = name.partition(mark)
    start, _mark, theirs = other.partition(mark)
    return (mine, theirs) if first == start and mine and theirs else (name, other)


def one_slip(mine: str, theirs: str) -> bool:
    """Tell whether one letter was added, lost or mistaken, or two were swapped: short names have few letters in common then."""
    if min(len(mine), len(theirs)) < 3:
        return False
    while mine and theirs and mine[0] == theirs[0]:
        mine, theirs = mine[1:], theirs[1:]
    while mine and theirs and mine[-1] == theirs[-1]:
        mine, theirs = mine[:-1], theirs[:-1]
    return (len(mine) < 2 and len(theirs) < 2) or (len(mine) == 2 and mine == theirs[::-1])
