# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows joined with an estate made by hand: whose setting decides the ports."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Holding
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, estate, flow, made
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.shop import DESK, FREE, HTTP, TILL, placed, told


def test_a_setting_of_the_destination_parts_its_peers_by_port() -> None:
    other = made("other", "shop.till", at="10.0.1.2", settings={"shop.http": 8080})
    found = connect(estate(DESK, TILL, other), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP]))
    assert told(found) == [
        "desk out shop.till#80 10.0.1.1 80",
        "desk out shop.till#8080 10.0.1.2 8080",
        "other in shop.desk 10.0.0.1 8080",
        "till in shop.desk 10.0.0.1 80",
    ]


def test_the_entry_of_a_role_wins_over_the_variable_of_the_host() -> None:
    till = made("till", Holding("shop.till", settings={"shop.http": 81}), at="10.0.1.1", settings={"shop.http": 82})
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP]))
    assert {texts(c.ports)[0] for c in found.connections} == {"81"}


def test_a_setting_of_the_source_is_the_same_on_both_ends() -> None:
    desks = [made("a", "shop.desk", at="10.0.0.1", settings={"shop.http": 81}), made("b", "shop.desk", at="10.0.0.2")]
    found = connect(estate(*desks, TILL), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http", setting_of="source"), settings=[HTTP]))
    assert told(found) == [
        "a out shop.till 10.0.1.1 81",
        "b out shop.till 10.0.1.1 80",
        "till in shop.desk#80 10.0.0.2 80",
        "till in shop.desk#81 10.0.0.1 81",
    ]


def test_a_setting_of_the_estate() -> None:
    world = estate(made("desk", "shop.desk", at="10.0.0.1", settings={"shop.http": 81}), TILL, settings={"shop.http": 81})
    found = connect(world, catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http", setting_of="estate"), settings=[HTTP]))
    assert {texts(c.ports)[0] for c in found.connections} == {"81"}


def test_a_setting_of_the_site_is_that_of_the_site_server_of_the_destination() -> None:
    hosts = [
        placed("serverA", "shop.site_server", "10.0.3.1", "A", settings={"shop.http": 81}),
        placed("serverB", "shop.site_server", "10.0.3.2", "B", settings={"shop.http": 82}),
        placed("deskA", "shop.desk", "10.0.0.1", "A"),
        placed("deskB", "shop.desk", "10.0.0.2", "B"),
    ]
    world = estate(*hosts, networks={"shop.desk": {None: "10.7.0.0/16"}})
    found = connect(world, catalogs(flow("shop.site_server", "shop.desk", port="80", setting="shop.http", setting_of="site", scope="site"), settings=[HTTP]))
    assert told(found) == [
        "serverA out shop.desk@A 10.0.0.1,10.7.0.0/16 81",  # networks that hold for all sites follow the site that speaks with them
        "serverB out shop.desk@B 10.0.0.2,10.7.0.0/16 82",
        "deskA in shop.site_server@A 10.0.3.1 81",
        "deskB in shop.site_server@B 10.0.3.2 82",
    ]


def test_without_a_site_server_the_setting_of_a_site_is_that_of_the_estate() -> None:
    wanted = flow("shop.desk", "shop.till", port="80", setting="shop.http", setting_of="site")
    found = connect(estate(DESK, TILL, settings={"shop.http": 83}), catalogs(wanted, settings=[HTTP]))
    assert {texts(c.ports)[0] for c in found.connections} == {"83"}


def test_networks_have_the_settings_of_the_estate() -> None:
    world = estate(DESK, networks={"shop.till": {None: "10.8.0.0/24"}}, settings={"shop.http": 84})
    assert told(connect(world, catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP]))) == [
        "desk out shop.till 10.8.0.0/24 84"
    ]


def test_where_hosts_differ_networks_have_the_default_and_the_plan_says_so() -> None:
    desks = [made("a", "shop.desk", at="10.0.0.1", settings={"shop.http": 81}), made("b", "shop.desk", at="10.0.0.2", settings={"shop.http": 82})]
    found = connect(
        estate(*desks, networks={"shop.till": {None: "10.8.0.0/24"}}), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP])
    )
    assert {texts(c.ports)[0] for c in found.connections} == {"80"}
    assert [(note.code, note.text) for note in found.notes] == [
        ("settings_differ", "hosts differ on shop.http, so ends given as networks have its default (for instance shop.desk.shop.till.80)")
    ]


@pytest.mark.parametrize("value", [None, ()], ids=["unset", "an empty list"])
def test_a_user_defined_port_without_a_value_is_a_note_and_no_rule(value: t.Any) -> None:
    kind = Setting("shop.free", "user defined", "ports", value)
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", ports=(), setting="shop.free"), settings=[kind]))
    assert found.connections == ()
    assert [note.code for note in found.notes] == ["user_defined_port"]


def test_a_user_defined_port_with_a_value() -> None:
    till = made("till", "shop.till", at="10.0.1.1", settings={"shop.free": 7000})
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", ports=(), setting="shop.free"), settings=[FREE]))
    assert {texts(c.ports)[0] for c in found.connections} == {"7000"}


def test_several_ports_of_one_setting() -> None:
    till = made("till", "shop.till", at="10.0.1.1", settings={"shop.many": ("7000", "7001-7003")})
    many = Setting("shop.many", "many", "ports", None)
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", ports=(), setting="shop.many"), settings=[many]))
    assert {tuple(texts(c.ports)) for c in found.connections} == {("7000-7003",)}


def test_dynamic_ports_are_those_of_the_end_that_is_reached() -> None:
    linux = made("till", "shop.till", at="10.0.1.1", dynamic_ports=parse_ports(["40000-40100"]))
    found = connect(estate(DESK, linux), catalogs(flow("shop.desk", "shop.till", port="rpc_dynamic", initiator="either")))
    assert {(c.at.hosts[0], c.direction, texts(c.ports)[0], c.rpc) for c in found.connections} == {
        ("desk", "out", "40000-40100", True),
        ("till", "in", "40000-40100", True),
        ("till", "out", "49152-65535", True),
        ("desk", "in", "49152-65535", True),
    }
