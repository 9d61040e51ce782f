# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The plan directory: ``index.json``, ``sets.json`` and ``hosts/<name>.json``; sorted, without timestamps.

It diffs in review, is an artifact in CI, and is what slices of a large run share.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import stat
import typing as t
from json.encoder import encode_basestring_ascii as quoted

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import FORMAT, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import INDEX, claim, file_name, refused

SETS, HOSTS = "sets.json", "hosts"
FILE_MODE = 0o644
NEXT = "\n "  # the line break before a key of a file's object
# What readers of a plan rely on.
INDEX_KEYS = frozenset(("digest", "whole", "today", "catalogs", "networks", "peers", "notes", "off", "orphaned", "inputs"))
HOST_KEYS = frozenset(("system", "roles", "features", "addresses", "default_inbound", "default_outbound", "management", "rules"))
RULE_KEYS = frozenset(("name", "direction", "action", "protocol", "local_ports", "remote_ports", "remote", "local", "rpc", "helper", "delivery", "because"))


def digest(value: t.Any) -> str:
    """Return the SHA-256 of ``value`` (plain data) as hexadecimal text; equal data give equal digests."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def save(plan: Plain, directory: t.Union[str, pathlib.Path], same: t.Container[str] = ()) -> list[str]:
    """Write ``plan``; return the names of the files that changed. A host that left the plan loses its file.

    ``same`` are hosts of which the caller knows that the directory says what the plan says (``load`` with ``beside``): they are left alone.
    Hosts that the directory knew and the plan does not are kept in ``orphaned`` until their ruleset is removed.
    Raises :class:`MsportsError` when the directory is something else's (:func:`claim`) or cannot be written.
    """
    folder = pathlib.Path(directory)
    ours = claim(folder)
    try:
        return _save(plan, folder, ours, same)
    except OSError as error:
        raise refused(str(folder), f"cannot be written ({error.strerror}); expected a plan directory that this user may write") from error


def _save(plan: Plain, folder: pathlib.Path, ours: t.AbstractSet[str], same: t.Container[str]) -> list[str]:
    folder.joinpath(HOSTS).mkdir(parents=True, exist_ok=True)
    hosts: dict[str, Plain] = plan["hosts"]
    index = {key: value for key, value in plan.items() if key not in ("hosts", "sets")}
    index["orphaned"] = orphans(plan, folder)
    index["hosts"] = {name: file_name(name) for name in sorted(hosts)}
    rendered = _Once()
    wanted = {f"{HOSTS}/{file}": name for name, file in index["hosts"].items()}
    root = str(folder)
    # One text at a time in memory.
    changed = [file for file, name in sorted(wanted.items()) if name not in same and _write(os.path.join(root, file), rendered.host(hosts[name]))]
    if _write(os.path.join(root, SETS), _text(plan["sets"])):
        changed.append(SETS)
    for stale in sorted(f"{HOSTS}/{file}" for file in ours):
        if stale not in wanted and folder.joinpath(stale).exists():
            folder.joinpath(stale).unlink()
            changed.append(stale)
    if _write(os.path.join(root, INDEX), _text(index)):  # last, because its digest says that the rest is complete
        changed.append(INDEX)
    return changed


def orphans(plan: Plain, directory: t.Union[str, pathlib.Path]) -> list[str]:
    """Return the hosts that had a ruleset in the saved plan, or were orphaned there, and have none in ``plan``."""
    ignored = Problems()
    index = _read(pathlib.Path(directory, INDEX), ignored)
    known = index.get("hosts", ()) if plan["whole"] else ()  # a slice does not know what became of hosts that it does not see
    return sorted({*known, *index.get("orphaned", ()), *plan["orphaned"]} - set(plan["hosts"]))


def load(directory: t.Union[str, pathlib.Path], only: t.Optional[t.Iterable[str]] = None, beside: t.Optional[Plain] = None) -> Plain:
    """Read a plan directory back; with ``only`` the hosts of those names, where they are in the plan.

    ``beside`` is a plan to compare with: a host of which it says what the directory says is its own entry, and not read again.
    """
    folder = pathlib.Path(directory)
    problems = Problems()
    index = _read(folder / INDEX, problems)
    problems.raise_as(MsportsError)
    if index.get("format") != FORMAT:
        problems.add(str(folder / INDEX), index.get("format", MISSING), f"expected format {FORMAT}; plan again with this version of the collection")
    elif not isinstance(index.get("hosts"), dict):
        problems.add(str(folder / INDEX), index.get("hosts", MISSING), "expected the names of hosts and of their files; plan again")
    problems.raise_as(MsportsError)
    names = index["hosts"] if only is None else {name: index["hosts"][name] for name in only if name in index["hosts"]}
    known, rendered = beside["hosts"] if beside else {}, _Once()
    root = str(folder / HOSTS)
    hosts = {
        name: known[name] if name in known and _says(os.path.join(root, file), rendered.host(known[name]).encode()) else _read(folder / HOSTS / file, problems)
        for name, file in sorted(names.items())
    }
    plan = {**index, "sets": _read(folder / SETS, problems), "hosts": hosts}
    problems.raise_as(MsportsError)
    for name, file in sorted(names.items()):
        if hosts[name] is not known.get(name):
            _check_host(folder / HOSTS / file, hosts[name], problems)
    _lacks(folder / INDEX, index, INDEX_KEYS, problems)
    problems.raise_as(MsportsError)
    return plan


def _check_host(path: pathlib.Path, host: Plain, problems: Problems) -> None:
    _lacks(path, host, HOST_KEYS, problems)
    rules = host.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) and rule.keys() >= RULE_KEYS for rule in rules):
        problems.add(str(path), MISSING, f"holds rules that lack some of {', '.join(sorted(RULE_KEYS))}; plan again")


def _lacks(path: pathlib.Path, entry: Plain, keys: t.AbstractSet[str], problems: Problems) -> None:
    if missing := sorted(keys - entry.keys()):
        problems.add(str(path), MISSING, f"lacks {', '.join(missing)}; plan again")


def _read(path: pathlib.Path, problems: Problems) -> dict[str, t.Any]:
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


def _text(value: t.Any) -> str:
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


def _says(path: str, content: bytes) -> bool:
    """Tell whether a file has exactly this content."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read() == content
    except OSError:
        return False


