# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the documents say: roles, services, settings, features, notes, flows. One catalog is one product in one edition."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, fields

KINDS = ("host", "population", "external")
PROTOCOLS = ("tcp", "udp", "icmp_echo", "any")
SCOPES = ("site", "parent", "site_or_parent", "parent_or_child", "top_site", "hierarchy", "any")
ENDS = ("source", "destination")
PLACES = ("source", "destination", "site", "estate")
DELIVERIES = ("unicast", "broadcast", "unaddressed", "multicast")
REPLIES = ("stateful", "new_port")
SETTING_TYPES = ("port", "ports", "bool", "addresses")
FORMER_KINDS = ("roles", "settings", "features", "flows", "supplements")  # words of an inventory that a newer edition may no longer have
RPC_DYNAMIC = "rpc_dynamic"  # stands in ``ports`` for the dynamic range of the destination's system
BARE_ROLES = ("internet", "any_host")  # shared by all products: the Internet, and every host that holds a role


@dataclass(frozen=True)
class Reference:
    """Where a document says it: its anchor or slug, and the row of the table counted from 1 (``None`` for prose)."""

    document: str
    section: str
    row: t.Optional[int] = None

    def __str__(self) -> str:
        return f"{self.document}#{self.section}" + (f" row {self.row}" if self.row is not None else "")


@dataclass(frozen=True)
class Role:
    """A product role. ``id`` is ``<product>.<name>``, or bare for the roles that no product owns."""

    id: str
    title: str
    kind: str
    essential: bool = False
    appliance: bool = False  # nobody puts rules on it, unless the inventory says so
    implies: tuple[str, ...] = ()
    title_fr: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """A choice that the product allows. ``default`` is ``None`` where the document says "user defined"."""

    id: str
    title: str
    type: str
    default: t.Any = None
    roles: tuple[str, ...] = ()
    why: str = ""
    static_rpc: bool = False  # a fixed port of an RPC service: it belongs to the dynamic RPC ports of the host that has it


@dataclass(frozen=True)
class Feature:
    """What switches conditional flows on."""

    id: str
    title: str


@dataclass(frozen=True)
class Flow:
    """One documented communication: one source role to one destination role over one service.

    Field by field the format of the lookups; ``docs/catalog-format.md`` has the meaning of each.
    Names of settings and features carry their product (``configmgr.pxe``), whatever the file abbreviates.
    """

    id: str
    product: str
    edition: str
    source: str
    destination: str
    service: str
    protocol: str
    reference: Reference
    initiator: str = "source"
    starts: t.Optional[t.Mapping[str, t.Any]] = None
    ports: tuple[str, ...] = ()
    source_ports: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    setting: t.Optional[str] = None
    setting_of: str = "destination"
    via_proxy: bool = False
    delivery: str = "unicast"
    reply: str = "stateful"
    requirement: str = "required"
    feature: t.Optional[str] = None
    feature_at: str = "destination"
    only_with: tuple[str, ...] = ()
    only_without: tuple[str, ...] = ()
    releases: t.Optional[str] = None
    scope: str = "site"
    zone: t.Optional[str] = None
    notes: tuple[int, ...] = ()
    erratum: t.Optional[t.Mapping[str, t.Any]] = None
    group: t.Optional[str] = None  # supplements only: the name that switches a whole group on

    @property
    def supplement(self) -> bool:
        return self.reference.section == "supplement"

    def as_dict(self) -> dict[str, t.Any]:
        """Return the flow as plain data, every field present, tuples as lists."""
        plain: dict[str, t.Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Reference):
                value = {"document": value.document, "section": value.section, "row": value.row}
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, t.Mapping):
                value = dict(value)
            plain[item.name] = value
        return plain


@dataclass(frozen=True)
class Former:
    """What became of a word that older editions of ``product`` have: since which release, and its name now (``None``: it is gone).

    A supplement, or a group of them, that a newer page documents is no supplement any more; ``now`` names its flow, or the group itself,
    and ``text`` the features that it has.
    """

    product: str
    since: str
    now: t.Optional[str] = None
    text: t.Optional[str] = None


FormerWords = t.Mapping[str, t.Mapping[str, Former]]  # kind, one of FORMER_KINDS -> full name, or group -> what became of it


@dataclass(frozen=True)
class Catalog:
    """One product in one edition. ``flows`` hold the documented ones, ``supplements`` those a document lacks.

    ``places``  of an edition that is written against a base: where in its files the parts of the joined whole stand
    """

    product: str
    edition: str
    path: str
    digest: str
    roles: t.Mapping[str, Role]
    settings: t.Mapping[str, Setting]
    features: t.Mapping[str, Feature]
    flows: tuple[Flow, ...]
    supplements: tuple[Flow, ...]
    plain: t.Mapping[str, t.Any] = field(repr=False)  # the file as loaded, for the ``catalog`` lookup
    title: t.Optional[str] = None
    base: t.Optional[str] = None  # the edition that the file is written against
    former: FormerWords = field(default_factory=dict)
    places: t.Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Catalogs:
    """The catalogs of one estate, one edition of each product, with their names joined.

    ``editions``  product -> all the editions that there are, oldest first
    """

    products: t.Mapping[str, Catalog]
    roles: t.Mapping[str, Role]
    settings: t.Mapping[str, Setting]
    features: t.Mapping[str, Feature]
    former: FormerWords = field(default_factory=dict)
    editions: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def flows(self) -> tuple[Flow, ...]:
        return tuple(flow for name in sorted(self.products) for flow in self.products[name].flows)

    @property
    def supplements(self) -> tuple[Flow, ...]:
        return tuple(flow for name in sorted(self.products) for flow in self.products[name].supplements)
