# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up host with ufw's files and a made-up kernel: runs, refusals, failures that put everything back, the guard."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import files, xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import choose
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host, kernel, programs, reconcile, rulefile, settings
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

DEFAULTS = '# of ufw\nIPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\n# outbound\nDEFAULT_OUTPUT_POLICY=ACCEPT # as ever\nDEFAULT_FORWARD_POLICY="DROP"\n'
CONF = "# conf\nENABLED=yes\nLOGLEVEL=low\n"
USER = "*filter\n:ufw-user-input - [0:0]\n### RULES ###\n### END RULES ###\nCOMMIT\n"
BEFORE = """*filter
:ufw-before-input - [0:0]
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
COMMIT
"""


class FakeKernel(programs.Programs):
    """Keeps the table filter of both families as ``iptables-save`` would print it."""

    def __init__(self) -> None:
        super().__init__(folders=())
        self.tables: dict[int, xtables.Filter] = {}
        self.refuses: t.Optional[str] = None
        self.service = True
        for version in (4, 6):
            self.build(version)

    def build(self, version: int) -> None:
        text = ":INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        lines = [f"-A FORWARD -j {kernel.chain(version, kind, 'forward')}" for kind in kernel.PRIMARY]
        for direction, builtin in kernel.BUILTIN.items():
            for kind in kernel.PRIMARY + kernel.SECONDARY:
                text += f":{kernel.chain(version, kind, direction)} - [0:0]\n"
            lines += [f"-A {builtin} -j {kernel.chain(version, kind, direction)}" for kind in kernel.PRIMARY]
            lines.append(f"-A {kernel.chain(version, 'skip-to-policy', direction)} -j {'DROP' if direction == 'in' else 'ACCEPT'}")
            lines.append(f"-A {kernel.chain(version, 'before', direction)} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
            lines.append(f"-A {kernel.chain(version, 'before', direction)} -j {kernel.chain(version, 'user', direction)}")
        for protocol in ("tcp", "udp"):
            lines.append(f"-A {kernel.chain(version, 'track', 'out')} -p {protocol} -m conntrack --ctstate NEW -j ACCEPT")
        self.tables[version] = xtables.parse_save(text + "\n".join(lines))

    def find(self, name: str) -> t.Optional[str]:
        return None if name == "nft" else f"/usr/sbin/{name}"

    def save(self, version: int) -> str:
        self.count += 1
        table = self.tables[version]
        heads = [f":{name} {table.policies.get(name, '-')} [0:0]" for name in table.chains]
        return "\n".join(["*filter", *heads, *(line for lines in table.chains.values() for line in lines), "COMMIT", ""])

    def check(self, version: int, text: str) -> None:
        self.count += 1
        if self.refuses == f"check {version}":
            raise UfwError("iptables-restore refuses the rules, nothing was changed: made up")

    def load(self, version: int, text: str) -> None:
        self.count += 1
        if self.refuses == f"load {version}":
            raise UfwError("iptables-restore could not load the rules: made up")
        table = self.tables[version]
        for line in text.splitlines():
            words = line.split()
            if line.startswith(":"):
                table.chains[words[0][1:]] = [] if words[1] == "-" else table.chains[words[0][1:]]  # a builtin chain keeps its lines
                if words[1] != "-":
                    table.policies[words[0][1:]] = words[1]
            elif words[0] in ("-A", "-I"):
                table.chains[words[1]].insert(0 if words[0] == "-I" else len(table.chains[words[1]]), "-A" + line[2:])
            elif words[0] == "-F":
                table.chains[words[1]].clear()
            elif words[0] == "-X":
                assert not table.chains.pop(words[1])
            elif words[0] == "-D":
                same = [value for value in table.chains[words[1]] if xtables.canonical(value) == xtables.canonical("-A" + line[2:])]
                table.chains[words[1]].remove(same[0])

    def start_ufw(self) -> None:
        self.count += 1
        if self.refuses == "start":
            raise UfwError("ufw-init force-reload failed: made up")
        for version in (4, 6):
            self.build(version)

    def service_is_active(self) -> bool:
        return self.service


class Machine:
    """A root folder with ufw in it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.kernel = FakeKernel()
        self.environment: dict[str, str] = {}
        (root / "proc/sys/net/ipv6").mkdir(parents=True)
        (root / "proc/net").mkdir()
        (root / "proc/net/tcp").write_text("no socket\n")
        (root / "run").mkdir()
        for name, text in (("default/ufw", DEFAULTS), ("ufw/ufw.conf", CONF), ("ufw/user.rules", USER), ("ufw/user6.rules", USER.replace("ufw-", "ufw6-"))):
            self.write(name, text)
        self.write("protocols", "igmp\t2\tIGMP\n")
        self.program = root / "usr/sbin/ufw"
        self.program.parent.mkdir(parents=True)
        self.program.touch(0o755)
        self.write("ufw/before.rules", BEFORE)
        self.write("ufw/before6.rules", BEFORE.replace("ufw-", "ufw6-").replace("-p icmp --icmp-type", "-p icmpv6 --icmpv6-type"))

    def write(self, name: str, text: str) -> None:
        (self.root / "etc" / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / "etc" / name).write_text(text)

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        self.kernel.count = 0
        return reconcile.run({"rules": list(rules), **options}, check, self.host())

    def host(self) -> host.Host:
        return host.Host(self.kernel, str(self.root), self.environment, str(self.root / "proc"), lambda _seconds: None)

    def state(self) -> tuple[dict[str, str], str]:
        found = {str(path.relative_to(self.root)): path.read_text() for path in sorted((self.root / "etc").rglob("*")) if path.is_file()}
        return found, self.kernel.save(4) + self.kernel.save(6)


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    return Machine(tmp_path)


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    return dict({"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"]}, **fields)


SSH = rule("ssh", local_ports=["22"], remote_addresses=["10.9.0.0/24", "fd09::/64"])
STAY = "purge is false: rules of earlier runs stay, and count beside those of this one: never, ssh"
NEVER = rule("never", action="block", protocol="any", remote_addresses=["10.66.0.0/16"])


def test_a_run_its_repetition_and_its_end(machine: Machine) -> None:
    before = machine.state()
    first = machine(SSH, NEVER, default_inbound="reject", default_outbound="block")
    assert (first["added"], first["effective"]["in_force"]) == (["never", "ssh"], True)
    assert first["structure"] == ["base DHCP out", "base DHCPv6 out", "base IGMP in", "base IGMP out", "default inbound", "default outbound", "saved"]
    assert reconcile.inspect("msports", machine.host())["names"] == ["never", "ssh"]
    assert machine.kernel.count == 10
    second = machine(SSH, NEVER, default_inbound="reject", default_outbound="block")
    assert (second["changed"], second["kept"], machine.kernel.count) == (False, 2, 2)
    assert machine(state="absent")["changed"]
    assert machine.state() == before
    assert not machine(state="absent")["changed"]


@pytest.mark.parametrize("failure", ["check 4", "check 6", "load 4", "load 6"])
def test_a_failure_leaves_or_puts_back_everything(machine: Machine, failure: str) -> None:
    machine(SSH)
    before = machine.state()
    machine.kernel.refuses = failure
    with pytest.raises(UfwError, match="made up"):
        machine(NEVER, default_inbound="reject")
    machine.kernel.refuses = None
    assert machine.state() == before
    assert machine(NEVER, default_inbound="reject")["changed"]


def test_absent_takes_the_files_first_and_a_failure_puts_them_back(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart in the middle ends without the rules: ufw loads its files."""
    before = machine.state()[0]
    machine(SSH, default_inbound="reject")
    applied, files = machine.state(), []
    load = machine.kernel.load

    def seen(version: int, text: str) -> None:
        files.append(machine.state()[0])
        load(version, text)

    monkeypatch.setattr(machine.kernel, "load", seen)
    machine.kernel.refuses = "load 6"
    with pytest.raises(UfwError, match="made up; the rules from before are still in force"):
        machine(state="absent")
    assert machine.state() == applied
    machine.kernel.refuses = None
    machine(state="absent")
    clean = {name: text for name, text in files[0].items() if ".portcullis-kept" not in name}
    assert clean == before


@pytest.mark.parametrize("timeout", [0, 60])
@pytest.mark.parametrize("obstacle", ["a file for a folder", "a folder for the file", "read-only"])
def test_an_obstacle_changes_nothing_and_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch, obstacle: str, timeout: int) -> None:
    machine(SSH)
    if obstacle == "read-only":
        monkeypatch.setattr(files.os, "open", read_only(machine, os.open))
    elif obstacle == "a file for a folder":
        machine.write("portcullis", "")
    else:
        (machine.root / "etc/portcullis/msports/msports.ufw.json").mkdir(parents=True)
    before = machine.state()
    with pytest.raises(UfwError, match="cannot (write|read) .*etc/"):
        machine(NEVER, default_inbound="reject", rollback_timeout=timeout)
    assert machine.state() == before


