# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Would firewalld let a management connection in, or the tunnel that carries it, before this run and after it: every rule that it meets, ours and
others', in firewalld's order.

A packet comes into one zone: that of its source, else that of its interface. There it meets the policies with a negative priority, the rules of the
zone, the policies with a positive priority, the target of the zone. Within a policy or a zone it meets rich rules by priority, those that stop before
those that accept, then the target of a policy. Which interface a connection takes is not known: each zone that it may come into is asked.

A rule that cannot be read in full, or that depends on what is not known (an address of ours, a port of theirs), may match or not, and does the same
before the run as after it. The run is refused when a connection may pass now and be stopped then; and when a rule of ours may stop it. What others stop
now and go on stopping is no work of ours: it is told in ``already``.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _evaluate, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import foreign_allows
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.asked import Asked
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.chains import Chain, of_target, own_chains
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import EMPTY, Objects, digest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.rich import Rich
from ansible_collections.portcullis.msports.plugins.module_utils._match import TCP, UDP, Match, Rule

# So many separate cases of a question; beyond it they are no longer told apart by address.
CASES = 512

# Addresses that may come in there, the rules that they meet before the run, those after it.
Path = t.Tuple[Addresses, t.List[Rule], t.List[Rule]]
Fitting = t.List[t.Tuple[Rule, bool]]
# Addresses, rules that may match before, the rule that certainly decides.
Outcome = t.Tuple[Addresses, t.Tuple[Rule, ...], Rule]


