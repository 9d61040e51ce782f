# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewalld backend against a firewalld of a few dicts: what it does in which order, and what it makes of failures."""

from __future__ import annotations

import copy
import os
import pathlib
import typing as t

import fake_firewalld
import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld import daemon as daemons
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld import iptables, reconcile, snapshot, store, writing
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld.reconcile import FirewalldError, Refused

MANY = [f"10.{i}.0.0/16" for i in range(0, 20, 2)]
SAVED_IPTABLES = "*filter\n:INPUT ACCEPT [1:2]\n[0:0] -A INPUT -s 10.6.6.6/32 -j DROP\nCOMMIT\n"


class Backend:
    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.daemon = fake_firewalld.Firewalld(root)
        self.nft = fake_firewalld.Nft(self.daemon)

    def host(self) -> reconcile.Host:
        return reconcile.Host(root=str(self.root), environment={}, proc=str(self.root / "proc"), nft=self.nft)

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        self.nft.count, self.daemon.reloads = 0, 0
        self.daemon.log.clear()
        return reconcile.run({"rules": list(rules), **options}, check, self.host())

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.root)): path.read_text() for path in sorted((self.root / "etc/firewalld").rglob("*")) if path.is_file()}

    def policy(self, name: str) -> dict[str, t.Any]:
        return self.daemon.running.policies[f"msports-{name}"]


@pytest.fixture
def apply(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend(tmp_path)
    monkeypatch.setattr(daemons, "Bus", lambda _address: made.daemon)
    return made


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    return {"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"], **fields}


USERS = [
    rule("a", local_ports=["1"], remote_addresses=["@many"]),
    rule("b", local_ports=["2", "3-4"], action="block", remote_addresses=["fd00::1", "10.0.0.0/8"]),
    rule("c", protocol="icmp_echo"),
    rule("d", protocol="udp", local_ports=["69"], helper="tftp"),
    rule("e", direction="out", protocol="any", remote_addresses=["10.1.0.0-10.1.0.2"]),
    rule("f", direction="out", protocol="udp", remote_ports=["137"], helper="netbios-ns", remote_addresses=["10.0.0.0/8"]),
    rule("g", direction="out", protocol="udp", local_ports=["67"], remote_ports=["68-69"]),
    rule(
        "h",
        protocol="udp",
        local_ports=["68"],
        remote_ports=["67", "4011"],
        remote_addresses=["10.0.0.0/8", "fd00::1"],
        local_addresses=["10.1.1.1", "fd00::2"],
    ),
]
CLOSED = {"address_sets": {"many": MANY}, "default_inbound": "reject", "default_outbound": "block"}


@pytest.mark.parametrize("more", [{}, {"mode": "audit"}, {"place": "before"}, {"place": "after", "default_inbound": "allow"}, {"default_inbound": "keep"}])
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


def test_others_are_put_back_after_a_reload(apply: Backend) -> None:
    apply.daemon.saved.zones["home"] = {"target": "default", "sources": ["192.0.2.0/24"]}
    apply.daemon.saved.ipsets["banned"] = ("", "", "", "hash:ip", {"family": "inet"}, [])
    apply.daemon.saved.policies["theirs"] = {"target": "CONTINUE", "priority": 5, "ingress_zones": ["ANY"], "egress_zones": ["HOST"], "rich_rules": []}
    apply.daemon.load()
    running = apply.daemon.running
    running.zones["public"]["ports"] = [("8443", "tcp")]
    running.zones["public"]["services"].remove("ssh")
    running.zones["home"]["sources"] = []
    running.policies["theirs"]["services"] = ["ssh"]
    running.ipsets["banned"][5].append("10.6.6.6")
    running.direct["Rule"].append(("ipv4", "filter", "INPUT", 0, ["-j", "DROP"]))
    apply.daemon.saved.direct["Chain"].append(("ipv4", "filter", "soon"))
    had = {key: repr(getattr(running, key)) for key in ("zones", "ipsets", "direct")}
    done = apply(*USERS, **CLOSED)
    assert apply.daemon.reloads == 1
    assert "zone public: ports, services; policy theirs: services; ipset banned; direct chains; direct rules" in done["warnings"][0]
    now = apply.daemon.running
    assert sorted(now.zones["public"]["services"]) == ["dhcpv6-client"]
    assert now.zones["public"]["ports"] == [("8443", "tcp")]
    assert now.zones["home"]["sources"] == []
    assert now.policies["theirs"]["services"] == ["ssh"]
    assert repr(now.direct) == had["direct"]
    assert now.ipsets["banned"][5] == ["10.6.6.6"]


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
    assert apply(*users, **{**CLOSED, "place": "before"})["changed"]
    assert apply.daemon.reloads == 1


