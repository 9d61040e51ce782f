# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two readings of the same documents agree: the catalogs, and the tables of ``tests/transcription/``.

Plain YAML on one side and plain tab-separated text on the other, nothing of the collection's own loader between them: a delta is joined with its base by
a few lines of this file, which know nothing but the words of ``docs/catalog-format.md``. What counts is what the documents say.
"""

from __future__ import annotations

import collections
import functools
import pathlib
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ROOT = pathlib.Path(__file__).resolve().parents[3]
CATALOGS = ROOT / "plugins" / "catalogs"

# table -> transcription -> the catalogs that it holds for; that of Subscription Edition is written by the page of 2016 and 2019
HOLDS_FOR = {
    "second": {
        "configmgr": ("configmgr/1806",),
        "exchange": ("exchange/2013",),
        "databox": ("databox/2019-12",),
        "windows_server": ("windows_server/2023-12",),
    },
    "newer": {
        "configmgr/2509": ("configmgr/2509",),
        "exchange/2019": ("exchange/2016", "exchange/2019", "exchange/2025"),
        "databox/2021-04": ("databox/2021-04",),
        "data_box_gateway/2021-04": ("data_box_gateway/2021-04",),
        "data_box/2020-09": ("data_box/2020-09",),
    },
}
PAIRS = [(table, document, name) for table, documents in HOLDS_FOR.items() for document, names in documents.items() for name in names]
PAGES = {"windows_server/2023-12": "ports-configmgr-2018-09"}  # the page that was read, where it is not the first document of the catalog
UNORDERED = ("internal-unrestricted", "port-table")  # sections whose ends have no order where both may start
CONFIGMGR_LISTS = {"BKMK_ClientShares", "BKMK_SQLPorts", "bkmk_discovery", "BKMK_IBCMports"}  # sections without an arrow in the heading
SUPPLEMENT = "supplement"  # the section of flows that the documents lack
Plain = t.Dict[str, t.Any]


class Row(t.NamedTuple):
    """One documented row, protocol and pair of roles."""

    section: str
    row: str
    source: str
    arrow: str
    destination: str
    protocol: str
    ports: str

    def ordered(self) -> Row:
        if self.arrow == "<->" and self.section in UNORDERED:
            source, destination = sorted((self.source, self.destination))
            return self._replace(source=source, destination=destination)
        return self


def transcribed(table: str, document: str) -> list[Row]:
    text = (ROOT / "tests" / "transcription" / f"{table}.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    assert tuple(lines[0]) == ("document", *Row._fields)
    assert {line[0] for line in lines[1:]} == set(HOLDS_FOR[table])
    return [Row(*line[1:]).ordered() for line in lines[1:] if line[0] == document]


@functools.cache
def plain_yaml(name: str) -> Plain:
    return safe_load((CATALOGS / f"{name}.yml").read_text(encoding="utf-8"))


def page_of(name: str) -> str:
    return PAGES.get(name, next(iter(plain_yaml(name)["documents"])))


@functools.cache
def documented_flows(name: str) -> tuple[Plain, ...]:
    """Return the flows of a catalog that its page documents; of a delta, the base's with what the delta says of them."""
    plain = plain_yaml(name)
    if "base" not in plain:
        flows = [*plain["flows"], *(flow for flow in plain.get("supplements") or () if flow["reference"]["section"] != SUPPLEMENT)]
        first = next(iter(plain["documents"]))
        return tuple(flow for flow in flows if name not in PAGES or flow["reference"].get("document", first) == PAGES[name])
    base = plain_yaml(f"{plain['product']}/{plain['base']}")
    remove = plain.get("remove", {})
    found = []
    for flow in base["flows"]:
        place = dict(flow["reference"])
        if place["section"] in remove.get("sections", ()) or flow["id"] in remove.get("flows", ()):
            continue
        place["section"] = plain.get("sections", {}).get(place["section"], place["section"])
        place["row"] = plain.get("rows", {}).get(place["section"], {}).get(place.get("row"), place.get("row"))
        found.append({**flow, "reference": place})
    for word, page in plain.get("documented", {}).items():
        meant = [flow for flow in base["supplements"] if word in (flow["id"], flow["group"])]
        found += [{**flow, "reference": {"section": page["section"], "row": row}} for flow, row in zip(meant, page["rows"])]
    changed = plain.get("change", {})
    found = [{key: value for key, value in {**flow, **changed.get(flow["id"], {})}.items() if value is not None} for flow in found]
    return (*found, *plain.get("add", ()))


@functools.cache
def _roles() -> frozenset[str]:
    plains = {name: plain_yaml(name) for _table, _document, name in PAIRS}
    named = {f"{plain['product']}.{role}" for plain in plains.values() for role in plain.get("roles", ())}
    return frozenset({"internet", "any_host", *named})


def documented_row(flow: Plain) -> Row:
    """Return what the document says: where a flow has an erratum, its ``documented`` values stand for the flow's."""
    documented = dict((flow.get("erratum") or {}).get("documented") or {})
    for end in ("source", "destination"):
        if documented.get(end) not in _roles():  # where a document has but the name wrong, both readings have the role that holds
            documented.pop(end, None)
    said = {**flow, **documented}
    ports = ["dynamic" if port == "rpc_dynamic" else str(port) for port in said.get("ports", ())]
    choice = sorted([*ports, *map(str, said["alternatives"])], key=lambda port: int(port.partition("-")[0])) if said.get("alternatives") else []
    number = flow["reference"].get("row")
    return Row(
        section=flow["reference"]["section"],
        row="-" if number is None else str(number),
        source=said["source"],
        arrow="<->" if said.get("initiator", "source") == "either" else "->",
        destination=said["destination"],
        protocol=said["protocol"],
        ports="|".join(choice) or ",".join(ports) or "-",
    ).ordered()


