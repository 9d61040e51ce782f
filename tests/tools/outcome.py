# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a part of the checks is, and what it came to."""

from __future__ import annotations

import time
import traceback
import typing as t
from dataclasses import dataclass, field

from skips import allowed


@dataclass
class Outcome:
    """What a part of the run came to. ``skipped`` holds names of tests, ``said`` what must not be overlooked (told at the end), ``shown`` what explains
    failures (told with the part). ``failures`` are the tests that failed, as pytest names them, with why."""

    passed: int = 0
    failed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Part:
    name: str
    group: str
    run: t.Callable[[bool], Outcome]  # whether nothing else runs, so that its output can be shown as it goes
    by_name: bool = False  # only runs where its group is asked for
    again: t.Optional[t.Callable[[str], Outcome]] = None  # runs one of its tests by itself, where a failure may be one of the machine


def judge(part: Part, outcome: Outcome) -> Outcome:
    """Turn skips that nobody allowed into failures."""
    for name in outcome.skipped:
        verdict = "allowed by MSPORTS_SKIP" if allowed(name) else "counts as failed: nothing is skipped unless MSPORTS_SKIP names it"
        outcome.said.append(f"SKIPPED: {name} ({verdict})")
    outcome.failed += sum(not allowed(name) for name in outcome.skipped)
    outcome.skipped = [name for name in outcome.skipped if allowed(name)]
    return outcome


def timed(part: Part, alone: bool) -> Outcome:
    """Run one part, with the time that it took. A part that breaks is a failed one, and the others still run."""
    start = time.monotonic()
    try:
        outcome = judge(part, part.run(alone))
    except Exception as error:  # pylint: disable=broad-except
        outcome = Outcome(failed=1, said=[f"BROKEN: {part.name}: {type(error).__name__}: {error}"], shown=[traceback.format_exc().rstrip()])
    outcome.seconds = time.monotonic() - start
    return outcome


def summary(part: Part, outcome: Outcome) -> str:
    return f"{part.name:<18} {outcome.passed:>6} passed {outcome.failed:>4} failed {outcome.seconds:>7.1f} s"
