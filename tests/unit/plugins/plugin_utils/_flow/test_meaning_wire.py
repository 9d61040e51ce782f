# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 3 of docs/meaning.md, a test for each sentence: what the wire does."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, host, names, plan, rules, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import Plain, open_, site_system


PXE = {"features": ["configmgr.pxe"]}


def boot(**everywhere: t.Any) -> Plain:
    return plan(
        {"dp": host("configmgr.distribution_point", at="10.0.0.1", **PXE), "client": host("configmgr.client", at="10.20.0.5")},
        networks={"configmgr.client": ["10.20.0.0/16"]},
        **everywhere,
    )


def test_pxe_at_the_server() -> None:
    found = boot(infrastructure={"dhcp_relays": ["10.20.0.2"]})
    pxe = rules(found, "dp", "configmgr.client.distribution_point.dhcp.udp")
    assert [(rule["direction"], rule["local_ports"], rule["remote_ports"], addresses(found, rule)) for rule in pxe] == [
        ("in", ["67"], [], ["any"]),  # a first request comes from 0.0.0.0
        ("out", ["67"], ["67"], ["10.20.0.2"]),
        ("out", ["67", "4011"], ["68"], ["10.20.0.0/16", "255.255.255.255"]),
    ]
    assert [addresses(found, rule) for rule in rules(found, "dp", "configmgr.client.distribution_point.binl.udp")] == [["10.20.0.0/16"]]
    assert not [rule for rule in rules(found, "dp") if rule["direction"] == "in" and "68" in rule["local_ports"]]  # 68 is the client's port


def test_tftp_needs_a_helper_at_both_ends() -> None:
    found = boot()
    assert [(rule["direction"], rule["helper"]) for rule in rules(found, "dp", "configmgr.client.distribution_point.tftp.udp")] == [("in", "tftp")]
    assert [(rule["direction"], rule["helper"]) for rule in rules(found, "client", "configmgr.client.distribution_point.tftp.udp")] == [("out", "tftp")]


def test_dhcp_server_and_every_host() -> None:
    found = plan({"dhcp": host("windows_server.dhcp_server", at="10.0.0.1"), "edge": host("exchange.edge_transport", at="172.16.0.1")})
    assert names(found, "edge", "windows_server.any_host.dhcp_server") == ["out udp/67 to windows_server.dhcp_server+broadcast port 68"]
    assert names(found, "dhcp", "windows_server.any_host.dhcp_server") == ["in udp/67 from any", "out udp/68 to any_host+broadcast port 67"]


def test_a_relay_and_its_server() -> None:
    found = plan({"dhcp": host("windows_server.dhcp_server", at="10.0.0.1"), "relay": host("windows_server.dhcp_relay", at="10.0.1.1")})
    assert open_(found, "relay", "dhcp", "udp/67")
    assert open_(found, "dhcp", "relay", "udp/67")
    assert "out udp/67 to infrastructure.dhcp_relays port 67" in names(found, "dhcp")


def test_netbios_is_a_feature_and_has_a_helper_at_the_requester() -> None:
    hosts = {name: ("windows_server.domain_member", f"10.0.0.{number}") for number, name in enumerate("ab", 1)}
    off = plan({name: host(role, at=at) for name, (role, at) in hosts.items()})
    assert not open_(off, "a", "b", "udp/137")
    on = plan({name: host(role, at=at, features=["windows_server.netbios"]) for name, (role, at) in hosts.items()})
    assert open_(on, "a", "b", "udp/137")
    assert {(rule["direction"], rule["helper"]) for rule in rules(on, "a", "windows_server.domain_member.domain_member.netbios_name.udp")} == {
        ("in", ""),
        ("out", "netbios-ns"),
    }


def multicast(**fields: t.Any) -> Plain:
    return plan(
        {
            "dp": host("configmgr.distribution_point", at="10.0.0.1", features=["configmgr.multicast"], **fields),
            "client": host("configmgr.client", at="10.20.0.5"),
        }
    )


def test_multicast_goes_out_to_the_groups_and_in_from_the_sender() -> None:
    found = multicast(settings={"configmgr.multicast_addresses": ["239.1.0.0/24"]})
    at_client = [rule for rule in rules(found, "client", "configmgr.client.distribution_point.multicast.udp") if rule["direction"] == "in"]
    assert [(addresses(found, rule), addresses(found, rule, "local"), rule["local_ports"]) for rule in at_client] == [
        (["10.0.0.1"], ["239.1.0.0/24"], ["63000-64000"])
    ]
    at_sender = [rule for rule in rules(found, "dp", "configmgr.client.distribution_point.multicast.udp") if rule["direction"] == "out"]
    assert [(addresses(found, rule), rule["local"]) for rule in at_sender] == [(["239.1.0.0/24"], None)]
    assert open_(found, "client", "dp", "udp/63500")  # the documented row stands
    assert not open_(found, "dp", "client", "udp/63500")  # unicast from the sender is not documented


def test_multicast_without_groups_is_a_problem() -> None:
    with pytest.raises(InventoryError, match="multicast_addresses"):
        multicast()


def test_dynamic_rpc_is_the_range_of_the_system_that_is_reached() -> None:
    found = plan(
        {
            "server": host("configmgr.site_server", at="10.0.0.1"),
            "old": host("configmgr.distribution_point", at="10.0.0.2", dynamic_ports="1025-5000"),
            "new": host("configmgr.distribution_point", at="10.0.0.3"),
        }
    )
    flow = "configmgr.site_server.distribution_point.rpc_dynamic.tcp"
    assert [(rule["remote"], rule["remote_ports"], rule["rpc"]) for rule in rules(found, "server", flow)] == [
        ("configmgr.distribution_point#1025-5000", ["1025-5000"], True),
        ("configmgr.distribution_point#49152-65535", ["49152-65535"], True),
    ]
    assert [rule["local_ports"] for rule in rules(found, "old", flow)] == [["1025-5000"]]
    assert [rule["local_ports"] for rule in rules(found, "new", flow)] == [["49152-65535"]]


def test_udp_135_is_numeric() -> None:
    found = site_system("distribution_point")
    flow = "configmgr.site_server.distribution_point.rpc_endpoint_mapper.udp"
    assert [(rule["local_ports"], rule["rpc"]) for rule in rules(found, "system", flow)] == [(["135"], False)]


def test_a_user_defined_port_needs_its_value() -> None:
    """Sender reputation: no port, no rule, with a proxy or without; with a port to the proxy over that port."""
    edge = {"features": ["exchange.sender_reputation_proxy"], "at": "172.16.0.1"}
    proxy = {"proxy": [{"address": "10.1.1.1", "port": 8080}]}
    flow = "exchange.edge_transport.internet.sender_reputation.tcp"
    for everywhere in ({}, {"infrastructure": proxy}):
        found = plan({"edge": host("exchange.edge_transport", **edge)}, **everywhere)
        assert rules(found, "edge", flow) == []
        assert texts(found, "user_defined_port") == [
            f"{flow}: the port is user defined; no rule until exchange.sender_reputation_proxy_port is set in msports_settings"
        ]
    found = plan({"edge": host("exchange.edge_transport", settings={"exchange.sender_reputation_proxy_port": 3128}, **edge)}, infrastructure=proxy)
    assert [(rule["remote_ports"], addresses(found, rule)) for rule in rules(found, "edge", flow)] == [(["3128"], ["10.1.1.1"])]
