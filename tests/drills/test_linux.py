# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of nftables and ufw: lockouts, and processes that are killed at random points. ``make drills`` runs them; the environment says how many."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path[:0] = [str(ROOT / name) for name in ("", "persistence")]

from drilled import Host
from network_namespaces import PROBE, Prober
from wire import lockouts, wired

LOCKOUTS = int(os.environ.get("MSPORTS_LOCKOUTS", "100"))
KILLS = int(os.environ.get("MSPORTS_KILLS", "500"))
SEED = int(os.environ.get("MSPORTS_SEED", "0"))


@pytest.fixture(scope="module", params=["nftables", "ufw"])
def host(request: pytest.FixtureRequest) -> t.Iterator[Host]:
    made = Host(request.param)
    made.clean()
    yield made
    made.container.close()


def test_killed(host: Host) -> None:
    wrong = []
    for first in range(0, KILLS, 20):
        wrong += host.drill(f"answer = drill({min(20, KILLS - first)}, '{SEED}/{first}')")
    assert not wrong, chr(10).join(wrong)


def test_locked_out(host: Host) -> None:
    with wired(host.container) as peer:
        host.clean()
        probe = Prober(peer.python(PROBE))
        assert lockouts(host, peer, probe, LOCKOUTS, host.backend, SEED) == []
        probe.close()
