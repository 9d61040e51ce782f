# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The report as one HTML file: no network, readable without its script, which adds a search; it prints, and follows the reader's light or dark."""

from __future__ import annotations

import base64
import hashlib
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._report.graph import graph
from ansible_collections.portcullis.msports.plugins.plugin_utils._report.markup import Markup, element, joined, listed, row, table, text

Data = t.Mapping[str, t.Any]

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f3f4f6; --line: #c9ced6; --mark: #0b57a4; --bad: #b3261e; --good: #1d6f42 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #15181c; --soft: #22262c; --line: #454c56; --mark: #7fb7f0; --bad: #ff8a80; --good: #7ed0a0 } }
* { box-sizing: border-box } p, li { overflow-wrap: anywhere }
body { margin: 0 auto; padding: 1rem; max-width: 90rem; color: var(--ink); background: var(--paper); font: 15px/1.45 system-ui, sans-serif }
a { color: var(--mark) }
nav { position: sticky; top: 0; background: var(--paper); padding: .4rem 0; border-bottom: 1px solid var(--line);
  display: flex; flex-wrap: wrap; gap: .2rem .9rem }
#search { margin-left: auto; flex: 0 1 14rem; min-width: 8rem; font: inherit; color: inherit; background: var(--soft);
  border: 1px solid var(--line); border-radius: 4px; padding: .1rem .5rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; scroll-margin-top: 3rem } tr { scroll-margin-top: 3rem }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .7rem; padding: 0; list-style: none }
