# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What the plan adds to a play: the same play with the plan, with nothing in its place, and with the reading of ``hostvars`` alone."""

import pathlib
import tempfile
import typing as t

from tests.benchmarks import estates
from tests.benchmarks.controller import Controller
from tests.benchmarks.tables import Series

MEASURED = "measured"
NOTHING, READ, PLANNED, AGAIN = "no-op", "hostvars read", "plan, first", "plan, unchanged"
TASKS: dict[str, dict[str, t.Any]] = {
    NOTHING: {"ansible.builtin.debug": {"msg": "nothing"}},
    READ: {"read_hostvars": {}},
    PLANNED: {"portcullis.msports.plan": {"directory": "plan"}},
    AGAIN: {"portcullis.msports.plan": {"directory": "plan"}},
}


def measure(turns: int, sizes: t.Sequence[int], say: t.Callable[[str], None]) -> Series:
    """Return wall time, CPU time and the measured task's time by (case, size)."""
    series = Series()
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="msports-bench-") as folder:
            work = pathlib.Path(folder)
            controller = Controller(work, {"ANSIBLE_LOCALHOST_WARNING": "0"})
            inventory = controller.write("hosts.json", estates.as_ansible(estates.networks(size)))
            for turn in range(turns):
                for case, task in TASKS.items():
                    if case == PLANNED and turn:
                        (work / "plan").rename(work / f"plan{turn}")
                    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": MEASURED, **task}]}]
                    timed = controller.play(controller.write("play.json", play), inventory)
                    if timed.changed != (case == PLANNED):
                        raise RuntimeError(f"{case}, {size} hosts: changed is {timed.changed}")
                    series.add((case, size), wall=timed.wall, task=timed.tasks[MEASURED], cpu=timed.cpu)
                say(f"play of {size} hosts: turn {turn + 1} of {turns}")
    return series
