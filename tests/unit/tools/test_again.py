# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few failed tests on booted containers are run once more, and told as flaky; no other failure is excused."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from tools_under_test import WITHOUT_HYPOTHESIS, load


def test_the_summary_says_why_a_test_failed() -> None:
    line = load("again").failed_line
    assert line("a.py::test_x", "AssertionError: exit 1:\n  no such\ttable\n") == "FAILED: a.py::test_x: AssertionError: exit 1: no such table"
    assert line("a.py::test_x", "") == "FAILED: a.py::test_x"
    assert len(line("", "x" * 5000)) < 330


def failing(*tests: str, others: int = 0) -> t.Any:
    """What a part comes to in which these tests failed, for a reason, and so many things that are no tests."""
    why = dict.fromkeys(tests, "for a reason")
    said = [load("again").failed_line(name, text) for name, text in why.items()]
    return load("outcome").Outcome(passed=10, failed=len(tests) + others, failures=why, said=said)


def test_a_failed_test_on_a_booted_container_is_run_once_more_and_told_as_flaky_when_it_passes() -> None:
    checks, results = load("run_checks"), load("outcome")
    ran: list[str] = []

    def again(test: str) -> t.Any:
        ran.append(test)
        return results.Outcome(passed=1) if test == "waits" else results.Outcome(failed=1, shown=["the second time"])

    parts = [
        results.Part("one", "containers", lambda _alone: failing("waits", "is wrong"), again=again),
        results.Part("other", "unit", lambda _alone: failing("a unit")),
    ]
    lines_told, outcomes = checks.run_all(parts)
    assert ran == ["waits", "is wrong"]
    assert outcomes["one"].said == ["FAILED: is wrong: for a reason", "FLAKY: waits: failed, then passed"]
    assert (outcomes["one"].passed, outcomes["one"].failed, outcomes["other"].failed) == (11, 1, 1)
    assert [line.split()[1:5:2] for line in lines_told] == [["11", "1"], ["10", "1"]]


@pytest.mark.parametrize(
    ("tests", "others", "second"),
    [
        ((("a", "b"), ("c", "d")), 0, (1, 0)),
        ((("a",), ()), 1, (1, 0)),  # something failed that is no test
        ((("a",), ()), 0, (0, 0)),  # nothing ran the second time
        ((("a",), ()), 0, (1, 1)),
    ],
)
def test_what_no_second_run_excuses(tests: tuple[tuple[str, ...], ...], others: int, second: tuple[int, int]) -> None:
    """More than three failures in all parts together, or what is no test: nothing is run again. And a second run that did not just pass changes nothing."""
    again = load("again")
    outcomes = {name: failing(*failed, others=others) for name, failed in zip(("ufw", "boot"), tests, strict=True)}
    before = {name: (outcome.passed, outcome.failed, list(outcome.said)) for name, outcome in outcomes.items()}
    ran: list[str] = []

    def way(test: str) -> t.Any:
        ran.append(test)
        return load("outcome").Outcome(passed=second[0], failed=second[1])

    told = again.run_again(outcomes, {"ufw": way, "boot": way})
    assert before == {name: (outcome.passed, outcome.failed, outcome.said) for name, outcome in outcomes.items()}
    assert bool(ran) is bool(told) is (second != (1, 0))


STOPS = """
import pytest
def test_fails(): assert False
def test_stops(): pytest.exit("stopped", returncode=CODE)
def test_never_ran(): assert False
"""


@pytest.mark.parametrize("code", [2, 3])
def test_a_run_that_stops_after_a_failure_is_no_failed_test_alone(code: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not run any more is not made good by running the failed test again."""
    checks, results, again = load("parts"), load("outcome"), load("again")
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    (tmp_path / "test_stops.py").write_text(STOPS.replace("CODE", str(code)))
    outcome = checks.run_pytest("part", [str(tmp_path / "test_stops.py"), *WITHOUT_HYPOTHESIS], False)
    assert (outcome.failed, len(outcome.failures)) == (2, 1)
    assert outcome.said[-1] == f"FAILED: part: pytest ended with exit code {code}"
    assert again.run_again({"part": outcome}, {"part": lambda _test: results.Outcome(passed=1)}) == []


def test_only_tests_on_booted_containers_are_run_again() -> None:
    parts = {part.name for part in load("parts").PARTS if part.again}
    assert {name for name in parts if not name.startswith("molecule-")} == {"firewalld", "ufw", "boot", "other-release"}
    assert "molecule-mixed" in parts