class Evaluator(_evaluate.Evaluator):
    """``own`` are the names of ours, ``before`` and ``after`` our ``Objects`` in the daemon, ``filters`` tells that it has its table in the kernel.

    ``already`` says afterwards what foreign rules stop now and go on stopping.
    """

    def __init__(self, daemon: Asked, own: t.Container[str], before: t.Optional[Objects], after: Objects, filters: bool = True) -> None:
        self._daemon = daemon
        self._mine = own
        self._own = (before or EMPTY, after)
        self._filters = filters
        self._paths: t.Dict[int, t.List[Path]] = {}  # by protocol
        self._ipsets: t.Dict[str, t.Optional[Addresses]] = {}
        by_digest = {mark: name for policy in after.policies.values() for name, marks in policy.record.items() for mark in marks}
        marks = ((digest(line), line) for policy in after.policies.values() for line in policy.rules)
        self._names = {line: by_digest[mark] for mark, line in marks if mark in by_digest}
        self.already: t.List[str] = []

    def admits_somebody(self, port: _ports.Range) -> bool:
        """Tell whether somebody may connect after the run; where nobody may before it, that is no work of ours, and counts as if somebody might."""
        ways = self._ways(TCP)
        return any(_passes(after, port, region) for region, _before, after in ways) or not any(_passes(before, port, region) for region, before, _after in ways)

    def closes_nothing(self, protocol: int = TCP) -> bool:
        already = list(self.already)
        try:
            return super().closes_nothing(protocol)
        finally:
            self.already = already

    def why_blocked(self, peers: Addresses, port: _ports.Range, local: t.Optional[Addresses], protocol: int = TCP) -> t.Optional[str]:
        """Return why this run would stop some of ``peers``, or ``None``."""
        peers, passes, stopped = _addresses.union(peers), False, []
        for region, before, after in self._ways(protocol):
            for part, unsure, last in _outcomes(_fitting(after, port, local), _addresses.meet(peers, region)):
                passes = passes or last.allows or any(rule.allows for rule in unsure)
                for index, rule in enumerate(unsure + (last,)):
                    if rule.allows:
                        continue
                    if rule.ours:
                        return self._by_ours(rule)
                    if not self._filters or self._may_pass(_fitting(before, port, local), part, unsure[:index], rule):
                        word = "stops" if rule is last else "may stop"
                        where = "" if part == peers else " for {0}".format(_told(part))
                        return "{0} {1} it ({2}){3}, which is not so now: no rule of ours admits it before".format(rule.place, word, rule.text, where)
                    stopped.append(rule)
        if stopped and not passes:
            text = "{0} stops {1} from {2} already ({3}); this run does not change that"
            self.already.append(text.format(stopped[0].place, _told(peers), _asked(protocol, port), stopped[0].text))
        return None

    def _by_ours(self, rule: Rule) -> str:
        name = self._names.get(rule.text)
        return _evaluate.BLOCKED.format(name) if name else _evaluate.NOT_ADMITTED

    @staticmethod
    def _may_pass(rules: Fitting, part: Addresses, misses: t.Sequence[Rule], stops: Rule) -> bool:
        """Tell whether a connection that matches ``stops`` and none of ``misses`` may have been admitted by ``rules``."""
        for _region, unsure, last in _outcomes(rules, part):
            for rule in unsure:
                if rule == stops or (rule not in misses and rule.allows):
                    last = rule
                    break
            if last.allows:
                return True
        return False

    def _ways(self, protocol: int) -> t.List[Path]:
        if protocol not in self._paths:
            self._paths[protocol] = self._read(protocol)
        return self._paths[protocol]

    def _read(self, protocol: int) -> t.List[Path]:
        """Return the paths of packets of a protocol: one for each zone and way into it."""
        services: t.Dict[str, t.Any] = {}
        parsed: t.Dict[str, t.Optional[Rich]] = {}
        zones = foreign_allows.zones(self._daemon)
        theirs = self._policies(services, protocol)
        ours = [own_chains(own, parsed, protocol) for own in self._own]
        # With priorities of zones, interfaces may come before sources: then nothing is known of the order.
        ordered = not any(zone.settings.get("ingress_priority") for zone in zones)
        wide = _addresses.ANY
        paths: t.List[t.Tuple[t.Optional[Addresses], t.List[Rule], t.List[Rule]]] = []
        for zone in zones:
            sources = [self._source(text) for text in zone.bound]
            known = _addresses.union(interval for source in sources if source for interval in source)
            if ordered and zone.bound:
                wide = _addresses.minus(wide, known)
            rules = self._foreign(foreign_allows.of_settings(self._daemon, services, "zone {0}".format(zone.name), zone.settings, [], 0), protocol)
            before, after = (_in_order(theirs + own, zone, rules) for own in ours)
            if zone.bound:
                # A source that cannot be read may be any address.
                paths.append((_addresses.ANY if None in sources else known, before, after))
            if zone.wide:
                paths.append((None, before, after))
        return [(wide if region is None else region, before, after) for region, before, after in paths]

    def _policies(self, services: t.Dict[str, t.Any], protocol: int) -> t.List[Chain]:
        """Return the chains of foreign policies."""
        chains = []
        for name in self._daemon.call("policy", "getPolicies"):
            if name in self._mine:
                continue
            settings = self._daemon.call("policy", "getPolicySettings", "s", name)
            if "HOST" not in settings.get("egress_zones", ()):
                continue
            place, priority = "policy {0}".format(name), settings.get("priority", -1)
            rules = self._foreign(foreign_allows.of_settings(self._daemon, services, place, settings, [], priority), protocol)
            target = settings.get("target", "CONTINUE")
            rules += [] if target == "CONTINUE" else [of_target(place, target, False)]
            chains.append(Chain(priority, name, tuple(settings.get("ingress_zones", ())), rules))
        return chains

    def _foreign(self, given: t.Iterable[foreign_allows.ForeignRule], protocol: int) -> t.List[Rule]:
        rules = []
        for one in sorted(given, key=lambda one: (one.rank, one.rule.allows)):
            match = one.rule.match
            if one.rule.text.startswith("target ") or (match.protocols is not None and protocol not in match.protocols):
                continue
            entries = self._entries(one.ipset) if one.ipset else None
            if entries is not None:
                match = match._replace(addresses=_addresses.meet(match.addresses, entries), certain=True)
            rules.append(one.rule._replace(match=match))
        return rules

    def _source(self, text: str) -> t.Optional[Addresses]:
        """Return the addresses of a zone's source, ``None`` where they are not known: hardware addresses, ipsets that change by themselves."""
        if text.startswith("ipset:"):
            return self._entries(text[6:])
        try:
            return (foreign_allows.parse(text),)
        except ValueError:
            return None

    def _entries(self, name: str) -> t.Optional[Addresses]:
        """Return the addresses of an ipset, or ``None``: with a timeout only the kernel knows them, and others are not of addresses alone."""
        if name not in self._ipsets:
            try:
                given = self._daemon.call("ipset", "getIPSetSettings", "s", name)
                plain = bool(given) and given[3] in ("hash:ip", "hash:net") and given[4].get("timeout", "0") == "0"
                self._ipsets[name] = _addresses.union(_entry(text) for text in given[5]) if plain else None
            except (BusError, ValueError):
                self._ipsets[name] = None
        return self._ipsets[name]


