# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Join flows with the estate: every flow that holds becomes connections between groups of hosts and sets of peers.

The ends of a flow are its source and destination; a *leg* is one way in which connections are opened over it.
``initiator: either`` has two legs on the same ports. A leg is seen twice: by those who open it and by those reached.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow import conditions, groups as grouping
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.families import Families
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.needs import Needs
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.peers import PeerSets
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.portvalues import PortValues
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.proxies import Proxies
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.scopes import SCOPES, Hierarchy
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.suggestions import suggestions
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import RPC_DYNAMIC, Catalogs, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Connection, Group, Note, Off
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, texts
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError, Problems, some

SIDES = ("source", "destination")
BETWEEN_SITES = ("parent", "parent_or_child")  # scopes that join nothing where there is one site


@dataclass(frozen=True)
class End:
    """One end of a flow: its groups that take part, and what their selection is called."""

    role: str
    groups: tuple[Group, ...]
    label: str


@dataclass(frozen=True)
class Connected:
    """What joining gives: the connections in a stable order, the flows that are off and why, and notes."""

    connections: tuple[Connection, ...]
    off: tuple[Off, ...]
    notes: tuple[Note, ...]


def connect(estate: Estate, catalogs: Catalogs) -> Connected:
    """Join all flows with ``estate``; raise :class:`InventoryError` with every essential role that is missing."""
    return _Connector(estate, catalogs).run()


