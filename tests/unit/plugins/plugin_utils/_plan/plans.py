# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans written by hand, shortly: what questions, differences, the store and the renderers start from."""

from __future__ import annotations

import typing as t

Plain = dict[str, t.Any]


def rule(direction: str, protocol: str, remote: str, ports: t.Sequence[str] = (), **fields: t.Any) -> Plain:
    """Return one rule; ``ports`` are those of the end that is reached."""
    local = "local_ports" if direction == "in" else "remote_ports"
    label = f"/{','.join(ports)}" if ports else ""
    found: Plain = {
        "name": f"{direction} {protocol}{label} {'from' if direction == 'in' else 'to'} {remote}",
        "direction": direction,
        "action": "allow",
        "protocol": protocol,
        "local_ports": [],
        "remote_ports": [],
        "remote": remote,
        "local": None,
        "rpc": False,
        "helper": "",
        "delivery": "unicast",
        "because": [{"kind": "flow", "name": "shop.flow", "text": "page#table row 1"}],
    }
    return {**found, local: list(ports), **fields}


def host(*rules: Plain, at: t.Sequence[str] = (), roles: t.Optional[Plain] = None, **fields: t.Any) -> Plain:
    found: Plain = {
        "system": "linux",
        "roles": roles or {},
        "features": [],
        "addresses": list(at),
        "default_inbound": None,
        "dynamic_ports": ["49152-65535"],
        "default_outbound": "keep",
        "management": {"addresses": ["10.9.0.0/24"], "ports": ["22"]},
        "rules": list(rules),
    }
    return {**found, **fields}


def peer(*at: str, roles: t.Optional[Plain] = None) -> Plain:
    return {"roles": roles or {}, "features": [], "addresses": list(at)}


def plan(hosts: t.Mapping[str, Plain], sets: t.Mapping[str, t.Any], peers: t.Optional[Plain] = None, **fields: t.Any) -> Plain:
    """Return a plan; a set is a list of addresses, or one with its members under ``(addresses, members)``."""
    made = {}
    for name, item in sets.items():
        addresses, members = item if isinstance(item, tuple) else (item, [name])
        made[name] = {"addresses": list(addresses), "members": list(members)}
    found: Plain = {
        "format": 2,
        "partial_inventory": False,
        "today": None,
        "catalogs": {"shop": {"edition": "1", "digest": "c" * 64}},
        "networks": {},
        "sets": made,
        "hosts": dict(hosts),
        "peers": peers or {},
        "notes": [],
        "off": [],
        "orphaned": [],
        "inputs": {},
    }
    return {**found, **fields}