def read_only(machine: Machine, genuine: t.Callable[..., int]) -> t.Callable[..., int]:
    def opened(path: str, flags: int, *mode: int, **more: t.Any) -> int:
        if str(path).startswith(str(machine.root / "etc")) and flags & os.O_CREAT:
            raise OSError(30, "Read-only file system")
        return genuine(path, flags, *mode, **more)

    return opened


def test_what_a_killed_run_has_left_goes_with_the_next(machine: Machine) -> None:
    machine(SSH)
    before = machine.state()
    for name in ("ufw/.portcullis-user.rules", "ufw/.portcullis-kept-user6.rules", "default/.portcullis-ufw", "portcullis/msports/.portcullis-x.ufw.json"):
        machine.write(name.replace("-x.", "-msports."), "half a file")
    assert not machine(SSH, check=True)["changed"]
    assert machine.state() != before, "check mode removes nothing"
    assert not machine(SSH)["changed"]
    assert (machine.state(), (machine.root / "etc/portcullis").exists()) == (before, False)


def test_a_file_that_cannot_be_written_leaves_everything(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine.state()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(host.os, "fsync", full)
    with pytest.raises(UfwError, match=r"cannot write .*: No space left on device; nothing was changed"):
        machine(SSH, default_inbound="reject")
    assert machine.state() == before
    monkeypatch.undo()
    renames = []

    def second_fails(source: str, target: str) -> None:
        renames.append(target)
        if len(renames) == 3:
            raise OSError(5, "Input/output error")
        os.replace(source, target)

    monkeypatch.setattr(host.os, "rename", second_fails)
    with pytest.raises(UfwError, match="the old files are back"):
        machine(SSH, default_inbound="reject")
    assert machine.state() == before


def test_a_failure_puts_back_a_builtin_chain_once(machine: Machine) -> None:
    """A chain that is builtin keeps its lines in ``iptables-restore --noflush``, so putting it back must not add them again."""
    machine.kernel.tables[4].policies["INPUT"] = "ACCEPT"
    machine.kernel.tables[4].chains["INPUT"].insert(0, "-A INPUT -p tcp --dport 9 -j DROP")
    before = machine.state()
    machine.kernel.refuses = "load 6"
    with pytest.raises(UfwError, match="made up; the rules from before are still in force"):
        machine(SSH)
    assert machine.state() == before


def test_chains_that_are_missing_are_built_by_ufw_itself(machine: Machine) -> None:
    machine(SSH)
    machine.kernel.tables[4] = xtables.parse_save(":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")
    before = machine.state()
    machine.kernel.refuses = "start"
    with pytest.raises(UfwError, match="the old files are back"):
        machine(SSH, NEVER)
    assert machine.state() == before
    machine.kernel.refuses = None
    predicted = machine(SSH, NEVER, check=True)
    done = machine(SSH, NEVER)
    assert predicted["structure"] == done["structure"] == ["chains of ufw (IPv4)", "chains of ufw (IPv6)"]
    assert (predicted["diff"], done["effective"]["in_force"]) == (done["diff"], True)
    assert not machine(SSH, NEVER)["changed"]
    machine.kernel.tables[4] = xtables.parse_save(":INPUT ACCEPT [0:0]\n")
    machine.kernel.service = False
    stopped = machine(SSH)
    assert (stopped["changed"], stopped["effective"]["in_force"]) == (True, False)
    assert "its service is stopped" in stopped["effective"]["reasons"][0]


BAD = {
    "no ufw": ("etc/ufw/user.rules", None, "ufw is not installed here, or older than 0.35: /etc/ufw/user.rules is missing"),
    "no policy": ("etc/default/ufw", "IPV6=yes\n", "DEFAULT_INPUT_POLICY is missing, DEFAULT_OUTPUT_POLICY is missing: expected ACCEPT, DROP or REJECT"),
    "bad policy": (
        "etc/default/ufw",
        DEFAULTS.replace('"DROP"', "'FOO'", 1),
        "/etc/default/ufw: DEFAULT_INPUT_POLICY is 'FOO': expected ACCEPT, DROP or REJECT",
    ),
    "strange file": ("etc/ufw/user6.rules", "*filter\nCOMMIT\n", "/etc/ufw/user6.rules has no line '### RULES ###'"),
    "what reset does": ("etc/ufw/user.rules", "*filter\nCOMMIT\n", "it disables ufw and takes all rules of the administrator out of force"),
    "where the line is": ("etc/ufw/user6.rules", "*filter\nCOMMIT\n", "Put it back above the first rule, as in /usr/share/ufw/iptables/user6.rules"),
    "removed": ("usr/sbin/ufw", None, "ufw is removed from this host, and only its files below /etc are left: install the package ufw to use it again"),
    "bad record": ("etc/portcullis/msports/msports.ufw.json", "[1]", "not a record of changed defaults"),
    "broken record": ("etc/portcullis/msports/msports.ufw.json", "{", "cannot be read"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_host_that_cannot_be_worked_with(machine: Machine, case: str) -> None:
    name, text, message = BAD[case]
    if text is None:
        (machine.root / name).unlink()
    else:
        machine.write(name[4:], text)
    before = machine.state()
    with pytest.raises(UfwError) as error:
        machine(SSH)
    assert message in str(error.value)
    assert machine.state() == before


def test_what_a_removed_ufw_leaves_goes_with_absent(machine: Machine) -> None:
    before = machine.state()[0]
    machine(SSH, NEVER, default_inbound="reject")
    machine.program.unlink()
    machine.kernel.tables = {version: xtables.parse_save(":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n") for version in (4, 6)}
    machine.kernel.service = False
    info = reconcile.inspect("msports", machine.host())
    assert (info["names"], info["effective"]["in_force"]) == (["never", "ssh"], False)
    assert info["effective"]["reasons"][0] == "ufw is removed from this host: what its files say is in force nowhere"
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}  # nobody is locked out by what is in force nowhere
    assert machine(state="absent", management=management, check=True)["removed"] == ["never", "ssh"]
    done = machine(state="absent", management=management)
    assert (done["changed"], done["removed"]) == (True, ["never", "ssh"])
    assert machine.state()[0] == before
    assert not machine(state="absent")["changed"]


HOSTILE = [
    {"name": "x\n-A ufw-user-input -j ACCEPT"},
    {"remote_addresses": ["10.0.0.0/8 -j ACCEPT"]},
    {"remote_addresses": ["example.com"]},
    {"local_ports": ["22 -j ACCEPT"]},
    {"local_ports": ["70000"]},
    {"protocol": "all"},
    {"name": "comment=41"},
]


def test_hostile_input_is_refused_as_a_whole(machine: Machine) -> None:
    before = machine.state()
    with pytest.raises(Refused) as refused:
        machine(*(dict(rule(f"r{index}"), **fields) for index, fields in enumerate(HOSTILE[:-1])))
    assert len(refused.value.problems) == len(HOSTILE) - 1
    for owner in ("", "Ab", "a: b", "x" * 30, "a\n"):
        with pytest.raises(Refused, match="owner"):
            machine(SSH, owner=owner)
    assert machine.state() == before
    # Names may look like anything; they are stored as hexadecimal digits.
    for name in ("comment=41", "### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in", "$(reboot) #;", "a: b: c", "msports: x"):
        machine(rule(name, local_ports=["1"]))
        assert not machine(rule(name, local_ports=["1"]))["changed"]
        assert machine(rule("y"))["removed"] == [name]


SESSION = _guard.Session("10.9.0.5", 50022, "10.0.1.11", 22)


def _admits(text: str, closed: bool = True, session: bool = True, port: int = 22) -> t.Optional[str]:
    asked = rulefile.Evaluator([RuleFile("### RULES ###\n" + text, "msports", 4)], closed)
    local = (_addresses.parse_one(SESSION.local),) if session else None
    return asked.why_blocked((_addresses.parse_one(SESSION.peer),), (port, port), local)


TUPLE = "### tuple ### {} {} 0.0.0.0/0 any {} {}\n"
GUARDED = {
    "nothing": ("", "no rule admits it"),
    "an allow": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in"), None),
    "a limit": (TUPLE.format("limit tcp", "22", "10.9.0.0/24", "in"), None),
    "another port": (TUPLE.format("allow tcp", "23", "10.9.0.0/24", "in"), "no rule admits it"),
    "udp": (TUPLE.format("allow udp", "22", "10.9.0.0/24", "in"), "no rule admits it"),
    "outbound": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "out"), "no rule admits it"),
    "a denial first": (TUPLE.format("deny tcp", "22", "10.9.0.4/31", "in") + TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in"), "blocks it"),
    "a denial behind": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in") + TUPLE.format("deny any", "any", "0.0.0.0/0", "in"), None),
    "in two halves": (TUPLE.format("allow tcp", "22", "10.9.0.4/32", "in") + TUPLE.format("allow tcp", "20:30", "10.9.0.5/32", "in"), None),
    "by an interface": (TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in_eth0"), None),
    "denied on an interface": (TUPLE.format("deny tcp", "22", "10.9.0.0/24", "in_eth1") + TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in"), None),
    "forwarding": (TUPLE.format("route:allow tcp", "22", "10.9.0.0/24", "in"), "no rule admits it"),
}


@pytest.mark.parametrize("case", GUARDED)
def test_the_guard_reads_the_rules_in_their_order(case: str) -> None:
    text, reason = GUARDED[case]
    found = _admits(text)
    assert (found is None) == (reason is None), found
    assert reason is None or reason in found
    assert _admits("", closed=False) is None


def test_the_guard_is_stricter_about_management_that_may_come() -> None:
    bound = TUPLE.format("allow tcp", "22", "10.9.0.0/24", "in_eth0")
    assert _admits(bound, session=False) == "no rule admits it"
    assert _admits(bound.replace("in_eth0", "in"), session=False) is None


def test_lockouts_are_refused_and_the_administrators_rules_count(machine: Machine) -> None:
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}
    with pytest.raises(Refused, match="would lock out whoever manages this host"):
        machine(NEVER, management=management)
    machine.write(
        "ufw/user.rules",
        USER.replace(
            "### END", "\n" + TUPLE.format("allow tcp", "22", "10.9.0.0/16", "in") + "-A ufw-user-input -p tcp --dport 22 -s 10.9.0.0/16 -j ACCEPT\n### END"
        ),
    )
    assert machine(NEVER, management=management)["changed"]
    with pytest.raises(Refused, match="the rule 'cut' blocks it"):
        machine(rule("cut", action="block", remote_addresses=["10.9.0.7"]), management=management)
    assert machine(rule("cut", action="block", remote_addresses=["10.9.0.7"]), management=management, allow_lockout=True)["changed"]
    with pytest.raises(Refused, match="would lock out"):
        machine(rule("ok", remote_addresses=["10.8.0.0/24"]), management={"addresses": ["10.8.0.0/23"], "ports": ["22"]}, mode="audit")


def test_absent_that_would_lock_out_is_refused(machine: Machine) -> None:
    machine(SSH)
    with pytest.raises(Refused, match="would lock out"):
        machine(state="absent", management={"addresses": ["10.9.0.0/24"], "ports": ["22"]})
    assert machine(state="absent", management={"addresses": ["10.9.0.0/24"], "ports": ["22"]}, allow_lockout=True)["changed"]


def test_the_advice_for_two_managers_can_be_followed(machine: Machine) -> None:
    folder = machine.root / "sys/fs/cgroup/system.slice/firewalld.service"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("4711\n")
    with pytest.raises(Refused, match=r"name the backend \(backend: firewalld, or backend: ufw\) and set allow_other_manager to true"):
        choose("auto", str(machine.root), str(machine.root / "proc"))
    assert choose("ufw", str(machine.root), str(machine.root / "proc")).backend == "ufw"
    assert machine(SSH, allow_other_manager=True)["changed"]


def test_rules_for_ipv6_while_it_is_off_say_what_to_do(machine: Machine) -> None:
    machine.write("default/ufw", DEFAULTS.replace("IPV6=yes", "IPV6=no"))
    with pytest.raises(Refused, match=r"set IPV6=yes there and run 'ufw reload'\); give this rule addresses of IPv4 only, or put that right first"):
        machine(rule("six", remote_addresses=["fd09::/64"]))
    assert "written for IPv4 only: ssh" in machine(SSH)["warnings"][0]


def test_another_manager_is_refused_unless_allowed(machine: Machine) -> None:
    link = machine.root / "etc/systemd/system/multi-user.target.wants/netfilter-persistent.service"
    link.parent.mkdir(parents=True)
    link.touch()
    with pytest.raises(Refused, match="another firewall manager is active besides ufw.*or set allow_other_manager to true to go on: netfilter-persistent"):
        machine(SSH)
    assert machine(SSH, allow_other_manager=True)["changed"]
    link.rename(link.with_name("nftables.service"))
    assert any("nftables.service is enabled" in warning for warning in machine(SSH)["warnings"])


def _hold(path: str, ready: t.Any, done: t.Any) -> None:
    with open(path, "w") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        ready.set()
        done.wait(30)


def test_the_lock_of_ufw_is_waited_for(machine: Machine) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(machine.root / host.LOCK), ready, done))
    other.start()
    try:
        assert ready.wait(30)
        waited = []

        def pause(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 3:
                done.set()
                other.join(30)

        with host.locked(str(machine.root), False, pause):
            assert len(waited) == 3
        assert not other.is_alive()
    finally:
        done.set()
        other.join(30)
    ready, never = context.Event(), context.Event()
    again = context.Process(target=_hold, args=(str(machine.root / host.LOCK), ready, never))
    again.start()
    try:
        assert ready.wait(30)
        with (
            pytest.raises(UfwError, match=r"held the lock .*/run/ufw.lock for 1 seconds; nothing was changed.*'fuser -v .*run again"),
            host.locked(str(machine.root), False, lambda _seconds: None, 1),
        ):
            pass
    finally:
        again.kill()
        again.join(30)


def test_a_command_of_ufw_that_has_read_before_us_is_outlived(machine: Machine) -> None:
    """It waits for our lock with what it has read, and then writes our rules away."""
    command = machine.root / "proc/77"
    command.mkdir()
    (command / "cmdline").write_bytes(b"/usr/bin/python3\0/usr/sbin/ufw\0allow\0" + b"1\0")
    other = machine.root / "proc/78"
    other.mkdir()
    (other / "cmdline").write_bytes(b"/usr/bin/vi\0/etc/ufw\0")
    (machine.root / "proc/79").mkdir()
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            machine.write("ufw/user.rules", USER)
            (command / "cmdline").unlink()

    made = machine.host()
    made.pause = pause
    done = reconcile.run({"rules": [SSH]}, host=made)
    assert (done["added"], done["effective"]["in_force"], len(pauses)) == (["ssh"], True, 3)
    assert "comment=" in (machine.root / "etc/ufw/user.rules").read_text()
    assert not machine(SSH)["changed"]
    # One that never ends is not waited for without end.
    (command / "cmdline").write_bytes(b"/usr/sbin/ufw\0status\0")
    stubborn = machine(NEVER)
    assert stubborn["removed"] == ["ssh"]
    assert [text for text in stubborn["warnings"] if "commands of ufw that began before our writing have not ended yet (processes 77)" in text]
    assert not [text for text in done["warnings"] + machine(NEVER)["warnings"] if "commands of ufw" in text]


def test_commands_of_ufw_that_follow_each_other_without_end_are_told(machine: Machine) -> None:
    """Each writes our rules away and ends; the next one is there already."""
    names = iter(range(100, 200))
    running: list[pathlib.Path] = []

    def begin() -> None:
        running.append(machine.root / f"proc/{next(names)}")
        running[-1].mkdir()
        (running[-1] / "cmdline").write_bytes(b"/usr/bin/python3\0/usr/sbin/ufw\0allow\0")

    def pause(_seconds: float) -> None:
        machine.write("ufw/user.rules", USER)
        (running[-1] / "cmdline").unlink()
        begin()

    begin()
    made = machine.host()
    made.pause = pause
    done = reconcile.run({"rules": [SSH]}, host=made)
    assert len(running) == 1 + reconcile.ATTEMPTS
    assert [text for text in done["warnings"] if f"have not ended yet (processes {running[-1].name})" in text]


def test_check_mode_makes_no_lock(machine: Machine) -> None:
    machine(SSH, check=True)
    assert not (machine.root / host.LOCK).exists()
    machine(SSH)
    assert (machine.root / host.LOCK).exists()
    assert not machine(SSH, check=True)["changed"]


def test_defaults_are_replaced_and_put_back_to_the_byte() -> None:
    asked = settings.plan(DEFAULTS, {}, {"in": "REJECT", "out": "ACCEPT"})
    assert asked.text == DEFAULTS.replace('INPUT_POLICY="DROP"', 'INPUT_POLICY="REJECT"')
    assert set(asked.record) == {"DEFAULT_INPUT_POLICY"}, "what is right already is nobody's change"
    assert settings.load_record(settings.record_text(asked.record)) == asked.record
    assert settings.plan(asked.text, asked.record, {"in": "DROP", "out": None}) == (DEFAULTS, {}, [], ())
    more = settings.plan(asked.text, asked.record, {"in": "ACCEPT", "out": "DROP"})
    assert settings.read(more.text, CONF).policies == {"in": "ACCEPT", "out": "DROP"}
    assert settings.plan(more.text, more.record, {"in": None, "out": None}) == (DEFAULTS, {}, [], ())
    theirs = asked.text.replace('"REJECT"', '"ACCEPT"')
    left = settings.plan(theirs, asked.record, {"in": None, "out": None})
    assert (left.text, left.record, len(left.warnings)) == (theirs, {}, 1)
    again = settings.plan(theirs, asked.record, {"in": "REJECT", "out": None})
    assert settings.plan(again.text, again.record, {"in": None, "out": None}).text == DEFAULTS


@pytest.mark.parametrize(
    ("line", "value"),
    [("IPV6=yes", True), ("IPV6='YES'", True), ('IPV6="yes" # so', True), ("#IPV6=yes", False), ("IPV6=no", False), ("IPV6=yes\nIPV6=no", False)],
)
def test_settings_are_read_like_the_shell_reads_them(line: str, value: bool) -> None:
    assert settings.read(line + "\n", "").ipv6 is value
    assert settings.read("", "ENABLED=yes\n").enabled is True
    assert settings.read("", "ENABLED=no\n").enabled is False


def test_info_reads_and_writes_nothing(machine: Machine) -> None:
    machine(SSH, default_inbound="reject")
    before = machine.state()
    info = reconcile.inspect("msports", machine.host())
    assert (info["present"], info["names"], info["effective"]["in_force"]) == (True, ["ssh"], True)
    assert 'DEFAULT_INPUT_POLICY was DEFAULT_INPUT_POLICY="DROP" before us' in info["saved"]
    assert machine.state() == before
    assert json.loads(json.dumps(info)) == info
    assert reconcile.inspect("nobody", machine.host())["present"] is False


@pytest.mark.parametrize(
    ("printed", "message"),
    [("# Table `filter' is incompatible, use 'nft' tool.\n", "rules that only nft knows"), ("!", "cannot read the rules: made up")],
)
def test_tables_that_iptables_cannot_show(tmp_path: pathlib.Path, printed: str, message: str) -> None:
    program = tmp_path / "iptables-save"
    program.write_text(f'#!/bin/sh\n[ "{printed[0]}" = "!" ] && {{ echo made up >&2; exit 1; }}\ncat <<"X"\n{printed}X\n')
    program.chmod(0o755)
    with pytest.raises(UfwError, match=message):
        programs.Programs((str(tmp_path), "/bin")).save(4)
    with pytest.raises(UfwError, match="ip6tables-save was not found in"):
        programs.Programs((str(tmp_path),)).save(6)


def test_purge_limits_and_rules_of_ours_that_somebody_edited(machine: Machine) -> None:
    machine(SSH, NEVER)
    with pytest.raises(Refused, match="2 rules would be removed and max_removals is 1"):
        machine(rule("new"), max_removals=1)
    kept = machine(rule("new"), purge=False)
    assert (kept["added"], kept["removed"]) == (["new"], [])
    assert STAY in kept["effective"]["reasons"]
    assert not machine(rule("new"), purge=False)["changed"]
    path = machine.root / "etc/ufw/user.rules"
    path.write_text(path.read_text().replace("--dport 22 -s 10.9.0.0/24", "--dport 22"))
    with pytest.raises(Refused, match="purge is false, but a rule with our comment cannot be kept"):
        machine(rule("new"), purge=False)
    assert machine(rule("new"))["removed"] == ["never", "ssh"]
    with pytest.raises(Refused, match="persist is false.*Leave persist out or set it to true"):
        machine(persist=False)


def test_order_that_matters_is_mended_and_told(machine: Machine) -> None:
    machine(SSH, NEVER)
    path = machine.root / "etc/ufw/user.rules"
    early = TUPLE.format("allow any", "any", "10.66.1.0/24", "in") + "-A ufw-user-input -s 10.66.1.0/24 -j ACCEPT\n"
    path.write_text(path.read_text().replace("### RULES ###\n", "### RULES ###\n\n" + early))
    done = machine(SSH, NEVER)
    assert done["structure"] == ["chain ufw-user-input (IPv4)", "order of user.rules"]
    assert "order of user.rules: an allow stands before a block of ours" in done["diff"]["before"]
    assert "order" not in done["diff"]["after"]
    assert not machine(SSH, NEVER)["changed"]


def test_the_log_of_a_default_follows_it(machine: Machine) -> None:
    log = '-A {}-after-logging-input -j LOG --log-prefix "[UFW BLOCK] " -m limit --limit 3/min --limit-burst 10\n'
    for version, name, prefix in ((4, "user.rules", "ufw"), (6, "user6.rules", "ufw6")):
        machine.kernel.tables[version].chains[prefix + "-after-logging-input"].append(log.format(prefix).strip())
        path = machine.root / "etc/ufw" / name
        path.write_text(path.read_text().replace("COMMIT", "\n### LOGGING ###\n" + log.format(prefix) + "### END LOGGING ###\nCOMMIT"))
    machine(SSH)
    before = machine.state()
    machine(SSH, default_inbound="allow", default_outbound="block")
    assert "ufw-after-logging-input -j LOG" not in "".join(machine.state()[0].values())
    assert "ufw6-after-logging-output -j LOG" in machine.state()[1]
    assert not machine(SSH, default_inbound="allow", default_outbound="block")["changed"]
    machine(SSH)
    assert machine.state() == before


def test_inactive_ufw_starts_no_program_but_a_check(machine: Machine) -> None:
    machine.write("ufw/ufw.conf", CONF.replace("yes", "no"))
    done = machine(SSH, default_inbound="reject")
    assert (done["changed"], done["effective"]["in_force"], machine.kernel.count) == (True, False, 2)
    assert any("ufw is inactive" in warning for warning in done["warnings"])
    assert not machine(SSH, default_inbound="reject")["changed"]
    assert machine.kernel.count == 0
    assert reconcile.inspect("msports", machine.host())["effective"]["in_force"] is False


def test_what_cannot_be_told_is_refused_where_no_timer_can_take_it_back(machine: Machine) -> None:
    """While ufw is off a run writes its files for good, whatever rollback_timeout says: ufw loads them when somebody starts it."""
    machine.write("ufw/ufw.conf", CONF.replace("yes", "no"))
    (machine.root / "proc/net/tcp").unlink()
    before = machine.state()
    with pytest.raises(Refused, match="no timer would take them back"):
        machine(rule("web", local_ports=["443"]), default_inbound="reject", rollback_timeout=60)
    assert machine.state() == before


def test_ping_is_judged_by_before_rules(machine: Machine) -> None:
    ping = rule("ping", protocol="icmp_echo")
    done = machine(ping)
    assert (done["changed"], done["added"]) == (False, [])
    machine.write("ufw/before6.rules", "")
    with pytest.raises(Refused, match=r"before6.rules do not admit these echo requests \(in\)"):
        machine(ping)
    assert not machine(dict(ping, remote_addresses=["10.0.0.0/8"]))["changed"]


def test_what_the_kernel_does_not_hold_after_all_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.kernel, "load", lambda _version, _text: None)
    done = machine(SSH)
    assert done["effective"]["in_force"] is False
    assert any(warning.startswith("the kernel does not hold what was loaded: chain ufw-user-input (IPv4)") for warning in done["warnings"])
