# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Would firewalld let a management connection in, before this run and after it: every rule that it meets, ours and others', in firewalld's order.

A packet comes into one zone: that of its source, else that of its interface. There it meets the policies with a negative priority, the rules of the
zone, the policies with a positive priority, the target of the zone. Within a policy or a zone it meets rich rules by priority, those that stop before
those that accept, then the target of a policy. Which interface a connection takes is not known: each zone that it may come into is asked.

A rule that cannot be read in full, or that depends on what is not known (an address of ours, a port of theirs), may match or not, and does the same
before the run as after it. The run is refused when a connection may pass now and be stopped then; and when a rule of ours may stop it. What others stop
now and go on stopping is no work of ours: it is told in ``already``.
"""

from __future__ import annotations

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import foreign_allows
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import objects as own_objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.chains import TCP, Block, Step, last_step, own_blocks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._match import protocols_of

# So many separate cases of a question; beyond it they are no longer told apart by address.
CASES = 512


class Judge:
    """Judges like ``_guard`` asks. ``before`` and ``after`` are our ``Objects`` in the daemon, ``filters`` tells that it has its table in the kernel."""

    def __init__(self, daemon, start, before, after, filters=True):
        self._daemon = daemon
        self._start = start
        self._own = (before, after)
        self._filters = filters
        self._paths = None
        self._ipsets = {}
        names = ((own_objects.digest(line), line) for policy in after.policies.values() for line in policy.rules)
        by_digest = {digest: name for policy in after.policies.values() for name, digests in policy.record.items() for digest in digests}
        self._names = {line: by_digest[digest] for digest, line in names if digest in by_digest}
        self.already = []

    def refuses(self, peers, port, local):
        """Return why this run would stop some of ``peers`` from connecting to the interval ``port``, or ``None``; ``local`` may be unknown (``None``)."""
        if self._paths is None:
            self._paths = self._read()
        peers, passes, stopped = _addresses.union(peers), False, []
        for region, before, after in self._paths:
            for part, unsure, last in _outcomes(_fitting(after, port, local), _addresses.meet(peers, region)):
                passes = passes or last.allows or any(step.allows for step in unsure)
                for index, step in enumerate(unsure + (last,)):
                    if step.allows:
                        continue
                    if step.ours:
                        return self._by_ours(step)
                    if not self._filters or self._may_pass(_fitting(before, port, local), part, unsure[:index], step):
                        word = "stops" if step is last else "may stop"
                        where = "" if part == peers else " for {0}".format(_told(part))
                        return "{0} {1} it ({2}){3}, which is not so now: no rule of ours admits it before".format(step.place, word, step.text, where)
                    stopped.append(step)
        if stopped and not passes:
            text = "{0} stops {1} from port {2} already ({3}); this run does not change that"
            self.already.append(text.format(stopped[0].place, _told(peers), _ports.text_of(port), stopped[0].text))
        return None

    def _by_ours(self, step):
        name = self._names.get(step.text)
        return "the rule {0!r} blocks it".format(name) if name else _guard.NOT_ADMITTED

    @staticmethod
    def _may_pass(steps, part, misses, stops):
        """Tell whether a connection that matches ``stops`` and none of ``misses`` may have been admitted by ``steps``."""
        for _region, unsure, last in _outcomes(steps, part):
            for step in unsure:
                if step == stops or (step not in misses and step.allows):
                    last = step
                    break
            if last.allows:
                return True
        return False

    def _read(self):
        """Return ``[(addresses that may come in there, steps before, steps after), ...]``, one for each zone and way into it."""
        services, found = {}, foreign_allows.zones(self._daemon)
        theirs, paths = self._policies(services), []
        known = {}
        ours = [own_blocks(own, known) for own in self._own]
        # With priorities of zones, interfaces may come before sources: then nothing is known of the order.
        ordered = not any(zone.settings.get("ingress_priority") for zone in found)
        wide = _addresses.ANY
        for zone in found:
            sources = [self._source(text) for text in zone.bound]
            if ordered and zone.bound:
                wide = _addresses.minus(wide, _addresses.union(interval for known in sources if known for interval in known))
            rules = self._others(foreign_allows.of_settings(self._daemon, services, "zone {0}".format(zone.name), zone.settings, [], 0))
            steps = [_steps(theirs + own, zone, rules) for own in ours]
            if zone.bound:
                # A source that cannot be read may be any address.
                region = _addresses.ANY if None in sources else _addresses.union(interval for known in sources for interval in known)
                paths.append((region, steps[0], steps[1]))
            if zone.wide:
                paths.append((None, steps[0], steps[1]))
        return [(wide if region is None else region, before, after) for region, before, after in paths]

    def _policies(self, services):
        """Return the ``Block``s of others."""
        found = []
        for name in self._daemon.call("policy", "getPolicies"):
            if own_objects.is_ours(name, self._start):
                continue
            settings = self._daemon.call("policy", "getPolicySettings", "s", name)
            if "HOST" not in settings.get("egress_zones", ()):
                continue
            place, priority = "policy {0}".format(name), settings.get("priority", -1)
            steps = self._others(foreign_allows.of_settings(self._daemon, services, place, settings, [], priority))
            target = settings.get("target", "CONTINUE")
            steps += [] if target == "CONTINUE" else [last_step(place, target, False)]
            found.append(Block(priority, name, tuple(settings.get("ingress_zones", ())), steps))
        return found

    def _others(self, found):
        steps = []
        for one in sorted(found, key=lambda one: (one.rank, one.admits)):
            protocols = protocols_of(one.shape)
            if one.what.startswith("target ") or (protocols is not None and TCP not in protocols):
                continue
            sources, certain = one.shape.addresses, one.certain
            known = self._entries(one.ipset) if one.ipset else None
            if known is not None:
                sources, certain = _addresses.meet(sources, known), True
            steps.append(Step(one.place, one.what, one.admits, False, sources, one.shape.ports, _addresses.ANY, certain))
        return steps

    def _source(self, text):
        """Return the intervals of a zone's source, ``None`` where they are not known: hardware addresses, ipsets that change by themselves."""
        if text.startswith("ipset:"):
            return self._entries(text[6:])
        try:
            return (foreign_allows.parse(text),)
        except ValueError:
            return None

    def _entries(self, name):
        """Return the addresses of an ipset, or ``None``: with a timeout only the kernel knows them, and others are not of addresses alone."""
        if name not in self._ipsets:
            try:
                found = self._daemon.call("ipset", "getIPSetSettings", "s", name)
                plain = bool(found) and found[3] in ("hash:ip", "hash:net") and found[4].get("timeout", "0") == "0"
                self._ipsets[name] = _addresses.union(_entry(text) for text in found[5]) if plain else None
            except (BusError, ValueError):
                self._ipsets[name] = None
        return self._ipsets[name]


