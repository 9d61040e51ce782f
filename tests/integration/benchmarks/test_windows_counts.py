# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of Windows counts what it says: calls by the connection, enumerations and commits by the store. Nothing here is timed."""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import windows  # noqa: E402  (a package of the checkout)

SIZE = 3


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> windows.Bench:
    made = windows.Bench(tmp_path_factory.mktemp("bench"))
    made.turn(SIZE, list(windows.CASES))
    return made


def costs(bench: windows.Bench, case: str, run: str) -> tuple[int, int, int]:
    counted = bench.counts[case, SIZE, run]
    return counted.calls, counted.enumerations, counted.commits


def test_ours_is_one_call_unchanged_and_two_changed_with_a_commit_a_change(bench: windows.Bench) -> None:
    assert costs(bench, windows.OURS, windows.FIRST) == (2, 2, SIZE)
    assert costs(bench, windows.OURS, windows.UNCHANGED) == (1, 1, 0)
    assert costs(bench, windows.OURS, windows.CHANGED) == (2, 2, 1)


def test_the_loop_is_a_call_and_an_enumeration_a_rule(bench: windows.Bench) -> None:
    assert costs(bench, windows.LOOPED, windows.FIRST) == (SIZE, SIZE, SIZE)
    assert costs(bench, windows.LOOPED, windows.UNCHANGED) == (SIZE, SIZE, 0)
    assert costs(bench, windows.LOOPED, windows.CHANGED) == (SIZE, SIZE, 1)


def test_counts_that_are_not_as_promised_end_the_benchmark(bench: windows.Bench) -> None:
    good = bench.counts[windows.OURS, SIZE, windows.UNCHANGED]
    wrong: list[dict[str, t.Any]] = [{"calls": 2}, {"enumerations": 2}, {"commits": 1}]
    for change in wrong:
        with pytest.raises(RuntimeError, match="are"):
            bench._check(windows.OURS, SIZE, windows.UNCHANGED, 0, good._replace(**change))


def test_both_come_to_the_same_rules(bench: windows.Bench) -> None:
    """After the last run the store of the loop holds what ours would: the same rules but for the group."""
    looped = [rule for rule in windows.policy_file.read(bench.path)["rules"] if rule["grouping"] == "looped"]
    bench.reset()
    bench._play(windows.OURS, windows.rules(SIZE, windows.tenth(SIZE)))
    ours = windows.policy_file.own(windows.policy_file.read(bench.path))
    plain = [sorted(json.dumps({**rule, "grouping": "", "key": ""}, sort_keys=True) for rule in rules) for rules in (looped, ours)]
    assert plain[0] == plain[1] and len(ours) == SIZE
