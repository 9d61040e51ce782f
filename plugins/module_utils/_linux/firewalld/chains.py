# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What firewalld asks of a new TCP connection, rule by rule: the steps of our policies, made from what the daemon has or will have of them."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import foreign_allows
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import objects as own_objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import rich as rich_rules

Step = collections.namedtuple("Step", "place text allows ours sources ports destinations certain")
Step.__doc__ = """One rule for new TCP connections. Addresses and ports are collapsed intervals; not ``certain``: it has a condition besides."""

Block = collections.namedtuple("Block", "priority name zones steps")
Block.__doc__ = """The steps of a policy in their order, with the names of the zones that packets come from."""

TCP = 6


def last_step(place, target, ours):
    """Return the step of a target."""
    return Step(place, "target {0}".format(target.strip("%")), target == "ACCEPT", ours, _addresses.ANY, _ports.ALL, _addresses.ANY, True)


def own_blocks(own, known):
    """Return the ``Block``s of our inbound policies; ``known`` keeps what was read of rich rules, which mostly are the same before a run and after it."""
    ends = {name: entries for name, (_version, entries) in own.sets.items() if own_objects.has_ports(entries)}
    lists = {name: _addresses.union(entries) for name, (_version, entries) in own.sets.items() if name not in ends}
    return [_own_block(name, policy, lists, ends, known) for name, policy in own.policies.items() if "HOST" in policy.egress]


def _own_block(name, policy, lists, ends, known):
    found = []
    for line in policy.rules:
        if line not in known:
            known[line] = _parsed(line)
        rich = known[line]
        if rich is None:
            # Somebody else's change of our policy, which a run takes back.
            allows = not any(word in line for word in ("drop", "reject"))
            found.append((0, allows, Step("policy " + name, line, allows, True, _addresses.ANY, _ports.ALL, _addresses.ANY, False)))
            continue
        allows = rich.action[0] == "accept"
        if rich.action[0] != "log":
            found += [(rich.priority, allows, step) for step in _own_steps("policy " + name, line, rich, allows, lists, ends)]
    steps = [step for _rank, _allows, step in sorted(found, key=lambda item: item[:2])]
    if policy.target != "CONTINUE":
        steps.append(last_step("policy " + name, policy.target, True))
    return Block(policy.priority, name, policy.ingress, steps)


def _parsed(line):
    try:
        return rich_rules.parse(line)
    except ValueError:
        return None


def _own_steps(place, line, rich, allows, lists, ends):
    """Yield the steps of a rich rule of ours: one, but for ends with several ports."""
    kind = rich.element[0] if rich.element else ""
    if kind not in ("", "port", "source-port", "protocol") or (kind and rich.element[-1] not in ("tcp", str(TCP))):
        return
    certain, ports = True, _ports.ALL
    if kind == "port":
        ports = (_ports.PortRange.parse(rich.element[1]),)
    elif kind == "source-port":
        certain = _ports.covers([_ports.PortRange.parse(rich.element[1])], [_guard.EPHEMERAL])
    family = foreign_allows.FAMILIES.get(rich.family, _addresses.ANY)
    sources, known = _own_end(rich.source, family, lists)
    certain = certain and known
    if rich.destination[6:] not in ends:
        destinations, known = _own_end(rich.destination, _addresses.ANY, lists)
        yield Step(place, line, allows, True, sources, ports, destinations, certain and known)
        return
    by_port = collections.defaultdict(list)
    for entry in ends[rich.destination[6:]]:
        if entry[3:4] == ("tcp",):
            by_port[entry[4:]].append(entry[:3])
    for interval, addresses in sorted(by_port.items()):
        yield Step(place, line, allows, True, sources, (interval,), _addresses.union(addresses), certain)


def _own_end(text, family, lists):
    """Return ``(intervals, whether they are known)`` of an end of a rich rule of ours."""
    if not text:
        return family, True
    if not text.startswith("ipset:"):
        return (foreign_allows.parse(text),), True
    return lists.get(text[6:], family), text[6:] in lists
