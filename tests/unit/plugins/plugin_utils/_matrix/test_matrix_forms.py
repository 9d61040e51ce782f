# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of flows: rows and forms."""

from __future__ import annotations

import csv
import io
import re

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._matrix.matrix import COLUMNS, render, rows
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow import estates
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, peer, plan, rule

PLAN = plan(
    {
        "till1": host(rule("in", "tcp", "desks", ["443"]), rule("out", "tcp", "internet", ["80"]), at=["10.0.1.1"]),
        "till2": host(rule("in", "tcp", "desks", ["443"]), rule("out", "tcp", "tills", ["1"]), rule("out", "tcp", "mixed", ["2"]), at=["10.0.1.2"]),
        "lamp": host(rule("in", "icmp_echo", "desks"), rule("in", "udp", "desks", ["5000"], local="groups"), at=["10.0.2.1"]),
    },
    {
        "desks": (["10.0.0.0/24"], ["networks:shop.desk"]),
        "internet": (["44.0.0.0/8"], ["networks:internet"]),
        "tills": (["10.0.1.1", "10.0.1.2"], ["till1", "till2"]),
        "mixed": (["10.0.1.1", "10.0.3.1"], ["till1", "box"]),
        "groups": (["239.0.0.1"], ["groups"]),
    },
    peers={"box": peer("10.0.3.1")},
)


def test_rows_join_the_destinations_of_one_source() -> None:
    found = [(row["source"], row["destination"], row["protocol"], row["ports"]) for row in rows(PLAN)]
    assert found == [
        (["desks"], ["lamp"], ["icmp_echo"], []),
        (["desks"], ["till1", "till2"], ["tcp"], ["443"]),
        (["desks"], ["groups"], ["udp"], ["5000"]),  # packets of multicast go to the group
        (["till1"], ["internet"], ["tcp"], ["80"]),
        (["till2"], ["mixed"], ["tcp"], ["2"]),  # one of them has no ruleset, whose inbound rule would make the row
    ]


def test_a_row_has_addresses_and_reasons() -> None:
    row = rows(PLAN)[1]
    assert row["source_addresses"] == ["10.0.0.0/24"]
    assert row["destination_addresses"] == ["10.0.1.1", "10.0.1.2"]
    assert row["because"] == ["shop.flow"]
    assert rows(PLAN)[2]["destination_addresses"] == ["239.0.0.1"]


def test_a_list_is_the_rows() -> None:
    assert render(PLAN, "list") == rows(PLAN)


def test_csv_reads_back() -> None:
    read = list(csv.reader(io.StringIO(str(render(PLAN, "csv")))))
    assert read[0] == list(COLUMNS)
    assert read[2] == ["desks", "10.0.0.0/24", "till1 till2", "10.0.1.1 10.0.1.2", "tcp", "443", "shop.flow"]
    assert {len(line) for line in read} == {len(COLUMNS)}


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x"])
def test_csv_holds_no_formulas(name: str) -> None:
    made = plan({"till": host(rule("in", "tcp", name, ["1"]), at=["10.0.0.1"])}, {name: ["10.0.0.9"]})
    assert list(csv.reader(io.StringIO(str(render(made, "csv")))))[1][0] == f"'{name}"


def test_markdown_is_one_table() -> None:
    made = plan({"a|b": host(rule("in", "any", "desks"), at=["10.0.0.1"])}, {"desks": ["10.0.0.9"]})
    assert str(render(made, "md")).split("\n") == [
        "| source | destination | protocol | ports | because |",
        "|---|---|---|---|---|",
        "| desks | a\\|b | any | any | shop.flow |",
        "",
    ]
    shown = str(render(plan({"www.till": host(rule("in", "any", "desks@P01.tree"), at=["10.0.0.1"])}, {"desks@P01.tree": ["10.0.0.9"]}), "md"))
    assert "| desks@<!-- -->P01.tree | www<!-- -->.till |" in shown, "a forge would make links of these"
    lines = str(render(PLAN, "md")).rstrip("\n").split("\n")
    assert {line.count("|") for line in lines} == {6}


NODE = re.compile(r'  n\d+\["[^"\]]*"\]')
EDGE = re.compile(r'  n\d+ -->\|"[^"|]*"\| n\d+')


def test_mermaid_is_a_graph() -> None:
    lines = str(render(PLAN, "mermaid")).rstrip("\n").split("\n")
    assert lines[0] == "flowchart LR"
    assert all(NODE.fullmatch(line) or EDGE.fullmatch(line) for line in lines[1:])
    assert '  n0 -->|"icmp_echo"| n3' in lines
    named = dict(re.fullmatch(r'  (n\d+)\["(.*)"\]', line).groups() for line in lines if NODE.fullmatch(line))  # type: ignore[union-attr, misc]
    assert sorted(named.values()) == ["desks", "groups", "internet", "lamp", "mixed", "till1", "till2"]


def test_mermaid_joins_what_goes_between_two_ends() -> None:
    made = plan({"till": host(rule("in", "tcp", 'the "desk"', ["443"]), rule("in", "tcp", 'the "desk"', ["80", "81"]))}, {'the "desk"': ["10.0.0.9"]})
    assert str(render(made, "mermaid")) == 'flowchart LR\n  n0["the #quot;desk#quot;"]\n  n1["till"]\n  n0 -->|"tcp/443<br>tcp/80,81"| n1\n'


def test_an_unknown_form() -> None:
    with pytest.raises(ValueError, match="'xls' is no form of the matrix; expected one of list, csv, md, mermaid"):
        render(PLAN, "xls")


def test_the_matrix_of_a_compiled_plan() -> None:
    found = estates.plan(
        {"edge": estates.host("exchange.edge_transport", at="172.16.0.10"), "mail": estates.host("exchange.mailbox", at="10.1.2.11", managed=False)}
    )
    told = {(tuple(row["source"]), tuple(row["destination"]), *row["ports"]) for row in rows(found)}
    assert (("edge",), ("exchange.mailbox",), "25") in told  # no ruleset there, so the outbound rule makes the row
    assert (("exchange.mailbox",), ("edge",), "50636") in told
