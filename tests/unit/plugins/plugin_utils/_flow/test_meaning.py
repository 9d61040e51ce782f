# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of docs/meaning.md, one test each, with the catalogs of the collection: what an inventory means, asked of its plan."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.conditions import holds_in_release
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._question import parse
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, codes, host, names, plan, rules, texts

Plain = dict[str, t.Any]
CLIENTS = {"configmgr.client": {"P01": ["10.20.0.0/16"], "P02": ["10.21.0.0/16"]}}
IN_P01, IN_P02 = "10.20.5.5", "10.21.5.5"


def open_(found: Plain, source: str, destination: str, port: str) -> bool:
    return AllowedSet(found).allows(source, destination, *parse(port))


def edition(product: str) -> str:
    return load_catalogs().products[product].edition


# ---- 1. Who is a peer


def two_sites(hierarchy: t.Optional[Plain] = None, **everywhere: t.Any) -> Plain:
    roles = ("management_point", "distribution_point", "software_update_point", "fallback_status_point")
    hosts = {}
    for number, site in enumerate(("P01", "P02"), 1):
        for last, role in enumerate(roles, 1):
            hosts[f"{role}_{site}"] = host(f"configmgr.{role}", at=f"10.{number}.0.{last}", site=site)
        hosts[f"site_{site}"] = host("configmgr.site_server", at=f"10.{number}.0.10", site=site)
    hosts["cas"] = host("configmgr.site_server", at="10.9.9.9", site="CAS")
    tree = {"P01": "CAS", "P02": "CAS"} if hierarchy is None else hierarchy
    return plan(hosts, networks=CLIENTS, hierarchy=tree, **everywhere)


ROAMED = [("management_point", "tcp/443"), ("distribution_point", "tcp/443"), ("software_update_point", "tcp/8530")]


@pytest.mark.parametrize(("role", "port"), [*ROAMED, ("fallback_status_point", "tcp/80")])
def test_clients_roam_through_their_tree(role: str, port: str) -> None:
    found = two_sites()
    assert open_(found, IN_P01, f"{role}_P01", port)
    assert open_(found, IN_P01, f"{role}_P02", port)


@pytest.mark.parametrize(("role", "port"), ROAMED)
def test_clients_that_do_not_roam_stay_in_their_site(role: str, port: str) -> None:
    found = two_sites(settings={"configmgr.client_roaming": False})
    assert open_(found, IN_P01, f"{role}_P01", port)
    assert not open_(found, IN_P01, f"{role}_P02", port)


def test_not_roaming_leaves_the_other_roles_to_the_tree() -> None:
    assert open_(two_sites(settings={"configmgr.client_roaming": False}), IN_P01, "fallback_status_point_P02", "tcp/80")


def test_hosts_that_differ_on_a_switch_of_the_estate_are_told() -> None:
    hosts = {
        f"mp{roams}": host("configmgr.management_point", at=f"10.0.0.{1 + roams}", settings={"configmgr.client_roaming": roams}) for roams in (True, False)
    }
    assert texts(plan(hosts), "settings_differ") == ["configmgr.client_roaming holds for the whole estate, and hosts differ on it: its default true counts"]


def test_trees_are_apart() -> None:
    assert not open_(two_sites(hierarchy={"P01": "CAS"}), IN_P01, "management_point_P02", "tcp/443")


@pytest.mark.parametrize(("parent", "child"), [("cas", "site_P01"), ("cas", "site_P02")])
def test_replication_goes_both_ways_along_one_edge(parent: str, child: str) -> None:
    found = two_sites()
    assert open_(found, parent, child, "tcp/445")
    assert open_(found, child, parent, "tcp/445")
    assert not open_(found, "site_P01", "site_P02", "tcp/445")


