# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration Manager 1806: totals of the page and bounds of its flows, against the file read as plain YAML.

Row by row, arrows included, ``test_transcriptions.py`` compares it.
"""

from __future__ import annotations

import collections
import pathlib

import pytest

from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

FILE = pathlib.Path(__file__).resolve().parents[3] / "plugins" / "catalogs" / "configmgr" / "1806.yml"

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
    return safe_load(FILE.read_text(encoding="utf-8"))


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