class _Connector:
    """One-off: holds the index of one estate while its flows are joined."""

    def __init__(self, estate: Estate, catalogs: Catalogs) -> None:
        self.estate = estate
        self.catalogs = catalogs
        self.groups = grouping.index(estate, catalogs)
        self.ports = PortValues(estate, catalogs, self.groups)
        self.sets = PeerSets()
        self.hierarchy = Hierarchy(estate.hierarchy)
        self.needs = Needs(estate, catalogs)
        self.problems = Problems()
        self.families = Families(estate, self.problems)
        self.off: list[Off] = []
        self.notes: list[Note] = []
        self.connections: list[Connection] = []
        self.by_site: dict[int, tuple[tuple[Group, ...], dict[str, list[Group]]]] = {}
        self.proxies = Proxies(estate, self.groups.get(grouping.ANY_HOST, ()), self.ports, self.sets, self.families)

    def run(self) -> Connected:
        for flow in conditions.wanted(self.estate, self.catalogs):
            self._flow(flow)
        self.problems.extend(self.needs.problems())
        self.problems.raise_as(InventoryError)
        asked = (*conditions.warnings(self.estate, self.catalogs), *suggestions(self.estate, self.catalogs))
        notes = (*self.notes, *self.needs.notes(), *self.ports.notes(), *asked)
        return Connected(tuple(self.connections), tuple(sorted(set(self.off))), tuple(sorted(set(notes))))

    def _flow(self, flow: Flow) -> None:
        held = {side: grouping.groups_of(self.groups, getattr(flow, side), self.catalogs) for side in SIDES}
        if not any(group.hosts for side in SIDES for group in held[side]):
            return  # nobody here has to do with it
        off = conditions.why_off(flow, self.estate, self.catalogs, self.groups)
        if off:
            self.off.append(off)
            return
        scope = conditions.scope_of(flow, self.estate, self.catalogs)
        if scope in BETWEEN_SITES and not self._sites(flow):
            self.off.append(Off(flow.id, f"its scope is {scope}, and {flow.product} has one site here"))
            return
        if flow.feature and flow.feature not in self.estate.features and not all(held.values()):
            missing = next(getattr(flow, side) for side in SIDES if not held[side])
            self.off.append(Off(flow.id, f"feature {flow.feature} is off, and nobody holds {missing}"))
            return
        self.needs.see(flow, held)
        ends = {side: self._end(flow, side, held[side]) for side in SIDES}
        if not all(ends[side].groups for side in SIDES):
            if flow.feature and all(held[side] for side in SIDES):
                self.off.append(Off(flow.id, f"feature {flow.feature} is off at every {getattr(flow, flow.feature_at, 'host')}"))
            return
        for opener, reached in (SIDES, SIDES[::-1])[: 2 if flow.initiator == "either" else 1]:
            self._leg(flow, ends, opener, reached)

    def _end(self, flow: Flow, side: str, held: tuple[Group, ...]) -> End:
        """Return the groups of one end that have the feature, and of a top site where the scope asks for it."""
        role = getattr(flow, side)
        label = role if held and held[0].role == role else grouping.INTERNET
        if flow.feature and side == {"site": "destination"}.get(flow.feature_at, flow.feature_at):
            held = tuple(group for group in held if flow.feature in self._features(flow, group))
            label += f"+{flow.feature.rpartition('.')[2]}"
        if flow.scope == "top_site":
            held = tuple(group for group in held if group.site is None or self.hierarchy.is_top(group.site))
            label += ".top" if any(group.site for group in held) else ""
        return End(role, held, label)

    def _features(self, flow: Flow, group: Group) -> frozenset[str]:
        if flow.feature_at != "site":
            return group.features
        server = self.ports.site_server(flow, group.site)
        return server.features if server else self.estate.features

    def _leg(self, flow: Flow, ends: dict[str, End], opener: str, reached: str) -> None:
        starting = self._starting(flow, opener, ends[opener])
        target = ends[reached]
        if flow.via_proxy and self.proxies and any(group.external for group in target.groups):
            for connection in self.proxies.connections(flow, starting.groups, starting.label):
                if connection is None:
                    self._user_defined(flow)
                else:
                    self.connections.append(connection)
            return
        decider = self.ports.decided_by(flow)
        if decider == "reached":
            decider = reached
        compared = self._compared(flow)
        scope = conditions.scope_of(flow, self.estate, self.catalogs)
        source_sees, destination_sees = SCOPES.get(scope, SCOPES["site"])
        sees = {"source": source_sees, "destination": destination_sees}
        for side, here, there, direction in ((opener, starting, target, "out"), (reached, target, starting, "in")):
            for group in here.groups:
                if group.hosts:
                    peers, label = self._peers(group, there, sees[side] if compared else None)
                    if there.groups and not peers:
                        self.needs.out_of_reach(flow, group, there.role)
                    self._see(flow, group, side, direction, peers, label, decider)

    def _see(self, flow: Flow, group: Group, side: str, direction: str, peers: tuple[Group, ...], label: str, decider: str) -> None:
        """Add the connections of ``group`` to ``peers``, one for each value of the ports where the peers decide them."""
        if not peers:
            return
        if decider in (side, "estate"):
            site = next((peer.site for peer in peers if peer.site), None)
            by_ports = {self.ports.at(flow, None if decider == "estate" else group, site): list(peers)}
        else:
            by_ports = {}
            for peer in peers:
                by_ports.setdefault(self.ports.at(flow, peer, group.site), []).append(peer)
        for ports in sorted(by_ports, key=lambda p: p or ()):
            found = by_ports[ports]
            if ports is None:
                self._user_defined(flow)
                continue
            name = label if len(by_ports) == 1 else f"{label}#{','.join(texts(ports))}"
            self.families.check(flow, group, [(peer, peer.families) for peer in found])
            self._add(flow, direction, group, self.sets.of(name, found), ports, found)

    def _user_defined(self, flow: Flow) -> None:
        self.notes.append(Note("user_defined_port", f"{flow.id}: the port is user defined; no rule until {flow.setting} is set in msports_settings"))

    def _add(self, flow: Flow, direction: str, group: Group, peers: AddressSet, ports: Ports, found: t.Sequence[Group]) -> None:
        if not peers.addresses:
            self.notes.append(Note("no_address", f"{flow.id}: no address of {peers.id} is known, so there is no rule at {some(group.hosts)}"))
            return
        rpc = flow.ports == (RPC_DYNAMIC,)
        fixed = self.ports.static_rpc(group if direction == "in" else found[0]) if rpc else ()
        if fixed:  # a rule of its own: what Windows calls RPC is the dynamic range, and whether it covers a fixed endpoint nobody documents
            ports = (group if direction == "in" else found[0]).dynamic_ports
            self.connections.append(Connection(flow, direction, group, peers, fixed))
        self.connections.append(Connection(flow, direction, group, peers, ports, rpc))
        if flow.delivery == "multicast":
            self._add_multicast(flow, direction, group, peers, ports, found)

    def _add_multicast(self, flow: Flow, direction: str, group: Group, peers: AddressSet, ports: Ports, found: t.Sequence[Group]) -> None:
        """The destination of the documented row sends to the groups; its source receives them."""
        setting = f"{flow.product}.multicast_addresses"
        senders = found if direction == "out" else (group,)
        addresses = union(Addresses.parse(sender.settings.get(setting) or ()) for sender in senders)
        if addresses:
            groups = self.sets.made(AddressSet(setting, addresses, (setting,)))
            turned = "in" if direction == "out" else "out"
            self.connections.append(Connection(flow, turned, group, peers if turned == "in" else groups, ports, multicast=groups))

    def _starting(self, flow: Flow, side: str, end: End) -> End:
        """Return the members of an end that open connections themselves (``starts`` of a flow)."""
        condition = (flow.starts or {}).get(side, "always")
        if condition == "always":
            return end
        if condition == "never":
            return End(end.role, (), end.label)
        kind, name = next(iter(condition.items()))
        qualified = name if "." in name else f"{flow.product}.{name}"
        if kind == "feature":
            return End(end.role, tuple(g for g in end.groups if qualified in g.features), f"{end.label}+{name.rpartition('.')[2]}")
        default = self.catalogs.settings[qualified].default if qualified in self.catalogs.settings else False
        kept = tuple(g for g in end.groups if not g.settings.get(qualified, default))
        return End(end.role, kept, end.label if len(kept) == len(end.groups) else f"{end.label}-{name.rpartition('.')[2]}")

    def _compared(self, flow: Flow) -> bool:
        """Tell whether the scope compares sites: both ends are of one product in which sites are declared."""
        products = {role.partition(".")[0] for role in (flow.source, flow.destination)}
        return flow.scope in SCOPES and len(products) == 1 and bool(self._sites(flow))

    def _sites(self, flow: Flow) -> tuple[str, ...]:
        return tuple(self.estate.sites.get(flow.source.partition(".")[0], ()))

    def _peers(self, group: Group, there: End, sees: t.Optional[t.Callable[..., t.Any]]) -> tuple[tuple[Group, ...], str]:
        """Return the peers that ``group`` has at the other end, and the name of the set."""
        if sees is None or group.site is None:
            return there.groups, there.label
        reach = sees(self.hierarchy, group.site)
        by_site = self._by_site(there.groups)
        sites = sorted(reach.sites) if len(reach.sites) < len(by_site) else sorted(site for site in by_site if site in reach.sites)
        return tuple(peer for site in ("", *sites) for peer in by_site.get(site, ())), f"{there.label}@{reach.label}"

    def _by_site(self, groups: tuple[Group, ...]) -> dict[str, list[Group]]:
        """Return the groups of an end by site, in their order; ``""`` are those of no site. Each site has few of many."""
        known = self.by_site.get(id(groups))
        if known is None:
            found: dict[str, list[Group]] = {}
            for group in groups:
                found.setdefault(group.site or "", []).append(group)
            known = self.by_site[id(groups)] = (groups, found)  # which keeps the id its own
        return known[1]
