# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewalld backend against a firewalld of a few dicts: what it does in which order, and what it makes of failures."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import apply as writing
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon as daemons
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import host as host_of_firewalld
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import FirewalldError, Refused
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import iptables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from firewalld_cases import CLOSED, MANY, USERS, Backend, enable, enable_ufw, install_ipset, rule


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"mode": "audit", "audit_log": True},
        {"firewalld_precedence": "override"},
        {"firewalld_precedence": "yield", "default_inbound": "allow"},
        {"default_inbound": "keep"},
    ],
)
def test_apply_again_and_absent(apply: Backend, more: dict[str, str]) -> None:
    files = apply.files()
    options = {**CLOSED, **more}
    predicted = apply(*USERS, check=True, **options)
    assert apply.files() == files
    done = apply(*USERS, **options)
    assert (done["changed"], done["added"], apply.daemon.reloads) == (True, list("abcdefgh"), 1)
    assert done["effective"]["in_force"], done
    assert {key: predicted[key] for key in ("diff", "added", "structure")} == {key: done[key] for key in ("diff", "added", "structure")}
    again = apply(*USERS, **options)
    assert not again["changed"], again["diff"]
    assert (again["kept"], again["structure"], apply.daemon.reloads, apply.nft.count) == (8, [], 0, 1)
    assert "setPolicySettings" not in apply.daemon.log
    info = reconcile.inspect("msports", apply.host())
    assert (info["names"], info["present"], info["running"], info["effective"]["in_force"]) == (list("abcdefgh"), True, True, True)
    assert any("CleanupOnExit" in warning for warning in info["warnings"])
    apply(state="absent", check=True)
    assert reconcile.inspect("msports", apply.host())["present"]
    assert apply(state="absent")["removed"] == list("abcdefgh")
    assert apply.files() == files
    assert not apply(state="absent")["changed"]
    assert not any(name.startswith("msports") for name in apply.daemon.running.policies)


def test_small_changes_need_no_reload_where_one_would_lose_something(apply: Backend) -> None:
    apply(*USERS, **CLOSED)
    apply.daemon.running.zones["public"]["ports"] = [("8443", "tcp")]
    users = [*USERS[1:], rule("a", local_ports=["7"], remote_addresses=["@many"])]
    done = apply(*users, **{**CLOSED, "address_sets": {"many": [*MANY[1:], "10.99.0.0/16"]}})
    assert (done["changed_rules"], apply.daemon.reloads, done["warnings"]) == (["a"], 0, [reconcile.CLEANUP])
    assert done["effective"]["in_force"]
    calls = [member for member in apply.daemon.log if member in ("addEntry", "removeEntry", "setPolicySettings")]
    assert calls == ["addEntry", "removeEntry", "setPolicySettings", "setPolicySettings"]
    assert not apply(*users, **{**CLOSED, "address_sets": {"many": [*MANY[1:], "10.99.0.0/16"]}})["changed"]
    # What overlaps, what is too much, and what is in the kernel only is not done one by one.
    assert apply(*users, **{**CLOSED, "address_sets": {"many": [*MANY[1:], "10.98.0.0/15"]}})["changed"]
    assert apply.daemon.reloads == 1
    apply.daemon.running.zones["public"]["ports"] = [("8443", "tcp")]
    assert apply(*users, *(rule(f"x{i}", local_ports=[str(i)]) for i in range(1000, 1200)), **CLOSED)["changed"]
    assert apply.daemon.reloads == 1
    assert apply(*users, **{**CLOSED, "firewalld_precedence": "override"})["changed"]
    assert apply.daemon.reloads == 1


