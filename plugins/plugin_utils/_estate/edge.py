# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Edge servers stand outside: no declaration may make one an end of the pairs without restriction (MEANING 2).

Rules hold addresses, so an Edge server joins such a pair by its role and just as well by an address that an inner role has, too.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.networks import Networks
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.roles import Entry
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Host

EDGE = "exchange.edge_transport"
# The ends of the pairs without restriction: whoever is one of these and Edge would carry them into the perimeter.
INSIDE = ("exchange.client_access", "exchange.lync_server", "exchange.mailbox", "windows_server.domain_controller")


@dataclass(frozen=True)
class Claim:
    """Addresses of holders of roles: those of a host, or networks (which ``network`` tells), and where they are declared."""

    owner: str
    path: str
    roles: t.Tuple[str, ...]
    addresses: Addresses
    network: bool

    @property
    def label(self) -> str:
        return self.path if self.network else self.owner


def check_edge(reader: Reader, hosts: Mapping[str, Host], entries: Mapping[str, t.Sequence[Entry]], networks: Networks) -> None:
    """Tell every Edge server that holds a role of the inside, and every address that both have."""
    for host, given in entries.items():
        if any(entry.role == EDGE for entry in given):
            for role, path in {entry.role: entry.path for entry in reversed(given)}.items():
                if role in INSIDE:
                    reader.add(host, path, role, f"a host with {EDGE} must not hold this role too: it would join the perimeter to the inside without limits")
    edges = _claims(reader, hosts, networks, (EDGE,))
    reached = union(edge.addresses for edge in edges)
    for inner in _claims(reader, hosts, networks, INSIDE) if edges else ():
        if inner.addresses & reached:
            for edge in edges:
                common = edge.addresses & inner.addresses
                if common and edge.label != inner.label:
                    _tell(reader, edge, inner, common)


def _claims(reader: Reader, hosts: Mapping[str, Host], networks: Networks, roles: t.Sequence[str]) -> list[Claim]:
    found = []
    for host in hosts.values():
        held = tuple(role for role in roles if host.holding(role))
        if held and host.addresses:
            found.append(Claim(host.name, "msports_addresses", held, host.addresses, False))
    for role in roles:
        for site, addresses in networks.get(role, {}).items():
            if addresses:
                path = f"msports_networks.{role}" + ("" if site is None else f".{site}")
                found.append(Claim(reader.declarers["msports_networks"], path, (role,), addresses, True))
    return found


def _tell(reader: Reader, edge: Claim, inner: Claim, common: Addresses) -> None:
    """Tell it where the networks are declared, which are likely too large, else at the host of the inside."""
    here = edge if edge.network and not inner.network else inner
    there = inner if here is edge else edge
    reader.add(
        here.owner,
        here.path,
        MISSING,
        f"{_some(common)} is an address of {there.label} ({', '.join(there.roles)}), too: with one address for the "
        f"inside and for {EDGE} the perimeter would be joined to the inside without limits; declare addresses that are one's own only",
    )


def _some(addresses: Addresses) -> str:
    texts = addresses.cidrs()
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
