# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lockout guard on Windows: what stands after the change must admit whoever manages the host, in every active profile."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._refusals import LOCKED_OUT, Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect, run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import NEW_RULE, WINRM, Columns, FakeHost, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

PEER = "10.9.0.5"
SESSION = f"the present session from {PEER} to 10.1.1.20 port 5985"
NOT_ADMITTED = f"profile domain: {SESSION}: no rule admits it"
OTHER = rule("other", ["443"])


def host(*rules: Columns, port: int = 5985, **more: t.Any) -> FakeHost:
    found = FakeHost(rules)
    found.session(PEER, port)
    for name, value in more.items():
        setattr(found, name, value)
    return found


def refusal(given: Plain, found: FakeHost) -> list[str]:
    """The reasons of a refusal, ``[]`` when the run went through. A refused run has called once."""
    calls = len(found.calls)
    try:
        run(given, found)
    except Refused as refused:
        assert str(refused) == f"{LOCKED_OUT}: {'; '.join(refused.problems)}"
        assert len(found.calls) == calls + 1
        return [problem.partition("; add to the inventory: ")[0].partition("; give a rule that admits it")[0] for problem in refused.problems]
    return []


def winrm(**columns: t.Any) -> Columns:
    return {**WINRM, **columns}


def block(**columns: t.Any) -> Columns:
    return foreign("deny", action=0, **columns)


ADMITTED: list[str] = []


def unsure(condition: str, name: str = "Windows Remote Management (HTTP-In)", peer: str = PEER) -> list[str]:
    """The refusal where a rule would admit, did it not have a condition."""
    return [
        f"{NOT_ADMITTED}; the rule {name!r} may do so, but only under a condition that is not known from here ({condition}): "
        f"add a rule that admits {peer} (msports_management in the inventory, or one of the rules)"
    ]


SSHD = foreign("OpenSSH SSH Server (sshd)", protocol=6, local_ports="22", program="C:\\Windows\\System32\\OpenSSH\\sshd.exe")


@pytest.mark.parametrize(
    ("rules", "reasons"),
    [
        ([], [NOT_ADMITTED]),
        ([WINRM], ADMITTED),
        ([winrm(program="")], ADMITTED),
        ([winrm(program="system")], ADMITTED),
        ([winrm(enabled=False)], [NOT_ADMITTED]),
        ([winrm(direction=2)], [NOT_ADMITTED]),
        ([winrm(protocol=17)], [NOT_ADMITTED]),
        ([winrm(protocol=256, local_ports="*")], ADMITTED),
        ([winrm(local_ports="5980-5990")], ADMITTED),
        ([winrm(local_ports="5986")], [NOT_ADMITTED]),
        ([winrm(local_ports="RPC,")], [NOT_ADMITTED]),
        ([winrm(local_ports="RPC,5985,")], ADMITTED),
        ([winrm(remote_ports="5985")], [NOT_ADMITTED]),
        ([winrm(remote_ports="1024-65535")], ADMITTED),
        ([winrm(remote_addresses="10.9.0.0/255.255.255.0")], ADMITTED),
        ([winrm(remote_addresses="10.8.0.0/255.255.255.0")], [NOT_ADMITTED]),
        ([winrm(remote_addresses="LocalSubnet")], unsure("addresses LocalSubnet")),
        ([winrm(remote_addresses="LocalSubnet,10.9.0.5")], ADMITTED),
        ([winrm(remote_addresses="LocalSubnet,10.8.0.5")], unsure("addresses LocalSubnet")),
        ([winrm(local_ports="odd")], unsure("ports ?odd")),
        ([foreign("app", users="S-1-5-21-1-500|S-1-15-2-1")], [NOT_ADMITTED]),
        ([foreign("any", users="D:(A;;CC;;;S-1-5-11)"), winrm(remote_addresses="LocalSubnet")], unsure("addresses LocalSubnet")),
        ([winrm(local_addresses="10.1.1.20")], ADMITTED),
        ([winrm(local_addresses="10.1.1.21")], [NOT_ADMITTED]),
        ([winrm(profiles=1)], ADMITTED),
        ([winrm(profiles=6)], [NOT_ADMITTED]),
        ([winrm(profiles=0)], unsure("profiles ?0")),
        ([winrm(program="%SystemRoot%\\system32\\svchost.exe", service="WinRM")], unsure("service winrm")),
        ([winrm(program="C:\\x.exe")], [NOT_ADMITTED]),
        ([winrm(service="*")], unsure("service *")),
        ([winrm(interface_types="Lan")], unsure("interface types Lan")),
        ([winrm(interfaces=["Ethernet"])], unsure("interfaces Ethernet")),
        ([winrm(secure=1)], unsure("IPsec 1")),
        ([winrm(users="D:(A;;CC;;;S-1-5-11)")], unsure("users or computers D:(A;;CC;;;S-1-5-11)")),
        ([winrm(action=0)], [f"profile domain: {SESSION}: the rule 'Windows Remote Management (HTTP-In)' blocks it"]),
        ([WINRM, block()], [f"profile domain: {SESSION}: the rule 'deny' blocks it"]),
        ([WINRM, block(protocol=17)], ADMITTED),
        ([WINRM, block(protocol=6, local_ports="80")], ADMITTED),
        ([WINRM, block(protocol=6, local_ports="odd")], [f"profile domain: {SESSION}: the rule 'deny' blocks it"]),
        ([WINRM, block(direction=2)], ADMITTED),
        ([WINRM, block(profiles=4)], ADMITTED),
        ([WINRM, block(remote_addresses="10.8.0.0/255.255.0.0")], ADMITTED),
        ([WINRM, block(remote_addresses="LocalSubnet")], [f"profile domain: {SESSION}: the rule 'deny' blocks it"]),
        ([WINRM, block(interface_types="Wireless")], [f"profile domain: {SESSION}: the rule 'deny' blocks it"]),
        ([WINRM, block(program="C:\\x.exe")], ADMITTED),
        ([WINRM, block(program="System")], [f"profile domain: {SESSION}: the rule 'deny' blocks it"]),
        ([WINRM, block(program="%SystemRoot%\\system32\\svchost.exe", service="TermService")], ADMITTED),
        ([WINRM, block(service="WinRM")], [f"profile domain: {SESSION}: the rule 'deny' blocks it"]),
        ([WINRM, block(enabled=False)], ADMITTED),
    ],
)
def test_rules_of_others(rules: list[Columns], reasons: list[str]) -> None:
    assert refusal(options(OTHER), host(*rules)) == reasons


