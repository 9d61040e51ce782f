# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The tuples worked out by hand and the oracle say the same, and the tuples cover the estate."""

import pathlib
import re
import sys
import typing as t

import pytest
import yaml

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


def read_tuples() -> list[Tuple]:
    found = []
    lines = (ROOT / "tests" / "lab" / "tuples" / "small_company.tsv").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        source, destination, asked, verdict, place = line.split("\t")
        family, asked = (6, asked.removeprefix("ipv6:")) if asked.startswith("ipv6:") else (4, asked)
        protocol, _slash, port = asked.partition("/")
        allowed = {"allowed": True, "refused": False}[verdict]
        found.append(Tuple(source, destination, protocol, int(port) if port else None, family, allowed, place, number))
    return found


TUPLES = read_tuples()


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(read_company(ROOT / "docs" / "examples" / "small_company").inventory, CATALOGS)


def references(flow: t.Mapping[str, t.Any], catalog: t.Mapping[str, t.Any]) -> tuple[str, str, int | None]:
    told = flow["reference"]
    return told.get("document", next(iter(catalog["documents"]))), str(told["section"]), told.get("row")


def documented() -> dict[str, tuple[str, str, int | None]]:
    """Where each documented flow comes from, by its id; supplements too."""
    releases = yaml.safe_load((ROOT / "docs" / "examples" / "small_company" / "group_vars" / "all.yml").read_text(encoding="utf-8"))["msports_releases"]
    names = [*releases.items(), ("windows_server", "2023-12")]
    catalogs = [yaml.safe_load((CATALOGS / product / f"{edition}.yml").read_text(encoding="utf-8")) for product, edition in names]
    return {flow["id"]: references(flow, catalog) for catalog in catalogs for flow in [*catalog["flows"], *catalog["supplements"]]}


def test_oracle_and_hand_agree(oracle: Oracle) -> None:
    wrong = [
        f"line {item.line}: {item.source} -> {item.destination} {item.protocol}/{item.port} over IPv{item.family} is "
        f"{'allowed' if item.allowed else 'refused'} by {item.place}, and the oracle says {why or 'refused'}"
        for item in TUPLES
        if bool(why := oracle.why(item.source, item.destination, item.protocol, item.port, item.family)) != item.allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_enough_and_balanced() -> None:
    assert len(TUPLES) >= 350
    assert 0.4 <= sum(item.allowed for item in TUPLES) / len(TUPLES) <= 0.6
    assert sum(item.family == 6 for item in TUPLES) >= 30
    assert {item.protocol for item in TUPLES} >= {"tcp", "udp", "icmp_echo", "gre"}


def test_nothing_twice() -> None:
    asked = [item[:5] for item in TUPLES]
    assert sorted({item for item in asked if asked.count(item) > 1}) == []


def test_hosts_exist_and_have_the_family(oracle: Oracle) -> None:
    """A pair without a common family is refused for a reason that proves nothing."""
    hosts = oracle.estate.hosts
    assert [item for item in TUPLES for end in (item.source, item.destination) if not hosts[end].address(item.family)] == []


def test_every_host_is_in_it(oracle: Oracle) -> None:
    assert {item.source for item in TUPLES} == set(oracle.estate.hosts)
    assert {item.destination for item in TUPLES} == set(oracle.estate.hosts)


def test_places_exist() -> None:
    """Each line names a place, and what it names of a document is there: the section, and the row where one is given."""
    known = set(documented().values())
    sections = {(document, section) for document, section, _row in known}
    unknown = []
    for item in TUPLES:
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
