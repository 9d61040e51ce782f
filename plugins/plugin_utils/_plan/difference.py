# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What differs between two plans, for review: rules by host and name, the address sets that they name, and what else decides on a host."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses

Plain = t.Mapping[str, t.Any]
OPTIONS = ("managed", "system", "dynamic_ports", "default_inbound", "default_outbound", "management", "windows_profiles")
MOST = 5000


def plan_diff(before: Plain, after: Plain) -> dict[str, t.Any]:
    """Return ``{"changed": bool, "hosts": {name: {added, removed, changed, options}}, "sets": {name: {added, removed}}}``.

    A rule counts as changed when its name stays and what it filters, or the addresses of a set that it names, differ.
    A set has the addresses that came and went.
    ``options`` maps what decides beside rules to ``{"before": ..., "after": ...}``: whether the host is managed, its system, its
    dynamic ports, its defaults, its management and its profiles of Windows Firewall.
    """
    sets = {name: found for name in sorted({*before["sets"], *after["sets"]}) if (found := _set(before, after, name))}
    hosts = {name: found for name in sorted({*before["hosts"], *after["hosts"]}) if (found := _host(before, after, name, sets))}
    return {"changed": bool(hosts), "hosts": hosts, "sets": sets}


def shortened(difference: Plain, most: int = MOST) -> tuple[dict[str, t.Any], dict[str, int]]:
    """Return ``difference`` with about ``most`` rules and as many addresses, and how many ``hosts`` and ``sets`` it leaves out.

    The first by name stay, each with everything. What a task returns is copied and searched many times over by Ansible, and kept in its memory.
    """
    kept = {kind: _first(difference[kind], most) for kind in ("hosts", "sets")}
    return {**difference, **kept}, {kind: len(difference[kind]) - len(found) for kind, found in kept.items()}


def text_of_difference(difference: Plain) -> dict[str, str]:
    """Return ``before`` and ``after`` for Ansible's diff output: a line for each rule, option and address that came or went, and nothing else."""
    lines: dict[str, list[str]] = {"before": [], "after": []}
    for name, found in difference["hosts"].items():
        lines["before"] += [f"{name}: {rule}" for rule in found["removed"]]
        lines["after"] += [f"{name}: {rule}" for rule in found["added"]]
        for option, change in found["options"].items():
            for end, told in lines.items():
                if change[end] is not None or "managed" not in found["options"]:  # a host that is not there has no options
                    told.append(f"{name}: {option}: {change[end]}")
    for name, found in difference["sets"].items():
        lines["before"] += [f"set {name}: {address}" for address in found["removed"]]
        lines["after"] += [f"set {name}: {address}" for address in found["added"]]
    return {end: "".join(f"{line}\n" for line in told) for end, told in lines.items()}


def _first(entries: t.Mapping[str, Plain], most: int) -> dict[str, t.Any]:
    found, size = {}, 0
    for name, entry in entries.items():
        if size >= most:
            break
        found[name] = entry
        size += sum(map(len, entry.values()))
    return found


def _set(before: Plain, after: Plain, name: str) -> dict[str, list[str]]:
    texts = [plan["sets"].get(name, {}).get("addresses", ()) for plan in (before, after)]
    if set(texts[0]) == set(texts[1]):
        return {}
    old, new = map(Addresses.parse, texts)  # as addresses: a network that two addresses grow into takes none of them away
    return {"added": (new - old).cidrs(), "removed": (old - new).cidrs()}


def _host(before: Plain, after: Plain, name: str, sets: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    if not sets and name in before["hosts"] and before["hosts"][name] is after["hosts"].get(name):
        return {}  # the very same entry (see ``store.load``), and no address moved behind its back
    options = [_options(plan, name) for plan in (before, after)]
    old, new = ({rule["name"]: rule for rule in plan["hosts"].get(name, {}).get("rules", ())} for plan in (before, after))
    found: dict[str, t.Any] = {
        "added": sorted(set(new) - set(old)),
        "removed": sorted(set(old) - set(new)),
        "changed": sorted(rule for rule in set(old) & set(new) if _differs(old[rule], new[rule], sets)),
        "options": {key: {"before": options[0][key], "after": options[1][key]} for key in OPTIONS if options[0][key] != options[1][key]},
    }
    return found if any(found.values()) else {}


def _options(plan: Plain, name: str) -> dict[str, t.Any]:
    host = plan["hosts"].get(name)
    return {key: host.get(key) if host else None for key in OPTIONS} | {"managed": host is not None}


def _differs(old: Plain, new: Plain, sets: t.Mapping[str, t.Any]) -> bool:
    filters = ("direction", "action", "protocol", "local_ports", "remote_ports", "remote", "local", "rpc", "helper", "until")
    return any(old.get(key) != new.get(key) for key in filters) or new["remote"] in sets or new["local"] in sets
