# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes and what does not, by packets from another namespace; and what the lockout guard makes of a real session."""

from __future__ import annotations

import contextlib
import re
import socket
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux import observe
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import desired, render
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import PROBE, REFUSED, UNREACHABLE, WAIT, Peer, Prober, run

pytestmark = pytest.mark.packets


@pytest.fixture
def peer(peers: t.Callable[..., Peer]) -> Peer:
    return peers("wire0")


@pytest.fixture
def probe(peer: Peer) -> t.Iterator[Prober]:
    prober = Prober(peer.python(PROBE))
    yield prober
    prober.close()


def test_rules_admit_what_they_say_and_nothing_else(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober) -> None:
    apply(
        rule("a", local_ports=["443", "8000-8001"], remote_addresses=["10.7.0.0/24", "fd07::/64"]),
        rule("b", local_ports=["80"], remote_addresses=["10.8.0.0/24"]),
        rule("c", local_ports=["25"], remote_addresses=["any"]),
        rule("d", local_ports=["25"], remote_addresses=["fd07::2"], action="block"),
        rule("e", protocol="udp", local_ports=["53"], remote_addresses=["@many"]),
        rule("f", local_ports=["993"], local_addresses=[peer.here]),
        address_sets={"many": [f"10.7.0.{i}" for i in range(2, 250, 2)]},
    )
    expected = {
        ("tcp", peer.here, 443): REFUSED,
        ("tcp", peer.here6, 443): REFUSED,
        ("tcp", peer.here, 8001): REFUSED,
        ("tcp", peer.here, 8002): "nothing",
        ("tcp", peer.here, 80): "nothing",
        ("tcp", peer.here, 25): REFUSED,
        ("tcp", peer.here6, 25): "nothing",
        ("udp", peer.here, 53): REFUSED,
        ("udp", peer.here6, 53): "nothing",
        ("udp", peer.here, 443): "nothing",
        ("tcp", peer.here, 993): REFUSED,
        ("tcp", peer.here6, 993): "nothing",
    }
    assert {key: probe(*key) for key in expected} == expected


