# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets from another network namespace to a booted host with ufw: what passes, and that nothing passes or stops while rules are loaded."""

from __future__ import annotations

import errno
import select
import socket
import threading
import time
import typing as t

import pytest
from network_namespaces import run

pytestmark = [pytest.mark.container, pytest.mark.packets]

HOST, HOST6, CLIENT, OTHER = "10.7.0.1", "fd07::1", "10.7.0.2", "10.7.0.3"


@pytest.fixture
def wired(ufw: t.Any, network: None) -> t.Any:
    """The container and this thread's namespace on one wire."""
    run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")
    run(f"ip link add client type veth peer name wire netns {ufw.container.pid}")
    run(f"ip addr add {CLIENT}/24 dev client; ip addr add {OTHER}/24 dev client; ip addr add fd07::2/64 dev client nodad; ip link set client up")
    ufw.run(f"ip addr add {HOST}/24 dev wire; ip addr add {HOST6}/64 dev wire nodad; ip link set wire up")
    yield ufw
    run("ip link del client")


def passes(port: int, host: str = HOST, source: str = "", wait: float = 1.0) -> bool:
    """Tell whether a TCP connection gets an answer; a reset proves passage as well as a listener does."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as client:
        client.settimeout(wait)
        if source:
            client.bind((source, 0))
        try:
            client.connect((host, port))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True


def eventually(check: t.Callable[[], bool]) -> bool:
    """Neighbours and links take a moment on a busy machine."""
    return any(check() for _attempt in range(10))


def test_what_passes_is_what_the_rules_say(wired: t.Any, rule: t.Any) -> None:
    rules = [
        rule("web", local_ports=["80", "8000-8010"], remote_addresses=[f"{CLIENT}/32", "fd07::/64"]),
        rule("never", action="block", remote_addresses=[CLIENT], local_ports=["8005"]),
        rule("range", local_ports=["90"], remote_addresses=["10.7.0.3-10.7.0.9"]),
    ]
    wired.run("ufw allow 8080/tcp; ufw deny proto tcp from 10.7.0.2 to any port 8007; ufw allow 8005/tcp")
    assert wired(*rules)["effective"]["in_force"]
    assert eventually(lambda: passes(80))
    expected = {80: True, 8000: True, 8010: True, 8011: False, 8005: False, 8007: False, 8080: True, 90: False, 22: False}
    assert {port: passes(port, wait=1.0 if right else 0.4) for port, right in expected.items()} == expected
    assert [passes(port, source=OTHER, wait=0.5) for port in (80, 90, 8005, 8007)] == [False, True, True, False]
    assert eventually(lambda: passes(80, HOST6))
    assert not passes(90, HOST6, wait=0.4)
    wired(*rules, default_inbound="allow")
    assert [passes(port, wait=0.5) for port in (22, 8005, 8007)] == [True, False, False]
    wired(state="absent")
    assert [passes(port, wait=0.5) for port in (80, 8080)] == [False, True]


def test_strict_outbound(wired: t.Any, rule: t.Any) -> None:
    """From the host itself: what a rule names passes, and an answer to what came in does."""
    assert eventually(lambda: passes(8080) or not passes(8080, wait=0.1))
    rules = [rule("web", direction="out", remote_ports=["443"], remote_addresses=[CLIENT]), rule("in", local_ports=["80"])]
    assert wired(*rules, default_outbound="block")["effective"]["in_force"]
    code = (
        "import socket\n"
        "for address, port in (('10.7.0.2', 443), ('10.7.0.2', 444), ('10.7.0.3', 443), ('fd07::2', 443)):\n"
        "    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET); s.settimeout(1)\n"
        "    try: s.connect((address, port))\n"
        "    except OSError as error: print(type(error).__name__)\n"
    )
    assert wired.container.python(code).split() == ["ConnectionRefusedError", "TimeoutError", "TimeoutError", "TimeoutError"]
    assert passes(80)


class Prober(threading.Thread):
    """Opens connections to two ports all the time; a thread inherits the namespace of its maker."""

    def __init__(self, allowed: int, blocked: int) -> None:
        super().__init__(daemon=True)
        self.ports = {allowed: True, blocked: False}
        self.wrong: list[tuple[int, str]] = []
        self.tried = 0
        self.end = False

    def run(self) -> None:
        while not self.end:
            for port, expected in self.ports.items():
                with socket.socket() as client:
                    client.setblocking(False)
                    client.connect_ex((HOST, port))
                    # Far beyond a round trip on a busy machine where an answer must come; short where none may.
                    _r, ready, _x = select.select([], [client], [], 0.9 if expected else 0.003)
                    answered = bool(ready) and client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
                    if answered != expected:
                        self.wrong.append((port, "stopped" if expected else "passed"))
                self.tried += 1


def _until(condition: t.Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _probed(deed: t.Callable[[], t.Any]) -> Prober:
    prober = Prober(80, 81)
    prober.start()
    _until(lambda: prober.tried > 20)
    deed()
    tried = prober.tried
    _until(lambda: prober.tried > tried + 20)
    prober.end = True
    prober.join(300)
    return prober


def test_no_packet_meets_an_empty_chain(wired: t.Any, rule: t.Any) -> None:
    allowed = rule("web", local_ports=["80"])
    wired(allowed)
    assert eventually(lambda: passes(80))

    def changes() -> None:
        for number in range(4):
            # Both families, the rules and a default, in every run.
            assert wired(allowed, rule(f"r{number}", local_ports=["1000"]), default_outbound=("block", "keep")[number % 2])["changed"]

    assert _probed(changes).wrong == []
    # The same with ufw's own reload shows that this test would see a gap.
    assert any(_probed(lambda: wired.run("ufw reload")).wrong for _attempt in range(5))


def test_a_session_outlives_every_change(wired: t.Any, rule: t.Any) -> None:
    wired.behind("ufw default allow incoming")  # what leaves is allowed from the beginning
    wired.run(
        "systemd-run -q --unit echo python3 -c 'import socket; s=socket.create_server((\"\", 7)); c=s.accept()[0]\nwhile True: c.sendall(c.recv(99) or exit())'"
    )
    assert eventually(lambda: passes(8))
    wired.run("for i in $(seq 600); do ss -Hltn 'sport = 7' | grep -q . && exit 0; sleep 0.1; done; exit 1")
    with socket.create_connection((HOST, 7), timeout=60) as session:
        for number, (inbound, outbound) in enumerate((("keep", "keep"), ("block", "keep"), ("keep", "block"), ("block", "block"))):
            wired(rule("ssh", local_ports=["22"]), default_inbound=inbound, default_outbound=outbound)
            session.sendall(b"still %d" % number)
            assert session.recv(99) == b"still %d" % number
        assert not passes(9, wait=0.3)
        wired(state="absent")
        session.sendall(b"bye")
        assert session.recv(99) == b"bye"
    wired.run("systemctl stop echo", check=False)
