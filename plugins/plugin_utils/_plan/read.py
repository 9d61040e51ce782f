# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Reading a plan directory back. Every file has to be the one that the plan means, by its digest; all that is wrong is told at once."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._files import file_name, read_file
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan import text
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import FORMAT, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import (
    DIGEST,
    HOSTS,
    INDEX,
    RULESETS,
    SETS,
    check_folders,
    pending,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.signature import check_signature

# What readers of a plan rely on.
INDEX_KEYS = frozenset(("digest", "generation", "hosts", "partial_inventory", "today", "catalogs", "networks", "peers", "notes", "off", "orphaned", "inputs"))
HOST_KEYS = frozenset(("system", "roles", "features", "addresses", "dynamic_ports", "default_inbound", "default_outbound", "management", "host", "ruleset"))
RULESET_KEYS = frozenset(("rules", "sets"))
SET_KEYS = frozenset(("addresses", "members"))
OF_A_FILE = ("host", "ruleset")  # what a host's file says beside its entry
HEADER = re.compile(rb'\{\n"digest": "([0-9a-f]{64})",\n')
OTHER = "is not the file that the plan means: it was edited, cut off, or comes from another plan; plan again, or fetch the published directory whole"
NO_PLAN = "no plan is here; make one: ansible-playbook -i inventory.yml portcullis.msports.plan, or name the directory of one: -e plan_directory=msports-plan"
Where = t.Union[str, "os.PathLike[str]"]


def read_index(directory: Where, keyring: t.Optional[str] = None) -> Plain:
    """Return the index of a plan directory, its own digest checked; ``hosts`` maps each host to the digest of its file.

    With ``keyring`` it has to be signed by a key of that.
    """
    problems = Problems()
    check_folders(directory)
    path = os.path.join(directory, INDEX)
    content = _content(path, problems)
    if content is not None and keyring is not None:
        check_signature(os.fspath(directory), content, keyring)
    index = _object(path, content, problems) if content is not None else {}
    problems.raise_as(MsportsError)
    if index.get("format") != FORMAT:
        problems.add(path, index.get("format", MISSING), f"expected format {FORMAT}; plan again with this version of the collection")
        problems.raise_as(MsportsError)
    header = HEADER.match(content or b"")
    if not header or hashlib.sha256((content or b"")[header.end() :]).hexdigest().encode() != header[1]:
        problems.add(path, MISSING, OTHER)
    elif _lacks(path, index, INDEX_KEYS, problems):
        pass
    elif not isinstance(index["hosts"], dict):
        problems.add(path, index["hosts"], "expected the names of hosts and the digests of their files; plan again")
    problems.raise_as(MsportsError)
    return index


def load(directory: Where, only: t.Optional[t.Iterable[str]] = None, beside: t.Optional[text.Texts] = None) -> Plain:
    """Read a plan directory back; with ``only`` the hosts of those names, where they are in the plan.

    ``beside`` are the texts of a plan to compare with: a host of which both say the same is its own entry, and not read.
    """
    index = read_index(directory)
    digests = index["hosts"] if only is None else {name: index["hosts"][name] for name in sorted(set(only)) if name in index["hosts"]}
    parts = Parts(directory)
    same = {name for name, digest in digests.items() if beside.hosts.get(name) == digest} if beside else set()
    hosts = {name: beside.plan["hosts"][name] if beside and name in same else parts.host(name, digest) for name, digest in digests.items()}
    parts.problems.raise_as(MsportsError)
    if beside:
        rulesets = {id(hosts[name]["rules"]): hosts[name]["rules"] for name in same}.values()
        parts.sets.update((name, beside.plan["sets"][name]) for rules in rulesets for name in text.sets_of(rules))
    return {**index, "hosts": hosts, "sets": dict(sorted(parts.sets.items()))}


def load_host(directory: Where, name: str, digest: str) -> Plain:
    """Return what rendering one host takes, ``hosts`` and ``sets``, and the digest of its ``ruleset``, from the files of this host alone.

    ``digest`` is that of the host's file, as the index has it.
    """
    check_folders(directory)
    parts = Parts(directory)
    host = parts.host(name, digest)
    parts.problems.raise_as(MsportsError)
    return {"hosts": {name: host}, "sets": parts.sets, "ruleset": parts.ruleset_of[name]}


class Parts:
    """The files below an index, each read and checked once. Hosts that have the same rules share them, as they did when the plan was made."""

    def __init__(self, directory: Where) -> None:
        self._folder = os.fspath(directory)
        self._rulesets: dict[str, list[Plain]] = {}
        self._sets: dict[str, Plain] = {}  # by digest
        self.sets: dict[str, Plain] = {}  # by name
        self.ruleset_of: dict[str, str] = {}  # host -> digest
        self.problems = Problems()

    def host(self, name: str, digest: str) -> Plain:
        """Return the entry of a host with its rules; ``{}`` where a problem was found."""
        path = os.path.join(self._folder, HOSTS, file_name(name))
        # A save that was cut off after its index came into force left the file under its digest.
        entry = self._verified(path, digest, HOST_KEYS, os.path.join(self._folder, HOSTS, pending(digest)))
        if entry and entry["host"] != name:
            self.problems.add(path, entry["host"], f"is not the file of {name}; plan again")
        elif entry:
            self.ruleset_of[name] = entry["ruleset"]
            return {**{key: value for key, value in entry.items() if key not in OF_A_FILE}, "rules": self._ruleset(path, entry["ruleset"])}
        return {}

    def _ruleset(self, named_in: str, digest: t.Any) -> list[Plain]:
        if digest not in self._rulesets:
            found = self._named(named_in, RULESETS, digest, RULESET_KEYS)
            self._rulesets[digest] = found.get("rules", [])
            for name, of_set in found.get("sets", {}).items():
                self.sets[name] = self._set(named_in, of_set)
        return self._rulesets[digest]

    def _set(self, named_in: str, digest: t.Any) -> Plain:
        if digest not in self._sets:
            self._sets[digest] = self._named(named_in, SETS, digest, SET_KEYS)
        return self._sets[digest]

    def _named(self, named_in: str, folder: str, digest: t.Any, keys: t.AbstractSet[str]) -> Plain:
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            self.problems.add(named_in, digest, f"expected the digest of a file in {folder}; plan again")
            return {}
        return self._verified(os.path.join(self._folder, folder, f"{digest}.json"), digest, keys)

    def _verified(self, path: str, digest: str, keys: t.AbstractSet[str], other: t.Optional[str] = None) -> Plain:
        """Return the object in the file that has this digest, at ``path`` or else at ``other``."""
        problems = Problems()
        content = _content(path, problems)
        if content is not None and hashlib.sha256(content).hexdigest() == digest:
            found = _object(path, content, self.problems)
            return {} if _lacks(path, found, keys, self.problems) else found
        if other and os.path.lexists(other):
            return self._verified(other, digest, keys)
        if content is not None:
            problems.add(path, MISSING, OTHER)
        self.problems.extend(problems)
        return {}


def _content(path: str, problems: Problems) -> t.Optional[bytes]:
    """Return the content of a file, or ``None`` and a problem."""
    try:
        return read_file(path)
    except OSError as error:
        no_plan = isinstance(error, FileNotFoundError) and os.path.basename(path) == INDEX
        problems.add(path, MISSING, NO_PLAN if no_plan else f"cannot be read ({error.strerror}); expected a plan directory that the plan action wrote, whole")
    except MsportsError as error:
        problems.extend(error.problems)
    return None


def _object(path: str, content: bytes, problems: Problems) -> Plain:
    """Return the JSON object of a file's content; what is wrong with it becomes a problem, and the object empty."""
    try:
        value = json.loads(content)
        if isinstance(value, dict):
            return value
        problems.add(path, MISSING, "expected a JSON object; plan again")
    except ValueError as error:
        problems.add(path, MISSING, f"is no JSON ({error}); plan again")
    return {}


def _lacks(path: str, entry: Plain, keys: t.AbstractSet[str], problems: Problems) -> bool:
    missing = sorted(keys - entry.keys())
    if missing:
        problems.add(path, MISSING, f"lacks {', '.join(missing)}; plan again")
    return bool(missing)


def plan_from(value: t.Any) -> Plain:
    """Return a plan that is given as data or as the path of a plan directory; raise :class:`MsportsError` for anything else.

    A directory is read once, and again when its index is another: many questions are asked of one plan.
    """
    if isinstance(value, str):
        try:
            found = os.stat(os.path.join(value, INDEX))
        except OSError:
            return load(value)  # which says what is wrong
        return _read_once(os.path.abspath(value), (found.st_ino, found.st_size, found.st_mtime_ns))
    if isinstance(value, dict) and {"hosts", "sets", "peers"} <= set(value):
        return value
    problems = Problems()
    problems.add("plan", str(type(value).__name__), "expected a plan, as the plan filter or action gives it, or the path of a plan directory")
    raise MsportsError(problems)


@functools.lru_cache(maxsize=2)
def _read_once(directory: str, _stamp: tuple[int, int, int]) -> Plain:
    return load(directory)
