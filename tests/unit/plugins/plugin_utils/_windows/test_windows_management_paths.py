# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to be connected to a Windows host, each under rules that admit it and under rules that do not: the right verdict, or "cannot tell".

What cannot be told is refused where no timer takes the change back, and warned of where one does. The twin for Linux hosts has real connections.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import Refused, run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import FakeHost
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

HERE = "10.1.1.20"
ADMITTED, LOCKED_OUT, CANNOT_TELL = "admitted", "locked out", "cannot tell"


class Way(t.NamedTuple):
    """How somebody is connected: what the host sees of it, by which port the controller came, and the verdict under rules that admit port and peer, or not."""

    ssh: t.Optional[str] = None
    sessions: t.Any = ()
    came_by: t.Optional[t.Sequence[int]] = (5986,)
    admits: tuple[str, str] = ("5986", "10.9.0.5")
    verdicts: tuple[str, str] = (ADMITTED, LOCKED_OUT)


def tcp(port: int, peer: str = "10.9.0.5", local: str = HERE) -> Plain:
    return {"peer": peer, "peer_port": 50111, "local": local, "local_port": port}


UNKNOWN = (CANNOT_TELL, CANNOT_TELL)
WAYS: dict[str, Way] = {
    "WinRM over HTTPS": Way(sessions=[tcp(5986)]),
    "WinRM over HTTP, port not said (PSRP's default)": Way(sessions=[tcp(5985)], came_by=[], admits=("5985", "10.9.0.5")),
    "PSRP on another port": Way(sessions=[tcp(8443)], came_by=[8443], admits=("8443", "10.9.0.5")),
    "ssh": Way(ssh=f"10.9.0.5 50000 {HERE} 22", came_by=[22], admits=("22", "10.9.0.5")),
    "ssh on another port": Way(ssh=f"10.9.0.5 50000 {HERE} 2222", came_by=[2222], admits=("2222", "10.9.0.5")),
    "ssh, forwarded to it by a translating router": Way(ssh=f"10.9.0.5 50000 {HERE} 22", came_by=[2222], admits=("22", "10.9.0.5")),
    "ssh over IPv6": Way(ssh="fd09::5 50000 fd01::20 22", came_by=[22], admits=("22", "fd09::5")),
    "ssh over IPv4, as an address of IPv6": Way(ssh=f"::ffff:10.9.0.5 50000 ::ffff:{HERE} 22", came_by=[22], admits=("22", "10.9.0.5")),
    "ssh from the same link, with a zone": Way(ssh="fe80::5%4 50000 fe80::20%4 22", came_by=[22], admits=("22", "fe80::5")),
    "WinRM over IPv6": Way(sessions=[tcp(5986, "fd09::5", "fd01::20")], admits=("5986", "fd09::5")),
    "WinRM through a jump host": Way(sessions=[tcp(5986, "10.8.0.1")], admits=("5986", "10.8.0.1")),
    "two administrators": Way(sessions=[tcp(5986), tcp(5985, "10.9.0.6")], verdicts=(LOCKED_OUT, LOCKED_OUT)),
    "an agent on the host talks to WinRM besides": Way(sessions=[tcp(5986), tcp(5985, HERE)]),
    "a forwarder on the host, before ssh": Way(ssh="127.0.0.1 50000 127.0.0.1 22", came_by=[2222], verdicts=UNKNOWN),
    "the same, and its own connection is seen": Way(ssh="127.0.0.1 50000 127.0.0.1 22", sessions=[tcp(2222)], came_by=[2222], admits=("2222", "10.9.0.5")),
    "the same at the port of ssh": Way(ssh="::1 50000 ::1 22", came_by=[22], verdicts=UNKNOWN),
    "a forwarder on the host, before WinRM": Way(sessions=[tcp(5985, "127.0.0.1", "127.0.0.1")], came_by=[15985], verdicts=UNKNOWN),
    "the same by the host's own address, port not said": Way(sessions=[tcp(5985, HERE)], came_by=[], verdicts=UNKNOWN),
    "WinRM, another port outside than inside": Way(sessions=[], came_by=[443], verdicts=UNKNOWN),
    "the same, and somebody else is connected": Way(sessions=[tcp(5986)], came_by=[443], verdicts=(CANNOT_TELL, LOCKED_OUT)),
    "no session is seen, and no port is known": Way(sessions=[], came_by=[], verdicts=UNKNOWN),
    "the table of connections cannot be read": Way(sessions="access denied", came_by=[], verdicts=UNKNOWN),
    "a peer whose address is none": Way(sessions=[tcp(5986), tcp(5986, "vmbus:4")], verdicts=(CANNOT_TELL, LOCKED_OUT)),
    "nobody over the network (a task on the host itself)": Way(sessions=[], came_by=None, verdicts=(ADMITTED, ADMITTED)),
}
assert len(WAYS) >= 24


