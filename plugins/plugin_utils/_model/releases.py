# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Releases of a product: numbers that order. Editions of its documentation are named by the release, or by the date, that they are about."""

from __future__ import annotations

import re
import typing as t

NUMBER = r"[0-9]+(?:[.-][0-9]+)*"
Release = t.Tuple[int, ...]
_RELEASE = re.compile(NUMBER)
_COMPARISON = re.compile(rf"\s*(<=|>=|<|>|==|!=)\s*({NUMBER})\s*")
_COMPARE: dict[str, t.Callable[[Release, Release], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def is_release(text: str) -> bool:
    """Tell whether ``text`` is a release: ``1806``, ``3.1``, ``2019-12``."""
    return _RELEASE.fullmatch(text) is not None


def is_like(text: str, editions: t.Collection[str]) -> bool:
    """Tell whether a release may be one of a product with such ``editions``: its first number has as many digits as one of theirs."""
    return not editions or len(_first(text)) in {len(_first(edition)) for edition in editions}


def _first(text: str) -> str:
    return re.split("[.-]", text)[0]


def release(text: str) -> Release:
    """Return the numbers of a release, which order as releases do: ``9`` before ``10``, ``2019-12`` before ``2021-04``."""
    return tuple(int(part) for part in re.split("[.-]", text))


def holds_in_release(condition: str, running: str) -> bool:
    """Tell whether the release ``running`` (``"1802"``) meets all comparisons of ``condition`` (``">=1706,<1802"``)."""
    return all(_holds(comparison, running) for comparison in condition.split(","))


def edition_for(editions: t.Iterable[str], running: t.Optional[str] = None) -> str:
    """Return the edition that tells of a running release: the newest that is not newer. Without a release, the newest.

    A release older than all editions gets the oldest, which says most of it.
    """
    ordered = sorted(editions, key=release)
    if running is None:
        return ordered[-1]
    return next((edition for edition in reversed(ordered) if release(edition) <= release(running)), ordered[0])


def _holds(comparison: str, running: str) -> bool:
    match = _COMPARISON.fullmatch(comparison)
    if not match:
        raise ValueError(f"{comparison!r} is not a condition on releases, such as '<1802'")
    return _COMPARE[match.group(1)](release(running), release(match.group(2)))