def test_stopped_the_rules_are_saved_only(apply: Backend) -> None:
    library = apply.root / "usr/lib/python3/dist-packages/firewall/config"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("VERSION = '1.3.3'\n")
    apply.daemon.runs = False
    done = apply(*USERS, **CLOSED)
    assert done["changed"]
    assert (done["effective"]["in_force"], done["effective"]["exact"]) == (False, False)
    assert "firewalld is not running" in done["effective"]["reasons"][0]
    assert not apply(*USERS, **CLOSED)["changed"]
    info = reconcile.inspect("msports", apply.host())
    assert (info["running"], info["present"], info["effective"]["in_force"]) == (False, True, False)
    apply.daemon.runs = True
    assert apply(*USERS, **CLOSED)["changed"], "the daemon, started before, has them not"
    (library / "__init__.py").write_text("VERSION = '0.8.2'\n")
    apply.daemon.runs = False
    with pytest.raises(Refused, match="firewalld 0.8.2 is too old"):
        apply()
    (library / "__init__.py").unlink()
    with pytest.raises(Refused, match="unknown version is too old"):
        apply()


def test_refusals(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    apply.daemon.version = "0.8.6"
    with pytest.raises(Refused, match="too old: policies need firewalld 0.9"):
        apply()
    apply.daemon.version, apply.daemon.state = "2.3.0", "FAILED"
    with pytest.raises(Refused, match="in the state FAILED"):
        apply()
    apply.daemon.state = "RUNNING"
    with pytest.raises(Refused, match="persist"):
        apply(persist=False)
    with pytest.raises(Refused, match="max_removals is 0"):
        apply(rule("a"))
        apply(max_removals=0)
    (apply.root / "etc/systemd/system/multi-user.target.wants/iptables.service").write_text("")
    apply.daemon.foreign = [("chain", {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "type": "filter", "policy": "accept"})]
    with pytest.raises(Refused, match="another firewall manager is active beside firewalld"):
        apply(rule("a"))
    assert "another manager" in apply(rule("a"), allow_other_manager=True)["effective"]["reasons"][0]

    def no_bus(_address: t.Any) -> t.Any:
        raise BusError("nobody there")

    monkeypatch.setattr(daemons, "Bus", no_bus)
    processes = apply.root / "sys/fs/cgroup/system.slice/firewalld.service"
    processes.mkdir(parents=True)
    (processes / "cgroup.procs").write_text(f"{os.getpid()}\n")
    with pytest.raises(FirewalldError, match="runs, but cannot be reached: nobody there"):
        apply()
    (apply.root / "usr/sbin/firewalld").unlink()
    with pytest.raises(Refused, match="install the package firewalld"):
        apply()


def test_drift_in_each_place(apply: Backend) -> None:
    apply(*USERS, **CLOSED)
    apply.daemon.running.policies["msports-in-allow"]["rich_rules"].pop(0)
    apply.daemon.running.policies["msports-in-allow"]["services"] = ["ssh"]
    seen = apply(*USERS, check=True, **CLOSED)
    assert "not in the daemon" in seen["diff"]["before"]
    assert "unknown: services" in seen["diff"]["before"]
    assert seen["changed_rules"]
    assert apply(*USERS, **CLOSED)["effective"]["in_force"]
    path = apply.root / "etc/firewalld/policies/msports-in-block.xml"
    path.write_text("<policy")
    assert "not saved" in apply(*USERS, **CLOSED)["diff"]["before"]
    assert apply.daemon.reloads == 0, "only the file was wrong"
    apply.daemon.kernel_drift = lambda objects: [item for item in objects if item[0] != "rule" or "in-block" not in item[1]["chain"]]
    gone = apply(*USERS, **CLOSED)
    assert "does not hold what firewalld has put there" in gone["diff"]["before"]
    assert "not in the kernel" not in gone["diff"]["after"]
    assert any("the kernel does not hold what firewalld was told" in warning for warning in gone["warnings"])
    assert gone["effective"]["in_force"] is False
    apply.daemon.kernel_drift = lambda objects: []
    assert "no packet reaches" in apply(*USERS, **CLOSED)["diff"]["before"]
    assert apply.nft.loaded == ["add table inet firewalld\n"]
    apply.daemon.kernel_drift = lambda objects: [item for item in objects if item[0] != "set"]
    assert "is missing or holds other addresses" in apply(*USERS, **CLOSED)["diff"]["before"]
    (apply.root / "etc/firewalld/firewalld.conf").write_text("FirewallBackend=iptables\nCleanupOnExit=no\n")
    install_ipset(apply)
    quiet = apply(*USERS, **CLOSED)
    assert not quiet["changed"]
    assert quiet["warnings"] == ["firewalld uses iptables: the daemon is asked for its rules, but the kernel is not looked at"]


def test_settings_that_cannot_be_read_are_no_defaults(apply: Backend) -> None:
    (apply.root / "etc/firewalld/firewalld.conf").unlink()
    (apply.root / "etc/firewalld/firewalld.conf").mkdir()
    with pytest.raises(FirewalldError, match="could not be read, and nothing was changed"):
        apply(*USERS, **CLOSED)


def test_without_purge_what_is_there_stays(apply: Backend) -> None:
    apply(*USERS, **CLOSED)
    kept = apply(rule("new", local_ports=["9"]), **{**CLOSED, "address_sets": {}, "purge": False})
    assert (kept["added"], kept["removed"]) == (["new"], [])
    assert "purge is false: rules of earlier runs stay, and count beside those of this one: a, b, c, d, e and 3 more" in kept["effective"]["reasons"]
    assert reconcile.inspect("msports", apply.host())["names"] == [*"abcdefgh", "new"]
    assert not apply(rule("new", local_ports=["9"]), **{**CLOSED, "address_sets": {}, "purge": False})["changed"]
    with pytest.raises(Refused, match="would change"):
        apply(rule("new", local_ports=["9"], remote_addresses=["@many"]), **{**CLOSED, "address_sets": {"many": MANY[1:]}, "purge": False})
    apply.policy("in-allow")["rich_rules"].append('rule port port="23" protocol="tcp" accept')
    with pytest.raises(Refused, match="they are none of ours"):
        apply(rule("new", local_ports=["9"]), **{**CLOSED, "address_sets": {}, "purge": False})
    assert apply(rule("new", local_ports=["9"]), **CLOSED)["removed"] == list("abcdefgh")


def test_openings_of_others(apply: Backend) -> None:
    public = apply.daemon.saved.zones["public"]
    public["services"] = ["both", "there", "dhcpv6-client"]
    public["ports"] = [("8080", "tcp")]
    public["protocols"] = ["gre", "icmp", "strange"]
    public["rules_str"] = [
        'rule family="ipv4" source address="203.0.113.5/24" drop',
        'rule family="ipv4" source ipset="banned" reject',
        'rule family="ipv6" source address="fd00::/8" service name="ssh" accept',
        'rule family="ipv4" destination address="10.0.0.1" port port="7" protocol="tcp" accept',
        'rule family="ipv4" source NOT address="10.0.0.0/8" accept',
        'rule family="ipv4" masquerade',
        'rule family="ipv4" source address="10.0.0.0/8" log prefix="x" level="info" limit value="1/m"',
    ]
    public["icmp_blocks"] = ["timestamp-request"]
    apply.daemon.saved.zones["lab"] = {"target": "ACCEPT", "sources": ["192.0.2.0/255.255.255.0"]}
    apply.daemon.saved.policies["theirs"] = {"target": "DROP", "priority": -2000, "ingress_zones": ["ANY"], "egress_zones": ["HOST"]}
    apply.daemon.saved.policies["outward"] = {"target": "ACCEPT", "priority": 9, "ingress_zones": ["HOST"], "egress_zones": ["ANY"]}
    apply.daemon.active["lab"] = {"sources": ["192.0.2.0/255.255.255.0"]}
    apply.daemon.load()
    apply.daemon.panic = True
    web = rule("web", local_ports=["443"])
    found = apply(web, default_inbound="block", default_outbound="block")
    reasons = "\n".join(found["effective"]["reasons"])
    for text in (
        "panic mode",
        "zone public admits: service both (port 22/tcp)",
        "zone public may admit: service both (source port 53/udp)",
        "zone public admits: service both (protocol esp)",
        "zone public may admit: service there (port 99/tcp)",
        "zone public admits: port 8080/tcp",
        "zone public admits: protocol gre",
        "zone public may admit: protocol strange",
        'zone public admits: rich rule \'rule family="ipv6" source address="fd00::/8" service name="ssh" accept\' (port 22/tcp)',
        'zone public may admit: rich rule \'rule family="ipv4" destination',
        'zone public may admit: rich rule \'rule family="ipv4" source NOT',
        "policy theirs stops what we allow (target DROP): web",
        "policy outward admits: target ACCEPT",
    ):
        assert text in reasons, text
    assert "lab" not in reasons
    assert "dhcpv6" not in reasons
    passed = [warning for warning in found["warnings"] if "is passed over" in warning]
    assert len(passed) == 2
    assert "zone lab admits: target ACCEPT" in apply(web)["effective"]["reasons"]
    assert "default_inbound is allow" in "".join(apply(web, default_inbound="allow")["effective"]["reasons"])
    public["ports"] = [(str(port), "tcp") for port in range(9000, 9040)]
    apply.daemon.load()
    assert any("more of this kind" in reason for reason in apply(web, default_inbound="block")["effective"]["reasons"])
    (apply.root / "etc/systemd/system/multi-user.target.wants/firewalld.service").unlink()
    assert any("not enabled" in warning for warning in apply(web)["warnings"])


def test_the_guard_knows_what_zones_admit(apply: Backend) -> None:
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}
    assert apply(management=management)["changed"] is False
    with pytest.raises(Refused, match="no rule admits it"):
        apply(management=management, default_inbound="block", firewalld_precedence="override")
    apply.daemon.saved.zones["other"] = {"target": "default"}
    apply.daemon.active["other"] = {"interfaces": ["eth1"]}
    apply.daemon.load()
    assert apply(management=management)["warnings"] == [], "one zone admits it"
    with pytest.raises(Refused, match="no rule admits it"):
        apply(management=management, default_inbound="block")
    apply(management=management, default_inbound="allow")


