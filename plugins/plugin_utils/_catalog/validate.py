# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Everything that is wrong with one catalog file, at once. What needs other catalogs is checked when they are joined."""

from __future__ import annotations

import types
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.format import FILE
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.rules import (
    FLOW_RULES,
    Named,
    default_problem,
    expected_id,
    feature_names,
    qualify,
    role_names,
    setting_names,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.shapes import Shape
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, Problem, Problems, nearest
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES

NO_PLACES: t.Mapping[str, str] = types.MappingProxyType({})
FLOW_SECTIONS = ("flows", "supplements")
_OWN_NAMES = ("roles", "settings", "features")  # tables whose names carry the product elsewhere


def written_at(path: str, places: t.Mapping[str, str]) -> str:
    """Return where a part of a whole edition was written: the longest beginning of ``path`` that has a place tells."""
    for end in sorted({len(path), *(index for index, letter in enumerate(path) if letter in ".[")}, reverse=True):
        if path[:end] in places:
            return places[path[:end]] + path[end:]
    return path


class Report:
    """Problems of one file. Remembers the paths, so that rules leave alone what is wrong already."""

    def __init__(self, file: str, places: t.Mapping[str, str] = NO_PLACES) -> None:
        self.file = file
        self.places = places
        self.problems = Problems()
        self._paths: set[str] = set()

    def tell(self, path: str, value: object, expected: str, known: t.Iterable[str] = ()) -> None:
        self._paths.add(path)
        place = written_at(path, self.places)
        self.problems.add(f"{self.file}: {place}" if place else self.file, value, expected, known)

    def sound(self, path: str) -> bool:
        """Tell whether nothing was told about ``path`` or anything below it."""
        return not any(told == path or told.startswith((f"{path}.", f"{path}[")) for told in self._paths)


def check_shape(plain: object, file: str, shape: Shape) -> list[Problem]:
    """Return what ``shape`` finds wrong with ``plain``."""
    report = Report(file)
    shape.check(plain, "", report.tell)
    return list(report.problems)


def validate(plain: object, file: str, places: t.Mapping[str, str] = NO_PLACES) -> list[Problem]:
    """Return every problem of a catalog that was read from ``file``; ``places`` where its parts were written, if elsewhere (:mod:`.delta`)."""
    report = Report(file, places)
    FILE.check(plain, "", report.tell)
    if not isinstance(plain, dict):
        return list(report.problems)
    if not report.sound("product"):
        return list(report.problems)
    product = plain["product"]
    _check_defaults(plain, report)
    _check_own_names(plain, product, report)
    _check_flows(plain, product, report)
    _check_errata(plain, report)
    _check_former(plain, report)
    return list(report.problems)


def _check_defaults(plain: dict[str, t.Any], report: Report) -> None:
    for name, setting in _table(plain, "settings").items():
        path = f"settings.{name}.default"
        if isinstance(setting, dict) and report.sound(path) and report.sound(f"settings.{name}.type"):
            expected = default_problem(setting)
            if expected:
                report.tell(path, setting["default"], expected)


def _check_flows(plain: dict[str, t.Any], product: str, report: Report) -> None:
    sound = {str(name): item for name, item in _table(plain, "settings").items() if report.sound(f"settings.{name}")}
    settings = {**sound, **{qualify(name, product): item for name, item in sound.items()}}
    known = {"service": _names(plain, "services"), "document": _names(plain, "documents"), "notes": _names(plain, "notes")}
    seen: dict[str, str] = {}
    for section in FLOW_SECTIONS:
        for index, flow in _records(plain, section):
            path = f"{section}[{index}]"
            for keys, rule in FLOW_RULES:
                if all(report.sound(f"{path}.{key}") for key in keys):
                    for below, value, expected in list(rule(flow, settings)):
                        report.tell(f"{path}.{below}", value, expected)
            if report.sound(f"{path}.service") and flow["service"] not in known["service"]:
                report.tell(f"{path}.service", flow["service"], "expected a service of this file", known["service"])
            if report.sound(f"{path}.reference") and flow["reference"].get("document", None) not in {None, *known["document"]}:
                report.tell(f"{path}.reference.document", flow["reference"]["document"], "expected a document of this file", known["document"])
            for place, note in enumerate(flow.get("notes", ()) if report.sound(f"{path}.notes") else ()):
                if str(note) not in known["notes"]:
                    report.tell(f"{path}.notes[{place}]", note, "expected a note of this file, one of " + (", ".join(known["notes"]) or "(none)"))
            if "releases" in flow and report.sound("edition") and "-" in plain["edition"]:
                why = f"compares with the edition where no release is declared, and {plain['edition']!r} is a date"
                report.tell(f"{path}.releases", flow["releases"], f"{why}: expected an edition that is a release, such as 1806, or no releases")
            _check_id(flow, path, product, seen, report)


def _check_id(flow: dict[str, t.Any], path: str, product: str, seen: dict[str, str], report: Report) -> None:
    if not report.sound(f"{path}.id"):
        return
    found = flow["id"]
    if found in seen:
        report.tell(f"{path}.id", found, f"is the id of {seen[found]}, too; add a variant to one of them")
    seen.setdefault(found, path)
    if all(report.sound(f"{path}.{key}") for key in ("source", "destination", "service", "protocol")):
        wanted = expected_id(flow, product)
        if found != wanted and found.rpartition(".")[0] != wanted:
            report.tell(f"{path}.id", found, f"expected {wanted}, or {wanted}.<variant>")


def _check_own_names(plain: dict[str, t.Any], product: str, report: Report) -> None:
    own = {section: {f"{product}.{name}" for name in _names(plain, section)} for section in _OWN_NAMES}
    _check_names(role_names(plain), "role", product, own["roles"] | set(BARE_ROLES), report)
    _check_names(setting_names(plain), "setting", product, own["settings"], report)
    _check_names(feature_names(plain), "feature", product, own["features"], report)


def _check_names(names: t.Iterable[Named], what: str, product: str, known: set[str], report: Report) -> None:
    own = f"{product}."
    for path, name in names:
        if name not in known and name.startswith(own) and report.sound(path):
            # the common product would make any two names look alike, so only what follows is compared
            like = nearest(name[len(own) :], (item[len(own) :] for item in known if item.startswith(own)))
            report.tell(path, name, f"expected a {what} of this file", (own + like,) if like else ())


def _check_errata(plain: dict[str, t.Any], report: Report) -> None:
    ids = {section: {flow["id"] for _index, flow in _records(plain, section) if isinstance(flow.get("id"), str)} for section in FLOW_SECTIONS}
    known = ids["flows"] | ids["supplements"]
    marks: set[str] = set()
    named: set[str] = set()
    for index, erratum in _records(plain, "errata"):
        path = f"errata[{index}]"
        if report.sound(f"{path}.id"):
            if erratum["id"] in marks:
                report.tell(f"{path}.id", erratum["id"], "is the id of another erratum, too")
            marks.add(erratum["id"])
        if not (report.sound(f"{path}.flows") and report.sound(f"{path}.treatment")):
            continue
        treatment, flows = erratum["treatment"], erratum.get("flows", [])
        named.update(flows)
        for place, name in enumerate(flows):
            if name not in known:
                report.tell(f"{path}.flows[{place}]", name, "expected a flow or a supplement of this file", known)
        if treatment == "none" and not erratum.get("why"):
            report.tell(f"{path}.why", MISSING, "treatment none says why nothing was done")
        if treatment == "erratum" and not flows:
            report.tell(f"{path}.flows", MISSING, "expected the flows that differ from the document")
        if treatment == "supplement" and not ids["supplements"].intersection(flows):
            report.tell(f"{path}.flows", flows or MISSING, "expected the supplements that were made of it", ids["supplements"])
    for section in FLOW_SECTIONS:
        for index, flow in _records(plain, section):
            if "erratum" in flow and isinstance(flow.get("id"), str) and flow["id"] not in named:
                report.tell(f"{section}[{index}].erratum", flow["id"], "expected an entry of errata that names this flow")


def _check_former(plain: dict[str, t.Any], report: Report) -> None:
    """Words that are still there are not former ones, and what a word is called now is there."""
    flows = {section: {flow.get(key) for _index, flow in _records(plain, section) for key in ("id", "group")} for section in FLOW_SECTIONS}
    there: dict[str, set[t.Any]] = {"flows": flows["flows"], "supplements": flows["supplements"], **{kind: set(_names(plain, kind)) for kind in _OWN_NAMES}}
    for kind, words in (_table(plain, "former") if report.sound("former") else {}).items():
        for name, word in words.items():
            if name in there[kind]:
                report.tell(f"former.{kind}.{name}", name, f"this edition still has it among its {kind}")
            now = word.get("now")
            if kind in _OWN_NAMES and now is not None and "." not in now and now not in there[kind]:
                report.tell(f"former.{kind}.{name}.now", now, f"expected one of the {kind} of this file", map(str, there[kind]))


def _table(plain: dict[str, t.Any], key: str) -> dict[t.Any, t.Any]:
    found = plain.get(key)
    return found if isinstance(found, dict) else {}


def _names(plain: dict[str, t.Any], key: str) -> tuple[str, ...]:
    return tuple(str(name) for name in _table(plain, key))


def _records(plain: dict[str, t.Any], key: str) -> t.Iterator[tuple[int, dict[str, t.Any]]]:
    found = plain.get(key)
    return ((index, row) for index, row in enumerate(found if isinstance(found, list) else ()) if isinstance(row, dict))
