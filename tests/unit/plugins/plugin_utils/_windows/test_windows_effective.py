# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the result says of the rules' effect, profile by profile: in force or not, exact or not, and why."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.foreign_rules import GROUPS
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import Refused, inspect, run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import Columns, FakeHost, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

WEB = rule("web", ["443"], ["10.0.0.0/24"])
CORE = "@FirewallAPI.dll,-25000"


def effective(*rules: Columns, given: t.Optional[Plain] = None, **changed: t.Any) -> Plain:
    """``effective`` after a run on a host with foreign rules; ``changed`` are values of the domain profile."""
    host = FakeHost(rules, seed=7)
    host.profiles["domain"].update(changed)
    return run(given or options(WEB), host)["effective"]


def domain(*rules: Columns, given: t.Optional[Plain] = None, **changed: t.Any) -> list[str]:
    found = effective(*rules, given=given, **changed)
    assert found["profiles"]["domain"]["exact"] == (not found["profiles"]["domain"]["reasons"])
    return found["profiles"]["domain"]["reasons"]


def test_nothing_else_is_there() -> None:
    found = effective()
    alone = {"in_force": True, "exact": True, "exact_beyond_baseline": True, "reasons": []}
    assert found == {
        **alone,
        "reasons_beyond_baseline": [],
        "reasons_beyond_foreign_allows": [],
        "guarded": ["no management session over the network was found: there is nothing to guard"],
        "profiles": {"domain": alone, "private": alone, "public": alone},
        "foreign_allows": [],
    }


STATES: list[tuple[Columns, bool, str]] = [
    ({"enabled": False}, False, "the firewall is off"),
    ({"local_rules": False}, False, "group policy ignores local rules"),
    ({"block_all": True}, False, "all inbound traffic is blocked, whatever the rules admit"),
    ({"inbound": "allow"}, True, "what no rule admits comes in all the same: the default action inbound is allow"),
    ({"excluded_interfaces": ["Ethernet 2", "Ethernet 1"]}, True, "nothing is filtered on these interfaces, they are excluded: Ethernet 1, Ethernet 2"),
]


@pytest.mark.parametrize(("changed", "in_force", "reason"), STATES)
def test_states_of_a_profile(changed: Columns, in_force: bool, reason: str) -> None:
    found = effective(**changed)
    assert found["profiles"]["domain"] == {"in_force": in_force, "exact": False, "exact_beyond_baseline": False, "reasons": [reason]}
    assert found["profiles"]["public"]["exact"]
    assert (found["in_force"], found["exact"], found["reasons"]) == (in_force, False, [f"domain: {reason}"])


@pytest.mark.parametrize(
    ("state", "reason"),
    [("gp_override", "group policy overrides local changes"), ("inbound_blocked", "all inbound traffic is blocked, whatever the rules admit")],
)
def test_group_policy_says_so_of_the_active_profiles(state: str, reason: str) -> None:
    host = FakeHost()
    host.active, host.modify_state = ["private", "public"], state
    found = run(options(WEB), host)["effective"]
    assert [found["profiles"][profile]["reasons"] for profile in ("domain", "private", "public")] == [[], [reason], [reason]]
    assert found["reasons"] == [f"private, public: {reason}"] and not found["in_force"]


def test_above_stands_what_is_active() -> None:
    host = FakeHost([foreign("open", protocol=6, local_ports="80", profiles=4)])
    found = run(options(WEB), host)["effective"]
    assert (found["exact"], found["reasons"], found["profiles"]["public"]["exact"]) == (True, [], False)
    host.active = []
    found = run(options(WEB), host)["effective"]
    assert (found["exact"], found["reasons"]) == (False, ["public: 1 inbound foreign rule admits more than these rules: the rule 'open'"])


def more(text: str, count: int = 1) -> list[str]:
    return [f"{f'{count} inbound foreign rules admit' if count > 1 else '1 inbound foreign rule admits'} more than these rules: {text}"]


@pytest.mark.parametrize(
    ("other", "admits_more"),
    [
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.0/24"), False),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.7"), False),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.0/23"), True),
        (foreign("x", protocol=6, local_ports="443,444", remote_addresses="10.0.0.7"), True),
        (foreign("x", protocol=17, local_ports="443", remote_addresses="10.0.0.7"), True),
        (foreign("x", protocol=256, remote_addresses="10.0.0.7"), True),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="LocalSubnet"), True),
        (foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.7", program="C:\\x.exe"), False),
        (foreign("x", protocol=6, local_ports="80", program="C:\\x.exe"), True),
        (foreign("x", protocol=6, local_ports="80", enabled=False), False),
        (foreign("x", protocol=6, local_ports="80", direction=2), False),
        (foreign("x", protocol=6, local_ports="RPC", program="C:\\Exchange\\store.exe"), True),
        (foreign("x", protocol=1, icmp="8:*"), True),
        (foreign("x", protocol=1, icmp="3:4,"), False),
        (foreign("x", protocol=58, icmp="135:*", remote_addresses="LocalSubnet"), False),
        (foreign("x", protocol=2), False),
        (foreign("x", protocol=17, local_ports="68", remote_ports="67", program="%SystemRoot%\\system32\\svchost.exe", service="dhcp"), False),
        (foreign("x", protocol=41, program="System"), True),
        (foreign("x", protocol="odd"), True),
    ],
)
def test_allows_of_others(other: Columns, admits_more: bool) -> None:
    """What keeps any host alive (ICMP errors, neighbours, DHCP) is not told."""
    assert domain(other) == (more("the rule 'x'") if admits_more else [])


