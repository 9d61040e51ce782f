# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one planning of changes."""

from __future__ import annotations

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _change
from hypothesis import given
from hypothesis import strategies as st

rules = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["1", "2"]))


@given(rules, rules, st.booleans())
def test_every_name_is_told_once_and_the_plan_leads_there(desired: dict[str, str], actual: dict[str, str], purge: bool) -> None:
    change = _change.plan_change(desired, actual, purge)
    named = change.added + change.changed + change.removed + change.kept + change.extra
    assert sorted(named) == sorted(set(desired) | set(actual))
    after = {name: line for name, line in actual.items() if name not in change.removed}
    after.update({name: desired[name] for name in change.added + change.changed})
    assert after == {**({} if purge else actual), **desired}
    assert not (change.removed and not purge)


def test_too_many_removals_are_refused_with_their_names() -> None:
    actual = {f"rule {number:02}": "x" for number in range(12)}
    assert len(_change.plan_change({}, actual, max_removals=12).removed) == 12
    assert _change.plan_change({}, actual, purge=False, max_removals=0).removed == []
    with pytest.raises(
        _change.TooManyRemovals, match=r"12 rules .* max_removals is 11; nothing was changed.*rule 00, .*rule 09 \.\.\.; raise max_removals if"
    ) as caught:
        _change.plan_change({}, actual, max_removals=11)
    assert caught.value.names == sorted(actual)


def test_diff_is_one_line_a_rule() -> None:
    assert _change.diff_text(["a"], ["a", "b"]) == {"before": "a\n", "after": "a\nb\n"}
    assert _change.diff_text([], []) == {"before": "", "after": ""}


def test_a_rule_without_a_name_is_called_so() -> None:
    change = _change.plan_change({}, {"": "in '': tcp dport 98 accept", "a": "x"})
    assert _change.result(change, True, [], [], [], True, [], [])["removed"] == ["a rule without a name", "a"]
