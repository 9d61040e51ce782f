# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What firewalld asks of a new TCP connection, rule by rule: the chains of our policies, made from what the daemon has or will have of them."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import EPHEMERAL
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import foreign_allows
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import Objects, Policy, has_ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.rich import Rich, parse
from ansible_collections.portcullis.msports.plugins.module_utils._match import EVERYTHING, TCP, Match, Rule

Lists = t.Mapping[str, Addresses]
Ends = t.Mapping[str, t.Sequence[t.Tuple[t.Any, ...]]]


class Chain(t.NamedTuple):
    """The rules of a policy in their order, with the names of the zones that packets come from."""

    priority: int
    name: str
    zones: t.Tuple[str, ...]
    rules: t.List[Rule]


def of_target(place: str, target: str, ours: bool) -> Rule:
    """Return the rule that a target is: it matches everything that is left."""
    return Rule(place, "target {0}".format(target.strip("%")), EVERYTHING, target == "ACCEPT", ours)


def own_chains(own: Objects, parsed: t.Dict[str, t.Optional[Rich]], protocol: int = TCP) -> t.List[Chain]:
    """Return the chains of our inbound policies, as packets of a protocol meet them.

    ``parsed`` keeps what was read of rich rules, which mostly are the same before a run and after it.
    """
    ends = {name: entries for name, (_version, entries) in own.sets.items() if has_ports(entries)}
    lists = {name: _addresses.union(entries) for name, (_version, entries) in own.sets.items() if name not in ends}
    return [_own_chain(name, policy, lists, ends, parsed, protocol) for name, policy in own.policies.items() if "HOST" in policy.egress]


def _own_chain(name: str, policy: Policy, lists: Lists, ends: Ends, parsed: t.Dict[str, t.Optional[Rich]], protocol: int) -> Chain:
    place = "policy " + name
    ranked = []
    for line in policy.rules:
        if line not in parsed:
            parsed[line] = _parsed(line)
        rich = parsed[line]
        if rich is None:
            # Somebody else's change of our policy, which a run takes back.
            allows = not any(word in line for word in ("drop", "reject"))
            ranked.append((0, allows, Rule(place, line, EVERYTHING._replace(certain=False), allows, True)))
        elif rich.action[0] != "log":
            allows = rich.action[0] == "accept"
            ranked += [(rich.priority, allows, Rule(place, line, match, allows, True)) for match in _matches(rich, lists, ends, protocol)]
    rules = [rule for _rank, _allows, rule in sorted(ranked, key=lambda item: item[:2])]
    if policy.target != "CONTINUE":
        rules.append(of_target(place, policy.target, True))
    return Chain(policy.priority, name, policy.ingress, rules)


def _parsed(line: str) -> t.Optional[Rich]:
    try:
        return parse(line)
    except ValueError:
        return None


def _matches(rich: Rich, lists: Lists, ends: Ends, protocol: int) -> t.Iterator[Match]:
    """Yield what a rich rule of ours matches of a protocol: one match, except for ends with several ports."""
    kind = rich.element[0] if rich.element else ""
    names = [name for name, number in foreign_allows.NUMBERS.items() if number == protocol]
    if kind not in ("", "port", "source-port", "protocol") or (kind and rich.element[-1] not in (*names, str(protocol))):
        return
    certain, ports = True, _ports.ALL
    if kind == "port":
        ports = (_ports.PortRange.parse(rich.element[1]),)
    elif kind == "source-port":
        certain = _ports.covers((_ports.PortRange.parse(rich.element[1]),), [EPHEMERAL])
    sources, readable = _own_end(rich.source, foreign_allows.FAMILIES.get(rich.family, _addresses.ANY), lists)
    certain = certain and readable
    if rich.destination[6:] not in ends:
        destinations, readable = _own_end(rich.destination, _addresses.ANY, lists)
        yield Match(frozenset([protocol]), ports, sources, certain and readable, destinations)
        return
    by_port: t.Dict[t.Any, t.List[t.Any]] = {}
    for entry in ends[rich.destination[6:]]:
        if entry[3:4] and entry[3] in names:
            by_port.setdefault(entry[4:], []).append(entry[:3])
    for ranges, addresses in sorted(by_port.items()):
        yield Match(frozenset([protocol]), (ranges,), sources, certain, _addresses.union(addresses))


def _own_end(text: str, family: Addresses, lists: Lists) -> t.Tuple[Addresses, bool]:
    """Return ``(addresses, whether they are known)`` of an end of a rich rule of ours."""
    if not text:
        return family, True
    if not text.startswith("ipset:"):
        return (foreign_allows.parse(text),), True
    return lists.get(text[6:], family), text[6:] in lists