def test_an_allow_of_others_bound_like_ours_admits_no_more() -> None:
    bound = {"program": "%SystemRoot%\\system32\\svchost.exe", "service": "RpcSs"}
    wanted = options(rule("epmap", ["RPC-EPMap"], **bound))
    theirs = {"protocol": 6, "local_ports": "135"}
    assert domain(foreign("x", **theirs, **bound), given=wanted) == []
    keyword = {"protocol": 6, "local_ports": "RPC-EPMap", **bound}
    assert domain(foreign("x", **keyword), given=wanted) == []
    assert domain(foreign("x", **keyword), given=options(rule("epmap", ["135"], **bound))) == more("the rule 'x'")  # 593, where the mapper has it
    assert domain(foreign("x", **theirs), given=wanted) == more("the rule 'x'")
    assert domain(foreign("x", **theirs, program=bound["program"], service="other"), given=wanted) == more("the rule 'x'")


def test_the_keyword_rpc_stands_for_the_dynamic_ports() -> None:
    assert domain(foreign("x", protocol=6, local_ports="RPC,"), given=options(rule("rpc", ["RPC"]))) == []
    assert domain(foreign("x", protocol=6, local_ports="RPC,"), given=options(rule("rpc", ["49152-65535"]))) == []
    assert domain(foreign("x", protocol=6, local_ports="RPC,"), given=options(rule("rpc", ["50000-65535"]))) == more("the rule 'x'")


@pytest.mark.parametrize("ports", ["49152-65535", "50000", "RPC,50000", "80,RPC,49152-65535"])
def test_the_keyword_rpc_does_not_hold_whatever_listens_there(ports: str) -> None:
    wanted = options(rule("rpc", ["RPC"]), rule("web", ["80"]))
    assert domain(foreign("x", protocol=6, local_ports=ports), given=wanted) == more("the rule 'x'")
    assert domain(foreign("x", protocol=6, local_ports=ports), given=options(rule("wide", ["RPC", "80", "49152-65535"]))) == []
    assert domain(foreign("x", protocol=6, local_ports="80,RPC,"), given=wanted) == []


def test_edge_traversal_is_more_than_ours() -> None:
    same = {"protocol": 6, "local_ports": "443", "remote_addresses": "10.0.0.0/24"}
    assert domain(foreign("x", **same, edge=0)) == []
    for edge in (1, 2, 3):
        assert domain(foreign("x", **same, edge=edge)) == more("the rule 'x'")
    assert domain(foreign("x", **same, edge=1, direction=2)) == []


def test_rules_that_cannot_be_read_leave_nothing_exact() -> None:
    host = FakeHost()
    host.unreadable = [["broken", False, "0x80070002"], ["worse", False, "0x80070002"]]
    found = run(options(WEB), host)
    reason = "2 foreign rules could not be read (broken, worse) and are left as found: nobody knows what that admits or stops"
    assert (found["effective"]["in_force"], found["effective"]["exact"], found["effective"]["reasons"]) == (True, False, [f"domain: {reason}"])
    assert found["warnings"] == ["2 foreign rules could not be read (broken, worse) and are left as found: mend or remove what is broken there"]
    host.unreadable = [["mine", True, "0x80070002"]]
    found = run({"state": "absent"}, host)
    reason = "1 rule of this owner could not be read (mine) and is left as found: nobody knows what that admits or stops"
    assert found["effective"]["reasons"] == [f"domain: {reason}"] and not found["effective"]["in_force"]
    assert inspect("msports", host)["present"] is True


def test_where_no_profile_is_known_to_be_active_group_policy_counts_for_all() -> None:
    host = FakeHost()
    host.active, host.modify_state = [], "gp_override"
    found = run(options(WEB), host)["effective"]
    assert (found["in_force"], found["reasons"]) == (False, ["domain, private, public: group policy overrides local changes"])


