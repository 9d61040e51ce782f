# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From a plan's host to the options of a ``*_ruleset`` module. Structures only; text is made on the target, last."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _wire
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems, UnsupportedRuleError

Plain = t.Mapping[str, t.Any]
Options = t.Dict[str, t.Any]

# A rule whose protocol no port can limit carries no helper, and so on: what every wire rule copies as it is.
_COPIED = ("direction", "action", "protocol", "local_ports", "remote_ports", "helper")


def render(plan: Plain, host: str, backend: str) -> Options:
    """Return the options of the backend's module for ``host``: rules, address_sets, defaults, management.

    Raises :class:`MsportsError` for an unknown host or backend, :class:`UnsupportedRuleError` with every rule that
    the backend cannot express.
    """
    problems = Problems()
    if backend not in BACKENDS:
        problems.add("backend", backend, f"expected one of {', '.join(sorted(BACKENDS))}", BACKENDS)
    problems.raise_as(MsportsError)
    host_of(plan, host)
    return BACKENDS[backend](plan, host)


def host_of(plan: Plain, host: str) -> t.Any:
    """Return the host's entry of the plan; raise :class:`MsportsError` when it has no ruleset there."""
    if host not in plan["hosts"]:
        problems = Problems()
        problems.add("plan", host, "is not a managed host of the plan", plan["hosts"])
        problems.raise_as(MsportsError)
    return plan["hosts"][host]


def _nftables(plan: Plain, host: str) -> Options:
    """Block inbound by default, because nothing else would; outbound rules only where outbound is blocked.

    A client's outbound rule with a helper is sent in any case: it only attaches the helper.
    """
    found = plan["hosts"][host]
    strict = found["default_outbound"] == "block"
    chosen = [rule for rule in found["rules"] if rule["direction"] == "in" or strict or rule["helper"]]
    return _options(plan, found, chosen, default_inbound=found["default_inbound"] or "block")


BACKENDS: dict[str, t.Callable[[Plain, str], Options]] = {
    "nftables": _nftables,
}


def _options(plan: Plain, host: Plain, rules: t.Sequence[Plain], default_inbound: str) -> Options:
    sets: dict[str, list[str]] = {}
    options = {
        "rules": [_rule(plan, rule, sets) for rule in rules if plan["sets"][rule["remote"]]["addresses"]],
        "address_sets": sets,
        "default_inbound": default_inbound,
        "default_outbound": host["default_outbound"],
        "management": dict(host["management"]),
    }
    _rules, wrong = _wire.check(options["rules"], sets)
    problems = Problems()
    for text in wrong:
        problems.add("plan", MISSING, text)
    problems.raise_as(UnsupportedRuleError)
    return options


def _rule(plan: Plain, rule: Plain, sets: t.Dict[str, list[str]]) -> Options:
    return {
        "name": wire_name(rule["name"]),
        **{key: rule[key] for key in _COPIED},
        "remote_addresses": _addresses(plan, rule["remote"], sets),
        "local_addresses": _addresses(plan, rule["local"], sets) if rule["local"] else [],
        "description": "; ".join(why["name"] for why in rule["because"]),
    }


def _addresses(plan: Plain, name: str, sets: t.Dict[str, list[str]]) -> list[str]:
    """Return one address as it is, and several as the name of a set, so that they travel once."""
    addresses = plan["sets"][name]["addresses"]
    if len(addresses) <= 1:
        return list(addresses)
    sets[wire_name(name)] = list(addresses)
    return [f"@{wire_name(name)}"]


def wire_name(name: str) -> str:
    """Return ``name`` as a backend can hold it: printable ASCII without quotes, at most 128 characters, still unique."""
    safe = "".join(c if c.isascii() and c.isprintable() and c not in "\"'\\`" else "?" for c in name)
    if safe == name and len(name) <= _wire.NAME_LIMIT:
        return name
    return f"{safe[: _wire.NAME_LIMIT - 10]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"
