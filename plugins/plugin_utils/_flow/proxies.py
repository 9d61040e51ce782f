# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Web flows to external ends where a proxy is declared: clients open them to the proxy, and a proxy that is a host admits them.

The port is the proxy's, unless the flow has a setting: then it is what that setting says where the connection starts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.families import PROXY, Families
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.peers import PeerSets
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.portvalues import PortValues
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Connection, Group
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, Ports, texts
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet

ROLE = "infrastructure.proxy"
Starting = t.Sequence[Group]


@dataclass(frozen=True)
class Proxy:
    """The declared proxies on one port: their addresses, and those of the estate's hosts that have one of them."""

    port: int
    addresses: Addresses
    hosts: tuple[Group, ...]


class Proxies:
    """The proxies of one estate; gives the connections of the flows that go through them."""

    def __init__(self, estate: Estate, every_host: t.Sequence[Group], ports: PortValues, sets: PeerSets, families: Families) -> None:
        self._ports = ports
        self._sets = sets
        self._families = families
        declared = {port: [proxy.address for proxy in estate.proxies if proxy.port == port] for port in sorted({proxy.port for proxy in estate.proxies})}
        self._proxies = tuple(_proxy(estate, every_host, port, Addresses.parse(addresses)) for port, addresses in declared.items())

    def __bool__(self) -> bool:
        return bool(self._proxies)

    def connections(self, flow: Flow, starting: Starting, label: str) -> t.Iterator[t.Optional[Connection]]:
        """Yield the connections of ``flow`` from ``starting``; ``None`` for a group whose port is user defined and not set."""
        for proxy in self._proxies:
            by_ports: dict[Ports, list[Group]] = {}
            for group in starting:
                if not group.hosts and not proxy.hosts:
                    continue  # networks open nothing by a rule of ours, and nobody of ours admits them
                ports = self._ports.at(flow, group) if flow.setting else (PortRange(proxy.port, proxy.port),)
                if ports is None:
                    yield None
                    continue
                by_ports.setdefault(ports, []).append(group)
                if group.hosts:
                    self._families.check(flow, group, [(PROXY, frozenset({proxy.addresses.families()}))])
                    yield Connection(flow, "out", group, AddressSet(f"{ROLE}#{proxy.port}", proxy.addresses, (ROLE,)), ports)
            for ports, groups in sorted(by_ports.items()):
                name = label if len(by_ports) == 1 else f"{label}#{','.join(texts(ports))}"
                for at in proxy.hosts:
                    yield Connection(flow, "in", at, self._sets.of(name, groups), ports)


def _proxy(estate: Estate, every_host: t.Sequence[Group], port: int, addresses: Addresses) -> Proxy:
    hosts = []
    for group in every_host:
        names = tuple(name for name in group.hosts if estate.hosts[name].addresses & addresses)
        if names:
            hosts.append(replace(group, role=ROLE, hosts=names))
    return Proxy(port, addresses, tuple(hosts))
