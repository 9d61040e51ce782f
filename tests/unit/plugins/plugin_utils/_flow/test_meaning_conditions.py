# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 5 of docs/meaning.md, a test for each sentence: conditions."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.releases import holds_in_release
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import addresses, host, names, plan, rules
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.meaning import edition, open_


def test_the_port_follows_the_setting_on_both_ends() -> None:
    entry = {"role": "configmgr.management_point", "settings": {"client_https": 8443}}
    found = plan({"mp": host(entry, at="10.0.0.1"), "client": host("configmgr.client", at="10.20.0.1")})
    flow = "configmgr.client.management_point.https.tcp"
    assert names(found, "mp", flow) == ["in tcp/8443 from configmgr.client"]
    assert names(found, "client", flow) == ["out tcp/8443 to configmgr.management_point"]
    assert not open_(found, "client", "mp", "tcp/443")


def test_two_destinations_of_one_role_with_different_ports() -> None:
    wsus = [{"role": "configmgr.software_update_point", "settings": {"wsus_http": 80, "wsus_https": 443}}, "configmgr.software_update_point"]
    found = plan({**{f"sup{n}": host(entry, at=f"10.0.0.{n}") for n, entry in enumerate(wsus, 1)}, "client": host("configmgr.client", at="10.20.0.1")})
    flow = "configmgr.client.software_update_point.http.tcp"
    assert [(rule["name"], addresses(found, rule)) for rule in rules(found, "client", flow)] == [
        ("out tcp/80 to configmgr.software_update_point#80", ["10.0.0.1"]),
        ("out tcp/8530 to configmgr.software_update_point#8530", ["10.0.0.2"]),
    ]
    assert open_(found, "client", "sup1", "tcp/80")
    assert not open_(found, "client", "sup2", "tcp/80")  # alternatives never make rules


@pytest.mark.parametrize(
    ("condition", "release", "holds"),
    [(">=1706,<1802", "1710", True), (">=1706,<1802", "1802", False), (">=1706,<1802", "1702", False), ("!=1802", "1802", False), ("!=1802", "1.5", True)],
)
def test_every_comparison_of_a_condition_on_releases_must_hold(condition: str, release: str, holds: bool) -> None:
    assert holds_in_release(condition, release) is holds


@pytest.mark.parametrize(("release", "v1706", "v1802"), [("1710", True, False), ("1802", False, True), (None, False, True)])
def test_releases(release: t.Optional[str], v1706: bool, v1802: bool) -> None:
    everywhere = {"releases": {"configmgr": release}} if release else {}
    found = plan({"cmg": host("configmgr.cmg_connection_point", at="10.0.0.1"), "mp": host("configmgr.management_point", at="10.0.0.2")}, **everywhere)
    flow = "configmgr.cmg_connection_point.management_point"
    assert bool(rules(found, "mp", f"{flow}.http.tcp.v1706")) is v1706
    assert bool(rules(found, "mp", f"{flow}.https.tcp.v1802")) is v1802
    expected = f"release {release or edition('configmgr')} of configmgr is not {'>=1802' if v1706 else '<1802'}"
    assert expected in {off["why"] for off in found["off"]}


def test_without_switches_off_by_pattern_with_the_reason() -> None:
    hosts = {"mp": host("configmgr.management_point", at="10.0.0.1"), "client": host("configmgr.client", at="10.20.0.1")}
    found = plan(hosts, excluded_flows=[{"flow": "configmgr.client.management_point.http*.tcp", "because": "none of it"}])
    assert not open_(found, "client", "mp", "tcp/80")
    assert not open_(found, "client", "mp", "tcp/443")
    assert open_(found, "client", "mp", "tcp/10123")
    whys = {off["flow"]: off["why"] for off in found["off"]}
    assert whys["configmgr.client.management_point.http.tcp"] == "msports_excluded_flows configmgr.client.management_point.http*.tcp: none of it"


def test_what_is_off_is_listed() -> None:
    found = plan({"cas": host("exchange.client_access", at="10.0.0.1")}, networks={"exchange.client": ["10.20.0.0/16"]})
    assert {"flow": "exchange.client.client_access.imaps.tcp", "why": "feature exchange.imap4 is off at every exchange.client_access"} in found["off"]
