# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that the pages forget: supplements by group, suggestions, and fixed ports of RPC services."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, plan, rules, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import Plain, open_

STRICT = {"default_outbound": "block", "infrastructure": {"dns": ["10.0.0.53"], "ntp": ["10.0.0.53"]}}
WEB = "20.0.0.1"
NEWEST = {"configmgr": "2603", "exchange": "2025"}


def two(role: str, **everywhere: t.Any) -> Plain:
    return plan({"a": host(role, at="10.0.0.1"), "b": host(role, at="10.0.0.2")}, **everywhere)


def one(role: str, **everywhere: t.Any) -> Plain:
    return plan({"a": host(role, at="10.0.0.1")}, **everywhere)


@pytest.mark.parametrize("releases", [{"configmgr": "1806", "exchange": "2013"}, NEWEST])
@pytest.mark.parametrize(
    ("role", "group", "asked"),
    [
        ("configmgr.software_update_point", "update_sync", f"a {WEB} tcp/443"),
        ("configmgr.wsus_server", "update_sync", f"a {WEB} tcp/80"),
        ("configmgr.service_connection_point", "service_connection", f"a {WEB} tcp/80"),
        ("configmgr.sql_server", "availability_group", "a b tcp/5022"),
        ("configmgr.sql_server", "availability_group", "b a udp/3343"),
        ("configmgr.sql_server", "availability_group", "b a tcp/50000"),
        ("configmgr.sql_server", "availability_group", "a b tcp/1433"),
        ("configmgr.site_server", "passive_site_server", "a b tcp/135"),
        ("configmgr.site_server", "passive_site_server", "b a tcp/445"),
    ],
)
def test_a_group_opens_what_it_says(releases: dict[str, str], role: str, group: str, asked: str) -> None:
    source, destination, port = asked.split()
    assert not open_(two(role, releases=releases, **STRICT), source, destination, port)
    assert open_(two(role, releases=releases, supplements=[group], **STRICT), source, destination, port)


@pytest.mark.parametrize("releases", [{"exchange": "2013"}, {"exchange": "2016"}, {"exchange": "2025"}])
@pytest.mark.parametrize(
    ("group", "source", "destination", "port"),
    [
        ("dag", "mailbox", "file_server", "tcp/445"),
        ("dag", "mailbox", "file_server", "tcp/135"),
        ("dag", "mailbox", "mailbox2", "tcp/64327"),
        ("hybrid", "mailbox", WEB, "tcp/443"),
        ("transport", "mailbox", "mailbox2", "tcp/2525"),
    ],
)
def test_exchange_where_the_free_traffic_is_narrowed(releases: dict[str, str], group: str, source: str, destination: str, port: str) -> None:
    hosts = {
        "mailbox": host("exchange.mailbox", at="10.0.0.1"),
        "mailbox2": host("exchange.mailbox", at="10.0.0.2"),
        "file_server": host("windows_server.file_server", at="10.0.0.3"),
    }
    common = {"settings": {"exchange.internal_unrestricted": False}, "releases": releases, **STRICT}
    assert not open_(plan(hosts, **common), source, destination, port)
    assert open_(plan(hosts, supplements=[group], **common), source, destination, port)


def test_the_endpoint_and_the_listener_of_an_availability_group_have_ports_of_their_own() -> None:
    hosts = {name: host("configmgr.sql_server", at=at) for name, at in (("a", "10.0.0.1"), ("b", "10.0.0.2"))}
    hosts["s"] = host("configmgr.site_server", at="10.0.0.3")
    moved = {"configmgr.mirroring_endpoint": 5023, "configmgr.availability_group_listener": 1533}
    found = plan(hosts, supplements=["availability_group"], settings=moved)
    assert open_(found, "a", "b", "tcp/5023") and not open_(found, "a", "b", "tcp/5022")
    assert open_(found, "s", "a", "tcp/1533")
    assert not open_(plan(hosts, supplements=["availability_group"]), "s", "a", "tcp/1533")


def test_entra_is_needed_from_2603_on_and_never_by_the_proxy() -> None:
    proxied = {**STRICT, "infrastructure": {**STRICT["infrastructure"], "proxy": [{"address": "10.0.0.9", "port": 3128}]}}
    for release, needed in (("2509", False), ("2603", True)):
        found = one("configmgr.management_point", supplements=["entra"], releases={"configmgr": release}, **proxied)
        assert open_(found, "a", WEB, "tcp/443") is needed


