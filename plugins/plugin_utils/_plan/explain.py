# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Why a connection is open, and why it is not: the answer names rules, flows, documents, peers and conditions."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, texts
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import ALL, AllowedSet, End, extent_between, rules_between
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.flow_ports import FlowPorts
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import Plain

Answer = t.Dict[str, t.Any]
Roles = t.Mapping[str, t.Tuple[str, ...]]  # role -> its sites


class Explainer:
    """Answers for one plan. ``flows`` are all flows of the catalogs of the plan, supplements included."""

    def __init__(self, plan: Plain, flows: t.Sequence[Flow]) -> None:
        self._plan = plan
        self._known = AllowedSet(plan)
        self._ports = FlowPorts(self._known.index, flows)
        self._flows = flows
        self._joining: dict[tuple[str, str], list[int]] = {}  # opening and reached role -> flows, by their place in the catalogs
        for place, flow in enumerate(flows):
            ends = (flow.source, flow.destination)
            for opening, reached in {ends, ends[::-1]} if flow.initiator == "either" else {ends}:
                self._joining.setdefault((opening, reached), []).append(place)
        self._roles = functools.lru_cache(maxsize=2**12)(self._roles_of)
        self._between = functools.lru_cache(maxsize=2**10)(self._flows_between)

    def explain(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> Answer:
        """Return ``{"allowed", "extent", "question", "destination_rules", "source_rules", "why_not", "remarks"}``.

        Each rule comes with its reasons and the members of its peer set. ``extent`` is ``all``, ``some`` or ``none`` of the hosts and
        addresses that are asked about; ``why_not`` is empty when it is all; else a list of sentences. ``remarks`` are sentences that help
        to understand the answer.
        """
        known = self._known
        extent = known.extent(source, destination, protocol, port)
        inbound: dict[tuple[str, str], Answer] = {}
        outbound: dict[tuple[str, str], Answer] = {}
        why_not: list[str] = []
        for here, there in known.pairs(source, destination):
            admits, lets_out = rules_between(here, there, protocol, port)
            inbound.update({(there.name, rule["name"]): self._because(there.name, rule) for rule in admits})
            outbound.update({(here.name, rule["name"]): self._because(here.name, rule) for rule in lets_out})
            if extent != ALL and extent_between(here, there, protocol, port) != ALL:
                why_not += _one_end(self._plan, here.name, there.name, admits, lets_out)
                why_not += self._why_not(here, there, protocol, port)
        return {
            "question": f"{source} -> {destination} {protocol}" + (f"/{port}" if port is not None else ""),
            "allowed": extent == ALL,
            "extent": extent,
            "destination_rules": list(inbound.values()),
            "source_rules": list(outbound.values()),
            "why_not": list(dict.fromkeys(why_not)),
            "remarks": [*_whose(known, source), *_whose(known, destination), *_one_host(known, source, destination, extent)],
        }

    def _because(self, host: str, rule: Plain) -> Answer:
        return {"host": host, "rule": rule["name"], "peers": self._plan["sets"][rule["remote"]]["members"], "because": rule["because"]}

    def _why_not(self, source: End, destination: End, protocol: str, port: t.Optional[int]) -> t.Iterator[str]:
        if source.ruleset is None and destination.ruleset is None:
            yield f"neither {source.name} nor {destination.name} is managed by this plan, so it says nothing about them"
            return
        here, there = self._roles(source.name), self._roles(destination.name)
        for end, roles in ((source.name, here), (destination.name, there)):
            if not roles:
                yield f"{end} holds no product role and is in no declared network"
        between = self._between(tuple(here), tuple(there))
        matching = [flow for flow in between if self._ports.match(flow, source.name, destination.name, protocol, port)]
        if not matching:
            yield from self._nothing_documented(source.name, destination.name, protocol, port)
            return
        started = self._flows_of_rules(destination.name, source.name, protocol, port)
        for flow in matching:
            why = _who_starts(flow, here) if flow.id in started else None
            yield f"{flow.id} ({flow.reference}): {why or self._why_no_rule(flow, source.name, destination.name)}"

    def _nothing_documented(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> t.Iterator[str]:
        here, there = self._roles(source), self._roles(destination)
        yield f"no documented flow joins {_names(here)} with {_names(there)} over {protocol}" + (f"/{port}" if port is not None else "")
        between = self._between(tuple(here), tuple(there))
        if between:
            others = {"/".join((flow.protocol, *_joined(self._ports.shown(flow, source, destination)))) for flow in between}
            yield f"documented between them: {', '.join(sorted(others))}"
        turned = [flow.id for flow in self._between(tuple(there), tuple(here)) if self._ports.match(flow, destination, source, protocol, port)]
        if turned:
            yield f"documented the other way round only: {', '.join(turned)}"

    def _flows_of_rules(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> set[str]:
        rules = (rule for found in self._known.rules_for(source, destination, protocol, port) for rule in found)
        return {why["name"] for rule in rules for why in rule["because"]}

    def _flows_between(self, opening: tuple[str, ...], reached: tuple[str, ...]) -> list[Flow]:
        """Return the flows that an end with the roles ``opening`` opens to one with ``reached``, in the order of the catalogs."""
        return [self._flows[place] for place in sorted({place for one in opening for other in reached for place in self._joining.get((one, other), ())})]

    def _roles_of(self, end: str) -> Roles:
        """Return the roles of an end with their sites: those that a host holds, and those whose networks contain it."""
        found: dict[str, tuple[str, ...]] = {role: tuple(sites) for role, sites in (self._known.index.entry(end) or {"roles": {}})["roles"].items()}
        if found:
            found["any_host"] = ()
        addresses = self._known.addresses(end)
        for role, sites in self._known.index.roles_in_networks(addresses):
            found.setdefault(role, sites)
        if "internet" in self._plan["sets"] and addresses & self._known.index.set("internet"):
            found.setdefault("internet", ())
        return found

    def _why_no_rule(self, flow: Flow, source: str, destination: str) -> str:
        """Say what keeps one documented flow from making a rule between these two ends."""
        index, here, there = self._known.index, self._roles(source), self._roles(destination)
        if flow.id in index.why_off:
            return index.why_off[flow.id]
        if flow.supplement:
            return f"is a supplement; msports_supplements names neither it nor its group {flow.group}"
        if flow.feature and flow.feature_at in ("source", "destination"):
            end = source if (flow.feature_at == "source") == (flow.source in here) else destination
            if flow.feature not in (index.entry(end) or {"features": ()})["features"]:
                return f"feature {flow.feature} is off at {end}"
        rules = [
            f"{host}: {rule['name']} ({', '.join(self._plan['sets'][rule['remote']]['members'][:3])})"
            for host, direction in ((destination, "in"), (source, "out"))
            for rule in index.rules_of_flow(host, direction, flow.id)
        ]
        if rules:
            return f"its rules here are for other peers or other ports: {'; '.join(rules)}"
        return _why_out_of_scope(flow, here, there)


def _why_out_of_scope(flow: Flow, here: Roles, there: Roles) -> str:
    if flow.scope == "any":
        return "makes no rule at these hosts; see the notes of the plan"
    forward = flow.source in here and flow.destination in there
    roles = (flow.source, flow.destination) if forward else (flow.destination, flow.source)
    where = (f"{role} in {', '.join(end[role]) or 'no site'}" for role, end in zip(roles, (here, there), strict=True))
    return f"its scope is {flow.scope}, which does not join {' with '.join(where)}"


def _whose(known: AllowedSet, end: str) -> t.Iterator[str]:
    """Say which hosts an address or a network means."""
    names = [item.name for item in known.ends(end) if item.name != end]
    if names:
        yield f"{end} is of {', '.join(names)}: the question is about {'this host' if len(names) == 1 else 'each of these hosts'}"


def _one_host(known: AllowedSet, source: str, destination: str, extent: str) -> t.Iterator[str]:
    if extent == ALL and known.inside(source, destination):
        yield f"{source} and {destination} are one host: traffic inside a host needs no rule"


def _one_end(plan: Plain, source: str, destination: str, inbound: t.Sequence[Plain], outbound: t.Sequence[Plain]) -> t.Iterator[str]:
    """Say which end admits a connection that is not allowed, and what the other one lacks."""
    admits, lets_out = (", ".join(rule["name"] for rule in rules) for rules in (inbound, outbound))
    if inbound and outbound:
        yield f"{destination} admits it ({admits}) and {source} lets it out ({lets_out}), but not over the same address family"
    elif inbound and source not in plan["hosts"]:
        yield f"{destination} admits it ({admits}) from a part of {source} only"
    elif outbound and destination not in plan["hosts"]:
        yield f"{source} lets it out ({lets_out}) to a part of {destination} only"
    elif inbound:
        strict = plan["hosts"][source]["default_outbound"] == "block"
        yield f"{destination} admits it ({admits}), but {source} has no rule that lets it out; " + (
            "its msports_default_outbound: block stops it"
            if strict
            else f"that stops it only under msports_default_outbound: block, which {source} does not have"
        )
    elif outbound:
        yield f"{source} lets it out ({lets_out}), but {destination} has no rule that admits it"


def _who_starts(flow: Flow, here: t.Mapping[str, t.Any]) -> t.Optional[str]:
    """Return the condition under which the asking end opens connections of a flow that the other end opens here."""
    side = "source" if flow.source in here else "destination"
    condition = (flow.starts or {}).get(side, "always")
    if flow.initiator != "either" or condition == "always":
        return None
    role = getattr(flow, side)
    if condition == "never":
        return f"{role} never starts it"
    kind, name = next(iter(condition.items()))
    return f"{role} starts it {'only with feature' if kind == 'feature' else 'unless setting'} {name}{'' if kind == 'feature' else ' is true'}"


def _joined(ports: Ports) -> tuple[str, ...]:
    return (",".join(texts(ports)),) if ports else ()


def _names(roles: t.Mapping[str, t.Any]) -> str:
    return ", ".join(sorted(role for role in roles if role not in BARE_ROLES[1:])) or "an end without roles"
