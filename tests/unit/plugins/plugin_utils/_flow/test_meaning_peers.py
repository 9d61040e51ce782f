# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 1 of docs/meaning.md, a test for each sentence: who is a peer."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, host, names, plan, rules, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import Plain, open_


def test_hosts_that_differ_on_a_switch_of_the_estate_are_told() -> None:
    hosts = {
        f"mp{roams}": host("configmgr.management_point", at=f"10.0.0.{1 + roams}", settings={"configmgr.client_roaming": roams}) for roams in (True, False)
    }
    assert texts(plan(hosts), "settings_differ") == ["configmgr.client_roaming holds for the whole estate, and hosts differ on it: its default true counts"]


def test_without_sites_parents_are_nobody() -> None:
    found = plan({"sql1": host("configmgr.sql_server", at="10.0.0.1"), "sql2": host("configmgr.sql_server", at="10.0.0.2")})
    assert not open_(found, "sql1", "sql2", "tcp/4022")
    assert {off["why"] for off in found["off"] if ".service_broker." in off["flow"]} == {"its scope is parent_or_child, and configmgr has one site here"}


def test_one_sql_server_for_two_sites() -> None:
    hosts = {f"mp{number}": host("configmgr.management_point", at=f"10.{number}.0.1", site=f"P0{number}") for number in (1, 2, 3)}
    found = plan({"sql": host("configmgr.sql_server", at="10.0.0.1", site=["P01", "P02"]), **hosts})
    assert [rule["remote"] for rule in rules(found, "sql", "configmgr.management_point.sql_server.sql.tcp")] == [
        "configmgr.management_point@P01",
        "configmgr.management_point@P02",
    ]


MISSING = (
    "estate: nobody holds windows_server.domain_controller, a peer of windows_server.domain_member: give the role to a host "
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
