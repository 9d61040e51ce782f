# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""``user.rules`` and ``user6.rules``: which rules in them are ours, and the text with other ones in their place.

Ours are known by their comment, ``<owner>: <name of the rule>``. All other bytes of the file stay what they are. What blocks stands before
everything else, what allows behind everything else: a deny of the administrator's beats an allow of ours, a block of ours beats every allow.

``Evaluator`` tells whether ufw would let a management connection in, by all rules of the files in their order.
"""

from __future__ import annotations

import collections
import hashlib
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import EPHEMERAL, FirstMatch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import port_intervals
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import tuples
from ansible_collections.portcullis.msports.plugins.module_utils._match import PROTOCOLS, Match, Rule


class Entry(t.NamedTuple):
    """One tuple of a file: its lines are ``first`` to before ``end``; ``name`` is the name of our rule, or ``None``; ``lines`` are its rules."""

    first: int
    end: int
    parsed: t.Any  # ``tuples.Parsed``, or ``None`` where a line is none that ufw itself would read
    name: t.Optional[str]
    lines: t.Tuple[str, ...]


RULES, END = "### RULES ###", "### END RULES ###"
STOPS = ("deny", "reject", "limit")
ADDRESSES_SHOWN = 6


class RuleFile:
    """The text of one rule file (``None`` where there is none), as ufw and as ``iptables-restore`` read it."""

    def __init__(self, text: t.Optional[str], owner: str, version: int) -> None:
        self.text = text
        self.version = version
        self.entries = []
        self._owner = owner
        self._lines = xtables.lines_of(text)
        rule_line = re.compile(r"-A {0}-user-(logging-)?(input|output|forward)\b".format(tuples.PREFIX[version]))
        index = 0
        while index < len(self._lines):
            if not self._lines[index].startswith(tuples.MARK):
                index += 1
                continue
            parsed = tuples.parse(self._lines[index])
            end = index + 1
            while end < len(self._lines) and rule_line.match(self._lines[end]):
                end += 1
            first = index - 1 if index and not self._lines[index - 1].strip() else index
            mark = self._owner + ": "
            name = parsed.comment[len(mark) :] if parsed and parsed.comment.startswith(mark) and not parsed.forward else None
            self.entries.append(Entry(first, end, parsed, name, tuple(line.strip() for line in self._lines[index + 1 : end])))
            index = end

    @property
    def usable(self) -> bool:
        """Whether the file has the place where ufw keeps its rules."""
        return any(line.strip() == RULES for line in self._lines)

    def own(self) -> t.Dict[str, t.List[Entry]]:
        """Return ``{name: [Entry, ...]}`` of our rules."""
        found = collections.OrderedDict()
        for entry in self.entries:
            if entry.name is not None:
                found.setdefault(entry.name, []).append(entry)
        return found

    def well_ordered(self) -> bool:
        """Tell whether no allow stands before a block of ours, and no denial of others behind an allow of ours."""
        for direction in ("in", "out"):
            steps = [
                (entry.name is not None, entry.parsed.rule.action.partition("_")[0])
                for entry in self.entries
                if entry.parsed and not entry.parsed.forward and entry.parsed.rule.direction == direction
            ]
            last_block = max([index for index, step in enumerate(steps) if step == (True, "deny")] + [-1])
            first_allow = min([index for index, step in enumerate(steps) if step == (True, "allow")] + [len(steps)])
            if any(action in ("allow", "limit") for _ours, action in steps[: last_block + 1]):
                return False
            if any(not ours and action in STOPS for ours, action in steps[first_allow:]):
                return False
        return True

    def with_rules(self, rules: t.Sequence[t.Tuple[str, tuples.Rule]]) -> str:
        """Return the text with exactly the rules of ours ``[(name, Rule), ...]``."""
        gone = {number for entry in self.entries if entry.name is not None for number in range(entry.first, entry.end)}
        others = [entry.end for entry in self.entries if entry.name is None and entry.end <= self._end()]
        start = next(number for number, line in enumerate(self._lines) if line.strip() == RULES) + 1
        last = max(others + [start])
        texts = {
            action: "".join(
                tuples.block(rule, "{0}: {1}".format(self._owner, name), self.version) for name, rule in rules if rule.action.partition("_")[0] == action
            )
            for action in ("deny", "allow")
        }
        made = []
        for number in range(len(self._lines) + 1):
            if number == start:
                made.append(texts["deny"])
            if number == last:
                made.append(texts["allow"])
            if number < len(self._lines) and number not in gone:
                made.append(self._lines[number])
        return "".join(made)

    def _end(self) -> int:
        return next((number for number, line in enumerate(self._lines) if line.strip() == END), len(self._lines))


def rule_lines(*files: RuleFile) -> t.Dict[str, str]:
    """Return ``{name: canonical line}`` of our rules in the files of both families."""
    found = collections.OrderedDict()
    for file in files:
        for name, entries in file.own().items():
            found.setdefault(name, []).extend(entry_texts(entry, file.version) for entry in entries)
    return {name: _line(name, parts) for name, parts in found.items()}


def entry_texts(entry: Entry, version: int) -> t.Tuple[tuples.Rule, str]:
    """Return ``(Rule, what is wrong with its lines or "")``: the lines must mean what ufw would make of the tuple."""
    rule, odd = entry.parsed.rule, bool(entry.parsed.interfaces or entry.parsed.application)
    if rule.action in tuples.TARGETS and rule.direction in tuples.CHAINS and not odd:
        wanted = tuples.lines(rule, version)
        if wanted == list(entry.lines) or [xtables.canonical(line) for line in wanted] == [xtables.canonical(line) for line in entry.lines]:
            return rule, ""
    return rule, "unknown: " + "; ".join(entry.lines)


def wanted_lines(rules: t.Iterable[t.Tuple[str, tuples.Rule]]) -> t.Dict[str, str]:
    """Return ``{name: canonical line}`` of wanted rules ``[(name, Rule), ...]``."""
    found = collections.OrderedDict()
    for name, rule in rules:
        found.setdefault(name, []).append((rule, ""))
    return {name: _line(name, parts) for name, parts in found.items()}


def _line(name: str, parts: t.Iterable[t.Tuple[tuples.Rule, str]]) -> str:
    groups, wrong = collections.OrderedDict(), []
    for rule, complaint in sorted(parts):
        groups.setdefault((rule.direction, rule.action, rule.protocol, rule.ports, rule.source_ports), []).append((rule.source, rule.destination))
        wrong += [complaint] if complaint else []
    texts = []
    for (direction, action, protocol, ports, source_ports), pairs in sorted(groups.items()):
        words = [direction, action, protocol]
        words += ["from port " + source_ports] if source_ports != "any" else []
        words += ["to port " + ports] if ports != "any" else []
        places = ["{0} to {1}".format(*pair) if pair[1] not in tuples.ANYWHERE.values() else pair[0] for pair in sorted(pairs)]
        if len(places) > ADDRESSES_SHOWN:
            digest = hashlib.sha256(repr(places).encode("utf-8")).hexdigest()[:12]
            places = places[:2] + ["and {0} more ({1})".format(len(places) - 2, digest)]
        texts.append(" ".join(words + ["from", ", ".join(places)]))
    return "{0!r}: {1}".format(name, " | ".join(texts + wrong))


class Evaluator(FirstMatch):
    """Evaluates new connections by the rules of ``files``; ``closed`` tells that ufw's own default stops what none of them names."""

    def __init__(self, files: t.Iterable[RuleFile], closed: bool) -> None:
        super().__init__([rule for file in files for rule in map(_rule, file.entries) if rule], closed)


def _rule(entry: Entry) -> t.Optional[Rule]:
    """Return a rule for new TCP connections. One that is bound to an interface is not certain: a session that is there came in by some interface."""
    parsed = entry.parsed
    if parsed is None or parsed.forward or parsed.rule.direction != "in" or parsed.rule.protocol not in PROTOCOLS:
        return None
    rule = parsed.rule
    try:
        sources = port_intervals(rule.source_ports)
        source, destination = (_addresses.parse([text]) for text in (rule.source, rule.destination))
        ports = port_intervals(rule.ports)
    except ValueError:
        return None
    if not _ports.covers(sources, [EPHEMERAL]):
        # From some ports only: too little to admit, and enough to be blocked by luck alone.
        return None
    allows = rule.action.partition("_")[0] in ("allow", "limit")
    match = Match(PROTOCOLS[rule.protocol], ports, source, not parsed.interfaces, destination)
    return Rule("", entry.name or " ".join(rule), match, allows, entry.name is not None)
