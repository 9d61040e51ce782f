# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The estates of the table of meaning as inventories, and its questions."""

from __future__ import annotations

import functools
import ipaddress
import pathlib
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import RELEASES, inventory

HERE = pathlib.Path(__file__).resolve().parent
Plain = dict[str, t.Any]
# Every host is strict unless a case says otherwise: then the rules of both ends decide, and no default.
STRICT: Plain = {
    "default_outbound": "block",
    "infrastructure": {"dns": ["203.0.113.53"], "ntp": ["203.0.113.123"]},
    "management": {"from": ["203.0.113.1"], "services": ["ssh"]},
}
TODAY = "2026-11-21"


class Question(t.NamedTuple):
    """A new connection: ``mp site tcp/445``, ``10.20.5.5 mp tcp/443``, ``a b icmp_echo``. It goes over IPv6 where one end is such an address."""

    source: str
    destination: str
    protocol: str
    port: t.Optional[int]
    family: int

    @classmethod
    def read(cls, text: str) -> Question:
        source, destination, asked = text.split()
        protocol, _slash, port = asked.partition("/")
        return cls(source, destination, protocol, int(port) if port else None, 6 if ":" in source + destination else 4)


class Case(t.NamedTuple):
    """One estate and its questions; ``name`` is the case's own, with the file of its table."""

    name: str
    section: str
    given: Plain

    @property
    def questions(self) -> list[tuple[str, Question, bool]]:
        found = []
        for word in ("passes", "stops"):
            for pair, asked in self.given.get(word, {}).items():
                found += [(text, Question.read(text), word == "passes") for text in (f"{pair} {port}" for port in asked)]
        return found

    def inventory(self) -> Plain:
        """The inventory as the compiler and the oracle take it: single addresses in questions are hosts without a role."""
        given = self.given.get("everywhere", {})
        everywhere = {**STRICT, **given, "infrastructure": {**STRICT["infrastructure"], **given.get("infrastructure", {})}}
        hosts: dict[str, Plain] = {name: dict(host) for name, host in self.given["hosts"].items()}
        ends = {end for _text, question, _answer in self.questions for end in (question.source, question.destination)}
        hosts.update({end: {"at": end} for end in sorted(ends - hosts.keys()) if ipaddress.ip_address(end)})
        found = {}
        for number, (name, host) in enumerate(hosts.items(), 10):
            groups, at = host.get("groups", []), host.get("at", f"10.0.0.{number}")
            variables = {f"msports_{key}": value for key, value in host.items() if key not in ("groups", "at")}
            found[name] = {"vars": {**variables, **({"ansible_host": at} if "addresses" not in host else {})}, "groups": groups}
        everywhere.setdefault("not_deployed", sorted(essential() - _named([everywhere, *hosts.values()])))
        return inventory(found, today=self.given.get("today", TODAY), **everywhere)


@functools.cache
def essential() -> frozenset[str]:
    return frozenset(role.id for role in load_catalogs(RELEASES).roles.values() if role.essential)


def _named(declared: t.Iterable[Plain]) -> set[str]:
    """The roles that the estate has, whichever variable or group says so."""
    found: set[str] = set()
    for variables in declared:
        for key, value in variables.items():
            if key.startswith("roles"):
                found.update(entry["role"] if isinstance(entry, dict) else entry for entry in value)
            elif key.startswith("networks"):
                found.update(value)
            elif key.startswith("group_roles"):
                found.update(role for roles in value.values() for role in roles)
        found.update(role for role in essential() if role.replace(".", "_") in variables.get("groups", ()))
    return found


def cases() -> list[Case]:
    """Every case of every table, in order."""
    found = []
    for path in sorted(HERE.glob("*.yml")):
        table = safe_load(path.read_text(encoding="utf-8"))
        found += [Case(f"{path.stem}: {given['case']}", table["section"], given) for given in table["cases"]]
    return found
