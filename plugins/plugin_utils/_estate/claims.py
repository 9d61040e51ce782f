# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What must hold of every plan: ``msports_claims``."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.rules import parse_specs, required_text
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.selections import Ends
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Claim
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, items, only_keys

KINDS = ("never", "always")
KEYS = (*KINDS, "from", "to", "because")


def parse_claims(declared: Declarations, problems: ProblemCollector, ends: Ends) -> tuple[Claim, ...]:
    """Read ``msports_claims``. A claim gives one value for each of its protocols."""
    found: list[Claim] = []
    for path, item in items(declared):
        if not isinstance(item, Mapping):
            problems.add(path, item, "expected a mapping with never or always, from, to, and because")
            continue
        only_keys(item, KEYS, path, problems)
        because = required_text(item, "because", "why this must hold: a policy, a sentence", path, problems)
        sides = []
        for key in ("from", "to"):
            if not item.get(key):
                problems.add(f"{path}.{key}", MISSING, "expected a list of ends, like [configmgr.client, group:servers]; write [any] for everyone")
            sides.append(ends.read_list(item.get(key) or [], f"{path}.{key}", problems))
        kinds = [kind for kind in KINDS if kind in item]
        if len(kinds) != 1:
            problems.add(path, MISSING, "expected one of the keys never and always" + (", not both" if kinds else ", such as never: tcp/3389"))
            continue
        for protocol, ports in sorted(parse_specs(item[kinds[0]], f"{path}.{kinds[0]}", problems).items()):
            found.append(Claim(path, kinds[0], protocol, ports, sides[0], sides[1], because))
    return tuple(found)
