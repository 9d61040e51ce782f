# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The Windows hosts of the company, each as a policy store in a file: what they hold before, and what of ours they hold now."""

import pathlib
import sys
import typing as t

from company import Company

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "windows"))

import policy_file  # noqa: E402

GROUP = "windows"
ADMINISTRATORS = "admin01"  # from here Ansible comes, so there is a session from there on every host
# Group of the inventory -> which rules of Windows and of its products are enabled there before anybody applies anything.
ENABLED: dict[str, dict[str, bool]] = {
    "windows_server_domain_controller": {"file_sharing": True},
    "configmgr_site_server": {"wmi": True},
    "mail": {"exchange": True},
}
_WORDS: dict[str, dict[int, str]] = {"direction": {1: "in", 2: "out"}, "action": {0: "block", 1: "allow"}}
_PROTOCOLS = {1: "ICMPv4", 6: "TCP", 17: "UDP", 58: "ICMPv6", 256: "any"}
_ALWAYS_ANY = ("*", "", None)


class Stores:
    """A folder with a file ``<host>.json`` for each Windows host."""

    def __init__(self, folder: pathlib.Path, company: Company) -> None:
        self.folder = folder
        self.names = sorted(name for name, machine in company.machines.items() if GROUP in machine.groups)
        controller = company.machines[ADMINISTRATORS].address() or ""
        folder.mkdir()
        for name in self.names:
            machine = company.machines[name]
            enabled = {key: True for group, keys in ENABLED.items() if group in machine.groups for key in keys}
            content = policy_file.fresh_server(remote_desktop=True, controller=controller, **enabled)
            content["sessions"][0]["local"] = machine.address()
            policy_file.write(self.path(name), content)
        self._before = {name: policy_file.foreign(policy_file.read(self.path(name))) for name in self.names}

    def path(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.json"

    def own(self, name: str) -> list[dict[str, t.Any]]:
        """Return our rules on a host, as the store holds them."""
        return policy_file.own(policy_file.read(self.path(name)))

    def touched(self) -> list[str]:
        """Return the hosts on which rules of others are not byte by byte what they were."""
        return [name for name in self.names if policy_file.foreign(policy_file.read(self.path(name))) != self._before[name]]

    def lose_a_rule(self, name: str) -> str:
        """Take one of our rules away behind the collection's back; return its name."""
        with policy_file.edited(self.path(name)) as content:
            lost = policy_file.own(content)[0]
            content["rules"].remove(lost)
        return str(lost["name"])


def listing(rules: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    """Return rules as text: a line with the name, a line with what it does, as Windows words it."""
    return "".join(f"{rule['name']}\n    {said(rule)}\n" for rule in sorted(rules, key=lambda rule: (rule["direction"], str(rule["name"]))))


def said(rule: t.Mapping[str, t.Any]) -> str:
    """Return what a rule of the store says, without what is any."""
    parts = [f"{_WORDS['direction'][rule['direction']]} {_WORDS['action'][rule['action']]} {_PROTOCOLS.get(rule['protocol'], rule['protocol'])}"]
    for key, label in (
        ("icmp", "type"),
        ("local_ports", "local port"),
        ("remote_ports", "remote port"),
        ("remote_addresses", "remote"),
        ("local_addresses", "local"),
        ("program", "program"),
        ("service", "service"),
    ):
        if rule[key] not in _ALWAYS_ANY:
            parts.append(f"{label} {rule[key]}")
    return ", ".join(parts)
