# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration Manager 1806: what the page has, counted from the page by hand, against the file read as plain YAML."""

from __future__ import annotations

import collections
import pathlib

import pytest
import yaml

FILE = pathlib.Path(__file__).resolve().parents[3] / "plugins" / "catalogs" / "configmgr" / "1806.yml"

# One entry for each heading with an arrow, in the page's order: cells with a port in UDP and TCP columns ("67 and 68" is one cell).
ARROW_SECTIONS = {
    "BKMK_PortsAI": 1,
    "BKMK_PortsAI-to-SQL": 1,
    "BKMK_PortsAppCatalogService-SQL": 1,
    "BKMK_PortsAppCatalogWebSitePoint_AppCatalogWebServicePoint": 2,
    "BKMK_PortsClient-AppCatalogWebsitePoint": 2,
    "BKMK_PortsClient-ClientWakeUp": 3,  # two rows, and the ICMP echo of the prose
    "BKMK_PortsClient-PolicyModule": 2,
    "BKMK_PortsClient-CloudDP": 1,
    "bkmk_client-cmg": 1,
    "BKMK_PortsClient-DP": 2,
    "BKMK_PortsClient-DP2": 2,
    "BKMK_PortsClient-DP3": 3,
    "BKMK_PortsClient-FSP": 1,
    "BKMK_PortsClient-GCDC": 1,
    "BKMK_PortsClient-MP": 3,
    "BKMK_PortsClient-SUP": 2,
    "BKMK_PortsClient-SMP": 3,
    "bkmk_cmgcp-cmg": 3,
    "bkmk_cmgcp-mp": 3,  # two tables: versions 1706 and 1710, version 1802
    "bkmk_cmgcp-sup": 2,
    "BKMK_PortsConsole-Client": 2,
    "BKMK_PortsConsole-Internet": 2,
    "BKMK_PortsConsole-RSP": 2,
    "BKMK_PortsConsole-Site": 1,
    "BKMK_PortsConsole-Provider": 3,
    "BKMK_PortsCertificateRegistationPoint_PolicyModule": 1,
    "BKMK_PortsDWSPSQL": 1,
    "BKMK_PortsDist_MP": 2,
    "BKMK_PortsEndpointProtection_Internet": 1,
    "BKMK_PortsEP-to-SQL": 1,
    "BKMK_PortsEnrollmentProxyEnrollmentPoint": 1,
    "BKMK_PortsEnrollmentEnrollmentSQL": 1,
    "BKMK_PortsExchangeConnectorHosted": 1,
    "BKMK_PortsExchangeConnectorOnPrem": 1,
    "BKMK_PortsMacEnrollmentProxyPoint": 1,
    "BKMK_PortsMP-DC": 5,
    "BKMK_PortsMP-Site": 3,
    "BKMK_PortsMP-SQL": 1,
    "BKMK_PortsMobileDeviceClient-EnrollmentProxyPoint": 1,
    "BKMK_PortsMobileDeviceClient-WindowsIntune": 1,
    "BKMK_PortsRSP-SQL": 1,
    "BKMK_PortsIntuneConnector-WindowsIntune": 1,
    "bkmk_scp-cmg": 1,
    "BKMK_PortsAppCatalogWebServicePoint_SiteServer": 4,
    "BKMK_PortsAppCatalogWebSitePoint_SiteServer": 4,
    "BKMK_PortsSite-AISP": 4,
    "BKMK_PortsSite-Client": 1,
    "BKMK_PortsSiteServer-CloudDP": 1,
    "BKMK_PortsSite-DP": 4,
    "BKMK_PortsSite-DC": 5,
    "BKMK_PortsCertificateRegistrationPoint_SiteServer": 4,
    "BKMK_PortsEndpointProtection_SiteServer": 4,
    "BKMK_EnrollmentPoint_SiteServer": 4,
    "BKMK_EnrollmentProxyPoint_SiteServer": 4,
    "BKMK_PortsSite-FSP": 4,
    "BKMK_PortSite-Internet": 1,
    "BKMK_PortsIssuingCA_SiteServer": 3,
    "BKMK_PortsSite-RSP": 4,
    "BKMK_PortsSite-Site": 1,
    "BKMK_PortsSite-SQL": 5,  # two tables
    "BKMK_PortsSite-Provider": 4,
    "BKMK_PortsSite-SUP": 3,
    "BKMK_PortsSite-SMP": 3,
    "BKMK_PortsProvider-SQL": 1,
    "BKMK_PortsSUP-Internet": 1,
    "BKMK_PortsSUP-WSUS": 2,
    "BKMK_PortsSQL-SQL": 2,
    "BKMK_PortsStateMigrationPoint-to-SQL": 1,
}
LISTS = {
    "BKMK_ClientShares": 1,
    "BKMK_SQLPorts": 2 + (8 + 1 + 1 + 1) + 8,  # between sites; the balanced case, SQL from eight roles; the eight roles
    "bkmk_discovery": 6,
    "BKMK_IBCMports": 4 * (2 + 1 + 1) + 2 + 1,  # four site systems; content on distribution points
}
# Headings with a two-way arrow, and the one bullet that has one.
TWO_WAY = {
    "BKMK_PortsMP-Site",
    "BKMK_PortsAppCatalogWebServicePoint_SiteServer",
    "BKMK_PortsAppCatalogWebSitePoint_SiteServer",
    "BKMK_PortsSite-AISP",
    "BKMK_PortsCertificateRegistrationPoint_SiteServer",
    "BKMK_PortsEndpointProtection_SiteServer",
    "BKMK_EnrollmentPoint_SiteServer",
    "BKMK_EnrollmentProxyPoint_SiteServer",
    "BKMK_PortsSite-FSP",
    "BKMK_PortsIssuingCA_SiteServer",
    "BKMK_PortsSite-RSP",
    "BKMK_PortsSite-Site",
    "BKMK_PortsSite-SUP",
    "BKMK_PortsSite-SMP",
}
TWO_WAY_BULLET = ("BKMK_IBCMports", 3)
SUPPLEMENTS = {
    "state_migration_point_rpc": 1,
    "software_update_point_rpc": 3,
    "service_connection_point_site_server": 4,
    "cmg_connection_point_site_server": 4,
    "service_connection_point_sql": 1,
    "remote_content_library": 1,
    "pull_distribution_point": 2,
    "peer_cache": 2,
    "pxe_ipv6": 1,
    "cmg_management_point_http": 1,
    "administration_service": 1,
    "ldaps": 2,
    "site_server_internet_https": 1,
    "sql_browser": 1 + 12,  # between servers; for each role that uses the database
    "cmg_content": 2,
    "client_push": 4,
    "client_software_distribution": 1,
    "remote_assistance_rpc": 1,
    # flows that administrators need and the page does not have
    "update_sync": 3,
    "service_connection": 2,
    "tenant_attach": 1,
    "entra": 1,
    "cmg_storage": 1,
    "passive_site_server": 3,
    "susdb": 2,
    "availability_group": 9 + 12,  # between replicas and with the witness; the listener, for each role that uses the database
}


