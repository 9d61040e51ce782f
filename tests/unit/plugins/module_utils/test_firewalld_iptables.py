# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewalld backend where others use iptables, or firewalld itself does."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import apply as writing
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import host as host_of_firewalld
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import FirewalldError, Refused
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import iptables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from firewalld_cases import CLOSED, USERS, Backend, enable_ufw, install_ipset, rule

SAVED_IPTABLES = "*filter\n:INPUT ACCEPT [1:2]\n[0:0] -A INPUT -s 10.6.6.6/32 -j DROP\nCOMMIT\n"


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


@pytest.mark.parametrize(("running", "types"), [(True, []), (True, ["hash:net", "hash:net,port"]), (False, [])])
def test_ipsets_that_the_daemon_cannot_hold_are_refused(apply: Backend, running: bool, types: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With iptables, and without the program ipset: the load would break off, at the next boot, too."""
    monkeypatch.setattr(iptables.Iptables, "save", lambda _self, _families: {})
    (apply.root / "etc/firewalld/firewalld.conf").write_text("FirewallBackend=iptables\nCleanupOnExit=no\n")
    library = apply.root / "usr/lib/python3/dist-packages/firewall/config"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("VERSION = '1.3.3'\n")
    apply.daemon.runs, apply.daemon.set_types = running, types
    before = apply.files()
    many = [f"10.0.{i}.1" for i in range(9)]
    for check in (True, False):
        with pytest.raises(Refused, match="cannot hold the ipsets of these rules, nothing was changed") as refused:
            apply(rule("many", local_ports=["443"], remote_addresses=many), default_inbound="block", check=check)
        assert [problem.split(": ")[0].rsplit("-", 1)[1] for problem in refused.value.problems] == ["4", "6", "4"]
        assert all("install the package ipset" in problem for problem in refused.value.problems)
        assert apply.files() == before
    assert apply(rule("one", local_ports=["443"]))["changed"], "what takes no ipset is applied"
    install_ipset(apply)
    apply.daemon.set_types = ["hash:net", "hash:net,port"]
    assert apply(rule("many", local_ports=["443"], remote_addresses=many), default_inbound="block")["changed"]


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
    install_ipset(apply)
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
        raise NftError("nft was not found")

    monkeypatch.setattr(host_of_firewalld, "Nft", none)
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


def test_ufw_is_seen_among_the_tables_of_firewalld_with_iptables(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    Tools(monkeypatch)
    (apply.root / "etc/firewalld/firewalld.conf").write_text("FirewallBackend=iptables\n")
    enable_ufw(apply)
    apply.daemon.foreign = [("table", {"family": "ip", "name": "filter"}), ("chain", {"family": "ip", "table": "filter", "name": "INPUT_direct"})]
    assert "ufw is enabled, but" in "\n".join(apply(rule("a"), check=True)["warnings"])
    apply.daemon.foreign.append(("chain", {"family": "ip", "table": "filter", "name": "ufw-user-input"}))
    with pytest.raises(Refused, match="ufw is enabled and its rules are loaded"):
        apply(rule("a"))