@pytest.mark.parametrize(
    ("given", "group", "hosts"),
    [
        (lambda **more: two("configmgr.sql_server", **more), "availability_group", "a, b are SQL servers of one site"),
        (lambda **more: two("configmgr.site_server", **more), "passive_site_server", "a, b are site servers of one site"),
        (lambda **more: two("exchange.mailbox", **more), "dag", "a, b are mailbox servers of one site"),
        (lambda **more: one("configmgr.software_update_point", **STRICT, **more), "update_sync", "a block what is not planned outbound"),
        (lambda **more: one("configmgr.service_connection_point", **STRICT, **more), "service_connection", "a block what is not planned outbound"),
        (lambda **more: one("configmgr.sql_server", settings={"configmgr.sql": 1533}, **more), "sql_browser", "a have SQL Server on another port"),
    ],
)
def test_the_plan_suggests_what_the_inventory_has_signs_of(given: t.Callable[..., Plain], group: str, hosts: str) -> None:
    (text,) = {text for text in texts(given(), "suggested") if f"[{group}]" in text}
    assert text.startswith(hosts)
    assert not [text for text in texts(given(supplements=[group]), "suggested") if f"[{group}]" in text]


def test_nothing_is_suggested_without_a_sign() -> None:
    assert texts(one("configmgr.sql_server"), "suggested") == []
    assert texts(one("configmgr.software_update_point"), "suggested") == []
    apart = {"a": host("configmgr.sql_server", at="10.0.0.1", site="P01"), "b": host("configmgr.sql_server", at="10.0.0.2", site="P02")}
    assert texts(plan(apart), "suggested") == []
    assert texts(one("configmgr.management_point", releases={"configmgr": "2509"}, **STRICT), "suggested") == []
    assert len(texts(one("configmgr.management_point", releases={"configmgr": "2603"}, **STRICT), "suggested")) == 1


# ---- fixed ports of RPC services


def controllers(**of_controller: t.Any) -> Plain:
    fixed = {"windows_server.ntds_port": 38901, "windows_server.netlogon_port": 38902, "windows_server.dfsr_port": 5722, "windows_server.wmi_port": 24158}
    hosts = {
        "dc01": host("windows_server.domain_controller", at="10.0.0.1", settings=fixed, system="windows", **of_controller),
        "dc02": host("windows_server.domain_controller", at="10.0.0.2", system="windows"),
        "mp01": host("configmgr.management_point", at="10.0.0.3", **{key: value for key, value in STRICT.items() if key == "default_outbound"}),
    }
    return plan(hosts, infrastructure=STRICT["infrastructure"])


@pytest.mark.parametrize("port", [38901, 38902, 24158])
def test_a_fixed_port_of_a_controller_is_open_at_both_ends(port: int) -> None:
    found = controllers()
    assert open_(found, "mp01", "dc01", f"tcp/{port}") and open_(found, "dc02", "dc01", f"tcp/{port}")
    assert not open_(found, "mp01", "dc02", f"tcp/{port}")
    assert open_(found, "mp01", "dc01", "tcp/50000") and open_(found, "mp01", "dc02", "tcp/50000")


def test_a_fixed_port_is_a_rule_of_numbers_beside_the_keyword() -> None:
    inbound = [rule for rule in rules(controllers(), "dc01", "windows_server.domain_member.domain_controller.rpc_dynamic.tcp") if rule["direction"] == "in"]
    assert sorted((rule["rpc"], *rule["local_ports"]) for rule in inbound) == [(False, "5722", "24158", "38901-38902"), (True, "49152-65535")]


def test_a_fixed_port_inside_the_dynamic_range_needs_no_rule() -> None:
    found = controllers(dynamic_ports="5000-65535")
    inbound = [rule for rule in rules(found, "dc01", "windows_server.domain_member.domain_controller.rpc_dynamic.tcp") if rule["direction"] == "in"]
    assert [(rule["rpc"], rule["local_ports"]) for rule in inbound] == [(True, ["5000-65535"])]


def test_a_port_of_active_directory_belongs_to_controllers_alone() -> None:
    hosts = {
        "site": host("configmgr.site_server", at="10.0.0.1"),
        "mp": host("configmgr.management_point", at="10.0.0.2", settings={"windows_server.ntds_port": 38901, "windows_server.wmi_port": 24158}),
    }
    found = plan(hosts)
    assert open_(found, "site", "mp", "tcp/24158")
    assert not open_(found, "site", "mp", "tcp/38901")
