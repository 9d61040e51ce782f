# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that msports_infrastructure names and that are hosts of the inventory: what is sent to them gets in. And sites on their own."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, names, plan, texts

MEMBER = host("configmgr.management_point", at="10.0.0.1")


def test_a_declared_name_server_that_is_a_host_admits_members() -> None:
    found = plan({"mp": MEMBER, "ns": host("windows_server.dhcp_server", at="10.0.0.53")}, infrastructure={"dns": ["10.0.0.53"]})
    assert {"in tcp/53 from windows_server.domain_member", "in udp/53 from windows_server.domain_member"} <= set(names(found, "ns"))
    assert AllowedSet(found).allows("mp", "ns", "udp", 53)


def test_a_declared_relay_that_is_a_host_admits_requests() -> None:
    found = plan({"mp": MEMBER, "gw": host("windows_server.file_server", at="10.0.0.254")}, infrastructure={"dhcp_relays": ["10.0.0.254"]})
    assert "in udp/67 from any" in names(found, "gw")


@pytest.mark.parametrize(("address", "admitted"), [("10.0.0.8", True), ("10.0.0.9", False)], ids=["the proxy", "another host"])
def test_a_proxy_that_is_a_host_admits_those_who_are_sent_to_it(address: str, admitted: bool) -> None:
    hosts = {"sup": host("configmgr.software_update_point", at="10.0.0.1"), "px": host("windows_server.file_server", at=address)}
    found = plan(hosts, infrastructure={"proxy": [{"address": "10.0.0.8", "port": 8080}]})
    assert ("in tcp/8080 from configmgr.software_update_point" in names(found, "px")) is admitted


def _two_sites(**sites: t.Any) -> t.Any:
    return plan(
        {name: host({"role": role, "site": site}, at=f"10.0.0.{number}") for number, (name, (role, site)) in enumerate(sites.items(), 1)},
        hierarchy={"P01": "CAS"},
    )


def test_an_essential_role_that_another_site_has_is_a_note_where_the_inventory_says_that_this_one_has_none() -> None:
    found = _two_sites(cas=("configmgr.site_server", "CAS"), site=("configmgr.site_server", "P01"), sql=("configmgr.sql_server", "P01"))
    told = texts(found, "out_of_scope")
    assert told == [
        "site CAS: nobody within the scope of their flows holds configmgr.sql_server; the flows of configmgr.site_server there with them make no rules"
    ]


def misspelt(**everywhere: t.Any) -> str:
    """The problem of an estate whose management point is in PO1, and all else in P01."""
    hosts = {
        "site01": host("configmgr.site_server", at="10.1.1.10", site="P01"),
        "sql01": host("configmgr.sql_server", at="10.1.1.11", site="P01"),
        "mp01": host("configmgr.management_point", at="10.1.1.20", site="PO1"),
        "dc01": host("windows_server.domain_controller", at="10.1.3.10"),
    }
    with pytest.raises(InventoryError) as error:
        plan(hosts, quiet=False, networks={"configmgr.client": ["10.20.0.0/16"]}, **everywhere)
    return str(error.value)


def test_a_misspelt_site_is_one_problem_with_the_nearest_site() -> None:
    told = misspelt()
    assert told.startswith(
        "estate: site PO1 (mp01): nobody within the scope of their flows holds configmgr.site_server, configmgr.sql_server, "
        "which configmgr.management_point there cannot do without (it is in P01): correct msports_site, "
    )
    assert told.endswith("; did you mean 'P01'?")
    assert len(told.splitlines()) == 1


def test_sites_that_no_hierarchy_joins_are_a_problem_until_one_is_said_to_stand_alone() -> None:
    hosts = {
        f"{kind}{number}": host(f"configmgr.{kind}_server", at=f"10.{number}.1.{last}", site=f"P0{number}")
        for number in (1, 2, 3)
        for kind, last in (("site", 10), ("sql", 11))
    }
    common = {"networks": {"configmgr.client": ["10.20.0.0/16"]}, "not_deployed": ["windows_server.domain_controller"]}
    with pytest.raises(InventoryError) as error:
        plan(hosts, quiet=False, hierarchy={"P02": "P01"}, **common)
    assert str(error.value) == (
        "estate: no msports_hierarchy joins site P03 of configmgr with P01, so nothing is open between them: "
        "name its parent (msports_hierarchy: {P03: P01}), or say that it has none ({P03: null})"
    )
    for hierarchy in ({"P02": "P01", "P03": None}, {"P02": "P01", "P01": None}, {"P02": "P01", "P03": "P01"}):
        assert not texts(plan(hosts, quiet=False, hierarchy=hierarchy, **common), "out_of_scope")


def test_a_scope_that_joins_everybody_is_silent() -> None:
    sites = {"cas": ("configmgr.site_server", "CAS"), "sql0": ("configmgr.sql_server", "CAS")}
    found = _two_sites(**sites, site=("configmgr.site_server", "P01"), sql=("configmgr.sql_server", "P01"))
    assert not texts(found, "out_of_scope")


def test_the_word_internet_among_networks_is_public_space_that_no_role_has() -> None:
    networks = {"exchange.client": ["10.20.0.0/16", "internet"], "configmgr.console": ["44.1.0.0/16"]}
    hosts = {"cas": host("exchange.client_access", at="10.0.0.1"), "mbx": host("exchange.mailbox", at="10.0.0.2")}
    known = AllowedSet(plan(hosts, networks=networks))
    assert known.allows("44.2.0.1", "cas", "tcp", 443) and known.allows("10.20.0.1", "cas", "tcp", 443)
    assert not known.allows("44.1.0.1", "cas", "tcp", 443) and not known.allows("192.168.0.1", "cas", "tcp", 443)
    assert known.allows("mbx", "44.2.0.1", "tcp", 25), "roles that have the Internet's addresses take none away from it"


def test_the_word_internet_may_stand_where_users_open_something() -> None:
    allow = [{"name": "web", "in": "tcp/8443", "from": ["internet"], "because": "CHG-2"}]
    known = AllowedSet(plan({"mp": host("configmgr.management_point", at="10.0.0.1", allow=allow, ping=["internet"])}))
    assert known.allows("44.2.0.1", "mp", "tcp", 8443) and known.allows("44.2.0.1", "mp", "icmp_echo")
    assert not known.allows("192.168.0.1", "mp", "tcp", 8443)
