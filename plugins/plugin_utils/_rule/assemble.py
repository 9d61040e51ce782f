# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Put each host's rules together. Hosts that are alike in every way share one ruleset, so an estate of thousands stays cheap."""

from __future__ import annotations

import datetime
import typing as t
from collections import defaultdict
from dataclasses import dataclass, replace

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Connection, Group, Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet, Rule
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.own import names_only, own_rules, served_by
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.project import RELAYS, Projected, project

Merged = t.Dict[t.Tuple[t.Any, ...], Rule]  # the key of a rule -> the rule with all its reasons


@dataclass(frozen=True)
class Assembled:
    """The rulesets by host (one tuple shared by hosts that are alike), the sets that they name, and notes."""

    rulesets: t.Mapping[str, tuple[Rule, ...]]
    sets: t.Mapping[str, AddressSet]
    notes: tuple[Note, ...]


def assemble(estate: Estate, connections: t.Iterable[Connection]) -> Assembled:
    """Return the ruleset of every managed host."""
    by_group: dict[int, list[Projected]] = defaultdict(list)
    groups: dict[int, Group] = {}
    relays = _relays(estate)
    for connection in connections:
        if _is_alone(connection):
            continue
        groups[id(connection.at)] = connection.at
        by_group[id(connection.at)].extend(project(connection, relays))
    groups_of_host: dict[str, list[int]] = defaultdict(list)
    for number, group in groups.items():
        for name in group.hosts:
            groups_of_host[name].append(number)
    return _Assembly(estate, by_group, groups_of_host).run()


def _is_alone(connection: Connection) -> bool:
    """Tell whether a host has only itself to speak with: nothing follows then, not even for packets that carry no address."""
    at, peers = connection.at, connection.peers
    return len(at.hosts) == 1 and peers.members == at.hosts and not at.addresses - peers.addresses


class _Assembly:
    """One-off: remembers the rulesets that were already made, by what makes hosts alike."""

    def __init__(self, estate: Estate, by_group: t.Mapping[int, list[Projected]], groups_of_host: t.Mapping[str, list[int]]) -> None:
        self._estate = estate
        self._by_group = by_group
        self._groups_of_host = groups_of_host
        self._made: dict[t.Hashable, tuple[Rule, ...]] = {}
        self._documented: dict[tuple[int, ...], Merged] = {}
        self._order: dict[int, tuple[Rule, tuple[t.Any, ...]]] = {}  # by the rule's id, which the rule beside it keeps its own
        self._sets: dict[str, AddressSet] = {}
        self._notes: list[Note] = []

    def run(self) -> Assembled:
        rulesets = {host.name: self._ruleset(host) for host in self._estate.hosts.values() if host.managed}
        return Assembled(rulesets, dict(sorted(self._sets.items())), tuple(self._notes))

    def _ruleset(self, host: Host) -> tuple[Rule, ...]:
        numbers = tuple(self._groups_of_host.get(host.name, ()))
        key = (numbers, host.management, host.ping, host.allow, served_by(host, self._estate), host.name if names_only(host) else None)
        if key not in self._made:
            documented = self._documented_of(numbers, host.name)
            self._made[key] = self._ordered(self._merge(host.name, own_rules(host, self._estate), documented))
        return self._made[key]

    def _documented_of(self, numbers: tuple[int, ...], host: str) -> Merged:
        """Return the rules that come from groups: the same, and the same objects, for all hosts that are in these groups."""
        if numbers not in self._documented:
            self._documented[numbers] = self._merge(host, [item for number in numbers for item in self._by_group[number]], {})
        return self._documented[numbers]

    def _merge(self, host: str, projected: t.Iterable[Projected], known_rules: Merged) -> Merged:
        """Join rules that are equal but for their reasons; leave out what names nobody or only the host itself.

        A host that is alone in a set of holders of a role is alone in a group, too, and one that is alone in a set of the user's own
        has a ruleset of its own (:func:`names_only`), so nobody else misses the rule.
        """
        own = self._estate.hosts[host].addresses  # compared too, because a host's name may be another machine's address
        merged = dict(known_rules)
        for rule, sets in projected:
            peers = sets[0]
            if peers.members == (host,) and not own - peers.addresses:
                continue
            if not peers.addresses:
                self._notes.append(Note("no_address", f"{rule.name}: no address is left, so there is no rule", host))
                continue
            self._sets.update((item.id, item) for item in sets)
            key = rule.key
            known = merged.get(key)
            merged[key] = rule if known is None else _join(known, rule)
        return {key: rule if rule is known_rules.get(key) else _with_reasons_in_order(rule) for key, rule in merged.items()}

    def _ordered(self, merged: Merged) -> tuple[Rule, ...]:
        """Return the rules in the plan's order. What a rule sorts by is made once, however many hosts share it."""
        for rule in merged.values():
            if id(rule) not in self._order:
                self._order[id(rule)] = (rule, (rule.direction, rule.protocol, rule.local_ports, rule.remote_ports, rule.name))
        return tuple(sorted(merged.values(), key=lambda rule: self._order[id(rule)][1]))


def _with_reasons_in_order(rule: Rule) -> Rule:
    because = tuple(sorted(set(rule.because)))
    return rule if because == rule.because else replace(rule, because=because)


def _join(known: Rule, rule: Rule) -> Rule:
    return replace(known, because=(*known.because, *rule.because), helper=known.helper or rule.helper, until=_later(known, rule))


def _later(known: Rule, rule: Rule) -> t.Optional[datetime.date]:
    """Return when a rule ends that two reasons ask for: with the later one, and never where one of them has no end."""
    return max(known.until, rule.until) if known.until and rule.until else None


def _relays(estate: Estate) -> AddressSet:
    holders = [host for host in estate.hosts.values() if host.holding(RELAYS)]
    addresses = union([estate.dhcp_relays, *(host.addresses for host in holders)])
    return AddressSet("infrastructure.dhcp_relays", addresses, ("infrastructure.dhcp_relays", *sorted(host.name for host in holders)))
