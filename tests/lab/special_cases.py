# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a table of ports cannot show: each case is a real exchange between hosts of the lab, and its refusal."""

import time
import typing as t
from dataclasses import dataclass, field

from company import Company
from host_tasks import run
from multicast_router import route_multicast
from namespace_host import NamespaceHost

GROUP, OTHER_GROUP, MULTICAST_PORT = "239.20.0.1", "239.20.0.9", 63500
BROADCAST = "255.255.255.255"
LISTENER = "10.1.1.19"  # of the availability group: an address that both replicas declare
STREAM = 400_000  # bytes; some three hundred packets of 1,280


@dataclass
class Lab:
    """The running lab, as the cases see it."""

    company: Company
    hosts: t.Mapping[str, NamespaceHost]

    def address(self, name: str, family: int = 4) -> str:
        found = self.company.machines[name].address(family)
        if found is None:
            raise KeyError(f"{name} has no IPv{family} address")
        return found

    def wire(self, name: str) -> str:
        """Return the router's interface towards a host's subnet."""
        return f"seg{list(self.company.segments()).index(self.company.machines[name].segment)}"

    def do(self, host: str, task: str, /, **arguments: t.Any) -> t.Any:
        return self.hosts[host].call(task, **arguments)


@dataclass
class Outcome:
    """The exchanges of one case: those that did not go as they should, and those that are refusals."""

    title: str
    checks: int = 0
    failures: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def expect(self, what: str, got: t.Any, wanted: t.Any) -> None:
        """Note one exchange. It is a refusal when nothing, ``False`` or -1 is wanted."""
        self.checks += 1
        text = f"{self.title}: {what}: expected {wanted!r}, saw {got!r}"
        if wanted in (None, False, -1):
            self.refused.append(text)
        if got != wanted:
            self.failures.append(text)

    def without_rules(self) -> list[str]:
        """Return what is wrong when no rule is loaded: an exchange that fails all the same, or a refusal that then proves nothing."""
        wires = [text for text in self.failures if text not in self.refused]
        empty = [f"{text}, and that without any rule" for text in self.refused if text not in self.failures]
        return wires + empty


Case = t.Callable[[Lab, Outcome], None]


def run_cases(lab: Lab, cases: t.Sequence[Case]) -> list[Outcome]:
    """Run the cases, one after the other."""
    outcomes = []
    for case in cases:
        outcome = Outcome((case.__doc__ or "").strip().rstrip("."))
        case(lab, outcome)
        outcomes.append(outcome)
    return outcomes


def _datagram(lab: Lab, source: str, destination: str, port: int, to: str = "", source_port: int = 0, group: str = "") -> t.Optional[str]:
    """Send one datagram and return the source address that the destination's socket saw, or ``None``."""
    lab.do(destination, "listen", name="d", port=port, group=group)
    mark = f"{source}-{time.monotonic_ns()}"
    lab.do(source, "send", address=to or lab.address(destination), port=port, text=mark, source_port=source_port)
    return _source(lab, destination, "d", mark)


def _source(lab: Lab, name: str, listener: str, mark: str) -> t.Optional[str]:
    heard = lab.do(name, "receive", name=listener)
    return heard[1] if heard and heard[0] == mark else None


def _unaddressed(lab: Lab, neighbour: str, server: str, port: int) -> t.Optional[str]:
    lab.do(server, "listen", name="d", port=port)
    lab.do(neighbour, "send_frame", port=port, source_port=68, text="discover")
    return _source(lab, server, "d", "discover")


def dhcp_broadcast(lab: Lab, outcome: Outcome) -> None:
    """DHCP from 0.0.0.0 to broadcast"""
    for server, neighbour in (("dhcp01", "proxy01"), ("dp01", "prov01"), ("relay01", "client01")):
        outcome.expect(f"{server} hears a request on udp/67", _unaddressed(lab, neighbour, server, 67), "0.0.0.0")
    for server, neighbour, port in (("dc01", "proxy01", 67), ("mp01", "prov01", 67), ("dp01", "prov01", 4011), ("dhcp01", "proxy01", 69)):
        outcome.expect(f"{server} hears nothing on udp/{port}", _unaddressed(lab, neighbour, server, port), None)
    for server, neighbour in (("dhcp01", "proxy01"), ("dp01", "prov01")):
        lab.do(neighbour, "sniff", name="s")
        told = lab.do(server, "send", address=BROADCAST, port=68, text="offer", source_port=67)
        frame = lab.do(neighbour, "receive", name="s")
        outcome.expect(f"{server} answers from 67 to broadcast 68", (told, bool(frame and frame[0].endswith("offer"))), ("", True))


