# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A flow made concrete: which groups of hosts speak with which sets of addresses, over which ports.

Everything is by group, never by pair of hosts: an estate of thousands has few groups, because hosts of one role in
one site with equal settings and features are alike.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet


@dataclass(frozen=True, eq=False)  # identity is enough: the index makes each group once
class Group:
    """Hosts that hold one role in one site and are alike, or (``hosts`` empty) the networks declared for a role.

    ``site`` is ``None`` for roles without sites and for networks that hold for all sites.
    ``settings`` are the effective ones: role entry before host variable; the catalog's defaults are not in it.
    """

    role: str
    site: t.Optional[str]
    hosts: tuple[str, ...]
    addresses: Addresses
    features: frozenset[str]
    settings: t.Mapping[str, t.Any]
    dynamic_ports: Ports
    families: frozenset[tuple[int, ...]]  # the families of each member, to find pairs that share none
    external: bool = False


@dataclass(frozen=True)
class Connection:
    """One flow seen from one group.

    ``direction``  ``in``: ``at`` is reached by ``peers``; ``out``: ``at`` reaches ``peers``
    ``ports``      ports at the end that is reached; ``()`` for protocols without ports
    ``rpc``        the ports stand for the dynamic RPC range
    ``multicast``  the groups that are sent to, where the flow is one of multicast
    """

    flow: Flow
    direction: str
    at: Group
    peers: AddressSet
    ports: Ports
    rpc: bool = False
    multicast: t.Optional[AddressSet] = None


@dataclass(frozen=True, order=True)
class Off:
    """A documented flow that makes no rules here, and why."""

    flow: str
    why: str


@dataclass(frozen=True, order=True)
class Note:
    """Something shown and kept in the plan that does not stop it."""

    code: str
    text: str
    host: str = ""
