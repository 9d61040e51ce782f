# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of ``ansible-test sanity`` is read honestly, each test is run where it has something to say, and what was left out is told."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from tools_under_test import lines, load

RUN = ('Running sanity test "pep8"', 'Running sanity test "import" on Python 3.9', 'Running sanity test "pslint"')
SANITY = {
    "all pass": (lines(*RUN), 0, (3, [], [])),
    "one fails": (
        lines(
            *RUN,
            "ERROR: Found 1 pep8 issue(s) which need to be resolved:",
            "ERROR: a.py:1:1: E303: too many",
            "FATAL: The 1 sanity test(s) listed below (out of 3) failed. See error output above for details.",
            "pep8",
        ),
        1,
        (2, ["pep8"], []),
    ),
    "a failure named with its Python": (
        lines(*RUN, "FATAL: The 2 sanity test(s) listed below (out of 3) failed. See error output above for details.", "import --python 3.9", "pep8"),
        1,
        (1, ["import --python 3.9", "pep8"], []),
    ),
    "a tool is missing": (lines(*RUN, 'WARNING: Required program "pwsh" not found.'), 0, (2, [], ["pslint"])),
    "broken off": (lines(*RUN, 'FATAL: Command "x" returned exit status 127.'), 1, (2, ["pslint (broke off)"], [])),
    "an exit code without a word": (lines(*RUN), 2, (2, ["exit code 2"], [])),
    "nothing ran": (lines("WARNING: All targets skipped."), 0, (0, ["no test ran"], [])),
}


@pytest.mark.parametrize("name", SANITY)
def test_the_result_of_ansible_test_is_read_honestly(name: str) -> None:
    output, status, (passed, failed, skipped) = SANITY[name]
    result = load("sanity").read_result(output, status)
    assert (result.passed, result.failed, result.skipped) == (passed, failed, skipped)


NO_PWSH = 'WARNING: Required program "pwsh" not found.'
PWSH = {
    "pslint without pwsh neither passes nor fails": (lines(*RUN, NO_PWSH), 0, False, (2, [], [], ["pslint"])),
    "warnings repeated at the end belong to no test": (
        lines(RUN[2], NO_PWSH, RUN[0], "WARNING: Reviewing previous 1 warning(s):", NO_PWSH),
        0,
        False,
        (1, [], [], ["pslint"]),
    ),
    "with pwsh there, the same words are a skip": (lines(*RUN, NO_PWSH), 0, True, (2, [], ["pslint"], [])),
    "another missing program is a skip": (lines(*RUN, 'WARNING: Required program "shellcheck" not found.'), 0, False, (2, [], ["pslint"], [])),
    "another reason is a skip": (lines(*RUN, 'WARNING: Skipping sanity test "pslint" on this host.'), 0, False, (2, [], ["pslint"], [])),
    "breaking off for want of pwsh is a failure": (
        lines(*RUN, 'FATAL: Command "x" returned exit status 1.', 'FileNotFoundError: Required program for PowerShell arg spec inspection "pwsh" not found.'),
        1,
        False,
        (2, ["pslint (broke off)"], [], []),
    ),
}


@pytest.mark.parametrize("name", PWSH)
def test_what_lacks_pwsh_is_told_and_nothing_else_is_excused(name: str) -> None:
    output, status, pwsh, expected = PWSH[name]
    result = load("sanity").read_result(output, status, pwsh)
    assert (result.passed, result.failed, result.skipped, result.without_pwsh) == expected


