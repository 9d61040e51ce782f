# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The oracle of the packet proof: what the catalogs and the inventory mean, asked pair by pair.

It shares no code with the collection and works the slow and obvious way: for every pair of hosts it walks through all flows
and asks of each whether it joins these two. Nothing is merged, nothing is gathered into sets. What must agree with it is the
rules that the collection makes, and the packets that then pass.

A question is about a new connection from a high source port (so no rule that asks for source port 67 ever matches). Both
firewalls are asked: that of the destination, and that of the source where its outbound default is ``block``. A host's own
rules come from the roles it *holds*; its peers are told by their addresses, so a host in a declared network counts as one of
that population without holding the role.
"""

import datetime
import functools
import pathlib
import typing as t

from .catalogs import Catalogs, Flow
from .estate import End, Estate, Host, as_list
from .flows import joins, ports_of, ranges, wanted

__all__ = ["Oracle"]


class Reason(t.NamedTuple):
    """Why something passes: a flow's id or a variable. ``ports`` are (first, last); None is any, and empty is none."""

    why: str
    protocol: str
    ports: t.Sequence[tuple[int, int]] | None = None

    def admits(self, protocol: str, port: int | None) -> bool:
        if self.protocol not in ("any", protocol):
            return False
        return self.ports is None or any(port is not None and first <= port <= last for first, last in self.ports)