def test_a_software_update_point_asks_the_one_of_its_parent_and_not_the_other_way() -> None:
    found = plan(
        {
            "sup_cas": host("configmgr.software_update_point", at="10.0.0.1", site="CAS"),
            "sup_p01": host("configmgr.software_update_point", at="10.1.0.1", site="P01"),
            "sup_p02": host("configmgr.software_update_point", at="10.2.0.1", site="P02"),
        },
        hierarchy={"P01": "CAS", "P02": "CAS"},
    )
    assert open_(found, "sup_p01", "sup_cas", "tcp/8530")
    assert not open_(found, "sup_cas", "sup_p01", "tcp/8530")
    assert not open_(found, "sup_p01", "sup_p02", "tcp/8530")


def test_without_sites_parents_are_nobody() -> None:
    found = plan({"sup1": host("configmgr.software_update_point", at="10.0.0.1"), "sup2": host("configmgr.software_update_point", at="10.0.0.2")})
    assert not open_(found, "sup1", "sup2", "tcp/8530")
    assert {off["why"] for off in found["off"] if ".wsus_server." in off["flow"]} == {"its scope is parent, and configmgr has one site here"}


def test_the_certification_authority_talks_to_the_top_site_only() -> None:
    found = plan(
        {
            "cas": host("configmgr.site_server", at="10.0.0.1", site="CAS"),
            "p01": host("configmgr.site_server", at="10.1.0.1", site="P01"),
            "ca": host("windows_server.certification_authority", at="10.3.0.1"),
        },
        hierarchy={"P01": "CAS"},
    )
    for port in ("tcp/135", "udp/135", "tcp/50000"):
        assert open_(found, "ca", "cas", port)
        assert open_(found, "cas", "ca", port)
        assert not open_(found, "ca", "p01", port)
        assert not open_(found, "p01", "ca", port)


def test_one_sql_server_for_two_sites() -> None:
    found = plan(
        {
            "sql": host("configmgr.sql_server", at="10.0.0.1", site=["P01", "P02"]),
            "mp1": host("configmgr.management_point", at="10.1.0.1", site="P01"),
            "mp2": host("configmgr.management_point", at="10.2.0.1", site="P02"),
            "mp3": host("configmgr.management_point", at="10.3.0.1", site="P03"),
        }
    )
    assert open_(found, "mp1", "sql", "tcp/1433")
    assert open_(found, "mp2", "sql", "tcp/1433")
    assert not open_(found, "mp3", "sql", "tcp/1433")
    assert [rule["remote"] for rule in rules(found, "sql", "configmgr.management_point.sql_server.sql.tcp")] == [
        "configmgr.management_point@P01",
        "configmgr.management_point@P02",
    ]


def test_sites_by_product() -> None:
    found = plan(
        {
            "edge": host("exchange.edge_transport", at="172.16.0.1", site={"exchange": "Paris"}),
            "paris": host("exchange.mailbox", "configmgr.client", at="10.1.0.1", site={"exchange": "Paris", "configmgr": "P01"}),
            "lyon": host("exchange.mailbox", at="10.2.0.1", site={"exchange": "Lyon"}),
        }
    )
    assert open_(found, "paris", "edge", "tcp/50636")  # an Edge's site is the one that it is subscribed to
    assert not open_(found, "lyon", "edge", "tcp/50636")


def test_shared_roles_serve_every_site_and_product() -> None:
    found = plan(
        {
            "dc": host("windows_server.domain_controller", at="10.0.0.1"),
            "mp1": host("configmgr.management_point", at="10.1.0.1", site="P01"),
            "mail": host("exchange.mailbox", at="10.2.0.1", site={"exchange": "Paris"}),
        }
    )
    for name in ("mp1", "mail"):
        assert open_(found, name, "dc", "tcp/88")  # through the role that both imply: domain member


MISSING = (
    "estate: nobody holds windows_server.domain_controller, which windows_server.domain_member communicates with: give the role to a host "
    "(group windows_server_domain_controller or msports_roles), name its networks (msports_networks: {windows_server.domain_controller: [...]}), "
    "or say that there is none (msports_absent: [windows_server.domain_controller])"
)
MEMBER = {"member": host("windows_server.domain_member", at="10.0.0.1")}


def test_an_essential_role_that_nobody_has_is_a_problem_that_says_what_to_write() -> None:
    with pytest.raises(InventoryError) as error:
        plan(MEMBER, quiet=False)
    assert str(error.value) == MISSING


