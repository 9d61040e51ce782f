# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selectors, merged ports, JMESPath, and what the lookups answer."""

from __future__ import annotations

import builtins
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import answers, query
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._catalog.samples import ACME, write

HTTPS, PING, RPC, PEER, CUSTOM, LDAP = (
    "acme.agent.server.https.tcp",
    "acme.agent.server.ping.icmp_echo",
    "acme.server.agent.rpc_dynamic.tcp",
    "acme.server.server.peer.udp",
    "acme.server.cloud.custom.tcp",
    "acme.server.domain_controller.ldap.tcp",
)
ALL = [HTTPS, PING, RPC, PEER, CUSTOM, LDAP]

PRODUCTS = ["acme", "configmgr", "data_box", "data_box_gateway", "databox", "exchange", "windows_server"]


@pytest.fixture
def options(tmp_path: pathlib.Path) -> dict[str, t.Any]:
    return {"catalog_paths": [write(tmp_path, {"acme/1.yml": ACME})]}


def ids(options: dict[str, t.Any], *terms: str, **selectors: t.Any) -> list[str]:
    return [flow["id"] for flow in answers.flows(terms or ("acme",), {**options, **selectors})]


def message(function: t.Callable[..., t.Any], *args: t.Any) -> str:
    with pytest.raises(CatalogError) as caught:
        function(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ({}, ALL),
        ({"role": ["acme.agent"]}, [HTTPS, PING, RPC]),
        ({"role": "acme.cloud,acme.agent"}, [HTTPS, PING, RPC, CUSTOM]),
        ({"source": ["acme.agent"]}, [HTTPS, PING]),
        ({"destination": ["acme.agent", "acme.cloud"]}, [RPC, CUSTOM]),
        ({"source": ["acme.server"], "destination": ["acme.agent"]}, [RPC]),
        ({"role": ["acme.agent"], "direction": ["in"]}, [RPC]),
        ({"role": ["acme.agent"], "direction": ["out"]}, [HTTPS, PING]),
        ({"role": ["acme.server"], "direction": ["in"]}, [HTTPS, PING, PEER]),
        ({"role": ["acme.server"], "direction": ["out"]}, [RPC, PEER, CUSTOM, LDAP]),
        ({"role": ["acme.server"], "direction": ["in", "out"]}, ALL),
        ({"protocol": ["udp", "icmp_echo"]}, [PING, PEER]),
        ({"port": 443}, [HTTPS]),
        ({"port": "8443"}, []),  # an alternative is no port of the flow
        ({"port": ["68"]}, [PEER]),
        ({"port": "67-68"}, [PEER]),
        ({"port": "67-69"}, []),
        ({"port": [443, 389]}, [HTTPS, LDAP]),
        ({"port": 49152}, [RPC]),
        ({"port": 65535}, [RPC]),
        ({"port": 49151}, []),
        ({"port": 5000, "dynamic_ports": "5000-6000"}, [RPC]),
        ({"port": 443, "protocol": ["udp"]}, []),
        ({"service": ["https"]}, [HTTPS]),
        ({"service": ["acme.ldap", "ping"]}, [PING, LDAP]),
        ({"feature": ["acme.extra"]}, [RPC]),
        ({"requirement": ["conditional"]}, [RPC]),
        ({"requirement": ["required"], "protocol": ["tcp"]}, [HTTPS, CUSTOM, LDAP]),
        ({"flow": ["acme.agent.*", "*.ldap.tcp"]}, [HTTPS, PING, LDAP]),
        ({"supplements": True, "service": ["https"]}, [HTTPS, "acme.server.internet.https.tcp"]),
        ({"supplements": True, "role": ["internet"]}, ["acme.server.internet.https.tcp"]),
    ],
)
def test_selectors(options: dict[str, t.Any], selectors: dict[str, t.Any], expected: list[str]) -> None:
    assert ids(options, **selectors) == expected


def test_either_is_seen_from_both_ends(options: dict[str, t.Any]) -> None:
    path = pathlib.Path(options["catalog_paths"][0], "acme", "1.yml")
    text = path.read_text(encoding="utf-8").replace("protocol: icmp_echo,", "protocol: icmp_echo, initiator: either,")
    path.write_text(text, encoding="utf-8")
    assert ids(options, role=["acme.agent"], direction=["in"]) == [PING, RPC]
    assert ids(options, role=["acme.agent"], direction=["out"]) == [HTTPS, PING]
    rows = answers.ports(["acme"], {**options, "role": ["acme.agent"], "direction": ["in"], "protocol": ["icmp_echo"]})
    assert [(row["direction"], row["peers"], row["flows"]) for row in rows] == [("in", ["acme.server"], [PING])]


