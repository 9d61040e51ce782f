# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 2 of docs/meaning.md, a test for each sentence: both ends."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, codes, host, names, plan, rules, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import Plain, open_


def test_both_ends_have_their_rule() -> None:
    found = plan({"mp": host("configmgr.management_point", at="10.0.0.1"), "sql": host("configmgr.sql_server", at="10.0.0.2")})
    assert names(found, "mp", "configmgr.management_point.sql_server.sql.tcp") == ["out tcp/1433 to configmgr.sql_server"]
    assert "in tcp/1433 from configmgr.management_point" in names(found, "sql", "configmgr.management_point.sql_server.sql.tcp")
    assert not open_(found, "sql", "mp", "tcp/1433")


def test_two_roles_on_one_host_need_no_rule_inside() -> None:
    found = plan({"all": host("configmgr.site_server", "configmgr.sql_server", "configmgr.management_point", at="10.0.0.1")})
    assert [rule for rule in rules(found, "all") if rule["remote"].startswith("configmgr.")] == []


def test_a_set_may_hold_the_host_itself() -> None:
    """Packets from the host's own address never arrive on an interface, and sets are shared."""
    found = plan({"a": host("exchange.mailbox", at="10.0.0.1"), "b": host("exchange.mailbox", at="10.0.0.9")})
    (rule,) = rules(found, "a", "exchange.mailbox.mailbox.unrestricted.any")[:1]
    assert addresses(found, rule) == ["10.0.0.1", "10.0.0.9"]


@pytest.mark.parametrize(("features", "number"), [([], 0), (["databox.dhcp"], 1)], ids=["off", "on"])
def test_a_device_asks_for_an_address_only_by_feature(features: list[str], number: int) -> None:
    found = plan({"box": host("databox.device", at="10.0.0.1", managed=True, features=features), "dhcp": host("windows_server.dhcp_server", at="10.0.0.3")})
    assert len(rules(found, "box", "databox.device.dhcp_server.dhcp.udp")) == number


INTERNAL = {
    "cas": "exchange.client_access", "mbx": "exchange.mailbox", "lync": "exchange.lync_server", "dc": "windows_server.domain_controller",
    "edge": "exchange.edge_transport", "cas2": "exchange.client_access", "mbx2": "exchange.mailbox",
}  # fmt: skip


def exchange(**everywhere: t.Any) -> Plain:
    return plan({name: host(role, at=f"10.0.{number}.1") for number, (name, role) in enumerate(INTERNAL.items(), 1)}, **everywhere)


def test_the_pairs_can_be_narrowed_by_an_option_that_warns() -> None:
    found = exchange(settings={"exchange.internal_unrestricted": False})
    assert not open_(found, "cas", "mbx", "any")
    assert texts(found, "narrowed") == [
        "setting exchange.internal_unrestricted is false: the vendor does not support a restriction between internal Exchange servers, "
        "Lync or Skype for Business servers and domain controllers"
    ]
    assert "narrowed" not in codes(exchange())


# What the table of mail flow with Edge says of an Edge, and nothing else (both ends of rows within the company).
def test_the_two_mail_flow_tables_are_alternatives() -> None:
    roles = {"cas": "exchange.client_access", "mbx": "exchange.mailbox"}
    without = plan({name: host(role, at=f"10.0.{number}.1") for number, (name, role) in enumerate(roles.items())})
    assert open_(without, "44.0.0.1", "cas", "tcp/25")
    assert open_(without, "mbx", "44.0.0.1", "tcp/25")
    with_edge = exchange()
    assert not open_(with_edge, "44.0.0.1", "cas", "tcp/25")
    assert not open_(with_edge, "mbx", "44.0.0.1", "tcp/25")
    assert {"flow": "exchange.mailbox.internet.smtp.tcp", "why": "holds only without exchange.edge_transport"} in with_edge["off"]


def test_unmanaged_hosts_are_peers_without_a_ruleset() -> None:
    found = plan({"box": host("databox.device", at="10.0.0.1"), "lan": host("databox.lan_client", at="10.0.0.2")})
    assert sorted(found["hosts"]) == ["lan"]
    assert found["peers"]["box"] == {"roles": {"databox.device": []}, "features": [], "addresses": ["10.0.0.1"]}
    assert addresses(found, rules(found, "lan", "databox.lan_client.device.https.tcp")[0]) == ["10.0.0.1"]


def test_hosts_without_any_role_are_never_touched() -> None:
    found = plan({"plain": host(at="10.0.0.1"), "edge": host("exchange.edge_transport", at="172.16.0.1")})
    assert sorted(found["hosts"]) == ["edge"]
    assert sorted(found["peers"]) == ["plain"]