@pytest.mark.parametrize(
    ("wire", "reasons"),
    [
        (rule("m", ["5985"], [PEER]), ADMITTED),
        (rule("m", ["5985"], ["10.9.0.0/24"], program="System"), ADMITTED),
        (rule("m", protocol="any", remote=[PEER]), ADMITTED),
        (rule("m", ["5985"], ["10.8.0.0/24"]), [NOT_ADMITTED]),
        (rule("m", ["5985"], [PEER], service="WinRM"), unsure("service winrm", "m")),
        (rule("m", ["5985"], [PEER], program="%SystemRoot%\\system32\\svchost.exe"), unsure("program %systemroot%\\system32\\svchost.exe", "m")),
    ],
)
def test_our_own_rules(wire: Plain, reasons: list[str]) -> None:
    assert refusal(options(wire), host()) == reasons


def test_our_own_block_beats_what_others_allow() -> None:
    assert refusal(options(rule("no", ["5000-6000"], action="block")), host(WINRM)) == [f"profile domain: {SESSION}: the rule 'no' blocks it"]


def test_a_rule_of_ours_that_goes_away_admits_nothing_any_more() -> None:
    found = host()
    assert refusal(options(rule("m", ["5985"], [PEER])), found) == []
    assert refusal(options(OTHER), found) == [NOT_ADMITTED]
    assert refusal({"state": "absent"}, found) == [NOT_ADMITTED]
    assert refusal(options(OTHER, purge=False), found) == []
    assert refusal({"state": "absent", "allow_lockout": True}, found) == []
    assert found.rules == []


def test_audit_is_guarded_too_because_it_removes_rules() -> None:
    found = host()
    run(options(rule("m", ["5985"], [PEER])), found)
    assert refusal(options(OTHER, mode="audit"), found) == [NOT_ADMITTED]


def test_a_disabled_own_rule_that_stays_admits_nothing() -> None:
    disabled = {**NEW_RULE, "name": "m", "protocol": 6, "local_ports": "5985", "grouping": "portcullis:msports"}
    assert refusal(options(OTHER, purge=False), host(disabled)) == [NOT_ADMITTED]


def test_ssh_sessions() -> None:
    found = host(SSHD, port=22)
    assert refusal(options(OTHER), found) == []
    found = host({**SSHD, "local_ports": "2222"}, ssh_connection=f"{PEER} 50000 10.1.1.20 2222", sessions=[])
    assert refusal(options(OTHER), found) == []
    found = host(SSHD, ssh_connection=f"{PEER} 50000 10.1.1.20 2222", sessions=[])
    assert refusal(options(OTHER), found) == [f"profile domain: the present session from {PEER} to 10.1.1.20 port 2222: no rule admits it"]


