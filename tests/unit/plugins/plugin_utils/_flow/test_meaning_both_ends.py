# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 2 of docs/meaning.md, a test for each sentence: both ends."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, codes, host, names, plan, rules, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import Plain, open_, site_system


def test_both_ends_have_their_rule() -> None:
    found = plan({"mp": host("configmgr.management_point", at="10.0.0.1"), "sql": host("configmgr.sql_server", at="10.0.0.2")})
    assert names(found, "mp", "configmgr.management_point.sql_server.sql.tcp") == ["out tcp/1433 to configmgr.sql_server"]
    assert "in tcp/1433 from configmgr.management_point" in names(found, "sql", "configmgr.management_point.sql_server.sql.tcp")
    assert not open_(found, "sql", "mp", "tcp/1433")


def test_two_roles_on_one_host_need_no_rule_inside() -> None:
    found = plan({"all": host("configmgr.site_server", "configmgr.sql_server", "configmgr.management_point", at="10.0.0.1")})
    assert [rule for rule in rules(found, "all") if rule["remote"].startswith("configmgr.")] == []


def test_a_set_may_hold_the_host_itself() -> None:
    """Packets from the host's own address never arrive on an interface, and sets are shared."""
    found = plan({"a": host("exchange.mailbox", at="10.0.0.1"), "b": host("exchange.mailbox", at="10.0.0.9")})
    (rule,) = rules(found, "a", "exchange.mailbox.mailbox.unrestricted.any")[:1]
    assert addresses(found, rule) == ["10.0.0.1", "10.0.0.9"]


SYSTEMS = [
    "management_point", "software_update_point", "fallback_status_point", "state_migration_point", "asset_intelligence_synchronization_point",
    "endpoint_protection_point", "enrollment_point", "enrollment_proxy_point", "certificate_registration_point",
    "application_catalog_website_point", "application_catalog_web_service_point",
]  # fmt: skip


@pytest.mark.parametrize("role", SYSTEMS)
def test_note_5_site_systems_start_connections_unless_told_not_to(role: str) -> None:
    by_default, told = site_system(role), site_system(role, settings={"site_server_initiates": True})
    for found in (by_default, told):
        assert open_(found, "server", "system", "tcp/445")
    assert open_(by_default, "system", "server", "tcp/445")
    assert not open_(told, "system", "server", "tcp/445")


@pytest.mark.parametrize("role", ["reporting_services_point", "distribution_point"])
def test_reporting_services_and_distribution_points_never_start(role: str) -> None:
    found = site_system(role)
    assert open_(found, "server", "system", "tcp/445")
    assert not open_(found, "system", "server", "tcp/445")


def test_the_device_starts_towards_its_clients_only_by_feature() -> None:
    for features, starts in (([], False), (["databox.device_initiates"], True)):
        found = plan({"box": host("databox.device", at="10.0.0.1", managed=False, features=features), "lan": host("databox.lan_client", at="10.0.0.2")})
        assert open_(found, "lan", "box", "tcp/443")
        assert open_(found, "box", "lan", "tcp/443") is starts


@pytest.mark.parametrize(
    ("feature", "flow", "source", "destination", "port"),
    [
        ("winrm", "databox.lan_client.device.winrm.tcp", "lan", "box", "tcp/5985"),
        ("smb", "databox.lan_client.device.smb.tcp", "lan", "box", "tcp/445"),
        ("nfs", "databox.lan_client.device.nfs.tcp", "lan", "box", "tcp/2049"),
        ("dhcp", "databox.device.dhcp_server.dhcp.udp", "box", "dhcp", "udp/67"),
        ("online_updates", "databox.device.internet.http.tcp", "box", "44.0.0.1", "tcp/80"),
        ("internet_ntp", "databox.device.internet.ntp.udp", "box", "44.0.0.1", "udp/123"),
        ("internet_dns", "databox.device.internet.dns.udp", "box", "44.0.0.1", "udp/53"),
    ],
)
def test_what_the_device_does_in_some_cases(feature: str, flow: str, source: str, destination: str, port: str) -> None:
    def box(*features: str) -> Plain:
        others = {"lan": host("databox.lan_client", at="10.0.0.2"), "dhcp": host("windows_server.dhcp_server", at="10.0.0.3")}
        return plan({"box": host("databox.device", at="10.0.0.1", features=list(features)), **others})

    assert rules(box(), "box", flow) == []
    found = box(f"databox.{feature}")
    assert rules(found, "box", flow)
    assert open_(found, source, destination, port)


INTERNAL = {
    "cas": "exchange.client_access", "mbx": "exchange.mailbox", "lync": "exchange.lync_server", "dc": "windows_server.domain_controller",
    "edge": "exchange.edge_transport", "cas2": "exchange.client_access", "mbx2": "exchange.mailbox",
}  # fmt: skip


def exchange(**everywhere: t.Any) -> Plain:
    return plan({name: host(role, at=f"10.0.{number}.1") for number, (name, role) in enumerate(INTERNAL.items(), 1)}, **everywhere)