def _in_order(chains: t.Iterable[Chain], zone: foreign_allows.Zone, rules: t.List[Rule]) -> t.List[Rule]:
    """Return the rules that a packet meets in a zone: what comes before its own ``rules``, these, and what comes behind them."""
    met = sorted((chain for chain in chains if {"ANY", zone.name} & set(chain.zones)), key=lambda chain: chain[:2])
    first, later = ([rule for chain in met if (chain.priority < 0) is before for rule in chain.rules] for before in (True, False))
    return first + rules + later + [of_target("zone {0}".format(zone.name), zone.settings.get("target") or "default", False)]


def _passes(rules: t.Iterable[Rule], port: _ports.Range, region: Addresses) -> bool:
    """Tell whether some of the addresses may come in."""
    return any(last.allows or any(rule.allows for rule in unsure) for _part, unsure, last in _outcomes(_fitting(rules, port, None), region))


def _entry(text: str) -> _addresses.Interval:
    return _addresses.parse_one(text) if "-" in text else foreign_allows.parse(text)


def _fitting(rules: t.Iterable[Rule], port: _ports.Range, local: t.Optional[Addresses]) -> Fitting:
    """Return ``[(rule, whether it certainly matches what its sources hold), ...]`` for a port and, where it is known, an address of ours."""
    fitting = []
    for rule in rules:
        match = rule.match
        if not _ports.overlaps(match.ports, [port]) or (local is not None and not _addresses.overlaps(match.local, local)):
            continue
        fitting.append((rule, match.certain and _ports.covers(match.ports, [port]) and _everywhere(match, local)))
    return fitting


def _everywhere(match: Match, local: t.Optional[Addresses]) -> bool:
    if local is not None:
        return _addresses.covers(match.local, local)
    return all(_addresses.covers(match.local, _addresses.of_family(_addresses.ANY, family)) for family in _addresses.families(match.addresses))


def _outcomes(rules: Fitting, region: Addresses) -> t.List[Outcome]:
    """Return what becomes of all addresses of a region, part by part."""
    pending: t.List[t.Tuple[Addresses, t.Tuple[Rule, ...]]] = [(region, ())] if region else []
    outcomes: t.List[Outcome] = []
    for rule, certain in rules:
        sources = rule.match.addresses
        left: t.List[t.Tuple[Addresses, t.Tuple[Rule, ...]]] = []
        for part, unsure in pending:
            inside = _addresses.meet(part, sources)
            if not inside:
                left.append((part, unsure))
            elif certain:
                outcomes.append((inside, unsure, rule))
                outside = _addresses.minus(part, sources)
                left += [(outside, unsure)] if outside else []
            else:
                few = len(pending) + len(left) < CASES
                outside = _addresses.minus(part, sources) if few else ()
                left += [(inside if few else part, unsure + (rule,))] + ([(outside, unsure)] if outside else [])
        pending = left
    return outcomes


def _asked(protocol: int, port: _ports.Range) -> str:
    if protocol not in (TCP, UDP):
        return "protocol {0}".format(protocol)
    return "port {0}{1}".format("" if protocol == TCP else "udp/", _ports.text_of(port))


def _told(part: Addresses) -> str:
    texts = ["any address of IPv{0}".format(i[0]) if i in _addresses.ANY else _addresses.text_of(i) for i in part[:3]]
    return ", ".join(texts) + (" and more" if part[3:] else "")
