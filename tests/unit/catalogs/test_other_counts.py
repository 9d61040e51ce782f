# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts and bounds of the catalogs exchange, databox and windows_server, and of the well-known services.

Read as plain YAML: the collection's loader has no part in it. The counts were made on the documents, row by row.
"""

from __future__ import annotations

import collections
import functools
import pathlib
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ROOT = pathlib.Path(__file__).resolve().parents[3]
CATALOGS = ROOT / "plugins" / "catalogs"
EDITIONS = {"exchange": "2013", "databox": "2019-12", "windows_server": "2023-12"}
KB_TABLE = "windows-server-2008-and-later-versions"
MEMBER, CONTROLLER, EDGE = "windows_server.domain_member", "windows_server.domain_controller", "exchange.edge_transport"
INSIDE = {"exchange.client_access", "exchange.mailbox"}

Plain = t.Dict[str, t.Any]

# section -> row -> number of flows (a flow for each protocol, pair of roles and named service of the row); the rows of the other products are compared
# one by one in test_transcriptions.py
COUNTS: dict[str, dict[t.Optional[int], int]] = {
    "BKMK_ServerPorts": {1: 2, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1},
    # for members and for controllers, but: 10 and 13 for controllers only; of 11 the members' TCP is BKMK_ServerPorts row 6;
    # 12 for members is group-policy row 4
    KB_TABLE: {1: 2, 2: 2, 3: 4, 4: 2, 5: 4, 6: 2, 7: 2, 8: 2, 9: 4, 10: 1, 11: 3, 12: 1, 13: 1},
    "active-directory": {None: 2},
    "group-policy": {4: 1},
    "dns-server": {1: 1, 2: 1},
    "4.1": {None: 2},
}
SUPPLEMENTS = {
    "exchange": {"open_proxy_detection": 3, "dag": 6, "hybrid": 8, "transport": 6, "unified_messaging": 4},
    "databox": {"winrm_https": 1, "kubernetes": 2, "kubernetes_etcd": 1, "two_node_witness": 1},
    "windows_server": {"adws": 2, "dhcp_failover": 1},
}


@functools.cache
def catalog(product: str) -> Plain:
    return safe_load((CATALOGS / product / f"{EDITIONS[product]}.yml").read_text(encoding="utf-8"))


def flows(product: str, **wanted: object) -> list[Plain]:
    return [flow for flow in catalog(product)["flows"] if all(flow.get(name) == value for name, value in wanted.items())]


def section(product: str, name: str) -> list[Plain]:
    return [flow for flow in flows(product) if flow["reference"]["section"] == name]


def services(product: str, source: str, destination: str) -> collections.Counter[tuple[str, str]]:
    """Return what one role may ask of another: ``(protocol, port)``, counted."""
    return collections.Counter(
        (flow["protocol"], port) for flow in flows(product, source=source, destination=destination) for port in flow.get("ports") or ["-"]
    )


def test_rows_of_each_section() -> None:
    found: dict[str, collections.Counter[t.Optional[int]]] = collections.defaultdict(collections.Counter)
    for flow in flows("windows_server"):
        found[flow["reference"]["section"]][flow["reference"].get("row")] += 1
    assert {name: dict(rows) for name, rows in found.items()} == COUNTS


@pytest.mark.parametrize("product", EDITIONS)
def test_supplements_by_group(product: str) -> None:
    assert collections.Counter(flow["group"] for flow in catalog(product)["supplements"]) == SUPPLEMENTS[product]


@pytest.mark.parametrize("product", EDITIONS)
def test_nothing_stands_unused(product: str) -> None:
    plain = catalog(product)
    every = [*plain["flows"], *plain["supplements"]]
    starts = [start["feature"] for flow in every for start in flow.get("starts", {}).values() if isinstance(start, dict)]
    assert {flow["service"] for flow in every} == set(plain["services"])
    assert {flow["feature"] for flow in every if "feature" in flow} | {name.removeprefix(f"{product}.") for name in starts} == set(plain["features"])
    assert {note for flow in every for note in flow.get("notes", ())} == set(plain["notes"])


def test_every_erratum_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")
    marks = [(product, erratum["id"], erratum["treatment"]) for product in EDITIONS for erratum in catalog(product)["errata"]]
    assert len(marks) == 10 + 8 + 10
    missing = [mark for mark in marks if f"| {mark[1]} | {mark[2]} |" not in text]
    assert not missing


# ---- exchange


def test_unrestricted_pairs_are_exactly_the_documented_ones() -> None:
    found = section("exchange", "internal-unrestricted")
    pairs = [frozenset((flow["source"], flow["destination"])) for flow in found]
    assert len(set(pairs)) == len(pairs) == 7
    assert set(pairs) == {
        *(frozenset((one, other)) for one in INSIDE for other in INSIDE),
        *(frozenset((one, other)) for one in INSIDE for other in ("exchange.lync_server", CONTROLLER)),
    }
    for flow in found:
        assert (flow["protocol"], flow["initiator"], flow["scope"]) == ("any", "either", "any")
        assert not flow.keys() & {"ports", "setting", "feature", "only_with", "only_without", "starts"}


def test_only_unrestricted_pairs_are_unrestricted_and_edge_never_is() -> None:
    unrestricted = flows("exchange", protocol="any")
    assert unrestricted == section("exchange", "internal-unrestricted")
    assert not [flow["id"] for flow in unrestricted if EDGE in (flow["source"], flow["destination"])]
    assert flows("windows_server", protocol="any") == flows("databox", protocol="any") == []


def test_edge_speaks_to_the_inside_only_as_its_table_says() -> None:
    reached = {
        (flow["source"], flow["destination"], flow["protocol"], *flow["ports"]) for flow in flows("exchange") if EDGE in (flow["source"], flow["destination"])
    }
    assert reached == {
        ("internet", EDGE, "tcp", "25"),
        (EDGE, "exchange.mailbox", "tcp", "25"),
        ("exchange.mailbox", EDGE, "tcp", "25"),
        (EDGE, "internet", "tcp", "25"),
        ("exchange.mailbox", EDGE, "tcp", "50636"),
        (EDGE, "windows_server.dns_server", "udp", "53"),
        (EDGE, "windows_server.dns_server", "tcp", "53"),
        (EDGE, "internet", "tcp"),
    }
    assert "implies" not in catalog("exchange")["roles"]["edge_transport"]
    for flow in [*flows("exchange", source=EDGE, destination="exchange.mailbox"), *flows("exchange", source="exchange.mailbox", destination=EDGE)]:
        assert flow.get("scope", "site") == "site"
        assert flow.get("initiator", "source") == "source"


def test_mail_flow_tables_are_alternatives() -> None:
    for flow in section("exchange", "mail-flow-with-edge"):
        assert (flow.get("only_with"), flow.get("only_without")) == ([EDGE], None), flow["id"]
    for flow in section("exchange", "mail-flow-without-edge"):
        expected = None if flow["service"] == "dns" else [EDGE]
        assert (flow.get("only_with"), flow.get("only_without")) == (None, expected), flow["id"]


def test_clients_reach_client_access_only() -> None:
    found = section("exchange", "clients-and-services")
    assert {(flow["source"], flow["destination"], flow["protocol"]) for flow in found} == {("exchange.client", "exchange.client_access", "tcp")}
    assert [flow["ports"] for flow in found] == [["443"], ["80"], ["143"], ["993"], ["110"], ["995"], ["587"]]
    assert not [flow["id"] for flow in found if flow.keys() & {"only_with", "only_without"}]
    assert [flow["id"] for flow in flows("exchange") if "erratum" in flow] == ["exchange.client.client_access.http.tcp"]


def test_exchange_conditions() -> None:
    found = {flow["id"]: (flow["feature"], flow.get("feature_at", "destination")) for flow in flows("exchange", requirement="conditional")}
    assert found == {
        "exchange.client.client_access.imap.tcp": ("imap4", "destination"),
        "exchange.client.client_access.imaps.tcp": ("imap4", "destination"),
        "exchange.client.client_access.pop3.tcp": ("pop3", "destination"),
        "exchange.client.client_access.pop3s.tcp": ("pop3", "destination"),
        "exchange.client_access.internet.smtp.tcp": ("outbound_proxy", "source"),
        "exchange.edge_transport.internet.sender_reputation.tcp": ("sender_reputation_proxy", "source"),
    }
    (reputation,) = flows("exchange", service="sender_reputation")
    assert (reputation["ports"], reputation["setting"], reputation["setting_of"]) == ([], "sender_reputation_proxy_port", "source")
    assert reputation["via_proxy"] is True
    assert "default" not in catalog("exchange")["settings"]["sender_reputation_proxy_port"]
    assert catalog("exchange")["settings"]["internal_unrestricted"]["default"] is True


# ---- databox


def test_databox_rows() -> None:
    """Direction, LAN or WAN, and need, as the table's columns have them."""
    columns = {}
    for flow in flows("databox"):
        outwards = flow["source"] == "databox.device"
        direction = "out/in" if flow.get("initiator") == "either" else "out" if outwards else "in"
        need = flow.get("feature", "yes")
        if need != "yes":  # every feature is switched on at the device, whichever end that is
            assert flow.get("feature_at", "destination") == ("source" if outwards else "destination"), flow["id"]
        columns[flow["reference"]["row"]] = (flow["protocol"], *flow["ports"], direction, flow["zone"], need, flow.get("via_proxy", False))
    assert columns == {
        1: ("tcp", "80", "out", "wan", "online_updates", True),
        2: ("tcp", "443", "out", "wan", "yes", True),
        3: ("udp", "123", "out", "wan", "internet_ntp", False),
        4: ("udp", "53", "out", "wan", "internet_dns", False),
        5: ("tcp", "5985", "out/in", "lan", "winrm", False),
        6: ("udp", "67", "out", "lan", "dhcp", False),
        7: ("tcp", "80", "out/in", "lan", "yes", False),
        8: ("tcp", "443", "out/in", "lan", "yes", False),
        9: ("tcp", "445", "in", "lan", "smb", False),
        10: ("tcp", "2049", "in", "lan", "nfs", False),
    }


