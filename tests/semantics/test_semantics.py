# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What flows mean, as one table (README.md): a plan and the oracle give its answers, and share no code in doing so."""

from __future__ import annotations

import pathlib
import typing as t

import estates
import pytest
from oracle import Oracle

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = {case.name: case for case in estates.cases()}


def wrong(case: estates.Case, answer: t.Callable[[estates.Question], bool]) -> list[str]:
    """The questions that were not answered as the table says."""
    return [f"{text}: {'passes' if expected else 'stops'}" for text, question, expected in case.questions if answer(question) is not expected]


@pytest.mark.parametrize("name", CASES)
def test_the_plan_gives_the_answers_of_the_table(name: str) -> None:
    allowed = AllowedSet(_compile.compile_plan(CASES[name].inventory()))
    assert wrong(CASES[name], lambda question: allowed.allows(question.source, question.destination, question.protocol, question.port)) == []


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_gives_the_answers_of_the_table(name: str) -> None:
    oracle = Oracle(CASES[name].inventory(), ROOT / "plugins" / "catalogs")
    assert wrong(CASES[name], lambda question: oracle.allows(*question)) == []


def test_every_section_on_flows_has_cases_and_every_case_a_section() -> None:
    text = ROOT.joinpath("docs", "meaning.md").read_text(encoding="utf-8")
    sections = [line.removeprefix("## ").strip() for line in text.splitlines() if line.startswith("## ")]
    assert {case.section for case in CASES.values()} == set(sections) - {"What always holds"}


def test_cases_have_names_of_their_own_and_questions() -> None:
    assert len(estates.cases()) == len(CASES)
    for case in CASES.values():
        assert case.questions, case.name
        assert set(case.given) <= {"case", "section", "hosts", "everywhere", "today", "passes", "stops"}, case.name
    assert sum(len(case.questions) for case in CASES.values()) > 500
