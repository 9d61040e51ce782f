# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Group policy: settings that go before the local ones, rules that COM does not list, and other products that have taken over."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import group_policy
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import Refused, inspect, run
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import line
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import FakeHost
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

WEB = rule("web", ["443"])
WINRM = "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|LPort=5985|RA4=10.9.0.0/255.255.255.0|App=System|Name=WinRM of the domain|"


def host(*policy_rules: str, **given: t.Any) -> FakeHost:
    """A host with these rules of group policy, and these of its settings for the domain profile."""
    found = FakeHost()
    found.policy_rules = [["group policy", f"{{{number}}}", text] for number, text in enumerate(policy_rules)]
    found.profiles["domain"]["given"] = given
    return found


# Texts of rules of group policy -> the rule they are, in one line.
RULES = {
    WINRM: "in 'WinRM of the domain': allow tcp local_ports=5985 remote_addresses=10.9.0.0/24 profiles=domain program=\"system\"",
    # the example of MS-GPFAS 4.2: IPsec is asked for, so it is under a condition
    "v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Public|LPort=RPC|RPort=49000|LA4=192.168.1.0/255.255.255.0|LA4=192.168.0.0/255.255.255.0|"
    "RA4=LocalSubnet|RA6=LocalSubnet|App=c:\\path\\foo.exe|Name=Firewall Rule Test|Security=Authenticate|Security2_9=An-NoEncap|": (
        "in 'Firewall Rule Test': allow tcp local_ports=RPC remote_ports=49000 remote_addresses=LocalSubnet4,LocalSubnet6 "
        'local_addresses=192.168.0.0/24,192.168.1.0/24 profiles=public program="c:\\\\path\\\\foo.exe" '
        'secure="?Security=Authenticate, Security2_9=An-NoEncap"'
    ),
    "v2.31|Action=Block|Active=FALSE|Dir=Out|Protocol=17|RPort=137|RPort=138|RA4=10.0.0.1-10.0.0.9|Name=nb|Desc=x=y|": (
        "out 'nb': disabled block udp remote_ports=137,138 remote_addresses=10.0.0.1-10.0.0.9"
    ),
    "v2.31|Action=Allow|Dir=In|Protocol=1|ICMP4=8:*|ICMP4=3:4|Name=ping|": "in 'ping': allow icmpv4 icmp=3:4,8:* remote_addresses=any",
    "v2.31|Action=Allow|Dir=In|Protocol=6|LPort2_10=5000-5010|LPort=80|IFType=Lan|LUAuth=D:(A;;CC;;;S-1-5-32-544)|Name=b|": (
        "in 'b': allow tcp local_ports=80,5000-5010 remote_addresses=any interface_types=Lan users=\"D:(A;;CC;;;S-1-5-32-544)\""
    ),
    "v2.31|Action=ByPass|Dir=In|Protocol=6|LPort=3389|Name=bypass|": "in 'bypass': allow tcp local_ports=3389 remote_addresses=any secure=\"?Action=ByPass\"",
    "v2.31|Action=Allow|Dir=In|Protocol=6|LPort=1|Later=7|Name=later|": "in 'later': allow tcp local_ports=1 remote_addresses=any secure=\"?Later=7\"",
    "v2.31|Action=Allow|Dir=In|Profile=Home|Name=profile|": "in 'profile': allow any remote_addresses=any profiles=?Home",
}


@pytest.mark.parametrize("text", RULES)
def test_a_rule_of_group_policy_is_a_rule(text: str) -> None:
    (found,), unreadable = group_policy.rules([("group policy", "{1}", text)], "C:\\Windows")
    assert (line(found.rule), unreadable, found.origin) == (RULES[text], [], "group policy")


@pytest.mark.parametrize("text", ["", "nonsense", "v2.31|Action=Perhaps|Dir=In|", "v2.31|Action=Allow|Dir=Up|", "2.31|Action=Allow|Dir=In|"])
def test_a_rule_that_cannot_be_read_is_told(text: str) -> None:
    reasons = run(options(WEB), host(text))["effective"]["reasons"]
    assert "domain: 1 foreign rule could not be read ({0} of group policy) and is left as found: nobody knows what that admits or stops" in reasons


def test_what_admits_management_may_be_a_rule_of_group_policy() -> None:
    """Most members of a domain get WinRM so, and COM does not list it."""
    for found, refused in ((host(WINRM), False), (host(), True), (host(WINRM.replace("Active=TRUE", "Active=FALSE")), True)):
        found.session("10.9.0.5")
        if refused:
            with pytest.raises(Refused, match="no rule admits it"):
                run(options(WEB), found)
        else:
            assert run(options(WEB), found)["changed"]


