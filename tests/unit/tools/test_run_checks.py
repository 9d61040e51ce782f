# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test` runs every part and every folder of tests once, and counts honestly what passed, failed, was skipped or was not run."""

from __future__ import annotations

import pathlib

import pytest
from tools_under_test import ROOT, TOOLS, WITHOUT_HYPOTHESIS, lines, load


def test_a_skip_counts_as_failed_unless_it_is_allowed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    checks, results = load("parts"), load("outcome")
    part = checks.PARTS[0]
    monkeypatch.setenv("MSPORTS_SKIP", "tests/unit/test_a.py::*, lab")
    outcome = results.judge(part, results.Outcome(passed=5, skipped=["tests/unit/test_a.py::test_x", "tests/unit/test_b.py::test_y"]))
    assert (outcome.passed, outcome.failed, outcome.skipped) == (5, 1, ["tests/unit/test_a.py::test_x"])
    assert [line for line in outcome.said if "test_y (counts as failed" in line] and results.allowed("lab") and not results.allowed("unit")


def test_pytest_runs_are_counted_with_every_kind_of_end(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = load("parts")
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    path = tmp_path / "test_sample.py"
    path.write_text(
        lines(
            "import pytest",
            "def test_good(): pass",
            "def test_bad(): assert False",
            "def test_left(): pytest.skip('why')",
            "@pytest.fixture",
            "def broken(): raise ValueError",
            "def test_error(broken): pass",
        ),
        encoding="utf-8",
    )
    for alone in (True, False):
        outcome = checks.run_pytest("sample", [str(path), "-p", "no:randomly", *WITHOUT_HYPOTHESIS], alone)
        assert (outcome.passed, outcome.failed, len(outcome.skipped)) == (1, 2, 1)
        assert ["test_bad" in text for text in outcome.shown] == ([] if alone else [True])
        said = [text.rpartition("::")[2] for text in outcome.said]
        assert said[0] == "test_bad: assert False" and said[1].startswith("test_error: ") and "ValueError" in said[1]
    nothing = checks.run_pytest("nothing", [str(tmp_path / "gone.py"), *WITHOUT_HYPOTHESIS], True)
    assert (nothing.passed, nothing.failed) == (0, 1)


def test_a_part_that_breaks_is_a_failed_one_and_the_others_run() -> None:
    checks, results = load("run_checks"), load("outcome")

    def breaks(_alone: bool) -> None:
        raise OSError("disk full")

    good, bad = results.Part("good", "lab", lambda _alone: results.Outcome(passed=1)), results.Part("bad", "containers", breaks)
    result, outcomes = checks.run_all([bad, good])
    assert [line.split()[:5:2] for line in result] == [["bad", "passed", "failed"], ["good", "passed", "failed"]]
    assert [(name, outcomes[name].passed, outcomes[name].failed) for name in ("bad", "good")] == [("bad", 0, 1), ("good", 1, 0)]
    assert outcomes["bad"].said == ["BROKEN: bad: OSError: disk full"] and "in breaks" in outcomes["bad"].shown[0]


def test_every_part_is_in_one_chain() -> None:
    checks = load("run_checks")
    assert sorted(part.name for chain in checks.CHAINS for part in chain) == sorted(part.name for part in load("parts").PARTS)
    assert {part.group for part in load("parts").PARTS} >= {"sanity", "molecule", "containers", "windows"}


def test_of_molecule_the_whole_run_has_the_scenario_with_every_backend() -> None:
    parts = load("parts").PARTS
    assert [part.name for part in parts if part.group == "molecule" and not part.by_name] == ["molecule-mixed"]
    assert {part.group for part in parts if part.by_name} == {"molecule"}


def test_every_folder_of_integration_tests_is_run_once() -> None:
    checks = load("parts")
    folders = {path.parent for path in (ROOT / "tests" / "integration").rglob("test_*.py")}
    chosen = [ROOT / path for path in (*checks.integration(), *(path for part in checks.FOLDERS for path in checks.folders(part)))]
    assert len(chosen) == len(set(chosen))
    assert all(path.exists() for path in chosen)
    for folder in folders:
        assert any(path in (folder, *folder.parents) or path.parent == folder for path in chosen), folder


HOOK = "import runpy\npytest_collection_modifyitems = runpy.run_path({!r})['pytest_collection_modifyitems']\n"


def test_what_is_named_is_skipped_before_anything_is_set_up(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks, results = load("parts"), load("outcome")
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    tmp_path.joinpath("conftest.py").write_text(HOOK.format(str(TOOLS.parent / "conftest.py")), encoding="utf-8")
    for name in ("one", "two"):
        text = lines("import pytest", "@pytest.fixture(scope='session')", "def container(): pytest.fail('cannot run')", "def test_it(container): pass")
        tmp_path.joinpath(f"test_{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MSPORTS_SKIP", "*test_one.py::*")
    outcome = results.judge(checks.PARTS[0], checks.run_pytest("sample", [str(tmp_path), "-p", "no:cacheprovider", *WITHOUT_HYPOTHESIS], True))
    assert (outcome.passed, outcome.failed, len(outcome.skipped)) == (0, 1, 1)
    assert [line for line in outcome.said if "test_one.py::test_it (allowed by MSPORTS_SKIP)" in line]


def test_the_page_on_testing_names_every_part_and_how_containers_are_left_out() -> None:
    page = ROOT.joinpath("TESTING.md").read_text(encoding="utf-8")
    checks = load("parts")
    named = {part.name for part in checks.PARTS} | {f"tests/integration/{folder}/*" for folders in checks.FOLDERS.values() for folder in folders}
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("part", ["windows-pwsh", "windows-wine", "sanity-2.21", "core-2.20"])
def test_a_part_that_needs_a_newer_python_is_told_and_not_failed(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a bare Debian 12, also where a PowerShell is named."""
    checks = load("parts")
    monkeypatch.setattr(checks.sanity, "find_python", lambda _core: None)
    monkeypatch.setattr(checks.engines, "named", lambda _name: None)
    monkeypatch.setenv("MSPORTS_WINDOWS_POWERSHELL", "/some/PowerShell.zip")
    # Of .venv's own core there is no part, so its number is taken from another one.
    run = {found.name: found.run for found in checks.PARTS}.get(part) or (lambda alone: checks.run_on_core("2.20", alone))
    outcome = run(False)
    assert (outcome.passed, outcome.failed) == (0, 0)
    (said,) = outcome.said
    assert said.startswith("NOT RUN") and "needs a Python from 3.12 to 3.14, none is here" in said
