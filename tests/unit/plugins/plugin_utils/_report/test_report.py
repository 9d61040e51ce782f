# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report says what the plan and its matrix say, in every form, and nothing that it shows becomes markup."""

from __future__ import annotations

import functools
import html.parser
import json
import re
import typing as t
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._matrix.matrix import rows
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import Observation
from ansible_collections.portcullis.msports.plugins.plugin_utils._report import forms
from ansible_collections.portcullis.msports.plugins.plugin_utils._report.content import content
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.display import visible
from ansible_collections.portcullis.msports.plugins.plugin_utils._report.markup import listed
from ansible_collections.portcullis.msports.tests.benchmarks import estates as big
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow import estates
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, peer, plan, rule

Plain = dict[str, t.Any]
VOID = ("meta", "input", "br")


class Page(html.parser.HTMLParser):
    """What a page holds: tags with their attributes, the texts of each table's rows, and every text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, t.Optional[str]]]] = []
        self.texts: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[tuple[str, t.Optional[str]]] = []
        self.feed(page)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, t.Optional[str]]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs)
        self.tags.append((tag, attributes))
        table = self._within("table")
        if tag == "tr" and self._within("tbody") is not False:
            self.tables.setdefault(str(table), []).append([])
        if tag == "td":
            self.tables[str(table)][-1].append("")
        if tag not in VOID:
            self._open.append((tag, attributes.get("id")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._within("td") is not False:
            self.tables[str(self._within("table"))][-1][-1] += data

    def _within(self, tag: str) -> t.Any:
        return next((name for opened, name in reversed(self._open) if opened == tag), False)


@functools.lru_cache(maxsize=1)
def company() -> Plain:
    hosts = {
        "site01": estates.host("configmgr.site_server", at="10.1.1.10"),
        "sql01": estates.host("configmgr.sql_server", at="10.1.1.11"),
        "mp01": estates.host(
            "configmgr.management_point", at="10.1.1.20", allow=[{"name": "x", "in": "tcp/9", "from": ["any"], "because": "y", "until": "2027-01-31"}]
        ),
    }
    claims = [{"never": "tcp/1433", "from": ["configmgr.client"], "to": ["configmgr.sql_server"], "because": "policy 7"}]
    return estates.plan(hosts, networks={"configmgr.client": ["10.20.0.0/16"]}, claims=claims)


def seen(host_: str, other: str, port: int, outcome: str = "passed") -> Observation:
    return Observation(host_, "in", other, "tcp", port, "session", outcome, "sqlservr", 3, "2026-11-01", "2026-11-20")


@functools.lru_cache(maxsize=1)
def report() -> Plain:
    observations = [seen("sql01", "10.1.1.20", 1433), seen("sql01", "10.77.0.1", 1433), seen("mp01", "10.20.0.5", 443)]
    return {**_compile.report_of(company(), observations, ["mp01"]), "generation": None}


def figures(data: Plain) -> dict[str, t.Any]:
    return {item["name"]: item["count"] for item in data["summary"]}


def test_figures_are_those_of_the_plan_and_of_what_was_seen() -> None:
    assert figures(report()) == {
        "hosts": 3,
        "rules": sum(len(item["rules"]) for item in company()["hosts"].values()),
        "cut": 1,
        "open": 1,
        "lagging": 1,
        "orphaned": 0,
        "ending": 1,
        "expired": 0,
        "claims": 1,
        "notes": len(company()["notes"]),
    }
    nothing = _compile.report_of(company(), None, None)
    assert {name for name, count in figures(nothing).items() if count is None} == {"cut", "open", "lagging"}
    assert "Not known: nothing was observed." in Page(forms.render(nothing, "html")).texts


def test_the_page_shows_the_matrix() -> None:
    page = Page(forms.render(report(), "html"))
    shown = page.tables["matrix-rows"]
    assert len(shown) == len(rows(company())) == len(report()["matrix"])
    for cells, row in zip(shown, rows(company()), strict=True):
        for cell, key in ((1, "source_addresses"), (3, "destination_addresses")):
            assert re.sub(r" and \d+ more", ", ", cells[cell]).split(", ") == row[key]
        assert cells[4] == "/".join(filter(None, ("".join(row["protocol"]), ",".join(row["ports"]))))
        assert all(why in cells[5] for why in row["because"])


def test_links_lead_somewhere_and_nothing_is_fetched() -> None:
    page = Page(forms.render(report(), "html"))
    ids = [attributes["id"] for _tag, attributes in page.tags if "id" in attributes]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert len(ids) == len(set(ids)) and links
    assert {str(link)[1:] for link in links} <= set(ids) and all(str(link).startswith("#") for link in links)
    assert not [attributes for _tag, attributes in page.tags if {"src", "style", "srcset"} & set(attributes)]
    assert any("default-src 'none'" in str(attributes.get("content")) for tag, attributes in page.tags if tag == "meta")


def test_every_rule_has_its_reasons_and_every_host_its_rules() -> None:
    data = report()
    for name, entry in company()["hosts"].items():
        (shown,) = (item for item in data["hosts"] if item["host"] == name)
        numbers = data["rulesets"][shown["ruleset"]]
        assert [data["rules"][number]["name"] for number in numbers] == [item["name"] for item in entry["rules"]]
        assert [data["rules"][number]["because"] for number in numbers] == [item["because"] for item in entry["rules"]]
    assert {"source": "configmgr.management_point", "destination": "configmgr.sql_server", "ports": ["tcp/1433"]} in data["edges"]


def test_other_forms_are_of_the_same_data() -> None:
    assert json.loads(forms.render(report(), "json")) == json.loads(json.dumps(report()))
    markdown = forms.render(report(), "md")
    assert "* 1 findings that applying this plan would cut: " in markdown and markdown.count("\n| ") >= len(report()["matrix"])
    suite = ElementTree.fromstring(forms.render(report(), "junit"))
    failed = [case.get("classname") for case in suite if len(case)]
    assert failed == ["msports.findings", "msports.lagging"] and (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "2", "0")
    with pytest.raises(ValueError, match="expected one of html, md, json, junit"):
        forms.render(report(), "pdf")


def test_a_suite_is_never_empty_and_skips_what_nobody_knows() -> None:
    """An estate without claims, observations and records: what is known passes, and what is not is skipped with the reason."""
    plan = estates.plan({"mp01": estates.host("configmgr.management_point", at="10.1.1.20")})
    suite = ElementTree.fromstring(forms.render(_compile.report_of(plan, None, None), "junit"))
    told = {case.get("name"): [(part.tag, part.get("message")) for part in case] for case in suite}
    assert told == {
        "no findings that applying this plan would cut": [("skipped", "nothing was observed")],
        "no findings that are open though not planned": [("skipped", "nothing was observed")],
        "no hosts that lag behind this plan": [("skipped", "no records")],
        "no orphans: hosts with rules that are no longer planned": [],
        "no exceptions that ended": [],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "0", "3")


hostile = st.one_of(
    st.text(min_size=1, max_size=30),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</style><b>",
            "'`${x}`",
            "]]>",
            "&lt;b&gt;",
            "\u202egnp.exe",
            "a|b\n# c",
            "www.example.com",
            "desks@P01.tree https://example.com/ @me #12",
            "\x00\x1b[0m",
        ]
    ),
)


def hostile_plan(names: t.Sequence[str]) -> Plain:
    one, two, address_set, reason, note = names
    entry = rule("in", "tcp", address_set, ["1"], name=f"in {one}", because=[{"kind": "allow", "name": reason, "text": note}])
    hosts = {one: host(entry, at=["10.0.0.1"], roles={"shop.till": []})}
    found = plan(hosts, {address_set: (["10.0.0.9"], [two])}, peers={two: peer("10.0.0.9", roles={"shop.desk": []})} if two != one else {})
    return {**found, "notes": [{"code": "estate", "host": one, "text": note}], "orphaned": [two], "claims": [{"claim": reason, "because": note}]}


def hostile_report(names: t.Sequence[str]) -> tuple[Plain, Plain]:
    """Return a plan with these names, and its report."""
    made = hostile_plan(names)
    return made, content(made, rows(made), {}, None, list(made["hosts"]))


def kinds(page: Page) -> set[str]:
    return {str((tag, sorted(attributes))) for tag, attributes in page.tags}


@functools.cache
def harmless_kinds() -> set[str]:
    return kinds(Page(forms.render(hostile_report(["h1", "h2", "s", "r", "n"])[1], "html")))


@settings(max_examples=500, deadline=None)
@given(st.lists(hostile, min_size=5, max_size=5))
def test_hostile_names_stay_text(names: list[str]) -> None:
    made, data = hostile_report(names)
    page = Page(forms.render(data, "html"))
    assert kinds(page) == harmless_kinds()
    text = "".join(page.texts)
    assert all(visible(name).replace("\r", "\n") in text for name in names)
    assert ElementTree.fromstring(forms.render(data, "junit")).get("failures")
    markdown = forms.render(data, "md")
    assert not re.search(r"(?<!\\)[<`]", markdown.replace("<!-- -->", ""))
    assert not re.search(r"@(?!<)|:(?=//)|www(?=\.)", markdown, re.IGNORECASE)  # of which a forge makes links
    assert [line.count(" | ") for line in markdown.splitlines() if line.startswith("| estate")] in ([2], [])
    assert json.loads(forms.render(data, "json"))["notes"] == made["notes"]


def test_a_thousand_hosts_stay_below_three_megabytes() -> None:
    made = _compile.compile_plan(big.distinct(1000))
    assert len(forms.render(_compile.report_of(made, None, None), "html").encode()) < 3_000_000


@pytest.mark.parametrize(("shown", "said"), [(2, "a, b and 1 more"), (3, None), (6, None)])
def test_what_is_folded_up_is_counted(shown: int, said: t.Optional[str]) -> None:
    assert listed(["a", "b", "c"], shown) == ("a, b, c" if said is None else f"<details><summary>{said}</summary>c</details>")
