# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Something ends midway, over real ssh and at a random write point: the controller, its ssh, the network, the host. Host and report agree all the same.

A change is held right before one of its points (``held.py``), then it happens, then the change goes on as far as it can. ``MSPORTS_POINTS`` says how many
points each of these is drawn for.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from networks import CUTS, exists
from sites import ADMIN, OPTIONS, WATCHFUL, WAYS, WEB, Running, Site, crashed, locked, play, sites_of, task, wait_for, wrong_with

POINTS = int(os.environ.get("MSPORTS_POINTS", "6"))
SEED = int(os.environ.get("MSPORTS_SEED", "0"))
HELD = "/opt/test/held"
# The signal, and whether all processes of the controller get it.
SIGNALS = {
    "HUP to the terminal": (signal.SIGHUP, True),
    "INT to the terminal": (signal.SIGINT, True),
    "TERM to the controller": (signal.SIGTERM, False),
    "KILL to the controller": (signal.SIGKILL, False),
    "KILL to all of it": (signal.SIGKILL, True),
}
ENDS = (*SIGNALS, "KILL to ssh", *CUTS, "the host is killed")
FIRST = {"rules": [ADMIN]}
PLANS = ("first", "change", "change", "lockout", "absent")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[list[Site]]:
    made = sites_of(tmp_path_factory)
    code = pathlib.Path(__file__).with_name("held.py").read_text(encoding="utf-8")
    for site in made:
        container = site.hosts[0].container
        container.python(f"import os; os.makedirs({HELD!r}, exist_ok=True); open('{HELD}/sitecustomize.py', 'w').write({code!r})")
        container.run(f"printf '#!/bin/sh\\nPYTHONPATH={HELD} exec /usr/bin/python3 \"$@\"\\n' > {HELD}/python && chmod 755 {HELD}/python")
    yield made
    for site in made:
        site.close()