@pytest.mark.parametrize(
    ("everywhere", "noted"),
    [
        ({"absent": ["windows_server.domain_controller"]}, False),
        ({"networks": {"windows_server.domain_controller": []}}, True),
        ({"networks": {"windows_server.domain_controller": ["10.3.0.0/24"]}}, False),
    ],
    ids=["absent", "declared empty", "as networks"],
)
def test_ways_to_answer_it(everywhere: Plain, noted: bool) -> None:
    found = plan(MEMBER, quiet=False, **everywhere)
    assert any("nobody holds windows_server.domain_controller" in text for text in texts(found, "nobody_holds")) is noted


def test_a_role_that_is_not_essential_is_a_note() -> None:
    assert "nobody holds windows_server.dns_server; the flows of windows_server.domain_member with it make no rules" in texts(plan(MEMBER), "nobody_holds")


def test_a_population_is_its_networks_and_its_hosts() -> None:
    found = plan(
        {
            "mp": host("configmgr.management_point", at="10.0.0.1"),
            "inside": host("configmgr.client", at="10.20.0.5"),
            "outside": host("configmgr.client", at="10.77.0.5"),
            "somewhere": host("configmgr.client"),  # in the network: it needs no address of its own
        },
        networks={"configmgr.client": ["10.20.0.0/16"]},
    )
    (rule,) = rules(found, "mp", "configmgr.client.management_point.https.tcp")
    assert addresses(found, rule) == ["10.20.0.0/16", "10.77.0.5"]  # what is contained is dropped
    assert found["sets"][rule["remote"]]["members"] == ["inside", "networks:configmgr.client", "outside", "somewhere"]
    assert open_(found, "somewhere", "mp", "tcp/443")
    assert names(found, "somewhere", "configmgr.client.management_point.https.tcp") == ["out tcp/443 to configmgr.management_point"]


def test_networks_of_a_site_and_of_all_sites() -> None:
    found = plan(
        {"fsp1": host("configmgr.site_server", at="10.1.0.1", site="P01"), "fsp2": host("configmgr.site_server", at="10.2.0.1", site="P02")},
        networks={"configmgr.client": {"P01": ["10.20.0.0/16"]}, "configmgr.console": ["10.30.0.0/16"]},
    )
    assert open_(found, "fsp1", "10.20.0.1", "udp/9")
    assert not open_(found, "fsp2", "10.20.0.1", "udp/9")
    assert open_(found, "10.30.0.1", "fsp1", "tcp/135")
    assert open_(found, "10.30.0.1", "fsp2", "tcp/135")


# ---- 2. Both ends


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


def site_system(role: str, **fields: t.Any) -> Plain:
    return plan({"server": host("configmgr.site_server", at="10.0.0.1"), "system": host({"role": f"configmgr.{role}", **fields}, at="10.0.0.2")})


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


# ---- 3. What the wire does

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


def test_wake_on_lan_and_the_wake_up_proxy_go_to_networks() -> None:
    found = plan(
        {"server": host("configmgr.site_server", at="10.0.0.1"), "client": host("configmgr.client", at="10.20.0.5")},
        networks={"configmgr.client": ["10.20.0.0/16"]},
    )
    assert open_(found, "server", "10.20.255.255", "udp/9")  # a directed broadcast is an address of its network
    assert open_(found, "10.20.9.9", "client", "udp/25536")
    assert open_(found, "10.20.9.9", "client", "icmp_echo")


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


def test_ping_is_documented_or_named() -> None:
    found = plan({"dc": host("windows_server.domain_controller", at="10.0.0.1"), "edge": host("exchange.edge_transport", at="172.16.0.1"), **MEMBER2})
    assert open_(found, "member2", "dc", "icmp_echo")
    assert not open_(found, "10.9.0.1", "dc", "icmp_echo")
    assert open_(plan({"edge": host("exchange.edge_transport", at="172.16.0.1")}, ping=["10.9.0.0/24"]), "10.9.0.1", "edge", "icmp_echo")