def test_a_block_of_group_policy_stops_ours_and_locks_out() -> None:
    found = host("v2.31|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=443|Name=no web|")
    assert "domain: the foreign rule 'no web' of group policy stops what we allow: web" in run(options(WEB), found)["effective"]["reasons"]
    found = host(WINRM, "v2.31|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=5985|RA4=10.9.0.5|Name=not him|")
    found.session("10.9.0.5")
    with pytest.raises(Refused, match="the rule 'not him' blocks it"):
        run(options(WEB), found)


def test_an_allow_of_group_policy_admits_more_also_where_local_rules_are_ignored() -> None:
    found = host("v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|Name=RDP|EmbedCtxt=@FirewallAPI.dll,-28752|")
    told = run(options(WEB), found)["effective"]
    assert told["reasons"] == ["domain: 1 inbound foreign rule admits more than these rules: Remote Desktop of group policy"]
    assert [(one["group"], one["admits"]) for one in told["foreign_allows"]] == [("Remote Desktop of group policy", ["tcp/3389 from any"])]


# Settings of group policy for a profile -> whether ours are in force there, and why not.
SETTINGS: list[tuple[Plain, bool, list[str]]] = [
    ({"EnableFirewall": 0}, False, ["the firewall is off by group policy"]),
    ({"EnableFirewall": "0"}, True, []),  # of another type: Windows takes no notice
    ({"DoNotAllowExceptions": 1}, False, ["all inbound traffic is blocked by group policy, whatever the rules admit"]),
    ({"DisabledInterfaces": "{A},{B}"}, True, ["nothing is filtered on these interfaces, they are excluded by group policy: {A}, {B}"]),
    ({"DefaultInboundAction": 1}, True, []),
    (
        {"DefaultInboundAction": 0},
        False,
        [
            "default inbound is allow by group policy, which goes before default_inbound: block",
            "what no rule admits comes in all the same: the default action inbound is allow",
        ],
    ),
    (
        {"DisableUnicastResponsesToMulticastBroadcast": 1},
        True,
        ["answers of single hosts to a broadcast or multicast are dropped by group policy: names are not found by NetBIOS broadcast"],
    ),
]


@pytest.mark.parametrize(("given", "in_force", "reasons"), SETTINGS)
def test_what_group_policy_gives_goes_before_the_local_setting(given: Plain, in_force: bool, reasons: list[str]) -> None:
    found = host(**given)
    for _turn in range(2):
        told = run(options(WEB, default_inbound="block"), found)["effective"]
        assert (told["in_force"], told["profiles"]["domain"]["reasons"]) == (in_force, reasons)
        assert told["profiles"]["public"] == {**told["profiles"]["public"], "in_force": True, "reasons": []}


def test_a_default_that_group_policy_gives_is_neither_written_nor_remembered() -> None:
    found = host(DefaultInboundAction=0)
    result = run(options(WEB, default_inbound="block"), found)
    assert "profile domain: default inbound is allow by group policy, which goes before default_inbound: block" in result["warnings"]
    assert not any(operation["kind"] == "default_action" for operation in found.calls[-1]["operations"])
    assert found.memory and '"domain"' not in found.memory and '"public"' in found.memory


def test_the_guard_judges_with_the_default_that_counts() -> None:
    """Locally everything comes in; group policy stops what no rule admits."""
    found = host(DefaultInboundAction=1)
    found.profiles["domain"]["inbound"] = "allow"
    found.session("10.9.0.5")
    with pytest.raises(Refused, match="no rule admits it"):
        run(options(WEB), found)
    found = host(DefaultInboundAction=0)
    found.session("10.9.0.5")
    assert run(options(WEB), found)["changed"], "locally nothing comes in, and group policy lets everything in"


@pytest.mark.parametrize(
    ("products", "reason"),
    [
        ([["Other Firewall", [0, 1, 2, 3]]], "domain: Other Firewall has taken over from Windows Firewall"),
        ("access denied", "domain: it cannot be asked whether another product has taken over from Windows Firewall: access denied"),
        ([["An IPsec product", [3]]], None),
    ],
)
def test_a_product_that_has_taken_over_is_told(products: t.Any, reason: t.Optional[str]) -> None:
    found = host()
    found.products = products
    for told in (run(options(WEB), found)["effective"], inspect("msports", found)["effective"]):
        assert (told["in_force"], told["reasons"]) == (reason is None, [reason] if reason else [])
