# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The tuples worked out by hand and the oracle say the same, and the tuples cover the estate."""

import functools
import pathlib
import re
import sys
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit import small_company
from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ROOT = pathlib.Path(__file__).resolve().parents[3]
CATALOGS = ROOT / "plugins" / "catalogs"
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from company import read_company
from oracle import Oracle

PLACE = re.compile(r"(?P<document>[\w.-]+)#(?P<section>[\w.-]+)(?: row (?P<row>\d+))?")
NOTES = ("bkmk_note5",)  # anchors of notes, which no flow refers to


class Tuple(t.NamedTuple):
    """One line of the table."""

    source: str
    destination: str
    protocol: str
    port: int | None
    family: int
    allowed: bool
    place: str
    line: int


def read_tuples(name: str) -> list[Tuple]:
    found = []
    lines = (ROOT / "tests" / "lab" / "tuples" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        source, destination, asked, verdict, place = line.split("\t")
        family, asked = (6, asked.removeprefix("ipv6:")) if asked.startswith("ipv6:") else (4, asked)
        protocol, _slash, port = asked.partition("/")
        allowed = {"allowed": True, "refused": False}[verdict]
        found.append(Tuple(source, destination, protocol, int(port) if port else None, family, allowed, place, number))
    return found


COMPANY = small_company.FOLDER
NEWEST = ROOT / "tests" / "lab" / "newest_editions"
TUPLES = read_tuples("small_company")
NEWER_TUPLES = read_tuples("newest_editions")
# The documents of the newest editions, as the second transcription calls their tables.
NEWER = {"ports-configmgr-en-2025-12": "configmgr/2509", "ports-exchange-2016-2019": "exchange/2019", "ports-stack-edge-2021-04": "databox/2021-04"}


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(small_company.company().inventory, CATALOGS)


@pytest.fixture(scope="module")
def newer_oracle() -> Oracle:
    return Oracle(read_company(COMPANY, NEWEST).inventory, CATALOGS)


def references(flow: t.Mapping[str, t.Any], catalog: t.Mapping[str, t.Any]) -> tuple[str, str, int | None]:
    told = flow["reference"]
    return told.get("document", next(iter(catalog["documents"]))), str(told["section"]), told.get("row")


@functools.cache
def documented() -> t.Mapping[str, tuple[str, str, int | None]]:
    """Where each documented flow comes from, by its id; supplements too."""
    releases = safe_load((COMPANY / "group_vars" / "all.yml").read_text(encoding="utf-8"))["msports_releases"]
    names = [*releases.items(), ("windows_server", "2023-12")]
    catalogs = [safe_load((CATALOGS / product / f"{edition}.yml").read_text(encoding="utf-8")) for product, edition in names]
    return {flow["id"]: references(flow, catalog) for catalog in catalogs for flow in [*catalog["flows"], *catalog["supplements"]]}


def transcribed() -> set[tuple[str, str, int | None]]:
    """Sections and rows of the newer documents, by the second transcription."""
    lines = (ROOT / "tests" / "transcription" / "newer.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t")[:3] for line in lines if not line.startswith("#")]
    names = {table: document for document, table in NEWER.items()}
    return {(names[table], section, int(row) if row.isdigit() else None) for table, section, row in rows if table in names}


def disagreements(tuples: t.Iterable[Tuple], oracle: Oracle) -> str:
    return "\n".join(
        f"line {item.line}: {item.source} -> {item.destination} {item.protocol}/{item.port} over IPv{item.family} is "
        f"{'allowed' if item.allowed else 'refused'} by {item.place}, and the oracle says {why or 'refused'}"
        for item in tuples
        if bool(why := oracle.why(item.source, item.destination, item.protocol, item.port, item.family)) != item.allowed
    )


def test_oracle_and_hand_agree(oracle: Oracle, newer_oracle: Oracle) -> None:
    assert not disagreements(TUPLES, oracle)
    assert not disagreements(NEWER_TUPLES, newer_oracle)


