# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who else has a say on this host: the rest of ufw's own rules, what stands around ufw, other managers and other tables."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._limits import some
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import compare, portless, services, tracking, walk, xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import foreign as others
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import LOADERS, firewalld_runs, legacy_tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import Filter
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import kernel, tuples
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.render import Named
from ansible_collections.portcullis.msports.plugins.module_utils._match import BASE, Match, Plain, covered, named, of_family, touches
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options


SHOWN = 12


def examine(
    tables: t.Mapping[int, Filter],
    objects: t.Iterable[Plain],
    rules: Named,
    given_rules: t.Sequence[Plain],
    options: Options,
    closed: t.Mapping[str, bool],
    legacy: bool,
    root: str = "/",
    proc: str = "/proc",
) -> Environment:
    """Return ``Environment``.

    ``tables`` are the ``Filter`` by family as they will be, ``objects`` those of other tables as nft prints them, ``rules`` our rules by family,
    ``given_rules`` the complete ones, ``closed`` tells by direction whether the default stops, ``legacy`` whether ufw's iptables is the old one.
    """
    indexed = others.Tables([pair for item in objects for pair in item.items() if pair[0] != "metainfo"])
    managers, warnings = _managers(indexed, root, proc)
    reasons = ["another manager filters here too: " + text for text in managers]
    loaded = legacy_tables(proc)
    if loaded and not legacy:
        reasons.append("tables of legacy iptables are loaded beside those of ufw ({0}), and were not read".format(", ".join(sorted(set(loaded)))))
    for direction in ("in", "out"):
        sets = options["address_sets"]
        admitted = BASE[direction] + tuple(match for _name, match in named(given_rules, sets, direction, "allow"))
        blocked = named(given_rules, sets, direction, "block")
        for version, table in sorted(tables.items()):
            reasons += _of_family(table, version, direction, rules[version], admitted, blocked, closed[direction])
    cut, killed = compare.compare(indexed, given_rules, options, closed)
    for key, text in indexed.mentions("notrack"):
        reasons.append("{0} takes packets out of connection tracking ({1}): replies to them are dropped".format(compare.place(key), text))
    warnings += killed + others.containers(indexed) + portless.warnings(given_rules, options, proc) + tracking.warnings(proc)
    return Environment(managers, reasons + cut, warnings)


def _of_family(
    table: Filter,
    version: int,
    direction: str,
    rules: t.Iterable[t.Tuple[str, tuples.Rule]],
    admitted: t.Sequence[Match],
    blocked: t.Sequence[t.Tuple[str, Match]],
    closed: bool,
) -> t.List[str]:
    """Return the reasons that lie in the table filter of one family."""
    allows, blocks = collections.Counter(), collections.Counter()
    names = collections.defaultdict(set)
    for name, rule in rules:
        if rule.direction == direction:
            line = xtables.canonical(tuples.lines(rule, version)[-1])
            (allows if rule.action != "deny" else blocks)[line] += 1
            names[line].add(name)
    own = ((line, walk.match_of(dict(line.items), version, direction)) for line in allows)
    matches = {line: of_family(match, walk.FAMILY[version]) for line, match in own if match}
    pending, opens, beats, cuts = sum(blocks.values()), collections.OrderedDict(), collections.OrderedDict(), []
    before = []  # what is accepted for certain so far
    for number, (met, line) in enumerate(walk.rules(table.chains, version, direction, kernel.BUILTIN[direction])):
        if number >= walk.LIMIT:
            return ["more than {0} rules of iptables; the rest was not examined".format(walk.LIMIT)]
        if allows[line] > 0 and met.allows:
            allows[line] -= 1
            if not allows[line]:
                matches.pop(line, None)
        elif blocks[line] > 0:
            blocks[line] -= 1
            pending -= 1
        elif not met.allows:
            hit = sorted({name for mine, match in matches.items() if touches(met.match, match) and not covered(before, match) for name in names[mine]})
            cuts += [(met, hit)] if hit else []
        else:
            if closed and not covered(admitted, met.match):
                opens.setdefault(met.place, []).append(met.text)
            elif pending and not covered(BASE[direction], met.match) and any(touches(met.match, match) for _name, match in blocked):
                beats.setdefault(met.place, []).append(met.text)
            before += [met.match] if met.match.certain else []
    said = "chain {0} {1} what we allow: {2} ({3})"
    found = [said.format(met.place, "stops" if met.match.certain else "may stop", some(hit, compare.SOME), met.text) for met, hit in cuts[:SHOWN]]
    found += ["{0} more rules stop what we allow".format(len(cuts) - SHOWN)] if cuts[SHOWN:] else []
    found += [_told("chain {0} accepts more than the rules", name, texts) for name, texts in opens.items()]
    return found + [_told("chain {0} accepts, before a block of ours, what the block may be about", name, texts) for name, texts in beats.items()]


def _told(sentence: str, chain: str, texts: t.Sequence[str]) -> str:
    more = "; and {0} more".format(len(texts) - SHOWN) if texts[SHOWN:] else ""
    return "{0}: {1}{2}".format(sentence.format(chain), "; ".join(texts[:SHOWN]), more)


def _managers(indexed: Tables, root: str, proc: str) -> t.Tuple[t.List[str], t.List[str]]:
    """Return ``(active, warnings)`` about managers besides ufw, found without starting a process."""
    active, warnings = [], []
    if firewalld_runs(indexed, root, proc):
        active.append("firewalld is running")
    for name in LOADERS:
        if services.starts(name, root):
            active.append("{0}.service is enabled, and loads rules of its own over those of ufw".format(name))
    if services.starts("nftables", root):
        warnings.append("nftables.service is enabled: whenever it is started it flushes the rules of ufw")
    return active, warnings
