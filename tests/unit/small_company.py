# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample estate and its plan, for all tests about them: Ansible reads it once. Nobody changes what is returned."""

from __future__ import annotations

import functools
import pathlib
import sys
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.tests.unit.goldens import regenerate

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "examples" / "small_company"
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from company import Company, as_compiled, read_company  # noqa: E402

Plain = dict[str, t.Any]


@functools.cache
def company() -> Company:
    return read_company(FOLDER)


@functools.cache
def planned() -> tuple[Plain, Plain]:
    """Return the inventory, as the compiler takes it, and its plan; any problem of the inventory is raised."""
    inventory = as_compiled(company(), regenerate.TODAY)
    return inventory, _compile.compile_plan(inventory)
