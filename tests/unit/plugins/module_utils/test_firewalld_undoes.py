# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewalld backend makes of failures, and what others had at run time: put back, or told."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import others, persist, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon as daemons
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import FirewalldError, Refused
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import iptables
from firewalld_cases import CLOSED, USERS, Backend, rule


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
        monkeypatch.setattr(persist.os, "fsync", full)
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


def test_a_lock_that_another_run_keeps(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    held = persist.held
    with persist.held(str(apply.root)):
        with pytest.raises(persist.Locked, match=r"etc/firewalld for 60 seconds; nothing was changed. See what still runs \('fuser"):
            held(str(apply.root), False, waited.append).__enter__()
        assert 59 < sum(waited) < 61
        monkeypatch.setattr(persist, "held", lambda root, check_mode: held(root, check_mode, waited.append, 1))
        with pytest.raises(FirewalldError, match="another run has held the lock"):
            apply(rule("a"))
        assert apply(rule("a"), check=True)["changed"], "check mode waits for nobody"
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


def test_files_of_a_firewalld_that_was_removed_go_without_it(apply: Backend) -> None:
    """The package keeps the files that it did not bring; whoever asks for absent has nothing to install for it."""
    apply(*USERS, **CLOSED)
    apply.root.joinpath("etc/firewalld/zones/theirs.xml").write_text("<zone/>")
    apply.root.joinpath("usr/sbin/firewalld").unlink()
    apply.daemon.runs = False
    with pytest.raises(Refused, match="install the package firewalld"):
        apply(*USERS, **CLOSED)
    left = apply.files()
    predicted = apply(state="absent", check=True)
    assert (predicted["changed"], apply.files()) == (True, left)
    done = apply(state="absent")
    assert (done["changed"], done["diff"], done["removed"]) == (True, predicted["diff"], sorted(one["name"] for one in USERS))
    assert [path for path in apply.files() if "msports" in path] == []
    assert "etc/firewalld/zones/theirs.xml" in apply.files()
    assert not apply(state="absent")["changed"]


class Killed(BaseException):
    """What nothing catches, like the end of a process."""


def test_what_a_killed_run_took_from_others_comes_back_with_the_next_run(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = apply.daemon.running.zones["public"]
    zone["ports"] = [("8443", "tcp"), ("7", "tcp")]
    zone["services"] = ["ssh"]
    apply.daemon.running.direct["Rule"].append(("ipv4", "filter", "INPUT", 0, ["-j", "DROP"]))
    reload = daemons.Daemon.reload

    def die(self: t.Any) -> None:
        reload(self)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(daemons.Daemon, "reload", die)
        with pytest.raises(Killed):
            apply(*USERS, **CLOSED)
    zone = apply.daemon.running.zones["public"]
    assert "ports" not in zone and (apply.root / others.JOURNAL).exists()
    zone["ports"] = [("9", "tcp")]  # somebody goes on meanwhile
    assert others.LATER in apply(*USERS, check=True, **CLOSED)["warnings"]
    done = apply(*USERS, **CLOSED)
    assert others.FINISHED in done["warnings"] and not (apply.root / others.JOURNAL).exists()
    zone = apply.daemon.running.zones["public"]
    assert (sorted(zone["ports"]), zone["services"]) == ([("7", "tcp"), ("8443", "tcp"), ("9", "tcp")], ["ssh"])
    assert len(apply.daemon.running.direct["Rule"]) == 1
    assert others.FINISHED not in apply(*USERS, **CLOSED)["warnings"]


def test_a_journal_that_cannot_be_read_is_named(apply: Backend) -> None:
    (apply.root / "run").mkdir(exist_ok=True)
    (apply.root / others.JOURNAL).write_text("{")
    assert any("cannot be read" in warning and others.JOURNAL in warning for warning in apply(rule("a"))["warnings"])


def test_rules_of_iptables_come_back_behind_those_that_were_made_since(monkeypatch: pytest.MonkeyPatch) -> None:
    had = "*nat\n:PREROUTING ACCEPT [1:1]\n:DOCKER - [0:0]\n:NEW - [0:0]\n[4:5] -A DOCKER -j RETURN\n[1:1] -A NEW -j RETURN\nCOMMIT\n"
    now = "*nat\n:PREROUTING ACCEPT\n:DOCKER -\n-A DOCKER -p tcp -j ACCEPT\nCOMMIT\n"
    runs: list[t.Any] = []
    monkeypatch.setattr(iptables.Iptables, "_run", lambda _self, tool, arguments, given="": runs.append((tool, arguments, given)) or now)
    assert iptables.Iptables().restore({"ip": had}) == []
    missing = "*nat\n:NEW - [0:0]\n[4:5] -A DOCKER -j RETURN\n[1:1] -A NEW -j RETURN\nCOMMIT\n"
    assert runs[1:] == [("iptables-restore", ["-c", "--noflush"], missing)]


def test_a_boot_between_two_files_cuts_nobody(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stops the rest comes last and goes first; what a policy refers to is there before it and after it."""
    steps: list[str] = []
    rename, unlink = persist.os.rename, persist.os.unlink
    monkeypatch.setattr(persist.os, "rename", lambda old, new: (steps.append(new.split("etc/firewalld/")[-1]), rename(old, new)))
    apply(*USERS, **CLOSED)
    written = [step for step in steps if step.endswith(".xml")]
    monkeypatch.setattr(persist.os, "unlink", lambda path: (steps.append(path.split("etc/firewalld/")[-1]), unlink(path)))
    steps.clear()
    apply(state="absent")
    assert [step for step in steps if step.endswith(".xml")] == written[::-1]
    assert [path.split("/")[0] for path in written] == sorted((path.split("/")[0] for path in written), key=persist.ORDER.index)
    inbound = [path for path in written if path.startswith("policies/msports-in")]
    assert inbound == [f"policies/msports-in-{kind}.xml" for kind in ("allow", "block", "rest")]


@pytest.mark.parametrize("obstacle", ["a file in place of a folder", "a folder in place of a file"])
def test_what_is_in_the_way_is_named_and_nothing_changes(apply: Backend, obstacle: str) -> None:
    apply(rule("old", local_ports=["22"]))
    place = apply.root / "etc/firewalld" / ("services" if obstacle.startswith("a file") else "policies/msports-in-block.xml")
    if obstacle.startswith("a file"):
        place.rmdir()
        place.write_text("")
    else:
        (place / "sub").mkdir(parents=True)
    before, running = apply.files(), copy.deepcopy(apply.daemon.running)
    with pytest.raises(FirewalldError, match=str(place)):
        apply(*USERS, **CLOSED)
    assert (apply.files(), apply.daemon.running) == (before, running)


def test_what_a_killed_run_left_beside_the_files_goes(apply: Backend) -> None:
    (apply.root / "etc/firewalld/.portcullis-left").write_text("half")
    apply(rule("a"))
    assert not (apply.root / "etc/firewalld/.portcullis-left").exists()


def test_objects_of_others_with_names_like_ours_are_neither_taken_nor_deleted(apply: Backend) -> None:
    theirs = {
        "policies/msports-in-allow.xml": '<policy target="ACCEPT"><description>mine</description><ingress-zone name="ANY"/><egress-zone name="HOST"/></policy>',
        "ipsets/msports-bans-4.xml": '<ipset type="hash:net"><option name="family" value="inet"/><entry>10.66.0.0/16</entry></ipset>',
        "services/msports-tftp.xml": '<service><helper name="tftp"/></service>',
    }
    for path, text in theirs.items():
        (apply.root / "etc/firewalld" / path).write_text(text)
    apply.daemon.load()
    before = apply.files()
    with pytest.raises(Refused, match="names that this collection needs and did not give.*: policy msports-in-allow; service msports-tftp"):
        apply(*USERS, **CLOSED)
    assert not apply(state="absent")["changed"] and apply.files() == before
    assert reconcile.inspect("msports", apply.host())["present"] is False
    assert apply(rule("no", action="block"), default_inbound="keep")["changed"], "what needs none of these names is applied beside them"
    assert apply(state="absent")["changed"] and apply.files() == before
