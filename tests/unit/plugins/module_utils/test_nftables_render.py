# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table for wire rules; what it does with packets is tested in tests/integration/nftables."""

from __future__ import annotations

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import render


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("default", ["block", "reject"])
def test_where_the_default_stops_a_rule_does_so_last(direction: str, default: str) -> None:
    """While one table replaces another, the policy of a new chain comes later than its rules."""
    chains = render.chains_of(direction, (), default, "msports", "enforce")
    hook = chains[render.HOOKS[direction]]
    assert hook.hook == (render.HOOKS[direction], 0, "drop")
    assert hook.rules[-1][1] in ("drop", "reject with icmpx admin-prohibited")
    audited = render.chains_of(direction, (), default, "msports", "audit")[render.HOOKS[direction]]
    assert audited.hook == (render.HOOKS[direction], 0, "accept")
    assert not any(rule in ("drop", "reject with icmpx admin-prohibited") for _comment, rule in audited.rules)
