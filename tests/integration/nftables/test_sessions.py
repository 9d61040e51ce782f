# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that are open when rules change: what the lockout guard makes of them, and whether they live on."""

from __future__ import annotations

import contextlib
import socket
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import WAIT, Peer, run

pytestmark = pytest.mark.packets


CLIENT = """
import socket, sys
session = socket.create_connection((%r, 22)); session.settimeout(%s)
print(session.getsockname()[1])
for line in sys.stdin:
    try:
        if line == "speak\\n":
            session.send(b"peer")
        print(session.recv(9))
    except OSError as error:
        print(type(error).__name__)
"""


class SshSession:
    """A connection from the peer to port 22 here, with both ends at hand."""

    def __init__(self, peer: Peer) -> None:
        listener = socket.create_server((peer.here, 22))
        self.client = peer.python(CLIENT % (peer.here, WAIT * 4))
        self.server, _address = listener.accept()
        listener.close()
        self.server.settimeout(WAIT * 4)
        assert self.client.stdout is not None
        self.variable = f"{peer.there} {self.client.stdout.readline().strip()} {peer.here} 22"

    def tell(self, word: str) -> None:
        assert self.client.stdin is not None
        self.client.stdin.write(word + "\n")
        self.client.stdin.flush()

    def heard(self) -> str:
        assert self.client.stdout is not None
        return self.client.stdout.readline().strip()

    def close(self) -> None:
        self.server.close()
        self.client.kill()
        self.client.communicate()


@pytest.fixture
def session(peer: Peer) -> t.Iterator[SshSession]:
    made = SshSession(peer)
    yield made
    made.close()


def test_the_guard_refuses_what_would_cut_the_present_session(apply: t.Any, rule: t.Any, peer: Peer, session: SshSession) -> None:
    apply.environment = {"SSH_CONNECTION": session.variable}
    wrong = [
        [],
        [rule("other", local_ports=["22"], remote_addresses=["10.9.0.0/24"])],
        [rule("port", local_ports=["2222"])],
        [rule("source", local_ports=["22"], remote_ports=["1-1023"])],
        [rule("here", local_ports=["22"], local_addresses=["10.7.0.9"])],
        [rule("udp", protocol="udp", local_ports=["22"])],
        [rule("out", direction="out", local_ports=["22"])],
        [rule("right", local_ports=["22"]), rule("blocked", action="block", protocol="any", remote_addresses=["10.7.0.0/28"])],
    ]
    for rules in wrong:
        for check in (True, False):
            with pytest.raises(Refused, match="lock out") as caught:
                apply(*rules, check=check)
            assert peer.there in str(caught.value)
    assert run("nft list ruleset") == ""
    assert apply(*wrong[1], mode="audit")["changed"]
    assert apply(*wrong[1], allow_lockout=True)["changed"]
    done = apply(rule("right", local_ports=["22"], remote_addresses=["10.7.0.0/24"]))
    assert done["effective"]["guarded"] == [f"{peer.here} port 22 from {peer.there} (SSH_CONNECTION in the environment)"]


def test_the_guard_refuses_what_would_cut_management(apply: t.Any, rule: t.Any) -> None:
    management = {"addresses": ["10.9.0.0/24", "fd09::/64"], "ports": ["22", "5985-5986"]}
    admitted = [
        rule("ssh", local_ports=["22"], remote_addresses=["10.9.0.0/25", "10.9.0.128/25", "fd09::/48"]),
        rule("winrm", local_ports=["5985"], remote_addresses=["any"]),
        rule("winrm tls", local_ports=["5986"], remote_addresses=["@both"]),
    ]
    sets = {"both": ["10.9.0.0/24", "fd09::/64"]}
    assert apply(*admitted, management=management, address_sets=sets)["changed"]
    with pytest.raises(Refused) as caught:
        apply(*admitted, management=management, address_sets={"both": ["10.9.0.0/24"]})
    (problem,) = caught.value.problems
    assert problem.startswith("management from fd09::/64 to port 5985-5986: no rule admits it; ") and "msports_management" in problem
    with pytest.raises(Refused, match="blocks it"):
        apply(*admitted, rule("no", action="block", remote_addresses=["10.9.0.7"]), management=management, address_sets=sets)
    assert apply(management=management, default_inbound="allow")["changed"]


def test_a_session_that_is_not_in_this_namespace_has_nothing_to_guard(apply: t.Any) -> None:
    apply.environment = {"SSH_CONNECTION": "192.0.2.9 40000 192.0.2.1 22"}
    done = apply()
    assert done["effective"]["guarded"] == ["no management session over the network was found: there is nothing to guard"]
    assert apply.pauses == []


def _loose(value: int) -> None:
    """Tell whether the kernel picks up sessions midway."""
    run(f"echo {value} > /proc/sys/net/netfilter/nf_conntrack_tcp_loose")


def _speak(session: SshSession, first: str) -> None:
    if first == "peer":
        session.tell("speak")
        assert session.server.recv(9) == b"peer"
    session.server.send(b"server")
    if first == "server":
        session.tell("listen")
    assert session.heard() == "b'server'"