def test_protocol_any_has_every_port() -> None:
    asked = {"releases": {"exchange": "2013"}, "source": ["exchange.client_access"], "destination": ["exchange.mailbox"], "port": 3268}
    found = answers.flows(["exchange"], asked)
    assert {flow["protocol"] for flow in found} == {"any"}


def test_wrong_selectors_all_at_once(options: dict[str, t.Any]) -> None:
    wrong = {
        "role": ["acme.agnet"],
        "source": ["server"],
        "direction": ["inn"],
        "protocol": ["tpc"],
        "port": ["443", "https", 70000],
        "service": ["htps"],
        "feature": ["acme.extr"],
        "requirement": ["optional"],
    }
    assert message(answers.flows, ["acme"], {**options, **wrong}).splitlines() == [
        "direction: 'inn': expected one of in, out; did you mean 'in'?",
        "feature: 'acme.extr': expected a feature that a catalog has; did you mean 'acme.extra'?",
        "port[1]: 'https': expected a port, 0-65535, or a range of ports such as 49152-65535",
        "port[2]: 70000: expected a port, 0-65535, or a range of ports such as 49152-65535",
        "protocol: 'tpc': expected one of tcp, udp, icmp_echo, any; did you mean 'tcp'?",
        "requirement: 'optional': expected one of required, conditional",
        "role: 'acme.agnet': expected a role that a catalog has; did you mean 'acme.agent'?",
        "service: 'htps': expected a service that a catalog has; did you mean 'https'?",
        "source: 'server': expected a role that a catalog has; did you mean 'acme.server'?",
    ]


def test_direction_needs_role(options: dict[str, t.Any]) -> None:
    assert message(answers.flows, [], {**options, "direction": ["in"]}) == "direction: ['in']: is seen from a role, so name the role, too"


def test_unknown_product_and_bad_dynamic_ports(options: dict[str, t.Any]) -> None:
    told = message(answers.flows, ["acne"], options)
    assert told == f"product: 'acne': expected a product that has a catalog: {', '.join(PRODUCTS)}; did you mean 'acme'?"
    told = message(answers.flows, ["acme"], {**options, "dynamic_ports": "high"})
    assert told == "dynamic_ports: 'high': expected a range of ports such as 49152-65535"


def test_ports_of_a_role(options: dict[str, t.Any]) -> None:
    rows = answers.ports(["acme"], {**options, "role": ["acme.server"]})
    assert rows == [
        {"role": "acme.server", "direction": "in", "protocol": "icmp_echo", "feature": None, "ports": [], "peers": ["acme.agent"], "flows": [PING]},
        {"role": "acme.server", "direction": "in", "protocol": "tcp", "feature": None, "ports": ["443"], "peers": ["acme.agent"], "flows": [HTTPS]},
        {"role": "acme.server", "direction": "in", "protocol": "udp", "feature": None, "ports": ["67-68"], "peers": ["acme.server"], "flows": [PEER]},
        {
            "role": "acme.server",
            "direction": "out",
            "protocol": "tcp",
            "feature": None,
            "ports": ["389"],
            "peers": ["acme.cloud", "windows_server.domain_controller"],
            "flows": [CUSTOM, LDAP],
        },
        {
            "role": "acme.server",
            "direction": "out",
            "protocol": "tcp",
            "feature": "acme.extra",
            "ports": ["49152-65535"],
            "peers": ["acme.agent"],
            "flows": [RPC],
        },
        {"role": "acme.server", "direction": "out", "protocol": "udp", "feature": None, "ports": ["67-68"], "peers": ["acme.server"], "flows": [PEER]},
    ]


def test_ports_need_a_role(options: dict[str, t.Any]) -> None:
    assert message(answers.ports, [], options) == "role: name the role whose ports are wanted, such as configmgr.management_point"


