# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Documented flows by port, and the roles of the ends of a finding: what the catalogs can say about traffic that a plan does not know."""

from __future__ import annotations

import bisect
import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES, RPC_DYNAMIC, Flow, Role
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, covers, parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.judge import Finding
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.verdict import Index

INTERNET, ANY_HOST = BARE_ROLES
PROXY = "infrastructure.proxy"  # how the sets of web proxies are called
Roles = t.FrozenSet[str]
NOTHING: Roles = frozenset()


class Leg(t.NamedTuple):
    """One way that a flow goes: which role opens it, and which one is reached."""

    flow: Flow
    opens: str
    reached: str


class Flows:
    """The flows of the catalogs of a plan, with their ports there; those over any protocol tell no role from another, and are left out."""

    def __init__(self, flows: t.Iterable[Flow], roles: t.Mapping[str, Role], index: Index) -> None:
        self.roles = roles
        self._on = index.ports_anywhere
        self.legs: list[tuple[Leg, Ports]] = []
        self._at: dict[tuple[str, t.Optional[int]], list[Leg]] = {}  # by protocol and place among ``_starts``
        self.through: dict[str, str] = {}  # flows that a web proxy may stand in for -> the role behind it
        for flow in flows:
            if flow.via_proxy:
                self.through[flow.id] = flow.destination
            ports = parse_ports((*(text for text in flow.ports if text != RPC_DYNAMIC), *flow.alternatives))
            ports = (*ports, *index.ports_anywhere.get(flow.id, ()))
            if flow.protocol != "any" and (ports or flow.protocol == "icmp_echo" or flow.setting):
                self.legs += [(Leg(flow, flow.source, flow.destination), ports)]
                if flow.initiator == "either":
                    self.legs += [(Leg(flow, flow.destination, flow.source), ports)]

    @functools.cached_property
    def with_setting(self) -> list[Leg]:
        """The flows whose port is a choice; those that need a feature only where it is on."""
        return [leg for leg, _ports in self.legs if leg.flow.setting and (leg.flow.id in self._on or not (leg.flow.feature or leg.flow.supplement))]

    def at(self, protocol: str, port: t.Optional[int]) -> list[Leg]:
        """Return the flows over a port."""
        return self.over(protocol, self.slot(port))

    def slot(self, port: t.Optional[int]) -> t.Optional[int]:
        """Return which of the stretches a port is in that the same flows are over; ``None`` without a port."""
        return None if port is None else bisect.bisect_right(self._starts, port)

    def over(self, protocol: str, slot: t.Optional[int]) -> list[Leg]:
        """Return the flows over the ports of a slot."""
        key = (protocol, slot)
        if key not in self._at:
            port = self._starts[slot - 1] if slot else None  # before the first of them is no flow
            self._at[key] = [leg for leg, ports in self.legs if leg.flow.protocol == protocol and slot != 0 and self._covers(ports, port)]
        return self._at[key]

    @functools.cached_property
    def _starts(self) -> list[int]:
        """Between two of these the same flows are over every port: what was seen may have all ports there are."""
        return sorted({edge for _leg, ports in self.legs for item in ports for edge in (item.first, item.last + 1)})

    @staticmethod
    def _covers(ports: Ports, port: t.Optional[int]) -> bool:
        return port is None or (bool(ports) and covers(ports, port))

    def closure(self, role: str) -> Roles:
        """Return a role with all that it implies."""
        found: set[str] = set()
        near = [role]
        while near:
            name = near.pop()
            if name not in found:
                found.add(name)
                near += self.roles[name].implies if name in self.roles else ()
        return frozenset(found)


class Ends:
    """Which roles the ends of findings hold: as the plan says, and as is added while roles are recognized."""

    def __init__(self, index: Index, through: t.Optional[t.Mapping[str, str]] = None) -> None:
        self.index = index
        self._proxies = _proxies(index, through or {})
        self._held: dict[str, Roles] = {}
        self._learned: dict[str, Roles] = {}

    def of(self, name: str) -> Roles:
        """Return the roles of a host of the plan."""
        if name not in self._held:
            entry = self.index.entry(name) or {"roles": {}, "addresses": ()}
            found = {*entry["roles"], *([ANY_HOST] if entry["roles"] else []), *self.of_addresses(Addresses.parse(entry["addresses"]))}
            self._held[name] = frozenset(found)
        return self._held[name]

    def declared(self, name: str) -> Roles:
        """Return the roles that a host holds by name, and not for its address alone."""
        return self._learned.get(name, frozenset()) | frozenset((self.index.entry(name) or {"roles": ()})["roles"])

    def of_addresses(self, addresses: Addresses) -> Roles:
        """Return the roles that addresses have by being in declared networks, or on the Internet."""
        if not addresses:
            return frozenset()
        sets = self.index.sets.of(addresses.intervals)
        found = {role for role, _sites in self.index.roles_in_networks(addresses)}
        found.update(role for proxy, roles in self._proxies if proxy in sets for role in roles)
        return frozenset({*found, *([INTERNET] if INTERNET in sets else [])})

    def learn(self, name: str, roles: Roles) -> None:
        """Take it that a host holds more roles."""
        self._learned[name] = self._learned.get(name, frozenset()) | roles
        self._held[name] = frozenset({*self.of(name), *roles, ANY_HOST})

    def sides(self, finding: Finding) -> tuple[Roles, Roles]:
        """Return the roles of source and destination."""
        outside = self.of_addresses(Addresses(finding.peers)) if not (finding.source and finding.destination) else frozenset()
        return self.of(finding.source) if finding.source else outside, self.of(finding.destination) if finding.destination else outside

    def without_role(self, peers: t.Iterable[Interval]) -> Addresses:
        """Return those addresses that no declared network has, and no proxy."""
        return Addresses(tuple(peers)) - self._declared_networks

    @functools.cached_property
    def _declared_networks(self) -> Addresses:
        networks = [Addresses.parse(texts) for sites in self.index.plan["networks"].values() for texts in sites.values()]
        return union([*networks, *(self.index.set(proxy) for proxy, _roles in self._proxies)])

    def sites(self, name: str) -> tuple[str, ...]:
        entry = self.index.entry(name) or {"roles": {}}
        return tuple(sorted({site for sites in entry["roles"].values() for site in sites}))


def _proxies(index: Index, through: t.Mapping[str, str]) -> list[tuple[str, Roles]]:
    """Return the sets that the rules of some flows name as proxies, each with the roles that stand behind it."""
    found: dict[str, set[str]] = {}
    for rules in {id(host["rules"]): host["rules"] for host in index.plan["hosts"].values()}.values():
        for rule in rules:
            behind = {through[why["name"]] for why in rule["because"] if why["name"] in through}
            if behind and rule["direction"] == "out" and rule["remote"].startswith(PROXY):
                found.setdefault(rule["remote"], set()).update(behind)
    return [(name, frozenset(roles)) for name, roles in sorted(found.items())]
