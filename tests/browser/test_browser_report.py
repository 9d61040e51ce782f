# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in a real browser: its figures, its links, its search, its colours, and nothing that leaves the machine. Run by ``make browser``."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from browser import Browser

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._matrix.matrix import rows
from ansible_collections.portcullis.msports.plugins.plugin_utils._report import forms
from ansible_collections.portcullis.msports.tests.benchmarks import estates

HOSTILE = '"><img src=x onerror=window.broken=1><script>window.broken=1</script>'
PLAN = _compile.compile_plan(estates.networks(200))
PLAN["notes"].append({"code": "estate", "host": HOSTILE, "text": HOSTILE})
VISIBLE_ROWS = "[...document.querySelectorAll('tbody tr')].filter(row => row.offsetParent !== null).length"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(forms.render(_compile.report_of(PLAN, None, None), "html"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(report: pathlib.Path) -> t.Iterator[Browser]:
    browser = Browser()
    browser.open(report)
    yield browser
    browser.close()


def search(page: Browser, words: str) -> int:
    page.ask(f"search.value = {words!r}; search.dispatchEvent(new Event('input'))")
    return int(page.ask(VISIBLE_ROWS))


def test_figures_are_those_of_the_plan_and_the_matrix(page: Browser) -> None:
    assert page.ask("document.querySelectorAll('#matrix-rows tbody tr').length") == len(rows(PLAN))
    assert page.ask("document.querySelector('#figure-hosts b').textContent") == f"{len(PLAN['hosts']):,}"
    assert page.ask("document.querySelector('#figure-rules b').textContent") == f"{sum(len(host['rules']) for host in PLAN['hosts'].values()):,}"


def test_links_lead_to_what_they_name(page: Browser) -> None:
    assert page.ask("[...document.links].filter(a => !document.getElementById(a.hash.slice(1))).length") == 0
    host = sorted(PLAN["hosts"])[3]
    assert (
        page.ask(
            f"[...document.querySelectorAll('#hosts tbody tr')].find(row => row.cells[0].textContent === {host!r}).querySelector('a').click(); location.hash"
        )
        != ""
    )
    assert page.ask("document.querySelector(':target').cells[0].textContent.startsWith('ruleset ')")
    first = page.ask("document.querySelector(':target a').click(); document.querySelector(':target').cells[0].textContent")
    assert first.split(". ", 1)[1] in {rule["name"] for rule in PLAN["hosts"][host]["rules"]}
    assert page.ask("document.querySelector(':target').getBoundingClientRect().top") < 900


def test_search_shows_the_rows_with_all_words_and_counts_them(page: Browser) -> None:
    everything = search(page, "")
    found = search(page, "1433 SQL_SERVER")
    assert 0 < found < everything
    assert page.ask("count.textContent") == f"{page.ask('''[...document.querySelectorAll('tbody tr')].filter(row => !row.hidden).length''')} rows"
    assert page.ask(
        "[...document.querySelectorAll('tbody tr')].every(row => row.hidden !== (/1433/.test(row.textContent) && /sql_server/i.test(row.textContent)))"
    )
    assert search(page, "nobody has this") == 0
    assert search(page, "") == everything


def test_names_stay_text_and_nothing_is_fetched(page: Browser, report: pathlib.Path) -> None:
    assert page.ask("window.broken === undefined") and page.ask("document.images.length") == 0
    assert page.ask(f"document.getElementById('notes').textContent.includes({HOSTILE!r})")
    assert {url for url in page.requests if not url.startswith("about:")} == {report.as_uri()}


def test_light_dark_and_paper(page: Browser) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    page.emulate(prefers_color_scheme="light")
    assert page.ask(colour) == "rgb(255, 255, 255)"
    page.emulate(prefers_color_scheme="dark")
    assert page.ask(colour) == "rgb(21, 24, 28)"
    page.emulate(media="print")
    assert page.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    page.emulate()


@pytest.mark.parametrize("width", [500, 1280])
def test_the_page_is_no_wider_than_the_screen(report: pathlib.Path, width: int) -> None:
    browser = Browser(width)
    try:
        browser.open(report)
        assert browser.ask("document.documentElement.scrollWidth") <= width
    finally:
        browser.close()


def test_paper_has_every_column_and_what_is_folded_up(report: pathlib.Path) -> None:
    browser = Browser(794)
    try:
        browser.emulate(media="print")
        browser.open(report)
        wide = "[...document.querySelectorAll('.wide')].filter(part => part.scrollWidth > document.documentElement.clientWidth).length"
        assert browser.ask(wide) == 0
        folded = "[...document.querySelectorAll('details')].filter(part => part.offsetHeight <= part.querySelector('summary').offsetHeight).length"
        assert browser.ask("document.querySelectorAll('details').length") > 0 and browser.ask(folded) == 0
    finally:
        browser.close()
