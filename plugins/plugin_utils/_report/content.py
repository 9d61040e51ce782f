# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a report says, as plain data: every form of it (HTML, Markdown, JSON, JUnit) is made of this, so they cannot differ."""

from __future__ import annotations

import json
import typing as t

Plain = t.Mapping[str, t.Any]
Data = t.Dict[str, t.Any]
Row = t.Mapping[str, t.Sequence[str]]
Ends = t.Mapping[str, t.Tuple[str, str]]  # flow -> its roles: who opens, who is reached

UNPLANNED = "passed_though_not_planned"
KEPT = ("digest", "generation", "partial_inventory", "today", "catalogs")


def content(plan: Plain, rows: t.Sequence[Row], flows: Ends, judgement: t.Optional[Plain], lagging: t.Optional[t.Sequence[str]]) -> Data:
    """Return the report of a plan. ``rows`` are its matrix; ``judgement`` and ``lagging`` are ``None`` where nothing was observed, or nothing is recorded."""
    findings = [dict(item) for item in judgement["findings"]] if judgement else []
    rules = _Rules(plan)
    return {
        "plan": {key: plan.get(key) for key in KEPT},
        "summary": _summary(plan, judgement, findings, lagging),
        "roles": _roles(plan),
        "edges": _edges(rules.distinct, flows),
        "matrix": [dict(row) for row in rows],
        "hosts": rules.hosts,
        "rulesets": rules.rulesets,
        "rules": [_rule(number, rule) for number, rule in enumerate(rules.distinct)],
        "sets": [{"name": name, **item} for name, item in sorted(plan["sets"].items())],
        "findings": findings,
        "suggestions": list(judgement["suggestions"]) if judgement else [],
        "claims": list(plan.get("claims", ())),
        "notes": list(plan["notes"]),
        "off": list(plan["off"]),
    }


def _summary(plan: Plain, judgement: t.Optional[Plain], findings: t.Sequence[Plain], lagging: t.Optional[t.Sequence[str]]) -> list[Data]:
    """Return what a reader wants to know first: a count with its names, and where to read on. ``None`` counts what nobody knows, with the reason."""
    unseen = None if judgement else "nothing was observed"
    ending = [note["text"] for note in plan["notes"] if note["code"] == "ends"]
    expired = [note["text"] for note in plan["notes"] if note["code"] == "expired"]
    return [
        _figure("hosts", "managed hosts", len(plan["hosts"]), "hosts"),
        _figure("rules", "rules at these hosts", sum(len(host["rules"]) for host in plan["hosts"].values()), "rules"),
        _figure("cut", "findings that applying this plan would cut", [item["text"] for item in findings if item["cut"]], "findings", unseen),
        _figure("open", "findings that are open though not planned", [item["text"] for item in findings if item["word"] == UNPLANNED], "findings", unseen),
        _figure("lagging", "hosts that lag behind this plan", lagging if lagging is not None else [], "hosts", None if lagging is not None else "no records"),
        _figure("orphaned", "orphans: hosts with rules that are no longer planned", plan["orphaned"], "hosts"),
        _figure("ending", "exceptions that will end", ending, "notes"),
        _figure("expired", "exceptions that ended", expired, "notes"),
        _figure("claims", "claims, which all hold", [item["claim"] for item in plan.get("claims", ())], "claims"),
        _figure("notes", "notes", len(plan["notes"]), "notes"),
    ]


def _figure(name: str, title: str, found: t.Union[int, t.Sequence[str]], section: str, unknown: t.Optional[str] = None) -> Data:
    names = [] if isinstance(found, int) else list(found)
    count = found if isinstance(found, int) else len(names)
    return {"name": name, "title": title, "count": None if unknown else count, "names": names, "section": section, "unknown": unknown}


def _roles(plan: Plain) -> list[Data]:
    """Return every role that somebody holds, with its hosts and its networks."""
    holders: dict[str, list[str]] = {}
    for name, host in sorted({**plan["peers"], **plan["hosts"]}.items()):
        for role in host["roles"]:
            holders.setdefault(role, []).append(name)
    networks = {role: sorted({text for texts in sites.values() for text in texts}) for role, sites in plan["networks"].items()}
    return [{"role": role, "hosts": holders.get(role, []), "networks": networks.get(role, [])} for role in sorted({*holders, *networks})]


def _edges(rules: t.Sequence[Plain], flows: Ends) -> list[Data]:
    """Return which role opens what at which role, as the rules and the documented flows behind them say."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        texts = rule["local_ports" if rule["direction"] == "in" else "remote_ports"]
        label = rule["protocol"] + (f"/{'rpc' if rule['rpc'] else ','.join(texts)}" if texts else "")
        for why in rule["because"]:
            if why["kind"] == "flow" and why["name"] in flows:
                found.setdefault(flows[why["name"]], set()).add(label)
    return [{"source": source, "destination": destination, "ports": sorted(ports)} for (source, destination), ports in sorted(found.items())]


class _Rules:
    """Each rule once, each ruleset once, by number; and the hosts, which refer to their ruleset."""

    def __init__(self, plan: Plain) -> None:
        self.distinct: list[Plain] = []
        self.rulesets: list[list[int]] = []
        self._numbers: dict[str, int] = {}
        self._made: dict[int, int] = {}  # id of a list of rules -> its ruleset
        self._known: dict[tuple[int, ...], int] = {}
        self.hosts = [self._host(name, host) for name, host in sorted(plan["hosts"].items())]

    def _host(self, name: str, host: Plain) -> Data:
        if id(host["rules"]) not in self._made:
            self._made[id(host["rules"])] = self._ruleset(host["rules"])
        kept = {key: host[key] for key in ("system", "addresses", "default_inbound", "default_outbound")}
        return {"host": name, **kept, "roles": sorted(host["roles"]), "ruleset": self._made[id(host["rules"])]}

    def _ruleset(self, rules: t.Sequence[Plain]) -> int:
        numbers = tuple(map(self._number, rules))
        if numbers not in self._known:
            self._known[numbers] = len(self.rulesets)
            self.rulesets.append(list(numbers))
        return self._known[numbers]

    def _number(self, rule: Plain) -> int:
        text = json.dumps(rule, sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self.distinct)
            self.distinct.append(rule)
        return self._numbers[text]


def _rule(number: int, rule: Plain) -> Data:
    return {
        "number": number,
        "name": rule["name"],
        "peers": rule["remote"],
        "until": rule.get("until"),
        "because": [dict(why) for why in rule["because"]],
    }
