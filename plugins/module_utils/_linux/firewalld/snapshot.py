# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What others have in firewalld, remembered: which of it differs, and what to set to make it what it was."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import Typed

Snapshot = collections.namedtuple("Snapshot", "default_zone zones policies ipsets direct")
Snapshot.__doc__ = """The state of others: ``{name: settings}`` by sort, ``direct`` is ``{"Chain" | "Rule" | "Passthrough": [...]}``."""

# The settings that can be changed while the daemon runs, with their types. Zones call rich rules otherwise.
LISTS = {"services": "as", "ports": "a(ss)", "icmp_blocks": "as", "forward_ports": "a(ssss)", "protocols": "as", "source_ports": "a(ss)"}
SWITCHES = {"masquerade": "b"}
CHANGEABLE = {
    "zone": dict(LISTS, **SWITCHES, interfaces="as", sources="as", rules_str="as", icmp_block_inversion="b", forward="b"),
    "policy": dict(LISTS, **SWITCHES, rich_rules="as", ingress_zones="as", egress_zones="as"),
}
TEXTS = ("version", "short", "description")
DIRECT = {"Chain": "sss", "Rule": "sssias", "Passthrough": "sas"}


def timed_entries(others, nft_objects):
    """Return ``[(ipset, entry), ...]`` of others' ipsets with a timeout: only the kernel knows their entries. Concatenated ones cannot be told."""
    timed = {name for name, found in others.ipsets.items() if found[4].get("timeout", "0") != "0"}
    entries = []
    for kind, value in nft_objects:
        if kind == "set" and value.get("table") == "firewalld" and value["name"] in timed:
            for item in value.get("elem", []):
                item = item.get("elem", {}).get("val", item.get("prefix")) if isinstance(item, dict) else item
                if isinstance(item, dict) and set(item) == {"prefix"}:
                    item = item["prefix"]
                if isinstance(item, str) or (isinstance(item, dict) and set(item) == {"addr", "len"}):
                    entries.append((value["name"], item if isinstance(item, str) else "{addr}/{len}".format(**item)))
    return entries


def settings_to_put_back(sort, had, has):
    """Return what differs and can be set, as it was."""
    wanted = {}
    for key, signature in CHANGEABLE[sort].items():
        empty = False if signature == "b" else []
        before, now = had.get(key, empty), has.get(key, empty)
        if (before != now) if signature == "b" else (sorted(before) != sorted(now)):
            wanted[key] = Typed(signature, before)
    return wanted


def differences(left, right):
    """Return in words where two snapshots differ in what a reload would change. Interfaces come back by themselves or are put back unharmed."""
    found = ["default zone"] if left.default_zone != right.default_zone else []
    for sort in ("zones", "policies"):
        mine, theirs = getattr(left, sort), getattr(right, sort)
        for name in sorted(set(mine) | set(theirs)):
            keys = _differing(mine.get(name), theirs.get(name))
            found += ["{0} {1}: {2}".format({"zones": "zone", "policies": "policy"}[sort], name, ", ".join(keys))] if keys else []
    for name in sorted(set(left.ipsets) | set(right.ipsets)):
        sides = [(found_set[3], found_set[4], sorted(found_set[5])) if found_set else None for found_set in (left.ipsets.get(name), right.ipsets.get(name))]
        if sides[0] != sides[1] or (sides[0] and sides[0][1].get("timeout", "0") != "0"):
            found.append("ipset {0}".format(name))
    return found + ["direct {0}s".format(sort.lower()) for sort in DIRECT if left.direct[sort] != right.direct[sort]]


def _differing(left, right):
    if left is None or right is None:
        return ["it is only there at run time" if right is None else "it is only saved"]
    keys = sorted((set(left) | set(right)) - set(TEXTS) - {"interfaces"})
    return [key for key in keys if _plain(left.get(key)) != _plain(right.get(key))]


def _plain(value):
    return (sorted(value) or None) if isinstance(value, list) else (value or None)