@pytest.mark.parametrize("loose", [1, 0])
@pytest.mark.parametrize("first", ["peer", "server"])
def test_an_idle_session_from_before_survives_the_first_default_drop(apply: t.Any, rule: t.Any, session: SshSession, first: str, loose: int) -> None:
    """Nothing was tracked until now, and the session says nothing until the rules are in force: the kernel was told of it."""
    _loose(loose)
    apply.environment = {"SSH_CONNECTION": session.variable}
    apply(rule("ssh", local_ports=["22"], remote_addresses=["10.7.0.2"]), default_outbound="block")
    assert (apply.pauses, apply.nudges) == ([], 0)
    _speak(session, first)
    apply(rule("ssh", local_ports=["22"], remote_addresses=["10.7.0.0/24"]), default_outbound="block")
    assert (apply.pauses, apply.nudges) == ([], 0)


@pytest.mark.parametrize("first", ["peer", "server"])
def test_where_the_kernel_cannot_be_told_of_sessions_they_get_a_moment(apply: t.Any, rule: t.Any, session: SshSession, first: str) -> None:
    """Nothing was tracked until now: the session must be learnt before anything is dropped, and carry one packet meanwhile."""
    apply.environment = {"SSH_CONNECTION": session.variable}
    apply.learn = lambda sessions: False

    def nudge() -> None:
        apply.nudges += 1
        session.server.send(b"nudge")

    apply._nudge = nudge
    apply(rule("ssh", local_ports=["22"], remote_addresses=["10.7.0.2"]), default_outbound="block")
    assert (apply.pauses, apply.nudges) == ([2.0], 1)
    session.tell("listen")
    assert session.heard() == "b'nudge'"
    _speak(session, first)
    apply(rule("ssh", local_ports=["22"], remote_addresses=["10.7.0.0/24"]), default_outbound="block")
    assert apply.pauses == [2.0], "only the first time"


ANSWER_LATE = """
import socket, sys
listener = socket.create_server((%r, 1433), family=socket.AF_INET6 if ":" in %r else socket.AF_INET); print("ready")
session, _ = listener.accept(); session.settimeout(5); print(session.recv(9))
sys.stdin.readline()
session.sendall(bytes(2 ** 20))
print(sum(len(data) for data in iter(lambda: session.recv(65536), b"")))
"""


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("told", "survives"), [(True, True), (False, False)])
def test_what_this_host_waits_for_from_elsewhere_still_comes(apply: t.Any, peer: Peer, family: int, told: bool, survives: bool) -> None:
    """A session that this host began before the first rules, and whose other end speaks first; without the telling it is cut."""
    _loose(0)
    there = peer.there if family == 4 else peer.there6
    other = peer.python(ANSWER_LATE % (there, there))
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "ready\n"
    apply.learn = apply.learn if told else lambda sessions: True
    with socket.create_connection((there, 1433), timeout=60) as client:
        client.send(b"question")
        assert other.stdout.readline() == "b'question'\n"
        apply(default_outbound="keep")
        client.settimeout(60 if survives else WAIT * 3)
        other.stdin.write("now\n")
        other.stdin.flush()
        received = 0
        with contextlib.suppress(TimeoutError):
            while received < 2**20:
                received += len(client.recv(65536))
        assert (received == 2**20) is survives
        if survives:
            client.sendall(bytes(2**20))
            client.shutdown(socket.SHUT_WR)
            assert other.stdout.readline() == f"{2**20}\n"
    assert apply.pauses == []
    other.kill()
    other.communicate()


def test_a_kernel_that_is_told_twice_keeps_what_it_knows(network: None) -> None:
    sessions = [Session("10.9.0.5", 50022, "10.0.1.11", 22), Session("fd09::5", 50023, "fd00::11", 22)]
    assert tracking.learn(sessions)
    assert tracking.learn(sessions)
    entries = run("cat /proc/net/nf_conntrack").splitlines()
    assert len(entries) == 2
    assert all("ESTABLISHED" in entry and "[ASSURED]" in entry for entry in entries)
    assert not tracking.learn([Session("10.9.0.5", 50022, "10.0.1", 22)]), "what is no address is refused"


def test_without_the_telling_the_idle_session_would_die(apply: t.Any, rule: t.Any, session: SshSession) -> None:
    """The control of the test above: what it shows is not given by itself."""
    apply.learn = lambda sessions: True  # which is not true
    apply.environment = {"SSH_CONNECTION": session.variable}
    apply(rule("ssh", local_ports=["22"], remote_addresses=["10.7.0.2"]), default_outbound="block")
    assert apply.pauses == []
    session.server.send(b"server")
    session.tell("listen")
    assert session.heard() == "TimeoutError"


def test_established_sessions_survive_later_changes(apply: t.Any, rule: t.Any, peer: Peer) -> None:
    apply(rule("ssh", local_ports=["22"]))
    session = SshSession(peer)
    apply(rule("web", local_ports=["443"]), default_outbound="block", allow_lockout=True)
    session.tell("speak")
    assert session.server.recv(9) == b"peer"
    session.server.send(b"server")
    assert session.heard() == "b'server'"
    session.close()
