# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write plugins/catalogs/schema.json from the tables of the catalog format. A unit test tells when that is due."""

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
    path = ROOT / "plugins" / "catalogs" / "schema.json"
    path.write_text(json.dumps(tables.json_schema(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