MEMBER2 = {"member2": host("windows_server.domain_member", at="10.0.0.2")}


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


# ---- 4. Addresses


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("44.0.0.1", True), ("2600::1", True),
        ("10.0.0.1", False), ("192.168.0.1", False), ("172.31.255.255", False),  # private
        ("100.64.0.1", False),  # shared
        ("169.254.0.1", False), ("127.0.0.1", False), ("0.0.0.1", False),
        ("224.0.0.1", False), ("255.255.255.255", False), ("240.0.0.1", False),  # multicast and reserved
        ("203.0.113.1", False), ("2001:db8::1", False),  # documentation
        ("fd00::1", False), ("fe80::1", False), ("ff02::1", False), ("::1", False),
        ("45.0.0.1", False),  # declared for another role
    ],
)  # fmt: skip
def test_the_internet(address: str, inside: bool) -> None:
    found = plan({"edge": host("exchange.edge_transport", at=["172.16.0.1", "fd00:1::1"])}, networks={"exchange.client": ["45.0.0.0/24"]})
    assert open_(found, address, "edge", "tcp/25") is inside


def test_the_internet_can_be_declared_and_any_must_be_written() -> None:
    found = plan({"edge": host("exchange.edge_transport", at="172.16.0.1")}, networks={"internet": ["any"]})
    assert open_(found, "10.0.0.1", "edge", "tcp/25")


def test_web_traffic_to_external_ends_goes_to_the_proxy() -> None:
    hosts = {"sup": host("configmgr.software_update_point", at="10.0.0.1"), "edge": host("exchange.edge_transport", at="172.16.0.1")}
    found = plan(hosts, infrastructure={"proxy": [{"address": "10.1.1.1", "port": 8080}]})
    assert names(found, "sup", "configmgr.software_update_point.internet.http.tcp") == ["out tcp/8080 to infrastructure.proxy#8080"]
    assert open_(found, "edge", "44.0.0.1", "tcp/25")  # mail is no web traffic
    assert names(plan(hosts), "sup", "configmgr.software_update_point.internet.http.tcp") == ["out tcp/80 to internet"]


def test_two_peers_without_a_common_family() -> None:
    hosts = {"mp": host("configmgr.management_point", at="10.0.0.1"), "sql": host("configmgr.sql_server", at="fd00::1")}
    with pytest.raises(InventoryError, match=r"'mp \(IPv4\) and sql \(IPv6\)': no common address family"):
        plan(hosts)


def test_a_peer_without_an_address() -> None:
    with pytest.raises(InventoryError, match="sql: msports_addresses: no address"):
        plan({"mp": host("configmgr.management_point", at="10.0.0.1"), "sql": host("configmgr.sql_server")})


def test_a_cluster_has_one_address_on_several_hosts() -> None:
    shared = {"address": "10.0.0.20", "shared": True}
    sql = {f"sql{number}": host("configmgr.sql_server", at=[f"10.0.0.{number}", shared]) for number in (1, 3)}
    found = plan({**sql, "mp": host("configmgr.management_point", at="10.1.0.1")})
    assert addresses(found, rules(found, "mp", "configmgr.management_point.sql_server.sql.tcp")[0]) == ["10.0.0.1", "10.0.0.3", "10.0.0.20"]


# ---- 5. Conditions


def test_the_port_follows_the_setting_on_both_ends() -> None:
    entry = {"role": "configmgr.management_point", "settings": {"client_https": 8443}}
    found = plan({"mp": host(entry, at="10.0.0.1"), "client": host("configmgr.client", at="10.20.0.1")})
    flow = "configmgr.client.management_point.https.tcp"
    assert names(found, "mp", flow) == ["in tcp/8443 from configmgr.client"]
    assert names(found, "client", flow) == ["out tcp/8443 to configmgr.management_point"]
    assert not open_(found, "client", "mp", "tcp/443")


