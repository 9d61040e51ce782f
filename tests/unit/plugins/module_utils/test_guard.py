# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the present management session in a made-up /proc, and judging rules against it."""

from __future__ import annotations

import os
import pathlib
import socket
import struct
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session, Watch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import sessions
from hypothesis import given, settings
from hypothesis import strategies as st

PEER = Session("10.9.0.5", 50022, "10.0.1.11", 22)
PEER6 = Session("fd09::5", 50023, "fd00::11", 22)
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def _field(address: str, port: int, mapped: bool = False) -> str:
    packed = (
        b"\0" * 10 + b"\xff\xff" + socket.inet_aton(address) if mapped else socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    )
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


class Proc:
    """A /proc of our own making."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        (root / "net").mkdir()
        self._lines: dict[str, list[str]] = {"tcp": [], "tcp6": []}
        self._write()

    def socket(self, session: Session, inode: int, state: str = "01", mapped: bool = False) -> None:
        name = "tcp6" if mapped or ":" in session.peer else "tcp"
        fields = [_field(session.local, session.local_port, mapped), _field(session.peer, session.peer_port, mapped), state]
        self._lines[name].append(f"   0: {' '.join(fields)} 00000000:00000000 02:00000000 00000000     0        0 {inode} 2 0\n")
        self._write()

    def _write(self) -> None:
        for name, lines in self._lines.items():
            (self.root / "net" / name).write_text(HEADER + "".join(lines))

    def process(self, pid: int, parent: int, command: str, environment: t.Optional[dict[str, str]] = None, inodes: t.Iterable[int] = ()) -> None:
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "stat").write_text(f"{pid} (odd ) name) S {parent} 1 1")
        (folder / "comm").write_text(command + "\n")
        (folder / "environ").write_bytes(b"\0".join(f"{key}={value}".encode() for key, value in (environment or {}).items()))
        for number, inode in enumerate(inodes):
            (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")

    def watch(self, pid: int = 50, came_by: t.Optional[int] = None, **environment: str) -> Watch:
        return sessions.find_sessions(environment, str(self.root), pid, came_by)

    def find(self, pid: int = 50, **environment: str) -> tuple[list[Session], str]:
        watch = self.watch(pid, **environment)
        assert watch.unknown == ()
        return list(watch.sessions), watch.how


@pytest.fixture
def proc(tmp_path: pathlib.Path) -> Proc:
    made = Proc(tmp_path)
    made.process(1, 0, "systemd")
    return made


def variable(session: Session) -> str:
    return f"{session.peer} {session.peer_port} {session.local} {session.local_port}"


def test_from_the_own_environment(proc: Proc) -> None:
    proc.socket(PEER, 7)
    proc.process(50, 1, "python3")
    assert proc.find(SSH_CONNECTION=variable(PEER)) == ([PEER], "SSH_CONNECTION in the environment")


def test_the_second_list_of_sockets_is_read_only_when_the_first_does_not_tell(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    proc.socket(PEER, 7)
    proc.socket(PEER6, 8)
    proc.process(50, 1, "python3")
    read, files = sessions._read, []
    monkeypatch.setattr(sessions, "_read", lambda path: (files.append(pathlib.Path(path).name), read(path))[1])
    assert proc.find(SSH_CONNECTION=variable(PEER))[0] == [PEER]
    assert [name for name in files if name.startswith("tcp")] == ["tcp"]
    assert proc.find(SSH_CONNECTION=variable(PEER6))[0] == [PEER6]
    assert [name for name in files if name.startswith("tcp")] == ["tcp", "tcp", "tcp6"]


def test_a_v4_session_of_a_v6_socket(proc: Proc) -> None:
    proc.socket(PEER, 7, mapped=True)
    proc.process(50, 1, "python3")
    assert proc.find(SSH_CONNECTION=variable(PEER))[0] == [PEER]
    assert proc.find(SSH_CONNECTION=f"::ffff:{PEER.peer} {PEER.peer_port} ::ffff:{PEER.local} 22")[0] == [PEER]


def test_from_an_ancestor_because_sudo_drops_it(proc: Proc) -> None:
    proc.socket(PEER6, 8)
    proc.process(20, 1, "sshd")
    proc.process(30, 20, "sh", {"SSH_CONNECTION": variable(PEER6), "OTHER": "x"})
    proc.process(40, 30, "sudo", {"SUDO_USER": "x"})
    proc.process(50, 40, "python3")
    assert proc.find() == ([PEER6], "SSH_CONNECTION in the environment of process 30")


def test_from_the_sockets_of_sshd_among_the_ancestors(proc: Proc) -> None:
    proc.socket(PEER, 7)
    proc.socket(PEER6, 8)
    proc.process(20, 1, "sshd-session", inodes=[7])
    proc.process(21, 1, "sshd-session", inodes=[8])
    proc.process(50, 20, "python3")
    assert proc.find() == ([PEER], "sockets of sshd among the ancestors")


def test_a_port_that_a_session_forwards_is_none_by_which_the_host_is_managed(proc: Proc) -> None:
    """``ssh -R``: the process of the session listens for its user, and has connections there, too."""
    proc.socket(Session("0.0.0.0", 0, "0.0.0.0", 2022), 5, "0A")
    proc.process(10, 1, "sshd", inodes=[5])
    assert sessions.managed_ports(str(proc.root)) == (2022,)
    proc.socket(Session("0.0.0.0", 0, "0.0.0.0", 8080), 6, "0A")
    proc.socket(PEER._replace(local_port=2022), 7)
    proc.socket(PEER._replace(local_port=8080), 8)
    proc.process(20, 10, "sshd", inodes=[6, 7, 8])
    assert sessions.managed_ports(str(proc.root)) == (2022,)
    # where systemd listens, the session alone tells
    (proc.root / "10" / "comm").write_text("systemd\n")
    assert sessions.managed_ports(str(proc.root)) == (2022,)


def test_where_systemd_listens_for_sshd_its_files_tell_the_ports(proc: Proc, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Also while nobody is logged in: a run on the host itself must not find others than one over ssh."""
    root = tmp_path_factory.mktemp("root")
    for path, text in {
        "usr/lib/systemd/system/ssh.socket": "[Socket]\nListenStream=22\n",
        "etc/systemd/system/ssh.socket.d/port.conf": "[Socket]\nListenStream=\nListenStream=2222\n",
        "run/systemd/generator/ssh.socket.d/addresses.conf": "[Socket]\nListenStream=0.0.0.0:2022\nListenStream=[::]:2023\n",
    }.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    for inode, port in enumerate((2222, 2022, 2023, 111), start=5):
        proc.socket(Session("0.0.0.0", 0, "0.0.0.0", port), inode, "0A")
        (proc.root / "1/fd" / str(inode)).symlink_to(f"socket:[{inode}]")
    assert sessions.managed_ports(str(proc.root), root=str(root)) == (2022, 2023, 2222)


