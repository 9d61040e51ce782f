# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that ``MSPORTS_SKIP`` names are skipped before anything is set up for them, and are told as skipped."""

from __future__ import annotations

import pathlib
import runpy

import pytest

allowed = runpy.run_path(str(pathlib.Path(__file__).resolve().parent / "tools" / "skips.py"))["allowed"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if allowed(item.nodeid):
            item.add_marker(pytest.mark.skip(reason="MSPORTS_SKIP names it"))
