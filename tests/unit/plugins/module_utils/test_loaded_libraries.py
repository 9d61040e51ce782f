# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backend loads on a host at each run, before it does anything: no library for the network's sake, which takes longer than the run's own work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {"asyncio", "email", "http", "ssl", "unittest", "urllib.request"}
CODE = "import sys; import ansible_collections.portcullis.msports.plugins.module_utils.{0}.reconcile; print(*sys.modules)"


@pytest.mark.parametrize("backend", ["_linux", "_linux.firewalld", "_linux.nftables", "_linux.ufw"])
def test_a_backend_loads_no_heavy_library(backend):
    # -S, because what is installed may load libraries when Python starts (coverage does)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-S", "-c", CODE.format(backend)], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    loaded = set(done.stdout.split())
    assert f"ansible_collections.portcullis.msports.plugins.module_utils.{backend}.reconcile" in loaded
    assert not loaded & HEAVY