def test_two_destinations_of_one_role_with_different_ports() -> None:
    wsus = [{"role": "configmgr.software_update_point", "settings": {"wsus_http": 80, "wsus_https": 443}}, "configmgr.software_update_point"]
    found = plan({**{f"sup{n}": host(entry, at=f"10.0.0.{n}") for n, entry in enumerate(wsus, 1)}, "client": host("configmgr.client", at="10.20.0.1")})
    flow = "configmgr.client.software_update_point.http.tcp"
    assert [(rule["name"], addresses(found, rule)) for rule in rules(found, "client", flow)] == [
        ("out tcp/80 to configmgr.software_update_point#80", ["10.0.0.1"]),
        ("out tcp/8530 to configmgr.software_update_point#8530", ["10.0.0.2"]),
    ]
    assert open_(found, "client", "sup1", "tcp/80")
    assert not open_(found, "client", "sup2", "tcp/80")  # alternatives never make rules


def test_a_setting_of_the_site_is_read_from_its_site_server() -> None:
    found = plan(
        {
            "s1": host("configmgr.site_server", at="10.1.0.1", site="P01", settings={"configmgr.wake_on_lan": 7}),
            "s2": host("configmgr.site_server", at="10.2.0.1", site="P02"),
        },
        networks=CLIENTS,
    )
    assert open_(found, "s1", IN_P01, "udp/7")
    assert not open_(found, "s1", IN_P01, "udp/9")
    assert open_(found, "s2", IN_P02, "udp/9")


@pytest.mark.parametrize(
    ("condition", "release", "holds"),
    [(">=1706,<1802", "1710", True), (">=1706,<1802", "1802", False), (">=1706,<1802", "1702", False), ("!=1802", "1802", False), ("!=1802", "1.5", True)],
)
def test_every_comparison_of_a_condition_on_releases_must_hold(condition: str, release: str, holds: bool) -> None:
    assert holds_in_release(condition, release) is holds


@pytest.mark.parametrize(("release", "v1706", "v1802"), [("1710", True, False), ("1802", False, True), (None, False, True)])
def test_releases(release: t.Optional[str], v1706: bool, v1802: bool) -> None:
    everywhere = {"releases": {"configmgr": release}} if release else {}
    found = plan({"cmg": host("configmgr.cmg_connection_point", at="10.0.0.1"), "mp": host("configmgr.management_point", at="10.0.0.2")}, **everywhere)
    flow = "configmgr.cmg_connection_point.management_point"
    assert bool(rules(found, "mp", f"{flow}.http.tcp.v1706")) is v1706
    assert bool(rules(found, "mp", f"{flow}.https.tcp.v1802")) is v1802
    expected = f"release {release or edition('configmgr')} of configmgr is not {'>=1802' if v1706 else '<1802'}"
    assert expected in {off["why"] for off in found["off"]}


def test_without_switches_off_by_pattern_with_the_reason() -> None:
    hosts = {"mp": host("configmgr.management_point", at="10.0.0.1"), "client": host("configmgr.client", at="10.20.0.1")}
    found = plan(hosts, without=[{"flow": "configmgr.client.management_point.http*.tcp", "because": "none of it"}])
    assert not open_(found, "client", "mp", "tcp/80")
    assert not open_(found, "client", "mp", "tcp/443")
    assert open_(found, "client", "mp", "tcp/10123")
    whys = {off["flow"]: off["why"] for off in found["off"]}
    assert whys["configmgr.client.management_point.http.tcp"] == "msports_without configmgr.client.management_point.http*.tcp: none of it"


@pytest.mark.parametrize(
    ("named", "smb", "rpc"),
    [([], False, False), (["client_push"], True, True), (["configmgr.site_server.client.rpc_endpoint_mapper.tcp"], False, True)],
    ids=["none", "group", "id"],
)
def test_supplements_by_group_and_by_id(named: list[str], smb: bool, rpc: bool) -> None:
    found = plan({"server": host("configmgr.site_server", at="10.0.0.1"), "client": host("configmgr.client", at="10.20.0.1")}, supplements=named)
    assert open_(found, "server", "client", "tcp/445") is smb
    assert open_(found, "server", "client", "tcp/135") is rpc


