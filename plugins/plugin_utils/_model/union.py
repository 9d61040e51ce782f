# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Many declarations, one value: ``msports_<name>`` and every ``msports_<name>__<suffix>`` that a host sees, united.

A host's ``Declarations`` of a variable are its declarations, sorted by name: ``(("msports_roles", [...]), ("msports_roles__web", [...]))``.
Lists unite item by item; mappings key by key, at every depth. One key with two different values is a problem.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, Problem, Problems, nearest
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.variables import (
    BOOL,
    CALLED_NOW,
    LIST,
    MAPPING,
    PREFIX,
    SHAPE_WORDS,
    TEXT,
    VARIABLES,
    meant,
)

Declarations = t.Tuple[t.Tuple[str, t.Any], ...]
Labelled = t.Tuple[str, t.Any]  # where a value was written, and the value


class ProblemCollector(Problems):
    """Collects what one value brings to light, with paths that do not name the host, so that equal values are read once."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def add(self, path: str, value: object, expected: str, known: t.Iterable[str] = (), near: t.Optional[str] = None) -> None:
        text = None if value is MISSING else repr(value)
        self.extend([Problem(path, text, expected, near or near_name(value, known))])


def near_name(value: object, known: t.Iterable[str]) -> t.Optional[str]:
    """Return the valid name nearest to ``value``: the one that it lacks only the product of, else the most alike."""
    names = sorted(set(known))
    if not names:
        return None
    same = [name for name in names if name.rpartition(".")[2] == value]
    return same[0] if len(same) == 1 else nearest(str(value), names)


def collect(variables: Mapping[str, t.Any], problems: ProblemCollector) -> dict[str, Declarations]:
    """Return the declarations of one host by variable; names that are no variables and wrong shapes go to ``problems``."""
    declared: dict[str, Declarations] = {}
    for name in sorted(variables):
        if not name.startswith(PREFIX):
            right = meant(name)
            if right:
                problems.add(name, MISSING, f"variables of this collection begin with {PREFIX}", near=right)
            continue
        variable = VARIABLES.get(name)
        if variable is None:
            base, mark, suffix = name.partition("__")
            variable = VARIABLES.get(base)
            if base in CALLED_NOW:
                problems.add(name, MISSING, f"is called {CALLED_NOW[base]}{mark}{suffix} now")
                continue
            if variable is None:
                problems.add(name, MISSING, "no variable of this collection has this name", VARIABLES, near=_near_variable(base, mark + suffix))
                continue
            if not suffix:
                problems.add(name, MISSING, "expected a suffix after the two underscores")
                continue
            if not variable.unites:
                problems.add(name, MISSING, f"{base} is a single value, so there is nothing to unite: it takes no suffix")
                continue
        value = variables[name]
        if _has_shape(value, variable.shape):
            declared[variable.name] = (*declared.get(variable.name, ()), (name, value))
        else:
            problems.add(name, value, SHAPE_WORDS[variable.shape])
    return declared


def _near_variable(base: str, rest: str) -> t.Optional[str]:
    ending = [name for name in VARIABLES if name.endswith(base[len(PREFIX) - 1 :])]  # msports_inbound: a variable without its first word
    near = ending[0] if len(ending) == 1 else nearest(base, VARIABLES)
    return near and (near + rest if VARIABLES[near].unites else near)


def _has_shape(value: t.Any, shape: str) -> bool:
    if shape == LIST:
        return isinstance(value, (list, tuple))
    if shape == MAPPING:
        return isinstance(value, Mapping)
    if shape == BOOL:
        return isinstance(value, bool)
    if shape == TEXT:
        return isinstance(value, str)
    return isinstance(value, (str, list, tuple, Mapping))


def items(declared: Declarations) -> list[Labelled]:
    """Return the items of united lists with their paths, equal ones once."""
    found: list[Labelled] = []
    for name, value in declared:
        for index, item in enumerate(value):
            if all(item != other or type(item) is not type(other) for _label, other in found):
                found.append((f"{name}[{index}]", item))
    return found


def entries(declared: t.Sequence[Labelled], problems: ProblemCollector) -> dict[t.Any, Labelled]:
    """Return the keys of united mappings with the path and the value of each.

    Where every value of a key is a mapping they unite in turn; their paths are then those of the first that has the key.
    """
    candidates: dict[t.Any, list[Labelled]] = {}
    for name, value in declared:
        for key, item in value.items():
            candidates.setdefault(key, []).append((f"{name}.{key}", item))
    return {key: _one(labelled, problems) for key, labelled in candidates.items()}


def _one(candidates: list[Labelled], problems: ProblemCollector) -> Labelled:
    first_path, first = candidates[0]
    if len(candidates) == 1:
        return candidates[0]
    if all(isinstance(value, Mapping) for _path, value in candidates):
        return first_path, {key: value for key, (_path, value) in entries(candidates, problems).items()}
    for path, value in candidates[1:]:
        if value != first:
            problems.add(path, value, f"{first_path} says {first!r}; one key has one value, whichever variables it is united from")
    return candidates[0]


def value_of(declared: Declarations, problems: ProblemCollector) -> t.Any:
    """Return the united value: a mapping, or a list in the order in which its items were written."""
    if VARIABLES[declared[0][0].partition("__")[0]].shape == MAPPING:
        return {key: value for key, (_path, value) in entries(declared, problems).items()}
    return [value for _path, value in items(declared)]


def plain(declared: Declarations) -> t.Any:
    """Return the united value for comparison between hosts: mappings as they are, lists without their order."""
    value = value_of(declared, ProblemCollector())
    return value if isinstance(value, Mapping) else sorted(value, key=repr)


def site_declarations(declared: Declarations, problems: ProblemCollector) -> t.Tuple[list[Labelled], dict[t.Any, Labelled]]:
    """Return ``msports_site`` as plain names and as a mapping by product; it is one of the two."""
    mappings = [part for part in declared if isinstance(part[1], Mapping)]
    others = [(name, value) for name, value in declared if not isinstance(value, Mapping)]
    if mappings and others:
        problems.add(mappings[0][0], mappings[0][1], f"{others[0][0]} names sites of all products: write either names or a mapping by product")
    names = [part for part in others if isinstance(part[1], str)]
    return [*names, *items(tuple(part for part in others if part not in names))], entries(mappings, problems)


def only_keys(item: Mapping[t.Any, t.Any], allowed: t.Sequence[str], path: str, problems: ProblemCollector) -> None:
    """Complain about every key of ``item`` that is not allowed."""
    for key in sorted(set(item) - set(allowed), key=str):
        problems.add(f"{path}.{key}", MISSING, f"no such key; the keys are {', '.join(allowed)}", near=nearest(str(key), allowed))


def as_text(value: t.Any) -> t.Optional[str]:
    """Return a text that is not blank, stripped; a whole number counts as its digits (YAML reads ``1806`` as one). Else ``None``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None
