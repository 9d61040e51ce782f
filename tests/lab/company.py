# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The inventory as the lab sees it: hosts with their addresses, and the subnets that follow from them."""

import ipaddress
import json
import os
import pathlib
import subprocess
import sys
import typing as t
from dataclasses import dataclass

Interface = t.Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
PREFIX = {4: 24, 6: 64}  # the inventory's own convention: every subnet is a /24 (IPv6: a /64), its first address the router's
BRANCH = "branch"  # hosts of this group sit behind the tunnel with the small MTU


@dataclass(frozen=True)
class Machine:
    """One inventory host as a machine on the wire."""

    name: str
    interfaces: tuple[Interface, ...]
    groups: tuple[str, ...]

    def address(self, family: int = 4) -> t.Optional[str]:
        """Return the first address of the family, or ``None``."""
        return next((str(item.ip) for item in self.interfaces if item.version == family), None)

    @property
    def in_branch(self) -> bool:
        return BRANCH in self.groups

    @property
    def segment(self) -> str:
        """The name of the wire the host hangs on: its IPv4 subnet."""
        return str(next(item.network for item in self.interfaces if item.version == 4))


@dataclass(frozen=True)
class Company:
    """Everything the lab needs from an inventory. ``inventory`` is ``{"hosts": {name: {"vars": ..., "groups": [...]}}}``, as the oracle reads it."""

    machines: t.Mapping[str, Machine]
    inventory: t.Mapping[str, t.Any]

    def segments(self) -> dict[str, tuple[Network, ...]]:
        """Return the subnets of each wire, IPv4 first."""
        found: dict[str, set[Network]] = {}
        for machine in self.machines.values():
            found.setdefault(machine.segment, set()).update(item.network for item in machine.interfaces)
        return {name: tuple(sorted(networks, key=lambda n: (n.version, n))) for name, networks in sorted(found.items())}

    def pairs(self, family: int) -> list[tuple[Machine, Machine]]:
        """Return every ordered pair of different machines that both have an address of the family."""
        able = [machine for machine in self.machines.values() if machine.address(family)]
        return [(source, destination) for source in able for destination in able if source is not destination]


def read_company(*folders: pathlib.Path, home: t.Optional[pathlib.Path] = None) -> Company:
    """Let Ansible read the inventory, exactly as it will for the plan: what later folders say wins. ``home`` is where Ansible keeps its own files."""
    sources = [word for folder in folders for word in ("-i", str(folder))]
    command = [str(pathlib.Path(sys.executable).with_name("ansible-inventory")), *sources, "--list"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment.update(ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(home or pathlib.Path.home() / ".ansible"))
    # From elsewhere: group_vars beside the place that a command is run from win over those of inventories.
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", check=False)
    if done.returncode != 0:
        raise ValueError(f"{folders[0]}: ansible-inventory cannot read it: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    variables = told.pop("_meta")["hostvars"]
    return company_of({"hosts": {name: {"vars": variables[name], "groups": _groups_of(name, told)} for name in sorted(variables)}})


def company_of(inventory: t.Mapping[str, t.Any]) -> Company:
    """Return the company of an inventory that was read already."""
    taken: set[Interface] = set()
    machines = {}
    for name, known in inventory["hosts"].items():
        own = tuple(item for item in _interfaces(name, known["vars"]) if item not in taken)  # a shared address lies on its first holder
        taken.update(own)
        machines[name] = Machine(name, own, tuple(known["groups"]))
    return Company(machines, inventory)


def as_compiled(company: Company, today: str) -> dict[str, t.Any]:
    """Return the inventory as ``compile_plan`` takes it: all of it, on the day ``today``."""
    hosts = company.inventory["hosts"]
    groups = sorted({group for host in hosts.values() for group in host["groups"]})
    members = {group: [name for name, host in hosts.items() if group in host["groups"]] for group in groups}
    return {"hosts": hosts, "groups": members, "whole": True, "today": today, "resolved": {}, "facts": {}}


def router_of(network: Network) -> Interface:
    """Return the router's address in a subnet: the first one."""
    return ipaddress.ip_interface(f"{network[1]}/{network.prefixlen}")


def _groups_of(host: str, told: t.Mapping[str, t.Any]) -> list[str]:
    names = {name for name, group in told.items() if host in group.get("hosts", ())}
    while True:
        parents = {name for name, group in told.items() if names & set(group.get("children", ()))} - {"all"}
        if parents <= names:
            return sorted(names)
        names |= parents


def _interfaces(name: str, variables: t.Mapping[str, t.Any]) -> tuple[Interface, ...]:
    given = variables.get("msports_addresses") or [variables.get("ansible_host")]
    addresses = [ipaddress.ip_address(item["address"] if isinstance(item, dict) else item) for item in given]
    if not any(address.version == 4 for address in addresses):
        raise ValueError(f"{name}: the lab wants at least one IPv4 address on every host, and found {given}")
    return tuple(ipaddress.ip_interface(f"{address}/{PREFIX[address.version]}") for address in addresses)
