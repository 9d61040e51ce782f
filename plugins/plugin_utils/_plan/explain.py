# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Why a connection is open, and why it is not: the answer names rules, flows, documents, peers and conditions."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import texts
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import ALL, AllowedSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.flow_ports import FlowPorts

Plain = t.Mapping[str, t.Any]
Answer = t.Dict[str, t.Any]


def explain(plan: Plain, flows: t.Sequence[Flow], source: str, destination: str, protocol: str, port: t.Optional[int]) -> Answer:
    """Return ``{"allowed", "extent", "question", "destination_rules", "source_rules", "why_not", "remarks"}``.

    ``flows`` are all flows of the catalogs of the plan, supplements included. Each rule comes with its reasons and the
    members of its peer set. ``extent`` is ``all``, ``some`` or ``none`` of the hosts and addresses that are asked about; ``why_not``
    is empty when it is all; else a list of sentences. ``remarks`` are sentences that help to understand the answer.
    """
    known = AllowedSet(plan)
    extent = known.extent(source, destination, protocol, port)
    pairs = known.pairs(source, destination)
    inbound: dict[tuple[str, str], Answer] = {}
    outbound: dict[tuple[str, str], Answer] = {}
    why_not: list[str] = []
    for here, there in pairs:
        admits, lets_out = known.rules_between(here, there, protocol, port)
        inbound.update({(there.name, rule["name"]): _because(plan, there.name, rule) for rule in admits})
        outbound.update({(here.name, rule["name"]): _because(plan, here.name, rule) for rule in lets_out})
        if extent != ALL and known.extent_between(here, there, protocol, port) != ALL:
            why_not += _one_end(plan, here.name, there.name, admits, lets_out)
            why_not += _why_not(plan, known, flows, here.name, there.name, protocol, port)
    return {
        "question": f"{source} -> {destination} {protocol}" + (f"/{port}" if port is not None else ""),
        "allowed": extent == ALL,
        "extent": extent,
        "destination_rules": list(inbound.values()),
        "source_rules": list(outbound.values()),
        "why_not": list(dict.fromkeys(why_not)),
        "remarks": [*_whose(known, source), *_whose(known, destination), *_one_host(known, source, destination, extent)],
    }


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


def _because(plan: Plain, host: str, rule: Plain) -> Answer:
    return {"host": host, "rule": rule["name"], "peers": plan["sets"][rule["remote"]]["members"], "because": rule["because"]}


def _why_not(plan: Plain, known: AllowedSet, flows: t.Sequence[Flow], source: str, destination: str, protocol: str, port: t.Optional[int]) -> t.Iterator[str]:
    if source not in plan["hosts"] and destination not in plan["hosts"]:
        yield f"neither {source} nor {destination} is managed by this plan, so it says nothing about them"
        return
    here, there = roles_of(plan, known, source), roles_of(plan, known, destination)
    for end, roles in ((source, here), (destination, there)):
        if not roles:
            yield f"{end} holds no product role and is in no declared network"
    between = [flow for flow in flows if _joins(flow, here, there)]
    ports = FlowPorts(plan, flows)
    matching = [flow for flow in between if ports.match(flow, source, destination, protocol, port)]
    if not matching:
        what = protocol + (f"/{port}" if port is not None else "")
        yield f"no documented flow joins {_names(here)} with {_names(there)} over {what}"
        if between:
            others = {f"{flow.protocol}/{','.join(shown)}" if (shown := texts(ports.shown(flow, source, destination))) else flow.protocol for flow in between}
            yield f"documented between them: {', '.join(sorted(others))}"
        turned = [flow.id for flow in flows if _joins(flow, there, here) and ports.match(flow, destination, source, protocol, port)]
        if turned:
            yield f"documented the other way round only: {', '.join(turned)}"
    for flow in matching:
        started = {why["name"] for rules in known.rules_for(destination, source, protocol, port) for rule in rules for why in rule["because"]}
        why = _who_starts(flow, here) if flow.id in started else None
        yield f"{flow.id} ({flow.reference}): {why or _why_no_rule(plan, flow, here, there, source, destination)}"


def roles_of(plan: Plain, known: AllowedSet, end: str) -> dict[str, tuple[str, ...]]:
    """Return the roles of an end with their sites: those that a host holds, and those whose networks contain it."""
    found: dict[str, tuple[str, ...]] = {}
    for section in ("hosts", "peers"):
        for role, sites in plan[section].get(end, {}).get("roles", {}).items():
            found[role] = tuple(sites)
    if found:
        found["any_host"] = ()
    addresses = known.addresses(end)
    for role, by_site in plan["networks"].items():
        sites = [site for site, networks in by_site.items() if addresses & addresses.parse(networks)]
        if sites:
            found.setdefault(role, tuple(site for site in sites if site))
    if "internet" in plan["sets"] and addresses & known.set("internet"):
        found.setdefault("internet", ())
    return found


def _joins(flow: Flow, opening: t.Mapping[str, t.Any], reached: t.Mapping[str, t.Any]) -> bool:
    forward = flow.source in opening and flow.destination in reached
    return forward or (flow.initiator == "either" and flow.destination in opening and flow.source in reached)


def _why_no_rule(plan: Plain, flow: Flow, here: t.Mapping[str, t.Any], there: t.Mapping[str, t.Any], source: str, destination: str) -> str:
    """Say what keeps one documented flow from making a rule between these two ends."""
    off = {item["flow"]: item["why"] for item in plan["off"]}
    if flow.id in off:
        return off[flow.id]
    if flow.supplement:
        return f"is a supplement; msports_supplements names neither it nor its group {flow.group}"
    if flow.feature and flow.feature_at in ("source", "destination"):
        end = source if (flow.feature_at == "source") == (flow.source in here) else destination
        if flow.feature not in _features(plan, end):
            return f"feature {flow.feature} is off at {end}"
    rules = [
        f"{host}: {rule['name']} ({', '.join(plan['sets'][rule['remote']]['members'][:3])})"
        for host, direction in ((destination, "in"), (source, "out"))
        for rule in plan["hosts"].get(host, {}).get("rules", ())
        if rule["direction"] == direction and any(why["kind"] == "flow" and why["name"] == flow.id for why in rule["because"])
    ]
    if rules:
        return f"its rules here are for other peers or other ports: {'; '.join(rules)}"
    if flow.scope == "any":
        return "makes no rule at these hosts; see the notes of the plan"
    forward = flow.source in here and flow.destination in there
    roles = (flow.source, flow.destination) if forward else (flow.destination, flow.source)
    where = (f"{role} in {', '.join(end[role]) or 'no site'}" for role, end in zip(roles, (here, there), strict=True))
    return f"its scope is {flow.scope}, which does not join {' with '.join(where)}"


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


def _features(plan: Plain, end: str) -> t.Sequence[str]:
    return next((plan[section][end]["features"] for section in ("hosts", "peers") if end in plan[section]), ())


def _names(roles: t.Mapping[str, t.Any]) -> str:
    return ", ".join(sorted(role for role in roles if role not in BARE_ROLES[1:])) or "an end without roles"
