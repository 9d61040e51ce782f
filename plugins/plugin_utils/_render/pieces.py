# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What every renderer takes: which rules are left, how a set of addresses travels, names that fit, one check of the whole."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, Problems, UnsupportedRuleError

Plain = t.Mapping[str, t.Any]
Options = t.Dict[str, t.Any]
Sets = t.Dict[str, t.List[str]]
# What a wire rule copies from a planned rule as it is.
COPIED = ("direction", "action", "protocol", "local_ports", "remote_ports", "helper")


def living(plan: Plain, rules: t.Iterable[Plain]) -> list[Plain]:
    """Return the rules that name somebody: one whose peers, or whose own addresses where it has any, are an empty set admits nothing."""
    return [rule for rule in rules if addresses_of(plan, rule["remote"]) and (not rule["local"] or addresses_of(plan, rule["local"]))]


def addresses_of(plan: Plain, name: str) -> list[str]:
    return plan["sets"][name]["addresses"]


def refer(name: str, addresses: t.Sequence[str], sets: Sets) -> list[str]:
    """Return one address as it is, and several as the name of a set, so that they travel once."""
    if len(addresses) <= 1:
        return list(addresses)
    sets[name] = list(addresses)
    return [f"@{name}"]


def checked(options: Options, windows: bool = False) -> Options:
    """Return ``options``; raise :class:`UnsupportedRuleError` with every rule that could not travel."""
    _rules, wrong = _ruleset.check(options["rules"], options["address_sets"], **({"windows": True} if windows else {}))
    problems = Problems()
    for text in wrong:
        problems.add("plan", MISSING, text)
    problems.raise_as(UnsupportedRuleError)
    return options


def wire_name(name: str, suffix: str = "", without: str = "") -> str:
    """Return ``name`` as a backend can hold it: printable ASCII without quotes, at most 128 characters, still unique.

    ``suffix`` stands behind it whatever had to go; ``without`` are further characters that the backend refuses.
    """
    room = _ruleset.NAME_LIMIT - len(suffix)
    refused = "\"'\\`" + without
    if len(name) <= room and name.isascii() and name.isprintable() and not any(character in name for character in refused):
        return name + suffix
    safe = "".join(c if c.isascii() and c.isprintable() and c not in refused else "?" for c in name)
    return f"{safe[: room - 10]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}{suffix}"
