# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks' estates: always the same, valid, and what they claim to be. Nothing here is timed."""

from __future__ import annotations

import json

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import compile_plan
from ansible_collections.portcullis.msports.tests.benchmarks import estates

SIZES = (100, 400)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", sorted(estates.ESTATES))
def test_the_same_name_and_size_give_the_same_inventory(kind, size):
    first, second = (estates.ESTATES[kind](size) for _time in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert len(first["hosts"]) == size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", sorted(estates.ESTATES))
def test_an_estate_compiles_and_every_managed_host_has_rules(kind, size):
    inventory = estates.ESTATES[kind](size)
    plan = compile_plan(inventory)
    managed = {name for name, host in inventory["hosts"].items() if host["vars"].get("msports_managed", True)}
    assert set(plan["hosts"]) == managed
    assert all(host["rules"] for host in plan["hosts"].values())


def test_every_host_has_variables_of_its_own():
    hosts = list(estates.networks(100)["hosts"].values())
    assert hosts[0]["vars"]["msports_networks"] == hosts[1]["vars"]["msports_networks"]
    assert hosts[0]["vars"]["msports_networks"] is not hosts[1]["vars"]["msports_networks"]


def test_the_estate_of_servers_has_every_role_that_a_host_can_have():
    catalogs = load_catalogs({"configmgr": "1806", "exchange": "2013", "databox": "2019-12"}, ())
    held = {role for role, item in catalogs.roles.items() if item.kind == "host" and "." in role}
    groups = set(estates.networks(100)["groups"])
    implied = {"windows_server.domain_member"}
    later = {"configmgr.wsus_sql_server", "data_box.device", "data_box_gateway.device"}  # than the estate, whose figures compare with those of other days
    assert {role.replace(".", "_") for role in held - implied - later} <= groups


def test_the_estate_of_servers_has_several_sites_and_populations_as_networks():
    plan = compile_plan(estates.networks(400))
    assert sorted(plan["networks"]["configmgr.client"]) == list(estates.SITES[:7])
    assert not any("configmgr.client" in host["roles"] for host in plan["hosts"].values())


def test_the_estate_of_desks_lists_its_clients_and_lets_exchange_servers_talk_freely():
    plan = compile_plan(estates.enumerated(400))
    clients = {name for name, host in plan["hosts"].items() if "configmgr.client" in host["roles"]}
    mailboxes = {name for name, host in plan["hosts"].items() if "exchange.mailbox" in host["roles"]}
    assert len(clients) == 280
    assert len(mailboxes) == 40
    unrestricted = {name for name, host in plan["hosts"].items() for rule in host["rules"] if rule["protocol"] == "any" and rule["direction"] == "in"}
    assert mailboxes <= unrestricted
    assert not unrestricted & clients


def test_hosts_of_the_distinct_estate_share_no_ruleset():
    plan = compile_plan(estates.distinct(100))
    assert len({json.dumps(host["rules"]) for host in plan["hosts"].values()}) == len(plan["hosts"])


@pytest.mark.parametrize("kind", sorted(estates.ESTATES))
def test_the_file_for_ansible_says_the_same(kind):
    inventory = estates.ESTATES[kind](100)
    told = estates.as_ansible(inventory)["all"]
    assert {name: {**told["vars"], **own} for name, own in told["hosts"].items()} == {name: host["vars"] for name, host in inventory["hosts"].items()}
    assert {group: list(item["hosts"]) for group, item in told["children"].items()} == inventory["groups"]
