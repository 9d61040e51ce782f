# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of Windows' own TCP table, and the guard that has to keep them."""

from __future__ import annotations

import typing as t

import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import watched
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import run

from conftest import Host

Plain = dict[str, t.Any]


def caller(host: Host) -> t.Callable[[Plain], Plain]:
    return lambda arguments: host.run(**arguments)


def session(peer: str, local: str, local_port: int = 5986) -> Plain:
    return {"peer": peer, "peer_port": 50111, "local": local, "local_port": local_port}


def server(*sessions: Plain, **environment: str) -> policy_file.Content:
    """Nothing admits management but what the test says: inbound is blocked, and the rules of WinRM are off."""
    content = policy_file.fresh_server()
    for one in content["rules"]:
        one["enabled"] = one["enabled"] and one["local_ports"] not in ("5985", "5986", "80")
    content["sessions"] = list(sessions)
    content["environment"] = dict(environment)
    return content


def wanted(ports: str, peers: str) -> Plain:
    return {"rules": [{"name": "management", "direction": "in", "protocol": "tcp", "local_ports": [ports], "remote_addresses": [peers]}]}


@pytest.mark.parametrize(
    ("content", "admits", "refused", "told"),
    [
        (server(session("10.9.0.5", "10.1.1.20")), ("5986", "10.9.0.0/24"), ("5986", "10.8.0.0/24"), "10.9.0.5"),
        (server(session("fd00::5", "fd00::20")), ("5986", "fd00::/64"), ("5986", "fd01::/64"), "fd00::5"),
        (server(session("::ffff:10.9.0.5", "::ffff:10.1.1.20")), ("5986", "10.9.0.5"), ("5985", "10.9.0.5"), "10.9.0.5"),
        (server(SSH_CONNECTION="10.9.0.7 50000 10.1.1.20 22"), ("22", "10.9.0.0/24"), ("22", "10.8.0.0/24"), "10.9.0.7"),
    ],
    ids=["IPv4", "IPv6", "IPv4 in IPv6", "ssh"],
)
def test_a_ruleset_that_cuts_the_session_is_refused_and_one_that_admits_it_is_written(
    content: Plain, admits: tuple[str, str], refused: tuple[str, str], told: str, make_host: t.Callable[..., Host]
) -> None:
    host = make_host(content)
    before = policy_file.state(host.content)
    with pytest.raises(Refused) as refusal:
        run(wanted(*refused), caller(host), ports=[])
    assert told in str(refusal.value)
    assert policy_file.state(host.content) == before
    assert run(wanted(*admits), caller(host), ports=[])["changed"]
    assert [one["name"] for one in policy_file.own(host.content)] == ["management"]


def test_a_session_on_a_port_of_its_own_is_listed_when_the_port_is_told(make_host: t.Callable[..., Host]) -> None:
    host = make_host(server(session("10.9.0.5", "10.1.1.20", 2222), session("10.9.0.6", "10.1.1.20", 8443)))
    assert host()["state"]["sessions"] == []
    assert host(ports=[2222])["state"]["sessions"] == [session("10.9.0.5", "10.1.1.20", 2222)]


# What the TCP table of Windows shows, and the port by which a controller came -> the sessions that are guarded, and whether there may be more.
WAYS = {
    "a forwarder before WinRM": ([session("127.0.0.1", "127.0.0.1", 5985)], [15985], [], True),
    "the same, and its own connection": ([session("127.0.0.1", "127.0.0.1", 5985), session("10.9.0.5", "10.1.1.20", 15985)], [15985], ["10.9.0.5"], False),
    "a forwarder by the host's own address": ([session("10.1.1.20", "10.1.1.20", 5986)], [], [], True),
    "another port outside than inside": ([session("10.9.0.5", "10.1.1.20", 5986)], [443], ["10.9.0.5"], True),
    "nobody": ([], [5986], [], True),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_the_table_does_not_show_is_unknown(name: str, make_host: t.Callable[..., Host]) -> None:
    sessions, ports, guarded, unknown = WAYS[name]
    seen = watched(make_host(server(*sessions))(ports=ports)["state"], ports)
    assert ([one.peer for one in seen.sessions], bool(seen.unknown)) == (guarded, unknown)
