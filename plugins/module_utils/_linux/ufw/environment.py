# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who else has a say on this host: the rest of ufw's own rules, what stands around ufw, other managers and other tables."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import compare, services, walk, xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import foreign as others
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import LOADERS, firewalld_runs, legacy_tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import kernel, tuples
from ansible_collections.portcullis.msports.plugins.module_utils._match import covered, of_family, touches

Outside = collections.namedtuple("Outside", "managers reasons warnings")
Outside.__doc__ = """``managers``: why to refuse; ``reasons``: why the effect is not exactly the rules'; ``warnings``: for people."""

SHOWN = 12


def examine(tables, objects, rules, wire_rules, options, closed, legacy, root="/", proc="/proc"):
    """Return ``Outside``.

    ``tables`` are the ``Filter`` by family as they will be, ``objects`` those of other tables as nft prints them, ``rules`` our rules by family,
    ``wire_rules`` the complete ones, ``closed`` tells by direction whether the default stops, ``legacy`` whether ufw's iptables is the old one.
    """
    indexed = others.Tables([pair for item in objects for pair in item.items() if pair[0] != "metainfo"])
    managers, warnings = _managers(indexed, root, proc)
    reasons = ["another manager filters here too: " + text for text in managers]
    loaded = legacy_tables(proc)
    if loaded and not legacy:
        reasons.append("tables of legacy iptables are loaded beside those of ufw ({0}), and were not read".format(", ".join(sorted(set(loaded)))))
    for direction in ("in", "out"):
        admitted, blocked = _shapes(wire_rules, options, direction)
        for version, table in sorted(tables.items()):
            reasons += _of_family(table, version, direction, rules[version], admitted, blocked, closed[direction])
    cut, killed = compare.compare(indexed, wire_rules, options, closed)
    for key, text in indexed.mentions("notrack"):
        reasons.append("{0} takes packets out of connection tracking ({1}): replies to them are dropped".format(compare.place(key), text))
    warnings += killed + others.containers(indexed)
    return Outside(managers, reasons + cut, warnings)


def _shapes(rules, options, direction):
    """Return the shapes ``(admitted with their base, [(name, shape) of blocks])`` of the complete wire rules of a direction."""
    mine = [(rule, compare._shape(rule, options)) for rule in rules if rule["direction"] == direction]
    mine = [(rule, shape) for rule, shape in mine if shape.addresses]
    admitted = compare.BASE[direction] + tuple(shape for rule, shape in mine if rule["action"] == "allow")
    return admitted, [(rule["name"], shape) for rule, shape in mine if rule["action"] == "block"]


def _of_family(table, version, direction, rules, admitted, blocked, closed):
    """Return the reasons that lie in the table filter of one family."""
    allows, blocks = collections.Counter(), collections.Counter()
    names = collections.defaultdict(set)
    for name, rule in rules:
        if rule.direction == direction:
            line = xtables.canonical(tuples.lines(rule, version)[-1])
            (allows if rule.action != "deny" else blocks)[line] += 1
            names[line].add(name)
    shapes = {line: walk.shape_of(dict(line.items), version, direction) for line in allows}
    shapes = {line: of_family(shape, walk.FAMILY[version]) for line, shape in shapes.items() if shape}
    pending, opens, beats, cuts = sum(blocks.values()), collections.OrderedDict(), collections.OrderedDict(), []
    before = []  # what is accepted for certain so far
    for number, step in enumerate(walk.steps(table.chains, version, direction, kernel.BUILTIN[direction])):
        if number >= walk.LIMIT:
            return ["more than {0} rules of iptables; the rest was not examined".format(walk.LIMIT)]
        if allows[step.line] > 0 and step.verdict == "accept":
            allows[step.line] -= 1
            if not allows[step.line]:
                shapes.pop(step.line, None)
        elif blocks[step.line] > 0:
            blocks[step.line] -= 1
            pending -= 1
        elif step.verdict == "drop":
            hit = sorted({name for line, shape in shapes.items() if touches(step.shape, shape) and not covered(before, shape) for name in names[line]})
            cuts += [(step, hit)] if hit else []
        else:
            if closed and not covered(admitted, step.shape):
                opens.setdefault(step.chain, []).append(step.text)
            elif pending and not covered(compare.BASE[direction], step.shape) and any(touches(step.shape, shape) for _name, shape in blocked):
                beats.setdefault(step.chain, []).append(step.text)
            before += [step.shape] if step.shape.certain else []
    found = ["chain {0} stops what we allow: {1} ({2})".format(step.chain, compare._some(hit), step.text) for step, hit in cuts[:SHOWN]]
    found += ["{0} more rules stop what we allow".format(len(cuts) - SHOWN)] if cuts[SHOWN:] else []
    found += [_told("chain {0} accepts more than the rules", name, texts) for name, texts in opens.items()]
    return found + [_told("chain {0} accepts, before a block of ours, what the block may be about", name, texts) for name, texts in beats.items()]


def _told(sentence, chain, texts):
    more = "; and {0} more".format(len(texts) - SHOWN) if texts[SHOWN:] else ""
    return "{0}: {1}{2}".format(sentence.format(chain), "; ".join(texts[:SHOWN]), more)


def _managers(indexed, root, proc):
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