def dhcp_relay(lab: Lab, outcome: Outcome) -> None:
    """DHCP by relay"""
    for server in ("dhcp01", "dp01"):
        there = _datagram(lab, "relay01", server, 67, source_port=67)
        outcome.expect(f"{server} hears the relay", there, lab.address("relay01"))
        back = _datagram(lab, server, "relay01", 67, source_port=67)
        outcome.expect(f"the relay hears {server}", back, lab.address(server))


def tftp(lab: Lab, outcome: Outcome) -> None:
    """TFTP, answered from a new port"""
    size = 512 * 20 + 100
    for client, server, wanted, why in (
        ("visitor01", "dp01", size, "a strict server, a client without a firewall"),
        ("client01", "dp01", size, "a strict server, a client that blocks inbound"),
        ("client02", "dp01", size, "the same from behind the tunnel"),
        ("visitor01", "databox01", size, "neither end has a firewall"),
        ("client01", "databox01", -1, "no documented server, so no helper at the client"),
        ("outsider", "dp01", -1, "no documented client"),
    ):
        lab.do(server, "listen", name="tftp", port=69)
        seconds = 60.0 if wanted > 0 else 1.2  # a busy machine may be slow; nothing comes after a while
        lab.hosts[server].start("tftp_serve", name="tftp", size=size, seconds=seconds + 0.4)
        got = lab.do(client, "tftp_fetch", address=lab.address(server), seconds=seconds)
        lab.hosts[server].result()
        outcome.expect(f"{client} reads from {server} ({why})", got, wanted)


def multicast(lab: Lab, outcome: Outcome) -> None:
    """Multicast from the distribution point"""
    for source in ("dp01", "prov01"):
        with route_multicast(lab.address(source), (GROUP, OTHER_GROUP), lab.wire(source), lab.wire("client01")):
            wanted = lab.address("dp01") if source == "dp01" else None
            outcome.expect(f"client01 hears {source} on {GROUP}", _datagram(lab, source, "client01", MULTICAST_PORT, GROUP, group=GROUP), wanted)
            outcome.expect(f"client01 hears {source} outside the ports", _datagram(lab, source, "client01", 62999, GROUP, group=GROUP), None)
            other = _datagram(lab, source, "client01", MULTICAST_PORT, OTHER_GROUP, group=OTHER_GROUP)
            outcome.expect(f"client01 hears {source} on {OTHER_GROUP}, which nobody declared", other, None)
            if source == "prov01":  # has no strict outbound: its packets are on client01's wire, and only client01's filter is in the way
                lab.do("client01", "sniff", name="s")
                lab.do(source, "send", address=GROUP, port=MULTICAST_PORT, text="on the wire")
                frame = lab.do("client01", "receive", name="s")
                outcome.expect(f"the network carries {source} to client01", bool(frame and frame[0].endswith("on the wire")), True)
    outcome.expect("dp01, strict, sends to an undeclared group", not lab.do("dp01", "send", address=OTHER_GROUP, port=MULTICAST_PORT), False)


def directed_broadcast(lab: Lab, outcome: Outcome) -> None:
    """Directed broadcast: wake-on-LAN"""
    network = next(item.network for item in lab.company.machines["client01"].interfaces if item.version == 4)
    to = str(network[-1])
    outcome.expect("client01 hears its site server", _datagram(lab, "site01", "client01", 9, to), lab.address("site01"))
    outcome.expect("client01 hears monitoring", _datagram(lab, "mon01", "client01", 9, to), None)
    outcome.expect("client01 hears its site server on another port", _datagram(lab, "site01", "client01", 10, to), None)


def path_mtu(lab: Lab, outcome: Outcome) -> None:
    """Path MTU through a hop of 1,280 bytes"""
    for giver, taker, port, family in (("mp01", "client02", 8443, 4), ("mp01", "client02", 8443, 6), ("client02", "admin01", 2701, 4)):
        lab.do(giver, "run", command=["ip", f"-{family}", "route", "flush", "cache"])  # it must learn, not remember
        lab.do(giver, "listen", name="stream", port=port, kind="tcp", family=family)
        lab.hosts[giver].start("give_out", name="stream", size=STREAM)
        got = lab.do(taker, "take_in", address=lab.address(giver, family), port=port, family=family)
        lab.hosts[giver].result()
        outcome.expect(f"{taker} takes a stream from {giver} over IPv{family}", got, STREAM)
        route = lab.do(giver, "run", command=["ip", "route", "get", lab.address(taker, family)])
        outcome.expect(f"{giver} has learnt the size of the hop over IPv{family}", "mtu 1280" in route, True)


