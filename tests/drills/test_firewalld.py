# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of firewalld: lockouts and processes that are killed at random points. ``make drills`` runs them; the numbers are variables of the environment."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path[:0] = [str(ROOT / name) for name in ("", "persistence", "firewalld")]

from firewalld_host import RUNTIME_ONLY, SAVED, Firewalld, script, started
from network_namespaces import PROBE, Prober
from wire import lockouts, wired

LOCKOUTS = int(os.environ.get("MSPORTS_LOCKOUTS", "100"))
KILLS = int(os.environ.get("MSPORTS_KILLS", "500"))
SEED = int(os.environ.get("MSPORTS_SEED", "0"))


@pytest.fixture(scope="module")
def host() -> t.Iterator[Firewalld]:
    made = started()
    yield Firewalld(made)
    made.close()


@pytest.fixture(autouse=True)
def foreign(host: Firewalld) -> None:
    """Others have rules of every kind, most of them in the running daemon only."""
    host.clean()
    host.sh(script(SAVED))
    host.sh(script(RUNTIME_ONLY))


def test_killed(host: Firewalld) -> None:
    wrong = []
    for first in range(0, KILLS, 20):
        wrong += host.drill(f"answer = drill({min(20, KILLS - first)}, '{SEED}/{first}')")
    assert wrong == []


def test_locked_out(host: Firewalld) -> None:
    with wired(host.container) as peer:
        host.clean()
        probe = Prober(peer.python(PROBE))
        assert lockouts(host, peer, probe, LOCKOUTS, seed=SEED) == []
        probe.close()