@pytest.fixture(scope="module")
def catalog():
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def documented(flow, field, default=None):
    """What the page says: the erratum keeps it where the flow differs."""
    return flow.get("erratum", {}).get("documented", {}).get(field, flow.get(field, default))


def test_there_are_68_sections_with_an_arrow():
    assert len(ARROW_SECTIONS) == 68
    assert sum(ARROW_SECTIONS.values()) == 148
    assert sum(LISTS.values()) == 47


@pytest.mark.parametrize("section", [*ARROW_SECTIONS, *LISTS])
def test_flows_of_a_section(catalog, section):
    found = [flow["id"] for flow in catalog["flows"] if flow["reference"]["section"] == section]
    assert len(found) == {**ARROW_SECTIONS, **LISTS}[section], found


def test_flows_stand_in_the_order_of_the_page(catalog):
    sections = [flow["reference"]["section"] for flow in catalog["flows"]]
    assert list(dict.fromkeys(sections)) == [*ARROW_SECTIONS, *LISTS]
    for section in ARROW_SECTIONS:
        rows = [flow["reference"]["row"] or 0 for flow in catalog["flows"] if flow["reference"]["section"] == section]
        assert rows == sorted(rows), section


def test_totals(catalog):
    assert len(catalog["flows"]) == 195
    assert len(catalog["supplements"]) == 79
    protocols = collections.Counter(flow["protocol"] for flow in catalog["flows"])
    assert protocols == {"tcp": 165, "udp": 29, "icmp_echo": 1}
    kinds = collections.Counter(role["kind"] for role in catalog["roles"].values())
    assert kinds == {"host": 23, "population": 4, "external": 7}
    assert {name for name, role in catalog["roles"].items() if role["essential"]} == {"site_server", "sql_server", "client"}
    assert [len(catalog[name]) for name in ("configurable", "non_configurable", "notes", "features", "errata")] == [8, 5, 6, 7, 20]
    assert [row["row"] for row in catalog["lists"]["external_connections"]["rows"]] == list(range(1, 13))


