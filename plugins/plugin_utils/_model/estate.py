# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the inventory says, read and checked: hosts, addresses, roles, sites, features, settings, networks."""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import NOBODY, Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, Ports, texts

SYSTEMS = ("linux", "windows")
DEFAULTS_INBOUND = ("block", "reject", "allow", "keep")
DEFAULTS_OUTBOUND = ("keep", "allow", "block")
WINDOWS_DYNAMIC = (PortRange(49152, 65535),)


@dataclass(frozen=True)
class Holding:
    """One role that a host holds. ``sites`` is empty for shared roles and where nobody declares a site.

    ``settings`` are those of the role entry alone (they win over the host's), keyed ``<product>.<setting>``.
    """

    role: str
    sites: tuple[str, ...] = ()
    settings: t.Mapping[str, t.Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """Named ends of a user's own rule: ``addresses`` joined with those of ``hosts``; ``label`` is how it was written."""

    label: str
    addresses: Addresses = NOBODY
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Management:
    """From where and over which TCP ports a host is managed."""

    sources: tuple[Selection, ...]
    services: tuple[str, ...]
    ports: Ports


@dataclass(frozen=True)
class Allow:
    """A rule that no catalog knows (``msports_allow``)."""

    name: str
    direction: str  # in | out
    protocol: str  # tcp | udp | icmp_echo | any
    ports: Ports  # destination ports, empty = any
    peers: tuple[Selection, ...]
    because: str
    until: t.Optional[datetime.date] = None
    owner: str = ""
    ticket: str = ""


@dataclass(frozen=True)
class Claim:
    """What must hold of every plan (``msports_claims``): ``kind`` ``never`` or ``always``, over one protocol and its ports (none: any)."""

    path: str  # where it is written
    kind: str
    protocol: str
    ports: Ports
    sources: tuple[Selection, ...]
    destinations: tuple[Selection, ...]
    because: str

    def __str__(self) -> str:
        spec = self.protocol + (f"/{','.join(texts(self.ports))}" if self.ports else "")
        ends = (", ".join(item.label for item in items) for items in (self.sources, self.destinations))
        return f"{self.kind} {spec} from {' to '.join(ends)}"


@dataclass(frozen=True)
class Host:
    """One inventory host. ``managed`` means: gets a ruleset. A host without holdings is never managed."""

    name: str
    managed: bool = False
    system: str = "linux"
    addresses: Addresses = NOBODY
    holdings: tuple[Holding, ...] = ()
    settings: t.Mapping[str, t.Any] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    default_inbound: t.Optional[str] = None  # None = the backend's own default
    default_outbound: str = "keep"
    management: t.Optional[Management] = None
    ping: tuple[Selection, ...] = ()
    allow: tuple[Allow, ...] = ()
    dynamic_ports: Ports = WINDOWS_DYNAMIC
    windows_profiles: tuple[str, ...] = ()  # none = all of them

    def holding(self, role: str) -> t.Optional[Holding]:
        return next((item for item in self.holdings if item.role == role), None)


@dataclass(frozen=True)
class ExcludedFlow:
    """A documented flow, or a pattern of flow ids, that this estate does not want."""

    flow: str
    because: str


@dataclass(frozen=True)
class Proxy:
    """A declared web proxy for flows to external ends."""

    address: str
    port: int


@dataclass(frozen=True)
class Estate:
    """All hosts by name (sorted), and what holds for the whole estate.

    ``networks``        role -> site (``None`` = all sites) -> addresses; ``explicit_empty`` roles were declared ``[]``
    ``hierarchy``       child site -> parent site; ``sites_alone`` were said to have no parent
    ``sites``           product -> every site that a host of it declares; empty = one site
    ``releases``        product -> release, always filled (undeclared = the edition)
    ``features``        those that hold for ends given as networks (every host that declares features agrees), estate-wide
    ``settings``        values for ends given as networks, estate-wide
    ``whole``           whether the inventory was whole (not limited)
    """

    hosts: t.Mapping[str, Host]
    networks: t.Mapping[str, t.Mapping[t.Optional[str], Addresses]] = field(default_factory=dict)
    explicit_empty: frozenset[str] = frozenset()
    hierarchy: t.Mapping[str, str] = field(default_factory=dict)
    sites_alone: frozenset[str] = frozenset()
    sites: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    editions: t.Mapping[str, str] = field(default_factory=dict)
    releases: t.Mapping[str, str] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    settings: t.Mapping[str, t.Any] = field(default_factory=dict)
    not_deployed: frozenset[str] = frozenset()
    excluded_flows: tuple[ExcludedFlow, ...] = ()
    supplements: tuple[str, ...] = ()
    dns: Addresses = NOBODY
    ntp: Addresses = NOBODY
    dhcp_relays: Addresses = NOBODY
    proxies: tuple[Proxy, ...] = ()
    today: datetime.date = datetime.date(1970, 1, 1)
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()

    def addresses(self, selections: t.Iterable[Selection]) -> Addresses:
        """Return the addresses of some ends together."""
        return union(found for item in selections for found in (item.addresses, *(self.hosts[name].addresses for name in item.hosts)))
