# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario of Molecule neither meets what another run has left of its networks, nor leaves anything. Needs root."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tools"))

import molecule_scenarios  # noqa: E402  (it lies among the tools)

# What a run finds, then what it would leave: a bridge with addresses, the file of its network, and the addresses that are taken.
RUN = """set -e
ip -brief link; ls "$NETWORKS" /run/containers
ip link add msportsleft type bridge; ip address add 10.123.250.1/24 dev msportsleft
echo left > "$NETWORKS/msports-left.json"; echo left > /run/containers/msports-left.db
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of a scenario need root, as its containers do")
def test_two_runs_after_each_other_find_nothing_of_networks_but_what_is_theirs(tmp_path: pathlib.Path) -> None:
    for _turn in range(2):
        found = subprocess.run(
            [*molecule_scenarios.OWN, "sh", "-c", RUN], env={**os.environ, "NETWORKS": str(tmp_path / "networks")}, capture_output=True, text=True, check=True
        )
        assert "msports" not in found.stdout and "podman" not in found.stdout
        assert next(line for line in found.stdout.splitlines() if line.startswith("lo ")).endswith("<LOOPBACK,UP,LOWER_UP> ")
    assert list(tmp_path.joinpath("networks").iterdir()) == []
    assert not pathlib.Path("/run/containers/msports-left.db").exists() and not pathlib.Path("/sys/class/net/msportsleft").exists()
