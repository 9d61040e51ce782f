# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have in firewalld: it survives whatever we do, also where only the running daemon knows it, and is reported where it matters."""

from __future__ import annotations

import typing as t

import pytest
from firewalld_host import LOADED
from what_others_have import RUNTIME_BY_COMMANDS, SAVED, SAVED_BY_COMMANDS, script

pytestmark = pytest.mark.container

Rule = t.Callable[..., t.Dict[str, t.Any]]


def _others(apply: t.Any) -> str:
    """Everything of others: the daemon's state without our policies, the rules of iptables, the files."""
    loaded = [line for line in apply.python(LOADED).splitlines() if not line.startswith("getActivePolicies") and "msports" not in line]
    return "\n".join(loaded) + apply.sh(
        "nft list set inet firewalld jail | sed -E 's/( timeout .*)? expires .*//'; "
        "iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'; ip6tables-save | grep -v '^#' | sed 's/\\[.*\\]//'; "
        "find /etc/firewalld -type f -not -name 'msports-*' -exec sha256sum {} + | sort"
    )


def _table(apply: t.Any) -> str:
    """The handle of firewalld's table, which is another one after each reload."""
    return apply.sh("nft -a list tables | grep 'inet firewalld'")


def test_a_reload_loses_nothing_of_others_and_small_changes_need_none(apply: t.Any, rule: Rule) -> None:
    apply.sh(script(SAVED_BY_COMMANDS, RUNTIME_BY_COMMANDS))
    before, files = _others(apply), apply.state()["files"]
    users = [rule("a", local_ports=["1"], remote_addresses=["@many"]), rule("b", local_ports=["2"])]
    many = [f"10.{i}.0.0/16" for i in range(0, 20, 2)]
    first = apply(*users, address_sets={"many": many})
    assert first["effective"]["in_force"], first
    assert first["reloads"] == 1
    assert "zone public: " in first["warnings"][0]
    assert "rules of iptables" in first["warnings"][0]
    assert _others(apply) == before
    # From here on everything that is needed is in the daemon: no reload, so a rule with a timeout would keep it.
    table = _table(apply)
    users[1] = rule("b", local_ports=["3"])
    second = apply.thrice(*users, rule("c", local_ports=["4"]), address_sets={"many": [*many[1:], "10.99.0.0/16"]})
    assert second["effective"]["in_force"], second
    assert (second["changed_rules"], second["added"], second["reloads"]) == (["a", "b"], ["c"], 0)
    assert _table(apply) == table
    assert _others(apply) == before
    assert "10.99.0.0/16" in apply.sh("firewall-cmd --ipset=$(firewall-cmd --get-ipsets | tr ' ' '\\n' | grep msports) --get-entries")
    third = apply.thrice(*users, address_sets={"many": many}, default_inbound="block")
    assert third["reloads"] == 1, "a policy is new"
    assert _others(apply) == before
    assert apply(state="absent")["changed"]
    assert _others(apply) == before
    assert apply.state()["files"] == files
    assert "msports" not in apply.sh("firewall-cmd --get-policies; firewall-cmd --get-ipsets; nft list ruleset")


def test_what_is_saved_and_not_yet_running_stays_so(apply: t.Any, rule: Rule) -> None:
    apply.sh(script(SAVED))
    apply.sh(
        "firewall-cmd --permanent --add-service=http; firewall-cmd --permanent --remove-service=ssh; "
        "firewall-cmd --permanent --zone=work --add-source=192.0.2.0/24"
    )
    running = apply.sh("firewall-cmd --list-services; firewall-cmd --get-active-zones")
    assert apply(rule("a", local_ports=["1"]))["effective"]["in_force"]
    assert apply.sh("firewall-cmd --list-services; firewall-cmd --get-active-zones") == running
    assert "http" in apply.sh("firewall-cmd --permanent --list-services")


def test_without_anything_to_lose_there_is_no_warning(apply: t.Any, rule: Rule) -> None:
    done = apply.thrice(rule("a", local_ports=["1"]))
    assert (done["warnings"], done["reloads"]) == ([], 1)