def test_a_rule_ends_with_its_last_day_by_itself(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's clock decides: without a run, after the next boot from the saved file, and in whatever time zone."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    over = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 24 * 60 * 60))
    rules = [rule("open", local_ports=["80"], until=day), rule("over", local_ports=["81"], until=over), rule("ever", local_ports=["82"])]
    assert apply(*rules)["changed"]
    asked = {80: REFUSED, 81: "nothing", 82: REFUSED}
    assert {port: probe("tcp", peer.here, port) for port in asked} == asked
    for zone in ("America/New_York", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        assert not apply(*rules)["changed"]
    with open(apply.saved, encoding="utf-8") as saved:
        run("nft -f -", saved.read())
    assert not apply(*rules)["changed"]
    assert {port: probe("tcp", peer.here, port) for port in asked} == asked
    for seconds in (2, 20, 200):
        soon = int(time.time()) + seconds
        run("nft flush chain inet msports rules_in")
        run("nft -f -", f"add rule inet msports rules_in tcp dport 80 {render.ENDS.format(soon)} accept")
        before = probe("tcp", peer.here, 80)
        if time.time() < soon:  # or else the machine stood still, and it says nothing
            break
    assert before == REFUSED
    time.sleep(max(soon - time.time(), 0) + 0.2)
    assert probe("tcp", peer.here, 80) == "nothing"


def test_a_kernel_that_knows_no_time_keeps_a_rule_until_the_next_run(apply: t.Any, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desired, "has_time", lambda _nft: False)
    result = apply(rule("open", local_ports=["80"], until="2020-01-01"))
    assert "cannot end a rule by itself; the first run after its last day removes it: open" in " ".join(result["warnings"])
    assert "time" not in run("nft list table inet msports")


def test_block_reject_and_audit(apply: t.Any, peer: Peer, probe: Prober) -> None:
    # Without a listener both a reset and an ICMP error tell that the packet was let through, or refused by name.
    run("nft add table ip count; nft add chain ip count c '{ type filter hook output priority 0; }'")
    run("nft add rule ip count c icmp type destination-unreachable icmp code admin-prohibited counter")
    apply(default_inbound="reject")
    assert probe("tcp", peer.here, 80) == REFUSED
    assert probe("udp", peer.here, 80) == UNREACHABLE
    assert "packets 1 " in run("nft list table ip count")
    apply(default_inbound="block")
    assert probe("udp", peer.here, 80) == "nothing"
    apply(default_inbound="block", mode="audit")
    assert probe("udp", peer.here, 80) == REFUSED


def test_strict_outbound(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober) -> None:
    apply(
        rule("in", local_ports=["443"]),
        rule("out", direction="out", remote_ports=["80"], remote_addresses=[peer.there, peer.there6]),
        default_outbound="block",
    )
    assert [_connect(peer.there, 80), _connect(peer.there6, 80), _connect(peer.there, 81)] == ["refused", "refused", "dropped"]
    assert probe("tcp", peer.here, 443) == REFUSED, "replies and resets leave under strict outbound"


def _connect(address: str, port: int, wait: float = WAIT) -> str:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        client.settimeout(wait)
        try:
            client.connect((address, port))
        except ConnectionRefusedError:
            return "refused"
        except (TimeoutError, PermissionError):
            return "dropped"
    return "open"


ICMPV6 = """
import socket, sys
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
for kind, hops in %r:
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    raw.sendto(bytes([kind, 0, 0, 0]) + bytes(20), (%r, 0))
print("sent")
"""


def test_what_keeps_a_host_alive_passes(apply: t.Any, peer: Peer) -> None:
    apply(default_outbound="block")
    seen = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    seen.settimeout(WAIT)
    # (type, hop limit): errors, discovery from this link and from afar, multicast membership, and an echo request.
    sent = [(1, 64), (2, 64), (3, 64), (4, 64), (130, 1), (131, 1), (132, 1), (143, 1), (133, 255), (134, 255), (137, 255), (134, 64), (128, 64)]
    process = peer.python(ICMPV6 % (sent, peer.here6))
    assert process.communicate(timeout=300)[0] == "sent\n"
    types = []
    with contextlib.suppress(TimeoutError):
        while True:
            data, address = seen.recvfrom(200)
            # Sizes tell ours from what the kernels say to each other meanwhile.
            if address[0] == peer.there6 and len(data) == 24:
                types.append(data[0])
    seen.close()
    assert types == [1, 2, 3, 4, 130, 131, 132, 143, 133, 134]
    run("ip -6 neigh flush dev wire0; ip neigh flush dev wire0")
    apply({"name": "v6", "direction": "out", "protocol": "tcp", "remote_addresses": ["any"]}, default_outbound="block")
    assert _connect(peer.there6, 80, 3 * WAIT) == "refused", "neighbour discovery works in both directions"


def test_address_assignment_passes(apply: t.Any, peer: Peer) -> None:
    apply()
    here = {port: _udp("0.0.0.0", port) for port in (68, 69)}
    here6 = _udp("::", 546)
    code = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'wire'); s.bind(('', 67))\n"
        "[s.sendto(b'offer', ('255.255.255.255', port)) for port in (68, 69)]\n"
        "t = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); t.bind(('', 547))\n"
        f"t.sendto(b'reply', ('{_link_local()}', 546, 0, socket.if_nametoindex('wire')))\n"
        "print('sent')\n"
    )
    assert peer.python(code).communicate(timeout=300)[0] == "sent\n"
    assert here[68].recv(9) == b"offer"
    assert here6.recv(9) == b"reply"
    with pytest.raises(TimeoutError):
        here[69].recv(9)
    for each in (*here.values(), here6):
        each.close()