def test_enough_and_balanced() -> None:
    assert len(TUPLES) >= 350 and len(NEWER_TUPLES) >= 150
    for tuples in (TUPLES, NEWER_TUPLES):
        assert 0.4 <= sum(item.allowed for item in tuples) / len(tuples) <= 0.6
    assert sum(item.family == 6 for item in TUPLES) >= 30
    assert {item.protocol for item in TUPLES} >= {"tcp", "udp", "icmp_echo", "gre"}


def test_the_newer_pages_decide_what_the_older_ones_did_not(oracle: Oracle) -> None:
    """Tuples that both editions decide alike would pass with the older rules, too."""
    shared = [item for item in NEWER_TUPLES if {item.source, item.destination} <= set(oracle.estate.hosts)]
    new = [item for item in shared if bool(oracle.why(item.source, item.destination, item.protocol, item.port, item.family)) != item.allowed]
    assert len(new) >= 45
    assert {NEWER.get(match["document"]) for item in new for match in PLACE.finditer(item.place)} >= {"configmgr/2509", "exchange/2019"}


def test_nothing_twice() -> None:
    for tuples in (TUPLES, NEWER_TUPLES):
        asked = [item[:5] for item in tuples]
        assert sorted({item for item in asked if asked.count(item) > 1}) == []


def test_hosts_exist_and_have_the_family(newer_oracle: Oracle) -> None:
    """A pair without a common family is refused for a reason that proves nothing. The newer estate has one host more."""
    hosts = newer_oracle.estate.hosts
    assert [item for item in TUPLES + NEWER_TUPLES for end in (item.source, item.destination) if not hosts[end].address(item.family)] == []


def test_every_host_is_in_it(oracle: Oracle) -> None:
    assert {item.source for item in TUPLES} == set(oracle.estate.hosts)
    assert {item.destination for item in TUPLES} == set(oracle.estate.hosts)


def test_places_exist() -> None:
    """Each line names a place, and what it names of a document is there: the section, and the row where one is given."""
    known = {*documented().values(), *transcribed()}
    sections = {(document, section) for document, section, _row in known}
    unknown = []
    for item in TUPLES + NEWER_TUPLES:
        places = [match.groupdict() for match in PLACE.finditer(item.place) if match["section"] not in NOTES]
        for place in places:
            there = (place["document"], place["section"]) in sections
            if place["row"]:
                there = (place["document"], place["section"], int(place["row"])) in known
            if not there:
                unknown.append((item.line, place))
        if not places and not item.place.startswith(("MEANING ", "msports_")) and "bkmk_note5" not in item.place:
            unknown.append((item.line, item.place))
    assert unknown == []


def test_every_section_with_holders_is_covered(oracle: Oracle) -> None:
    """Where two ends of a documented flow are in the estate and one of them has a ruleset, some line names the section."""
    estate = oracle.estate
    managed = {end.role for host in estate.hosts.values() if host.managed for end in host.own}
    covered = {(match["document"], match["section"]) for item in TUPLES for match in PLACE.finditer(item.place)}
    places = documented()
    wanted = {
        places[flow["id"]][:2]
        for flow in oracle.catalogs.flows
        if all(estate.exists(flow[end]) or oracle.catalogs.kinds.get(flow[end]) == "external" for end in ("source", "destination"))
        and managed & {flow["source"], flow["destination"]}
    }
    missing = sorted(wanted - covered)
    assert not missing, f"sections without a line: {missing}"


@pytest.mark.parametrize("product", ["configmgr", "exchange", "databox", "windows_server"])
def test_each_product_is_decided_both_ways(product: str) -> None:
    own = {place[0] for name, place in documented().items() if name.startswith(f"{product}.")}
    verdicts = [item.allowed for item in TUPLES if any(match["document"] in own for match in PLACE.finditer(item.place))]
    assert verdicts.count(True) >= 5
    assert verdicts.count(False) >= 5
