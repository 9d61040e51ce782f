# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to be connected with a host that is under change, each with rules that admit it and rules that do not: the guard's verdict, and the truth.

The truth is what the kernel does: after rules that the guard lets pass a new connection by the same way comes in, after rules that it refuses none does.
"cannot tell" is a refusal where no timer would take the rules back, and a warning where one does.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import struct
import subprocess
import sys
import typing as t

import pytest
import session as stand_in
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.netlink import attribute
from network_namespaces import Peer, run

PASSES, LOCKED, UNSURE = "passes", "locked out", "cannot tell"
PEER, PEER6, HERE, HERE6 = "10.7.0.2", "fd07::2", "10.7.0.1", "fd07::1"
LOCAL = None
Rules = t.List[t.Dict[str, t.Any]]


def rule(name: str, port: t.Union[int, str], *peers: str, **fields: t.Any) -> dict[str, t.Any]:
    return {"name": name, "direction": "in", "protocol": "tcp", "local_ports": [str(port)], "remote_addresses": list(peers or ("any",)), **fields}


SSH = [rule("ssh", 22, PEER, PEER6)]
ELSEWHERE = [rule("ssh", 22, "10.9.0.0/24")]
OTHER_PORT = [rule("web", 443, PEER, PEER6)]
ANY = {"name": "all", "direction": "in", "protocol": "any", "remote_addresses": [PEER]}


class Way(t.NamedTuple):
    """One way: what it looks like on the host (see ``session.py``), where the peer connects to, and what is judged how.

    ``came_by`` is the port that the action tells, ``LOCAL`` where it did not come over the network. ``verdict`` is that on ``closed``; ``opened`` pass.
    """

    opened: t.Optional[Rules] = SSH
    closed: t.Optional[Rules] = ELSEWHERE
    verdict: str = LOCKED
    came_by: t.Optional[int] = 22
    connect: t.Tuple[str, int] = (HERE, 22)
    listen: t.Sequence[t.Tuple[str, int]] = (("0.0.0.0", 22),)
    forward: t.Optional[t.Tuple[str, int, str]] = None
    name: str = "sshd"
    user: int = 0
    variable: str = "own"
    detach: bool = False
    ptrace: bool = True
    hidepid: bool = False
    sessions: int = 1
    host: str = ""  # commands there, before
    peer: str = ""
    options: t.Mapping[str, t.Any] = {}
    pretend: t.Mapping[str, t.Any] = {}


UNTRACED = {"user": 65534, "variable": "above", "ptrace": False}
VXLAN = "ip link add vx type vxlan id 5 dstport 4789 local {0} remote {1} && ip addr add {2}/24 dev vx && ip link set vx up"
IN_TUNNEL = [rule("ssh", 22, "10.99.0.2")]
OUTER = rule("outer", 4789, PEER, protocol="udp")
TUNNEL = {"connect": ("10.99.0.1", 22), "host": VXLAN.format(HERE, PEER, "10.99.0.1"), "peer": VXLAN.format(PEER, HERE, "10.99.0.2")}
GRE = {"wire0": ("gre", {"7": "0a070063"})}
GRE_IN_UDP = {"wire0": ("gre", {"7": "0a070063", "14": "0100"})}
# Port 51820; one peer at 10.7.0.99, behind which 10.7.0.0/24 is.
BEHIND = attribute(0x8000, attribute(2, bytes([10, 7, 0, 0])) + attribute(3, bytes([24])))
END = attribute(4, struct.pack("=H", 2) + struct.pack(">H", 51820) + bytes([10, 7, 0, 99]) + bytes(8))
DEVICE = bytes(4) + attribute(6, struct.pack("=H", 51820)) + attribute(0x8008, attribute(0x8000, END + attribute(0x8009, BEHIND)))
WIREGUARD = {"wire0": ("wireguard", {"0": DEVICE.hex()})}
REDIRECT = "nft 'table ip nat { chain pre { type nat hook prerouting priority -100; tcp dport 2222 redirect to :22; }; }'"
SNAT = "nft 'table ip nat { chain post { type nat hook postrouting priority 100; snat to 10.7.0.77; }; }'"
NOTRACK = "nft 'table ip raw { chain pre { type filter hook prerouting priority -300; %s notrack; }; }'"
STRICT = {"default_outbound": "block"}
ANSWERS = {"name": "answers", "direction": "out", "protocol": "tcp", "local_ports": ["22"], "remote_addresses": [PEER]}

