# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From Ansible's ``hostvars`` to the plain inventory that the estate is read from."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import to_plain

PREFIX = "msports_"
CONNECTION = ("ansible_host", "ansible_connection", "ansible_shell_type")
Plain = t.Dict[str, t.Any]


def inventory_of(hostvars: t.Mapping[str, t.Mapping[str, t.Any]], whole: bool = True, today: t.Optional[datetime.date] = None) -> Plain:
    """Return the inventory as plain data: each host's ``msports_*`` and connection variables and its groups.

    One pass: only the variables that count are rendered, each once. An undefined variable inside raises Ansible's error.
    """
    hosts = {str(name): _host(hostvars[name]) for name in hostvars}
    groups: dict[str, list[str]] = {}
    for name, host in hosts.items():
        for group in host["groups"]:
            groups.setdefault(group, []).append(name)
    inventory: Plain = {
        "hosts": hosts,
        "groups": groups,
        "whole": whole,
        "today": str(today or datetime.date.today()),
        "resolved": {},
        "facts": {},
    }
    wanted = {source for host in hosts.values() for source in _address_sources(host["vars"])}
    if "dns" in wanted:
        inventory["resolved"] = {name: found for name, host in hosts.items() if (found := _resolve(name, host["vars"]))}
    if "facts" in wanted:
        inventory["facts"] = {str(name): found for name in hostvars if (found := _facts(hostvars[name]))}
    return inventory


def one_host(name: str, variables: t.Mapping[str, t.Any]) -> Plain:
    """Return an inventory of one host, for the question whether that host changed."""
    return {"hosts": {name: _host(variables)}}


def play_variables(task_vars: t.Mapping[str, t.Any], own: t.Mapping[str, t.Any]) -> list[str]:
    """Return the ``msports_*`` variables that a play or role sets and ``hostvars`` therefore do not hold."""
    return sorted(str(name) for name in task_vars if str(name).startswith(PREFIX) and name not in own)


def _host(variables: t.Mapping[str, t.Any]) -> Plain:
    counted = {str(name): to_plain(variables[name]) for name in variables if str(name).startswith(PREFIX)}
    counted.update((name, to_plain(variables[name])) for name in CONNECTION if name in variables)
    return {"vars": counted, "groups": to_plain(variables.get("group_names", []))}


def _address_sources(variables: t.Mapping[str, t.Any]) -> list[str]:
    found = []
    for name, value in variables.items():
        if name == "msports_address_from" or name.startswith("msports_address_from__"):
            found.extend(value if isinstance(value, list) else [value])
    return found


def _resolve(name: str, variables: t.Mapping[str, t.Any]) -> list[str]:
    """Look up a host that has no address in the inventory: ``ansible_host`` when it is a name, else its own name."""
    known = variables.get("ansible_host", name)
    if any(key.split("__")[0] == "msports_addresses" for key in variables) or _is_address(known):
        return []
    try:
        return sorted({str(item[4][0]) for item in socket.getaddrinfo(str(known), None, proto=socket.IPPROTO_TCP)})
    except OSError:
        return []  # a peer without an address is the estate's problem to tell, with all others


def _facts(variables: t.Mapping[str, t.Any]) -> list[str]:
    facts = variables.get("ansible_facts", {})
    return [str(item) for key in ("all_ipv4_addresses", "all_ipv6_addresses") for item in to_plain(facts.get(key, []))]


def _is_address(text: t.Any) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True