.figures li { background: var(--soft); border-radius: 6px; padding: .7rem }
.figures b { display: block; font-size: 1.7rem } .bad b { color: var(--bad) } .good b { color: var(--good) }
.wide { overflow-x: auto; margin-bottom: 1.2rem } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; min-width: 6.5rem }
thead th { background: var(--paper) } tr:target { background: var(--soft) }
code, .ports { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: normal }
.none { color: var(--good) } .cut { color: var(--bad); font-weight: 600 }
svg { width: 100%; max-width: 60rem; height: auto } svg text { fill: currentColor; font-size: 13px } svg .head { font-weight: 600 }
.line { fill: none; stroke: var(--mark); stroke-opacity: .45; stroke-width: 1.4 } .line:hover { stroke-opacity: 1; stroke-width: 3 }
@media (max-width: 40rem) { table { min-width: 60rem } nav { position: static } h2, tr { scroll-margin-top: 0 } #search { flex-basis: 100% } }
@media print { nav, #search { display: none } body { max-width: none; padding: 0; font-size: 9px } a { color: inherit; text-decoration: none }
  .wide { overflow: visible } th, td { min-width: 4.2rem } thead { display: table-header-group } tr, .figures li { break-inside: avoid }
  h2, h3 { break-after: avoid } details::details-content { content-visibility: visible; display: block; height: auto } }
"""
SCRIPT = """
const search = document.getElementById("search"), count = document.getElementById("count"), rows = document.querySelectorAll("tbody tr");
search.hidden = false;
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
    shown += !row.hidden;
  }
  count.textContent = words.length ? shown + " rows" : "";
});
"""
GOOD_WHEN_NONE = ("cut", "open", "lagging", "orphaned", "expired")
SECTIONS = ("summary", "findings", "roles", "matrix", "hosts", "rules", "sets", "claims", "notes")


def page(report: Data) -> str:
    """Return the report as a page."""
    policy = f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("title", "Firewalls: what this plan opens, and why"),
        element("style", Markup(STYLE)),
    )
    search = element("input", type="search", id="search", placeholder="search all rows", aria_label="search all rows", hidden=True)
    links = (element("a", name, href=f"#{name}") for name in SECTIONS)
    body = element(
        "body",
        element("h1", "Firewalls: what this plan opens, and why"),
        element("nav", *links, search, element("span", id="count")),
        *(section(report) for section in (_summary, _findings, _roles, _matrix, _hosts, _rules, _sets, _claims, _notes)),
        element("script", Markup(SCRIPT)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _section(name: str, title: str, *content: Markup) -> Markup:
    return element("section", element("h2", title), *content, id=name)


def _summary(report: Data) -> Markup:
    plan = report["plan"]
    editions = ", ".join(f"{product} {item['edition']}" for product, item in sorted(plan["catalogs"].items()))
    about = [f"Catalogs: {editions}."]
    about += [f"Digest {plan['digest']}."] if plan["digest"] else []
    about += ["This plan is of a part of the inventory."] if plan["partial_inventory"] else []
    return _section("summary", "Summary", element("p", " ".join(about)), element("ul", *map(_figure, report["summary"]), class_="figures"))


def _figure(item: Data) -> Markup:
    kind = ("bad" if item["count"] else "good") if item["name"] in GOOD_WHEN_NONE and item["count"] is not None else ""
    count = "not known" if item["count"] is None else f"{item['count']:,}"
    why = [element("span", f" ({item['unknown']})")] if item["unknown"] else []
    names = [element("br"), listed(item["names"])] if item["names"] else []
    return element("li", element("b", count), element("a", item["title"], href=f"#{item['section']}"), *why, *names, class_=kind, id=f"figure-{item['name']}")


def _findings(report: Data) -> Markup:
    if not report["findings"]:
        known = next(item for item in report["summary"] if item["name"] == "cut")
        said = element("p", f"Not known: {known['unknown']}.") if known["unknown"] else element("p", "None.", class_="none")
        return _section("findings", "Findings", said)
    rows = (
        row(
            item["text"],
            element("span", "would be cut", class_="cut") if item["cut"] else item["word"].replace("_", " "),
            joined(item["why_not"], "; "),
            item["remedy"]["text"] if item["remedy"] else "",
        )
        for item in report["findings"]
    )
    suggested = [element("li", item["text"]) for item in report["suggestions"]]
    more = [element("h3", "Suggestions for the inventory"), element("ul", *suggested)] if suggested else []
    return _section("findings", "Findings", table(("what was seen", "under this plan", "why", "remedy"), rows), *more)


def _roles(report: Data) -> Markup:
    edges = (row(edge["source"], edge["destination"], element("span", ", ".join(edge["ports"]), class_="ports")) for edge in report["edges"])
    held = (row(item["role"], listed(item["hosts"]), listed(item["networks"])) for item in report["roles"])
    shown = [graph(report["edges"]), table(("opens", "is reached", "over"), edges)] if report["edges"] else []
    return _section("roles", "Roles", *shown, table(("role", "hosts", "networks"), held))


def _matrix(report: Data) -> Markup:
    rows = (
        row(
            listed(item["source"]),
            listed(item["source_addresses"]),
            listed(item["destination"]),
            listed(item["destination_addresses"]),
            element("span", "/".join(filter(None, (" ".join(item["protocol"]), ",".join(item["ports"])))), class_="ports"),
            listed(item["because"], 2),
        )
        for item in report["matrix"]
    )
    return _section("matrix", "Matrix", table(("from", "addresses", "to", "addresses", "over", "because"), rows, id="matrix-rows"))


def _hosts(report: Data) -> Markup:
    rows = (
        row(
            item["host"],
            item["system"],
            joined(item["addresses"], ", "),
            joined(item["roles"], ", "),
            f"in {item['default_inbound'] or 'unset'}, out {item['default_outbound']}",
            element("a", f"ruleset {item['ruleset']}", href=f"#ruleset{item['ruleset']}"),
        )
        for item in report["hosts"]
    )
    return _section("hosts", "Hosts", table(("host", "system", "addresses", "roles", "defaults", "rules"), rows))


def _rules(report: Data) -> Markup:
    sets = {item["name"]: number for number, item in enumerate(report["sets"])}
    rows = (
        row(
            f"{item['number']}. {item['name']}",
            element("a", item["peers"], href=f"#s{sets[item['peers']]}"),
            item["until"] or "",
            joined([_reason(why) for why in item["because"]], "; "),
            id=f"r{item['number']}",
        )
        for item in report["rules"]
    )
    held = (
        row(f"ruleset {number}", joined((_run(first, last) for first, last in _runs(rules)), " "), id=f"ruleset{number}")
        for number, rules in enumerate(report["rulesets"])
    )
    return _section(
        "rules",
        "Rules and their reasons",
        table(("rule", "peers", "until", "because"), rows),
        element("h3", "Rulesets"),
        table(("ruleset", "rules, by number"), held),
    )


def _runs(numbers: t.Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as runs of neighbours, first and last."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _run(first: int, last: int) -> Markup:
    return element("a", first if first == last else f"{first}-{last}", href=f"#r{first}")


def _reason(why: Data) -> Markup:
    kind = "" if why["kind"] == "flow" else f"{why['kind']} "
    return text(f"{kind}{why['name']}" + (f" ({why['text']})" if why["text"] else ""))


def _sets(report: Data) -> Markup:
    rows = (row(item["name"], listed(item["members"]), listed(item["addresses"]), id=f"s{number}") for number, item in enumerate(report["sets"]))
    return _section("sets", "Sets of addresses", table(("set", "members", "addresses"), rows))


def _claims(report: Data) -> Markup:
    if not report["claims"]:
        return _section("claims", "Claims", element("p", "The inventory makes none (msports_claims)."))
    return _section("claims", "Claims", table(("claim", "because"), (row(item["claim"], item["because"]) for item in report["claims"])))


def _notes(report: Data) -> Markup:
    notes = (row(item["code"].replace("_", " "), item["host"] or "", item["text"]) for item in report["notes"])
    off = (row(item["flow"], item["why"]) for item in report["off"])
    return _section(
        "notes",
        "Notes",
        table(("kind", "host", "note"), notes),
        element("h3", "Documented flows that make no rule"),
        table(("flow", "why"), off),
    )
