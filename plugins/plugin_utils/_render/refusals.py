# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a backend cannot say, whatever the host is like: refused by the function that its module asks, too. Where the host chooses the backend, it judges."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _limits
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import render as firewalld
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import render as ufw
from ansible_collections.portcullis.msports.plugins.module_utils._options import defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused, checked_rules
from ansible_collections.portcullis.msports.plugins.module_utils._windows import limits as windows
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, Problems, UnsupportedRuleError
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import Options

# backend -> what it cannot say: rules, address sets and all options in, ``_limits.Refusal`` out
REFUSALS: dict[str, t.Callable[[t.Any, t.Any, Options], list[t.Any]]] = {
    "nftables": lambda rules, sets, _options: _limits.refusals(rules, sets),
    "firewalld": lambda rules, sets, _options: firewalld.refusals(rules, sets),
    "ufw": lambda rules, sets, options: ufw.refusals(rules, sets, ufw.known_of(options)),
    "windows": windows.refusals,
}


def check_supported(backend: str, options: Options, mode: str) -> None:
    """Raise :class:`UnsupportedRuleError` with each reason why the backend cannot say a rule, when it would run with these options in this mode."""
    problems = Problems()
    for refusal in REFUSALS[backend](options["rules"], options["address_sets"], {**options, "mode": mode}):
        problems.add(_limits.place(refusal), MISSING, refusal.reason)
    problems.raise_as(UnsupportedRuleError)


def refusal(options: Options) -> t.Optional[Refused]:
    """Return why ``linux_ruleset`` would refuse these options on any host, or ``None``. What a backend cannot say counts when it is named."""
    if options["state"] == "absent":
        return None
    try:
        rules = checked_rules(options)
    except Refused as refused:
        return refused
    backend = options["backend"]
    if backend not in REFUSALS:
        return None
    found = REFUSALS[backend](rules, options["address_sets"], {**defaults(backend), **options})
    return Refused(_limits.UNSAYABLE.format(backend), _limits.texts(found)) if found else None
