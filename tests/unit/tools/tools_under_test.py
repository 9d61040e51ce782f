# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools of ``tests/tools``, imported by name, for their tests."""

from __future__ import annotations

import pathlib
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOLS = ROOT / "tests" / "tools"
WITHOUT_HYPOTHESIS = ("-p", "no:hypothesispytest")  # which a run of pytest on a few lines would load, longer than all the rest takes


def load(name: str) -> types.ModuleType:
    if str(TOOLS) not in sys.path:
        sys.path.insert(0, str(TOOLS))
    return __import__(name)


def lines(*text: str) -> str:
    return "\n".join(text) + "\n"
