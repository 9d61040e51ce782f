# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes ansible_collections.portcullis.msports importable, like for the unit tests, and the oracle, which is a package of its own."""

from __future__ import annotations

import pathlib
import runpy
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
runpy.run_path(str(TESTS / "unit" / "conftest.py"))
for folder in (TESTS / "lab", TESTS / "semantics"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