def test_two_way_arrows(catalog):
    for flow in catalog["flows"]:
        reference = flow["reference"]
        two_way = reference["section"] in TWO_WAY or (reference["section"], reference["row"]) == TWO_WAY_BULLET
        assert documented(flow, "initiator", "source") == ("either" if two_way else "source"), flow["id"]


def test_note_5_stops_the_site_system_and_never_the_site_server(catalog):
    site_systems = set(catalog["settings"]["site_server_initiates"]["roles"])
    silent = {"reporting_services_point", "distribution_point"}
    seen = set()
    for flow in catalog["flows"] + catalog["supplements"]:
        ends = {end: flow[end].rsplit(".", 1)[-1] for end in ("source", "destination")}
        other = next((end for end, role in ends.items() if role in site_systems), None)
        if "site_server" not in ends.values() or other is None:
            assert "starts" not in flow, flow["id"]
            continue
        if ends[other] in silent:
            assert flow.get("initiator", "source") == "source", flow["id"]
            continue
        if flow.get("initiator") != "either":  # installation of internet-based systems: RPC from the site server alone
            assert flow["reference"]["section"] == "BKMK_IBCMports", flow["id"]
            continue
        site_server = "destination" if other == "source" else "source"
        assert flow["starts"] == {other: {"unless": "site_server_initiates"}, site_server: "always"}, flow["id"]
        seen.add(ends[other])
    assert seen == site_systems - silent - {"data_warehouse_service_point"}  # which the page joins to SQL Server alone


def test_every_host_role_is_a_domain_member(catalog):
    for name, role in catalog["roles"].items():
        assert ("windows_server.domain_member" in role.get("implies", [])) == (role["kind"] == "host"), name


def test_ids_are_unique_and_name_their_flow(catalog):
    flows = catalog["flows"] + catalog["supplements"]
    assert not [name for name, count in collections.Counter(flow["id"] for flow in flows).items() if count > 1]
    for flow in flows:
        source, destination = (flow[end].rsplit(".", 1)[-1] for end in ("source", "destination"))
        parts = ["configmgr", source, destination, flow["service"], flow["protocol"]]
        assert flow["id"].split(".")[:5] == parts and len(flow["id"].split(".")) <= 6, flow["id"]


def test_web_flows_to_external_ends_go_by_proxy(catalog):
    external = {f"configmgr.{name}" for name, role in catalog["roles"].items() if role["kind"] == "external"} | {"internet"}
    web = {"http", "https", "cmg_https"}
    for flow in catalog["flows"] + catalog["supplements"]:
        if flow.get("group") == "entra":  # Microsoft says of these that the proxy of the site system has no part in them
            assert not flow.get("via_proxy")
            continue
        assert flow.get("via_proxy", False) == (flow["destination"] in external and flow["service"] in web), flow["id"]


def test_supplements_by_group(catalog):
    assert collections.Counter(flow["group"] for flow in catalog["supplements"]) == SUPPLEMENTS
    assert all(flow["reference"]["document"] in catalog["documents"] for flow in catalog["supplements"])


def test_errata_name_every_flow_that_carries_one(catalog):
    assert [row["id"] for row in catalog["errata"]] == [f"E{number}" for number in range(1, 21)]
    carried = {flow["id"] for flow in catalog["flows"] if "erratum" in flow}
    named = {name for row in catalog["errata"] if row["treatment"] == "erratum" for name in row["flows"]}
    assert named == carried
    assert len(carried) == 11
