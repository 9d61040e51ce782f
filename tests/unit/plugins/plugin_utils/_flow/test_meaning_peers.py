# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 1 of docs/meaning.md, a test for each sentence: who is a peer."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, host, names, plan, rules, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import CLIENTS, IN_P01, Plain, open_


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
    found = plan({"sql1": host("configmgr.sql_server", at="10.0.0.1"), "sql2": host("configmgr.sql_server", at="10.0.0.2")})
    assert not open_(found, "sql1", "sql2", "tcp/4022")
    assert {off["why"] for off in found["off"] if ".service_broker." in off["flow"]} == {"its scope is parent_or_child, and configmgr has one site here"}


SUP, WSUS = "configmgr.software_update_point", "configmgr.wsus_server"


@pytest.mark.parametrize("sites", [{}, {"hierarchy": {"P01": "CAS"}}])
def test_upstream_is_in_the_own_site_or_in_the_parent(sites: Plain) -> None:
    """The first software update point of a site, or a WSUS server beside the top site's; below, the parent's."""
    def at(site: str) -> Plain:
        return {"site": site} if sites else {}

    hosts = {
        "top": host(SUP, at="10.0.0.1", **at("CAS")),
        "wsus": host(WSUS, at="10.0.0.2", **at("CAS")),
        "first": host(SUP, at="10.0.0.3", **at("P01")),
        "second": host(SUP, at="10.0.0.4", **at("P01")),
    }
    found = plan(hosts, **sites)
    assert open_(found, "top", "wsus", "tcp/8530") and open_(found, "second", "first", "tcp/8531") and open_(found, "first", "top", "tcp/8530")
    assert open_(found, "top", "first", "tcp/8530") is not bool(sites)  # a parent does not ask its child
    assert not open_(found, "wsus", "top", "tcp/8530")  # a WSUS server alone synchronizes with nobody here


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
    "or say that there is none (msports_not_deployed: [windows_server.domain_controller])"
)
MEMBER = {"member": host("windows_server.domain_member", at="10.0.0.1")}


def test_an_essential_role_that_nobody_has_is_a_problem_that_says_what_to_write() -> None:
    with pytest.raises(InventoryError) as error:
        plan(MEMBER, quiet=False)
    assert str(error.value) == MISSING


@pytest.mark.parametrize(
    ("everywhere", "noted"),
    [
        ({"not_deployed": ["windows_server.domain_controller"]}, False),
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