def _steps(blocks, zone, rules):
    """Return the steps that a packet meets in a zone: what comes before its own ``rules``, these, and what comes behind them."""
    blocks = sorted((block for block in blocks if {"ANY", zone.name} & set(block.zones)), key=lambda block: block[:2])
    sides = [[step for block in blocks if (block.priority < 0) is before for step in block.steps] for before in (True, False)]
    return sides[0] + rules + sides[1] + [last_step("zone {0}".format(zone.name), zone.settings.get("target") or "default", False)]


def _entry(text):
    return _addresses.parse_one(text) if "-" in text else foreign_allows.parse(text)


def _fitting(steps, port, local):
    """Return ``[(step, whether it certainly matches what its sources hold), ...]`` for a port and, where it is known, an address of ours."""
    found = []
    for step in steps:
        if not _ports.overlaps(step.ports, [port]):
            continue
        certain = step.certain and _ports.covers(step.ports, [port])
        if local is None:
            certain = certain and _addresses.covers(step.destinations, tuple(i for i in _addresses.ANY if i[0] in {source[0] for source in step.sources}))
        elif not _addresses.overlaps(step.destinations, local):
            continue
        found.append((step, certain and (local is None or _addresses.covers(step.destinations, local))))
    return found


def _outcomes(steps, region):
    """Return ``[(addresses, steps that may match before, step that certainly decides), ...]`` for all addresses of a region."""
    pending, found = [(region, ())] if region else [], []
    for step, certain in steps:
        left = []
        for part, unsure in pending:
            inside = _addresses.meet(part, step.sources)
            if not inside:
                left.append((part, unsure))
            elif certain:
                found.append((inside, unsure, step))
                outside = _addresses.minus(part, step.sources)
                left += [(outside, unsure)] if outside else []
            else:
                outside = _addresses.minus(part, step.sources) if len(pending) + len(left) < CASES else ()
                left += [(inside if len(pending) + len(left) < CASES else part, unsure + (step,))] + ([(outside, unsure)] if outside else [])
        pending = left
    return found


def _told(part):
    texts = ["any address of IPv{0}".format(i[0]) if i in _addresses.ANY else _addresses.text_of(i) for i in part[:3]]
    return ", ".join(texts) + (" and more" if part[3:] else "")
