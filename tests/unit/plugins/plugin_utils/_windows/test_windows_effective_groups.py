# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rules of others that admit more are told: by group, counted, capped, and with their conditions."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.foreign_rules import GROUPS
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.effect import WEB, effective, more
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import FakeHost, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options

BASELINE = "{} inbound rules that come with Windows or an app admit more than these rules: File and Printer Sharing (5){}, the rule 'Microsoft.Windows.Search'"


def test_groups_are_named_counted_and_capped() -> None:
    smb = [foreign(f"SMB {number}", protocol=6, local_ports=str(445 + number), grouping="@FirewallAPI.dll,-28502") for number in range(5)]
    mdns = foreign("mDNS (UDP-In)", protocol=17, local_ports="5353", grouping="@%SystemRoot%\\system32\\firewallapi.dll,-37302", profiles=1)
    exchange = [foreign(f"MSExchange - RPC {number}", protocol=6, local_ports="RPC", grouping="Microsoft Exchange") for number in range(2)]
    app = foreign("@{Microsoft.Windows.Search_1.14.2_neutral_cw5n1h2txyewy?ms-resource://x}", protocol=17, local_ports="1")
    found = effective(*smb, mdns, *exchange, app)
    assert found["profiles"]["domain"]["reasons"] == [*more("Microsoft Exchange (2)", 2), BASELINE.format(7, ", mDNS")]
    assert found["profiles"]["public"]["reasons"] == [*more("Microsoft Exchange (2)", 2), BASELINE.format(6, "")]
    assert (found["exact"], found["exact_beyond_baseline"]) == (False, False)
    without = effective(*smb, mdns, app)
    assert (without["exact"], without["exact_beyond_baseline"]) == (False, True), "all of it comes with Windows or an app"
    assert found["foreign_allows"] == [
        {
            "group": "File and Printer Sharing",
            "direction": "in",
            "rules": 5,
            "profiles": ["domain", "private", "public"],
            "examples": ["SMB 0", "SMB 1", "SMB 2"],
            "admits": ["tcp/445 from any", "tcp/446 from any", "tcp/447 from any"],
            "baseline": True,
        },
        {
            "group": "Microsoft Exchange",
            "direction": "in",
            "rules": 2,
            "profiles": ["domain", "private", "public"],
            "examples": ["MSExchange - RPC 0", "MSExchange - RPC 1"],
            "admits": ["tcp/RPC from any"],
            "baseline": False,
        },
        {
            "group": "mDNS",
            "direction": "in",
            "rules": 1,
            "profiles": ["domain"],
            "examples": ["mDNS (UDP-In)"],
            "admits": ["udp/5353 from any"],
            "baseline": True,
        },
        {
            "group": "the rule 'Microsoft.Windows.Search'",
            "direction": "in",
            "rules": 1,
            "profiles": ["domain", "private", "public"],
            "examples": ["Microsoft.Windows.Search"],
            "admits": ["udp/1 from any"],
            "baseline": True,
        },
    ]
    many = [foreign(f"rule {number:02}", protocol=6, local_ports=str(1000 + number)) for number in range(30)]
    found = effective(*many)
    rest = {"group": "10 more groups", "direction": "", "rules": 10, "profiles": [], "examples": [], "admits": [], "baseline": False}
    assert found["foreign_allows"][-1] == rest
    assert len(found["foreign_allows"]) == 21
    assert found["profiles"]["domain"]["reasons"] == more(
        "the rule 'rule 00', the rule 'rule 01', the rule 'rule 02', the rule 'rule 03' and 26 more groups", 30
    )


def test_groups_have_their_names_by_lower_case_references() -> None:
    assert all(reference == reference.lower() and reference.startswith("@") for reference in GROUPS)


def test_rules_of_apps_that_stand_once_for_all_users_are_counted() -> None:
    host = FakeHost([foreign("@{App_1}", grouping="@{App_1}", users="S-1-15-2-1")])
    host.app_rules_alike = 19000
    (reason,) = run(options(WEB), host)["effective"]["profiles"]["domain"]["reasons"]
    assert reason.endswith(" more than these rules: App (rules of apps count once for all users; 19000 more are alike)")


PACKAGE = "S-1-15-2-1609473798-1231923017"


@pytest.mark.parametrize(
    ("columns", "admits"),
    [
        ({"secure": 2}, "tcp/8443 from any, only if authenticated (IPsec)"),
        ({"interface_types": "Wireless"}, "tcp/8443 from any, only over Wireless"),
        ({"interfaces": ["Ethernet 2"]}, "tcp/8443 from any, only on Ethernet 2"),
        ({"users": "D:(A;;CC;;;S-1-5-21-1-2-3-500)"}, "tcp/8443 from any, only for users or computers D:(A;;CC;;;S-1-5-21-1-2-3-500)"),
        ({"users": f"S-1-5-21-1-2-3-500|{PACKAGE}"}, f"tcp/8443 from any, only for the user S-1-5-21-1-2-3-500, for the app {PACKAGE}"),
        ({"remote_ports": "1024-65535", "local_addresses": "10.0.0.1"}, "tcp/8443 from any, only at the far port 1024-65535, at the address 10.0.0.1"),
    ],
)
def test_what_a_foreign_rule_admits_is_said_with_its_conditions(columns: Plain, admits: str) -> None:
    (found,) = effective(foreign("theirs", protocol=6, local_ports="8443", **columns))["foreign_allows"]
    assert found["admits"] == [admits]
