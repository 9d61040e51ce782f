# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 6 of docs/meaning.md, a test for each sentence: what keeps a host alive."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, names, plan, rules, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import open_


def test_management_is_a_rule_on_every_managed_host() -> None:
    found = plan(
        {"edge": host("exchange.edge_transport", at="172.16.0.1"), "awx": host(at="10.8.0.1", groups=["awx"])},
        management={"from": ["10.9.0.0/24", "group:awx"], "services": ["ssh", "winrm_https"]},
    )
    assert open_(found, "10.9.0.5", "edge", "tcp/22")
    assert open_(found, "awx", "edge", "tcp/5986")
    assert found["hosts"]["edge"]["management"] == {"addresses": ["10.8.0.1", "10.9.0.0/24"], "ports": ["22", "5986"]}


def test_a_default_block_without_management_is_a_problem() -> None:
    with pytest.raises(InventoryError, match="msports_management"):
        plan({"edge": {"vars": {**host("exchange.edge_transport", at="172.16.0.1")["vars"], "msports_default_inbound": "block"}, "groups": []}}, management={})


def test_strict_outbound_waits_for_names_and_time() -> None:
    edge = {"edge": host("exchange.edge_transport", at="172.16.0.1", default_outbound="block")}
    with pytest.raises(InventoryError, match="msports_infrastructure.dns and msports_infrastructure.ntp"):
        plan(edge)
    found = plan(edge, infrastructure={"dns": ["10.1.0.1"], "ntp": ["10.1.0.2"]})
    for address, port in (("10.1.0.1", "udp/53"), ("10.1.0.1", "tcp/53"), ("10.1.0.2", "udp/123")):
        assert open_(found, "edge", address, port)
    assert found["hosts"]["edge"]["default_outbound"] == "block"


def test_the_plan_holds_outbound_rules_whatever_the_default() -> None:
    assert names(plan({"edge": host("exchange.edge_transport", at="172.16.0.1")}), "edge", "exchange.edge_transport.internet.smtp.tcp") == [
        "out tcp/25 to internet"
    ]


def test_an_own_rule_for_what_no_catalog_knows() -> None:
    entry = {"name": "zabbix", "in": "tcp/10050", "from": ["10.9.0.0/24"], "because": "CHG-1"}
    found = plan({"edge": host("exchange.edge_transport", at="172.16.0.1", allow=[entry])})
    assert open_(found, "10.9.0.5", "edge", "tcp/10050")
    assert rules(found, "edge", "zabbix")[0]["because"] == [{"kind": "allow", "name": "zabbix", "text": "CHG-1"}]


def test_an_own_rule_that_has_ended_is_a_note() -> None:
    entry = {"name": "migration", "in": "tcp/3389", "from": ["any"], "because": "CHG-2", "until": "2026-11-20"}
    found = plan({"edge": host("exchange.edge_transport", at="172.16.0.1", allow=[entry])})
    assert not open_(found, "10.9.0.5", "edge", "tcp/3389")
    assert texts(found, "expired") == ["msports_allow migration ended on 2026-11-20; it makes no rule at edge"]
