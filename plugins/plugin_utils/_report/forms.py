# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The other forms of a report: Markdown for reviews, JSON for programs, JUnit for continuous integration."""

from __future__ import annotations

import json
import typing as t
from xml.etree import ElementTree

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.display import markdown, visible
from ansible_collections.portcullis.msports.plugins.plugin_utils._report.page import page

Data = t.Mapping[str, t.Any]
CHECKED = ("cut", "open", "lagging", "orphaned", "expired")  # what may fail: a case says that nothing does
FAILING = {"lagging": "lags behind this plan", "orphaned": "has rules and is no longer planned", "expired": "ended"}


def render(report: Data, form: str) -> str:
    """Return the report as ``html``, ``md``, ``json`` or ``junit``; raise :class:`ValueError` for any other form."""
    if form not in FORMS:
        raise ValueError(f"{form!r} is no form of a report; expected one of {', '.join(FORMS)}")
    return FORMS[form](report)


def _json(report: Data) -> str:
    return json.dumps(report, indent=1, sort_keys=True) + "\n"


def _markdown(report: Data) -> str:
    lines = ["# Firewalls: what this plan opens, and why", ""]
    for item in report["summary"]:
        count = f"not known ({item['unknown']})" if item["count"] is None else f"{item['count']:,}"
        lines.append(f"* {count} {markdown(item['title'])}" + (f": {', '.join(map(markdown, item['names']))}" if item["names"] else ""))
    tables = (
        ("Findings", ("what was seen", "would be cut", "why", "remedy"), [_finding(item) for item in report["findings"]]),
        ("Roles", ("opens", "is reached", "over"), [(item["source"], item["destination"], ", ".join(item["ports"])) for item in report["edges"]]),
        ("Matrix", ("from", "addresses", "to", "addresses", "over", "because"), [_flow(item) for item in report["matrix"]]),
        ("Claims", ("claim", "because"), [(item["claim"], item["because"]) for item in report["claims"]]),
        ("Notes", ("kind", "host", "note"), [(item["code"], item["host"] or "", item["text"]) for item in report["notes"]]),
    )
    for title, head, rows in tables:
        if rows:
            lines += ["", f"## {title}", "", _row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _finding(item: Data) -> tuple[str, ...]:
    return (item["text"], "yes" if item["cut"] else "no", "; ".join(item["why_not"]), item["remedy"]["text"] if item["remedy"] else "")


def _flow(item: Data) -> tuple[str, ...]:
    over = "/".join(filter(None, (" ".join(item["protocol"]), ",".join(item["ports"]))))
    ends = (", ".join(item[key]) for key in ("source", "source_addresses", "destination", "destination_addresses"))
    return (*ends, over, ", ".join(item["because"]))


def _row(cells: t.Iterable[str]) -> str:
    return "| " + " | ".join(map(markdown, cells)) + " |"


def _junit(report: Data) -> str:
    """Return a test suite: claims pass, what a reader should mend fails, and of each kind that has nothing to mend one case says so.

    So no suite is empty, which a system for continuous integration takes for a run that broke. What nobody knows is skipped, with the reason.
    """
    suite = ElementTree.Element("testsuite", name="portcullis.msports")
    for item in report["claims"]:
        _case(suite, "claims", item["claim"])
    for item in report["findings"]:
        if item["cut"] or item["verdict"] == "not_allowed":
            _case(suite, "findings", item["text"], "would be cut" if item["cut"] else item["word"].replace("_", " "), "; ".join(item["why_not"]))
    for item in report["summary"]:
        if item["name"] in FAILING:
            for name in item["names"]:
                _case(suite, item["name"], name, FAILING[item["name"]])
        if item["count"] is None or (item["name"] in CHECKED and not item["names"]):
            _case(suite, item["name"], f"no {item['title']}", skipped=item["unknown"] or "")
    for name, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("skipped", "testcase/skipped")):
        suite.set(name, str(len(suite.findall(tag))))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, kind: str, name: str, failure: str = "", details: str = "", skipped: str = "") -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=f"msports.{kind}", name=visible(name))
    if failure:
        ElementTree.SubElement(case, "failure", message=failure).text = visible(details)
    if skipped:
        ElementTree.SubElement(case, "skipped", message=skipped)


FORMS: dict[str, t.Callable[[Data], str]] = {"html": page, "md": _markdown, "json": _json, "junit": _junit}