def disagreements(transcription: t.Iterable[Row], rows: t.Iterable[Row]) -> list[str]:
    counted, found = collections.Counter(transcription), collections.Counter(rows)
    return sorted(
        f"{times} times in {where}: {' '.join(row)}"
        for where, more in (("the transcription", counted - found), ("the catalog", found - counted))
        for row, times in more.items()
    )


@pytest.mark.parametrize(("table", "document", "name"), PAIRS)
def test_both_readings_agree(table: str, document: str, name: str) -> None:
    assert disagreements(transcribed(table, document), map(documented_row, documented_flows(name))) == []


@pytest.mark.parametrize("document", HOLDS_FOR["second"])
def test_no_row_was_read_twice(document: str) -> None:
    rows = transcribed("second", document)
    assert len(rows) == len(set(rows))


def test_only_other_documents_are_left_out() -> None:
    """Nothing of the transcribed documents escapes the comparison by being called something else."""
    pages = {page_of(name) for names in HOLDS_FOR["second"].values() for name in names}
    assert PAGES["windows_server/2023-12"] in pages
    escaped = []
    for (name,) in HOLDS_FOR["second"].values():
        plain, first = plain_yaml(name), next(iter(plain_yaml(name)["documents"]))
        for flow in [*plain["flows"], *(plain.get("supplements") or ())]:
            if flow not in documented_flows(name) and flow["reference"].get("document", first) in pages:
                escaped.append(flow["id"])
    assert escaped == []


def test_every_flow_is_of_the_page_that_was_read() -> None:
    for (name,) in HOLDS_FOR["second"].values():
        first = next(iter(plain_yaml(name)["documents"]))
        assert {flow["reference"].get("document", first) for flow in documented_flows(name)} == {page_of(name)}


def test_every_column_counts() -> None:
    row = transcribed("newer", "configmgr/2509")[0]
    changes = {"section": "x", "row": "9", "source": "x", "arrow": "<->", "destination": "x", "protocol": "udp", "ports": "1"}
    assert set(changes) == set(Row._fields)
    assert disagreements([row], [row]) == []
    for column, value in changes.items():
        assert len(disagreements([row], [row._replace(**{column: value})])) == 2, column


def test_documented_values_stand_for_the_flow() -> None:
    flow: Plain = {
        "source": "configmgr.site_server",
        "destination": "configmgr.reporting_services_point",
        "protocol": "tcp",
        "ports": ["8530"],
        "alternatives": ["80"],
        "reference": {"section": "BKMK_PortsSite-RSP", "row": 1},
        "erratum": {"documented": {"initiator": "either"}, "why": "", "evidence": ""},
    }
    assert (documented_row(flow).arrow, documented_row(flow).ports) == ("<->", "80|8530")
    flow["erratum"] = {"documented": {"source": "configmgr.distribution_point", "destination": "a name that no role has"}}
    row = documented_row(flow)
    assert (row.source, row.destination) == ("configmgr.distribution_point", "configmgr.reporting_services_point")
    for ports, text in ((["rpc_dynamic"], "dynamic"), (["67", "68"], "67,68"), ([], "-")):
        assert documented_row({**flow, "ports": ports, "alternatives": []}).ports == text


def test_flows_stand_in_the_order_of_the_page() -> None:
    flows = documented_flows("configmgr/1806")
    sections = list(dict.fromkeys(flow["reference"]["section"] for flow in flows))
    assert sections == list(dict.fromkeys(row.section for row in transcribed("second", "configmgr")))
    for section in set(sections) - CONFIGMGR_LISTS:
        rows = [flow["reference"]["row"] or 0 for flow in flows if flow["reference"]["section"] == section]
        assert rows == sorted(rows), section


def test_counts_of_the_sources() -> None:
    """Sections, rows and arrows as an independent count of the documents gave them."""
    page = transcribed("second", "configmgr")
    arrows = [row for row in page if row.section not in CONFIGMGR_LISTS]  # of a heading
    assert (len({row.section for row in arrows}), len(arrows), len(page) - len(arrows)) == (68, 148, 47)
    assert len({row.section for row in arrows if row.arrow == "<->"}) == 14
    assert {(row.section, row.row) for row in page if row.arrow == "<->" and row not in arrows} == {("BKMK_IBCMports", "3")}
    headings = [row for row in transcribed("newer", "configmgr/2509") if row.section.lower().startswith("bkmk_")]
    by_section = {section: {row.row for row in headings if row.section == section and row.row != "-"} for section in {row.section for row in headings}}
    assert (len(by_section), sum(map(len, by_section.values()))) == (69, 142)
    two_way = {row.section for row in headings if row.arrow == "<->"}
    assert (len(two_way), len(set(by_section) - two_way)) == (14, 55)
    rows = {
        document: collections.Counter(section for section, _row in {(row.section, row.row) for row in transcribed("newer", document)})
        for document in HOLDS_FOR["newer"]
    }
    assert rows["exchange/2019"] == {"clients-and-services": 5, "mail-flow-without-edge": 4, "mail-flow-with-edge": 7, "internal-unrestricted": 1}
    assert rows["databox/2021-04"] == {"port-table": 11, "iot-edge": 1, "kubernetes": 3}
    assert rows["data_box_gateway/2021-04"] == {"port-table": 11}
    assert rows["data_box/2020-09"] == {"port-table": 6}
