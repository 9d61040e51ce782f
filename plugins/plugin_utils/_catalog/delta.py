# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A newer edition written against its base: plain data of both in, plain data of a whole edition out, before anything of it is checked.

What the delta says of things that the base does not have is a problem here. Everything else is checked on the result; ``places`` says
where each part of it was written, so that a problem names the line to mend.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta_format import TABLES, WHOLE
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.format import FILE
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.former import former_words

Plain = t.Mapping[str, t.Any]
Tell = t.Callable[[str, object, str, t.Iterable[str]], None]
Section = t.List["Written"]


@dataclass(frozen=True)
class Written:
    """A record of the result and where it was written: in the delta, or, after ``base:``, in the base."""

    record: t.Dict[str, t.Any]
    place: str


@dataclass
class Merged:
    """The whole edition as plain data, and for its parts (``flows[3]``) where they were written."""

    plain: t.Dict[str, t.Any] = field(default_factory=dict)
    places: t.Dict[str, str] = field(default_factory=dict)


def merge(base: Plain, delta: Plain, tell: Tell) -> Merged:
    """Return the edition that ``delta`` (sound by its tables) makes of ``base`` (a sound file); ``tell`` takes what the base does not have."""
    merged = Merged()
    for section in TABLES:
        _table(section, base, delta, merged, tell)
    for section in WHOLE:
        merged.plain[section] = delta.get(section, base.get(section, []))
        merged.places[section] = section if section in delta else f"base: {section}"
    flows = _inherited(base, "flows")
    supplements = _inherited(base, "supplements")
    flows, supplements = _removed(flows, supplements, delta.get("remove", {}), tell)
    flows = _moved(flows, delta, tell)
    supplements, promoted = _promoted(supplements, delta.get("documented", {}), tell)
    added = [Written(dict(flow), f"add[{index}]") for index, flow in enumerate(delta.get("add", ()))]
    more = [Written(dict(flow), f"supplements[{index}]") for index, flow in enumerate(delta.get("supplements", ()))]
    flows, supplements = _changed(_in_order(flows, promoted), supplements, delta.get("change", {}), tell)
    _put(merged, "flows", _in_order(flows, added))
    _put(merged, "supplements", [*supplements, *more])
    _errata(base, delta, merged, tell)
    words = former_words(base, delta, merged.plain)
    if words:
        merged.plain["former"] = words
        merged.places["former"] = "former"
    head = {name: delta[name] for name in ("product", "edition", "title") if name in delta}
    merged.plain = {name: {**merged.plain, **head}[name] for name in FILE.keys if name in merged.plain or name in head}
    return merged


def _table(section: str, base: Plain, delta: Plain, merged: Merged, tell: Tell) -> None:
    """Join one table: entries of the delta stand first, because flows refer to the first document of a file."""
    own, inherited = delta.get(section, {}), base.get(section, {})
    for name, value in own.items():
        if value is None and name not in inherited:
            tell(f"{section}.{name}", None, f"removes what the base does not have: expected one of its {section}", map(str, inherited))
    kept = {name: value for name, value in own.items() if value is not None} if section == "documents" else {}
    kept.update({name: own.get(name, value) for name, value in inherited.items() if own.get(name, value) is not None})
    kept.update({name: value for name, value in own.items() if value is not None})
    if kept or section in base:
        merged.plain[section] = kept
    merged.places.update({f"{section}.{name}": f"{section}.{name}" if name in own else f"base: {section}.{name}" for name in kept})


def _inherited(base: Plain, section: str) -> Section:
    return [Written(dict(flow), f"base: {section}[{index}]") for index, flow in enumerate(base.get(section, ()))]


def _removed(flows: Section, supplements: Section, remove: Plain, tell: Tell) -> tuple[Section, Section]:
    sections = {item.record["reference"]["section"] for item in flows}
    ids = {item.record["id"] for item in (*flows, *supplements)}
    for index, name in enumerate(remove.get("sections", ())):
        if name not in sections:
            tell(f"remove.sections[{index}]", name, "expected a section of the base that has flows", sections)
    for index, name in enumerate(remove.get("flows", ())):
        if name not in ids:
            tell(f"remove.flows[{index}]", name, "expected a flow or a supplement of the base", ids)
    gone, named = set(remove.get("sections", ())), set(remove.get("flows", ()))
    kept = [item for item in flows if item.record["reference"]["section"] not in gone and item.record["id"] not in named]
    return kept, [item for item in supplements if item.record["id"] not in named]


