# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that several files of this folder share."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon as daemons
from firewalld_cases import Backend
from ufw_machine import Machine


@pytest.fixture
def apply(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend(tmp_path)
    monkeypatch.setattr(daemons, "Bus", lambda _address: made.daemon)
    return made


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    return Machine(tmp_path)
