# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The texts of a plan directory's files: sorted JSON with an indent of one, and each ruleset once."""

from __future__ import annotations

import hashlib
import json
import typing as t
from json.encoder import encode_basestring_ascii as quoted

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import Plain

NEXT = "\n "  # the line break before a key of a file's object
RULES, SAME, DIGEST = "rules", "same_rules_as", "rules_digest"


def text_of(value: t.Any) -> str:
    """Return plain data as ``json.dumps`` writes them with sorted keys and an indent of one, in a fifth of its time."""
    return _indented(value, "\n") + "\n"


def _indented(value: t.Any, margin: str) -> str:
    """Return ``value`` as JSON; ``margin`` is the line break and the indent of the line that it ends on."""
    if isinstance(value, str):
        return quoted(value)
    inner = margin + " "
    if isinstance(value, dict) and value:
        return "{" + inner + f",{inner}".join([f"{quoted(key)}: {_indented(item, inner)}" for key, item in sorted(value.items())]) + margin + "}"
    if isinstance(value, (list, tuple)) and value:
        return "[" + inner + f",{inner}".join([_indented(item, inner) for item in value]) + margin + "]"
    return "null" if value is None else json.dumps(value)


def rules_digest(rules: t.Any) -> str:
    """Return what tells a ruleset from any other: hosts that name another one's rules say which rules they mean."""
    return _digest(_indented(rules, NEXT))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class HostTexts:
    """The text of each host's file.

    A ruleset that hosts share is written for the first of them by name; the others name that host (``same_rules_as``) and the rules that they
    mean (``rules_digest``), so that a half written directory gives no host the rules of another. Most hosts of a large plan are alike, and their
    rules are most of what it holds. What is shared, rules and rulesets, is serialised once.
    """

    def __init__(self, hosts: t.Mapping[str, Plain]) -> None:
        self._hosts = hosts
        self._rules: dict[int, str] = {}
        self._shared: dict[int, tuple[str, str]] = {}  # id of a list of rules -> the host whose file has them, and their digest
        first: dict[str, str] = {}  # by content, so that a plan has the same files whether its hosts share objects or not
        for name in sorted(hosts):
            rules = hosts[name][RULES]
            if rules and id(rules) not in self._shared:
                digest = _digest(self._ruleset(rules))
                self._shared[id(rules)] = (first.setdefault(digest, name), digest)

    def holder(self, name: str) -> str:
        """Return the host whose file has this host's rules: itself, or the first that has the same ones."""
        rules = self._hosts[name][RULES]
        return self._shared[id(rules)][0] if rules else name

    def of(self, name: str) -> str:
        """Return the text of a host's file."""
        host = self._hosts[name]
        if self.holder(name) != name:
            holder, digest = self._shared[id(host[RULES])]
            host = {**{key: value for key, value in host.items() if key != RULES}, SAME: holder, DIGEST: digest}
        lines = [f"{quoted(key)}: {self._ruleset(value) if key == RULES else _indented(value, NEXT)}" for key, value in sorted(host.items())]
        return "{" + NEXT + f",{NEXT}".join(lines) + "\n}\n"

    def _ruleset(self, rules: list[Plain]) -> str:
        inner = NEXT + " "
        return "[" + inner + f",{inner}".join(map(self._rule, rules)) + NEXT + "]" if rules else "[]"

    def _rule(self, rule: Plain) -> str:
        if id(rule) not in self._rules:
            self._rules[id(rule)] = _indented(rule, NEXT + " ")
        return self._rules[id(rule)]