class Drill:
    """One change that is held at a point, and what it came to."""

    def __init__(self, site: Site, end: str, number: int) -> None:
        self.site, self.host, self.end = site, site.hosts[0], end
        self.chance = random.Random(f"{SEED}/{number}/{end}/{self.host.backend}")
        self.plan = self.chance.choice(PLANS)
        self.way = self.chance.choice(list(WAYS))
        self.stays_cut = end in CUTS and number % 2 == 1  # until the controller has given up
        # Who waits for a host that is gone waits for hours.
        self.watchful = self.stays_cut or end == "the host is killed" or self.chance.random() < 0.5
        self.seconds = self.chance.choice([4, 20])
        self.wrong: list[str] = []

    def options(self) -> dict[str, t.Any]:
        if self.plan == "absent":
            return {"backend": self.host.backend, "state": "absent"}
        if self.plan == "lockout":
            return locked(self.host.backend, self.seconds)
        rules = [ADMIN] if self.plan == "first" else [ADMIN, WEB]
        return {"backend": self.host.backend, "rules": rules, "rollback_timeout": self.seconds}

    def apply(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        given = {**options, "rollback_timeout": 0}
        return self.host.drill(f"given = {given!r}; given.pop('backend', None); answer = apply(given.pop('rules', []), given.pop('rollback_timeout'), **given)")

    def begin(self) -> dict[str, str]:
        """The rules from before, as they are; what a host has that restarts is what it has after another restart."""
        self.host.clean()
        if self.plan != "first":
            self.apply(FIRST)
        if self.end == "the host is killed":
            self.restart()
        return self.host.drill("answer = state()")

    def start(self, point: int) -> Running:
        self.host.container.run(f"rm -f {HELD}/count {HELD}/waiting {HELD}/go {HELD}/alive.*; echo {point} > {HELD}/point; chmod 777 {HELD}")
        options = OPTIONS + (WATCHFUL if self.watchful else "")
        variables = {**WAYS[self.way], "ansible_python_interpreter": f"{HELD}/python", "options": options}
        return self.site.run([play(task("it", **self.options()))], {"host": self.site.variables(1, **variables)})

    def points(self) -> int:
        """How many points such a change has when nothing happens to it."""
        known = self.site.points
        if self.plan not in known:
            self.begin()
            self.start(0).end()
            known[self.plan] = int(self.host.container.run(f"cat {HELD}/count"))
        return known[self.plan]

    def happen(self, running: Running) -> None:
        if self.end in SIGNALS:
            running.send(*SIGNALS[self.end])
        elif self.end == "KILL to ssh":
            for pid in self.site.clients():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        elif self.end in CUTS:
            self.site.network.cut(1, self.end)
        else:
            self.restart()

    def restart(self) -> None:
        """End the host like a power failure does, and start it again."""
        crashed(self.host)
        self.site.network.wire(1, self.host.container.pid)

    def run(self) -> list[str]:
        point = self.chance.randint(1, self.points())
        before = self.begin()
        running = self.start(point)
        pid = self.host.container.pid
        wait_for(lambda: exists(pid, f"{HELD}/waiting") or running.process.poll() is not None)
        self.happen(running)
        self.host.container.run(f"touch {HELD}/go")
        if self.end in CUTS:
            self.settled()  # the host ends by itself what it began; then the network is back
            if self.stays_cut:
                running.end()
            self.site.network.mend(1)
        running.end()
        note = self.settled()
        self.judge(before, running.told().get(("host", "it")), note)
        name = f"{self.host.backend}, {self.end}, {self.plan} before point {point}, {self.way}, {self.seconds} s, {self.watchful}, {self.stays_cut}"
        print(name)
        return [f"{name}: {line}" for line in self.wrong] + ([running.said] if self.wrong else [])

    def settled(self) -> t.Optional[dict[str, t.Any]]:
        """Wait until the processes of the change have ended and nothing waits any more; return the host's note."""
        self.host.container.run(f"for file in {HELD}/alive.*; do while kill -0 ${{file##*.}} 2> /dev/null; do sleep 0.1; done; done")
        note = self.host.drill("note = settled(); answer = note and note._asdict()")
        return t.cast("t.Optional[dict[str, t.Any]]", note)

    def judge(self, before: dict[str, str], told: t.Optional[dict[str, t.Any]], note: t.Optional[dict[str, t.Any]]) -> None:
        """Hold what the host has against what was said, and against what the next run says and does."""
        confirmed = self.host.drill("answer = bool(Shelf(OWNER).remembered() or Shelf(OWNER).look())")
        again = self.apply(FIRST if self.plan != "first" else {"state": "absent"})
        said, has_new = told or {}, again["changed"]
        lost = self.host.drill(f"answer = difference({before!r}, state())")
        outcome = said.get("rollback", {}).get("confirmed"), said.get("rolled_back")
        faults = {
            "the next run is refused, or fails": "refused" in again or "failed" in again,
            "a rollback that the next run does not tell": note and "rolled_back_before" not in again,
            "taken back, and the new rules are there": note and has_new,
            "said to be taken back, and it is not": outcome[1] and (has_new or not note),
            "said to be confirmed, and it is not": outcome[0] and (note or not has_new),
            "said to be changed, and it is not": self.plan == "absent" and said.get("changed") and not said.get("failed") and not has_new,
            "a lockout stays": self.plan == "lockout" and has_new,
            "nobody confirmed it, and it stays": self.plan in ("first", "change") and has_new and not confirmed and self.end != "the host is killed",
        }
        self.wrong += [f"{name}: said {said}, note {note}, next run {again}" for name, there in faults.items() if there]
        self.wrong += [f"not as before: {line}" for line in lost]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("number", range(POINTS))
def test_what_ends_midway_leaves_a_host_and_a_report_that_agree(sites: list[Site], number: int, end: str) -> None:
    wrong = wrong_with(lambda site: Drill(site, end, number).run(), sites)
    assert not wrong, "\n".join(wrong)
