# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""From subnets to wires: a router with one bridge a subnet, and a branch router behind a hop of 1,280 bytes."""

import typing as t

from company import Company, Machine, router_of
from host_tasks import ip_batch, sysctls
from namespace_host import NamespaceHost, everywhere

SMALL_MTU = 1280
BRANCH_ROUTER = "branch-router"
TUNNEL = {4: ("10.255.255.1/30", "10.255.255.2/30"), 6: ("fd00:ffff::1/126", "fd00:ffff::2/126")}
# What Linux keeps per namespace and the lab wants otherwise. Errors must not be rationed, addresses need no detection of
# duplicates, and probes come from ports that no catalog names.
HOST_SYSCTLS = {
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_msgs_per_sec": "1000000",
    "net/ipv4/icmp_msgs_burst": "1000000",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv4/ip_local_port_range": "34000 44999",
}
ROUTER_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/conf/all/bc_forwarding": "1",
    "net/ipv4/conf/default/bc_forwarding": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}


def build(company: Company) -> dict[str, NamespaceHost]:
    """Start every machine and connect it. The calling process becomes the router. Returns the hosts by name."""
    sysctls({**HOST_SYSCTLS, **ROUTER_SYSCTLS})
    hosts = {name: NamespaceHost(name) for name in company.machines}
    branch = NamespaceHost(BRANCH_ROUTER)
    branch.call("sysctls", values={**HOST_SYSCTLS, **ROUTER_SYSCTLS})
    everywhere(hosts.values(), "sysctls", values=HOST_SYSCTLS)

    segments = {name: f"seg{index}" for index, name in enumerate(company.segments())}
    in_branch = {machine.segment for machine in company.machines.values() if machine.in_branch}
    ip_batch(_tunnel(branch.pid))
    ip_batch([line for name, bridge in segments.items() if name not in in_branch for line in _bridge(company, name, bridge)])
    branch.call("ip_batch", lines=[line for name in sorted(in_branch) for line in _bridge(company, name, segments[name])] + _branch_side())
    ip_batch([f"route add {network} via {_far(network.version)}" for name in sorted(in_branch) for network in company.segments()[name]])

    here = [machine for machine in company.machines.values() if machine.segment not in in_branch]
    there = [machine for machine in company.machines.values() if machine.segment in in_branch]
    ip_batch([line for machine in here for line in _plug(machine, hosts[machine.name].pid, segments[machine.segment])])
    branch.call("ip_batch", lines=[line for machine in there for line in _plug(machine, hosts[machine.name].pid, segments[machine.segment])])
    for machine in company.machines.values():
        hosts[machine.name].start("ip_batch", lines=_address(machine))
    for host in hosts.values():
        host.result()
    _wait_for_neighbours(company, hosts)
    return {**hosts, BRANCH_ROUTER: branch}


def _wait_for_neighbours(company: Company, hosts: t.Mapping[str, NamespaceHost]) -> None:
    """Ping from every machine to its routers until they answer, so that no probe is spent on address resolution."""
    for machine in company.machines.values():
        hosts[machine.name].start("wait_for", addresses=[(item.version, str(router_of(item.network).ip)) for item in machine.interfaces])
    silent = {name: missing for name in company.machines if (missing := hosts[name].result())}
    if silent:
        raise RuntimeError(f"the lab's own wires do not carry packets: {silent}")


def _bridge(company: Company, segment: str, bridge: str) -> list[str]:
    lines = [f"link add {bridge} type bridge forward_delay 0 mcast_snooping 0"]
    lines += [f"address add {router_of(network)} dev {bridge} {'nodad' if network.version == 6 else 'brd +'}" for network in company.segments()[segment]]
    return [*lines, f"link set {bridge} up"]


def _plug(machine: Machine, pid: int, bridge: str) -> list[str]:
    port = f"p-{machine.name}"[:15]
    return [f"link add {port} master {bridge} type veth peer name eth0 netns {pid}", f"link set {port} up"]


def _address(machine: Machine) -> list[str]:
    lines = [f"address add {item} dev eth0 {'nodad' if item.version == 6 else 'brd +'}" for item in machine.interfaces]
    lines.append("link set eth0 up")
    lines += [f"route add default via {router_of(item.network).ip}" for item in _one_a_family(machine)]
    return lines


def _one_a_family(machine: Machine) -> list[t.Any]:
    return list({item.version: item for item in reversed(machine.interfaces)}.values())


def _tunnel(pid: int) -> list[str]:
    return [
        f"link add tunnel mtu {SMALL_MTU} type veth peer name tunnel mtu {SMALL_MTU} netns {pid}",
        *(f"address add {near} dev tunnel {'nodad' if family == 6 else ''}" for family, (near, _far_end) in TUNNEL.items()),
        "link set tunnel up",
    ]


def _branch_side() -> list[str]:
    return [
        *(f"address add {far} dev tunnel {'nodad' if family == 6 else ''}" for family, (_near, far) in TUNNEL.items()),
        "link set tunnel up",
        *(f"route add default via {near.partition('/')[0]}" for near, _far_end in TUNNEL.values()),
    ]


def _far(family: int) -> str:
    return TUNNEL[family][1].partition("/")[0]
