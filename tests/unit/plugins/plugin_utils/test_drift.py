# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drift, and what is not: rules that come with Windows, what options ask for, and what is accepted by name."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._drift import drift
from ansible_collections.portcullis.msports.plugins.plugin_utils._outcome import NOT_YET

REMOTE = {"group": "Remote Desktop", "direction": "in", "rules": 3, "examples": ["Remote Desktop - Shadow"], "admits": ["tcp/3389 from any"], "baseline": True}
AGENT = {"group": "the rule 'Agent'", "direction": "in", "rules": 1, "examples": ["Agent"], "admits": ["tcp/10000 from any"], "baseline": False}
TOLD = "the rule 'Agent': 1 inbound, tcp/10000 from any"
OFF = "domain: the firewall is off"


def windows(*groups: dict[str, t.Any], reasons: t.Sequence[str] = ()) -> dict[str, t.Any]:
    return {"effective": {"reasons": ["told above"], "reasons_beyond_foreign_allows": list(reasons), "foreign_allows": list(groups)}}


@pytest.mark.parametrize(
    ("result", "options", "differs", "accepted", "shipped"),
    [
        (windows(REMOTE), {}, [], [], ["Remote Desktop: 3 inbound, tcp/3389 from any"]),
        (windows(REMOTE), {"strict": True}, ["foreign: Remote Desktop: 3 inbound, tcp/3389 from any"], [], []),
        (windows(REMOTE), {"strict": True, "accepted": ["Remote*"]}, [], ["Remote Desktop: 3 inbound, tcp/3389 from any"], []),
        (windows(AGENT), {}, [f"foreign: {TOLD}"], [], []),
        (windows(AGENT), {"accepted": ["Agent"]}, [], [TOLD], []),
        (windows(AGENT, reasons=[OFF]), {"accepted": ["Agent"]}, [f"foreign: {OFF}"], [TOLD], []),
        (windows(AGENT, reasons=[OFF]), {"ignore_foreign": True}, [], [], []),
        (windows(reasons=["domain, public: mode is audit: x"]), {}, [], [], []),
        ({"effective": {"reasons": ["table inet other: x", "default_inbound is allow: y"]}}, {}, ["foreign: table inet other: x"], [], []),
        ({"effective": {"reasons": ["table inet other: x"]}}, {"accepted": ["table inet other*"]}, [], ["table inet other: x"], []),
        (
            {"changed": True, "added": ["a"], "removed": ["b"], "changed_rules": ["c"], "structure": ["d"], "effective": {"reasons": [NOT_YET]}},
            {"accepted": ["*"]},
            ["missing: a", "extra: b", "changed: c", "changed: d"],
            [],
            [],
        ),
        ({"effective": {"reasons": [NOT_YET]}}, {}, [f"foreign: {NOT_YET}"], [], []),
    ],
)
def test_drift(result: dict[str, t.Any], options: dict[str, t.Any], differs: list[str], accepted: list[str], shipped: list[str]) -> None:
    assert drift(result, **options) == {"differs": differs, "accepted": accepted, "shipped": shipped}
