# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The matrix of flows for the firewalls between subnets: rows from a plan, and the forms that people exchange."""

from __future__ import annotations

import csv
import io
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.display import markdown

Plain = t.Mapping[str, t.Any]
COLUMNS = ("source", "source_addresses", "destination", "destination_addresses", "protocol", "ports", "because")
Row = t.Dict[str, t.Any]


def rows(plan: Plain) -> list[Row]:
    """Return one row for each set of sources, protocol and ports, with all destinations that they reach.

    Inbound rules of managed hosts make the rows; outbound rules add those to ends that have no ruleset (``internet``, appliances).
    The destination of a multicast row is the group that is sent to.
    """
    found: dict[tuple[t.Any, ...], Row] = {}
    for name, host in plan["hosts"].items():
        for rule in host["rules"]:
            if rule["direction"] == "in":
                reached = (rule["local"], plan["sets"][rule["local"]]["addresses"]) if rule["local"] else (name, host["addresses"])
                _add(found, plan, rule, (rule["remote"], plan["sets"][rule["remote"]]["addresses"]), reached, "destination")
            elif not _all_managed(plan, rule["remote"]):
                _add(found, plan, rule, (name, host["addresses"]), (rule["remote"], plan["sets"][rule["remote"]]["addresses"]), "source")
    return [{key: _flat(value) for key, value in found[row].items()} for row in sorted(found)]


def render(plan: Plain, form: str) -> t.Union[str, list[Row]]:
    """Return the matrix as ``list``, ``csv``, ``md`` or ``mermaid``; raise :class:`ValueError` for any other form."""
    if form not in FORMS:
        raise ValueError(f"{form!r} is no form of the matrix; expected one of {', '.join(FORMS)}")
    return FORMS[form](rows(plan))


def _add(found: dict[tuple[t.Any, ...], Row], plan: Plain, rule: Plain, source: t.Any, destination: t.Any, joined: str) -> None:
    ports = tuple(rule["local_ports"] if rule["direction"] == "in" else rule["remote_ports"])
    fixed = source[0] if joined == "destination" else destination[0]
    row = found.setdefault(
        (joined, fixed, rule["protocol"], ports, rule["local"] or ""),
        {key: {} for key in COLUMNS} | {"protocol": {rule["protocol"]: 1}, "ports": dict.fromkeys(ports, 1)},
    )
    for key, (label, addresses) in (("source", source), ("destination", destination)):
        row[key][label] = 1
        row[f"{key}_addresses"].update(dict.fromkeys(addresses, 1))
    row["because"].update(dict.fromkeys((why["name"] for why in rule["because"]), 1))


def _all_managed(plan: Plain, name: str) -> bool:
    return all(member in plan["hosts"] for member in plan["sets"][name]["members"])


def _flat(values: t.Mapping[str, int]) -> list[str]:
    return list(values)


def _csv(found: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(" ".join(row[column])) for column in COLUMNS] for row in found)
    return text.getvalue()


def _cell(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _markdown(found: list[Row]) -> str:
    head = ("source", "destination", "protocol", "ports", "because")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(markdown(", ".join(row[column])) or "any" for column in head) + " |" for row in found]
    return "\n".join(lines) + "\n"


def _mermaid(found: list[Row]) -> str:
    """Return a graph of sources and destinations; the ports of all rows between two ends are one label."""
    edges: dict[tuple[str, str], list[str]] = {}
    for row in found:
        label = "/".join([*row["protocol"], ",".join(row["ports"])]) if row["ports"] else "".join(row["protocol"])
        for source in row["source"]:
            for destination in row["destination"]:
                edges.setdefault((source, destination), []).append(label)
    ids = {name: f"n{number}" for number, name in enumerate(sorted({end for edge in edges for end in edge}))}
    lines = ["flowchart LR"] + [f'  {number}["{name.replace(chr(34), "#quot;")}"]' for name, number in ids.items()]
    lines += [f'  {ids[a]} -->|"{"<br>".join(sorted(set(labels)))}"| {ids[b]}' for (a, b), labels in sorted(edges.items())]
    return "\n".join(lines) + "\n"


FORMS: dict[str, t.Callable[[list[Row]], t.Union[str, list[Row]]]] = {
    "list": lambda found: found,
    "csv": _csv,
    "md": _markdown,
    "mermaid": _mermaid,
}
