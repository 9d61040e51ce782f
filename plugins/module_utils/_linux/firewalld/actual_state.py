# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The state of an owner's rules in its three places - saved, in the daemon, in the kernel - as canonical lines, one a rule.

A rule that is the same in all places has the line of the rule that is wanted; what one place lacks is said behind it.
"""

from __future__ import annotations

import collections
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import kernel, objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import Objects, Record


class Actual(t.NamedTuple):
    """``saved`` and ``running`` are ``Objects`` (``running`` is ``None`` while the daemon does not run), ``kernel`` is a ``Kernel``."""

    saved: Objects
    running: t.Optional[Objects]
    kernel: kernel.Kernel


# The places of ``sides``, in words.
WORDS = ("saved", "in the daemon")
_IPSET = re.compile(r'ipset="([^"]+)"')


def of(wanted: Objects, running: bool) -> Actual:
    """Return the ``Actual`` in which everything is as wanted."""
    return Actual(wanted, wanted if running else None, kernel.NOTHING)


def sides(actual: Actual) -> t.List[Objects]:
    return [side for side in (actual.saved, actual.running) if side is not None]


def rule_lines(actual: Actual, wanted: t.Optional[Objects] = None) -> t.Dict[str, str]:
    """Return ``{name: line}``. Rules that no record names are recognised by the text of what is ``wanted`` (``Objects``)."""
    found, marks = collections.defaultdict(list), _set_marks(actual)
    for policy in sorted({name for side in sides(actual) for name in side.policies}):
        direction = "out" if any("HOST" in side.policies[policy].ingress for side in sides(actual) if policy in side.policies) else "in"
        places = [(word, frozenset(side.policies[policy].rules if policy in side.policies else ())) for word, side in zip(WORDS, sides(actual))]
        by_digest = collections.defaultdict(list)
        for line in sorted(frozenset().union(*(texts for _word, texts in places))):
            by_digest[objects.digest(line)].append(line)
        missing = frozenset(actual.kernel.missing.get(policy, ()))
        for name, digests in record_of(actual, policy, wanted).items():
            for line in (line for mark in digests for line in by_digest.get(mark, ())):
                lacks = ["not {0}".format(word) for word, texts in places if line not in texts] + (["not in the kernel"] if line in missing else [])
                text = _IPSET.sub(lambda match: match.group(0) + marks.get(match.group(1), ""), line.partition(" ")[2])
                found[(direction, name)].append(text + "".join(" ({0})".format(word) for word in lacks))
    lines = {}
    for (direction, name), shown in sorted(found.items()):
        lines.setdefault(name, []).append("{0} {1!r}: {2}".format(direction, name, " | ".join(sorted(shown))))
    return {name: "\n".join(both) for name, both in lines.items()}


def record_of(actual: Actual, policy: str, wanted: t.Optional[Objects] = None) -> Record:
    """Return the record of a policy: the saved one, else the daemon's, else what is wanted."""
    found = [side.policies[policy].record for side in sides(actual) if policy in side.policies]
    found += [wanted.policies[policy].record] if wanted and policy in wanted.policies else []
    return next((record for record in found if record), {})


def _set_marks(actual: Actual) -> t.Dict[str, str]:
    """Return ``{ipset: what stands behind its name in a line}``: number and digest of its entries, and whether the places agree."""
    marks = {}
    for name in {name for side in sides(actual) for name in side.sets}:
        contents = [side.sets.get(name, (0, ())) for side in sides(actual)]
        same = all(content == contents[0] for content in contents) and "kernel ipset " + name not in actual.kernel.wrong
        marks[name] = objects.set_mark("", contents[0]) + ("" if same else " (differs)")
    return marks


def structure_lines(actual: Actual) -> t.Dict[str, t.List[str]]:
    """Return ``{part: [line, ...]}`` of everything but the rules; where saved and running differ, both are told."""
    parts = [objects.structure_lines(_with_record(side, actual)) for side in sides(actual)]
    found = dict(actual.kernel.wrong)
    for part in set().union(*parts):
        lines = [side.get(part) for side in parts]
        first = lines[0]
        if first is not None and all(one == first for one in lines):
            found[part] = first
        else:
            found[part] = ["{0}: {1}".format(word, line) for word, side in zip(WORDS, lines) for line in side or ["no {0}".format(part)]]
    return found


def _with_record(side: Objects, actual: Actual) -> Objects:
    """Return the objects with the record that holds for all places: the daemon cannot change its own without a reload."""
    return side._replace(policies={name: policy._replace(record=record_of(actual, name)) for name, policy in side.policies.items()})


def all_lines(actual: Actual, wanted: t.Optional[Objects] = None) -> t.List[str]:
    """Return every canonical line: structure first, then one line a rule."""
    structure = structure_lines(actual)
    lines = [line for part in sorted(structure) for line in structure[part]]
    return lines + [line for _name, line in sorted(rule_lines(actual, wanted).items(), key=lambda item: item[1])]


def plain(side: t.Optional[Objects]) -> t.Optional[Objects]:
    """Return objects without what has no meaning in the daemon: its record is that of the last reload."""
    return None if side is None else side._replace(policies={name: policy._replace(record={}) for name, policy in side.policies.items()})
