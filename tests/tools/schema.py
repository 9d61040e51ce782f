# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write plugins/catalogs/schema.json from the tables of the catalog format, and docs/inventory.schema.json from that of variables.

Unit tests tell when that is due.
"""

from __future__ import annotations

import collections
import importlib
import json
import pathlib
import sys
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH = 160
SHORT = 150  # a schema that takes no more characters is written again where it is needed again


def text_of(schema: dict[str, t.Any]) -> str:
    """Return a schema as it is published: what stands in it more than once is a definition, and what fits on a line takes one."""
    uses: collections.Counter[str] = collections.Counter()
    names: dict[str, str] = {}
    _count(schema, "", uses, names)
    repeated: dict[str, str] = {}
    for text, key in names.items():
        if uses[text] > 1 and len(text) > SHORT:
            taken = sum(name.rstrip("_0123456789") == key for name in repeated.values())
            repeated[text] = f"{key}_{taken + 1}" if taken else key
    shared = {name: _shared(json.loads(text), repeated, True) for text, name in repeated.items()}
    return _dense({**_shared(schema, repeated, True), **({"$defs": {**schema.get("$defs", {}), **shared}} if shared else {})}, 0, WIDTH) + "\n"


def _count(value: t.Any, key: str, uses: collections.Counter[str], names: dict[str, str]) -> None:
    """Count the schemas in ``value``, those inside repeated ones once, and tell the key that each stands under first."""
    if isinstance(value, dict) and isinstance(value.get("type", value.get("anyOf")), (str, list)):
        text = json.dumps(value)
        uses[text] += 1
        if uses[text] > 1:
            return
        names[text] = key
    for inner, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        _count(part, inner if isinstance(inner, str) and inner not in ("items", "additionalProperties", "anyOf") else key, uses, names)


def _shared(value: t.Any, repeated: t.Mapping[str, str], top: bool = False) -> t.Any:
    """Return a schema with references to the repeated ones in it."""
    if isinstance(value, list):
        return [_shared(part, repeated) for part in value]
    if not isinstance(value, dict):
        return value
    name = None if top else repeated.get(json.dumps(value))
    return {"$ref": f"#/$defs/{name}"} if name else {key: _shared(part, repeated) for key, part in value.items()}


def _dense(value: t.Any, indent: int, width: int) -> str:
    line = json.dumps(value)
    if not isinstance(value, (dict, list)) or not value or indent + len(line) <= width:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: " + _dense(part, indent + 2, width - len(key) - 4) for key, part in value.items()]
    else:
        parts = [_dense(part, indent + 2, width) for part in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n" + ",\n".join(inner + part for part in parts) + f"\n{' ' * indent}{end}"


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    importlib.import_module("conftest")  # makes the collection importable from any checkout folder
    tables = importlib.import_module("ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta_format")
    variables = importlib.import_module("inventory_schema")
    for path, schema in ((ROOT / "plugins" / "catalogs" / "schema.json", tables.json_schema()), (variables.PATH, variables.schema())):
        path.write_text(text_of(schema), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
