# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Reading a plan directory back: all that is wrong with it is told at once."""

from __future__ import annotations

import json
import pathlib
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import FORMAT, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import INDEX
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import DIGEST, RULES, SAME, HostTexts, rules_digest

SETS, HOSTS = "sets.json", "hosts"
# What readers of a plan rely on.
INDEX_KEYS = frozenset(("digest", "whole", "today", "catalogs", "networks", "peers", "notes", "off", "orphaned", "inputs"))
HOST_KEYS = frozenset(("system", "roles", "features", "addresses", "dynamic_ports", "default_inbound", "default_outbound", "management", "rules"))
RULE_KEYS = frozenset(("name", "direction", "action", "protocol", "local_ports", "remote_ports", "remote", "local", "rpc", "helper", "delivery", "because"))


def load(directory: t.Union[str, pathlib.Path], only: t.Optional[t.Iterable[str]] = None, beside: t.Optional[Plain] = None) -> Plain:
    """Read a plan directory back; with ``only`` the hosts of those names, where they are in the plan.

    ``beside`` is a plan to compare with: a host of which it says what the directory says is its own entry, and not read again.
    """
    folder = pathlib.Path(directory)
    problems = Problems()
    index = read_object(folder / INDEX, problems)
    problems.raise_as(MsportsError)
    if index.get("format") != FORMAT:
        problems.add(str(folder / INDEX), index.get("format", MISSING), f"expected format {FORMAT}; plan again with this version of the collection")
    elif not isinstance(index.get("hosts"), dict):
        problems.add(str(folder / INDEX), index.get("hosts", MISSING), "expected the names of hosts and of their files; plan again")
    problems.raise_as(MsportsError)
    names = sorted(index["hosts"] if only is None else {name for name in only if name in index["hosts"]})
    entries = _Hosts(folder / HOSTS, index["hosts"], beside["hosts"] if beside else {}, problems)
    hosts = {name: entries.of(name) for name in names}
    plan = {**index, "sets": read_object(folder / SETS, problems), "hosts": hosts}
    problems.raise_as(MsportsError)
    entries.check()
    _lacks(folder / INDEX, index, INDEX_KEYS, problems)
    problems.raise_as(MsportsError)
    return plan


class _Hosts:
    """Entries of hosts, each file read once. Hosts that have the same rules share them, as they did when the plan was made."""

    def __init__(self, folder: pathlib.Path, files: t.Mapping[str, str], known: t.Mapping[str, Plain], problems: Problems) -> None:
        self._folder, self._files, self._known, self._problems = folder, files, known, problems
        self._texts = HostTexts(known)
        self._read: dict[str, Plain] = {}
        self._same: dict[str, bool] = {}
        self._digests: dict[int, str] = {}

    def of(self, name: str) -> Plain:
        """Return the entry of a host: the known one where the files say the same."""
        if self._is_known(name):
            return self._known[name]
        entry = self._parsed(name)
        if SAME not in entry:
            return entry
        return {**{key: value for key, value in entry.items() if key not in (SAME, DIGEST)}, RULES: self._shared(name, entry)}

    def _shared(self, name: str, entry: Plain) -> t.Any:
        """Return the rules of the host that an entry names, when they are the ones that it means."""
        holder = entry[SAME]
        found = self._parsed(holder).get(RULES) if isinstance(holder, str) and holder in self._files else None
        if found is not None and id(found) not in self._digests:
            self._digests[id(found)] = rules_digest(found)
        if found is None or self._digests[id(found)] != entry.get(DIGEST):
            expected = f"expected in {SAME} a host of this plan whose file has the {RULES} of this {DIGEST}; plan again"
            self._problems.add(str(self._path(name)), holder, expected)
        return found

    def check(self) -> None:
        """Tell what the files that were read lack."""
        for name, entry in self._read.items():
            _lacks(self._path(name), entry, HOST_KEYS - {RULES} if SAME in entry else HOST_KEYS, self._problems)
            rules = entry.get(RULES, [])
            if not isinstance(rules, list) or not all(isinstance(rule, dict) and rule.keys() >= RULE_KEYS for rule in rules):
                self._problems.add(str(self._path(name)), MISSING, f"holds rules that lack some of {', '.join(sorted(RULE_KEYS))}; plan again")

    def _is_known(self, name: str) -> bool:
        if name not in self._same:
            if name not in self._known or name not in self._files:
                self._same[name] = False
            else:
                holder = self._texts.holder(name)
                self._same[name] = says(str(self._path(name)), self._texts.of(name).encode()) and (holder == name or self._is_known(holder))
        return self._same[name]

    def _parsed(self, name: str) -> Plain:
        if name not in self._read:
            self._read[name] = read_object(self._path(name), self._problems)
        return self._read[name]

    def _path(self, name: str) -> pathlib.Path:
        return self._folder / self._files[name]


def _lacks(path: pathlib.Path, entry: Plain, keys: t.AbstractSet[str], problems: Problems) -> None:
    if missing := sorted(keys - entry.keys()):
        problems.add(str(path), MISSING, f"lacks {', '.join(missing)}; plan again")


def read_object(path: pathlib.Path, problems: Problems) -> Plain:
    """Return the JSON object of a file; what is wrong with it becomes a problem, and the object empty."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, dict):
            return value
        problems.add(str(path), MISSING, "expected a JSON object; plan again")
    except OSError as error:
        problems.add(str(path), MISSING, f"cannot be read ({error.strerror}); expected a plan directory that the plan action wrote")
    except ValueError as error:
        problems.add(str(path), MISSING, f"is no JSON ({error}); plan again")
    return {}


def says(path: str, content: bytes) -> bool:
    """Tell whether a file has exactly this content."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read() == content
    except OSError:
        return False


def plan_from(value: t.Any) -> Plain:
    """Return a plan that is given as data or as the path of a plan directory; raise :class:`MsportsError` for anything else."""
    if isinstance(value, str):
        return load(value)
    if isinstance(value, dict) and {"hosts", "sets", "peers"} <= set(value):
        return value
    problems = Problems()
    problems.add("plan", str(type(value).__name__), "expected a plan, as the plan filter or action gives it, or the path of a plan directory")
    raise MsportsError(problems)
