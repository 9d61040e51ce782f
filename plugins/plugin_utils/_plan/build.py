# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The plan as plain data: the rulesets of all hosts, the address sets they name, and what the reader must know.

The shape is documented in ``docs/plan.md``. Hosts that are alike share their list of rules as one object.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Note, Off
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import texts
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet, Rule

FORMAT = 2
Plain = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Compiled:
    """What the stages made, before it becomes plain data."""

    rulesets: t.Mapping[str, tuple[Rule, ...]]
    sets: t.Mapping[str, AddressSet]
    management: t.Mapping[str, Addresses]  # host -> from where it is managed
    off: tuple[Off, ...]
    notes: tuple[Note, ...]


def build(estate: Estate, catalogs: Catalogs, compiled: Compiled, partial_inventory: bool, today: t.Optional[str]) -> Plain:
    """Return the plan, as it is before it is saved. ``today`` is given only when an entry's ``until`` makes the date an input."""
    rules = _Shared()
    texts_of = functools.lru_cache(maxsize=None)(Addresses.cidrs)  # the same few sources manage many hosts
    managed = {name: host for name, host in estate.hosts.items() if host.managed}
    return {
        "format": FORMAT,
        "partial_inventory": partial_inventory,
        "today": today,
        "catalogs": {c.product: {"edition": c.edition, "digest": c.digest} for _name, c in sorted(catalogs.products.items())},
        "networks": _networks(estate),
        "sets": {name: {"addresses": item.addresses.cidrs(), "members": list(item.members)} for name, item in compiled.sets.items()},
        "hosts": {
            name: {
                **_host(host),
                "management": {
                    "addresses": list(texts_of(compiled.management[name])),
                    "ports": texts(host.management.ports) if host.management else [],
                },
                "rules": rules.of(compiled.rulesets[name]),
            }
            for name, host in sorted(managed.items())
        },
        "peers": {name: _peer(host) for name, host in sorted(estate.hosts.items()) if name not in managed},
        "notes": [{"code": note.code, "host": note.host or None, "text": note.text} for note in sorted(set(compiled.notes))],
        "off": [{"flow": off.flow, "why": off.why} for off in compiled.off],
        "orphaned": [],
        "claims": [{"claim": str(claim), "because": claim.because} for claim in estate.claims],
    }


def rule_as_dict(rule: Rule) -> Plain:
    return {
        "name": rule.name,
        "direction": rule.direction,
        "action": "allow",
        "protocol": rule.protocol,
        "local_ports": texts(rule.local_ports),
        "remote_ports": texts(rule.remote_ports),
        "remote": rule.remote,
        "local": rule.local,
        "rpc": rule.rpc,
        "helper": rule.helper,
        "delivery": rule.delivery,
        **({"until": str(rule.until)} if rule.until else {}),
        "because": [{"kind": why.kind, "name": why.name, "text": why.text} for why in rule.because],
    }


def _peer(host: Host) -> Plain:
    sites: dict[str, set[str]] = {holding.role: set() for holding in host.holdings}
    for holding in host.holdings:
        sites[holding.role].update(holding.sites)
    return {
        "roles": {role: sorted(found) for role, found in sorted(sites.items())},
        "features": sorted(host.features),
        "addresses": host.addresses.cidrs(),
    }


def _networks(estate: Estate) -> Plain:
    """Return role -> site (``""`` = all sites) -> networks."""
    return {role: {site or "": found.cidrs() for site, found in sorted(sites.items(), key=str)} for role, sites in sorted(estate.networks.items())}


def _host(host: Host) -> Plain:
    return {
        "system": host.system,
        **_peer(host),
        "dynamic_ports": texts(host.dynamic_ports),
        "default_inbound": host.default_inbound,
        "default_outbound": host.default_outbound,
        **({"windows_profiles": list(host.windows_profiles)} if host.windows_profiles and host.system == "windows" else {}),
    }


class _Shared:
    """Turns each distinct ruleset, and each rule that rulesets share, into plain data once."""

    def __init__(self) -> None:
        self._made: dict[int, list[Plain]] = {}
        self._rules: dict[int, Plain] = {}

    def of(self, ruleset: tuple[Rule, ...]) -> list[Plain]:
        if id(ruleset) not in self._made:
            self._made[id(ruleset)] = [self._rule(rule) for rule in ruleset]
        return self._made[id(ruleset)]

    def _rule(self, rule: Rule) -> Plain:
        if id(rule) not in self._rules:
            self._rules[id(rule)] = rule_as_dict(rule)
        return self._rules[id(rule)]
