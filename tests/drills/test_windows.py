# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of Windows on the stand-in: every process that changes a host is ended after each of its steps, and lockouts that the task heals."""

from __future__ import annotations

import os
import pathlib
import random
import runpy
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "integration" / "windows"), str(ROOT / "windows"), str(ROOT / "tools")]

# Makes ansible_collections.portcullis.msports importable, like for the unit tests.
runpy.run_path(str(ROOT / "unit" / "conftest.py"))

from engines import payload
from executor_cases import estate
from rollback_cases import Waiting, end_a_run, end_an_answer, locked_out
from stand_in_hosts import Host, make_host, read, sent

__all__ = ["make_host", "read", "sent"]

Make = t.Callable[..., Host]
LOCKOUTS = int(os.environ.get("MSPORTS_LOCKOUTS", "100"))
KILLS = int(os.environ.get("MSPORTS_KILLS", "500"))
SEED = int(os.environ.get("MSPORTS_SEED", "0"))


def test_killed_after_each_step(make_host: Make, read: payload.Call) -> None:
    """The run, the task and the confirmation, each after its first step, its second, and so on to its end."""
    runs, fires, confirmations = 0, 0, 0
    while end_a_run(make_host, read, runs + 1):
        runs += 1
    while end_an_answer(make_host, read, "fire", fires + 1):
        fires += 1
    while end_an_answer(make_host, read, "confirm", confirmations + 1):
        confirmations += 1
    assert runs > 16 and fires > 12 and confirmations > 4, (runs, fires, confirmations)


def test_killed_again_and_again(make_host: Make, read: payload.Call) -> None:
    """A run that is killed, then a task that is killed, as often as it takes, at random steps."""
    dice = random.Random(SEED)
    kills = 0
    while kills < KILLS:
        host = make_host(estate(die_after_steps=dice.randint(6, 16)), f"again-{kills}")
        waiting = Waiting.written(host, read)
        kills += 1
        while waiting.phase:
            host.switch(die_after_steps=dice.choice([0, *range(1, 14)]))
            kills += waiting.fire() is None
        host.switch(die_after_steps=0)
        assert "state" in host(settle=True)
        assert (waiting.is_as_before(), waiting.leftovers()) == (True, {}), kills


@pytest.mark.parametrize("number", range(LOCKOUTS))
def test_locked_out(number: int, make_host: Make, read: payload.Call) -> None:
    assert locked_out(make_host, read, random.Random(f"{SEED}/{number}")) == []