def test_the_session_that_we_came_by_goes_before_all_others() -> None:
    found = host(SSHD, ssh_connection=f"{PEER} 50000 10.1.1.20 22")
    found.session("10.66.0.1", 5985)
    result = run(options(OTHER), found)
    assert result["effective"]["guarded"] == [f"10.1.1.20 port 22 from {PEER} (SSH_CONNECTION)"]


def test_a_refusal_says_what_to_add_where() -> None:
    found = host()
    found.session("10.9.0.6", port=2222)
    with pytest.raises(Refused) as refused:
        run(options(OTHER, management=MANAGEMENT), found)
    assert [problem.partition("no rule admits it; ")[2] for problem in refused.value.problems] == [
        "add to the inventory: msports_management: {from: [10.9.0.5], services: [tcp/5985]}, and plan again",
        "add to the inventory: msports_management: {from: [10.9.0.6], services: [tcp/2222]}, and plan again",
        *["give a rule that admits it, or name in msports_management (option management) who really manages this host, like [10.9.0.0/24]"] * 2,
    ]


def test_every_established_session_is_guarded() -> None:
    found = host(winrm(remote_addresses=PEER))
    found.session("::ffff:10.9.0.6", 5986, "::ffff:10.1.1.20")
    assert refusal(options(OTHER), found) == ["profile domain: the present session from 10.9.0.6 to 10.1.1.20 port 5986: no rule admits it"]


def test_no_session_nothing_to_guard() -> None:
    result = run(options(OTHER), FakeHost())
    assert result["effective"]["guarded"] == ["no management session over the network was found: there is nothing to guard"]


MANAGEMENT = {"addresses": ["10.9.0.0/24"], "ports": ["5986", "3389"]}


def test_management() -> None:
    found = FakeHost([winrm(local_ports="5986")])
    assert refusal(options(OTHER, management=MANAGEMENT), found) == ["profile domain: management from 10.9.0.0/24 to port 3389: no rule admits it"]
    assert refusal(options(rule("rdp", ["3389"], ["10.9.0.0/16"]), management=MANAGEMENT), found) == []


@pytest.mark.parametrize(
    ("profile", "given", "reasons"),
    [
        ({"enabled": False}, {}, ADMITTED),
        ({"inbound": "allow"}, {}, ADMITTED),
        ({"inbound": "allow"}, {"default_inbound": "block"}, [NOT_ADMITTED]),
        ({}, {"default_inbound": "allow"}, ADMITTED),
        ({"local_rules": False}, {}, ADMITTED),
        ({"block_all": True}, {}, [f"profile domain: {SESSION}: the rule 'block all inbound traffic' blocks it"]),
        ({"block_all": True, "enabled": False}, {}, ADMITTED),
    ],
)
def test_states_of_a_profile(profile: Columns, given: Plain, reasons: list[str]) -> None:
    found = host()
    found.profiles["domain"].update(profile)
    assert refusal(options(OTHER, **given), found) == reasons


def test_where_group_policy_ignores_local_rules_its_own_are_judged() -> None:
    found = host()
    found.profiles["domain"]["local_rules"] = False
    ignored = "profile domain: group policy ignores local rules, so this change cuts nothing there, and admits nothing"
    doubt = f"{ignored}; its own rules do not certainly admit whoever manages this host: {SESSION}: no rule admits it"
    assert doubt in run(options(OTHER), found)["warnings"]
    found.policy_rules = [["group policy", "{1}", "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5985|App=System|Name=WinRM|"]]
    assert ignored in run(options(rule("more", ["8443"])), found)["warnings"]


def test_a_default_that_goes_from_allow_to_block_cuts_open_sessions_and_says_so() -> None:
    found = host()
    for profile in found.profiles.values():
        profile["inbound"] = "allow"
    admitted = rule("m", ["5985"], [PEER])
    told = run(options(admitted, default_inbound="block"), found, check_mode=True)["warnings"]
    assert any(text.startswith("domain, private, public: the default action inbound goes from allow to block.") for text in told)
    run(options(admitted, default_inbound="block"), found)
    assert not any("from allow to block" in text for text in run(options(admitted, default_inbound="block"), found)["warnings"])


