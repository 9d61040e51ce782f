# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the wire does: one connection and the rules that it needs at its end."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import NOBODY, Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Connection, Group
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.project import project
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import flow

HERE = Group("shop.till", None, ("till",), Addresses.parse(["10.0.1.1"]), frozenset(), {}, (), frozenset({(4,)}))
PEERS = AddressSet("shop.desk", Addresses.parse(["10.0.0.0/24"]), ("networks:shop.desk",))
GROUPS = AddressSet("groups", Addresses.parse(["239.0.0.0/24"]), ("groups",))
RELAYS = AddressSet("infrastructure.dhcp_relays", Addresses.parse(["10.0.0.2"]), ("relay",))
NO_RELAYS = AddressSet("infrastructure.dhcp_relays", NOBODY, ())


def connection(direction: str, ports: t.Sequence[str], multicast: t.Optional[AddressSet] = None, **fields: t.Any) -> Connection:
    return Connection(flow("shop.desk", "shop.till", **{"protocol": "udp", **fields}), direction, HERE, PEERS, parse_ports(ports), multicast=multicast)


def projected(made: Connection, relays: AddressSet = NO_RELAYS) -> list[tuple[str, str, list[str]]]:
    """Return name, helper and the addresses of the peers of each rule."""
    return [(rule.name, rule.helper, sets[0].addresses.cidrs()) for rule, sets in project(made, relays)]


LAN = ["10.0.0.0/24"]
WITH_BROADCAST = ["10.0.0.0/24", "255.255.255.255"]


@pytest.mark.parametrize(
    ("made", "rules"),
    [
        (connection("in", ["445"]), [("in udp/445 from shop.desk", "", LAN)]),
        (connection("out", ["445"]), [("out udp/445 to shop.desk", "", LAN)]),
        # a limit on the opener's port is one at both ends
        (connection("in", ["445"], source_ports=("1024-5000",)), [("in udp/445 from shop.desk port 1024-5000", "", LAN)]),
        (connection("out", ["445"], source_ports=("1024-5000",)), [("out udp/445 to shop.desk port 1024-5000", "", LAN)]),
        # TFTP answers from another port: only a tracking helper knows the answer
        (connection("in", ["69"], reply="new_port"), [("in udp/69 from shop.desk", "tftp", LAN)]),
        (connection("out", ["69"], reply="new_port"), [("out udp/69 to shop.desk", "tftp", LAN)]),
        # the answer to a NetBIOS broadcast comes from somewhere that was not asked
        (connection("out", ["137"], delivery="broadcast"), [("out udp/137 to shop.desk", "netbios-ns", LAN)]),
        (connection("in", ["137"], delivery="broadcast"), [("in udp/137 from shop.desk", "", LAN)]),
        (connection("out", ["138"], delivery="broadcast"), [("out udp/138 to shop.desk", "", LAN)]),
        (connection("out", ["137"]), [("out udp/137 to shop.desk", "", LAN)]),
        # DHCP: a first request comes from 0.0.0.0; 68 is never opened at a server
        (
            connection("in", ["67", "68"], delivery="unaddressed"),
            [("in udp/67 from any", "", ["any"]), ("out udp/68 to shop.desk+broadcast port 67", "", WITH_BROADCAST)],
        ),
        (connection("out", ["67", "68"], delivery="unaddressed"), [("out udp/67 to shop.desk+broadcast port 68", "", WITH_BROADCAST)]),
        # PXE answers from 4011, too
        (
            connection("in", ["67", "68"], delivery="unaddressed", feature="shop.pxe"),
            [("in udp/67 from any", "", ["any"]), ("out udp/68 to shop.desk+broadcast port 67,4011", "", WITH_BROADCAST)],
        ),
        # DHCPv6: requests go to a multicast group
        (connection("in", ["547"], delivery="unaddressed"), [("in udp/547 from any", "", ["any"])]),
        (connection("out", ["547"], delivery="unaddressed"), [("out udp/547 to shop.desk", "", LAN)]),
        # multicast: in at the receivers from the senders, to the group; out to the group; the documented unicast row beside it
        (connection("in", ["63000-64000"], GROUPS, delivery="multicast"), [("in udp/63000-64000 from shop.desk at groups", "", LAN)]),
        (connection("out", ["63000-64000"], GROUPS, delivery="multicast"), [("out udp/63000-64000 to groups", "", ["239.0.0.0/24"])]),
        (connection("in", ["63000-64000"], delivery="multicast"), [("in udp/63000-64000 from shop.desk", "", LAN)]),
    ],
)
def test_rules_of_a_connection(made: Connection, rules: list[tuple[str, str, list[str]]]) -> None:
    assert projected(made) == rules


def test_a_dhcp_server_answers_relays_on_67() -> None:
    rules = projected(connection("in", ["67", "68"], delivery="unaddressed"), RELAYS)
    assert rules[2:] == [("out udp/67 to infrastructure.dhcp_relays port 67", "", ["10.0.0.2"])]


def test_a_multicast_rule_names_both_of_its_sets() -> None:
    ((rule, sets),) = project(connection("in", ["63000-64000"], GROUPS, delivery="multicast"), NO_RELAYS)
    assert [item.id for item in sets] == [rule.remote, rule.local] == ["shop.desk", "groups"]


def test_every_rule_says_which_row_of_which_document() -> None:
    for rule, _sets in project(connection("in", ["67", "68"], delivery="unaddressed"), RELAYS):
        assert [(why.kind, why.name, why.text) for why in rule.because] == [("flow", "shop.desk.shop.till.1000", "page#table row 1")]
        assert rule.delivery == "unaddressed"
