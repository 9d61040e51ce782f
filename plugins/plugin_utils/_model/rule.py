# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a host needs: connections (sets to sets) and, seen from one host, rules with their reasons."""

from __future__ import annotations

import datetime
import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, texts

DIRECTIONS = ("in", "out")


@dataclass(frozen=True)
class AddressSet:
    """A named set of peers, stored once in a plan. ``id`` says the selection (``configmgr.client@CAS.tree``).

    ``members`` name what the addresses came from: inventory hosts by name, declared networks as ``networks:<role>``.
    """

    id: str
    addresses: Addresses
    members: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Reason:
    """Why a rule exists. ``kind``: flow, management, ping, allow, infrastructure. ``name``: flow id or entry name."""

    kind: str
    name: str
    text: str = ""  # flow: document, section and row; allow: the user's because (and until)


@dataclass(frozen=True)
class Rule:
    """One host's view of connections. Every rule allows; the vocabulary has ``block`` for the backends' own use.

    ``local_ports`` / ``remote_ports`` empty = any. ``remote`` and ``local`` are ids of address sets; ``local`` is
    ``None`` except for multicast groups. ``rpc`` marks that the port range stands for dynamic RPC (Windows keyword).
    ``helper`` names the connection tracking helper that the protocol needs (``tftp``, ``netbios-ns``) or is empty.
    ``until`` is the last day on which the rule holds, where all its reasons end; ``None`` = for good.
    ``unaddressed`` marks DHCP: a backend that filters by address must admit 0.0.0.0 and broadcast.
    """

    direction: str
    protocol: str
    local_ports: Ports
    remote_ports: Ports
    remote: str
    because: tuple[Reason, ...]
    local: t.Optional[str] = None
    rpc: bool = False
    helper: str = ""
    delivery: str = "unicast"
    until: t.Optional[datetime.date] = None

    @property
    def key(self) -> tuple[t.Any, ...]:
        """What makes two rules the same rule: everything that filters, nothing that explains or assists."""
        return (self.direction, self.protocol, self.local_ports, self.remote_ports, self.remote, self.local or "", self.rpc)

    @functools.cached_property
    def name(self) -> str:
        """The stable, readable name: ``in tcp/445 from configmgr.site_server@P01``."""
        ports = self.local_ports if self.direction == "in" else self.remote_ports
        label = "rpc" if self.rpc else ",".join(texts(ports))
        head = f"{self.direction} {self.protocol}" + (f"/{label}" if label else "")
        other = self.remote_ports if self.direction == "in" else self.local_ports
        extra = (f" port {','.join(texts(other))}" if other else "") + (f" at {self.local}" if self.local else "")
        return f"{head} {'from' if self.direction == 'in' else 'to'} {self.remote}{extra}"