def neighbour_discovery(lab: Lab, outcome: Outcome) -> None:
    """Neighbour discovery after a flush"""
    run(["ip", "neigh", "flush", "all"])
    for source, destination, port in (("client01", "mp01", 8443), ("site01", "mp01", 445), ("site01", "dp01", 445)):
        for name in (source, destination):
            lab.do(name, "run", command=["ip", "-6", "neigh", "flush", "all"])
            lab.do(name, "run", command=["ip", "-4", "neigh", "flush", "all"])
        for family in (6, 4):
            lab.do(destination, "listen", name="stream", port=port, kind="tcp", family=family)
            lab.hosts[destination].start("give_out", name="stream", size=10)
            got = lab.do(source, "take_in", address=lab.address(destination, family), port=port, family=family)
            lab.hosts[destination].result()
            outcome.expect(f"{source} reaches {destination} over IPv{family}", got, 10)


def echo(lab: Lab, outcome: Outcome) -> None:
    """Ping: documented, from msports_ping, and nobody else"""
    for source, destination, family, wanted in (
        ("admin01", "mp01", 4, True),  # msports_ping
        ("mon01", "edge01", 4, True),
        ("client01", "dc01", 4, True),  # domain member to domain controller
        ("client01", "dc01", 6, True),
        ("client02", "client01", 4, True),  # clients among themselves
        ("client01", "mp01", 4, False),
        ("client01", "mp01", 6, False),
        ("outsider", "mp01", 4, False),
        ("outsider", "client01", 4, False),
        ("outsider", "client01", 6, False),
        ("mp01", "client01", 4, False),
        ("outsider", "edge01", 4, False),
    ):
        got = lab.do(source, "ping", address=lab.address(destination, family), family=family)
        outcome.expect(f"{source} pings {destination} over IPv{family}", got, wanted)


def portless(lab: Lab, outcome: Outcome) -> None:
    """Protocols without ports: any between internal Exchange servers only"""
    for source, destination, wanted in (
        ("exca01", "exmb01", True),
        ("exmb01", "exca01", True),
        ("dc01", "exmb01", True),
        ("exca01", "mp01", False),
        ("visitor01", "exmb01", False),
        ("edge01", "exmb01", False),
        ("exmb01", "edge01", False),
    ):
        lab.do(destination, "listen", name="gre", port=47, kind="raw")
        lab.do(source, "send_protocol", address=lab.address(destination))
        outcome.expect(f"{destination} gets protocol 47 from {source}", lab.do(destination, "receive", name="gre") is not None, wanted)


def _stream(lab: Lab, source: str, destination: str, address: str, port: int) -> int:
    """Have ``source`` take ten bytes from a listener of ``destination``: how many came, or -1."""
    lab.do(destination, "listen", name="stream", port=port, kind="tcp")
    lab.hosts[destination].start("give_out", name="stream", size=10, seconds=1.0)
    got = lab.do(source, "take_in", address=address, port=port, seconds=0.8)
    lab.hosts[destination].result()
    return int(got)


def update_sync(lab: Lab, outcome: Outcome) -> None:
    """Strict outbound: a software update point synchronizes by the proxy, and by no other way"""
    outcome.expect("sup00 reaches the proxy", _stream(lab, "sup00", "proxy01", lab.address("proxy01"), 8080), 10)
    outcome.expect("sup00 reaches the Internet past the proxy", _stream(lab, "sup00", "outsider", lab.address("outsider"), 443), -1)


def failover(lab: Lab, outcome: Outcome) -> None:
    """Strict outbound: an availability group mirrors and fails over, and the clients of its listener follow"""
    for holder, other in (("sql01", "sql02"), ("sql02", "sql01")):
        if holder == "sql02":
            lab.do(other, "ip_batch", lines=[f"address del {LISTENER}/24 dev eth0"])
            lab.do(holder, "ip_batch", lines=[f"address add {LISTENER}/24 dev eth0"])
            run(["ip", "neigh", "flush", "all"])
            for name in ("mp01", "site01"):
                lab.do(name, "run", command=["ip", "neigh", "flush", "all"])
        for source, wanted in (("mp01", 10), ("site01", 10), ("client01", -1)):
            outcome.expect(f"{source} reaches the listener on {holder}", _stream(lab, source, holder, LISTENER, 1444), wanted)
        outcome.expect(f"{other} mirrors to {holder}", _stream(lab, other, holder, lab.address(holder), 5022), 10)
        outcome.expect(f"{holder} reaches the witness", _stream(lab, holder, "prov01", lab.address("prov01"), 445), 10)
        outcome.expect(f"{holder} reaches anything else", _stream(lab, holder, "mon01", lab.address("mon01"), 445), -1)


CASES: tuple[Case, ...] = (dhcp_broadcast, dhcp_relay, tftp, multicast, directed_broadcast, path_mtu, neighbour_discovery, echo, portless)
AFTER_THE_UPGRADE: tuple[Case, ...] = (update_sync, failover)