def test_device_starts_only_with_its_feature() -> None:
    either = [flow for flow in [*flows("databox"), *catalog("databox")["supplements"]] if flow.get("initiator") == "either"]
    assert len(either) == 4
    for flow in either:
        assert (flow["source"], flow["destination"]) == ("databox.lan_client", "databox.device")
        assert flow["starts"] == {"source": "always", "destination": {"feature": "databox.device_initiates"}}


# ---- windows_server

LOGON = {
    **{("tcp", port): 1 for port in ("53", "88", "135", "389", "445", "464", "636", "3268", "3269", "rpc_dynamic")},
    **{("udp", port): 1 for port in ("53", "88", "123", "389", "464")},
    ("icmp_echo", "-"): 1,
}


def test_members_reach_their_controllers() -> None:
    assert services("windows_server", MEMBER, CONTROLLER) == LOGON
    assert services("windows_server", CONTROLLER, MEMBER) == {}


def test_controllers_reach_each_other_the_same_way_and_replicate() -> None:
    """FRS and DFSR add two flows over dynamic RPC, so that each has its row; the ports are the same."""
    assert services("windows_server", CONTROLLER, CONTROLLER) == {**LOGON, ("tcp", "rpc_dynamic"): 3}


def test_deliveries() -> None:
    unusual = {flow["id"]: (flow["delivery"], *flow["ports"]) for flow in flows("windows_server") if "delivery" in flow}
    assert unusual == {
        "windows_server.any_host.dhcp_server.dhcp.udp": ("unaddressed", "67", "68"),
        "windows_server.any_host.dhcp_relay.dhcp.udp": ("unaddressed", "67", "68"),
        "windows_server.domain_member.domain_member.netbios_name.udp": ("broadcast", "137"),
        "windows_server.domain_member.domain_member.netbios_datagram.udp": ("broadcast", "138"),
    }
    assert {flow["reference"]["row"] for flow in flows("windows_server", feature="netbios", requirement="conditional")} == {3, 4, 5}
    assert {flow["scope"] for flow in [*flows("windows_server"), *catalog("windows_server")["supplements"]]} == {"any"}


# ---- well-known services


def test_well_known_services() -> None:
    found = safe_load((CATALOGS / "well_known.yml").read_text(encoding="utf-8"))["services"]
    named = {name: (item["protocol"], item["port"]) for name, item in found.items()}
    assert len(named) == len(set(named.values())) == 49
    primer = {"http": ("tcp", 80), "https": ("tcp", 443), "ftp": ("tcp", 21), "ssh": ("tcp", 22)}
    expected = {
        **primer,
        "dns": ("udp", 53),
        "ntp": ("udp", 123),
        "smb": ("tcp", 445),
        "ldaps": ("tcp", 636),
        "rdp": ("tcp", 3389),
        "winrm": ("tcp", 5985),
        "winrm_https": ("tcp", 5986),
        "mssql": ("tcp", 1433),
        "tftp": ("udp", 69),
    }
    assert {name: named.get(name) for name in expected} == expected