def _write(path: str, text: str) -> bool:
    """Write atomically, and only what differs."""
    content = text.encode()
    if _says(path, content):
        return False
    temporary = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            if stat.S_IMODE(os.fstat(handle).st_mode) != FILE_MODE:  # the umask of whoever plans
                os.fchmod(handle, FILE_MODE)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


class _Once:
    """Serialises rules that hosts share once, and the rulesets of hosts that are alike: most of a plan is the same again and again."""

    def __init__(self) -> None:
        self._rulesets: dict[int, str] = {}
        self._rules: dict[int, str] = {}

    def host(self, host: Plain) -> str:
        lines = [f"{quoted(key)}: {self._ruleset(value) if key == 'rules' else _indented(value, NEXT)}" for key, value in sorted(host.items())]
        return "{" + NEXT + f",{NEXT}".join(lines) + "\n}\n"

    def _ruleset(self, rules: list[Plain]) -> str:
        if id(rules) not in self._rulesets:
            inner = NEXT + " "
            self._rulesets[id(rules)] = "[" + inner + f",{inner}".join(map(self._rule, rules)) + NEXT + "]" if rules else "[]"
        return self._rulesets[id(rules)]

    def _rule(self, rule: Plain) -> str:
        if id(rule) not in self._rules:
            self._rules[id(rule)] = _indented(rule, NEXT + " ")
        return self._rules[id(rule)]


def plan_from(value: t.Any) -> Plain:
    """Return a plan that is given as data or as the path of a plan directory; raise :class:`MsportsError` for anything else."""
    if isinstance(value, str):
        return load(value)
    if isinstance(value, dict) and {"hosts", "sets", "peers"} <= set(value):
        return value
    problems = Problems()
    problems.add("plan", str(type(value).__name__), "expected a plan, as the plan filter or action gives it, or the path of a plan directory")
    raise MsportsError(problems)
