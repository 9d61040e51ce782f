# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules, flows and references: names, keys, and plain data."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Reference
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Holding, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import Reason, Rule
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, flow

WHY = (Reason("flow", "a"),)


def rule(direction: str = "in", protocol: str = "tcp", local: t.Sequence[str] = (), remote: t.Sequence[str] = (), **fields: t.Any) -> Rule:
    return Rule(direction, protocol, parse_ports(local), parse_ports(remote), "shop.desk", WHY, **fields)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (rule(local=["445"]), "in tcp/445 from shop.desk"),
        (rule("out", remote=["80", "443"]), "out tcp/80,443 to shop.desk"),
        (rule("out", remote=["49152-65535"], rpc=True), "out tcp/rpc to shop.desk"),
        (rule(protocol="icmp_echo"), "in icmp_echo from shop.desk"),
        (rule(protocol="any"), "in any from shop.desk"),
        (rule("out", "udp", ["67"], ["68"]), "out udp/68 to shop.desk port 67"),
        (rule("in", "udp", ["5000"], ["6000"]), "in udp/5000 from shop.desk port 6000"),
    ],
)
def test_names(made: Rule, name: str) -> None:
    assert made.name == name


def test_a_rule_for_a_group_names_it() -> None:
    assert dataclasses.replace(rule("in", "udp", ["63000-64000"]), local="shop.groups").name == "in udp/63000-64000 from shop.desk at shop.groups"


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"because": ()}, True),
        ({"helper": "tftp"}, True),
        ({"delivery": "broadcast"}, True),
        ({"direction": "out"}, False),
        ({"protocol": "udp"}, False),
        ({"local_ports": parse_ports(["2"])}, False),
        ({"remote_ports": parse_ports(["2"])}, False),
        ({"remote": "other"}, False),
        ({"local": "groups"}, False),
        ({"rpc": True}, False),
    ],
)
def test_what_makes_two_rules_one(fields: dict[str, t.Any], same: bool) -> None:
    one = rule(local=["1"])
    assert (dataclasses.replace(one, **fields).key == one.key) is same


@pytest.mark.parametrize(("reference", "text"), [(Reference("d", "s", 3), "d#s row 3"), (Reference("d", "s"), "d#s")])
def test_references(reference: Reference, text: str) -> None:
    assert str(reference) == text


def test_a_flow_as_plain_data() -> None:
    plain = flow("shop.desk", "shop.till", starts={"source": "always"}, notes=(1, 2)).as_dict()
    assert plain["reference"] == {"document": "page", "section": "table", "row": 1}
    assert (plain["ports"], plain["notes"], plain["starts"], plain["feature"]) == (["1000"], [1, 2], {"source": "always"}, None)


def test_supplements_are_those_of_the_section_supplement() -> None:
    assert flow("a.b", "a.c", reference=Reference("d", "supplement")).supplement
    assert not flow("a.b", "a.c").supplement


def test_catalogs_give_the_flows_of_all_products_in_their_order() -> None:
    one = catalogs(flow("shop.desk", "shop.till"), supplements=[flow("shop.desk", "shop.till", port="2")])
    both = Catalogs({"b": one.products["shop"], "a": one.products["shop"]}, one.roles, {}, {})
    assert len(both.flows) == 2
    assert len(both.supplements) == 2


def test_holdings_by_role() -> None:
    held = Holding("shop.desk")
    assert Host("a", holdings=(held,)).holding("shop.desk") is held
    assert Host("a").holding("shop.desk") is None