def test_several_of_ours_cover_one_of_theirs() -> None:
    wanted = options(rule("low", ["443"], ["10.0.0.0/25"]), rule("high", ["443", "80"], ["10.0.0.128/25"]))
    assert domain(foreign("x", protocol=6, local_ports="443", remote_addresses="10.0.0.0/24"), given=wanted) == []
    assert domain(foreign("x", protocol=6, local_ports="80,443", remote_addresses="10.0.0.0/24"), given=wanted) == more("the rule 'x'")


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


def test_behind_the_keyword_rpc_are_the_dynamic_ports_of_this_host() -> None:
    block = foreign("no RPC", action=0, protocol=6, local_ports="RPC")
    web = rule("web", ["5050"])
    assert domain(block, given=options(web)) == []
    assert domain(block, given=options(web, dynamic_ports=["5000-5100"])) == ["the foreign rule 'no RPC' stops what we allow: web"]


def test_rules_of_apps_that_stand_once_for_all_users_are_counted() -> None:
    host = FakeHost([foreign("@{App_1}", grouping="@{App_1}", users="S-1-15-2-1")])
    host.app_rules_alike = 19000
    (reason,) = run(options(WEB), host)["effective"]["profiles"]["domain"]["reasons"]
    assert reason.endswith(" more than these rules: App (rules of apps count once for all users; 19000 more are alike)")


def test_planned_addresses_are_held_against_the_interfaces() -> None:
    host = FakeHost()
    (told,) = run(options(WEB, planned_addresses=["203.0.113.21"]), host)["warnings"]
    assert told.startswith("no interface has an address that the plan gives this host (203.0.113.21); there are 10.1.1.20, fd00::20.")
    assert run(options(WEB, planned_addresses=["203.0.113.21", "10.1.1.20"]), host)["warnings"] == []
    assert run({"state": "absent", "planned_addresses": ["203.0.113.21"]}, host)["warnings"] == []
    host.addresses = "they cannot be read"
    assert run(options(WEB, planned_addresses=["203.0.113.21"]), host)["warnings"] == [], "not known is no reason for a warning"


def test_rules_for_one_profile_are_in_force_there_alone() -> None:
    host = FakeHost()
    found = run(options(WEB, windows_profiles=["domain"]), host)["effective"]
    assert [one["profiles"] for one in host.own()] == [1]
    assert found["in_force"] and found["profiles"]["domain"]["exact"]
    left_out = {"in_force": False, "exact": False, "exact_beyond_baseline": False, "reasons": ["these rules are for domain alone (windows_profiles)"]}
    assert found["profiles"]["public"] == left_out
    assert inspect("msports", host)["effective"]["profiles"] == found["profiles"], "who only looks says the same"
    assert not run(options(WEB, windows_profiles=["domain"]), host)["changed"]
    assert run(options(WEB), host)["changed_rules"] == ["web"] and [one["profiles"] for one in host.own()] == [0x7FFFFFFF]
    with pytest.raises(Refused, match="rules of no profile admit nobody"):
        run(options(WEB, windows_profiles=[]), host)


def test_an_audit_that_finds_a_default_changed_says_so_in_its_first_run_as_in_the_next() -> None:
    host = FakeHost()
    run(options(WEB, default_inbound="block"), host)
    host.profiles["domain"]["inbound"] = "allow"
    first, second = (run(options(WEB, default_inbound="block", mode="audit"), host) for _run in range(2))
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["effective"]["profiles"] == second["effective"]["profiles"] and not second["effective"]["in_force"]


def test_the_guard_judges_profiles_that_are_left_out() -> None:
    admitting = options(rule("m", ["5985"], ["10.9.0.5"]), windows_profiles=["domain", "private"])
    host = FakeHost()
    host.session("10.9.0.5")
    assert any(text.startswith("profile public, which is not active now, but may be after a reboot") for text in run(admitting, host)["warnings"])
    host = FakeHost()
    host.session("10.9.0.5")
    host.active = ["public"]
    with pytest.raises(Refused, match="profile public: the present session from 10.9.0.5 to 10.1.1.20 port 5985: no rule admits it"):
        run(admitting, host)


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


def test_outbound_counts_where_outbound_is_blocked() -> None:
    dns = foreign("DNS", direction=2, protocol=17, remote_ports="53", program="%SystemRoot%\\system32\\svchost.exe", service="dnscache", grouping=CORE)
    assert domain(dns) == []
    strict = options(WEB, default_outbound="block")
    assert domain(dns, given=strict) == ["1 outbound rule that comes with Windows or an app admits more than these rules: Core Networking"]
    mine = {"name": "dns", "direction": "out", "protocol": "udp", "remote_ports": ["53"], "remote_addresses": ["any"]}
    assert domain(dns, given=options(mine, default_outbound="block")) == []
    found = effective(dns, given=strict)["foreign_allows"]
    assert found[0]["admits"] == ["udp/53 to any by svchost.exe (service dnscache)"]


