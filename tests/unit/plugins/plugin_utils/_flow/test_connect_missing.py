# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows joined with an estate made by hand: who is missing, ids of sets, and multicast."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, estate, flow, made
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.shop import DESK, TILL


@pytest.mark.parametrize(
    ("fields", "estate_fields", "problem", "note"),
    [
        ({}, {}, True, False),
        ({}, {"not_deployed": frozenset({"shop.till"})}, False, False),  # "we have none" was said, and that is that
        ({}, {"explicit_empty": frozenset({"shop.till"})}, False, True),
        ({"feature": "shop.f", "requirement": "conditional"}, {}, False, False),
        ({"feature": "shop.f", "feature_at": "source", "requirement": "conditional"}, {"features": frozenset({"shop.f"})}, False, True),
        ({"only_with": ("shop.edge",)}, {}, False, False),  # the flow is off
    ],
    ids=["needed", "absent", "declared empty", "feature off", "only conditional", "flow off"],
)
def test_an_essential_role(fields: dict[str, t.Any], estate_fields: dict[str, t.Any], problem: bool, note: bool) -> None:
    known = catalogs(flow("shop.desk", "shop.till", **fields), flow("shop.edge", "shop.edge"), essential=["shop.till"], features=["shop.f"])
    if problem:
        with pytest.raises(InventoryError) as error:
            connect(estate(DESK, **estate_fields), known)
        assert str(error.value) == (
            "estate: nobody holds shop.till, a peer of shop.desk: give the role to a host (group shop_till or msports_roles), "
            "name its networks (msports_networks: {shop.till: [...]}), or say that there is none (msports_not_deployed: [shop.till])"
        )
        return
    assert [item.code for item in connect(estate(DESK, **estate_fields), known).notes] == (["nobody_holds"] if note else [])


def test_the_note_names_three_of_many() -> None:
    flows = [flow(f"shop.desk{number}", "shop.till") for number in range(5)]
    hosts = [made(f"d{number}", f"shop.desk{number}", at=f"10.0.0.{number + 1}") for number in range(5)]
    found = connect(estate(*hosts), catalogs(*flows))
    assert [note.text for note in found.notes] == ["nobody holds shop.till; the flows of shop.desk0, shop.desk1, shop.desk2 and 2 more with it make no rules"]


def test_flows_that_no_host_takes_part_in_say_nothing() -> None:
    world = estate(TILL, networks={"shop.desk": {None: "10.5.0.0/16"}})
    found = connect(world, catalogs(flow("shop.desk", "shop.lamp"), flow("shop.till", "shop.till"), essential=["shop.lamp"]))
    assert found.notes == ()
    assert found.off == ()


def test_peers_whose_addresses_are_not_known_are_a_note() -> None:
    """Hosts of a population without an address, whose ports differ from those of the networks that they are in."""
    odd = [made(f"odd{number}", "shop.desk", dynamic_ports=parse_ports(["40000-40100"])) for number in range(2)]
    tills = [made(f"till{number}", "shop.till", at=f"10.0.1.{number + 1}") for number in range(5)]
    world = estate(*odd, *tills, networks={"shop.desk": {None: "10.5.0.0/16"}})
    found = connect(world, catalogs(flow("shop.till", "shop.desk", port="rpc_dynamic")))
    assert [note.text for note in found.notes] == [
        "shop.till.shop.desk.rpc_dynamic: no address of shop.desk#40000-40100 is known, so there is no rule at till0, till1, till2 and 2 more"
    ]


def test_one_id_never_stands_for_two_contents() -> None:
    """Two settings part the same role by the same port, each in its own way."""
    tills = [
        made("a", "shop.till", at="10.0.1.1", settings={"shop.one": 80, "shop.two": 81}),
        made("b", "shop.till", at="10.0.1.2", settings={"shop.one": 81, "shop.two": 80}),
    ]
    settings = [Setting(f"shop.{name}", name, "port", None) for name in ("one", "two")]
    flows = [flow("shop.desk", "shop.till", ports=(), variant=name, setting=f"shop.{name}") for name in ("one", "two")]
    found = connect(estate(DESK, *tills), catalogs(*flows, settings=settings))
    sets = {c.peers.id: c.peers.addresses.cidrs() for c in found.connections if c.direction == "out"}
    assert sets == {"shop.till#80": ["10.0.1.1"], "shop.till#81": ["10.0.1.2"], "shop.till#80~2": ["10.0.1.2"], "shop.till#81~2": ["10.0.1.1"]}


def test_the_same_content_under_one_name_is_one_set() -> None:
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till"), flow("shop.desk", "shop.till", port="2000")))
    first, second = (c.peers for c in found.connections if c.direction == "out")
    assert first is second


def test_multicast_adds_the_groups_out_at_the_sender_and_in_at_the_receivers() -> None:
    till = made("till", "shop.till", at="10.0.1.1", settings={"shop.multicast_addresses": ("239.1.0.0/24",)})
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", protocol="udp", delivery="multicast")))
    groups = [(c.at.hosts[0], c.direction, c.peers.id, c.multicast.addresses.cidrs()) for c in found.connections if c.multicast]
    assert groups == [("desk", "in", "shop.till", ["239.1.0.0/24"]), ("till", "out", "shop.multicast_addresses", ["239.1.0.0/24"])]
    assert len(found.connections) == 4  # the documented unicast rows stand beside


def test_without_groups_there_is_only_the_documented_row() -> None:
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", protocol="udp", delivery="multicast")))
    assert [c.multicast for c in found.connections] == [None, None]


def test_a_product_that_nobody_has_is_not_missed() -> None:
    """A flow of one product to a role of another asks for the other only where that is in use."""
    known = catalogs(flow("shop.desk", "mall.door"), essential=["mall.door"])
    assert connect(estate(DESK), known).notes == ()
    with pytest.raises(InventoryError, match="nobody holds mall.door"):
        connect(estate(DESK, made("lamp", "mall.lamp", at="10.0.4.1")), known)
    with pytest.raises(InventoryError, match="nobody holds mall.door"):
        connect(estate(DESK, networks={"mall.lamp": {None: "10.4.0.0/24"}}), known)