def _udp(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(WAIT)
    made.bind((address, port))
    return made


def _link_local() -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        shown = run("ip -6 -o addr show dev wire0 scope link -tentative").split()
        if shown:
            return shown[shown.index("inet6") + 1].split("/")[0]
        time.sleep(0.05)
    raise AssertionError("no link-local address")


SERVE_TFTP = """
import socket, sys
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); ask.bind(("0.0.0.0", 69)); print("ready")
data, client = ask.recvfrom(99)
answer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); answer.bind(("0.0.0.0", 0)); answer.settimeout(60)
answer.sendto(b"\\0\\3\\0\\1file", client)
print(answer.recvfrom(99)[0])
"""


@pytest.mark.parametrize("helper", ["tftp", ""])
def test_tftp_client_needs_the_helper_and_works_with_it(apply: t.Any, rule: t.Any, peer: Peer, helper: str) -> None:
    apply(rule("tftp", direction="out", protocol="udp", remote_ports=["69"], remote_addresses=[peer.there], helper=helper), default_outbound="block")
    server = peer.python(SERVE_TFTP)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    client = _udp("0.0.0.0", 0)
    client.settimeout(60 if helper else WAIT)
    client.sendto(b"\0\1name\0octet\0", (peer.there, 69))
    if helper:
        data, address = client.recvfrom(99)
        assert (data, address[1] != 69) == (b"\0\3\0\1file", True)
        client.sendto(b"\0\4\0\1", address)
        assert server.stdout.readline() == "b'\\x00\\x04\\x00\\x01'\n"
    else:
        with pytest.raises(TimeoutError):
            client.recvfrom(99)
    client.close()
    server.kill()
    server.communicate()


ASK_TFTP = """
import socket
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); ask.settimeout(%s)
ask.sendto(b"\\0\\1name\\0octet\\0", (%r, 69))
try:
    data, server = ask.recvfrom(99)
    ask.sendto(b"\\0\\4\\0\\1", server)
    print(data)
except socket.timeout:
    print("nothing")
"""


@pytest.mark.parametrize(("helper", "outbound"), [("tftp", "block"), ("", "block"), ("tftp", "keep")])
def test_tftp_server_under_strict_outbound_needs_the_helper(apply: t.Any, rule: t.Any, peer: Peer, helper: str, outbound: str) -> None:
    apply(rule("tftp", protocol="udp", local_ports=["69"], helper=helper), default_outbound=outbound)
    ask = _udp("0.0.0.0", 69)
    ask.settimeout(60)
    client = peer.python(ASK_TFTP % (60 if helper else WAIT * 2, peer.here))
    client_address = ask.recvfrom(99)[1]
    answer = _udp("0.0.0.0", 0)
    with contextlib.suppress(PermissionError):
        answer.sendto(b"\0\3\0\1file", client_address)
    answer.settimeout(60)
    if helper:
        assert answer.recvfrom(99)[0] == b"\0\4\0\1"
    expected = "b'\\x00\\x03\\x00\\x01file'\n" if helper else "nothing\n"
    assert client.communicate(timeout=300)[0] == expected
    ask.close()
    answer.close()


# ---- sessions and the guard ----

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


FLOOD = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((%r, 7))
while True:
    try:
        s.send(b"x")
    except ConnectionRefusedError:  # one came through, and nobody listens
        pass
"""


def _came_through(peer: Peer, load: t.Callable[[int], t.Any], enough: t.Callable[[int, int], bool]) -> int:
    """Call ``load`` with 0, 1, 2... while packets arrive at a port that no rule admits, as fast as they can; return how many came through.

    It ends when ``enough`` says so of how often it was loaded and of how many came through. Packets are counted by chains before and behind ours, in the
    kernel; a load counts when packets have arrived since the one before, because the machine may not let the other side run for a while.
    """
    chains = [f"chain {name} {{ type filter hook input priority {at}; udp dport 7 counter\n}}" for name, at in (("before", -9), ("behind", 9))]
    run("nft -f -", "\n".join(["table inet counting", "delete table inet counting", "table inet counting {", *chains, "}"]))
    flood = peer.python(FLOOD % peer.here)
    number = loads = last = through = 0
    while not enough(loads, through):
        load(number)
        number += 1
        arrived, through = (int(found) for found in re.findall(r"packets (\d+)", run("nft list table inet counting")))
        loads, last = loads + (arrived > last), arrived
        assert number < 5000, f"{loads} loads met packets, {through} of {arrived} came through"
    flood.kill()
    flood.communicate()
    return through


def test_loading_opens_no_gap(apply: t.Any, rule: t.Any, peer: Peer) -> None:
    """While rulesets replace each other, what none of them admits does not come through; loading in two steps lets it."""

    def load(number: int) -> None:
        apply(*[rule(f"r{i}", local_ports=[str(1000 + number % 2 + i)]) for i in range(50)])

    load(0)
    assert _came_through(peer, load, lambda loads, through: loads >= 60 or through > 0) == 0
    ruleset = run("nft list table inet msports")

    def load_in_two_steps(_number: int) -> None:
        run("nft delete table inet msports")
        run("nft -f -", ruleset)

    assert _came_through(peer, load_in_two_steps, lambda _loads, through: through > 20) > 20


def test_rules_count_and_a_look_tells_what_came_since_the_one_before(apply: t.Any, rule: t.Any, peer: Peer, probe: Prober) -> None:
    rules = [rule("web", local_ports=["80"]), rule("idle", local_ports=["81"]), rule("never", local_ports=["22"], action="block")]
    apply(*rules)
    asked = {"tcp 80": probe("tcp", peer.here, 80), "tcp6 80": probe("tcp", peer.here6, 80), "tcp 22": probe("tcp", peer.here, 22)}
    assert asked == {"tcp 80": REFUSED, "tcp6 80": REFUSED, "tcp 22": "nothing"}

    def counted(mark: t.Mapping[str, t.Any]) -> tuple[dict[str, str], dict[str, t.Any]]:
        seen = observe.look("msports", mark)
        return {item["rule"]: item["outcome"] for item in seen["observations"] if item["seen"] == "counter"}, seen["mark"]

    first, mark = counted({})
    assert first == {"web": "passed", "never": "dropped"}
    assert counted(mark)[0] == {}, "nothing came since"
    assert not apply(*rules)["changed"], "what a rule has counted is no change"
    assert probe("tcp", peer.here, 80) == REFUSED
    more, mark = counted(mark)
    assert more == {"web": "passed"}
    apply(*rules, rule("new", local_ports=["82"]))  # loaded anew: all counters begin again
    assert counted(mark)[0] == {}
    assert probe("tcp", peer.here, 81) == REFUSED
    assert counted(mark)[0] == {"idle": "passed"}
