# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes about what is valid and probably not meant, and hosts that are appliances."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, plan, texts

DC = host("windows_server.domain_controller", at="10.0.0.30")
SITE = {
    "site01": host("configmgr.site_server", at="10.0.0.20"),
    "sql01": host("configmgr.sql_server", at="10.0.0.21"),
    "mp01": host("configmgr.management_point", at="10.0.0.22"),
    "dc01": DC,
}
CLIENTS = {"configmgr.client": ["10.20.0.0/16"]}


def test_a_client_network_that_is_no_domain_members_is_told_where_a_controller_blocks() -> None:
    assert texts(plan(SITE, networks=CLIENTS), "no_domain") == [
        "networks of configmgr.client (10.20.0.0/16) are not among those of windows_server.domain_member, so dc01 will not let their computers log on: "
        "declare them there, too (msports_networks: {windows_server.domain_member: [...]}); an empty list says that none of them is a member"
    ]


@pytest.mark.parametrize(
    ("networks", "controller"),
    [
        ({"windows_server.domain_member": ["10.0.0.0/8"]}, DC),
        ({"windows_server.domain_member": []}, DC),
        ({}, {**DC, "vars": {**DC["vars"], "msports_managed": False}}),
        ({}, {**DC, "vars": {**DC["vars"], "msports_default_inbound": "keep"}}),
        ({"configmgr.client": ["any"]}, DC),
    ],
    ids=["declared", "none are", "unmanaged", "open", "everyone"],
)
def test_it_is_not_told_where_it_is_not_so(networks: dict[str, t.Any], controller: dict[str, t.Any]) -> None:
    assert texts(plan({**SITE, "dc01": controller}, networks={**CLIENTS, **networks}), "no_domain") == []


def test_a_part_of_the_networks_is_named() -> None:
    (told,) = texts(plan(SITE, networks={"configmgr.client": ["10.20.0.0/16"], "windows_server.domain_member": ["10.20.0.0/17"]}), "no_domain")
    assert "(10.20.128.0/17)" in told


def test_client_networks_that_hold_all_servers() -> None:
    assert texts(plan(SITE, networks={"configmgr.client": ["10.0.0.0/8"]}), "wide_networks") == [
        "the networks of configmgr.client hold the addresses of all 4 managed hosts (dc01, mp01, site01 and 1 more), so each of them is let in as a client: "
        "name the networks of the clients alone"
    ]
    assert texts(plan(SITE, networks={"configmgr.client": ["10.0.0.16/28"]}), "wide_networks") != []
    assert texts(plan(SITE, networks={"configmgr.client": ["10.0.0.20/31"]}), "wide_networks") == []


def test_a_host_whose_role_opens_nothing_has_nothing_but_management() -> None:
    found = plan({"rsp01": host("configmgr.enrollment_proxy_point", at="10.0.0.40"), "dc01": DC}, networks={"windows_server.domain_member": []})
    assert texts(found, "only_management") == [
        "rsp01: no flow of configmgr.enrollment_proxy_point makes a rule there, so nothing but management is let in beside the domain"
    ]
    assert texts(plan(SITE, networks=CLIENTS), "only_management") == []


def test_any_from_any() -> None:
    allow = [{"name": "open", "in": "any", "from": ["0.0.0.0/0"], "because": "x"}]
    found = plan({**SITE, "mp01": host("configmgr.management_point", at="10.0.0.22", allow=allow)}, networks=CLIENTS)
    assert texts(found, "any_from_any") == ["in any from allow:0.0.0.0/0 (open) lets everybody in over everything, so no other rule counts at mp01"]
    pair = {"mbx01": host("exchange.mailbox", at="10.0.0.50"), "mbx02": host("exchange.mailbox", at="10.0.0.51")}
    assert "in any from exchange.mailbox" in texts(plan(pair, networks={"exchange.mailbox": ["any"]}), "any_from_any")[0]
    assert texts(plan(pair), "any_from_any") == []


@pytest.mark.parametrize(("said", "managed"), [({}, False), ({"managed": True}, True), ({"managed": False}, False)])
def test_an_appliance_gets_rules_only_where_the_inventory_says_so(said: dict[str, t.Any], managed: bool) -> None:
    for role in ("databox.device", "data_box.device", "data_box_gateway.device"):
        found = plan({"box": host(role, at="10.0.0.60", **said), **SITE}, networks=CLIENTS)
        assert ("box" in found["hosts"], "box" in found["peers"]) == (managed, not managed)
