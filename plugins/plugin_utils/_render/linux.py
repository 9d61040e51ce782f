# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Options of the backends of Linux: the same rules for all, with another default for what comes in.

With nftables inbound is blocked by default, because nothing else would; firewalld and ufw block it already, so theirs is kept.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._options import DEFAULT_INBOUND
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import (
    COPIED,
    Options,
    Plain,
    Sets,
    addresses_of,
    checked,
    living,
    refer,
    wire_name,
)


def named(backend: str) -> t.Callable[[Plain, Plain], Options]:
    """Return the function that gives the options of ``linux_ruleset`` for one host of a plan, where the backend is known."""
    return lambda plan, host: {**linux(plan, host), "default_inbound": host["default_inbound"] or DEFAULT_INBOUND[backend]}


def linux(plan: Plain, host: Plain) -> Options:
    """Return the options for whichever backend the host turns out to have: without a default for what comes in, unless the plan says one.

    Outbound rules are needed only where outbound is blocked.

    A client's outbound rule with a helper is sent in any case: it only attaches the helper.
    """
    strict = host["default_outbound"] == "block"
    chosen = [rule for rule in host["rules"] if rule["direction"] == "in" or strict or rule["helper"]]
    sets: Sets = {}
    return checked(
        {
            "rules": [_rule(plan, rule, sets) for rule in living(plan, chosen)],
            "address_sets": sets,
            **({"default_inbound": host["default_inbound"]} if host["default_inbound"] else {}),
            "default_outbound": host["default_outbound"],
            "management": dict(host["management"]),
        }
    )


def _rule(plan: Plain, rule: Plain, sets: Sets) -> Options:
    return {
        "name": wire_name(rule["name"]),
        **{key: rule[key] for key in COPIED},
        **({"until": rule["until"]} if "until" in rule else {}),
        "remote_addresses": _addresses(plan, rule["remote"], sets),
        "local_addresses": _addresses(plan, rule["local"], sets) if rule["local"] else [],
        "description": "; ".join(why["name"] for why in rule["because"]),
    }


def _addresses(plan: Plain, name: str, sets: Sets) -> list[str]:
    return refer(wire_name(name), addresses_of(plan, name), sets)