def host(way: Way) -> FakeHost:
    """A host that lets everything in by default, so it begins to close with what is asked for here."""
    found = FakeHost()
    found.ssh_connection, found.sessions = way.ssh, way.sessions if isinstance(way.sessions, str) else list(way.sessions)
    for profile in found.profiles.values():
        profile["inbound"] = "allow"
    return found


def verdict(way: Way, given: Plain, timer: bool) -> str:
    found = host(way)
    try:
        result = run({**given, "rollback_timeout": 60 if timer else 0}, found, ports=way.came_by)
    except Refused as refusal:
        assert not found.commits
        return CANNOT_TELL if str(refusal).startswith("it cannot be told") else LOCKED_OUT
    assert found.commits
    return CANNOT_TELL if any(text.startswith("it cannot be told") for text in result["warnings"]) else ADMITTED


@pytest.mark.parametrize("timer", [False, True], ids=["no timer", "a timer"])
@pytest.mark.parametrize("name", WAYS)
def test_every_way_gets_its_verdict(name: str, timer: bool) -> None:
    way = WAYS[name]
    port, peer = way.admits
    admitting = options(rule("management", [port], [peer]), default_inbound="block")
    other = options(rule("web", ["443"], ["10.20.0.0/16"]), default_inbound="block")
    assert (verdict(way, admitting, timer), verdict(way, other, timer)) == way.verdicts


@pytest.mark.parametrize("timer", [False, True], ids=["no timer", "a timer"])
def test_what_cannot_be_told_stops_nothing_that_closes_nothing(timer: bool) -> None:
    """An allow more, or a default that stays: nobody who comes in today is stopped by that."""
    way = WAYS["a forwarder on the host, before ssh"]
    assert verdict(way, options(rule("web", ["443"])), timer) == ADMITTED
    assert verdict(way, options(rule("no", ["443"], action="block")), timer) == CANNOT_TELL


def test_who_is_declared_need_not_be_seen_but_a_forwarder_must() -> None:
    management = {"addresses": ["10.9.0.0/24"], "ports": ["5986"]}
    given = options(rule("management", ["5986"], ["10.9.0.0/24"]), default_inbound="block", management=management)
    assert verdict(WAYS["no session is seen, and no port is known"], given, timer=False) == ADMITTED
    assert verdict(WAYS["a forwarder on the host, before ssh"], given, timer=False) == CANNOT_TELL


def test_it_says_what_to_do() -> None:
    way = WAYS["a forwarder on the host, before WinRM"]
    with pytest.raises(Refused) as caught:
        run(options(rule("web", ["443"]), default_inbound="block"), host(way), ports=way.came_by)
    assert caught.value.problems == [
        "the session comes from this host itself (a forwarder or a jump host on it: 127.0.0.1 port 50111), and the connection from outside that it "
        "belongs to is not known, and none to port 15985 is open; set ansible_port to the port of the host itself by which you come; "
        "say who must stay admitted (msports_management in the inventory, or the option management)"
    ]
    assert "rollback_timeout: 60" in str(caught.value) and "allow_lockout: true" in str(caught.value)
    allowed = options(rule("web", ["443"]), default_inbound="block", allow_lockout=True)
    assert run(allowed, host(way), ports=way.came_by)["changed"]
