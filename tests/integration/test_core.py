# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ansible-core that runs the playbooks of these tests is the one that was asked for."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess

import pytest
from playbook_runs import PROGRAMS


@pytest.mark.every_core
def test_playbooks_are_run_by_the_core_that_is_asked_for() -> None:
    said = subprocess.run([PROGRAMS / "ansible-playbook", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.startswith(f"ansible-playbook [core {os.environ.get('MSPORTS_CORE') or importlib.metadata.version('ansible-core')}"), said