def _moved(flows: Section, delta: Plain, tell: Tell) -> Section:
    """Give inherited flows the anchors and the row numbers of the newer page."""
    sections, rows = delta.get("sections", {}), delta.get("rows", {})
    held = {item.record["reference"]["section"] for item in flows}
    for name in sections:
        if name not in held:
            tell(f"sections.{name}", name, "expected a section of the base that has flows", held)
    found: Section = []
    used: set[tuple[str, t.Any]] = set()
    for item in flows:
        reference = dict(item.record["reference"])
        reference["section"] = sections.get(reference["section"], reference["section"])
        used.add((reference["section"], reference.get("row")))
        if reference.get("row") in rows.get(reference["section"], {}):
            reference["row"] = rows[reference["section"]][reference["row"]]
        found.append(Written({**item.record, "reference": reference}, item.place))
    for section, numbers in rows.items():
        for number in numbers:
            if (section, number) not in used:
                tell(f"rows.{section}.{number}", number, "expected the section as it is called now, and a row that a flow of the base has there", ())
    return found


def _promoted(supplements: Section, documented: Plain, tell: Tell) -> tuple[Section, Section]:
    """Make ordinary flows of the supplements that the newer page documents: a row for each, in the order of the base."""
    known = {item.record["id"] for item in supplements} | {item.record["group"] for item in supplements}
    references: dict[str, tuple[str, dict[str, t.Any]]] = {}
    for name, row in documented.items():
        meant = [item.record["id"] for item in supplements if name in (item.record["id"], item.record["group"])]
        if not meant:
            tell(f"documented.{name}", name, "expected a supplement of the base, or a group of them", known)
        elif len(row["rows"]) != len(meant):
            tell(f"documented.{name}.rows", row["rows"], f"expected {len(meant)} rows, one for each of {', '.join(meant)}", ())
        else:
            page = {key: row[key] for key in ("document", "section") if key in row}
            references.update({flow: (name, {**page, "row": number}) for flow, number in zip(meant, row["rows"])})
    kept = [item for item in supplements if item.record["id"] not in references]
    promoted: Section = []
    for item in supplements:
        if item.record["id"] in references:
            name, reference = references[item.record["id"]]
            record = {key: value for key, value in item.record.items() if key != "group"}
            promoted.append(Written({**record, "reference": reference}, f"documented.{name}"))
    return kept, promoted


def _changed(flows: Section, supplements: Section, change: Plain, tell: Tell) -> tuple[Section, Section]:
    known = {item.record["id"] for item in (*flows, *supplements)}
    for name in change:
        if name not in known:
            tell(f"change.{name}", name, "expected a flow or a supplement that is left of the base", known)

    def apply(item: Written) -> Written:
        fields = change.get(item.record["id"])
        if fields is None:
            return item
        record = {key: value for key, value in {**item.record, **fields}.items() if value is not None}
        return Written(record, f"change.{item.record['id']}")

    return [apply(item) for item in flows], [apply(item) for item in supplements]


def _in_order(flows: Section, more: Section) -> Section:
    """Put each of ``more`` behind the flows of its section with a row before its own; those of a new section come last."""
    found = list(flows)
    for item in more:
        mine = item.record["reference"]
        before = [
            index
            for index, other in enumerate(found)
            if other.record["reference"]["section"] == mine["section"] and (other.record["reference"].get("row") or 0) <= (mine.get("row") or 0)
        ]
        found.insert(before[-1] + 1 if before else len(found), item)
    return found


def _put(merged: Merged, section: str, items: Section) -> None:
    merged.plain[section] = [item.record for item in items]
    merged.places.update({f"{section}[{index}]": item.place for index, item in enumerate(items)})


def _errata(base: Plain, delta: Plain, merged: Merged, tell: Tell) -> None:
    """Join errata by their marks. One whose flows are all gone is dropped by name, so that nobody wonders what became of it."""
    own = delta.get("errata", {})
    inherited = {item["id"]: item for item in base.get("errata", ())}
    for mark, value in own.items():
        if value is None and mark not in inherited:
            tell(f"errata.{mark}", None, "removes what the base does not have: expected one of its errata", inherited)
    left = {flow["id"] for section in ("flows", "supplements") for flow in merged.plain[section]}
    found: Section = []
    for index, (mark, item) in enumerate(inherited.items()):
        if mark in own:
            continue
        flows = [name for name in item.get("flows", ()) if name in left]
        if item.get("flows") and not flows:
            tell(f"errata.{mark}", mark, "none of its flows is left: expected null for it here, or what it says now", ())
            continue
        record = {**item, "flows": flows} if "flows" in item else dict(item)
        found.append(Written(record, f"base: errata[{index}]"))
    found.extend(Written({"id": mark, **value}, f"errata.{mark}") for mark, value in own.items() if value is not None)
    _put(merged, "errata", found)