def test_what_is_off_is_listed() -> None:
    found = plan({"cas": host("exchange.client_access", at="10.0.0.1")}, networks={"exchange.client": ["10.20.0.0/16"]})
    assert {"flow": "exchange.client.client_access.imaps.tcp", "why": "feature exchange.imap4 is off at every exchange.client_access"} in found["off"]


# ---- 6. What keeps a host alive


def test_management_is_a_rule_on_every_managed_host() -> None:
    found = plan(
        {"edge": host("exchange.edge_transport", at="172.16.0.1"), "awx": host(at="10.8.0.1", groups=["awx"])},
        management={"from": ["10.9.0.0/24", "group:awx"], "services": ["ssh", "winrm_https"]},
    )
    assert open_(found, "10.9.0.5", "edge", "tcp/22")
    assert open_(found, "awx", "edge", "tcp/5986")
    assert found["hosts"]["edge"]["management"] == {"addresses": ["10.8.0.1", "10.9.0.0/24"], "ports": ["22", "5986"]}


def test_a_default_block_without_management_is_a_problem() -> None:
    with pytest.raises(InventoryError, match="msports_management"):
        plan({"edge": {"vars": {**host("exchange.edge_transport", at="172.16.0.1")["vars"], "msports_default_inbound": "block"}, "groups": []}}, management={})


def test_strict_outbound_waits_for_names_and_time() -> None:
    edge = {"edge": host("exchange.edge_transport", at="172.16.0.1", default_outbound="block")}
    with pytest.raises(InventoryError, match="msports_infrastructure.dns and msports_infrastructure.ntp"):
        plan(edge)
    found = plan(edge, infrastructure={"dns": ["10.1.0.1"], "ntp": ["10.1.0.2"]})
    for address, port in (("10.1.0.1", "udp/53"), ("10.1.0.1", "tcp/53"), ("10.1.0.2", "udp/123")):
        assert open_(found, "edge", address, port)
    assert found["hosts"]["edge"]["default_outbound"] == "block"


def test_the_plan_holds_outbound_rules_whatever_the_default() -> None:
    assert names(plan({"edge": host("exchange.edge_transport", at="172.16.0.1")}), "edge", "exchange.edge_transport.internet.smtp.tcp") == [
        "out tcp/25 to internet"
    ]


def test_members_reach_their_domain_controllers_and_these_each_other() -> None:
    found = plan({"dc1": host("windows_server.domain_controller", at="10.0.0.1"), "dc2": host("windows_server.domain_controller", at="10.0.0.3"), **MEMBER2})
    ports = ["tcp/88", "udp/88", "tcp/464", "udp/464", "tcp/389", "udp/389", "tcp/636", "tcp/3268", "tcp/3269", "tcp/445", "tcp/135", "tcp/50000", "udp/123"]
    for port in [*ports, "tcp/53", "udp/53", "icmp_echo"]:
        assert open_(found, "member2", "dc1", port), port
        assert open_(found, "dc1", "dc2", port), port
        assert not open_(found, "dc1", "member2", port), port


def test_an_own_rule_for_what_no_catalog_knows() -> None:
    entry = {"name": "zabbix", "in": "tcp/10050", "from": ["10.9.0.0/24"], "because": "CHG-1"}
    found = plan({"edge": host("exchange.edge_transport", at="172.16.0.1", allow=[entry])})
    assert open_(found, "10.9.0.5", "edge", "tcp/10050")
    assert rules(found, "edge", "zabbix")[0]["because"] == [{"kind": "allow", "name": "zabbix", "text": "CHG-1"}]


def test_an_own_rule_that_has_ended_is_a_note() -> None:
    entry = {"name": "migration", "in": "tcp/3389", "from": ["any"], "because": "CHG-2", "until": "2026-11-20"}
    found = plan({"edge": host("exchange.edge_transport", at="172.16.0.1", allow=[entry])})
    assert not open_(found, "10.9.0.5", "edge", "tcp/3389")
    assert texts(found, "expired") == ["msports_allow migration ended on 2026-11-20; it makes no rule at edge"]