WAYS: dict[str, Way] = {
    "root": Way(),
    "sudo": Way(variable="above"),
    "sudo of a user": Way(variable="above", user=65534),
    "su, which keeps the environment": Way(user=65534),
    "su to another user and on": Way(variable="above", user=65534, closed=OTHER_PORT),
    "doas": Way(variable="above", user=65534, closed=[]),
    "a become method that asks a daemon": Way(variable="none", detach=True),
    "sudo without the right to trace": Way(**UNTRACED),
    "sudo without the right to trace, port not known": Way(**UNTRACED, came_by=LOCAL),
    "sudo without the right to trace, /proc hides": Way(**UNTRACED, hidepid=True),
    "another port": Way(opened=[rule("ssh", 2022, PEER)], closed=SSH, connect=(HERE, 2022), listen=[("0.0.0.0", 2022)], came_by=2022),
    "another port without the right to trace": Way(
        **UNTRACED, opened=[rule("ssh", 2022, PEER)], closed=SSH, connect=(HERE, 2022), listen=[("0.0.0.0", 2022)], came_by=2022
    ),
    "no sshd, another port behind a translation, without the right to trace": Way(
        **UNTRACED, name="teleport", opened=None, closed=SSH, verdict=UNSURE, connect=(HERE, 2022), listen=[("0.0.0.0", 2022)], came_by=5022
    ),
    "several ports": Way(opened=[rule("ssh", 2022, PEER)], closed=SSH, connect=(HERE, 2022), listen=[("0.0.0.0", 22), ("0.0.0.0", 2022)], came_by=2022),
    "IPv6": Way(connect=(HERE6, 22), listen=[("::", 22)], closed=[rule("ssh", 22, PEER)]),
    "IPv4 on a socket of IPv6": Way(listen=[("::", 22)], closed=[rule("ssh", 22, PEER6)]),
    "address translation on the way": Way(
        opened=[rule("ssh", 22, "10.7.0.77")], closed=SSH, peer=f"ip addr add 10.7.0.77/32 dev wire; {SNAT}", host="ip route add 10.7.0.77 dev wire0"
    ),
    "a jump host": Way(closed=[rule("the controller itself", 22, "10.9.0.5")]),
    "a forwarder on the host": Way(
        opened=[rule("forwarder", 2443, PEER)], closed=SSH, connect=(HERE, 2443), forward=("0.0.0.0", 2443, "127.0.0.1"), came_by=2443
    ),
    "a forwarder that asks by the host's own address": Way(
        opened=[rule("forwarder", 2443, PEER)], closed=SSH, connect=(HERE, 2443), forward=("0.0.0.0", 2443, HERE), came_by=2443
    ),
    "a forwarder, without the right to trace": Way(
        **UNTRACED, opened=[rule("forwarder", 2443, PEER)], closed=SSH, connect=(HERE, 2443), forward=("0.0.0.0", 2443, "127.0.0.1"), came_by=2443
    ),
    "a forwarder whose port nobody knows": Way(
        opened=None, closed=SSH, verdict=UNSURE, connect=(HERE, 2443), forward=("0.0.0.0", 2443, "127.0.0.1"), came_by=2022
    ),
    "VXLAN": Way(opened=[*IN_TUNNEL, OUTER], closed=IN_TUNNEL, **TUNNEL),
    "VXLAN, the session itself not admitted": Way(opened=[*IN_TUNNEL, OUTER], closed=[OUTER], **TUNNEL),
    "GRE": Way(opened=[*SSH, dict(ANY, remote_addresses=["10.7.0.99"])], closed=SSH, verdict=UNSURE, pretend=GRE),
    "GRE in UDP": Way(opened=None, closed=[*SSH, dict(ANY, remote_addresses=["10.7.0.99"])], verdict=UNSURE, pretend=GRE_IN_UDP),
    "WireGuard": Way(opened=[*SSH, rule("wg", 51820, "10.7.0.99", protocol="udp")], closed=SSH, verdict=UNSURE, pretend=WIREGUARD),
    "WireGuard, only its port is open": Way(
        opened=[*SSH, rule("wg", 51820, protocol="udp")], closed=[*SSH, rule("wg", 51820, PEER, protocol="udp")], verdict=UNSURE, pretend=WIREGUARD
    ),
    "WireGuard that does not tell": Way(opened=None, closed=SSH, verdict=UNSURE, pretend={"wire0": ("wireguard", {})}),
    "a tunnel of a program": Way(opened=None, closed=SSH, verdict=UNSURE, pretend={"wire0": ("tun", {})}),
    "a container, from its host": Way(opened=[], closed=None, came_by=LOCAL, sessions=0, listen=[], variable="none"),
    "systemd-run": Way(variable="none", detach=True, came_by=LOCAL),
    "systemd-run, /proc hides": Way(variable="none", detach=True, came_by=LOCAL, ptrace=False, hidepid=True),
    "cron, and somebody may come": Way(sessions=0, variable="none", detach=True, came_by=LOCAL, closed=[], verdict=UNSURE, opened=ELSEWHERE),
    "cron, and management is said": Way(
        sessions=0, variable="none", detach=True, came_by=LOCAL, closed=OTHER_PORT, options={"management": {"addresses": [PEER], "ports": ["22"]}}
    ),
    "pull, by a host that nobody logs in to": Way(opened=[], closed=None, sessions=0, variable="none", detach=True, came_by=LOCAL, listen=[]),
    "a multiplexed master only": Way(variable="none", detach=True, ptrace=False),
    "an idle session besides, and a screen of an ended one": Way(variable="stale", detach=True),
    "a server that is no sshd": Way(name="teleport", variable="none"),
    "a server that is no sshd, on its own port": Way(
        name="teleport", variable="none", opened=[rule("ssh", 3022, PEER)], closed=SSH, connect=(HERE, 3022), listen=[("0.0.0.0", 3022)], came_by=3022
    ),
    "translation of the port on the host": Way(closed=[rule("ssh", 2222, PEER)], connect=(HERE, 2222), came_by=2222, host=REDIRECT),
    "not tracked, strict outbound": Way(opened=[*SSH, ANSWERS], closed=SSH, host=NOTRACK % "tcp dport 22", options=STRICT),
    "not tracked for a reason that cannot be read": Way(
        opened=[*SSH, ANSWERS], closed=SSH, verdict=UNSURE, host=NOTRACK % "meta mark 7 tcp dport 22", options=STRICT
    ),
}


