# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of a plan directory's files: JSON, one thing a line, and each ruleset once."""

from __future__ import annotations

import copy
import hashlib
import json
import typing as t

from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import Texts, index_text, text_of
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, plan, rule

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def lines_of(item: t.Any) -> int:
    if isinstance(item, list) and len(item) <= 4 and all(isinstance(word, str) for word in item):
        return 1
    return len(item) + 2 if isinstance(item, (dict, list)) and item else 1


@given(st.dictionaries(st.text(), PLAIN, max_size=6))
def test_text_is_json_and_a_line_for_each_thing(value: t.Any) -> None:
    text = text_of(value)
    assert json.loads(text) == value
    assert len(text.splitlines()) == sum(map(lines_of, value.values())) + (2 if value else 3)
    assert text.isascii() and text.endswith("}\n")


def example(count: int = 2) -> dict[str, t.Any]:
    rules = [rule("in", "tcp", "desk", [str(port)]) for port in (443, 80, 25)]
    hosts = {f"h{number}": host(rules=rules, at=[f"10.0.0.{number}"]) for number in range(count)}
    return plan(hosts, {"desk": ["10.9.0.0/24"], "same": (["10.9.0.0/24"], ["desk"])})


def test_a_rule_a_line() -> None:
    texts = Texts(example())
    digest = next(iter(texts.rulesets))
    assert list(texts.rulesets) == [digest]
    assert [json.loads(line.strip().rstrip(",")) for line in texts.ruleset(digest).splitlines()[2:5]] == example()["hosts"]["h0"]["rules"]


def test_equal_rulesets_and_sets_exist_once_whether_they_are_one_object_or_not() -> None:
    shared, alike = example(), copy.deepcopy(example())
    alike["hosts"]["h1"] = copy.deepcopy(alike["hosts"]["h1"])
    one, other = Texts(shared), Texts(alike)
    assert (one.rulesets, one.hosts, one.sets) == (other.rulesets, other.hosts, other.sets)
    assert (len(one.rulesets), len(one.sets)) == (1, 1)


def test_digests_are_those_of_the_texts() -> None:
    texts = Texts(example())
    for digests, text in ((texts.rulesets, texts.ruleset), (texts.sets, texts.set)):
        assert [hashlib.sha256(text(digest).encode()).hexdigest() for digest in digests] == list(digests)
    assert all(hashlib.sha256(texts.host(name).encode()).hexdigest() == digest for name, digest in texts.hosts.items())


def test_the_digest_of_a_plan_is_that_of_all_that_follows_it_in_the_index() -> None:
    """``tail -n +3 index.json | sha256sum`` shows it."""
    first, second, *rest = index_text(example(), Texts(example()).hosts, 7).splitlines(keepends=True)
    assert (first, second) == ("{\n", f'"digest": "{hashlib.sha256("".join(rest).encode()).hexdigest()}",\n')


def test_whatever_changes_anywhere_changes_the_digest_of_the_plan() -> None:
    found = set()
    for path, value in (
        ([], None),
        (["sets", "desk", "addresses"], ["10.8.0.0/24"]),
        (["sets", "desk", "members"], ["others"]),
        (["hosts", "h1", "default_inbound"], "allow"),
        (["hosts", "h1", "rules"], []),
        (["notes"], [{"code": "c", "host": None, "text": "x"}]),
    ):
        made = copy.deepcopy(example())
        at: t.Any = made
        for key in path[:-1]:
            at = at[key]
        if path:
            at[path[-1]] = value
        found.add(index_text(made, Texts(made).hosts, 7))
    assert len(found) == 6
