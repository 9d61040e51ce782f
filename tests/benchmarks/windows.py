# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Rules for a Windows host, reconciled by this collection and looped rule by rule, over the same stand-in for Windows, in turns.

What runs on the host is run by Mono against a policy store in a file, so calls, enumerations and commits are real and their seconds are
not those of Windows. Counts that are not as promised end the benchmark.
"""

import json
import pathlib
import shutil
import sys
import tempfile
import typing as t

from tests.benchmarks.controller import HERE, ROOT, Controller, Timed
from tests.benchmarks.tables import Series

sys.path.insert(0, str(ROOT / "tests" / "windows"))

import policy_file  # noqa: E402  (the stand-in's modules lie in its folder)

SIZES = (20, 100, 400, 1000)
MEASURED = "measured"
OURS, LOOPED, NOTHING = "ours", "looped, one run a rule", "one call that only reads"
FIRST, UNCHANGED, CHANGED = "first", "unchanged", "a tenth changed"
OTHERS = 400  # rules of others: about what a server has
SESSION = {"peer": "10.9.0.5", "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986}
Plain = t.Dict[str, t.Any]


class Counted(t.NamedTuple):
    """What one run cost: times, and what connection and store counted."""

    timed: Timed
    calls: int
    enumerations: int
    commits: int
    kib: float


def rules(size: int, changed: int = 0) -> list[Plain]:
    """Return wire rules of which no two have a port or a network in common; the first ``changed`` have another network."""
    return [
        {
            "name": f"in tcp/{10000 + number} from number {number}",
            "direction": "in",
            "protocol": "tcp",
            "local_ports": [str(10000 + number)],
            "remote_addresses": [f"{11 if number < changed else 10}.{number // 256}.{number % 256}.0/24"],
            "description": "configmgr.management_point.site_server.https.tcp (ports-configmgr-2018-09#BKMK_PortsMP-SiteServer row 1)",
        }
        for number in range(size)
    ]


def tenth(size: int) -> int:
    return max(1, size // 10)


def store() -> Plain:
    """Return a server whose management is admitted, with as many rules of others as servers have."""
    content = policy_file.fresh_server(remote_desktop=True, file_sharing=True, wmi=True)
    content["sessions"] = [SESSION]
    number = 0
    while len(content["rules"]) < OTHERS:
        number += 1
        port = str(20000 + number)
        policy_file.add(content, policy_file.rule(f"Application {number} (TCP-In)", enabled=number % 2 == 0, protocol=policy_file.TCP, local_ports=port))
    return content


def _ours(_size: int) -> Plain:
    return {"portcullis.msports.win_firewall_ruleset": {"rules": "{{ rules }}", "management": {"addresses": ["10.9.0.5"], "ports": ["5986"]}}}


def _looped(_size: int) -> Plain:
    options = {
        "name": "{{ item.name }}",
        "description": "{{ item.description }}",
        "group": "looped",
        "localport": "{{ item.local_ports[0] }}",
        # in the form in which Windows gives it back, or no run would ever be unchanged
        "remoteip": "{{ item.remote_addresses[0] | replace('/24', '/255.255.255.0') }}",
    }
    return {"portcullis.bench.looped_rule": options, "loop": "{{ rules }}", "loop_control": {"label": "{{ item.name }}"}}


def _nothing(_size: int) -> Plain:
    return {"portcullis.msports.win_firewall_ruleset_info": {}}


CASES: dict[str, t.Callable[[int], Plain]] = {NOTHING: _nothing, OURS: _ours, LOOPED: _looped}


class Bench:
    """The stand-in host, the controller, and what was measured."""

    def __init__(self, work: pathlib.Path) -> None:
        self.work = work
        self.controller = Controller(work, {"MSPORTS_ENGINE_CACHE": str(work / "engine")})
        self._copy()
        self.path, self.calls = work / "w1.json", work / "calls.jsonl"
        host = {
            "ansible_connection": "portcullis.lab.windows_stand_in",
            "msports_stand_in": str(self.path),
            "msports_stand_in_calls": str(self.calls),
            "msports_stand_in_engine": "mono",
        }
        self.inventory = self.controller.write("hosts.json", {"all": {"hosts": {"w1": host}}})
        self.series = Series()
        self.counts: dict[tuple[str, int, str], Counted] = {}

    def _copy(self) -> None:
        """Copy the connection with its engine, and the rival, as the controller does with the collection: somebody may be working on them."""
        tests, collections = ROOT / "tests", self.work / "collections/ansible_collections/portcullis"
        for part in ("windows", "lab/collections"):
            shutil.copytree(tests / part, self.work / "tests" / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(HERE / "collections/ansible_collections/portcullis/bench", collections / "bench")
        (collections / "lab").unlink()
        (collections / "lab").symlink_to(self.work / "tests/lab/collections/ansible_collections/portcullis/lab", target_is_directory=True)

    def warm(self) -> None:
        """Compile what each case sends, once, as the engine does for all runs with the same sources."""
        for case in CASES:
            self.reset()
            self._play(case, rules(1))

    def reset(self) -> None:
        policy_file.write(self.path, store())

    def turn(self, size: int, cases: t.Sequence[str]) -> None:
        for case in cases:
            self.reset()
            for run in _runs(case, size):
                changes = {FIRST: size, UNCHANGED: 0, CHANGED: tenth(size)}[run]
                counted = self._play(case, rules(size, changes if run == CHANGED else 0))
                self._check(case, size, run, changes, counted)
                self.counts[case, size, run] = counted
                timed = counted.timed
                self.series.add((case, size, run), wall=timed.wall, task=timed.tasks[MEASURED], cpu=timed.cpu)

    def _play(self, case: str, wanted: t.Sequence[Plain]) -> Counted:
        self.calls.write_text("", encoding="utf-8")
        before = policy_file.read(self.path)["counters"]
        play = [{"hosts": "w1", "gather_facts": False, "vars": {"rules": list(wanted)}, "tasks": [{"name": MEASURED, **CASES[case](len(wanted))}]}]
        timed = self.controller.play(self.controller.write("play.json", play), self.inventory)
        after = policy_file.read(self.path)["counters"]
        told = [json.loads(line) for line in self.calls.read_text(encoding="utf-8").splitlines()]
        kib = sum(item["bytes"] for item in told) / 1024
        return Counted(timed, len(told), after["enumerations"] - before["enumerations"], after["commits"] - before["commits"], kib)

    def _check(self, case: str, size: int, run: str, changes: int, counted: Counted) -> None:
        calls = {OURS: 2 if changes else 1, LOOPED: size, NOTHING: 1}[case]
        found = (counted.timed.changed, counted.calls, counted.enumerations, counted.commits)
        wanted = (bool(changes), calls, calls, changes)
        if found != wanted:
            raise RuntimeError(f"{case}, {size} rules, {run}: (changed, calls, enumerations, commits) are {found}, not {wanted}")
        if case == OURS and len(policy_file.own(policy_file.read(self.path))) != size:
            raise RuntimeError(f"{case}: the store does not hold {size} rules")


def _runs(case: str, size: int) -> t.Sequence[str]:
    if case == NOTHING:
        return (UNCHANGED,)
    return (FIRST, UNCHANGED) if case == LOOPED and size >= 1000 else (FIRST, UNCHANGED, CHANGED)  # such a loop takes minutes a run


def measure(turns: int, sizes: t.Sequence[int], loops: t.Mapping[int, int], say: t.Callable[[str], None]) -> Bench:
    """Return what was measured. ``loops``: in how many turns the looped rival takes part, by size."""
    with tempfile.TemporaryDirectory(prefix="msports-bench-") as folder:
        bench = Bench(pathlib.Path(folder))
        bench.warm()
        for turn in range(turns):
            for size in sizes:
                bench.turn(size, [case for case in CASES if case != LOOPED or turn < loops.get(size, 0)])
            say(f"turn {turn + 1} of {turns}")
        return bench