UNRESTRICTED = {frozenset(pair) for pair in [("cas", "mbx"), ("cas", "cas2"), ("mbx", "mbx2"), ("cas", "lync"), ("mbx", "lync"), ("cas", "dc"), ("mbx", "dc")]}
UNRESTRICTED |= {
    frozenset(pair) for pair in [("cas2", "mbx"), ("cas", "mbx2"), ("cas2", "mbx2"), ("cas2", "lync"), ("mbx2", "lync"), ("cas2", "dc"), ("mbx2", "dc")]
}


def test_the_unrestricted_pairs_are_exactly_these() -> None:
    found = exchange()
    for one in INTERNAL:
        for other in INTERNAL:
            if one != other:
                assert open_(found, one, other, "any") is (frozenset((one, other)) in UNRESTRICTED), (one, other)


def test_the_pairs_can_be_narrowed_by_an_option_that_warns() -> None:
    found = exchange(settings={"exchange.internal_unrestricted": False})
    assert not open_(found, "cas", "mbx", "any")
    assert texts(found, "narrowed") == [
        "setting exchange.internal_unrestricted is false: the vendor does not support a restriction between internal Exchange servers, "
        "Lync or Skype for Business servers and domain controllers"
    ]
    assert "narrowed" not in codes(exchange())


# What the table of mail flow with Edge says of an Edge, and nothing else (both ends of rows within the company).
TABLE = {("edge", "mbx", "tcp/25"), ("edge", "mbx2", "tcp/25"), ("mbx", "edge", "tcp/25"), ("mbx2", "edge", "tcp/25")}
TABLE |= {("mbx", "edge", "tcp/50636"), ("mbx2", "edge", "tcp/50636")}
ASKED = [
    "tcp/25",
    "tcp/50636",
    "tcp/53",
    "udp/53",
    "tcp/443",
    "tcp/445",
    "tcp/135",
    "tcp/50000",
    "tcp/389",
    "udp/389",
    "tcp/88",
    "icmp_echo",
    "tcp/80",
    "tcp/3389",
]


def test_edge_reaches_inside_only_what_its_table_says_and_is_reached_only_so() -> None:
    found = exchange()
    for name in INTERNAL:
        for port in ASKED:
            for ends in (("edge", name, port), (name, "edge", port)):
                assert name == "edge" or open_(found, *ends) is (ends in TABLE), ends


def test_edge_asks_name_servers_and_the_internet() -> None:
    found = plan({"edge": host("exchange.edge_transport", at="172.16.0.1"), "dns": host("windows_server.dns_server", at="10.0.0.1")})
    for port in ("udp/53", "tcp/53"):
        assert open_(found, "edge", "dns", port)
    assert open_(found, "edge", "44.0.0.1", "tcp/25")
    assert open_(found, "44.0.0.1", "edge", "tcp/25")
    assert not open_(found, "44.0.0.1", "edge", "tcp/50636")


def test_the_two_mail_flow_tables_are_alternatives() -> None:
    roles = {"cas": "exchange.client_access", "mbx": "exchange.mailbox"}
    without = plan({name: host(role, at=f"10.0.{number}.1") for number, (name, role) in enumerate(roles.items())})
    assert open_(without, "44.0.0.1", "cas", "tcp/25")
    assert open_(without, "mbx", "44.0.0.1", "tcp/25")
    with_edge = exchange()
    assert not open_(with_edge, "44.0.0.1", "cas", "tcp/25")
    assert not open_(with_edge, "mbx", "44.0.0.1", "tcp/25")
    assert {"flow": "exchange.mailbox.internet.smtp.tcp", "why": "holds only without exchange.edge_transport"} in with_edge["off"]


def test_outbound_mail_through_client_access_is_a_feature() -> None:
    for features, is_open in (([], False), (["exchange.outbound_proxy"], True)):
        assert open_(plan({"cas": host("exchange.client_access", at="10.0.0.1", features=features)}), "cas", "44.0.0.1", "tcp/25") is is_open


def test_unmanaged_hosts_are_peers_without_a_ruleset() -> None:
    found = plan({"box": host("databox.device", at="10.0.0.1", managed=False), "lan": host("databox.lan_client", at="10.0.0.2")})
    assert sorted(found["hosts"]) == ["lan"]
    assert found["peers"]["box"] == {"roles": {"databox.device": []}, "features": [], "addresses": ["10.0.0.1"]}
    assert addresses(found, rules(found, "lan", "databox.lan_client.device.https.tcp")[0]) == ["10.0.0.1"]


def test_hosts_without_any_role_are_never_touched() -> None:
    found = plan({"plain": host(at="10.0.0.1"), "edge": host("exchange.edge_transport", at="172.16.0.1")})
    assert sorted(found["hosts"]) == ["edge"]
    assert sorted(found["peers"]) == ["plain"]