def test_outbound_that_somebody_else_blocks() -> None:
    expected = "what no foreign rule admits does not go out: the default action outbound is block, and these rules do not ask for that"
    assert domain(outbound="block") == [expected]
    assert domain(outbound="block", given=options(WEB, default_outbound="allow")) == []
    assert domain(outbound="block", given=options(WEB, default_outbound="block")) == []


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (foreign("no", action=0), "stops"),
        (foreign("no", action=0, protocol=6, local_ports="400-500", remote_addresses="10.0.0.9"), "stops"),
        (foreign("no", action=0, remote_addresses="LocalSubnet"), "may stop"),
        (foreign("no", action=0, program="C:\\x.exe"), "may stop"),
        (foreign("no", action=0, interfaces=["Ethernet"]), "may stop"),
        (foreign("no", action=0, protocol=17), None),
        (foreign("no", action=0, protocol=6, local_ports="80"), None),
        (foreign("no", action=0, remote_addresses="10.0.1.0/24"), None),
        (foreign("no", action=0, direction=2), None),
        (foreign("no", action=0, profiles=6), None),
        (foreign("no", action=0, profiles=0), "stops"),
        (foreign("no", action=0, enabled=False), None),
        (foreign("no", action=0, direction=3), "stops"),
    ],
)
def test_blocks_of_others(other: Columns, word: t.Optional[str]) -> None:
    assert domain(other) == ([f"the foreign rule 'no' {word} what we allow: web"] if word else [])


def test_a_block_of_another_program_stops_nothing_of_ours() -> None:
    bound = rule("web", ["443"], program="C:\\web.exe")
    assert domain(foreign("no", action=0, program="C:\\x.exe"), given=options(bound)) == []
    assert domain(foreign("no", action=0, program="C:\\WEB.exe"), given=options(bound)) == ["the foreign rule 'no' may stop what we allow: web"]


def test_blocks_name_the_first_of_ours_and_are_capped() -> None:
    blocks = [foreign(f"no {number:02}", action=0, protocol=6, local_ports=str(1000 + number)) for number in range(25)]
    wanted = options(*(rule(name, ["1000-2000"]) for name in "dcbae"))
    reasons = domain(*blocks, given=wanted)
    assert reasons[0] == "the foreign rule 'no 00' stops what we allow: a, b, c and 2 more"
    assert (len(reasons), reasons[-1]) == (21, "5 more foreign rules stop what we allow")


AUDIT = (
    "mode is audit: allowed connections and dropped packets are logged, our rules that block are written but not enabled, and default actions stay as they are"
)


def test_audit_says_so() -> None:
    assert domain(given=options(WEB, mode="audit")) == [f"{AUDIT} (inbound is blocked by default)"]
    assert domain(given=options(WEB, mode="audit"), enabled=False) == ["the firewall is off", f"{AUDIT} (inbound is blocked by default)"]


def test_default_allow_that_is_wanted_is_no_surprise() -> None:
    assert domain(given=options(WEB, default_inbound="allow")) == []


def test_absent() -> None:
    found = effective(foreign("open"), given={"state": "absent", "owner": "me"})
    assert (found["in_force"], found["exact"], found["reasons"], found["foreign_allows"]) == (False, False, ["domain: there are no rules of me"], [])


def test_inspect_tells_what_is_there() -> None:
    host = FakeHost([foreign("open", protocol=6, local_ports="80")], seed=5)
    assert inspect("msports", host)["present"] is False
    run(options(WEB), host)
    host.unreadable = [["broken", False, "0x80070002"], ["", True, "0x80070002"]]
    found = inspect("msports", host)
    assert (found["present"], found["names"], found["effective"]["in_force"]) == (True, ["web"], True)
    assert found["lines"] == [
        "profile domain: inbound block, outbound allow, nothing logged",
        "profile private: inbound block, outbound allow, nothing logged",
        "profile public: inbound block, outbound allow, nothing logged",
        "in 'web': allow tcp local_ports=443 remote_addresses=10.0.0.0/24",
    ]
    assert found["effective"]["reasons"] == [
        "domain: 1 inbound foreign rule admits more than these rules: the rule 'open'",
        "domain: 1 rule of this owner could not be read (without a name) and is left as found: nobody knows what that admits or stops",
        "domain: 1 foreign rule could not be read (broken) and is left as found: nobody knows what that admits or stops",
    ]
    assert found["warnings"] == [
        "1 rule of this owner could not be read (without a name) and is left as found: mend or remove what is broken there",
        "1 foreign rule could not be read (broken) and is left as found: mend or remove what is broken there",
    ]
    assert found["calls"] == {"remote_calls": 1, "enumerations": 1, "commits": 0}