def test_the_guard_while_firewalld_does_not_run(apply: Backend) -> None:
    library = apply.root / "usr/lib/python3/dist-packages/firewall/config"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text('VERSION = "2.3.0"\n')
    apply.daemon.runs = False
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}
    assert apply(rule("web", local_ports=["443"]), management=management)["changed"]
    with pytest.raises(Refused, match="blocks it"):
        apply(rule("no", action="block", remote_addresses=["10.9.0.7"]), management=management)
    with pytest.raises(Refused, match="no rule admits it"):
        apply(management=management, default_inbound="block")


def test_a_host_without_nft_and_without_systemd(apply: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    def none(*_arguments: t.Any) -> t.Any:
        raise NftError("nft was not found")

    monkeypatch.setattr(host_of_firewalld, "Nft", none)
    monkeypatch.setattr(iptables, "_find", lambda _tool: None)
    host = reconcile.Host(root=str(tmp_path), environment={}, proc=str(tmp_path / "proc"))
    assert host.nft is None
    done = reconcile.run({"rules": [rule("web", local_ports=["443"]), USERS[5]]}, False, host)
    assert done["effective"]["in_force"], "the daemon's word is taken for it"
    assert not reconcile.run({"rules": [rule("web", local_ports=["443"]), USERS[5]]}, False, host)["changed"]

    def no_bus(_address: t.Any) -> t.Any:
        raise BusError("nobody there")

    monkeypatch.setattr(daemons, "Bus", no_bus)
    with pytest.raises(Refused, match="unknown version"):
        reconcile.run({}, False, host)


def test_a_ruleset_of_others_that_nft_cannot_print(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = apply.nft.list_objects

    def broken(owner: str | None = None) -> t.Any:
        if owner is None:
            raise NftError("nft cannot read the ruleset")
        return whole()

    monkeypatch.setattr(apply.nft, "list_objects", broken)
    done = apply(rule("a", local_ports=["1"]))
    assert "other tables were not examined" in done["warnings"][0]
    assert done["effective"]["in_force"]
    assert not apply(rule("a", local_ports=["1"]))["changed"]


def test_no_helper_for_answers_to_broadcasts(apply: Backend) -> None:
    apply.nft.helpers = False
    done = apply(USERS[5])
    assert done["added"] == ["f"]
    assert apply.policy("in-allow")["rich_rules"] == ['rule family="ipv4" source address="10.0.0.0/8" source-port port="137" protocol="udp" accept']
    assert apply.policy("out-allow")["rich_rules"] == ['rule family="ipv4" destination address="10.0.0.0/8" port port="137" protocol="udp" accept']
    assert not apply(USERS[5])["changed"]
    apply.nft.helpers = True
    assert "service" in "".join(apply(USERS[5])["structure"])


def test_words_for_differences() -> None:
    left = daemon.Snapshot(
        "public",
        {"a": {"ports": [("1", "tcp")]}, "b": {}},
        {},
        {"s": ("", "", "", "hash:ip", {"timeout": "60"}, [])},
        {"Chain": [], "Rule": [], "Passthrough": []},
    )
    right = left._replace(default_zone="home", zones={"a": {"interfaces": ["x"]}, "c": {}})
    found = daemon.differences(left, right)
    assert found == ["default zone", "zone a: ports", "zone b: it is only there at run time", "zone c: it is only saved", "ipset s"]
    assert writing.difference(reconcile.objects.EMPTY, reconcile.objects.EMPTY) == "the order of rules"


def test_managers_of_the_next_boot_are_told(apply: Backend) -> None:
    enable_ufw(apply)
    enable(apply, "nftables")
    enable(apply, "netfilter-persistent")
    warnings = "\n".join(apply(rule("a", local_ports=["1"]))["warnings"])
    for text in ("ufw is enabled, but its rules are not loaded", "nftables.service is enabled beside firewalld", "netfilter-persistent.service is enabled"):
        assert text in warnings
    (apply.root / "etc/systemd/system/nftables.service").symlink_to("/dev/null")
    assert "nftables.service" not in "\n".join(apply(rule("a", local_ports=["1"]))["warnings"])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"forward_ports": [("443", "tcp", "8443", "")]},
            "zone public admits and sends elsewhere what no rule of ours is asked about: forward-port 443/tcp to 8443",
        ),
        ({"forward_ports": [("443", "tcp", "", "10.0.0.9")]}, "forward-port 443/tcp to 10.0.0.9; it takes what we allow: web"),
        ({"forward_ports": [("400-500", "tcp", "22", "10.0.0.9")]}, "forward-port 400-500/tcp to 10.0.0.9:22; it takes what we allow: web"),
        ({"forward_ports": [("444", "tcp", "443", "")]}, "forward-port 444/tcp to 443"),
        ({"forward_ports": [("443", "udp", "8443", "")]}, "forward-port 443/udp to 8443"),
        ({"forward_ports": [("443", "tcp", "443", "")]}, None),
        (
            {"rules_str": ['rule family="ipv4" source address="10.9.0.0/24" forward-port port="443" protocol="tcp" to-port="8443"']},
            "zone public may admit and sends",
        ),
    ],
)
def test_a_forwarded_port_is_told(apply: Backend, settings: dict[str, t.Any], says: t.Optional[str]) -> None:
    apply.daemon.saved.zones["public"].update(settings)
    apply.daemon.load()
    reasons = apply(rule("web", local_ports=["443"]), default_inbound="block", firewalld_precedence="override")["effective"]["reasons"]
    told = [reason for reason in reasons if "sends elsewhere" in reason]
    assert [says in reason for reason in told] == ([True] if says else []), reasons
    assert all(("; it takes what we allow: web" in reason) == ("443/tcp" in says or "500/tcp" in says or "may admit" in says) for reason in told)
