# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does to ufw's files and to the kernel, what it leaves to others, and what it refuses: on a booted host with ufw."""

from __future__ import annotations

import typing as t

import pytest

pytestmark = pytest.mark.container

SETS = {"users": [f"10.{i}.0.0/24" for i in range(0, 40, 2)] + ["fd00:1::/48"]}
ADMIN = [
    "ufw allow 8080/tcp comment 'of the admin'",
    "ufw limit 2222/tcp",
    "ufw deny from 192.0.2.0/24",
    "ufw allow in log-all from 10.5.0.0/16 to any port 53",
    "ufw allow in on lo0 to any port 99 proto udp",
    "ufw allow 'WWW Full'",
    "ufw reject out 25/tcp",
    "ufw allow proto gre from 10.6.0.1",
    "ufw allow proto udp from any port 53 to any port 1024:65535",
    "ufw route allow in on eth0 out on eth1 to 10.0.0.2 port 80 proto tcp",
]


def three(rule: t.Any) -> list[dict[str, t.Any]]:
    return [
        rule("in tcp/22", local_ports=["22"], remote_addresses=["10.9.0.0/24"]),
        rule("in tcp/443", local_ports=["443"], remote_addresses=["@users"]),
        rule("never", action="block", protocol="any", remote_addresses=["10.66.0.0/16"]),
    ]


def names(ufw: t.Any) -> list[str]:
    return [line.split("# ")[1].strip() for line in ufw.run("ufw status").splitlines() if "# msports: " in line]


@pytest.mark.every_release
def test_a_first_run_writes_and_a_second_does_nothing(ufw: t.Any, rule: t.Any) -> None:
    predicted = ufw(*three(rule), address_sets=SETS, check=True)
    assert "msports" not in ufw.run("ufw status")
    first = ufw(*three(rule), address_sets=SETS)
    assert ufw.processes == 9
    for key in ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure"):
        assert predicted[key] == first[key], key
    assert (first["added"], first["kept"], first["structure"]) == (["in tcp/22", "in tcp/443", "never"], 0, [])
    assert first["effective"]["in_force"] is True
    assert predicted["effective"]["in_force"] is False
    second = ufw(*three(rule), address_sets=SETS)
    assert ufw.processes == 3
    assert (second["changed"], second["kept"], second["structure"], second["warnings"]) == (False, 3, [], [])
    assert second["effective"]["in_force"] is True
    assert second["diff"]["before"] == second["diff"]["after"] == first["diff"]["after"]
    assert set(names(ufw)) == {"msports: in tcp/22", "msports: in tcp/443", "msports: never"}


def test_a_rule_that_changes_goes_or_comes_is_named(ufw: t.Any, rule: t.Any) -> None:
    rules = three(rule)
    ufw(*rules, address_sets=SETS)
    rules[0]["local_ports"] = ["22", "2222"]
    done = ufw(*rules[:2], rule("new"), address_sets={"users": SETS["users"][1:]})
    assert (done["added"], done["changed_rules"], done["removed"], done["kept"]) == (["new"], ["in tcp/22", "in tcp/443"], ["never"], 0)
    assert "'in tcp/22': in allow tcp to port 22 from 10.9.0.0/24\n" in done["diff"]["before"]
    assert "'in tcp/22': in allow tcp to port 22,2222 from 10.9.0.0/24\n" in done["diff"]["after"]


def test_the_administrators_rules_stay_to_the_byte(ufw: t.Any, rule: t.Any) -> None:
    for command in ADMIN:
        ufw.run(command)
    files, kernel = ufw.files(), ufw.kernel()
    ufw(*three(rule), address_sets=SETS, default_outbound="block", management={"addresses": [], "ports": []})
    text = ufw.files()["/etc/ufw/user.rules"]
    for line in files["/etc/ufw/user.rules"].splitlines():
        assert line in text
    status = ufw.run("ufw status")
    assert "of the admin" in status
    assert not ufw(*three(rule), address_sets=SETS, default_outbound="block")["changed"]
    # Commands of ufw read and write our rules like any others.
    ufw.run("ufw allow 7777/udp")
    assert not ufw(*three(rule), address_sets=SETS, default_outbound="block")["changed"]
    ufw.run("ufw delete allow 7777/udp")
    ufw.run("ufw reload")
    assert not ufw(*three(rule), address_sets=SETS, default_outbound="block")["changed"]
    ufw(rule("other"))
    ufw(state="absent")
    assert ufw.files() == files
    assert ufw.kernel() == kernel
    assert ufw.traces() == ""


