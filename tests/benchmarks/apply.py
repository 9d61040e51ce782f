# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Rules applied to one host, by this collection and by what people would use instead, in turns: A B C D, A B C D.

Ratios are made pair by pair, within one turn, because the speed of a machine drifts.
"""

import pathlib
import shutil
import tempfile
import typing as t

from tests.benchmarks.controller import Controller, Timed
from tests.benchmarks.target import CONTROLLER, PORT, Target
from tests.benchmarks.tables import Series

SIZES = (20, 100, 400)
RUNS = ("first", "unchanged")
# In a play of its own the first task also logs in and bundles the module (once for all hosts). What the module alone costs shows in
# tasks that follow it: the same again, and then, after an untimed removal of the rules, once more as a change.
MEASURED, AGAIN, REMOVED, ANEW = "measured", "again", "removed", "anew"
REMOVAL = "nft delete table inet msports; rm -rf /etc/portcullis"
TEMPLATE = """table inet bench
delete table inet bench
table inet bench {
  chain input {
    type filter hook input priority 0; policy drop;
    iif "lo" accept
    ct state established,related accept
    ip saddr {{ controller }} tcp dport {{ ssh_port }} accept
{% for rule in rules %}
    ip saddr {{ rule.remote_addresses[0] }} tcp dport {{ rule.local_ports[0] }} accept comment "{{ rule.name }}"
{% endfor %}
  }
}
"""
Task = t.Dict[str, t.Any]


def rules(size: int) -> list[dict[str, t.Any]]:
    """Return rules of which no two have a port or a network in common."""
    return [
        {
            "name": f"in tcp/{10000 + number} from number {number}",
            "direction": "in",
            "protocol": "tcp",
            "local_ports": [str(10000 + number)],
            "remote_addresses": [f"10.{number // 256}.{number % 256}.0/24"],
        }
        for number in range(size)
    ]


def _nothing() -> list[Task]:
    return [{"name": MEASURED, "do_nothing": {"rules": "{{ rules }}"}}]


def _ours(persist: bool) -> list[Task]:
    ssh = {"name": "in tcp/22 from management", "direction": "in", "protocol": "tcp", "local_ports": [str(PORT)], "remote_addresses": [CONTROLLER]}
    options = {
        "rules": "{{ rules + [ssh] }}",
        "backend": "nftables",
        "persist": persist,
        "management": {"addresses": [CONTROLLER], "ports": [str(PORT)]},
    }
    return [{"name": MEASURED, "portcullis.msports.linux_ruleset": options, "vars": {"ssh": ssh}}]


def _template() -> list[Task]:
    return [
        {"name": MEASURED, "ansible.builtin.template": {"src": "bench.nft.j2", "dest": "/etc/bench.nft", "mode": "0600"}, "register": "file"},
        {"name": MEASURED, "ansible.builtin.command": "nft -f /etc/bench.nft", "when": "file is changed"},
    ]


def _iptables() -> list[Task]:
    options = {
        "chain": "INPUT",
        "protocol": "tcp",
        "source": "{{ item.remote_addresses[0] }}",
        "destination_port": "{{ item.local_ports[0] }}",
        "jump": "ACCEPT",
        "comment": "{{ item.name }}",
    }
    return [{"name": MEASURED, "ansible.builtin.iptables": options, "loop": "{{ rules }}", "loop_control": {"label": "{{ item.name }}"}}]


OURS, SAVED, NOTHING, WRITTEN, LOOPED = "ours", "ours, saved for the next boot", "do-nothing module", "template + nft -f", "looped iptables"
FURTHER = (NOTHING, OURS, SAVED)
VERY_FIRST = "ours, the first rules on a host"
CASES: dict[str, t.Callable[[], list[Task]]] = {
    NOTHING: _nothing,
    OURS: lambda: _ours(False),
    SAVED: lambda: _ours(True),
    WRITTEN: _template,
    LOOPED: _iptables,
}


class Bench:
    """The host, the controller and what was measured."""

    def __init__(self, work: pathlib.Path) -> None:
        self.target = Target(work)
        self.controller = Controller(work, self.target.environment)
        self.inventory = self.controller.write("hosts.json", {"all": {"hosts": {"target": self.target.variables}}})
        (work / "bench.nft.j2").write_text(TEMPLATE, encoding="utf-8")
        self.series = Series()

    def very_first(self, size: int) -> None:
        """Measure the first rules that a host ever gets, with a kernel that tracks no connections yet."""
        self.target.reset(tracked=False)
        self._add(VERY_FIRST, size, "first", self._play(size, CASES[OURS]()))

    def turn(self, size: int, cases: t.Sequence[str]) -> None:
        """Measure each case once: first run and unchanged run on a host that was reset."""
        for case in cases:
            self.target.reset()
            for run in RUNS:
                timed = self._play(size, CASES[case]())
                if case != NOTHING and timed.changed != (run == "first"):
                    raise RuntimeError(f"{case}, {size} rules, {run} run: changed is {timed.changed}")
                self._add(case, size, run, timed)
            if case in FURTHER:
                self._further(case, size)
            if case != NOTHING and self.target.rules() < size:
                raise RuntimeError(f"{case}: the kernel holds {self.target.rules()} rules of {size}")

    def _further(self, case: str, size: int) -> None:
        """Measure what a host costs when an earlier task has logged in and bundled the module: nothing to do, and then everything."""
        task = CASES[case]()[0]
        removal = {"name": REMOVED, "ansible.builtin.raw": "true" if case == NOTHING else REMOVAL, "changed_when": False}
        timed = self._play(size, [task, {**task, "name": AGAIN}, removal, {**task, "name": ANEW}])
        for name in (AGAIN, ANEW):
            self.series.add((case, size, name), task=timed.tasks[name])

    def _add(self, case: str, size: int, run: str, timed: Timed) -> None:
        cpu = timed.cpu + self.target.cpu()
        self.series.add((case, size, run), wall=timed.wall, task=timed.tasks[MEASURED], cpu=cpu)

    def _play(self, size: int, tasks: t.Sequence[Task]) -> Timed:
        self.target.hang_up()
        self.target.cpu()
        values = {"rules": rules(size), "controller": CONTROLLER, "ssh_port": PORT}
        play = [{"hosts": "target", "gather_facts": False, "vars": values, "tasks": list(tasks)}]
        return self.controller.play(self.controller.write("play.json", play), self.inventory)


def measure(turns: int, sizes: t.Sequence[int], loops: t.Mapping[int, int], say: t.Callable[[str], None]) -> tuple[Series, str]:
    """Return the times and how the host was reached. ``loops``: in how many turns the looped rival takes part, by size."""
    with tempfile.TemporaryDirectory(prefix="msports-bench-") as folder:
        bench = Bench(pathlib.Path(folder))
        say(f"target: a network namespace, reached by {bench.target.way}")
        if not shutil.which("iptables"):
            say("iptables is not installed (apt-get install iptables): its loop is left out")
            loops = {}
        for turn in range(turns):
            for size in sizes:
                cases = [case for case in CASES if case != LOOPED or turn < loops.get(size, 0)]
                bench.turn(size, cases)
                bench.very_first(size)
                say(f"turn {turn + 1} of {turns}: {size} rules")
        bench.target.hang_up()
        return bench.series, bench.target.way
