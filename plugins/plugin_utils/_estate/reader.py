# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What all parts of the reading share: the inventory, the catalogs, what was found so far, and values read only once."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, Problem, some
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, near_name, plain, collect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.variables import ESTATE, VARIABLES
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs

T = t.TypeVar("T")
Parse = t.Callable[..., T]  # declarations, a collector of problems, and what else it needs
_ABSENT = object()
NAMED = 8  # so many hosts are named of those that have a problem in common


class Reader:
    """Inventory and catalogs, with problems as they are found.

    Many hosts see the same value of a group: each distinct value of a variable is read once, and what is wrong with it is
    told for every host that has it.
    """

    def __init__(self, inventory: Mapping[str, t.Any], catalogs: Catalogs) -> None:
        self.catalogs = catalogs
        self.hosts: Mapping[str, t.Any] = dict(sorted(inventory["hosts"].items()))
        self.variables: dict[str, Mapping[str, t.Any]] = {name: host.get("vars") or {} for name, host in self.hosts.items()}
        self.groups: Mapping[str, t.Sequence[str]] = inventory.get("groups") or {}
        self.problems: list[Problem] = []
        self._notes: dict[str, set[str]] = {}  # text -> hosts that it is about
        self.declarations: dict[str, dict[str, Declarations]] = {}
        self.declarers: dict[str, str] = {}  # estate-wide variable -> first host that declares it
        self._agreed: dict[str, Declarations] = {}
        self._read: dict[t.Tuple[str, str], t.Tuple[t.Any, ProblemCollector]] = {}
        for name, variables in self.variables.items():
            problems = ProblemCollector()
            self.declarations[name] = collect(variables, problems)
            self.add_all(name, problems)
        self._unrendered = {(host, variable) for host, variable, _why in inventory.get("unrendered", ())}
        for host, variable, why in inventory.get("unrendered", ()):
            way = "; name hosts as group:<name> or host:<name> where a list of peers is meant" if "hostvars" in why else ""
            self.add(host, variable, MISSING, f"cannot be rendered: {' '.join(why.split())}{way}")
        self.problems = [_of_the_estate(problem) for problem in self.problems]
        self._agree()

    def add_all(self, host: str, problems: ProblemCollector) -> None:
        """Add the problems and notes of one value, as seen at ``host``."""
        self.problems += [Problem(f"{host}: {found.path}", found.value, found.expected, found.nearest) for found in problems]
        for text in problems.notes:
            self._notes.setdefault(text, set()).add(host)

    def notes(self) -> list[str]:
        """Return what is worth saying and no problem, each with the hosts that declare it."""
        return [f"{some(hosts)}: {text}" for text, hosts in sorted(self._notes.items())]

    def add(self, host: str, path: str, value: object, expected: str, known: t.Iterable[str] = ()) -> None:
        problems = ProblemCollector()
        problems.add(path, value, expected, known)
        self.add_all(host, problems)

    def declares(self, host: str, name: str) -> bool:
        """Tell whether the host sees a value of the variable that is not empty, be it right or wrong."""
        if any(seen == host and variable.partition("__")[0] == name for seen, variable in self._unrendered):
            return True
        return any(value not in (None, [], {}) for key, value in self.variables[host].items() if key == name or key.startswith(f"{name}__"))

    def host_value(self, host: str, name: str, parse: Parse[T], default: t.Any, *needs: t.Any) -> T:
        """Return a host-level variable, read by ``parse``, which is also given what it ``needs``; ``default`` where the host does not declare it."""
        declared = self.declarations[host].get(name)
        if declared is None:
            return default
        key = (name, repr(declared))
        read = self._read.get(key)
        if read is None:
            problems = ProblemCollector()
            read = self._read[key] = (parse(declared, problems, *needs), problems)
        self.add_all(host, read[1])
        return t.cast(T, read[0])

    def estate_value(self, name: str, parse: Parse[T], default: t.Any, *needs: t.Any) -> T:
        """Return an estate-wide variable, read by ``parse`` from the first host that declares it."""
        declared = self._agreed.get(name)
        if declared is None:
            return default
        problems = ProblemCollector()
        value = parse(declared, problems, *needs)
        self.add_all("estate", problems)  # nobody's in particular: many hosts see it, and the first by name has no more to do with it than the others
        return value

    def _agree(self) -> None:
        seen: dict[str, list[Declarations]] = {}
        for host, by_name in self.declarations.items():
            for name, declared in by_name.items():
                if VARIABLES[name].level != ESTATE:
                    continue
                known = seen.setdefault(name, [])
                if any(declared == other for other in known):
                    continue
                known.append(declared)
                if name not in self._agreed:
                    self._agreed[name] = declared
                    self.declarers[name] = host
                else:
                    self._compare(host, name, plain(self._agreed[name]), plain(declared))

    def _compare(self, host: str, name: str, first: t.Any, other: t.Any) -> None:
        says = f"{self.declarers[name]} says"
        rule = "this holds for the whole estate, so all hosts that declare it must agree; declare it once, in group_vars of the group all"
        if isinstance(first, dict):
            for key in sorted({*first, *other}, key=str):
                mine, theirs = other.get(key, _ABSENT), first.get(key, _ABSENT)
                if mine != theirs:
                    value = "nothing" if theirs is _ABSENT else repr(theirs)
                    self.problems.append(Problem(f"{host}: {name}.{key}", None if mine is _ABSENT else repr(mine), f"{says} {value}; {rule}"))
        elif first != other:
            self.add(host, name, other, f"{says} {first!r}; {rule}")

    def known_name(self, problems: ProblemCollector, path: str, name: t.Any, known: t.Container[str], what: str) -> bool:
        """Tell whether ``name`` is one of ``known``; say ``what`` was expected, and the nearest, when it is not."""
        if isinstance(name, str) and name in known:
            return True
        problems.add(path, name, f"expected {what}", near=near_name(name, t.cast(t.Iterable[str], known)))
        return False


def _of_the_estate(problem: Problem) -> Problem:
    """Return a problem with a value of an estate-wide variable as the estate's: which hosts see it says nothing."""
    _host, _mark, path = problem.path.partition(": ")
    variable = VARIABLES.get(re.split(r"__|[.\[]", path)[0])
    return dataclasses.replace(problem, path=f"estate: {path}") if variable and variable.level == ESTATE else problem


def deduplicate(problems: t.Iterable[Problem], every: t.Collection[str]) -> list[Problem]:
    """Tell a problem that several hosts have in common once, naming them: one cause, mostly in a group's variables. ``every`` are all hosts."""
    alike: dict[t.Tuple[t.Any, ...], list[str]] = {}
    for problem in problems:
        host, mark, path = problem.path.partition(": ")
        alike.setdefault((path if mark else problem.path, problem.value, problem.expected, problem.nearest), []).append(host if mark else "")
    found: list[Problem] = []
    for (path, value, expected, near), hosts in alike.items():
        names = sorted(set(hosts))
        where = "all hosts" if 1 < len(every) == len(names) else some(names, NAMED)
        found.append(Problem(f"{where}: {path}" if any(names) else path, value, expected, near))
    return found