def test_what_one_test_does_not_look_at_is_left_out_of_that_one_alone() -> None:
    sanity = load("sanity")
    excluded = ["--exclude", "plugins/modules/win_firewall_policy.ps1"]
    of_plugins = ["--test", "pylint", "--exclude", "tests/"]
    assert sanity.runs_of([], pwsh=True) == sanity.runs_of([], pwsh=False, there=False) == [["--skip-test", "pylint"], of_plugins]
    assert sanity.runs_of([], pwsh=False) == [
        ["--skip-test", "pylint", "--skip-test", "validate-modules"],
        of_plugins,
        ["--test", "validate-modules", *excluded],
    ]
    assert sanity.runs_of(["--test", "pep8"], pwsh=False) == [["--test", "pep8"]]
    assert sanity.runs_of(["--test", "validate-modules"], pwsh=False) == [["--test", "validate-modules", *excluded]]
    assert sanity.runs_of(["--test", "validate-modules"], pwsh=True) == [["--test", "validate-modules"]]
    assert sanity.runs_of(["--test", "pylint", "a.py"], pwsh=True) == [["a.py", "--test", "pylint", "--exclude", "tests/"]]
    assert sanity.runs_of(["--skip-test", "pslint"], pwsh=True) == [["--skip-test", "pslint", "--skip-test", "pylint"], ["--skip-test", "pslint", *of_plugins]]
    several = ["--python", "3.12", "--test", "import", "--test", "validate-modules", "--test", "pep8"]
    assert sanity.runs_of(several, pwsh=True) == [several]
    assert sanity.runs_of(several, pwsh=False) == [
        ["--python", "3.12", "--test", "import", "--test", "pep8"],
        ["--python", "3.12", "--test", "validate-modules", *excluded],
    ]


def test_the_newest_core_runs_every_sanity_test_and_the_others_what_depends_on_them() -> None:
    sanity = load("sanity")
    cores = ["2.19", "2.20", "2.21"]
    assert sanity.tests_for("2.21", cores) == [] and sanity.tests_for("2.19", ["2.19"]) == []
    for core in ("2.19", "2.20"):
        chosen = sanity.tests_for(core, cores)
        assert chosen[::2] == ["--test"] * len(sanity.OF_THE_CORE) and chosen[1::2] == list(sanity.OF_THE_CORE)
    numbers = [tuple(map(int, core.split("."))) for core in sanity.PYTHONS]
    assert numbers == sorted(numbers)  # the last one is the newest


def test_what_was_left_out_is_told_in_a_line_each() -> None:
    sanity = load("sanity")
    commands = [["ansible-test", *run] for run in sanity.runs_of([], pwsh=False)]
    job = sanity.Job(commands, pathlib.Path(), {}, False)
    result = sanity.merge([sanity.Result(passed=3, without_pwsh=["pslint"]), sanity.Result(passed=1, failed=["x"])])
    assert (result.passed, result.failed, result.without_pwsh) == (4, ["x"], ["pslint"])
    told = job.left_out("2.19", result)
    assert [line.split(":")[0] for line in told] == ["NOT RUN", "NOT RUN"] and "::pslint: no pwsh" in told[0] and "win_firewall_policy.ps1: no pwsh" in told[1]
    assert sanity.Job([["ansible-test"]], pathlib.Path(), {}, True).left_out("2.19", sanity.Result(passed=1)) == []


ALL = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@pytest.mark.parametrize(
    ("used", "there", "asked"),
    [
        ({"2.19": "3.11", "2.20": "3.12", "2.21": "3.14"}, ALL, {"2.19": ["3.8", "3.9", "3.10", "3.13"]}),
        ({"2.19": "3.11", "2.20": "3.12", "2.21": "3.13"}, ALL, {"2.19": ["3.8", "3.9", "3.10"], "2.20": ["3.14"]}),
        ({"2.19": "3.13", "2.20": "3.13", "2.21": "3.13"}, ("3.13",), {}),
        ({"2.19": "3.11"}, ("3.11", "3.12"), {"2.19": ["3.12"]}),
        ({"2.20": "3.14", "2.21": "3.14"}, ("3.8", "3.9", "3.14"), {"2.20": ["3.9"]}),  # no core here knows 3.8
    ],
)
def test_each_python_that_is_there_is_asked_once(used: dict[str, str], there: t.Sequence[str], asked: dict[str, list[str]]) -> None:
    sanity = load("sanity")
    assert sanity.pythons_of(used, there) == {version: core for core, versions in asked.items() for version in versions}


def test_pythons_that_are_not_there_are_told() -> None:
    sanity = load("sanity")
    (told,) = sanity.Job([["ansible-test"]], pathlib.Path(), {}, True, ["3.8", "3.14"]).left_out("2.19", sanity.Result(passed=1))
    assert told == "NOT RUN: sanity-2.19: nothing was compiled and imported on Python 3.8, 3.14: it is not here, or no core here knows it"
