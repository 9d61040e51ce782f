# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that tests cannot do without."""

from __future__ import annotations

import typing as t

import booted
import pytest

Made = t.TypeVar("Made")


def or_fail(make: t.Callable[[], Made], part: str) -> Made:
    """Return what ``make`` boots; a machine that cannot do that fails the tests of ``part``, and says why."""
    try:
        return make()
    except booted.CannotRun as error:
        pytest.fail(booted.WHY.format(error, f"tests/integration/{part}/*"))
