# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The texts of a plan directory's files, and their digests: JSON, one rule, one address, one host a line."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import Plain

encode = json.JSONEncoder(sort_keys=True).encode
RULES, SETS, HOSTS, RULESET = "rules", "sets", "hosts", "ruleset"
SHORT = 4  # so many words, such as ports, stay on one line
OF_A_SAVE = ("digest", "generation")  # what a plan gets when it is saved


def text_of(value: Plain) -> str:
    """Return ``value`` as JSON with sorted keys; what an object or a list in it holds has a line each, but for a few words."""
    return _object(f"{encode(key)}: {_entries(item)}" for key, item in sorted(value.items()))


def digest_of(text: str) -> str:
    """Return the SHA-256 of a file's text as hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def index_text(plan: Plain, hosts: t.Mapping[str, str], generation: int) -> str:
    """Return ``index.json``. Its second line is the digest of all that follows, and so of the whole plan: digests of files stand there."""
    content = {key: value for key, value in plan.items() if key not in (HOSTS, SETS, *OF_A_SAVE)}
    text = text_of({**content, HOSTS: dict(hosts), "generation": generation})
    rest = text.partition("\n")[2]
    return f'{{\n"digest": "{digest_of(rest)}",\n{rest}'


def _entries(value: t.Any) -> str:
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join([f" {encode(key)}: {encode(item)}" for key, item in sorted(value.items())]) + "\n}"
    if isinstance(value, list) and (len(value) > SHORT or not all(isinstance(item, str) for item in value)):
        return "[\n" + ",\n".join([f" {encode(item)}" for item in value]) + "\n]"
    return encode(value)


def _object(lines: t.Iterable[str]) -> str:
    return "{\n" + ",\n".join(lines) + "\n}\n"


class Texts:
    """The files of a plan but for its index. Digests are kept, texts are made again when they are asked for: they can be a gigabyte.

    Rulesets and sets go by their content, so equal ones exist once, whether hosts share objects or not.
    """

    def __init__(self, plan: Plain) -> None:
        self.plan = plan
        self._rules: dict[int, str] = {}  # id of a rule -> its text
        self._digests: dict[int, str] = {}  # id of a list of rules -> its digest
        self.set_digests = {name: digest_of(text_of(item)) for name, item in plan[SETS].items()}
        self.sets = {self.set_digests[name]: name for name in plan[SETS]}  # digest -> one set that has this content
        self.rulesets: dict[str, list[Plain]] = {}  # digest -> rules
        for host in plan[HOSTS].values():
            if id(host[RULES]) not in self._digests:
                found = digest_of(self._ruleset(host[RULES]))
                self._digests[id(host[RULES])] = found
                self.rulesets.setdefault(found, host[RULES])
        self.hosts = {name: digest_of(self.host(name)) for name in sorted(plan[HOSTS])}

    def host(self, name: str) -> str:
        """Return the text of ``hosts/<name>.json``."""
        entry = self.plan[HOSTS][name]
        return text_of({**{key: value for key, value in entry.items() if key != RULES}, "host": name, RULESET: self.ruleset_of(name)})

    def ruleset_of(self, name: str) -> str:
        """Return the digest of a host's ruleset."""
        return self._digests[id(self.plan[HOSTS][name][RULES])]

    def ruleset(self, digest: str) -> str:
        """Return the text of ``rulesets/<digest>.json``."""
        return self._ruleset(self.rulesets[digest])

    def set(self, digest: str) -> str:
        """Return the text of ``sets/<digest>.json``."""
        return text_of(self.plan[SETS][self.sets[digest]])

    def _ruleset(self, rules: list[Plain]) -> str:
        lines = ",\n".join([f" {self._rule(rule)}" for rule in rules])
        named = {name: self.set_digests[name] for name in sets_of(rules)}
        return _object([f'"{RULES}": ' + (f"[\n{lines}\n]" if rules else "[]"), f'"{SETS}": {_entries(named)}'])

    def _rule(self, rule: Plain) -> str:
        if id(rule) not in self._rules:
            self._rules[id(rule)] = encode(rule)
        return self._rules[id(rule)]


def sets_of(rules: t.Iterable[Plain]) -> set[str]:
    """Return the names of the sets that rules name."""
    return {name for rule in rules for name in (rule["remote"], rule["local"]) if name}
