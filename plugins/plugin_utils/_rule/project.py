# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From a connection to the rules that one end of it needs: what the wire does, in one table.

Most connections are one rule. DHCP, multicast and TFTP are not, because their packets do not come from, or go to,
where the documents say; each has its row in ``PROJECTIONS`` and its reason in ``docs/meaning.md``.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Connection
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, Ports, covers, parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet, Reason, Rule

BROADCAST = Addresses.parse(["255.255.255.255"])
EVERYONE = AddressSet("any", ANY, ("any",))
RELAYS = "windows_server.dhcp_relay"
SERVER, CLIENT, PROXY_DHCP, NETBIOS_NAME = (PortRange(port, port) for port in (67, 68, 4011, 137))
# A rule and the sets that it names: remote, and local where there is one.
Projected = t.Tuple[Rule, t.Tuple[AddressSet, ...]]


def project(connection: Connection, relays: AddressSet) -> list[Projected]:
    """Return the rules that ``connection`` needs at its own end; ``relays`` are the DHCP relays of the estate."""
    return PROJECTIONS["multicast_group" if connection.multicast else connection.flow.delivery](connection, relays)


def reason(connection: Connection) -> Reason:
    return Reason("flow", connection.flow.id, str(connection.flow.reference))


def _unicast(connection: Connection, relays: AddressSet) -> list[Projected]:
    inbound = connection.direction == "in"
    from_ports = parse_ports(connection.flow.source_ports)
    return [
        _rule(
            connection,
            connection.peers,
            local=connection.ports if inbound else from_ports,
            remote=from_ports if inbound else connection.ports,
            helper=_helper(connection),
        )
    ]


def _unaddressed(connection: Connection, relays: AddressSet) -> list[Projected]:
    """A first request comes from 0.0.0.0 to broadcast, so a server admits it from anywhere; 68 is never opened at a server.

    The port of the answer to a PXE client may be 4011, where proxy DHCP listens.
    """
    if not covers(connection.ports, SERVER.first):  # DHCPv6: requests go to multicast, answers come from the server's port
        return [_rule(connection, EVERYONE, local=connection.ports)] if connection.direction == "in" else _unicast(connection, relays)
    if connection.direction == "out":
        servers = _with_broadcast(connection.peers)
        return [_rule(connection, servers, local=(CLIENT,), remote=(SERVER,))]
    answers_from: Ports = (SERVER, PROXY_DHCP) if (connection.flow.feature or "").endswith(".pxe") else (SERVER,)
    rules = [
        _rule(connection, EVERYONE, local=(SERVER,)),
        _rule(connection, _with_broadcast(connection.peers), local=answers_from, remote=(CLIENT,), direction="out"),
    ]
    if relays.addresses:
        rules.append(_rule(connection, relays, local=(SERVER,), remote=(SERVER,), direction="out"))
    return rules


def _multicast_group(connection: Connection, relays: AddressSet) -> list[Projected]:
    """The sender sends to the groups; a receiver admits the sender's packets that are addressed to a group."""
    groups = t.cast(AddressSet, connection.multicast)  # there is one, or another projection would have been chosen
    if connection.direction == "out":
        return [_rule(connection, groups, remote=connection.ports)]
    return [_rule(connection, connection.peers, local=connection.ports, at=groups)]


PROJECTIONS: dict[str, t.Callable[[Connection, AddressSet], list[Projected]]] = {
    "unicast": _unicast,
    "broadcast": _unicast,  # a receiver filters by source; networks of peers contain their directed broadcasts
    "multicast": _unicast,  # the documented unicast row stands beside the groups
    "multicast_group": _multicast_group,
    "unaddressed": _unaddressed,
}


def _helper(connection: Connection) -> str:
    """Name the tracking helper without which an answer is a new connection and is dropped."""
    if connection.flow.reply == "new_port":
        return "tftp"
    if connection.flow.delivery == "broadcast" and connection.direction == "out" and covers(connection.ports, NETBIOS_NAME.first):
        return "netbios-ns"
    return ""


def _with_broadcast(peers: AddressSet) -> AddressSet:
    return AddressSet(f"{peers.id}+broadcast", peers.addresses | BROADCAST, peers.members)


def _rule(
    connection: Connection,
    peers: AddressSet,
    local: Ports = (),
    remote: Ports = (),
    at: t.Optional[AddressSet] = None,
    helper: str = "",
    direction: t.Optional[str] = None,
) -> Projected:
    rule = Rule(
        direction=direction or connection.direction,
        protocol=connection.flow.protocol,
        local_ports=local,
        remote_ports=remote,
        remote=peers.id,
        because=(reason(connection),),
        local=at.id if at else None,
        rpc=connection.rpc,
        helper=helper,
        delivery=connection.flow.delivery,
    )
    return rule, (peers, at) if at else (peers,)