class Oracle:
    """``inventory`` is ``{"hosts": {name: {"vars": {...}, "groups": [...]}}}``, with ``today`` (YYYY-MM-DD) if it is not the real one."""

    def __init__(self, inventory: t.Mapping[str, t.Any], catalogs_dir: pathlib.Path) -> None:
        self.estate = Estate(inventory)
        folders = [catalogs_dir, *map(pathlib.Path, self.estate.whole("catalog_paths") or ())]
        self.catalogs = Catalogs(folders, self.estate.whole("releases") or {})
        self.estate.read_with(self.catalogs)
        self.today = str(inventory.get("today") or datetime.date.today())
        self.flows = wanted(self.catalogs, self.estate)
        self.proxies = self.estate.infrastructure.get("proxy") or []
        self._reasons = functools.cache(self._both_firewalls)  # the same pair is asked about many ports
        self._unaddressed_of = functools.cache(lambda host: list(self._unaddressed(host)))  # whoever asks

    def allows(self, source: str, destination: str, protocol: str, port: int | None, family: int = 4) -> bool:
        """Would the first packet of a connection pass? No, too, where one of the two has no address of the family."""
        return bool(self.why(source, destination, protocol, port, family))

    def why(self, source: str, destination: str, protocol: str, port: int | None, family: int = 4) -> list[str]:
        """The flows and variables that admit it, those of the destination first; empty when it is refused."""
        inbound, outbound = ([reason.why for reason in side if reason.admits(protocol, port)] for side in self._reasons(source, destination, family))
        return list(dict.fromkeys(inbound + outbound)) if inbound and outbound else []

    def ports(self) -> dict[str, list[int]]:
        """Every port that a catalog or the inventory names; of ranges the first, the last, one inside and one beyond each edge."""
        found: dict[str, set[int]] = {"tcp": set(), "udp": set()}
        for flow in self.catalogs.flows + self.catalogs.supplements:
            for host in self.estate.hosts.values():
                for specs in (flow["ports"], flow["alternatives"], flow["source_ports"], self._values_of(flow["setting"])):
                    found.setdefault(flow["protocol"], set()).update(_edges(ranges(specs, host.dynamic_ports)))
        for host in self.estate.hosts.values():
            found["tcp"].update(_edges(self._management_ports(host)))
            for key in ("in", "out"):
                for reason in self._own_rules(host, key):
                    found.setdefault(reason.protocol, set()).update(_edges(reason.ports or ()))
        found["tcp"].update(int(proxy["port"]) for proxy in self.proxies)
        return {protocol: sorted(port for port in found[protocol] if 0 < port < 65536) for protocol in ("tcp", "udp")}

    # ------------------------------------------------------------ the two firewalls

    def _both_firewalls(self, source: str, destination: str, family: int) -> tuple[list[Reason], list[Reason]]:
        one, other = self.estate.hosts[source], self.estate.hosts[destination]
        if one is other:
            return [Reason("the same host", "any")], [Reason("the same host", "any")]
        if not one.address(family) or not other.address(family):
            return [], []
        return list(self._inbound(other, one, family)), list(self._outbound(one, other, family))

    def _inbound(self, host: Host, source: Host, family: int) -> t.Iterator[Reason]:
        if not host.managed:
            yield Reason("msports_managed", "any")
        elif host.open:
            yield Reason("msports_default_inbound", "any")
        address = source.address(family)
        if self.estate.selected((host.all_of("management") or {}).get("from"), source.name, address):
            yield Reason("msports_management", "tcp", self._management_ports(host))
        if self.estate.selected(host.all_of("ping"), source.name, address):
            yield Reason("msports_ping", "icmp_echo")
        yield from self._own_rules(host, "in", source, address)
        yield from self._by_flows(self.flows, self.estate.peers(source.name, address), host.own, host.dynamic_ports)
        yield from self._unaddressed_of(host)
        yield from self._to_proxy(self.estate.peers(source.name, address), host, host.address(family))
        if source.managed:
            yield from self._infrastructure(host, host.address(family))
        yield Reason("base", "igmp")  # the rest of the base rules is replies, other types, or wants a low source port

    def _outbound(self, host: Host, destination: Host, family: int) -> t.Iterator[Reason]:
        if not host.strict:
            yield Reason("msports_default_outbound", "any")
        address = destination.address(family)
        yield from self._own_rules(host, "out", destination, address)
        direct = [flow for flow in self.flows if not self._proxied(flow)]
        yield from self._by_flows(direct, host.own, self.estate.peers(destination.name, address), destination.dynamic_ports)
        yield from self._to_proxy(host.own, destination, address)
        yield from self._infrastructure(destination, address)
        yield Reason("base", "igmp")

    # ------------------------------------------------------------ what admits

    def _by_flows(self, flows: t.Iterable[Flow], starters: t.Sequence[End], others: t.Sequence[End], dynamic: str) -> t.Iterator[Reason]:
        """The flows by which one of ``starters`` may open connections to one of ``others``."""
        here, there = {end.role for end in starters}, {end.role for end in others}
        for flow in flows:
            first, second = flow["source"], flow["destination"]
            if flow["delivery"] == "unaddressed" or not (first in here and second in there or second in here and first in there):
                continue
            for one in starters:
                for other in others:
                    for starter, source, destination in (("source", one, other), ("destination", other, one)):
                        if joins(flow, source, destination, starter, self.estate):
                            ports = list(ranges(ports_of(flow, source, destination, self.estate), dynamic))
                            yield Reason(flow["id"], flow["protocol"], ports if flow["protocol"] in ("tcp", "udp") else None)

    def _unaddressed(self, host: Host) -> t.Iterator[Reason]:
        """DHCP and PXE: who asks has no address yet, so the server lets in the documented port from anywhere, if anybody may ask at all."""
        others = [end for end in self.estate.everybody() if end.host != host.name]
        for flow in self.flows:
            if flow["delivery"] == "unaddressed" and any(joins(flow, one, own, "source", self.estate) for one in others for own in host.own):
                yield Reason(flow["id"], "udp", [span for span in ranges(flow["ports"], "") if span != (68, 68)])

    def _infrastructure(self, server: Host, address: t.Any) -> t.Iterator[Reason]:
        """What managed hosts are sent to, and admitted by, where the server is one of msports_infrastructure."""
        for service, protocol, port in (("dns", "udp", 53), ("dns", "tcp", 53), ("ntp", "udp", 123)):
            if self.estate.selected(self.estate.infrastructure.get(service), server.name, address):
                yield Reason(f"msports_infrastructure {service}", protocol, [(port, port)])

    def _proxied(self, flow: Flow) -> bool:
        return flow["via_proxy"] and bool(self.proxies) and self.catalogs.kinds.get(flow["destination"]) == "external"

    def _to_proxy(self, starters: t.Sequence[End], proxy: Host, address: t.Any) -> t.Iterator[Reason]:
        """With a proxy declared, web flows to external ends go there: to the proxy's port, or to the one that a setting names."""
        for declared in self.proxies:
            if not self.estate.selected([declared["address"]], proxy.name, address):
                continue
            for flow in filter(self._proxied, self.flows):
                outside = End(flow["destination"], None, (), self.estate.settings, self.estate.features)
                for one in starters:
                    if joins(flow, one, outside, "source", self.estate):
                        ports = ports_of(flow, one, outside, self.estate) if flow["setting"] else [str(declared["port"])]
                        yield Reason(flow["id"], "tcp", list(ranges(ports, "")))

    def _own_rules(self, host: Host, key: str, peer: Host | None = None, address: t.Any = None) -> t.Iterator[Reason]:
        """``msports_allow`` in one direction; without a peer all entries, expired ones too."""
        for entry in host.all_of("allow") or ():
            valid = peer is None or not entry.get("until") or str(entry["until"]) >= self.today
            peers = entry.get({"in": "from", "out": "to"}[key], ["any"])
            if key in entry and valid and (peer is None or self.estate.selected(peers, peer.name, address)):
                for item in as_list(entry[key]):
                    protocol, _slash, ports = str(item).partition("/")
                    yield Reason(f"msports_allow: {entry.get('name')}", protocol, list(ranges([ports], "")) if ports else None)

    def _management_ports(self, host: Host) -> list[tuple[int, int]]:
        names = (host.all_of("management") or {}).get("services") or ()
        known = self.catalogs.services
        return list(ranges([str(known[name]["port"]) if name in known else str(name).rpartition("/")[2] for name in names], ""))

    def _values_of(self, setting: str | None) -> list[str]:
        """The default of a port's setting, and every value that a host or a role of a host gives it."""
        values = [self.catalogs.defaults.get(setting or ""), *(end.settings.get(setting or "") for end in self.estate.everybody())]
        return [str(port) for value in values if value is not None for port in as_list(value)]


def _edges(spans: t.Iterable[tuple[int, int]]) -> t.Iterator[int]:
    for first, last in spans:
        yield from (first,) if first == last else (first - 1, first, (first + last) // 2, last, last + 1)