def test_openings_of_zones_and_policies_are_reported(apply: t.Any, rule: Rule) -> None:
    apply.sh(script(SAVED))
    apply.sh(
        "firewall-cmd --permanent --add-port=8080/tcp; firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=203.0.113.0/24 drop'; "
        "firewall-cmd --permanent --policy=theirs --add-service=https; firewall-cmd --permanent --zone=trusted --add-source=192.0.2.0/24; firewall-cmd --reload"
    )
    web = rule("web", local_ports=["443"])
    done = apply(web, default_inbound="block")
    reasons = done["effective"]["reasons"]
    assert done["effective"]["exact"] is False
    assert "zone public admits: service ssh (port 22/tcp)" in reasons
    assert "zone public admits: port 8080/tcp" in reasons
    assert not any("https" in reason or "ICMP" in reason or "target" in reason or "dhcpv6" in reason for reason in reasons), reasons
    assert any("zone public is passed over" in warning and "203.0.113.0/24" in warning for warning in done["warnings"])
    kept = apply(web)["effective"]["reasons"]
    assert "zone trusted admits: target ACCEPT" in kept
    assert "zone public admits: ICMP, echo requests among it" in kept
    strict = apply(web, default_inbound="block", firewalld_precedence="override")
    assert strict["effective"]["reasons"] == []
    assert strict["effective"]["exact"] is True
    behind = apply(web, default_inbound="block", firewalld_precedence="yield")["effective"]["reasons"]
    assert any("zone public stops what we allow" in reason and "web" in reason for reason in behind)
    covered = apply(web, rule("ssh", local_ports=["22"]), rule("8080", local_ports=["8080"]), default_inbound="block")
    assert covered["effective"] == {**covered["effective"], "exact": True, "reasons": []}
    apply.sh("firewall-cmd --panic-on")
    assert any("panic" in reason for reason in apply(web, check=True)["effective"]["reasons"])
    apply.sh("firewall-cmd --panic-off")


def test_the_guard_counts_what_every_zone_admits(apply: t.Any, rule: Rule) -> None:
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}
    web = rule("web", local_ports=["443"])
    assert apply(web, management=management)["effective"]["in_force"], "the zone admits ssh"
    assert apply(web, management=management, default_inbound="block")["effective"]["in_force"]
    assert "no rule admits it" in apply(web, management=management, default_inbound="block", firewalld_precedence="override")["refused"]
    nowhere = apply(web, management={**management, "ports": ["5986"]})
    assert any("zone public stops 10.9.0.0/24 from port 5986 already (target default)" in warning for warning in nowhere["warnings"]), nowhere
    assert "blocks it" in apply(rule("no", action="block", remote_addresses=["10.9.0.7"]), management=management)["refused"]
    closed = apply(web, management={"addresses": ["fd00::/8"], "ports": ["22"]}, default_inbound="reject", firewalld_precedence="override")
    assert "no rule admits it" in closed["refused"]
    apply.sh("firewall-cmd --zone=drop --add-interface=dummy9")
    assert apply(web, management=management)["effective"]["in_force"], "the zone drop has stopped it before, too"
    assert apply(web, rule("ssh", local_ports=["22"]), management=management)["effective"]["in_force"]
    for options in ({}, {"mode": "audit"}, {"state": "absent"}):
        assert "zone drop stops it (target DROP)" in apply(web, management=management, **options)["refused"], "now it does what it did not"
    assert apply(web, management=management, allow_lockout=True)["effective"]["in_force"]
    apply.sh("firewall-cmd --zone=drop --remove-interface=dummy9")


def test_other_tables_and_managers(apply: t.Any, rule: Rule) -> None:
    apply.sh("nft 'table inet strict { chain in { type filter hook input priority 5; policy accept; tcp dport 443 drop; tcp dport 80 accept; }; }'")
    done = apply(rule("web", local_ports=["443"]), default_inbound="block")
    assert any("table inet strict" in reason and "web" in reason for reason in done["effective"]["reasons"])
    assert any("table inet strict" in warning and "our default" in warning for warning in done["warnings"])
    assert any("CleanupOnExit" in warning for warning in done["warnings"])
    assert apply.sh("nft list table inet strict")
    apply.sh(
        "mkdir -p /etc/systemd/system/multi-user.target.wants; touch /etc/systemd/system/multi-user.target.wants/iptables.service; iptables -A INPUT -j ACCEPT"
    )
    try:
        assert "iptables.service" in apply(rule("web"))["refused"]
        assert apply(rule("web"), allow_other_manager=True)["effective"]["in_force"]
    finally:
        apply.sh("rm /etc/systemd/system/multi-user.target.wants/iptables.service; iptables -F; iptables -X")