@pytest.mark.every_release
def test_absent_leaves_a_fresh_system_as_it_was(ufw: t.Any, rule: t.Any) -> None:
    """The files of the package, in which no command of ufw has ever written a rule."""
    ufw.run("cp /usr/share/ufw/iptables/user*.rules /etc/ufw/")
    ufw.build()
    files, kernel = ufw.files(), ufw.kernel()
    assert "### END RULES" not in files["/etc/ufw/user.rules"]
    assert ufw(*three(rule), address_sets=SETS, default_inbound="reject", default_outbound="block")["effective"]["in_force"]
    assert ufw.traces() != ""
    ufw.run("systemctl restart ufw")
    assert not ufw(*three(rule), address_sets=SETS, default_inbound="reject", default_outbound="block")["changed"]
    done = ufw(state="absent")
    assert (done["changed"], done["removed"], done["kept"]) == (True, ["in tcp/22", "in tcp/443", "never"], 0)
    assert ufw.files() == files
    assert ufw.kernel() == kernel
    assert ufw.traces() == ""
    assert not ufw(state="absent")["changed"]


DRIFTS = {
    "rule deleted": "iptables -D ufw-user-input -p tcp --dport 22 -s 10.9.0.0/24 -j ACCEPT",
    "rule deleted in IPv6": "ip6tables -F ufw6-user-input",
    "rule added": "iptables -I ufw-user-input -j ACCEPT",
    "rule added outbound": "iptables -A ufw-user-output -p tcp -j DROP",
    "rule widened": "iptables -R ufw-user-input 1 -s 10.0.0.0/8 -j DROP",
    "rule twice": "iptables -A ufw-user-input -s 10.9.0.0/24 -p tcp --dport 22 -j ACCEPT",
    "chain flushed": "iptables -F ufw-user-input",
    "order": "iptables -D ufw-user-input 1 && iptables -A ufw-user-input -s 10.66.0.0/16 -j DROP",
    "policy changed": "iptables -P INPUT ACCEPT",
    "IPv6 policy changed": "ip6tables -P INPUT ACCEPT",
    "outbound policy changed": "iptables -P OUTPUT DROP",
    "a default slipped in": "iptables -A ufw-track-input -p tcp -m conntrack --ctstate NEW -j ACCEPT",
    "jump to ours deleted": "iptables -D ufw-before-input -j ufw-user-input",
    "jump to ours twice": "iptables -A ufw-before-input -j ufw-user-input",
    "before chain flushed": "iptables -F ufw-before-input",
    "builtin chain flushed": "iptables -F INPUT",
    "a jump of ufw deleted": "iptables -D INPUT -j ufw-reject-input",
    "skip to policy changed": "iptables -R ufw-skip-to-policy-input 1 -j ACCEPT",
    "all flushed": "iptables -F; ip6tables -F",
    "all flushed and deleted": "iptables -F; iptables -X; iptables -P INPUT ACCEPT",
    "IPv6 flushed and deleted": "ip6tables -F; ip6tables -X; ip6tables -P INPUT ACCEPT",
    "ruleset flushed": "nft flush ruleset",
    "tuple deleted": "ufw delete allow proto tcp from 10.9.0.0/24 to any port 22",
    "tuple without its comment": "ufw allow proto tcp from 10.9.0.0/24 to any port 22",
    "file: line widened": "sed -i 's/^\\(-A ufw-user-input -p tcp .*22\\) -s 10.9.0.0.24/\\1/' /etc/ufw/user.rules; iptables-restore -n < /etc/ufw/user.rules",
    "file: line widened, not loaded": "sed -i 's/^\\(-A ufw-user-input -p tcp .*22\\) -s 10.9.0.0.24/\\1/' /etc/ufw/user.rules",
    "file: tuple edited": "sed -i 's/^\\(### tuple ### allow tcp\\) 22/\\1 23/' /etc/ufw/user.rules",
    "file: rule copied": "python3 -c \"p='/etc/ufw/user.rules';s=open(p).read();i=s.index('\\n### tuple ### allow tcp 22');j=s.index('\\n\\n',i+1);"
    "open(p,'w').write(s[:i]+s[i:j]+s[i:])\"",
    "file: fresh": "cp /usr/share/ufw/iptables/user.rules /etc/ufw/user.rules",
    "an allow before our block": "ufw insert 1 allow from 10.66.1.0/24",
    "a denial behind our allow": "ufw deny from 10.9.0.7",
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_seen_and_repaired(ufw: t.Any, rule: t.Any, drift: str) -> None:
    ufw(*three(rule), address_sets=SETS)
    files, good = ufw.state()
    ufw.run(DRIFTS[drift])
    bad = ufw.state()
    assert bad != (files, good), "the drift did nothing"
    predicted = ufw(*three(rule), address_sets=SETS, check=True)
    assert ufw.state() == bad, "check mode changed something"
    done = ufw(*three(rule), address_sets=SETS)
    assert done["changed"]
    for key in ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure"):
        assert predicted[key] == done[key], key
    assert done["structure"] or done["added"] or done["changed_rules"]
    assert done["diff"]["before"] != done["diff"]["after"]
    assert done["effective"]["in_force"] is True
    again = ufw(*three(rule), address_sets=SETS)
    assert (again["changed"], again["effective"]["in_force"]) == (False, True)
    if drift.startswith(("an allow", "a denial", "tuple without")):
        return
    if drift == "file: fresh":
        # With it went ufw's own part of the file.
        return
    now = ufw.state()
    if drift != "tuple deleted":
        assert now[0] == files
    assert sorted(now[1].splitlines()) == sorted(good.splitlines())


def test_others_in_the_same_table_and_in_other_tables_stay(ufw: t.Any, rule: t.Any) -> None:
    ufw.run(
        "iptables -N f2b-sshd; iptables -A f2b-sshd -s 203.0.113.7 -j REJECT; iptables -I INPUT -p tcp --dport 22 -j f2b-sshd;"
        "iptables -A INPUT -p tcp --dport 179 -j ACCEPT; iptables -t nat -A POSTROUTING -j MASQUERADE; ip6tables -I INPUT -p tcp --dport 1 -j DROP;"
        "nft add table inet other; nft add chain inet other c '{ type filter hook input priority 10; policy accept; }';"
        "nft add rule inet other c tcp dport 443 drop"
    )
    before = ufw.kernel(), ufw.run("nft list table inet other; iptables-save -t nat | grep -v '^[#:]'")
    done = ufw(*three(rule), address_sets=SETS, default_inbound="reject")
    reasons = " / ".join(done["effective"]["reasons"])
    assert "chain f2b-sshd: '-A f2b-sshd -s 203.0.113.7" not in reasons, "nobody of ours comes from there"
    assert "table inet other, chain c: 'tcp dport 443 drop' stops what we allow: in tcp/443" in reasons
    assert "chain INPUT accepts more than the rules: -p tcp --dport 179" in reasons
    assert not ufw(*three(rule), address_sets=SETS, default_inbound="reject")["changed"]
    ufw(state="absent")
    assert (ufw.kernel(), ufw.run("nft list table inet other; iptables-save -t nat | grep -v '^[#:]'")) == before
    ufw.run("nft delete table inet other; iptables -t nat -F")


def test_what_cuts_and_what_opens_is_told(ufw: t.Any, rule: t.Any) -> None:
    ufw.run("ufw deny from 10.9.0.0/28; ufw allow 8080/tcp; ufw limit 443/tcp")
    done = ufw(*three(rule), address_sets=SETS)
    reasons = done["effective"]["reasons"]
    assert done["effective"]["exact"] is False
    assert "chain ufw-user-input stops what we allow: in tcp/22 (-s 10.9.0.0/28)" in reasons
    assert any(reason.startswith("chain ufw-user-limit may stop what we allow: in tcp/443") for reason in reasons)
    assert any(reason.startswith("chain ufw-user-input accepts more than the rules: ") and "--dport 8080" in reason for reason in reasons)
    assert any(
        reason.startswith("chain ufw-before-input accepts more than the rules: -p icmp --icmp-type 8; -d 224.0.0.251 -p udp --dport 5353") for reason in reasons
    )
    ufw.run("iptables -I INPUT -s 10.66.0.0/24 -p tcp -j ACCEPT")
    reasons = ufw(*three(rule), rule("all", remote_addresses=["10.0.0.0/8"]), address_sets=SETS)["effective"]["reasons"]
    assert "chain INPUT accepts, before a block of ours, what the block may be about: -s 10.66.0.0/24 -p tcp" in reasons


def test_defaults_change_only_when_asked_and_come_back(ufw: t.Any, rule: t.Any) -> None:
    files, kernel = ufw.files(), ufw.kernel()
    kept = ufw(*three(rule), address_sets=SETS)
    assert (ufw.files()["/etc/default/ufw"], kept["structure"]) == (files["/etc/default/ufw"], [])
    done = ufw(*three(rule), address_sets=SETS, default_inbound="reject", default_outbound="block")
    assert done["structure"] == ["base DHCP out", "base DHCPv6 out", "base IGMP in", "base IGMP out", "default inbound", "default outbound", "saved"]
    assert ufw(info=True)["names"] == ["in tcp/22", "in tcp/443", "never"]
    assert "default inbound: DROP\ndefault outbound: ACCEPT\n" in done["diff"]["before"]
    assert "default inbound: REJECT\ndefault outbound: DROP\n" in done["diff"]["after"]
    assert {":INPUT DROP", ":OUTPUT DROP", "-A ufw-reject-input -j REJECT --reject-with icmp-port-unreachable"} <= set(ufw.kernel().splitlines())
    in_force = ufw.kernel()
    assert not ufw(*three(rule), address_sets=SETS, default_inbound="reject", default_outbound="block")["changed"]
    # What ufw builds from these files is what the kernel holds already.
    ufw.build()
    assert ufw.kernel() == in_force
    ufw(*three(rule), address_sets=SETS, default_inbound="allow")
    assert 'DEFAULT_INPUT_POLICY="ACCEPT"' in ufw.files()["/etc/default/ufw"]
    assert 'DEFAULT_OUTPUT_POLICY="ACCEPT"' in ufw.files()["/etc/default/ufw"]
    opened = ufw.kernel()
    ufw.build()
    assert ufw.kernel() == opened
    back = ufw(*three(rule), address_sets=SETS)
    assert back["structure"] == ["default inbound", "saved"]
    assert "base" not in ufw.run("ufw status")
    assert ufw.files()["/etc/default/ufw"] == files["/etc/default/ufw"]
    assert ufw.traces() == ""
    ufw(state="absent")
    assert (ufw.files(), ufw.kernel()) == (files, kernel)


def test_a_default_that_somebody_else_has_changed_since_is_theirs(ufw: t.Any, rule: t.Any) -> None:
    ufw(*three(rule), address_sets=SETS, default_inbound="reject")
    ufw.run("ufw default allow incoming")
    again = ufw(*three(rule), address_sets=SETS, default_inbound="reject")
    assert (again["changed"], "default inbound" in again["structure"]) == (True, True)
    ufw.run("ufw default allow incoming")
    done = ufw(state="absent")
    assert 'DEFAULT_INPUT_POLICY="ACCEPT"' in ufw.files()["/etc/default/ufw"]
    assert ["stays as it is" in warning for warning in done["warnings"]] == [True]
    assert ufw.traces() == ""


def test_inactive_ufw_is_saved_only_and_never_enabled(ufw: t.Any, rule: t.Any) -> None:
    ufw.run("ufw --force disable")
    kernel = ufw.kernel()
    done = ufw(*three(rule), address_sets=SETS)
    assert (done["changed"], done["effective"]["in_force"]) == (True, False)
    assert done["effective"]["reasons"][0].startswith("ufw is inactive: the rules are saved")
    assert any("ufw is inactive" in warning for warning in done["warnings"])
    assert (ufw.kernel(), ufw.run("ufw status").strip()) == (kernel, "Status: inactive")
    assert not ufw(*three(rule), address_sets=SETS)["changed"]
    assert ufw.processes <= 2
    ufw.run("ufw --force enable")
    done = ufw(*three(rule), address_sets=SETS)
    assert (done["changed"], done["effective"]["in_force"]) == (False, True)


def test_a_stopped_service_is_left_stopped(ufw: t.Any, rule: t.Any) -> None:
    ufw.run("systemctl stop ufw")
    kernel = ufw.kernel()
    done = ufw(*three(rule), address_sets=SETS)
    assert (done["changed"], done["effective"]["in_force"], ufw.kernel()) == (True, False, kernel)
    assert "its service is stopped" in done["effective"]["reasons"][0]
    assert not ufw(*three(rule), address_sets=SETS)["changed"]
    ufw.run("systemctl start ufw")
    done = ufw(*three(rule), address_sets=SETS)
    assert (done["changed"], done["effective"]["in_force"]) == (False, True)


def test_ipv6_that_is_off_is_refused_where_it_is_meant(ufw: t.Any, rule: t.Any) -> None:
    ufw(rule("six", remote_addresses=["fd00::/8"]), rule("web", local_ports=["80"]))
    ufw.run("sed -i s/^IPV6=yes/IPV6=no/ /etc/default/ufw")
    with pytest.raises(Exception, match=r"rules\[\d\] 'six': IPv6 addresses \(fd00::/8\), but IPV6 is not yes in /etc/default/ufw: ufw stops all IPv6"):
        ufw(rule("six", remote_addresses=["fd00::/8"]), rule("web", local_ports=["80"]))
    done = ufw(rule("web", local_ports=["80"]), rule("no", action="block", remote_addresses=["fd00::1"]))
    assert done["removed"] == ["six"]
    assert [warning for warning in done["warnings"] if "IPv6 is off for ufw" in warning] != []
    assert "msports" not in ufw.run("cat /etc/ufw/user6.rules")
    assert not ufw(rule("web", local_ports=["80"]), rule("no", action="block", remote_addresses=["fd00::1"]))["changed"]


def test_audit(ufw: t.Any, rule: t.Any) -> None:
    ufw.behind("ufw default allow incoming")
    files, kernel = ufw.files(), ufw.kernel()
    audit = {"address_sets": SETS, "default_inbound": "block", "mode": "audit"}
    assert ufw(*three(rule), **audit)["structure"] == [] and "LOG" not in ufw.run("grep -e '-A ufw-user-input' /etc/ufw/user.rules")
    audit["audit_log"] = True
    done = ufw(*three(rule), **audit)
    assert "audit in" in done["structure"]
    assert (done["added"], done["kept"]) == ([], 2)
    assert 'DEFAULT_INPUT_POLICY="ACCEPT"' in ufw.files()["/etc/default/ufw"]
    limit = "-m conntrack --ctstate NEW -m limit --limit 3/min --limit-burst 10"
    assert f'-A ufw-user-logging-input -p tcp {limit} -j LOG --log-prefix "[UFW ALLOW] "' in ufw.kernel()
    assert not ufw(*three(rule), **audit)["changed"]
    # ufw makes the same of it.
    before = ufw.kernel()
    ufw.run("ufw allow 1/tcp; ufw delete allow 1/tcp")
    ufw.build()
    assert ufw.kernel() == before
    assert not ufw(*three(rule), **audit)["changed"]
    enforced = ufw(*three(rule), address_sets=SETS, default_inbound="block")
    assert (enforced["added"], enforced["removed"]) == (["never"], [])
    assert ":INPUT DROP" in ufw.kernel()
    ufw(state="absent")
    assert (ufw.files(), ufw.kernel()) == (files, kernel)


def test_purge_and_max_removals(ufw: t.Any, rule: t.Any) -> None:
    ufw(*three(rule), address_sets=SETS)
    with pytest.raises(Exception, match="2 rules would be removed and max_removals is 1"):
        ufw(three(rule)[0], max_removals=1)
    kept = ufw(rule("more"), purge=False)
    assert (kept["added"], kept["removed"]) == (["more"], [])
    assert set(names(ufw)) == {f"msports: {name}" for name in ("in tcp/22", "in tcp/443", "never", "more")}
    assert not ufw(rule("more"), purge=False)["changed"]
    ufw(rule("more"), owner="second")
    assert sorted(ufw(rule("more"))["removed"]) == ["in tcp/22", "in tcp/443", "never"]
    assert ufw(info=True, owner="second")["names"] == ["more"]
    ufw(state="absent", owner="second")


def test_what_ufw_cannot_say_is_refused_with_a_list(ufw: t.Any, rule: t.Any) -> None:
    before = ufw.files()
    with pytest.raises(Exception) as refused:
        ufw(
            rule("zero", local_ports=["0-1023"]),
            rule("no ping", protocol="icmp_echo", action="block"),
            rule("ping out", protocol="icmp_echo", direction="out"),
            rule("boot", protocol="udp", local_ports=["69"], helper="tftp"),
            rule("mixed", local_addresses=["fd00::1"], remote_addresses=["10.0.0.1"]),
            rule("many", local_ports=["1"], remote_addresses=["@many"]),
            default_outbound="block",
            address_sets={"many": [f"10.{i // 8192}.{i // 32 % 256}.{i % 32 * 8}" for i in range(10001)]},
        )
    text = str(refused.value)
    for piece in (
        "rules[0] 'zero': local_ports: ufw knows the ports 1 to 65535",
        "rules[1] 'no ping': ufw has no rules for ICMP",
        "rules[2] 'ping out': ufw has no rules for ICMP, and before.rules do not admit these echo requests (out)",
        "rules[3] 'boot': TFTP answers from another port",
        "rules[4] 'mixed': its local and its remote addresses have no family in common",
        " rules of ufw for IPv4, and 10000 are the most",
        "name networks in rules[5] 'many' (10001)",
    ):
        assert piece in text
    with pytest.raises(Exception, match="persist is false"):
        ufw(persist=False)
    assert ufw.files() == before


def test_ping_and_helpers_that_can_be_had(ufw: t.Any, rule: t.Any) -> None:
    rules = (
        rule("ping", protocol="icmp_echo", remote_addresses=["10.0.0.0/8", "fd00::/8"]),
        rule("boot", protocol="udp", local_ports=["69"], helper="tftp"),
        rule("names", direction="out", protocol="udp", remote_ports=["137"], remote_addresses=["10.1.0.0/16"], helper="netbios-ns"),
        rule("web out", direction="out", remote_ports=["443"]),
    )
    done = ufw(*rules)
    assert done["added"] == ["boot", "names"]
    assert any("these rules write nothing" in warning and "ping" in warning for warning in done["warnings"])
    assert any("are not written" in warning and "web out" in warning for warning in done["warnings"])
    assert "-A ufw-user-input -s 10.1.0.0/16 -p udp -m udp --sport 137 -j ACCEPT" in ufw.kernel()
    assert not ufw(*rules)["changed"]
    ufw.run("sed -i '/ufw-before-input.*echo-request/d' /etc/ufw/before.rules")
    with pytest.raises(Exception, match=r"rules\[0\] 'ping': ufw has no rules for ICMP, and before.rules do not admit"):
        ufw(*rules)


def test_thousand_addresses_and_twenty_ports(ufw: t.Any, rule: t.Any) -> None:
    addresses = {"many": [f"10.{i // 250}.{i % 250}.{i * 7 % 250}" for i in range(1000)]}
    wide = rule("wide", local_ports=[str(port) for port in range(1000, 1040, 2)], remote_addresses=["@many"])
    done = ufw(wide, address_sets=addresses)
    assert done["effective"]["in_force"]
    assert ufw.run("grep -c '^### tuple' /etc/ufw/user.rules").strip() == "2000"
    assert ufw.processes == 6
    assert not ufw(wide, address_sets=addresses)["changed"]
    addresses["many"][500] = "10.200.0.1"
    assert ufw(wide, address_sets=addresses)["changed_rules"] == ["wide"]
    assert not ufw(wide, address_sets=addresses)["changed"]
    ufw(state="absent")


def test_info(ufw: t.Any, rule: t.Any) -> None:
    assert (ufw(info=True)["present"], ufw(info=True)["effective"]["in_force"]) == (False, False)
    ufw(*three(rule), address_sets=SETS, default_inbound="reject")
    info = ufw(info=True)
    assert info["names"] == ["in tcp/22", "in tcp/443", "never"]
    assert "'in tcp/22': in allow tcp to port 22 from 10.9.0.0/24" in info["lines"]
    assert 'DEFAULT_INPUT_POLICY was DEFAULT_INPUT_POLICY="DROP" before us' in info["saved"]
    assert info["effective"]["in_force"] is True
    ufw.run("iptables -F ufw-user-input")
    info = ufw(info=True)
    assert (info["present"], info["effective"]["in_force"]) == (True, False)
    assert any("chain ufw-user-input (IPv4): " in reason for reason in info["effective"]["reasons"])
