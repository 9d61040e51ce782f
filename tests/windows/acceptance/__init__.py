# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks one real Windows host what this collection assumes about Windows, check by check: docs/windows-acceptance.md.

A check is a function of a :class:`Host` that gives an :class:`Answer`; its name is that of its row. It writes rules under an owner mark of
its own, and ``table.py`` removes them, also when it fails. Rules admit networks that are reserved for documentation, to a port that nobody uses.
"""

from __future__ import annotations

import dataclasses
import typing as t

Plain = t.Dict[str, t.Any]

PASS, FAIL, TOLD, NOT_RUN = "pass", "FAIL", "told", "not run"
ALL_PROFILES = 0x7FFFFFFF
PORT = "48888"


class Answer(t.NamedTuple):
    """``result``: as assumed, otherwise, told (a question without a right answer) or not run. ``saw``: what the host showed."""

    result: str
    saw: str


def expect(as_assumed: bool, saw: t.Any) -> Answer:
    return Answer(PASS if as_assumed else FAIL, str(saw))


@dataclasses.dataclass(frozen=True)
class Machine:
    """A way to one host. ``policy`` runs the internal module, ``ruleset`` the public one (options, whether in check mode), ``powershell`` a script.

    ``reconnect`` ends the connection, so that the next call makes a new one. ``rules`` says how many the check ``bulk`` writes.
    """

    policy: t.Callable[[Plain], Plain]
    ruleset: t.Callable[[Plain, bool], Plain]
    reconnect: t.Callable[[], None]
    powershell: t.Optional[t.Callable[[str], t.Tuple[int, str]]] = None
    rules: int = 1000


class Failed(Exception):
    """The host did not do what a check cannot do without."""


class State(dict):  # type: ignore[type-arg]
    """What a read tells, with rules as columns by name."""

    @property
    def own(self) -> list[Plain]:
        return self._named("rules")

    @property
    def foreign(self) -> list[Plain]:
        return self._named("others")

    def _named(self, key: str) -> list[Plain]:
        return [dict(zip(self["fields"], row)) for row in self[key]]


class Host:
    """One host, seen by one owner."""

    def __init__(self, machine: Machine, owner: str) -> None:
        self.machine = machine
        self.owner = owner

    def read(self) -> State:
        found = self.machine.policy({"owner": self.owner})
        if found.get("failed"):
            raise Failed(f"it cannot be read: {found.get('msg')}")
        return State(found["state"])

    def rules(self) -> list[Plain]:
        return self.read().own

    def do(self, *operations: Plain, digest: t.Optional[str] = None) -> Plain:
        """Return what the host says of operations; a refusal is an answer, too."""
        return self.machine.policy({"owner": self.owner, "expected": digest or self.read()["digest"], "operations": list(operations)})

    def add(self, *rules: Plain) -> list[Plain]:
        """Add rules, and return what the host then holds; raise ``Failed`` when it does not take them."""
        done = self.do(*({"kind": "add", "rule": one} for one in rules))
        if done.get("failed"):
            raise Failed(str(done.get("msg")))
        return self.rules()

    def ruleset(self, check: bool = False, **options: t.Any) -> Plain:
        """Return the result of the public module; raise ``Failed`` when it fails."""
        done = self.try_ruleset(check, **options)
        if done.get("failed"):
            raise Failed(str(done.get("msg")))
        return done

    def try_ruleset(self, check: bool = False, **options: t.Any) -> Plain:
        return self.machine.ruleset({"owner": self.owner, **options}, check)


Check = t.Callable[[Host], Answer]

CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Put a check on the list; its name is that of the function."""
    CHECKS[function.__name__] = function
    return function


def rule(name: str = "acceptance", **columns: t.Any) -> Plain:
    """Return the columns of a rule that admits nobody: one port, from a network for documentation."""
    plain = {"name": name, "enabled": True, "direction": 1, "action": 1, "protocol": 6, "local_ports": PORT, "remote_addresses": "192.0.2.0/24"}
    return {**plain, **columns}


def column(rules: t.Iterable[Plain], name: str) -> list[t.Any]:
    return [one[name] for one in rules]
