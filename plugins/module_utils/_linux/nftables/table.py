# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""A table of nftables rules as a value, its text for ``nft -f``, and its canonical lines for people and comparisons.

A rule is ``(comment, text)``; the text is in nft's own syntax in the one spelling that ``_express`` gives to what the
kernel holds, so that wanted and actual rules are compared as text and either can be loaded.
"""

from __future__ import annotations

import collections
import hashlib
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.express import UNKNOWN
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import HOOKS, RULE_CHAINS

Hook = t.Tuple[str, int, str]  # hook, priority, policy
Rules = t.Tuple[t.Tuple[str, str], ...]  # comment and text


class Table(t.NamedTuple):
    """``chains`` name -> Chain, ``sets`` name -> (version, intervals), ``helpers`` name -> (type, protocol, l3proto), ``others`` sorted texts."""

    chains: t.Dict[str, Chain]
    sets: t.Dict[str, t.Tuple[int, t.Tuple[Interval, ...]]]
    helpers: t.Dict[str, t.Tuple[str, str, str]]
    others: t.Tuple[str, ...]


class Chain(t.NamedTuple):
    """``hook`` is ``(hook, priority, policy)`` or ``None`` for a chain that is only jumped to; ``rules`` is a tuple."""

    hook: t.Optional[Hook]
    rules: Rules


_SET = re.compile(r"@([A-Za-z0-9_.]+)")
_HELPER = re.compile(r'ct helper set "([^"]+)"')
_STATEMENTS = re.compile(r"(?:^|(?<= ))(?:ct helper set |accept$|drop$|limit rate )")


def text(table: Table, owner: str) -> str:
    """Return the file that puts exactly ``table`` into the kernel in one transaction, whatever was there before."""
    lines = ["table inet {0}".format(owner), "delete table inet {0}".format(owner), "table inet {0} {{".format(owner)]
    for name, (kind, protocol, l3proto) in sorted(table.helpers.items()):
        lines += ["\tct helper {0} {{".format(name), '\t\ttype "{0}" protocol {1}'.format(kind, protocol), "\t\tl3proto {0}".format(l3proto), "\t}"]
    for name, (version, intervals) in sorted(table.sets.items()):
        lines += ["\tset {0} {{".format(name), "\t\ttype ipv{0}_addr".format(version), "\t\tflags interval"]
        if intervals:
            lines.append("\t\telements = {{ {0} }}".format(", ".join(_addresses.text_of(interval) for interval in intervals)))
        lines.append("\t}")
    for name, chain in sorted(table.chains.items(), key=lambda item: (item[1].hook is not None, item[0])):
        lines.append("\tchain {0} {{".format(name))
        if chain.hook:
            lines.append("\t\ttype filter hook {0} priority {1}; policy {2};".format(*chain.hook))
        texts = [(comment, counted(rule) if name in RULE_CHAINS.values() else rule) for comment, rule in chain.rules]
        lines += ["\t\t{0}{1}".format(rule, ' comment "{0}"'.format(comment) if comment else "") for comment, rule in texts]
        lines.append("\t}")
    return "\n".join(lines) + "\n}\n"


def rule_lines(table: Table) -> t.Dict[str, str]:
    """Return ``{name: line}`` of the rules proper, a line a direction. A line carries a digest of the address sets it refers to."""
    marks = {name: _mark(intervals) for name, (_version, intervals) in table.sets.items()}
    found = {}
    for direction, chain in RULE_CHAINS.items():
        for comment, rule in table.chains.get(chain, Chain(None, ())).rules:
            found.setdefault((direction, comment), []).append(_SET.sub(lambda match: match.group(0) + marks.get(match.group(1), ""), rule))
    lines = {}
    for (direction, name), rules in sorted(found.items()):
        lines.setdefault(name, []).append("{0} {1!r}: {2}".format(direction, name, " | ".join(rules)))
    return {name: "\n".join(both) for name, both in lines.items()}


def counted(rule: str) -> str:
    """Return a rule's text with a counter behind what it matches. What it has counted is no part of the rule, so it is in no ``Table``."""
    found = _STATEMENTS.search(rule)
    start = found.start() if found else len(rule)
    return " ".join(part for part in (rule[:start].strip(), "counter", rule[start:]) if part)


def _mark(intervals: t.Tuple[Interval, ...]) -> str:
    digest = hashlib.sha256(repr(intervals).encode("ascii")).hexdigest()[:12]
    return "({0}:{1})".format(len(intervals), digest)