def test_a_default_that_closes_where_group_policy_ignores_local_rules_is_refused() -> None:
    found = host()
    found.profiles["domain"].update(local_rules=False, inbound="allow")
    reason = (
        f"profile domain: {SESSION}: no rule admits it; group policy ignores local rules here, so only its own rules admit anybody once the default action "
        "inbound goes from allow to block; leave it as it is (default_inbound: keep), or have group policy admit management"
    )
    closing = options(OTHER, rule("m", ["5985"], [PEER]), default_inbound="block")
    assert refusal(closing, found) == [reason]
    assert refusal({**closing, "default_inbound": "keep"}, found) == []
    assert refusal({**closing, "allow_lockout": True}, found) == []
    assert found.profiles["domain"]["inbound"] == "block"
    found = host(active=["public"])
    found.profiles["domain"].update(local_rules=False, inbound="allow")
    assert refusal(closing, found) == [], "it is not active"
    found.profiles["domain"].update(local_rules=False, inbound="allow")
    told = run(closing, found)["warnings"]
    later = f"profile domain, which is not active now, but may be after a reboot: {SESSION}: no rule admits it; group policy"
    assert any(text.startswith(later) for text in told)
    found = host()
    found.profiles["domain"].update(local_rules=False, inbound="allow", enabled=False)
    assert refusal(closing, found) == [], "its firewall is off"


def test_a_default_that_closes_where_group_policy_ignores_local_rules_is_not_said_to_cut_nothing() -> None:
    found = host()
    found.profiles["domain"].update(local_rules=False, inbound="allow")
    found.policy_rules = [["group policy", "{1}", "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5985|App=System|Name=WinRM|"]]
    told = run(options(OTHER, default_inbound="block"), found)["warnings"]
    assert "profile domain: group policy ignores local rules, so this change admits nothing there" in told
    assert not any("cuts nothing" in text for text in told)


def test_a_firewall_that_is_off_now_is_a_warning() -> None:
    found = host()
    found.profiles["domain"]["enabled"] = False
    expected = f"profile domain: its firewall is off; switched on, it would lock out whoever manages this host: {SESSION}: no rule admits it"
    assert expected in run(options(OTHER), found)["warnings"]
    assert not [text for text in run(options(rule("m", ["5985"], [PEER])), found)["warnings"] if "off" in text]


def test_management_that_a_conditional_rule_may_admit() -> None:
    found = FakeHost([winrm(local_ports="5986", remote_addresses="LocalSubnet")])
    reasons = refusal(options(OTHER, management={"addresses": ["10.9.0.0/24"], "ports": ["tcp/5986"]}), found)
    assert len(reasons) == 1 and "(addresses LocalSubnet): add a rule that admits 10.9.0.0/24 (" in reasons[0]


def test_winrm_on_another_port_is_served_by_the_kernel_too() -> None:
    assert refusal(options(OTHER), host(winrm(local_ports="8443"), port=8443)) == []
    assert len(refusal(options(OTHER), host(winrm(local_ports="*"), port=8443))) == 1, "it does not name the port"
    assert len(refusal(options(OTHER), host(winrm(local_ports="8444"), port=8443))) == 1
    assert len(refusal(options(OTHER), host({**SSHD, "program": "System"}, port=22))) == 1, "the server of ssh is a program of its own"


def test_further_ports_go_to_the_host() -> None:
    found = host(winrm(local_ports="8443", program=""), port=8443)
    run(options(OTHER), found, ports=[8443])
    inspect("msports", found, [8443])
    run(options(OTHER), found, ports=[])
    assert [call.get("ports") for call in found.calls] == [[8443], None, [8443], None]


def test_every_active_profile_must_admit() -> None:
    found = host(winrm(profiles=1), active=["domain", "public"])
    assert refusal(options(OTHER), found) == [f"profile public: {SESSION}: no rule admits it"]


def test_where_no_profile_is_known_to_be_active_all_must_admit() -> None:
    found = host(winrm(profiles=3), active=[])
    assert refusal(options(OTHER), found) == [f"profile public: {SESSION}: no rule admits it"]


def test_a_profile_that_is_not_active_is_a_warning() -> None:
    found = host(winrm(profiles=1))
    found.session(PEER, 5985, "10.1.1.21")
    found.profiles["private"]["enabled"] = False
    result = run(options(OTHER), found)
    assert result["warnings"] == [f"profile public, which is not active now, but may be after a reboot: {SESSION}: no rule admits it (and 1 more)"]


def test_where_nothing_is_written_nothing_is_refused() -> None:
    found = host()
    run(options(OTHER, allow_lockout=True), found)
    assert run(options(OTHER), found)["warnings"][-1] == f"nothing is changed, but whoever manages this host is not certainly admitted: {NOT_ADMITTED}"
    assert run({"state": "absent"}, host())["changed"] is False


def test_check_mode_refuses_alike() -> None:
    with pytest.raises(Refused) as caught:
        run(options(OTHER), host(), check_mode=True)
    assert [problem.partition("; ")[0] for problem in caught.value.problems] == [NOT_ADMITTED]
