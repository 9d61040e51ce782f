# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the kernel holds: the list of objects that ``nft -j list ruleset`` prints, of ours: the own table as a value."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.express import L4PROTO, NotKnown, address, rule_text
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import RULE_CHAINS, Nft, Objects, split
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.table import Chain, Hook, Table, in_order, stops_first
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain

SET_KEYS = {"family", "name", "table", "type", "handle", "flags", "elem"}


def present_table(nft: Nft, owner: str) -> t.Optional[Table]:
    """Return the own table as the kernel holds it now."""
    return own_table(split(nft.list_objects(owner), owner)[0])


def own_table(own: Objects) -> t.Optional[Table]:
    """Return the own objects as a ``Table``, or ``None`` when there is no table."""
    if not own:
        return None
    hooks: t.Dict[str, t.Optional[Hook]] = {}
    rules: t.Dict[str, t.Any] = {}
    sets: t.Dict[str, t.Tuple[int, t.Tuple[Interval, ...]]] = {}
    helpers: t.Dict[str, t.Tuple[str, str, str]] = {}
    others: t.List[str] = []
    for kind, value in own:
        if kind == "table":
            # nft 1.0.6 prints a wrong word for the flag, but prints one exactly when a flag (dormant: no rule works) is set.
            if "flags" in value:
                others.append("flags of the table are set")
        elif kind == "chain":
            hooks[value["name"]] = _hook(value, others)
            rules.setdefault(value["name"], [])
        elif kind == "rule":
            rules.setdefault(value["chain"], []).append((value.get("comment", ""), rule_text(value["expr"])))
        elif kind == "ct helper":
            # Without /etc/protocols (minimal systems have none) nft prints the protocol as a number.
            helpers[value["name"]] = (value["type"], str(L4PROTO.get(value["protocol"], value["protocol"])), value["l3proto"])
        elif kind == "set":
            _add_set(value, sets, others)
        else:
            others.append("{0} {1}".format(kind, json.dumps(value, sort_keys=True)))
    for name in RULE_CHAINS.values():
        # Among rules that allow, and among rules that stop, the order has no meaning.
        if stops_first(rules.get(name, [])):
            rules[name] = in_order(rules.get(name, []))
    chains = {name: Chain(hook, tuple(rules[name])) for name, hook in hooks.items()}
    return Table(chains, sets, helpers, tuple(sorted(others)))


def _hook(value: Plain, others: t.List[str]) -> t.Optional[Hook]:
    if "hook" not in value:
        return None
    if value.get("type") != "filter" or "dev" in value:
        others.append("chain {0}".format(json.dumps({key: value[key] for key in value if key != "handle"}, sort_keys=True)))
    return (value["hook"], value["prio"], value.get("policy", "accept"))


def _add_set(value: Plain, sets: t.Dict[str, t.Tuple[int, t.Tuple[Interval, ...]]], others: t.List[str]) -> None:
    version = {"ipv4_addr": 4, "ipv6_addr": 6}.get(str(value.get("type")))
    try:
        if version is None or value.get("flags") != ["interval"] or set(value) - SET_KEYS:
            raise NotKnown(value["name"])
        sets[value["name"]] = (version, tuple(sorted(address(version, item) for item in value.get("elem", []))))
    except (NotKnown, ValueError, TypeError, KeyError):
        others.append("set {0}".format(json.dumps({key: value[key] for key in value if key != "handle"}, sort_keys=True)))
