# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server with rules of ours and of others, and operations on them, for the tests of the executor."""

from __future__ import annotations

import typing as t

import policy_file
from policy_file import ICMP4, TCP, UDP, rule

if t.TYPE_CHECKING:
    from stand_in_hosts import Host

OURS = "portcullis:msports"
FIELDS = [
    *("id", "name", "description", "enabled", "direction", "action", "protocol", "local_ports", "remote_ports", "local_addresses", "remote_addresses"),
    *("profiles", "program", "service", "interface_types", "interfaces", "icmp", "edge", "secure", "grouping", "users"),
]
SVCHOST = "%SystemRoot%\\system32\\svchost.exe"
SHARED = "Windows Remote Management (HTTP-In)"


def ours(name: str, **columns: t.Any) -> policy_file.Rule:
    return rule(name, grouping=OURS, **{"protocol": TCP, "local_ports": "443", **columns})


def estate(**switches: t.Any) -> policy_file.Content:
    """A server with rules of ours, among them twins, a disabled one, and names that others have, too."""
    content = policy_file.fresh_server(remote_desktop=True, exchange=True, **switches)
    policy_file.add(
        content,
        ours("web", remote_addresses="10.0.0.0/24,10.2.0.0/16,192.0.2.5/32", description="flow 1"),
        ours("rpc", local_ports="RPC", profiles=1),
        ours("twin"),
        ours("twin"),
        rule("twin", protocol=TCP, local_ports="443"),
        ours("off", enabled=False, protocol=UDP, local_ports="53,1000-2000"),
        ours(SHARED, local_ports="5985"),
        rule("WEB 2", protocol=TCP, local_ports="8080"),
        ours("web 2"),
        ours("ping", protocol=ICMP4, local_ports="*", icmp="8:*,3:4"),
        ours("bound", program="C:\\Windows\\system32\\svchost.exe", service="RpcSs", interfaces=["Ethernet 2"], edge=1),
    )
    content["memory"]["settings"] = '{"in": {}}'
    return content


def row_of(host: Host, name: str, number: int = 0, owner: str = "msports") -> dict[str, t.Any]:
    return [row for row in host.rows(owner) if row["name"] == name][number]


def named(content: policy_file.Content, name: str) -> list[policy_file.Rule]:
    return [one for one in content["rules"] if one["name"] == name]


def new(name: str, **columns: t.Any) -> dict[str, t.Any]:
    return {"kind": "add", "rule": {"name": name, "enabled": True, "protocol": TCP, "local_ports": "80", **columns}}


def edit(row: dict[str, t.Any], **columns: t.Any) -> dict[str, t.Any]:
    return {"kind": "edit", "id": row["id"], "name": row["name"], "set": columns}


def remove(row: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"kind": "remove", "id": row["id"], "name": row["name"]}


def policy(host: Host) -> policy_file.Content:
    return policy_file.state(host.content)


def everything(host: Host) -> list[dict[str, t.Any]]:
    """Operations of every kind, on names of every kind."""
    rows = {row["name"]: row for row in host.rows()}
    twin = row_of(host, "twin", 1)
    return [
        {"kind": "memory", "value": "more"},
        new("added"),
        new("added", local_ports="81", action=0),
        new("web", local_ports="8443", remote_addresses="10.0.0.0/8"),
        new("icmp", protocol=ICMP4, local_ports="", icmp="8:*"),
        new("twin", remote_addresses="10.0.0.0/24,10.0.1.7", local_ports="443,80", profiles=7),
        new(SHARED, program=SVCHOST, interfaces=["Ethernet 2"]),
        edit(rows["web"], remote_addresses="10.7.0.0/16", description="other"),
        edit(rows["bound"], program="", service="", enabled=False),
        edit(rows["ping"], protocol=6, icmp="", local_ports="80"),
        edit(rows["off"], name="renamed"),
        {"kind": "default_action", "profile": "domain", "direction": "in", "action": "allow"},
        {"kind": "default_action", "profile": "public", "direction": "out", "action": "block"},
        {"kind": "logging", "profile": "private", "allowed": True, "dropped": True, "path": "D:\\fw.log", "size": 16384},
        remove(rows["rpc"]),
        remove(twin),
        remove(rows[SHARED]),
        remove(rows["web 2"]),
        {"kind": "memory", "value": None},
    ]


#: What they cost: a value of the logging is a commit; a rule that goes to another protocol and names that others have included.
COMMITS = 6 + 2 + 3 + 3 + 1 + 2 + 4 + (1 + 2 + 2 + 2)
