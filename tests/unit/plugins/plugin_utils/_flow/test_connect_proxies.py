# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows joined with an estate made by hand: external ends, proxies, and address families."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Proxy
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, estate, flow, made
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.shop import DESK, FREE, TILL, told


def test_an_external_role_without_networks_is_the_internet() -> None:
    found = connect(estate(DESK), catalogs(flow("shop.desk", "shop.cloud"), flow("shop.desk", "internet", port="80"), external=["shop.cloud"]))
    assert [c.peers.id for c in found.connections] == ["internet", "internet"]
    assert "10.0.0.0/8" not in found.connections[0].peers.addresses.cidrs()


def test_an_external_role_with_networks_is_those() -> None:
    world = estate(DESK, networks={"shop.cloud": {None: "44.0.0.0/24"}})
    found = connect(world, catalogs(flow("shop.desk", "shop.cloud"), flow("shop.desk", "internet", port="80"), external=["shop.cloud"]))
    assert told(found)[0] == "desk out shop.cloud 44.0.0.0/24 1000"
    assert "44.0.0.1" not in found.connections[1].peers.addresses  # what is declared for another role is not the Internet


@pytest.mark.parametrize(
    ("written", "address", "inside"),
    [
        ("44.0.0.0/24", "44.0.0.1", False),
        ("any", "44.0.0.1", True),
        ("0.0.0.0/0", "44.0.0.1", True),  # everyone of one family, and the Internet with it
        ("::/0", "2600::1", True),
    ],
)
def test_what_other_roles_take_from_the_internet(written: str, address: str, inside: bool) -> None:
    found = connect(estate(DESK, networks={"shop.guest": {None: written}}), catalogs(flow("shop.desk", "internet"), flow("shop.guest", "shop.guest")))
    assert (address in found.connections[0].peers.addresses) is inside


def test_an_internet_declared_empty_is_nobody() -> None:
    found = connect(estate(DESK, explicit_empty=frozenset({"internet"})), catalogs(flow("shop.desk", "internet")))
    assert found.connections == ()
    assert [note.text for note in found.notes] == ["nobody holds internet; the flows of shop.desk with it make no rules"]


PROXIES = (Proxy("10.0.8.1", 8080), Proxy("10.0.8.2", 3128))


def test_web_flows_to_external_ends_go_to_every_proxy() -> None:
    world = estate(DESK, TILL, proxies=PROXIES)
    found = connect(
        world,
        catalogs(
            flow("shop.desk", "internet", via_proxy=True), flow("shop.desk", "shop.till", port="2", via_proxy=True), flow("internet", "shop.till", port="3")
        ),
    )
    assert told(found) == [
        "desk out infrastructure.proxy#3128 10.0.8.2 3128",
        "desk out infrastructure.proxy#8080 10.0.8.1 8080",
        "desk out shop.till 10.0.1.1 2",
        "till in shop.desk 10.0.0.1 2",  # an end inside needs no proxy
        next(line for line in told(found) if line.startswith("till in internet")),
    ]


def test_without_a_proxy_they_go_straight() -> None:
    found = connect(estate(DESK), catalogs(flow("shop.desk", "internet", via_proxy=True)))
    assert [(c.peers.id, texts(c.ports)) for c in found.connections] == [("internet", ["1000"])]


@pytest.mark.parametrize(("port", "ports"), [(None, []), (9090, ["9090"])], ids=["no value", "a value"])
def test_a_flow_with_a_port_of_its_own_keeps_it_at_the_proxy(port: t.Optional[int], ports: list[str]) -> None:
    desk = made("desk", "shop.desk", at="10.0.0.1", settings={"shop.free": port} if port else {})
    wanted = flow("shop.desk", "internet", ports=(), setting="shop.free", setting_of="source", via_proxy=True)
    found = connect(estate(desk, proxies=PROXIES[:1], networks={"shop.desk": {None: "10.5.0.0/16"}}), catalogs(wanted, settings=[FREE]))
    assert [text for c in found.connections for text in texts(c.ports)] == ports
    assert [note.code for note in found.notes] == ([] if port else ["user_defined_port"])


def test_a_proxy_that_is_a_host_admits_each_group_on_the_port_that_it_uses() -> None:
    free, other = (made(name, "shop.desk", at=at, settings={"shop.free": port}) for name, at, port in (("a", "10.0.0.1", 9090), ("b", "10.0.0.2", 9091)))
    wanted = flow("shop.desk", "internet", ports=(), setting="shop.free", setting_of="source", via_proxy=True)
    found = connect(estate(free, other, made("px", "shop.till", at="10.0.8.1"), proxies=PROXIES[:1]), catalogs(wanted, settings=[FREE]))
    assert [line for line in told(found) if line.startswith("px")] == [
        "px in shop.desk#9090 10.0.0.1 9090",
        "px in shop.desk#9091 10.0.0.2 9091",
    ]


SIX = made("six", "shop.till", at="fd00::1")
BOTH = made("both", "shop.till", at="10.0.1.2 fd00::2")


def test_two_peers_without_a_common_family_are_a_problem_told_once() -> None:
    flows = [flow("shop.desk", "shop.till"), flow("shop.desk", "shop.till", port="2000", initiator="either")]
    with pytest.raises(InventoryError) as error:
        connect(estate(DESK, SIX, BOTH), catalogs(*flows))
    assert [str(problem) for problem in error.value.problems] == [
        "estate: msports_addresses: 'desk (IPv4) and six (IPv6)': no common address family, though shop.desk and shop.till communicate "
        "(for instance shop.desk.shop.till.1000); give both an address of one family"
    ]


def test_networks_have_families_too() -> None:
    with pytest.raises(InventoryError, match=r"networks of shop\.till \(IPv6\)"):
        connect(estate(DESK, networks={"shop.till": {None: "fd00::/64"}}), catalogs(flow("shop.desk", "shop.till")))


def test_so_has_the_proxy() -> None:
    with pytest.raises(InventoryError, match=r"'six \(IPv6\) and the proxy \(IPv4\)'"):
        connect(estate(SIX, proxies=PROXIES), catalogs(flow("shop.till", "internet", via_proxy=True)))


def test_a_host_without_address_has_no_family_to_miss() -> None:
    world = estate(made("visitor", "shop.desk"), SIX, networks={"shop.desk": {None: "fd00:1::/64"}})
    assert connect(world, catalogs(flow("shop.desk", "shop.till"))).connections


def test_a_request_without_an_address_needs_no_common_family() -> None:
    server = made("dhcp", "shop.dhcp", at="10.0.1.1")
    wanted = flow("shop.till", "shop.dhcp", protocol="udp", ports=("67", "68"), delivery="unaddressed")
    assert connect(estate(SIX, server), catalogs(wanted)).connections
