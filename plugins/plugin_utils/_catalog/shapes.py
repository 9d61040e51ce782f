# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Shapes: what a value of a catalog file may look like, told twice: as a check of ours and as JSON Schema.

One object says both, so the published schema and the validator cannot drift apart. A check never raises: it
calls ``tell(path, value, expected, known)`` for each thing that is wrong and goes on.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange

Tell = t.Callable[[str, object, str, t.Iterable[str]], None]
Json = t.Dict[str, t.Any]


class Shape(t.Protocol):
    """Anything with a check and a JSON Schema form."""

    def check(self, value: object, path: str, tell: Tell) -> None: ...

    def schema(self) -> Json: ...


@dataclass(frozen=True)
class Scalar:
    """One value. ``accepts`` decides, ``expected`` says it in words, ``json`` says it as JSON Schema."""

    expected: str
    accepts: t.Callable[[t.Any], bool]
    json: t.Mapping[str, t.Any]
    known: tuple[str, ...] = ()

    def check(self, value: object, path: str, tell: Tell) -> None:
        if not self.accepts(value):
            tell(path, value, self.expected, self.known)

    def schema(self) -> Json:
        return dict(self.json)


@dataclass(frozen=True)
class Many:
    """A list of one shape without repetition. ``least`` is the smallest number of items."""

    item: Shape
    least: int = 0

    def check(self, value: object, path: str, tell: Tell) -> None:
        if not isinstance(value, list):
            tell(path, value, "expected a list", ())
            return
        if len(value) < self.least:
            tell(path, value, f"expected at least {self.least} item", ())
        for index, item in enumerate(value):
            if item in value[:index]:
                tell(f"{path}[{index}]", item, "stands here twice", ())
            self.item.check(item, f"{path}[{index}]", tell)

    def schema(self) -> Json:
        bounds = {"minItems": self.least} if self.least else {}
        return {"type": "array", "items": self.item.schema(), "uniqueItems": True, **bounds}


@dataclass(frozen=True)
class Rows:
    """A list of records, many of them. Repetition is told by their own keys (``id``, ``row``), not here."""

    item: Shape

    def check(self, value: object, path: str, tell: Tell) -> None:
        if not isinstance(value, list):
            tell(path, value, "expected a list", ())
            return
        for index, item in enumerate(value):
            self.item.check(item, f"{path}[{index}]", tell)

    def schema(self) -> Json:
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True)
class Record:
    """A mapping with known keys. ``extra`` is more JSON Schema, for rules between keys that :mod:`.rules` checks."""

    keys: t.Mapping[str, Shape]
    required: tuple[str, ...] = ()
    extra: t.Mapping[str, t.Any] = field(default_factory=dict)

    def check(self, value: object, path: str, tell: Tell) -> None:
        if not isinstance(value, dict):
            tell(path, value, "expected a mapping with the keys " + ", ".join(self.keys), ())
            return
        dot = f"{path}." if path else ""
        for name in self.required:
            if name not in value:
                tell(f"{dot}{name}", MISSING, "this key is required", ())
        for name, item in value.items():
            shape = self.keys.get(name) if isinstance(name, str) else None
            if shape is None:
                tell(f"{dot}{name}", name, "unknown key, expected one of " + ", ".join(self.keys), self.keys)
            else:
                shape.check(item, f"{dot}{name}", tell)

    def schema(self) -> Json:
        found: Json = {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: shape.schema() for name, shape in self.keys.items()},
        }
        if self.required:
            found["required"] = list(self.required)
        return {**found, **self.extra}


@dataclass(frozen=True)
class Table:
    """A mapping of names that the author chooses to values of one shape. ``least`` is the smallest number of entries."""

    name: Scalar
    item: Shape
    least: int = 0

    def check(self, value: object, path: str, tell: Tell) -> None:
        if not isinstance(value, dict):
            tell(path, value, "expected a mapping of names", ())
            return
        if len(value) < self.least:
            tell(path, value, f"expected at least {self.least} entry", ())
        for name, item in value.items():
            if not self.name.accepts(name):
                tell(f"{path}.{name}", name, f"{self.name.expected} as a name", ())
            self.item.check(item, f"{path}.{name}", tell)

    def schema(self) -> Json:
        names = {"pattern": self.name.json.get("pattern", r"^[0-9]+$")}  # YAML's whole numbers as keys are texts in JSON
        bounds = {"minProperties": self.least} if self.least else {}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.item.schema(), **bounds}


@dataclass(frozen=True)
class OrNull:
    """A shape, or ``null`` for "no longer there"."""

    item: Shape

    def check(self, value: object, path: str, tell: Tell) -> None:
        if value is not None:
            self.item.check(value, path, tell)

    def schema(self) -> Json:
        return {"anyOf": [{"type": "null"}, self.item.schema()]}


@dataclass(frozen=True)
class AnyOf:
    """One of several shapes; the sentence says which, because the single complaints would confuse."""

    expected: str
    shapes: tuple[Shape, ...]

    def check(self, value: object, path: str, tell: Tell) -> None:
        for shape in self.shapes:
            complaints: list[str] = []
            shape.check(value, path, lambda where, *rest, seen=complaints: seen.append(where))
            if not complaints:
                return
        tell(path, value, self.expected, ())

    def schema(self) -> Json:
        return {"anyOf": [shape.schema() for shape in self.shapes]}


def words(values: t.Sequence[str]) -> Scalar:
    """One of a few fixed words."""
    known = tuple(values)
    return Scalar("expected one of " + ", ".join(known), lambda value: isinstance(value, str) and value in known, {"enum": list(known)}, known)


def pattern(regex: str, expected: str) -> Scalar:
    """A text that matches ``regex`` as a whole."""
    compiled = re.compile(regex)
    return Scalar(expected, lambda value: isinstance(value, str) and bool(compiled.fullmatch(value)), {"type": "string", "pattern": f"^(?:{regex})$"})


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535


def _is_port_text(value: object) -> bool:
    try:
        return isinstance(value, str) and str(PortRange.parse(value)) == value
    except ValueError:
        return False


_NUMBER = "(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}|0)"

TEXT = Scalar("expected a text", lambda value: isinstance(value, str) and bool(value.strip()), {"type": "string", "pattern": r"\S"})
BOOL = Scalar("expected true or false", lambda value: isinstance(value, bool), {"type": "boolean"})
COUNT = Scalar(
    "expected a whole number from 1",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 1,
    {"type": "integer", "minimum": 1},
)
NULL = Scalar("expected nothing", lambda value: value is None, {"type": "null"})
ANYTHING = Scalar("expected a value", lambda value: True, {})
NAME = pattern("[a-z][a-z0-9_]*", "expected small letters, digits and underscores")
PORT = Scalar("expected a port number, 0-65535", _is_port, {"type": "integer", "minimum": 0, "maximum": 65535})
PORT_TEXT = Scalar(
    'expected a port or a range as a quoted text, such as "443" or "49152-65535"',
    _is_port_text,
    {"type": "string", "pattern": f"^{_NUMBER}(?:-{_NUMBER})?$"},
)
