# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two readings of the same documents agree: the catalogs, and ``tests/transcription/second.tsv``.

Plain YAML on one side and plain tab-separated text on the other, nothing of the collection's own loader between them.
What counts is what the documents say: where a flow has an erratum, its ``documented`` values stand for the flow's.
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
TRANSCRIPTION = ROOT / "tests" / "transcription" / "second.tsv"

EDITIONS = {"configmgr": "1806", "exchange": "2013", "databox": "2019-12", "windows_server": "2023-12"}  # those that the documents are about
CONFIGMGR_PAGE = "ports-configmgr-2018-09"  # holds the table of Windows Server ports, too
UNORDERED = {("exchange", "internal-unrestricted"), ("databox", "port-table")}  # pairs whose ends have no order where both may start
SUPPLEMENT = "not in the documents: flows that they lack (section `supplement`)"
OTHER_DOCUMENT = "windows_server flow from a document of its own, not from the Configuration Manager ports page"


class Row(t.NamedTuple):
    """One documented row, protocol and pair of roles."""

    document: str
    section: str
    row: str
    source: str
    arrow: str
    destination: str
    protocol: str
    ports: str

    def ordered(self) -> Row:
        if self.arrow == "<->" and (self.document, self.section) in UNORDERED:
            source, destination = sorted((self.source, self.destination))
            return self._replace(source=source, destination=destination)
        return self

    def __str__(self) -> str:
        return f"{self.document} {self.section} row {self.row}: {self.source} {self.arrow} {self.destination} {self.protocol} {self.ports}"


def transcribed() -> list[Row]:
    lines = [line.split("\t") for line in TRANSCRIPTION.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert tuple(lines[0]) == Row._fields
    return [Row(*line).ordered() for line in lines[1:]]


def documented_ports(ports: t.Sequence[t.Any], alternatives: t.Sequence[t.Any]) -> str:
    names = ["dynamic" if str(port) == "rpc_dynamic" else str(port) for port in ports]
    if alternatives:
        return "|".join(sorted([*names, *(str(port) for port in alternatives)], key=lambda port: int(port.partition("-")[0])))
    return ",".join(names) or "-"


def documented_row(product: str, document: str, own_document: str, flow: t.Mapping[str, t.Any], roles: t.Collection[str]) -> Row:
    documented = dict((flow.get("erratum") or {}).get("documented") or {})
    for end in ("source", "destination"):
        if documented.get(end) not in roles:  # where a document has but the name wrong, both readings have the role that holds
            documented.pop(end, None)
    said = {**flow, **documented}
    number = flow["reference"].get("row")
    return Row(
        document=product if document == own_document else document,
        section=flow["reference"]["section"],
        row="-" if number is None else str(number),
        source=said["source"],
        arrow="<->" if said.get("initiator", "source") == "either" else "->",
        destination=said["destination"],
        protocol=said["protocol"],
        ports=documented_ports(said.get("ports", ()), said.get("alternatives", ())),
    ).ordered()


@functools.cache
def cataloged() -> tuple[dict[Row, list[str]], dict[tuple[str, str], list[str]]]:
    """Return the rows that the catalogs give, with the flows' ids, and the flows left out, by document and reason."""
    rows: dict[Row, list[str]] = collections.defaultdict(list)
    left_out: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    plains = {product: yaml.safe_load((CATALOGS / product / f"{edition}.yml").read_text(encoding="utf-8")) for product, edition in EDITIONS.items()}
    roles = {"internet", "any_host"} | {f"{product}.{name}" for product, plain in plains.items() for name in plain["roles"]}
    for product, plain in plains.items():
        first = next(iter(plain["documents"]))
        own = CONFIGMGR_PAGE if product == "windows_server" else first
        for flow in [*plain["flows"], *(plain.get("supplements") or ())]:
            document = flow["reference"].get("document", first)
            if flow["reference"]["section"] == "supplement":
                left_out[document, SUPPLEMENT].append(flow["id"])
            elif product == "windows_server" and document != own:
                left_out[document, OTHER_DOCUMENT].append(flow["id"])
            else:
                rows[documented_row(product, document, own, flow, roles)].append(flow["id"])
    return rows, left_out


def disagreements(transcription: t.Iterable[Row], rows: t.Mapping[Row, t.Sequence[str]]) -> list[str]:
    counted = collections.Counter(transcription)
    return [
        *(f"transcribed {times} times: {row}" for row, times in counted.items() if times > 1),
        *(f"missing from the catalogs: {row}" for row in counted if row not in rows),
        *(f"only in the catalogs: {row} [{', '.join(ids)}]" for row, ids in rows.items() if row not in counted),
        *(f"several flows for one row: {row} [{', '.join(ids)}]" for row, ids in rows.items() if len(ids) > 1),
    ]


def test_both_readings_agree() -> None:
    rows, left_out = cataloged()
    for (document, why), ids in sorted(left_out.items()):
        print(f"left out: {len(ids)} flows of {document}: {why}")
    found = disagreements(transcribed(), rows)
    assert not found, f"{len(found)} disagreements:\n" + "\n".join(sorted(found))


def test_only_other_documents_are_left_out() -> None:
    """Nothing of the transcribed documents escapes the comparison by being called something else."""
    transcribed_documents = {
        next(iter(yaml.safe_load((CATALOGS / product / f"{edition}.yml").read_text(encoding="utf-8"))["documents"]))
        for product, edition in EDITIONS.items()
        if product != "windows_server"
    }
    assert CONFIGMGR_PAGE in transcribed_documents
    escaped = {document: ids for (document, dummy), ids in cataloged()[1].items() if document in transcribed_documents}
    assert not escaped


@pytest.mark.parametrize(
    "change",
    [
        {"arrow": "<->"},
        {"ports": "444"},
        {"protocol": "udp"},
        {"row": "9"},
        {"section": "BKMK_PortsAI-to-SQL"},
        {"source": "configmgr.client"},
        {"destination": "internet"},
        {"document": "exchange"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_column_counts(change: dict[str, str]) -> None:
    row = transcribed()[0]
    assert disagreements([row], {row: ["flow"]}) == []
    assert len(disagreements([row], {row._replace(**change): ["flow"]})) == 2


def test_documented_values_stand_for_the_flow() -> None:
    flow = {
        "source": "configmgr.site_server",
        "destination": "configmgr.reporting_services_point",
        "protocol": "tcp",
        "ports": ["8530"],
        "alternatives": ["80"],
        "reference": {"section": "BKMK_PortsSite-RSP", "row": 1},
        "erratum": {"documented": {"initiator": "either"}, "why": "", "evidence": ""},
    }
    roles = {"configmgr.site_server", "configmgr.reporting_services_point", "configmgr.distribution_point"}
    row = documented_row("configmgr", "page", "page", flow, roles)
    assert (row.arrow, row.ports) == ("<->", "80|8530")
    assert documented_row("configmgr", "other page", "page", flow, roles).document == "other page"
    flow["erratum"] = {"documented": {"source": "configmgr.distribution_point", "destination": "a name that no role has"}}
    row = documented_row("configmgr", "page", "page", flow, roles)
    assert (row.source, row.destination) == ("configmgr.distribution_point", "configmgr.reporting_services_point")
    assert documented_ports(["rpc_dynamic"], []) == "dynamic"
    assert documented_ports(["67", "68"], []) == "67,68"
    assert documented_ports([], []) == "-"