def test_firewalld_with_iptables_is_not_reloaded_over_the_rules_of_others(apply: t.Any, rule: Rule) -> None:
    """Its own rules are known among them; those of others would be flushed, so that must be allowed by name."""
    apply.sh("sed -i 's/^FirewallBackend=.*/FirewallBackend=iptables/' /etc/firewalld/firewalld.conf; systemctl restart firewalld")
    try:
        first = apply.thrice(rule("web", local_ports=["443"]))
        assert (first["changed"], first["reloads"]) == (True, 1), "none of the rules is of others"
        apply.sh("iptables -N f2b-sshd; iptables -A f2b-sshd -s 198.51.100.9 -j REJECT; iptables -I INPUT -p tcp --dport 22 -j f2b-sshd")
        before = apply.sh("iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'")
        for check in (True, False):
            refused = apply(rule("web", local_ports=["443"]), firewalld_precedence="yield", check=check)
            assert "nothing was changed" in refused["refused"]
            assert len(refused["problems"]) == 2, refused["problems"]
            assert all("f2b-sshd" in problem for problem in refused["problems"])
        small = apply.thrice(rule("web", local_ports=["444"]))
        assert (small["changed"], small["reloads"]) == (True, 0)
        apply(rule("web", local_ports=["443"]))
        assert apply.sh("iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'") == before
        done = apply(rule("web", local_ports=["443"]), firewalld_precedence="yield", allow_other_manager=True)
        assert any("others made with iptables are gone" in warning for warning in done.get("warnings", [])), done
    finally:
        apply.sh(
            "sed -i 's/^FirewallBackend=.*/FirewallBackend=nftables/' /etc/firewalld/firewalld.conf; systemctl restart firewalld; iptables -F; iptables -X"
        )


def test_firewalld_with_iptables_needs_the_program_ipset(apply: t.Any, rule: Rule) -> None:
    """Without it a default that stops packets cannot be loaded, and a daemon that tries holds nothing at all."""
    apply.sh("sed -i 's/^FirewallBackend=.*/FirewallBackend=iptables/' /etc/firewalld/firewalld.conf; systemctl restart firewalld")
    web = rule("web", local_ports=["443"])
    try:
        assert apply.thrice(web, default_inbound="block")["effective"]["in_force"]
        apply(web, state="absent")
        apply(rule("old", local_ports=["22"]))
        apply.sh("firewall-cmd --zone=public --add-port=8443/tcp")
        before = apply.state()
        apply.sh("mv /usr/sbin/ipset /opt/test/")
        # The daemon does not know yet that it is gone; later it does, or (firewalld 2) says that it can hold all types.
        for command in ("true", "systemctl restart firewalld"):
            apply.sh(command)
            for check in (True, False):
                refused = apply(web, default_inbound="block", check=check)
                assert "cannot hold the ipsets of these rules, nothing was changed" in refused["refused"]
                assert all("install the package ipset" in problem for problem in refused["problems"]), refused
            assert command != "true" or apply.state() == before
    finally:
        apply.sh("mv /opt/test/ipset /usr/sbin/", check=False)
        apply.sh(
            "sed -i 's/^FirewallBackend=.*/FirewallBackend=nftables/' /etc/firewalld/firewalld.conf; systemctl restart firewalld; iptables -F; iptables -X"
        )


def test_firewalld_and_ufw_together(apply: t.Any, rule: Rule) -> None:
    """A loaded ufw is a reason to refuse, and survives a reload of firewalld where it is allowed; one that will load at the next boot is told."""
    web = rule("web", local_ports=["443"])
    try:
        apply.sh("sed -i 's/^ENABLED=.*/ENABLED=yes/' /etc/ufw/ufw.conf")
        assert any("ufw is enabled, but its rules are not loaded" in warning for warning in apply(web, check=True)["warnings"])
        apply.sh("ufw allow 22/tcp; ufw --force enable")
        before = apply.sh("iptables-save -t filter | grep ^-A; ip6tables-save -t filter | grep ^-A")
        assert "ufw-user-input" in before
        assert "ufw is enabled and its rules are loaded" in apply(web)["refused"]
        done = apply(web, allow_other_manager=True)
        assert (done["effective"]["in_force"], done["reloads"]) == (True, 1)
        assert any("rules of ip6tables; rules of iptables" in warning or "rules of iptables; rules of ip6tables" in warning for warning in done["warnings"])
        assert apply.sh("iptables-save -t filter | grep ^-A; ip6tables-save -t filter | grep ^-A") == before
        assert apply(state="absent")["changed"]
        assert apply.sh("iptables-save -t filter | grep ^-A; ip6tables-save -t filter | grep ^-A") == before
    finally:
        apply.sh("ufw --force reset > /dev/null; sed -i 's/^ENABLED=.*/ENABLED=no/' /etc/ufw/ufw.conf; rm -f /etc/ufw/*.rules.2*", check=False)