def test_implied_roles_and_any_host(options: dict[str, t.Any]) -> None:
    plain = ids(options, "windows_server", role=["acme.server"])
    assert plain == []
    with_implied = ids(options, "windows_server", role=["acme.server"], implied=True)
    assert "windows_server.domain_member.domain_controller.kerberos.tcp" in with_implied
    assert "windows_server.any_host.dhcp_server.dhcp.udp" in with_implied
    assert ids(options, "windows_server", role=["acme.cloud"], implied=True) == []
    rows = answers.ports(
        ["windows_server"], {**options, "role": ["acme.server"], "implied": True, "direction": ["out"], "service": ["kerberos"], "protocol": ["udp"]}
    )
    assert [(row["role"], row["ports"], row["peers"]) for row in rows] == [("acme.server", ["88"], ["windows_server.domain_controller"])]


def test_query(options: dict[str, t.Any]) -> None:
    assert answers.flows(["acme"], {**options, "query": "[?protocol=='udp'].id"}) == [PEER]
    assert answers.flows(["acme"], {**options, "query": "length(@)"}) == [6]
    assert answers.flows(["acme"], {**options, "query": "[0].nothing"}) == []
    assert answers.flows(["acme"], {**options, "query": "[?contains(notes, `1`)].reference.row"}) == [1]


def test_query_that_is_none(options: dict[str, t.Any]) -> None:
    told = message(answers.flows, ["acme"], {**options, "query": "[?protocol='udp'"})
    assert told.startswith("query: \"[?protocol='udp'\": expected a JMESPath expression: ")
    assert "\n" not in told
    told = message(answers.flows, ["acme"], {**options, "query": "sort(@)"})
    assert told.startswith("query: 'sort(@)': expected a JMESPath expression: ")