def test_from_any_sshd_where_the_ancestors_are_lost(proc: Proc) -> None:
    proc.socket(PEER, 7)
    proc.socket(PEER6, 8)
    proc.process(20, 1, "sshd", inodes=[7, 8])
    proc.process(21, 1, "nginx", inodes=[9])
    proc.process(50, 1, "python3")
    assert proc.find() == ([PEER, PEER6], "established sockets of sshd")


@pytest.mark.parametrize("value", ["", "x", "1 2 3", "10.9.0.5 a 10.0.1.11 22", "nonsense 50022 10.0.1.11 22", variable(PEER._replace(peer_port=1))])
def test_a_session_that_is_not_here_is_none(proc: Proc, value: str) -> None:
    elsewhere = PEER._replace(local_port=443)
    proc.socket(elsewhere, 7)
    proc.socket(PEER6, 8, state="06")
    proc.process(50, 1, "python3")
    for text in (value, variable(PEER6)):
        assert proc.find(SSH_CONNECTION=text) == ([], sessions.NOBODY)


def test_sockets_that_cannot_be_read_are_not_none(tmp_path: pathlib.Path) -> None:
    watch = sessions.find_sessions({"SSH_CONNECTION": variable(PEER)}, str(tmp_path / "none"), 1)
    assert watch.sessions == ()
    assert "No such file" in watch.unknown[0]