def test_a_failure_while_changing_single_rules_is_undone(apply: Backend) -> None:
    apply(*USERS, **CLOSED)
    before, allowed = apply.files(), list(apply.policy("in-allow")["rich_rules"])
    apply.daemon.running.zones["public"]["ports"] = [("8443", "tcp")]
    apply.daemon.deaf = {"setPolicySettings"}
    with pytest.raises(FirewalldError, match="setPolicySettings: refused; the rules from before are saved and in force"):
        apply(*USERS, rule("more", local_ports=["9"]), **CLOSED)
    apply.daemon.deaf = set()
    assert apply.files() == before
    assert apply.policy("in-allow")["rich_rules"] == allowed


def test_the_rules_of_iptables_are_put_back(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    apply.daemon.foreign = [("rule", {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [{"accept": None}]})]
    runs: list[t.Any] = []

    def run(_self: t.Any, tool: str, arguments: list[str], given: str = "") -> str:
        runs.append((tool, given))
        return SAVED_IPTABLES if len(runs) == 1 else "*filter\n:INPUT ACCEPT [7:7]\nCOMMIT\n"

    monkeypatch.setattr(iptables.Iptables, "_run", run)
    monkeypatch.setattr(iptables, "_find", lambda tool: tool)
    done = apply(*USERS, **CLOSED)
    assert runs == [("iptables-save", ""), ("iptables-save", ""), ("iptables-restore", SAVED_IPTABLES)]
    assert "rules of iptables" in done["warnings"][0]


def test_what_cannot_be_put_back_is_an_error(apply: Backend) -> None:
    apply.daemon.running.zones["public"]["ports"] = [("8443", "tcp")]
    apply.daemon.deaf = {"setZoneSettings2"}
    with pytest.raises(FirewalldError, match="it could not be put back: zone public: setZoneSettings2"):
        apply(*USERS, **CLOSED)


def full(_handle: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("what", ["reload", "dropped", "disk"])
def test_a_failure_leaves_the_rules_from_before(apply: Backend, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(rule("old", local_ports=["22"]))
    before = apply.files()
    if what == "reload":
        apply.daemon.broken = "INVALID_ZONE: something of others"
    elif what == "dropped":
        apply.daemon.drops = lambda line: 'port="443"' in line
    else:
        monkeypatch.setattr(store.os, "fsync", full)
    expected = {"reload": "something of others", "dropped": 'did not take all of the rules: wanted: .*port="443"', "disk": "No space left on device"}[what]
    with pytest.raises(FirewalldError, match=expected):
        apply(rule("new", local_ports=["443"]))
    assert apply.files() == before
    assert apply.policy("in-allow")["rich_rules"] == ['rule port port="22" protocol="tcp" accept']
    monkeypatch.undo()
    monkeypatch.setattr(daemons, "Bus", lambda _address: apply.daemon)
    apply.daemon.broken, apply.daemon.drops = None, lambda line: False
    assert apply(rule("new", local_ports=["443"]))["changed"], "a failed run stays visible"


@pytest.mark.parametrize("old", [[rule("old", local_ports=["22"])], []])
def test_a_daemon_that_breaks_off_while_it_loads_gets_back_all_that_it_had(apply: Backend, old: list[dict[str, t.Any]]) -> None:
    """It holds nothing at all then, neither ours nor others'; also where nothing of ours was there."""
    apply(*old)
    apply.daemon.running.zones["public"]["ports"] = [("8443", "tcp")]
    before = (apply.files(), copy.deepcopy(apply.daemon.running))
    apply.daemon.breaks_off = lambda: any("hash:net,port" in text for text in apply.files().values())
    with pytest.raises(FirewalldError) as failed:
        apply(rule("new", local_ports=["443"]), default_inbound="block")
    assert str(failed.value) == "firewalld could not load its configuration: INVALID_TYPE: not supported; the rules from before are saved and in force"
    assert (apply.files(), apply.daemon.running, apply.daemon.state) == (*before, "RUNNING")


@pytest.mark.parametrize("running", [True, False])
def test_ipsets_that_the_daemon_cannot_hold_are_refused(apply: Backend, running: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With iptables, and without the program ipset: the load would break off, at the next boot, too."""
    monkeypatch.setattr(iptables.Iptables, "save", lambda _self, _families: {})
    (apply.root / "etc/firewalld/firewalld.conf").write_text("FirewallBackend=iptables\nCleanupOnExit=no\n")
    library = apply.root / "usr/lib/python3/dist-packages/firewall/config"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("VERSION = '1.3.3'\n")
    apply.daemon.runs, apply.daemon.set_types = running, []
    before = apply.files()
    many = [f"10.0.{i}.1" for i in range(9)]
    for check in (True, False):
        with pytest.raises(Refused, match="cannot hold the ipsets of these rules, nothing was changed") as refused:
            apply(rule("many", local_ports=["443"], remote_addresses=many), default_inbound="block", check=check)
        assert [problem.split(": ")[0].rsplit("-", 1)[1] for problem in refused.value.problems] == ["4", "6", "4"]
        assert all("install the package ipset" in problem for problem in refused.value.problems)
        assert apply.files() == before
    assert apply(rule("one", local_ports=["443"]))["changed"], "what takes no ipset is applied"
    program = apply.root / "usr/sbin/ipset"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    apply.daemon.set_types = ["hash:net", "hash:net,port"]
    assert apply(rule("many", local_ports=["443"], remote_addresses=many), default_inbound="block")["changed"]


def test_a_reload_that_fails_names_the_files_that_firewalld_does_not(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    for name, text in (("zones/theirs.xml", "<zone><unknown"), ("zones/fine.xml", "<zone/>"), ("direct.xml", "")):
        apply.root.joinpath("etc/firewalld", name).write_text(text)
    apply.daemon.broken = "INVALID_ZONE: unclosed token"
    folder = apply.root / "etc/firewalld"
    with pytest.raises(FirewalldError) as failed:
        apply(rule("new", local_ports=["443"]))
    assert str(failed.value) == (
        f"firewalld could not load its configuration: INVALID_ZONE: unclosed token (no XML: {folder}/direct.xml, {folder}/zones/theirs.xml); "
        "the rules from before are saved and in force"
    )


def test_rules_from_before_that_cannot_be_loaded_again_are_told(apply: Backend) -> None:
    """The first reload drops a rule, and the second one, which would put the old rules back, fails."""
    apply(rule("old", local_ports=["22"]))
    before = apply.files()

    def drops(line: str) -> bool:
        apply.daemon.broken = "INVALID_ZONE: by now"
        return 'port="443"' in line

    apply.daemon.drops = drops
    with pytest.raises(FirewalldError) as failed:
        apply(rule("new", local_ports=["443"]))
    told = str(failed.value)
    for text in (
        "firewalld did not take all of the rules: wanted: ",
        'port="443"',
        "And the rules from before could not be put back: firewalld could not load its configuration: INVALID_ZONE: by now.",
        " This host is in a state that needs you",
        f"the files below {apply.root}/etc/firewalld are what they were before, but the daemon may hold other rules",
        "'firewall-cmd --check-config'",
    ):
        assert text in told, told
    assert apply.files() == before, "what is saved is what was there"


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
    quiet = apply(*USERS, **CLOSED)
    assert not quiet["changed"]
    assert quiet["warnings"] == ["firewalld uses iptables: the daemon is asked for its rules, but the kernel is not looked at"]


def test_without_purge_what_is_there_stays(apply: Backend) -> None:
    apply(*USERS, **CLOSED)
    kept = apply(rule("new", local_ports=["9"]), **{**CLOSED, "address_sets": {}, "purge": False})
    assert (kept["added"], kept["removed"]) == (["new"], [])
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
        apply(management=management, default_inbound="block", place="before")
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
        raise reconcile.NftError("nft was not found")

    monkeypatch.setattr(reconcile, "Nft", none)
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
            raise reconcile.NftError("nft cannot read the ruleset")
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


def test_iptables_by_the_rules_alone(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/ip_tables_names").write_text("filter\n")
    objects = [("rule", {"family": "ip6", "table": "nat"}), ("chain", {"family": "bridge", "table": "filter", "name": "x"})]
    assert iptables.families(objects, str(tmp_path)) == ["bridge", "ip", "ip6"]
    assert iptables.families([("chain", {"family": "ip", "table": "filter", "hook": "input", "policy": "accept"})]) == []
    tool = tmp_path / "iptables-save"
    tool.write_text(f"#!/bin/sh\ncat {tmp_path}/state\n")
    (tmp_path / "iptables-restore").write_text(f"#!/bin/sh\ncat > {tmp_path}/state\n")
    for name in ("iptables-save", "iptables-restore"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(iptables, "FOLDERS", (str(tmp_path),))
    (tmp_path / "state").write_text(SAVED_IPTABLES)
    tools = iptables.Iptables()
    saved = tools.save(["ip", "ip6"])
    assert saved == {"ip": SAVED_IPTABLES}
    assert tools.restore(saved) == []
    assert tools.count == 2
    (tmp_path / "state").write_text("*filter\n:INPUT ACCEPT [5:6]\nCOMMIT\n")
    assert tools.restore(saved) == []
    assert (tmp_path / "state").read_text() == SAVED_IPTABLES
    (tmp_path / "state").write_text("")
    (tmp_path / "iptables-restore").write_text("#!/bin/sh\necho no good >&2\nexit 2\n")
    assert tools.restore(saved) == ["iptables-restore: no good"]


def test_words_for_differences() -> None:
    left = snapshot.Snapshot(
        "public",
        {"a": {"ports": [("1", "tcp")]}, "b": {}},
        {},
        {"s": ("", "", "", "hash:ip", {"timeout": "60"}, [])},
        {"Chain": [], "Rule": [], "Passthrough": []},
    )
    right = left._replace(default_zone="home", zones={"a": {"interfaces": ["x"]}, "c": {}})
    found = snapshot.differences(left, right)
    assert found == ["default zone", "zone a: ports", "zone b: it is only there at run time", "zone c: it is only saved", "ipset s"]
    assert writing.difference(reconcile.objects.EMPTY, reconcile.objects.EMPTY) == "the order of rules"


def test_entries_with_a_timeout_are_read_from_the_kernel(apply: Backend) -> None:
    apply.daemon.saved.ipsets["jail"] = ("", "", "", "hash:net", {"timeout": "600"}, [])
    apply.daemon.load()
    elements = [
        {"elem": {"val": "10.6.6.6", "timeout": 600, "expires": 5}},
        {"elem": {"val": {"prefix": {"addr": "10.7.0.0", "len": 16}}}},
        {"prefix": {"addr": "10.8.0.0", "len": 24}},
        "10.9.9.9",
    ]
    strange = {"elem": {"val": {"concat": ["10.0.0.1", "tcp", 22]}}}
    apply.daemon.kernel_drift = lambda objects: [
        ("set", {**item[1], "elem": [*elements, strange]}) if item[0] == "set" and item[1]["name"] == "jail" else item for item in objects
    ]
    done = apply(rule("a"))
    assert "ipset jail" in done["warnings"][0]
    assert apply.daemon.running.ipsets["jail"][5] == ["10.6.6.6", "10.7.0.0/16", "10.8.0.0/24", "10.9.9.9"]


OWN_IPTABLES = """*nat
:PREROUTING ACCEPT [0:0]
:PREROUTING_direct - [0:0]
:PRE_public - [0:0]
-A PREROUTING -j PREROUTING_direct
-A PREROUTING -j PREROUTING_ZONES
-A PREROUTING_ZONES -g PRE_public
COMMIT
*filter
:INPUT ACCEPT [0:0]
:INPUT_ZONES - [0:0]
:IN_public_allow - [0:0]
[1:2] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
[1:2] -A INPUT -i lo -j ACCEPT
[1:2] -A INPUT -j INPUT_direct
[1:2] -A INPUT -j INPUT_ZONES
[1:2] -A INPUT -m conntrack --ctstate INVALID -j DROP
[1:2] -A INPUT -j REJECT --reject-with icmp-host-prohibited
[1:2] -A IN_public_allow -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
[1:2] -A mine -j ACCEPT
COMMIT
"""
THEIRS = ["-A INPUT -p tcp -m tcp --dport 22 -j f2b-sshd", "-A f2b-sshd -s 10.6.6.6/32 -j REJECT --reject-with icmp-port-unreachable"]


class Tools:
    """The programs of iptables: what they print, what they were given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...] = (), **texts: str) -> None:
        self.texts, self.runs, self.fails = {"iptables": "", "ip6tables": "", "ebtables": "", **texts}, list[str](), ""
        monkeypatch.setattr(iptables, "_find", lambda tool: None if tool in missing else tool)
        monkeypatch.setattr(iptables.Iptables, "_run", lambda _self, tool, _arguments, given="": self.run(tool, given))

    def run(self, tool: str, given: str) -> str:
        self.runs.append(tool)
        if tool == self.fails:
            raise OSError(f"{tool}: no")
        name, _hyphen, what = tool.partition("-")
        if what == "restore":
            self.texts[name] = given
        return self.texts[name]


def test_with_the_iptables_backend_rules_of_others_are_not_flushed_unless_allowed(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    (apply.root / "etc/firewalld/firewalld.conf").write_text("FirewallBackend=iptables\n")
    apply.daemon.running.direct["Chain"].append(("ipv4", "filter", "mine"))
    apply.daemon.saved.direct["Chain"].append(("ipv4", "filter", "mine"))
    tools = Tools(monkeypatch, iptables=OWN_IPTABLES)
    done = apply(rule("a", local_ports=["1"]))
    assert done["effective"]["in_force"]
    assert done["warnings"] == ["firewalld uses iptables: the daemon is asked for its rules, but the kernel is not looked at"]
    tools.runs.clear()
    assert not apply(rule("a", local_ports=["1"]))["changed"]
    assert tools.runs == [], "an unchanged run starts none"
    tools.texts["iptables"] = OWN_IPTABLES + "*filter\n" + "\n".join(THEIRS) + "\nCOMMIT\n"
    files = apply.files()
    for check in (True, False):
        with pytest.raises(Refused, match="flushes rules that others made with iptables.*FirewallBackend.*nothing was changed") as refused:
            apply(rule("a", local_ports=["1"]), default_inbound="block", check=check)
        assert refused.value.problems == [f"iptables: {line}" for line in THEIRS]
    assert (apply.files(), apply.daemon.reloads) == (files, 0)
    assert apply(rule("a", local_ports=["2"]))["changed"]
    assert apply.daemon.reloads == 0, "a small change needs none"
    done = apply(rule("a", local_ports=["1"]), default_inbound="block", allow_other_manager=True)
    assert any("rules that others made with iptables are gone, as allow_other_manager allows" in warning for warning in done["warnings"])
    assert not any(tool.endswith("restore") for tool in tools.runs), "firewalld's own rules would come twice"


ACCEPTS = ("rule", {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [{"accept": None}]})


def test_rules_of_iptables_that_cannot_be_put_back_are_not_flushed(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    apply.daemon.foreign = [ACCEPTS]
    for missing in ("iptables-save", "iptables-restore"):
        Tools(monkeypatch, missing=(missing,))
        before = apply.files()
        for check in (True, False):
            with pytest.raises(Refused, match="iptables-save or iptables-restore is missing here; nothing was changed. Install the package"):
                apply(rule("a", local_ports=["1"]), check=check)
        assert (apply.files(), apply.daemon.foreign, apply.daemon.reloads) == (before, [ACCEPTS], 0)
    done = apply(rule("a", local_ports=["1"]), allow_other_manager=True)
    assert not any("put back" in warning for warning in done["warnings"])
    assert any("rules that others made with iptables are gone" in warning for warning in done["warnings"])
    assert apply.daemon.foreign == []


def test_without_nft_the_tools_of_iptables_tell_what_a_reload_flushes(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_arguments: t.Any) -> t.Any:
        raise reconcile.NftError("nft was not found")

    monkeypatch.setattr(reconcile, "Nft", none)
    host = reconcile.Host(root=str(apply.root), environment={}, proc=str(apply.root / "proc"))

    def run(port: str, **options: t.Any) -> dict[str, t.Any]:
        apply.daemon.reloads = 0
        return reconcile.run({"rules": [rule("a", local_ports=[port])], **options}, False, host)

    tools = Tools(monkeypatch, iptables=SAVED_IPTABLES)
    load = apply.daemon.load

    def reload() -> None:
        load()
        tools.texts["iptables"] = "*filter\n:INPUT ACCEPT [1:2]\nCOMMIT\n"

    monkeypatch.setattr(apply.daemon, "load", reload)
    done = run("1")
    assert tools.texts["iptables"] == SAVED_IPTABLES
    assert any("was put back" in warning and "rules of iptables" in warning for warning in done["warnings"])
    run("2")
    assert apply.daemon.reloads == 0, "a small change needs no reload"
    tools.runs.clear()
    assert not run("2")["changed"]
    assert tools.runs == []
    tools.fails = "ip6tables-save"
    with pytest.raises(FirewalldError, match="could not be read, and a reload of firewalld would flush them: ip6tables-save: no; nothing was changed"):
        run("2", default_inbound="block")
    monkeypatch.setattr(iptables, "_find", lambda _tool: None)
    assert writing.BLIND in run("2", default_inbound="block")["warnings"]


def test_a_small_change_that_fails_is_taken_back_without_a_reload(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload would flush the very rules for whose sake there was none."""
    apply(rule("a", local_ports=["1"]))
    before, allowed = apply.files(), list(apply.policy("in-allow")["rich_rules"])
    apply.daemon.foreign = [ACCEPTS]
    Tools(monkeypatch, missing=("iptables-save",))
    check = writing.Writer._check

    def fails(self: t.Any, wanted: t.Any) -> None:
        check(self, wanted)
        raise BusError("gone")

    monkeypatch.setattr(writing.Writer, "_check", fails)
    with pytest.raises(FirewalldError, match="gone; the rules from before are saved and in force"):
        apply(rule("a", local_ports=["2"]))
    assert (apply.files(), apply.policy("in-allow")["rich_rules"]) == (before, allowed)
    assert (apply.daemon.reloads, apply.daemon.foreign) == (0, [ACCEPTS])


def enable(apply: Backend, service: str) -> None:
    (apply.root / f"etc/systemd/system/multi-user.target.wants/{service}.service").write_text("")


def enable_ufw(apply: Backend) -> None:
    (apply.root / "etc/ufw").mkdir(parents=True)
    (apply.root / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    program = apply.root / "usr/sbin/ufw"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def test_managers_of_the_next_boot_are_told(apply: Backend) -> None:
    enable_ufw(apply)
    enable(apply, "nftables")
    enable(apply, "netfilter-persistent")
    warnings = "\n".join(apply(rule("a", local_ports=["1"]))["warnings"])
    for text in ("ufw is enabled, but its rules are not loaded", "nftables.service is enabled beside firewalld", "netfilter-persistent.service is enabled"):
        assert text in warnings
    (apply.root / "etc/systemd/system/nftables.service").symlink_to("/dev/null")
    assert "nftables.service" not in "\n".join(apply(rule("a", local_ports=["1"]))["warnings"])


def test_ufw_is_seen_among_the_tables_of_firewalld_with_iptables(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    Tools(monkeypatch)
    (apply.root / "etc/firewalld/firewalld.conf").write_text("FirewallBackend=iptables\n")
    enable_ufw(apply)
    apply.daemon.foreign = [("table", {"family": "ip", "name": "filter"}), ("chain", {"family": "ip", "table": "filter", "name": "INPUT_direct"})]
    assert "ufw is enabled, but" in "\n".join(apply(rule("a"), check=True)["warnings"])
    apply.daemon.foreign.append(("chain", {"family": "ip", "table": "filter", "name": "ufw-user-input"}))
    with pytest.raises(Refused, match="ufw is enabled and its rules are loaded"):
        apply(rule("a"))


def test_a_lock_that_another_run_keeps(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    other = store.Store("other", str(apply.root))
    other.lock()
    waited: list[float] = []
    mine = store.Store("msports", str(apply.root))
    with pytest.raises(store.Locked, match=r"etc/firewalld for 60 seconds; nothing was changed. See what still runs \('fuser"):
        mine.lock(waited.append)
    assert 59 < sum(waited) < 61
    mine.unlock()
    monkeypatch.setattr(store.Store.lock, "__defaults__", (waited.append, 1))
    with pytest.raises(FirewalldError, match="another run has held the lock"):
        apply(rule("a"))
    assert apply(rule("a"), check=True)["changed"], "check mode waits for nobody"
    other.unlock()
    assert apply(rule("a"))["changed"]


@pytest.mark.parametrize("member", ["getPolicies", "getActiveZones", "getAllChains"])
def test_a_daemon_that_does_not_answer_is_told_with_what_to_do(apply: Backend, member: str) -> None:
    before = apply.files()
    apply.daemon.deaf = {member}
    with pytest.raises(FirewalldError, match=f"did not answer while its configuration was read: {member}: refused; nothing was changed. See 'systemctl"):
        apply(rule("a", local_ports=["1"]))
    assert apply.files() == before


def test_a_daemon_that_falls_silent_behind_the_change(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_arguments: t.Any) -> t.Any:
        raise BusError("silence")

    monkeypatch.setattr(reconcile.Found, "again", silent)
    with pytest.raises(FirewalldError, match="the rules were saved and loaded, but firewalld did not answer when it was asked for them: silence"):
        apply(rule("a", local_ports=["1"]))
    assert apply.daemon.reloads == 1
