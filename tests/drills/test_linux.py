# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lockouts, and processes that are killed at random points, on several hosts of each backend at once: they wait for timers most of the time."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "drills"), str(ROOT / "integration")]

from network_namespaces import PROBE, Prober
from sites import BACKENDS, at_once, host_of, wrong_with
from wire import lockouts, wired

HOSTS = int(os.environ.get("MSPORTS_HOSTS", "3"))
LOCKOUTS = int(os.environ.get("MSPORTS_LOCKOUTS", "100"))
KILLS = int(os.environ.get("MSPORTS_KILLS", "500"))
SEED = int(os.environ.get("MSPORTS_SEED", "0"))
BATCH = 20


class Shares(t.NamedTuple):
    """A host, and which of the drills of its backend are its own."""

    host: t.Any
    number: int

    def killed(self) -> list[str]:
        """Drills, until as many processes were killed as are this host's share (``REACH``)."""
        self.host.clean()
        wrong, left, first = [], KILLS // HOSTS, self.number * BATCH
        while left > 0:
            found, died = self.host.drill(f"answer = drill({BATCH}, '{SEED}/{first}'), DIED[0]")
            print(f"{self.host.backend}: seed {SEED}/{first}: {died} of {BATCH} killed", found, flush=True)
            wrong += [f"{self.host.backend}: {line}" for line in found]
            left, first = left - died, first + HOSTS * BATCH
        return wrong

    def locked_out(self) -> list[str]:
        with wired(self.host.container) as peer:
            self.host.clean()
            probe = Prober(peer.python(PROBE))
            wrong = lockouts(self.host, peer, probe, range(self.number, LOCKOUTS, HOSTS), self.host.backend, SEED)
            probe.close()
        return [f"{self.host.backend}: {line}" for line in wrong]


@pytest.fixture(scope="module")
def shares() -> t.Iterator[list[Shares]]:
    wanted = [(backend, number) for number in range(HOSTS) for backend in BACKENDS]
    made = at_once(lambda each: Shares(host_of(each[0]), each[1]), wanted)
    yield made
    for share in made:
        share.host.container.close()


def test_killed(shares: list[Shares]) -> None:
    wrong = wrong_with(Shares.killed, shares)
    assert not wrong, "\n".join(wrong)


def test_locked_out(shares: list[Shares]) -> None:
    wrong = wrong_with(Shares.locked_out, shares)
    assert not wrong, "\n".join(wrong)