def structure_lines(table: Table, owner: str) -> t.Dict[str, t.List[str]]:
    """Return ``{part: [line, ...]}`` of everything that is not a rule proper: chains, base rules, helpers, sets."""
    parts = collections.OrderedDict()
    parts["table"] = ["table inet {0}".format(owner)]
    for name, chain in sorted(table.chains.items()):
        hook = "hook {0} priority {1} policy {2}".format(*chain.hook) if chain.hook else "no hook"
        lines = ["chain {0}: {1}".format(name, hook)]
        if name in RULE_CHAINS.values():
            if not stops_first(chain.rules):
                lines.append("chain {0}: a block after an allow".format(name))
        else:
            lines += ["chain {0}: {1}{2}".format(name, rule, " # " + comment if comment else "") for comment, rule in chain.rules]
        parts["chain " + name] = lines
    for name, helper in sorted(table.helpers.items()):
        parts["helper " + name] = ["helper {0}: type {1} protocol {2} l3proto {3}".format(name, *helper)]
    for name, (version, intervals) in sorted(table.sets.items()):
        parts["set " + name] = ["set {0}: IPv{1} {2}".format(name, version, ", ".join(_addresses.text_of(i) for i in intervals) or "(empty)")]
    if table.others:
        parts["others"] = ["other: {0}".format(line) for line in table.others]
    return parts


def all_lines(table: t.Optional[Table], owner: str) -> t.List[str]:
    """Return every canonical line: structure first, then one line a rule."""
    if table is None:
        return []
    lines = [line for part in structure_lines(table, owner).values() for line in part]
    return lines + [line for _name, line in sorted(rule_lines(table).items(), key=lambda item: item[1])]


def sets_of(rule: str) -> t.List[str]:
    """Return the names of the sets that a rule's text refers to."""
    return _SET.findall(rule)


def helpers_of(rule: str) -> t.List[str]:
    """Return the names of the helpers that a rule's text refers to."""
    return _HELPER.findall(rule)


def stops(rule: str) -> bool:
    """Tell whether a rule's text stops packets, or in audit mode logs that it would."""
    return rule.endswith(" drop") or rule == "drop" or " reject" in rule or "log prefix" in rule


def stops_in(table: t.Optional[Table], hook: str) -> bool:
    """Tell whether the chains of a hook stop anything: by default, or by a rule."""
    if table is None or hook not in table.chains or table.chains[hook].hook is None:
        return False
    direction = next(direction for direction, name in HOOKS.items() if name == hook)
    rules = [rule for chain in (hook, RULE_CHAINS[direction]) if chain in table.chains for _comment, rule in table.chains[chain].rules]
    return any(stops(rule) and "log prefix" not in rule for rule in rules)


def in_order(rules: t.Iterable[t.Tuple[str, str]]) -> Rules:
    """Return rules in the order of the table: those that stop packets first, then by name; rules of one name keep theirs."""
    return tuple(sorted(rules, key=lambda rule: (not stops(rule[1]), rule[0])))


def stops_first(rules: t.Iterable[t.Tuple[str, str]]) -> bool:
    """Tell whether no rule that stops packets stands after one that does not."""
    verdicts = [stops(rule) for _comment, rule in rules]
    return verdicts == sorted(verdicts, reverse=True)


def with_extra(desired: Table, actual: Table, extra: t.Container[str]) -> Table:
    """Return ``desired`` with the rules ``extra`` (names) of ``actual``, their sets and their helpers."""
    chains, sets, helpers = dict(desired.chains), dict(desired.sets), dict(desired.helpers)
    for chain in sorted(RULE_CHAINS.values()):
        more = [rule for rule in actual.chains.get(chain, Chain(None, ())).rules if rule[0] in extra]
        if not more:
            continue
        for _comment, rule in more:
            if UNKNOWN in rule:
                raise ValueError(rule)
            for name in sets_of(rule):
                # A set that the desired rules fill otherwise must not change what the extra rule meant.
                if sets.setdefault(name, actual.sets[name]) != actual.sets[name]:
                    raise ValueError(rule)
            for name in helpers_of(rule):
                helpers.setdefault(name, actual.helpers[name])
        chains.setdefault(chain, Chain(None, ()))
        chains[chain] = Chain(None, in_order(chains[chain].rules + tuple(more)))
    return desired._replace(chains=chains, sets=sets, helpers=helpers)
