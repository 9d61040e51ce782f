# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of a plan directory's files: JSON, and each ruleset once."""

from __future__ import annotations

import json
import typing as t

from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import DIGEST, SAME, HostTexts, rules_digest, text_of
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(PLAIN)
def test_text_is_that_of_json(value: t.Any) -> None:
    assert text_of(value) == json.dumps(value, sort_keys=True, indent=1) + "\n"


@given(st.dictionaries(st.text(), PLAIN, max_size=4), st.lists(st.lists(st.dictionaries(st.text(), PLAIN, max_size=3), max_size=3), min_size=1, max_size=3))
def test_text_of_hosts_is_json_and_rules_stand_once(others: Plain, rulesets: list[list[Plain]]) -> None:
    """Lists of rules may be one object or equal ones; either way the first host by name has them in its file."""
    rulesets = [*rulesets, [rule for ruleset in rulesets for rule in ruleset], *rulesets, *(list(ruleset) for ruleset in rulesets)]
    hosts = {f"h{number:02}": {**others, "rules": ruleset} for number, ruleset in enumerate(rulesets)}
    texts = HostTexts(hosts)
    first: dict[str, str] = {}
    for name, entry in hosts.items():
        holder = first.setdefault(json.dumps(entry["rules"], sort_keys=True), name) if entry["rules"] else name
        if holder != name:
            entry = {**{key: value for key, value in entry.items() if key != "rules"}, SAME: holder, DIGEST: rules_digest(entry["rules"])}
        assert texts.holder(name) == holder
        assert texts.of(name) == json.dumps(entry, sort_keys=True, indent=1) + "\n"


def test_digests_tell_rulesets_apart() -> None:
    assert rules_digest([{"a": 1}]) == rules_digest([{"a": 1}])
    assert len({rules_digest(rules) for rules in ([], [{}], [{"a": 1}], [{"a": 2}], [{"a": 1}, {"a": 1}])}) == 5
