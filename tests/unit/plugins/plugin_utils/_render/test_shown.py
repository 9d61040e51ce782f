# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ruleset of a host as text of its backend, without the host: what the backend's own reader takes for the very rules of the plan."""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import tuples
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, UnsupportedRuleError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.text import text
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, plan, rule

Plain = dict[str, t.Any]


def small(**fields: t.Any) -> Plain:
    rules = (rule("in", "tcp", "desk", ["443", "8000-8010"]), rule("in", "icmp_echo", "both"), rule("in", "udp", "o'brien", ["5000"]))
    sets = {"desk": ["10.0.0.0/24"], "both": ["10.0.0.1", "fd00::1"], "o'brien": ["10.0.0.9"]}
    return plan({"till": host(*rules, at=["10.0.1.1"], **fields), "box": host(*rules, at=["10.0.1.2"], system="windows")}, sets)


def test_nftables_is_the_file_for_nft() -> None:
    shown = text(small(), "till")
    assert shown.startswith("table inet msports\ndelete table inet msports\ntable inet msports {\n")
    assert '\t\tip saddr 10.0.0.0/24 tcp dport { 443, 8000-8010 } counter accept comment "in tcp/443,8000-8010 from desk"\n' in shown
    assert "policy drop" in shown


def test_firewalld_is_its_files() -> None:
    shown = text(small(), "till", "firewalld")
    (policy,) = re.findall(r"# /etc/firewalld/(policies/\S+)\n<\?xml[^\n]*\n(<policy.*?</policy>)", shown, re.DOTALL)
    assert policy[0] == "policies/msports-in-allow.xml"
    ports = {(port.get("protocol"), port.get("port")) for port in ElementTree.fromstring(policy[1]).iter("port")}
    assert ports == {("tcp", "443"), ("tcp", "8000-8010"), ("udp", "5000")}


def test_ufw_is_its_lines() -> None:
    shown = text(small(default_inbound="block"), "till", "ufw")
    wanted = tuples.Rule("allow", "tcp", "443,8000:8010", "0.0.0.0/0", "any", "10.0.0.0/24", "in")
    assert "# in tcp/443,8000-8010 from desk\n" + "\n".join(tuples.lines(wanted, 4)) + "\n" in shown
    assert shown.index("# /etc/ufw/user.rules\n") < shown.index("-A ufw-user-input") < shown.index("# /etc/ufw/user6.rules\n")


def test_profiles_of_windows_are_part_of_the_plan_and_shown() -> None:
    box = host(rule("in", "tcp", "desk", ["443"]), at=["10.0.1.2"], system="windows")
    before, after = (plan({"box": {**box, **more}}, {"desk": ["10.0.0.0/24"]}) for more in ({}, {"windows_profiles": ["domain", "private"]}))
    assert text(after, "box").endswith(" -Profile Domain,Private\n") and "-Profile" not in text(before, "box")
    assert render(after, "box", "windows")["windows_profiles"] == ["domain", "private"] and "windows_profiles" not in render(before, "box", "windows")
    assert plan_diff(before, after)["hosts"]["box"]["options"] == {"windows_profiles": {"before": None, "after": ["domain", "private"]}}


def test_windows_is_a_command_for_each_rule_and_for_each_family_of_ping() -> None:
    assert text(small(), "box").splitlines() == [
        "New-NetFirewallRule -DisplayName 'in tcp/443,8000-8010 from desk' -Direction Inbound -Action Allow -Protocol TCP "
        "-LocalPort 443,8000-8010 -RemoteAddress 10.0.0.0/24",
        "New-NetFirewallRule -DisplayName 'in icmp_echo from both' -Direction Inbound -Action Allow -Protocol ICMPv4 -IcmpType 8 -RemoteAddress 10.0.0.1",
        "New-NetFirewallRule -DisplayName 'in icmp_echo from both' -Direction Inbound -Action Allow -Protocol ICMPv6 -IcmpType 128 -RemoteAddress fd00::1",
        "New-NetFirewallRule -DisplayName 'in udp/5000 from o?brien~42f7d378' -Direction Inbound -Action Allow -Protocol UDP "
        "-LocalPort 5000 -RemoteAddress 10.0.0.9",
    ]


def test_what_cannot_be_shown_says_why() -> None:
    with pytest.raises(MsportsError, match="did you mean 'till'"):
        text(small(), "tlil")
    for name in ("iptables", "linux"):  # what ``auto`` is for apply is no text
        with pytest.raises(MsportsError, match=f"backend: '{name}': expected one of auto, nftables"):
            text(small(), "till", name)
    with pytest.raises(UnsupportedRuleError):
        text(plan({"box": host(at=["10.0.1.2"], system="windows", default_inbound="reject")}, {}), "box")
