# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write plugins/catalogs/schema.json from the tables of the catalog format, and docs/inventory.schema.json from that of variables.

Unit tests tell when that is due.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    importlib.import_module("conftest")  # makes the collection importable from any checkout folder
    tables = importlib.import_module("ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta_format")
    variables = importlib.import_module("inventory_schema")
    for path, schema in ((ROOT / "plugins" / "catalogs" / "schema.json", tables.json_schema()), (variables.PATH, variables.schema())):
        path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
