# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Findings and remedies as plain data, for filters, playbooks and reports."""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.judge import Finding, Judgement
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import LISTENER
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.remedies import KINDS, Remedy

Plain = t.Dict[str, t.Any]
LISTS = ("seen", "processes")
BEYOND = "{0} observations are beyond the most findings, so not all that would be cut is known: look at fewer hosts at a time (preflight_hosts)"


def judgement_as_dict(judgement: Judgement, remedies: t.Mapping[Finding, Remedy], accepted: t.Sequence[str] = ()) -> Plain:
    """Return ``{"counts", "cut", "left_out", "findings", "suggestions", "inventory", "refused", "accepted"}``; ``cut``: how many findings the plan would stop.

    ``accepted`` are names of findings, or patterns of names, that are meant to be stopped. ``refused`` says in sentences what is cut that is in use
    and not accepted, and ``accepted`` names what is.
    """
    findings = [finding_as_dict(item, remedies.get(item)) for item in judgement.findings]
    for item in findings:
        item["accepted"] = any(fnmatch.fnmatchcase(item["name"], pattern) for pattern in accepted)
    used = [item for item in findings if item["cut"] and item["live"]]
    refused = [item["advice"] for item in used if not item["accepted"]]
    suggested = suggestions(remedies)
    return {
        "refused": refused + ([BEYOND.format(judgement.left_out)] if judgement.left_out else []),
        "accepted": list(dict.fromkeys(item["name"] for item in used if item["accepted"])),
        "counts": dict(sorted(judgement.counts.items())),
        "cut": sum(item["cut"] for item in findings),
        "left_out": judgement.left_out,
        "findings": findings,
        "suggestions": suggested,
        "inventory": _inventory(suggested),
    }


def finding_as_dict(item: Finding, remedy: t.Optional[Remedy]) -> Plain:
    plain: Plain = {name: list(value) if name in LISTS else value for name, value in item._asdict().items()}
    plain["peers"] = Addresses(item.peers).cidrs()
    plain["name"] = name_of(item)
    plain["live"] = item.seen != (LISTENER,)
    plain["text"] = text_of(item)
    plain["advice"] = f"{text_of(item)}: {remedy.text if remedy else item.why}"
    plain["why_not"] = [item.why] if item.why else []
    plain["remedy"] = {"kind": remedy.kind, "text": remedy.text} if remedy else None
    return plain


def name_of(item: Finding) -> str:
    """Return the name by which a finding is accepted: the host and the port, like ``sql01 tcp/1433``."""
    return f"{item.host} {item.protocol}" + ("" if item.port is None else f"/{item.port}")


def text_of(item: Finding) -> str:
    """Return what was seen in one line: who, with whom, over which port, and by which process."""
    peers = Addresses(item.peers).cidrs()
    outside = ", ".join(peers[:3]) + (f" and {len(peers) - 3 + item.more} more" if len(peers) + item.more > 3 else "")
    what = item.protocol if item.port is None else f"{item.protocol}/{item.port}"
    served = f" ({', '.join(item.processes)})" if item.processes else ""
    if item.seen == (LISTENER,):
        return f"{item.destination} listens on {what}{served}"
    return f"{item.source or outside} -> {item.destination or outside} {what}{served}"


def suggestions(remedies: t.Mapping[Finding, Remedy]) -> list[Plain]:
    """Return each remedy once, the best kind first, with the number of findings that it answers."""
    counted: dict[tuple[int, str, str, str], Plain] = {}
    for remedy in remedies.values():
        key = (KINDS.index(remedy.kind), remedy.where, remedy.text, repr(remedy.variables))  # a text names some addresses, and variables all
        variables = {_suffixed(name, remedy.where): value for name, value in remedy.variables.items()}
        entry = {"kind": remedy.kind, "host": remedy.where or None, "text": remedy.text, "variables": variables, "findings": 0}
        counted.setdefault(key, entry)["findings"] += 1
    return [counted[key] for key in sorted(counted)]


def _suffixed(name: str, host: str) -> str:
    """Return a variable's name with a suffix of its own: Ansible keeps one value of a name, so a host's would hide that of its groups."""
    return f"{name}__seen" + (f"_{re.sub('[^A-Za-z0-9]', '_', host)}" if host else "")


def _inventory(suggested: t.Iterable[Plain]) -> Plain:
    """Return ``{"host_vars/<name>" or "group_vars/all": variables}``: all suggestions together, so that one of them hides no other."""
    given: dict[tuple[str, str], list[t.Any]] = {}
    for item in suggested:
        place = f"host_vars/{item['host']}" if item["host"] else "group_vars/all"
        for name, value in item["variables"].items():
            given.setdefault((place, name), []).append(value)
    found: Plain = {}
    for place, name in sorted(given):
        found.setdefault(place, {})[name] = _union(given[place, name])
    return found


def _union(values: t.Sequence[t.Any]) -> t.Any:
    """Return the union of values; where not all can be (a port that two settings give), the first: the suggestion has the other."""
    first = values[0]
    if len(values) == 1 or not isinstance(first, (dict, list)):
        return first
    found: dict[str, list[t.Any]] = {}
    for value in values:
        if isinstance(value, dict) and isinstance(first, dict):
            for key, item in value.items():
                found.setdefault(key, []).append(item)
        elif isinstance(value, list) and isinstance(first, list):
            for item in value:
                found.setdefault(repr(_name_of(item)), []).append(item)
    return {key: _union(items) for key, items in found.items()} if isinstance(first, dict) else [_union(items) for items in found.values()]


def _name_of(item: t.Any) -> t.Any:
    """Return what tells an item of a list from others; of entries with a name, of which the inventory takes each once, that."""
    return item.get("name", item) if isinstance(item, dict) else item
