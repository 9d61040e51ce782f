# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that failed on booted containers, once more by themselves when everything else has ended.

What boots there shares the machine with all other parts, so a failure may be one of the machine. A test that passes then counts as passed, and is told as
flaky: it is a fault of the test, or of what it tests, and to be mended. More than a few failures are none of the machine, and stay.
"""

from __future__ import annotations

import typing as t

MOST = 3


class Counts(t.Protocol):
    """What a part came to: ``failures`` are the tests that failed, as pytest names them, with why."""

    passed: int
    failed: int
    failures: dict[str, str]
    said: list[str]
    shown: list[str]


Outcome = t.TypeVar("Outcome", bound=Counts)


def failed_line(name: str, why: str) -> str:
    """The line of the summary: enough to see what is wrong."""
    short = " ".join(why.split())
    return f"FAILED: {name}" + (f": {short if len(short) <= 300 else short[:300] + '...'}" if short else "")


def run_again(outcomes: t.Mapping[str, Outcome], ways: t.Mapping[str, t.Callable[[str], Outcome]]) -> list[str]:
    """Run the failed tests of the parts in ``ways`` again, each by itself, and put what they come to into ``outcomes``; return what is to be told now.

    Nothing is run where more than ``MOST`` tests failed in these parts together, or where a part failed by something that is no test.
    """
    parts = [name for name in ways if name in outcomes and outcomes[name].failed]
    tests = [(part, test) for part in parts for test in outcomes[part].failures]
    if len(tests) > MOST or any(outcomes[part].failed != len(outcomes[part].failures) for part in parts):
        return []
    told = []
    for part, test in tests:
        first, second = outcomes[part], ways[part](test)
        if (second.passed, second.failed) == (1, 0):
            first.said.remove(failed_line(test, first.failures.pop(test)))
            first.said.append(f"FLAKY: {test}: failed, then passed")
            first.passed, first.failed = first.passed + 1, first.failed - 1
            told.append(first.said[-1])
        else:
            told += [f"{test}: failed once more, by itself:", *second.shown]
    return told