class World:
    """A host with the stand-in of sshd, a peer that is connected by one way, and the module at the end of it."""

    def __init__(self, way: Way, peer: Peer, root: str, kept: contextlib.ExitStack) -> None:
        self._way, self._peer, self._root = way, peer, root
        for command in filter(None, [way.host]):
            run(command)
        if way.peer:
            peer.run(way.peer.replace("'", "'\\''"))
        keys = ("listen", "name", "user", "variable", "detach", "ptrace", "hidepid", "sessions")
        spec = {"path": sys.path, **{key: getattr(way, key) for key in keys}}
        command = [sys.executable, stand_in.__file__, json.dumps(spec)]
        self._process = kept.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        kept.callback(self._process.kill)
        self._answer("ready")
        if way.forward:
            code = stand_in.FORWARD % way.forward
            forwarder = kept.enter_context(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True))
            kept.callback(forwarder.kill)
            assert forwarder.stdout is not None and forwarder.stdout.readline() == "ready\n"
        if way.sessions:
            client = peer.python(f"import socket\ns = socket.create_connection({way.connect!r}, 5); print(s.recv(99)); input()")
            kept.callback(client.communicate)
            kept.callback(client.kill)
            assert client.stdout is not None and "SSH-2.0" in client.stdout.readline()
        self._answer("module")

    def _answer(self, key: str) -> t.Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the stand-in has ended"
        return json.loads(line)[key]

    def job(self, rules: Rules, check: bool = True, **options: t.Any) -> dict[str, t.Any]:
        given = {"rules": rules, "connection_port": self._way.came_by, "persist": False, **self._way.options, **options}
        job = {"options": given, "check": check, "root": self._root, "pretend": self._way.pretend}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return t.cast(dict[str, t.Any], json.loads(self._process.stdout.readline()))

    def comes_in(self) -> bool:
        """Tell whether a new connection by the same way hears the server."""
        code = f"import socket\ntry:\n    print(socket.create_connection({self._way.connect!r}, 0.5).recv(99))\nexcept OSError as error:\n    print(error)"
        process = self._peer.python(code)
        return "SSH-2.0" in process.communicate(timeout=300)[0]


@pytest.fixture
def world(peers: t.Callable[..., Peer], tmp_path: pathlib.Path) -> t.Iterator[t.Callable[[Way], World]]:
    (tmp_path / "run").mkdir()
    with contextlib.ExitStack() as kept:
        yield lambda way: World(way, peers("wire0"), str(tmp_path), kept)


def verdict(world: World, rules: Rules) -> str:
    """What the guard says of rules, without a timer and with one."""
    without, timed = world.job(rules), world.job(rules, rollback_timeout=60)
    if "would lock out" in timed["refused"] and without["refused"]:
        assert "msports_" in without["refused"], "what to add where"
        return LOCKED
    if without["refused"]:
        assert without["refused"].startswith("it cannot be told") and "rollback_timeout: 60" in without["refused"]
        assert not timed["refused"] and [text for text in timed["warnings"] if text.startswith("it cannot be told")]
        return UNSURE
    assert not timed["refused"]
    return PASSES


@pytest.mark.parametrize("name", WAYS)
def test_a_way_is_judged_as_the_kernel_does(world: t.Callable[[Way], World], name: str) -> None:
    way = WAYS[name]
    made = world(way)
    if way.closed is not None:
        assert verdict(made, way.closed) == way.verdict
    if way.opened is not None:
        assert verdict(made, way.opened) == PASSES
    if way.pretend or not way.sessions:
        return
    if way.opened is not None:
        assert not made.job(way.opened, check=False)["refused"]
        assert made.comes_in()
    if way.verdict == LOCKED and way.closed is not None:
        assert not made.job(way.closed, check=False, allow_lockout=True)["refused"]
        assert not made.comes_in()