def test_the_real_proc_of_a_real_ancestor() -> None:
    """A shell with the variable, and below it a process without: what sudo makes of it."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _address = server.accept()
        peer, local = client.getsockname(), server.getsockname()
        code = f"import sys; sys.path[:0] = {sys.path!r}\n"
        code += "from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import sessions\n"
        code += "sessions.is_inside = lambda session: False\nsessions._Sockets.is_inside = lambda self, session: False\nprint(sessions.find_sessions())\n"
        shell = f"env -u SSH_CONNECTION {sys.executable} -c '{code.replace(chr(39), chr(34))}'; true"
        environment = {**os.environ, "SSH_CONNECTION": f"{peer[0]} {peer[1]} {local[0]} {local[1]}"}
        output = subprocess.run(["sh", "-c", shell], env=environment, capture_output=True, text=True, check=True).stdout
        accepted.close()
    assert f"peer_port={peer[1]}" in output
    assert "in the environment of process" in output


def rule(**fields: t.Any) -> dict[str, t.Any]:
    """A complete wire rule: inbound TCP from anywhere unless told otherwise."""
    rules, problems = _ruleset.check([{"name": "r", "direction": "in", "protocol": "tcp", "remote_addresses": ["any"], **fields}], {"s": [], "none": []})
    assert problems == []
    return rules[0]


ADMIT = [
    (rule(), True),
    (rule(protocol="any"), True),
    (rule(local_ports=["22"]), True),
    (rule(local_ports=["1-100"]), True),
    (rule(remote_addresses=["@s"]), True),
    (rule(remote_addresses=["10.9.0.0-10.9.0.9"]), True),
    (rule(remote_ports=["1024-65535"]), True),
    (rule(local_addresses=["10.0.1.0/24"]), True),
    (rule(local_ports=["23"]), False),
    (rule(protocol="udp"), False),
    (rule(direction="out"), False),
    (rule(action="block"), False),
    (rule(remote_addresses=["10.9.0.6", "fd00::/8"]), False),
    (rule(remote_ports=["50022"]), False),
    (rule(local_addresses=["10.0.1.12"]), False),
    (rule(local_addresses=["@none"]), False),
]


@pytest.mark.parametrize(("given_rule", "admitted"), ADMIT)
def test_a_session_is_admitted_or_not(given_rule: dict[str, t.Any], admitted: bool) -> None:
    found = _guard.lockout([given_rule], {"s": ["10.9.0.0/16"], "none": []}, "block", {}, [PEER])
    assert (found == []) is admitted
    if not admitted:
        assert found[0].startswith("the present session from 10.9.0.5 to 10.0.1.11 port 22: ")


@pytest.mark.parametrize("default", ["allow", "keep"])
def test_an_open_default_locks_out_only_by_a_block(default: str) -> None:
    block = rule(name="b", action="block", local_ports=["20-30"], remote_addresses=["10.9.0.0/24"])
    assert _guard.lockout([], {}, default, {}, [PEER]) == []
    assert _guard.lockout([block], {}, default, {}, [PEER]) == ["the present session from 10.9.0.5 to 10.0.1.11 port 22: the rule 'b' blocks it"]
    assert _guard.lockout([dict(block, local_addresses=["10.0.1.12"])], {}, default, {}, [PEER]) == []
    assert _guard.lockout([dict(block, local_ports=["23"])], {}, default, {}, [PEER]) == []


def test_loopback_and_own_addresses_are_never_cut() -> None:
    for session in (Session("127.0.0.1", 5, "127.0.0.1", 22), Session("::1", 5, "::1", 22), Session("10.0.1.11", 5, "10.0.1.11", 22)):
        assert _guard.lockout([], {}, "block", {}, [session]) == []


def test_management_may_be_admitted_by_several_rules_and_ports_in_several_forms() -> None:
    rules = [rule(local_ports=["22"], remote_addresses=["10.9.0.0/25"]), rule(local_ports=["22-23"], remote_addresses=["10.9.0.128/25"])]
    assert _guard.lockout(rules, {}, "block", {"addresses": ["10.9.0.0/24"], "ports": ["22", 22, "tcp/22"]}, []) == []
    assert len(_guard.lockout(rules, {}, "block", {"addresses": ["10.9.0.0/23", "any"], "ports": ["22"]}, [])) == 2
    assert _guard.lockout([rule(local_ports=["1-2000"])], {}, "block", {"addresses": ["any"], "ports": ["1-1000"]}, []) == []
    assert len(_guard.lockout([rule(local_ports=["1-999"])], {}, "block", {"addresses": ["any"], "ports": ["1-1000"]}, [])) == 1
    assert _guard.lockout([], {}, "block", {"addresses": None, "ports": ["22"]}, []) == []


addresses = st.integers(0, 15).map(lambda number: f"10.0.0.{number}")
some = st.lists(addresses, min_size=1, max_size=4)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["allow", "block"]), some, st.sampled_from([[], ["22"], ["80"]])), max_size=5), some)
def test_management_agrees_with_address_by_address(made: list[tuple[str, list[str], list[str]]], wanted: list[str]) -> None:
    rules = [rule(name=str(number), action=action, remote_addresses=texts, local_ports=ports) for number, (action, texts, ports) in enumerate(made)]
    found = _guard.lockout(rules, {}, "block", {"addresses": wanted, "ports": ["22"]}, [])

    def open_to(address: str) -> bool:
        hit = [r["action"] for r in rules if address in r["remote_addresses"] and r["local_ports"] in ([], ["22"])]
        return "allow" in hit and "block" not in hit

    assert len(found) == sum(not open_to(address) for address in wanted)
    assert _addresses.parse(wanted)


FORWARDED = Session("127.0.0.1", 50300, "127.0.0.1", 22)
OUTSIDE = Session("10.9.0.5", 50301, "10.0.1.11", 2443)


def test_a_session_from_the_host_itself_is_that_of_whom_it_forwards(proc: Proc) -> None:
    proc.socket(FORWARDED, 7)
    proc.socket(FORWARDED._replace(peer_port=22, local_port=50300), 8)
    proc.socket(OUTSIDE, 9)
    proc.process(50, 1, "python3")
    seen = proc.watch(came_by=2443, SSH_CONNECTION=variable(FORWARDED))
    assert (seen.sessions, seen.unknown, seen.own) == ((OUTSIDE,), (), FORWARDED)
    lost = proc.watch(came_by=2022, SSH_CONNECTION=variable(FORWARDED))
    assert lost.sessions == () and "ansible_port: 2443" in lost.unknown[0] and "none is at port 2022" in lost.unknown[0]


def test_one_that_comes_by_another_address_of_the_host_is_known_by_its_other_end(proc: Proc) -> None:
    inner = Session("10.0.1.12", 50300, "10.0.1.11", 22)
    proc.socket(inner, 7)
    proc.socket(Session(inner.local, inner.local_port, inner.peer, inner.peer_port), 8)
    proc.process(20, 1, "sshd", inodes=[7])
    proc.process(50, 20, "python3")
    assert proc.watch(came_by=22).unknown[0].startswith("the session comes from this host itself")
    proc.socket(PEER, 9)
    assert proc.watch(came_by=22).sessions == (PEER,)


def _forbid(monkeypatch: pytest.MonkeyPatch, *pids: str) -> None:
    """Take away the right to trace: what of these processes the kernel gives only to who may."""
    read, listdir = sessions._read, os.listdir

    def may(path: str) -> None:
        parts = path.split(os.sep)
        if any(pid in parts for pid in pids) and parts[-1] in ("environ", "fd"):
            raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(sessions, "_read", lambda path: (may(path), read(path))[1])
    monkeypatch.setattr(sessions.os, "listdir", lambda path: (may(path), listdir(path))[1])


@pytest.mark.parametrize("came_by", [22, None])
def test_who_may_not_trace_takes_every_session_at_the_port(proc: Proc, monkeypatch: pytest.MonkeyPatch, came_by: t.Optional[int]) -> None:
    proc.socket(PEER, 7)
    proc.process(20, 1, "sshd", inodes=[7])
    proc.process(30, 20, "sh", {"SSH_CONNECTION": variable(PEER)})
    proc.process(50, 30, "python3")
    _forbid(monkeypatch, "20", "30")
    assert proc.watch(came_by=came_by) == Watch((PEER,), sessions.BY_PORT, own=PEER)


def test_who_may_not_trace_and_sees_only_other_ports_does_not_know(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    other = PEER._replace(local_port=2022)
    proc.socket(other, 7)
    proc.socket(Session("0.0.0.0", 0, "0.0.0.0", 2022), 6, state="0A")
    proc.process(20, 1, "sshd", inodes=[6, 7])
    proc.process(50, 20, "python3")
    assert proc.watch().sessions == (other,)
    _forbid(monkeypatch, "20")
    hidden = proc.watch()
    assert hidden.sessions == () and "connections to port 2022 are open" in hidden.unknown[0]
    assert len(proc.watch(came_by=5022).unknown) == 2
    assert proc.watch(came_by=2022).sessions == (other,)


def test_a_chain_of_processes_that_breaks_off_has_a_hidden_one(proc: Proc) -> None:
    proc.socket(PEER._replace(local_port=443), 7)
    proc.socket(Session("::", 0, "::", 443), 6, state="0A")
    proc.process(50, 30, "python3")
    assert "cannot be read" in proc.watch().unknown[0]


def test_where_nobody_is_the_ports_by_which_somebody_could_come_are_told(proc: Proc) -> None:
    for number, (address, port) in enumerate([("0.0.0.0", 22), ("::", 2022), ("127.0.0.1", 2023), ("0.0.0.0", 443)]):
        proc.socket(Session(address, 0, address, port), 60 + number, state="0A")
    proc.process(20, 1, "sshd", inodes=[60, 61, 62])
    proc.process(50, 1, "python3")
    assert proc.watch() == Watch((), sessions.NOBODY, (), (22, 2022))
