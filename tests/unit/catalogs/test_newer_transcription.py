# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two readings of the documents of later editions agree: the catalogs, and ``tests/transcription/newer.tsv``.

Nothing of the collection's own loader stands between them: a delta is joined with its base by a few lines of this file, which know
nothing but the words of ``docs/catalog-format.md``.
"""

from __future__ import annotations

import collections
import functools
import pathlib
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
CATALOGS = ROOT / "plugins" / "catalogs"
TRANSCRIPTION = ROOT / "tests" / "transcription" / "newer.tsv"

# transcription -> the catalogs that it holds for; that of Subscription Edition is written by the page of 2016 and 2019
HOLDS_FOR = {
    "configmgr/2509": ("configmgr/2509",),
    "exchange/2019": ("exchange/2016", "exchange/2019", "exchange/2025"),
    "databox/2021-04": ("databox/2021-04",),
    "data_box_gateway/2021-04": ("data_box_gateway/2021-04",),
    "data_box/2020-09": ("data_box/2020-09",),
}
UNORDERED = ("internal-unrestricted", "port-table")  # sections whose ends have no order where both may start
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


def transcribed(document: str) -> list[Row]:
    lines = [line.split("\t") for line in TRANSCRIPTION.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert tuple(lines[0]) == ("document", *Row._fields)
    assert {line[0] for line in lines[1:]} == set(HOLDS_FOR)
    return [Row(*line[1:]).ordered() for line in lines[1:] if line[0] == document]


def plain_yaml(name: str) -> Plain:
    return yaml.safe_load((CATALOGS / f"{name}.yml").read_text(encoding="utf-8"))


@functools.cache
def documented_flows(name: str) -> tuple[Plain, ...]:
    """Return the ordinary flows of a catalog; of a delta, the base's with what the delta says of them."""
    plain = plain_yaml(name)
    if "base" not in plain:
        return tuple(plain["flows"])
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


def documented_row(flow: Plain) -> Row:
    """Return what the document says: where a flow has an erratum, its ``documented`` values stand for the flow's."""
    said = {**flow, **flow.get("erratum", {}).get("documented", {})}
    ports = ["dynamic" if port == "rpc_dynamic" else str(port) for port in said.get("ports", ())]
    choice = sorted([*ports, *said.get("alternatives", ())], key=lambda port: int(port.partition("-")[0])) if said.get("alternatives") else []
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


@pytest.mark.parametrize(("document", "name"), [(document, name) for document, names in HOLDS_FOR.items() for name in names])
def test_both_readings_agree(document: str, name: str) -> None:
    assert disagreements(transcribed(document), map(documented_row, documented_flows(name))) == []


def test_every_column_counts() -> None:
    row = transcribed("configmgr/2509")[0]
    changes = {"section": "x", "row": "9", "source": "x", "arrow": "<->", "destination": "x", "protocol": "udp", "ports": "1"}
    assert set(changes) == set(Row._fields)
    for column, value in changes.items():
        assert len(disagreements([row], [row._replace(**{column: value})])) == 2, column


def test_counts_of_the_sources() -> None:
    """Sections, rows and arrows as an independent count of the documents gave them."""
    headings = [row for row in transcribed("configmgr/2509") if row.section.lower().startswith("bkmk_")]
    by_section = {section: {row.row for row in headings if row.section == section and row.row != "-"} for section in {row.section for row in headings}}
    assert (len(by_section), sum(map(len, by_section.values()))) == (69, 142)
    two_way = {row.section for row in headings if row.arrow == "<->"}
    assert (len(two_way), len(set(by_section) - two_way)) == (14, 55)
    rows = {document: collections.Counter(section for section, _row in {(row.section, row.row) for row in transcribed(document)}) for document in HOLDS_FOR}
    assert rows["exchange/2019"] == {"clients-and-services": 5, "mail-flow-without-edge": 4, "mail-flow-with-edge": 7, "internal-unrestricted": 1}
    assert rows["databox/2021-04"] == {"port-table": 11, "iot-edge": 1, "kubernetes": 3}
    assert rows["data_box_gateway/2021-04"] == {"port-table": 11}
    assert rows["data_box/2020-09"] == {"port-table": 6}
