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

from ansible_collections.portcullis.msports.plugins.module_utils._firewalld import kernel, objects

Actual = collections.namedtuple("Actual", "saved running kernel")
Actual.__doc__ = """``saved`` and ``running`` are ``Objects`` (``running`` is ``None`` while the daemon does not run), ``kernel`` is a ``Kernel``."""

_IPSET = re.compile(r'ipset="([^"]+)"')


def of(wanted, running):
    """Return the ``Actual`` in which everything is as wanted."""
    return Actual(wanted, wanted if running else None, kernel.NOTHING)


def sides(actual):
    return [side for side in (actual.saved, actual.running) if side is not None]


def rule_lines(actual, wanted=None):
    """Return ``{name: line}``. Rules that no record names are recognised by the text of what is ``wanted`` (``Objects``)."""
    found = collections.defaultdict(list)
    for policy in sorted({name for side in sides(actual) for name in side.policies}):
        direction = "out" if any("HOST" in side.policies[policy].ingress for side in sides(actual) if policy in side.policies) else "in"
        texts = {line for side in sides(actual) if policy in side.policies for line in side.policies[policy].rules}
        for name, digests in record_of(actual, policy, wanted).items():
            own = sorted(line for line in texts if objects.digest(line) in digests)
            if own:
                found[(direction, name)] += [_shown(actual, policy, line) for line in own]
    lines = {}
    for (direction, name), shown in sorted(found.items()):
        lines.setdefault(name, []).append("{0} {1!r}: {2}".format(direction, name, " | ".join(sorted(shown))))
    return {name: "\n".join(both) for name, both in lines.items()}


def record_of(actual, policy, wanted=None):
    """Return the record of a policy: the saved one, else the daemon's, else what is wanted."""
    found = [side.policies[policy].record for side in sides(actual) if policy in side.policies]
    found += [wanted.policies[policy].record] if wanted and policy in wanted.policies else []
    return next((record for record in found if record), {})


def _shown(actual, policy, line):
    text = line.partition(" ")[2]
    for name in _IPSET.findall(text):
        contents = [side.sets.get(name, (0, ())) for side in sides(actual)]
        same = all(content == contents[0] for content in contents) and "kernel ipset " + name not in actual.kernel.wrong
        text = text.replace('"{0}"'.format(name), '"{0}"{1}'.format(objects.set_mark(name, contents[0]), "" if same else " (differs)"))
    return text + "".join(_lacks(actual, policy, line))


def _lacks(actual, policy, line):
    """Yield in which places a rule is missing."""
    names = ("not saved", "not in the daemon")
    for side, words in zip((actual.saved, actual.running), names):
        if side is not None and (policy not in side.policies or line not in side.policies[policy].rules):
            yield " ({0})".format(words)
    if line in actual.kernel.missing.get(policy, ()):
        yield " (not in the kernel)"


def structure_lines(actual):
    """Return ``{part: [line, ...]}`` of everything but the rules; where saved and running differ, both are told."""
    parts = [objects.structure_lines(_with_record(side, actual)) for side in sides(actual)]
    found = dict(actual.kernel.wrong)
    for part in set().union(*parts):
        lines = [side.get(part) for side in parts]
        if all(one == lines[0] for one in lines):
            found[part] = lines[0]
        else:
            words = ("saved", "in the daemon")
            found[part] = ["{0}: {1}".format(word, line) for word, side in zip(words, lines) for line in side or ["no {0}".format(part)]]
    return found


def _with_record(side, actual):
    """Return the objects with the record that holds for all places: the daemon cannot change its own without a reload."""
    return side._replace(policies={name: policy._replace(record=record_of(actual, name)) for name, policy in side.policies.items()})


def all_lines(actual, wanted=None):
    """Return every canonical line: structure first, then one line a rule."""
    structure = structure_lines(actual)
    lines = [line for part in sorted(structure) for line in structure[part]]
    return lines + [line for _name, line in sorted(rule_lines(actual, wanted).items(), key=lambda item: item[1])]


def plain(side):
    """Return objects without what has no meaning in the daemon: its record is that of the last reload."""
    return None if side is None else side._replace(policies={name: policy._replace(record={}) for name, policy in side.policies.items()})
