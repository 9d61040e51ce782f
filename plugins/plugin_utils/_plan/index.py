# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A plan, ordered for questions: the rules of a host by direction, protocol and port, and by flow; hosts by address; roles by network.

Everything is made when it is first asked for. Hosts that share a ruleset share its index, so memory grows with different rulesets, not with hosts.
"""

from __future__ import annotations

import bisect
import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT, Ports, merge, parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.places import Places

Plain = t.Mapping[str, t.Any]
Intervals = _addresses.Addresses
REACHED = {"in": "local_ports", "out": "remote_ports"}  # the ports of the end that is reached, by the direction of a rule

ports_of = functools.lru_cache(maxsize=2**12)(parse_ports)  # of a tuple of texts


Made = t.TypeVar("Made")


class Latest(t.Generic[Made]):
    """Calls ``make``, and remembers what it made of the arguments of the latest call: the very objects, which must not change."""

    def __init__(self, make: t.Callable[..., Made]) -> None:
        self._make = make
        self._latest: tuple[tuple[t.Any, ...], list[Made]] = ((), [])

    def __call__(self, *arguments: t.Any) -> Made:
        known, made = self._latest
        if not made or len(known) != len(arguments) or any(one is not other for one, other in zip(known, arguments, strict=True)):
            made = [self._make(*arguments)]
            self._latest = (arguments, made)
        return made[0]


class Candidate(t.NamedTuple):
    """A rule that admits a port, and the addresses that it is for; ``local`` is ``None`` where it is for every address of its host."""

    rule: Plain
    remote: Intervals
    local: t.Optional[Intervals]

    def matches(self, remote: Intervals, local: Intervals) -> bool:
        """Tell whether some connection between the two ends is one of this rule."""
        return _addresses.overlaps(self.remote, remote) and (self.local is None or _addresses.overlaps(self.local, local))


Candidates = t.Tuple[Candidate, ...]


class _ByPort:
    """The rules of one direction and protocol. Between two of ``starts`` the same rules admit every port; ``portless`` ask for none."""

    def __init__(self, candidates: t.Sequence[tuple[Candidate, Ports]]) -> None:
        self.portless = tuple(candidate for candidate, ports in candidates if not ports)
        edges = {edge for _candidate, ports in candidates for first, last in ports for edge in (first, last + 1)}
        self._starts = sorted({0, *edges})
        slots: list[list[Candidate]] = [[] for _start in self._starts]
        for candidate, ports in candidates:
            for first, last in ports or ((0, LAST_PORT),):
                for slot in range(bisect.bisect_left(self._starts, first), bisect.bisect_left(self._starts, last + 1)):
                    slots[slot].append(candidate)
        self._slots = [tuple(slot) for slot in slots]

    def at(self, port: t.Optional[int]) -> Candidates:
        return self.portless if port is None else self._slots[bisect.bisect_right(self._starts, port) - 1]


class RulesetIndex:
    """The rules of one ruleset, always in its order."""

    def __init__(self, rules: t.Sequence[Plain], addresses: t.Callable[[str], Addresses]) -> None:
        self.rules = rules
        self._addresses = addresses
        self._by_port: dict[tuple[str, str], _ByPort] = {}

    def at(self, direction: str, protocol: str, port: t.Optional[int]) -> Candidates:
        """Return the rules that admit a port, whoever the peer is; without a port, those that ask for none."""
        key = (direction, protocol)
        if key not in self._by_port:
            rules = [rule for rule in self.rules if rule["direction"] == direction and rule["protocol"] in (protocol, "any")]
            self._by_port[key] = _ByPort([(self._candidate(rule), ports_of(tuple(rule[REACHED[direction]]))) for rule in rules])
        return self._by_port[key].at(port)

    def _candidate(self, rule: Plain) -> Candidate:
        local = self._addresses(rule["local"]).intervals if rule["local"] else None
        return Candidate(rule, self._addresses(rule["remote"]).intervals, local)

    @functools.cached_property
    def flows(self) -> t.Mapping[tuple[str, str], t.Sequence[Plain]]:
        """Direction and flow -> the rules that it made."""
        made: dict[tuple[str, str], list[Plain]] = {}
        for rule in self.rules:
            for flow in dict.fromkeys(why["name"] for why in rule["because"] if why["kind"] == "flow"):
                made.setdefault((rule["direction"], flow), []).append(rule)
        return made

    @functools.cached_property
    def named(self) -> t.AbstractSet[tuple[str, str]]:
        """Direction and name of each rule."""
        return {(rule["direction"], rule["name"]) for rule in self.rules}

    @functools.cached_property
    def dynamic_ports(self) -> Ports:
        """The ports of the rules for dynamic RPC."""
        return merge(item for rule in self.rules if rule["rpc"] and rule["direction"] == "in" for item in ports_of(tuple(rule["local_ports"])))


class PlanIndex:
    """One plan. What it holds must not change."""

    def __init__(self, plan: Plain) -> None:
        self.plan = plan
        self._sets: dict[str, Addresses] = {}
        self._rulesets: dict[int, RulesetIndex] = {}

    def set(self, name: str) -> Addresses:
        """Return the addresses of a set."""
        if name not in self._sets:
            self._sets[name] = Addresses.parse(self.plan["sets"][name]["addresses"])
        return self._sets[name]

    def ruleset(self, host: str) -> t.Optional[RulesetIndex]:
        """Return the index of a host's ruleset; ``None`` for an end that the plan does not manage."""
        entry = self.plan["hosts"].get(host)
        if entry is None:
            return None
        rules = entry["rules"]
        if id(rules) not in self._rulesets:
            self._rulesets[id(rules)] = RulesetIndex(rules, self.set)
        return self._rulesets[id(rules)]

    def rules_of_flow(self, host: str, direction: str, flow: str) -> t.Sequence[Plain]:
        """Return the rules that a flow made at a host."""
        ruleset = self.ruleset(host)
        return ruleset.flows.get((direction, flow), ()) if ruleset else ()

    def entry(self, name: str) -> t.Optional[Plain]:
        """Return what the plan says of a host, managed or not."""
        return self.plan["hosts"].get(name) or self.plan["peers"].get(name)

    def networks_of(self, role: str, sites: t.Iterable[str] = ("",)) -> list[str]:
        """Return the networks of a role in some sites; site ``""`` stands for all of them."""
        by_site = self.plan["networks"].get(role, {})
        return [text for site in sites for text in by_site.get(site, ())]

    def owners(self, addresses: Addresses) -> list[tuple[str, Addresses]]:
        """Return the hosts that have some of the addresses, by name, each with its own."""
        return [(name, own & addresses) for name, own in self.owners_whole(addresses)]

    def own(self, host: str) -> Addresses:
        """Return the addresses that a host has itself."""
        return self._own.get(host, Addresses())

    def addresses_of(self, host: Plain) -> Addresses:
        """Return where a host is: at its own addresses, or somewhere in the networks of its roles where it has none (one of a population)."""
        networks = (text for role, sites in host["roles"].items() for text in self.networks_of(role, ("", *sites)))
        return Addresses.parse(host["addresses"] or networks)

    def somewhere(self, addresses: Addresses) -> list[tuple[str, Addresses]]:
        """Return the managed hosts without an address of their own that may be at some of the addresses, each with those."""
        return [(name, found) for name, networks in self._somewhere.items() if (found := networks & addresses)]

    def own_of(self, address: str) -> Intervals:
        """Return the addresses that every host with this address has: the address itself where nobody has it."""
        found = [own.intervals for _name, own in self.owners_whole(Addresses.parse([address]))]
        return functools.reduce(_addresses.meet, found) if found else Addresses.parse([address]).intervals

    def owners_whole(self, addresses: Addresses) -> list[tuple[str, Addresses]]:
        """Return the hosts that have some of the addresses, by name, each with all that it has."""
        return [(name, self._own[name]) for name in sorted(self.owned.of(addresses.intervals))]

    @functools.cached_property
    def _own(self) -> t.Mapping[str, Addresses]:
        hosts = {**self.plan["peers"], **self.plan["hosts"]}
        return {name: Addresses.parse(host["addresses"]) for name, host in hosts.items() if host["addresses"]}

    @functools.cached_property
    def _somewhere(self) -> t.Mapping[str, Addresses]:
        return {name: self.addresses_of(host) for name, host in sorted(self.plan["hosts"].items()) if not host["addresses"]}

    @functools.cached_property
    def owned(self) -> Places[str]:
        """The hosts by their own addresses."""
        return Places((name, own.intervals) for name, own in self._own.items())

    @functools.cached_property
    def sets(self) -> Places[str]:
        """The sets of the plan by address."""
        return Places((name, self.set(name).intervals) for name in self.plan["sets"])

    @functools.cached_property
    def _networks(self) -> Places[tuple[str, str]]:
        """Role and site of each network."""
        networks = self.plan["networks"].items()
        return Places(((role, site), Addresses.parse(texts).intervals) for role, sites in networks for site, texts in sites.items())

    def roles_in_networks(self, addresses: Addresses) -> t.Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each role whose networks have some of the addresses, with the sites of those networks."""
        found = self._networks.of(addresses.intervals)
        for role, by_site in self.plan["networks"].items() if found else ():
            sites = [site for site in by_site if (role, site) in found]
            if sites:
                yield role, tuple(site for site in sites if site)

    @functools.cached_property
    def ports_anywhere(self) -> t.Mapping[str, Ports]:
        """Flow -> ports of all rules that it made. DHCP is left out: there a rule's direction is not that of the flow."""
        found: dict[str, set[str]] = {}
        for rules in {id(host["rules"]): host["rules"] for host in self.plan["hosts"].values()}.values():
            for rule in rules:
                if rule["delivery"] != "unaddressed":
                    for why in rule["because"]:
                        if why["kind"] == "flow":
                            found.setdefault(why["name"], set()).update(rule[REACHED[rule["direction"]]])
        return {flow: parse_ports(texts) for flow, texts in found.items()}

    @functools.cached_property
    def why_off(self) -> t.Mapping[str, str]:
        """Flow -> why it is off."""
        return {item["flow"]: item["why"] for item in self.plan["off"]}
