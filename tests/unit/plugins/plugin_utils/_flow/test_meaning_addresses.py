# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 4 of docs/meaning.md, a test for each sentence: addresses."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, host, names, plan, rules
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import open_


def test_web_traffic_to_external_ends_goes_to_the_proxy() -> None:
    hosts = {"sup": host("configmgr.software_update_point", at="10.0.0.1"), "edge": host("exchange.edge_transport", at="172.16.0.1")}
    found = plan(hosts, infrastructure={"proxy": [{"address": "10.1.1.1", "port": 8080}]})
    assert names(found, "sup", "configmgr.software_update_point.internet.http.tcp") == ["out tcp/8080 to infrastructure.proxy#8080"]
    assert open_(found, "edge", "44.0.0.1", "tcp/25")  # mail is no web traffic
    assert names(plan(hosts), "sup", "configmgr.software_update_point.internet.http.tcp") == ["out tcp/80 to internet"]


def test_two_peers_without_a_common_family() -> None:
    hosts = {"mp": host("configmgr.management_point", at="10.0.0.1"), "sql": host("configmgr.sql_server", at="fd00::1")}
    with pytest.raises(InventoryError, match=r"'mp \(IPv4\) and sql \(IPv6\)': no common address family"):
        plan(hosts)


def test_a_peer_without_an_address() -> None:
    with pytest.raises(InventoryError, match="sql: msports_addresses: no address"):
        plan({"mp": host("configmgr.management_point", at="10.0.0.1"), "sql": host("configmgr.sql_server")})


def test_a_cluster_has_one_address_on_several_hosts() -> None:
    shared = {"address": "10.0.0.20", "shared": True}
    sql = {f"sql{number}": host("configmgr.sql_server", at=[f"10.0.0.{number}", shared]) for number in (1, 3)}
    found = plan({**sql, "mp": host("configmgr.management_point", at="10.1.0.1")})
    assert addresses(found, rules(found, "mp", "configmgr.management_point.sql_server.sql.tcp")[0]) == ["10.0.0.1", "10.0.0.3", "10.0.0.20"]
