# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ansible-core that runs the playbooks of these tests is the one that was asked for, and it packs a module once for all of them."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import subprocess

import pytest
from playbook_runs import PROGRAMS, PYTHON, Place

WHENCE = """#!/usr/bin/python
from ansible.module_utils import basic

basic.AnsibleModule({}).exit_json(file=basic.__file__)
"""


@pytest.mark.every_core
def test_playbooks_are_run_by_the_core_that_is_asked_for() -> None:
    said = subprocess.run([PROGRAMS / "ansible-playbook", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.startswith(f"ansible-playbook [core {os.environ.get('MSPORTS_CORE') or importlib.metadata.version('ansible-core')}"), said


@pytest.mark.every_core
def test_a_module_is_packed_once_for_all_runs(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path)
    place.write("library/whence.py", WHENCE)
    playbook = place.write("play.yml", "[{hosts: localhost, gather_facts: false, tasks: [{name: whence, whence: }]}]")
    kept = tmp_path / "kept"
    kept.mkdir()
    made = []
    for _run in range(2):
        played = place.play("-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={PYTHON}", playbook, MSPORTS_PACKED=str(kept))
        assert played.code == 0 and "packed_once" not in played.output, played.output
        made.append([(path.name, path.stat().st_mtime_ns) for path in kept.rglob("*whence*") if not path.name.endswith(".lock")])
    assert len(made[0]) == 1 and made[0] == made[1]
    assert played.by_task()["whence"]["file"].endswith("basic.pyc"), "compiled code is in the archive, and the host takes it"
