# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the rules of other tables and ours do to each other: their drops that stop what we allow, their accepts that our default stops.

A table of another owner of this collection is told once, by its name: its rules are known there.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._limits import some
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import (
    FAMILIES,
    LIMIT,
    OTHER_HOST,
    SAME_HOST,
    UNTOLD,
    Key,
    Tables,
    Translation,
)
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import HOOKS, RULE_CHAINS
from ansible_collections.portcullis.msports.plugins.module_utils._match import BASE, EVERYTHING, Match, Plain, covered, meet, named, touches
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options


class Finding(t.NamedTuple):
    """One rule of others: ``place`` is its table and chain, ``names`` are our rules that it meets (none for an accept)."""

    place: Key
    text: t.Optional[str]
    names: t.List[str]
    certain: bool


SHOWN = 20
SOME = 3
SENT = {
    SAME_HOST: " sends connections to another port of this host, and rules are asked about that one",
    OTHER_HOST: " sends connections to another host",
    UNTOLD: " sends connections to another port or another host (nft does not tell where)",
}


class Environment(t.NamedTuple):
    """What else filters on this host. ``managers``: why to refuse; ``reasons``: why the effect is not exactly the rules'; ``warnings``: for people."""

    managers: t.List[str]
    reasons: t.List[str]
    warnings: t.List[str]


def compare(tables: Tables, rules: t.Sequence[Plain], options: Options, closed: t.Mapping[str, bool]) -> t.Tuple[t.List[str], t.List[str]]:
    """Return ``(reasons, warnings)`` about the tables of others and our rules; ``closed`` tells by direction whether our default drops."""
    cut, killed = [], []
    for direction, ours in (("in", "in"), ("out", "out"), ("reply", "in")):
        own = named(rules, options["address_sets"], ours, "allow") if direction != "out" or closed["out"] else []
        for base in tables.base_chains(direction) if direction != "out" or closed["out"] else ():
            found = _of_base(tables, base, own, direction, closed.get(direction, False))
            cut += found[0]
            killed += found[1]
    moved = [_moved(found, rules, options) for found in tables.translations()]
    cut, ours_cut = _apart(cut, tables)
    killed, ours_killed = _apart(killed, tables)
    return (
        [_cut_by_owner(name, found) for name, found in ours_cut.items()] + capped(_cut(finding) for finding in cut) + capped(filter(None, moved)),
        [_killed_of_owner(name, found) for name, found in ours_killed.items()] + capped(_killed(finding) for finding in killed),
    )


def _of_base(tables: Tables, base: Key, own: t.Sequence[t.Tuple[str, Match]], direction: str, closed: bool) -> t.Tuple[t.List[Finding], t.List[Finding]]:
    """Return ``(cut, killed)`` of the chains that packets of a direction pass from one base chain on."""
    cut, killed, accepted, seen = [], [], [], 0
    final = closed and tables.chains[base]["hook"] in ("input", "output") and tables.chains[base]["type"] == "filter" and base[0] in FAMILIES
    admitted = BASE.get(direction, ()) + tuple(match for _name, match in own)
    # Packets of one family only pass a chain of that family; the rest of our rule is not its business.
    only = EVERYTHING._replace(addresses={"ip": _addresses.ANY[:1], "ip6": _addresses.ANY[1:]}.get(base[0], _addresses.ANY))
    parts = [(name, part) for name, part in ((name, meet(match, only)) for name, match in own) if part]
    for rule in tables.rules_met(base, direction):
        seen += 1
        if seen > LIMIT:
            cut.append(Finding(base, None, [], True))
            break
        if rule.allows:
            accepted.append(rule.match)
            parts = [(name, part) for name, part in parts if not covered(accepted, part)] if rule.match.certain else parts
            if final and not covered(admitted, rule.match):
                killed.append(Finding(rule.place, rule.text, [], rule.match.certain))
            continue
        hit = [name for name, part in parts if touches(rule.match, part)]
        if hit:
            cut.append(Finding(rule.place, rule.text, hit, rule.match.certain))
    return cut, killed


def _apart(findings: t.Iterable[Finding], tables: Tables) -> t.Tuple[t.List[Finding], t.Dict[str, t.List[Finding]]]:
    """Return ``(findings in tables of strangers, {table: findings in tables of other owners})``."""
    owners = {table for family, table, _chain in tables.chains if family == "inet" and _is_ours(tables, table)}
    strange, ours = [], collections.OrderedDict()
    for finding in findings:
        if finding.place[0] == "inet" and finding.place[1] in owners:
            ours.setdefault(finding.place[1], []).append(finding)
        else:
            strange.append(finding)
    return strange, ours


def _is_ours(tables: Tables, table: str) -> bool:
    """Tell whether a table of the family inet is made like ours: a hook chain that jumps to base rules and to rules proper."""
    for direction, hook in HOOKS.items():
        rules = tables.rules.get(("inet", table, hook), [])
        targets = [expression["jump"]["target"] for rule in rules for expression in rule["expr"] if "jump" in expression]
        if targets == ["base_" + direction, RULE_CHAINS[direction]]:
            return True
    return False


def capped(texts: t.Iterable[str]) -> t.List[str]:
    texts = list(texts)
    return texts[:SHOWN] + (["{0} more of this kind".format(len(texts) - SHOWN)] if len(texts) > SHOWN else [])


def place(key: Key) -> str:
    return "table {0} {1}, chain {2}".format(*key)


def _cut(finding: Finding) -> str:
    if finding.text is None:
        return "{0}: more than {1} rules; the rest was not examined".format(place(finding.place), LIMIT)
    return "{0}: '{1}' {2} what we allow: {3}".format(place(finding.place), finding.text, "stops" if finding.certain else "may stop", some(finding.names, SOME))


def _killed(finding: Finding) -> str:
    word = "accepts" if finding.certain else "may accept"
    return "{0}: '{1}' {2} what our default stops; our drop is final".format(place(finding.place), finding.text, word)


def _moved(found: Translation, rules: t.Sequence[Plain], options: Options) -> str:
    """Say what a translation does to our rules; nothing where it leads what we do not allow to another host, which forwards and does not come in."""
    names = [name for name, match in named(rules, options["address_sets"], "in", "allow") if touches(found.match, match)]
    takes = "; it takes what we allow: {0}".format(some(names, SOME)) if names else ""
    if not names and found.where == OTHER_HOST:
        return ""
    return "{0}: '{1}'{2}{3}".format(place(found.place), found.text, SENT[found.where], takes)


def _cut_by_owner(table: str, findings: t.Sequence[Finding]) -> str:
    names = list(collections.OrderedDict((name, None) for finding in findings for name in finding.names))
    if not names:
        return "table inet {0} of another owner of this collection: more than {1} rules; the rest was not examined".format(table, LIMIT)
    word = "stops" if any(finding.certain for finding in findings) else "may stop"
    return "table inet {0} of another owner of this collection {1} what we allow: {2}".format(table, word, some(names, SOME))


def _killed_of_owner(table: str, findings: t.Sequence[Finding]) -> str:
    word = "accepts" if any(finding.certain for finding in findings) else "may accept"
    return "table inet {0} of another owner of this collection {1} what our default stops; our drop is final".format(table, word)
