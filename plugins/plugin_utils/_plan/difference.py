# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What differs between two plans, for review: rules by host and name, and the address sets that they name."""

from __future__ import annotations

import typing as t

Plain = t.Mapping[str, t.Any]


def plan_diff(before: Plain, after: Plain) -> dict[str, t.Any]:
    """Return ``{"changed": bool, "hosts": {name: {added, removed, changed}}, "sets": {name: {added, removed}}}``.

    A rule counts as changed when its name stays and what it filters, or the addresses of a set that it names, differ.
    """
    sets = {name: found for name in sorted({*before["sets"], *after["sets"]}) if (found := _set(before, after, name))}
    hosts = {name: found for name in sorted({*before["hosts"], *after["hosts"]}) if (found := _host(before, after, name, sets))}
    return {"changed": bool(hosts), "hosts": hosts, "sets": sets}


def _set(before: Plain, after: Plain, name: str) -> dict[str, list[str]]:
    old, new = (set(plan["sets"].get(name, {}).get("addresses", ())) for plan in (before, after))
    return {"added": sorted(new - old), "removed": sorted(old - new)} if old != new else {}


def _host(before: Plain, after: Plain, name: str, sets: t.Mapping[str, t.Any]) -> dict[str, list[str]]:
    old, new = ({rule["name"]: rule for rule in plan["hosts"].get(name, {}).get("rules", ())} for plan in (before, after))
    found = {
        "added": sorted(set(new) - set(old)),
        "removed": sorted(set(old) - set(new)),
        "changed": sorted(rule for rule in set(old) & set(new) if _differs(old[rule], new[rule], sets)),
    }
    return found if any(found.values()) else {}


def _differs(old: Plain, new: Plain, sets: t.Mapping[str, t.Any]) -> bool:
    filters = ("direction", "action", "protocol", "local_ports", "remote_ports", "remote", "local", "rpc", "helper")
    return any(old[key] != new[key] for key in filters) or new["remote"] in sets or new["local"] in sets