def test_query_without_jmespath(options: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plain_import = builtins.__import__

    def without(name: str, *args: t.Any, **kwargs: t.Any) -> t.Any:
        if name == "jmespath":
            raise ImportError(name)
        return plain_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    told = message(answers.flows, ["acme"], {**options, "query": "[]"})
    assert told == "query: needs the Python package jmespath on the controller, which is not installed: pip install jmespath where ansible runs"


def test_catalog(options: dict[str, t.Any]) -> None:
    [found] = answers.catalog(["acme"], options)
    assert (found["product"], found["edition"], found["notes"]["1"]["title"]) == ("acme", "1", "Other ports")
    assert [item["product"] for item in answers.catalog([], options)] == PRODUCTS
    assert answers.catalog(["acme"], {**options, "edition": "1", "query": "[].settings.https.default"}) == [443]
    told = message(answers.catalog, ["acme"], {**options, "edition": "7"})
    assert told == "editions.acme: '7': expected an edition that has a catalog: 1"
    told = message(answers.catalog, ["acme", "exchange"], {**options, "edition": "1"})
    assert told == "edition: '1': goes with exactly one product; use releases for several"


def test_every_edition_is_listed_whatever_runs(options: dict[str, t.Any]) -> None:
    found = answers.catalog(["exchange"], {**options, "releases": {"exchange": "2016"}, "show": "editions"})
    assert [(item["edition"], item["title"], item["base"]) for item in found] == [
        ("2013", None, None),
        ("2016", None, None),
        ("2019", None, "2016"),
        ("2025", "Subscription Edition", "2016"),
    ]
    assert found[0]["dated"] == "2016-12-09" and found[0]["flows"] == 29
    assert {item["product"] for item in answers.catalog([], {**options, "show": "editions"})} >= {"acme", "configmgr", "data_box", "data_box_gateway"}


def test_two_editions_are_compared(options: dict[str, t.Any]) -> None:
    [found] = answers.catalog(["configmgr"], {**options, "from": "1806", "to": "2509"})
    assert (found["product"], found["from"], found["to"]) == ("configmgr", "1806", "2509")
    assert found["roles"] == {
        "added": ["configmgr.azure_logic_app", "configmgr.cmg_scale_set"],
        "removed": ["configmgr.application_catalog_web_service_point", "configmgr.application_catalog_website_point", "configmgr.microsoft_intune"],
    }
    added = {item["id"]: item for item in found["added"]}
    assert added["configmgr.cmg_connection_point.cmg_scale_set.cmg_https.tcp"] == {
        "id": "configmgr.cmg_connection_point.cmg_scale_set.cmg_https.tcp",
        "source": "configmgr.cmg_connection_point",
        "destination": "configmgr.cmg_scale_set",
        "protocol": "tcp",
        "ports": ["10124-10139"],
        "section": "bkmk_cmgcp-cmg2",
        "row": 2,
    }
    removed = {item["section"] for item in found["removed"]}
    assert {"BKMK_PortsAppCatalogService-SQL", "BKMK_PortsMobileDeviceClient-WindowsIntune"} <= removed
    documented = {item["id"] for item in found["documented"]}
    assert {"configmgr.site_server.software_update_point.rpc_dynamic.tcp", "configmgr.client.client.peer_cache_download.tcp"} <= documented
    changed = {item["id"]: item["changes"] for item in found["changed"]}
    assert changed["configmgr.management_point.domain_controller.global_catalog_ldap.tcp"] == {"row": {"from": 2, "to": 3}}
    assert changed["configmgr.client.file_server.smb.tcp"] == {"section": {"from": "BKMK_ClientShares", "to": "client-to-server-shares"}}
    assert len(found["documented"]) + len(found["added"]) + 195 - len(found["removed"]) == 209
    back = answers.catalog(["configmgr"], {**options, "from": "2509", "to": "1806", "query": "[].roles.added | [0] | length(@)"})
    assert back == [3]


def test_comparing_asks_for_one_product_and_both_editions(options: dict[str, t.Any]) -> None:
    assert message(answers.catalog, ["configmgr", "exchange"], {**options, "from": "1806"}).splitlines() == [
        "_terms: ['configmgr', 'exchange']: two editions are those of exactly one product, so name it",
        "to: two editions are compared: give both, from and to",
    ]
    told = message(answers.catalog, ["configmgr"], {**options, "from": "1806", "to": "2500"})
    assert told == "editions.configmgr: '2500': expected an edition that has a catalog: 1806, 2509; did you mean '2509'?"


def test_roles(options: dict[str, t.Any]) -> None:
    assert [role["id"] for role in answers.roles(["acme"], options)] == ["acme.agent", "acme.cloud", "acme.server"]
    assert answers.roles(["acme"], {**options, "kind": ["host"]}) == [
        {
            "id": "acme.server",
            "product": "acme",
            "title": "Server",
            "title_fr": ["Serveur"],
            "kind": "host",
            "essential": True,
            "appliance": False,
            "implies": ["windows_server.domain_member"],
        }
    ]
    everything = answers.roles([], options)
    assert [role["id"] for role in everything if role["product"] is None] == ["any_host", "internet"]
    assert message(answers.roles, [], {**options, "kind": ["hosts"]}) == "kind: 'hosts': expected one of host, population, external; did you mean 'host'?"


@pytest.mark.parametrize(("name", "port"), [("https", 443), ("acme.https", 443), ("acme.ldap", 389), ("configmgr.client_notification", 10123), ("ssh", 22)])
def test_port_of(options: dict[str, t.Any], name: str, port: int) -> None:
    assert answers.port_of([name], options) == [port]


def test_port_of_what_has_not_one(options: dict[str, t.Any]) -> None:
    told = message(answers.port_of, ["htps", "acme.htps", "acme.window", "acme.custom", "acme.peer", "acme.rpc_dynamic", "acne.x"], options)
    expected = "expected a well-known service, <product>.<setting> or <product>.<service>"
    assert told.splitlines() == [
        "port_of: 'acme.custom': has no documented port: it is user defined",
        f"port_of: 'acme.htps': {expected}; did you mean 'acme.https'?",
        "port_of: 'acme.peer': stands for more than one port (67, 68); take them with the flows lookup",
        "port_of: 'acme.rpc_dynamic': stands for more than one port (rpc_dynamic); take them with the flows lookup",
        "port_of: 'acme.window': stands for more than one port (5000-5010, 5020); take them with the flows lookup",
        f"port_of: 'acne.x': {expected}",
        f"port_of: 'htps': {expected}; did you mean 'https'?",
    ]


def test_is_role(options: dict[str, t.Any]) -> None:
    paths = options["catalog_paths"]
    wanted = {"acme.server": True, "internet": True, "any_host": False, "server": False, "acme.serve": False}
    assert {name: answers.is_role(name, {}, paths) for name in wanted} == wanted
    assert not answers.is_role(5, {}, paths)
    assert not answers.is_role("acme.server", {}, [])


def test_merged() -> None:
    assert [str(item) for item in query.merged([80, "81", "rpc_dynamic"], "ports", "5000-5001")] == ["80-81", "5000-5001"]
    assert message(query.merged, ["x", 1, 70000], "ports").splitlines() == [
        "ports[0]: 'x': expected a port, 0-65535, or a range of ports such as 49152-65535",
        "ports[2]: 70000: expected a port, 0-65535, or a range of ports such as 49152-65535",
    ]
