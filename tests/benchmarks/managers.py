# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Rules applied through firewalld or ufw on a host that boots systemd: by this collection, and by what people would use instead, in turns.

Ratios are made within one turn. Every run must have changed what it should, and the rules must be in the kernel and in the manager's files.
"""

import pathlib
import tempfile
import typing as t

from tests.benchmarks import rivals
from tests.benchmarks.apply import MEASURED, RUNS, SIZES, Task, rules
from tests.benchmarks.booted_host import CONTROLLER, PORT, BootedHost
from tests.benchmarks.controller import Controller, PlayFailed, Timed
from tests.benchmarks.tables import Series, table

NOTHING, OURS, BULK, LOOPED = "do-nothing module", "ours", "role of linux-system-roles", "loop"
FIRST, UNCHANGED = RUNS
RICH = 'rule family="ipv4" source address="{0}" port port="{1}" protocol="tcp" accept'
# Who takes part with which loop: turns by size. A loop of 400 rules takes minutes, twice.
LOOPS = {20: 2, 100: 2, 400: 1}
QUICK = {20: 1, 100: 1}
# How many times as long a loop took as the role, with one entry that lists all rich rules, in a run of its own of an earlier day (whole plays): where the role
# is not to be had, the loop stands for it.
RECORDED = {(20, FIRST): 0.83, (20, UNCHANGED): 0.82, (100, FIRST): 3.35, (100, UNCHANGED): 4.60, (400, FIRST): 12.6, (400, UNCHANGED): 16.3}
WANTED = {
    ("firewalld", LOOPED): {(100, FIRST): 15, (100, UNCHANGED): 15, (400, FIRST): 50, (400, UNCHANGED): 50},
    ("ufw", LOOPED): {(100, FIRST): 15, (100, UNCHANGED): 40, (400, FIRST): 50, (400, UNCHANGED): 50},
    ("firewalld", BULK): {(size, run): 4 for size in SIZES for run in RUNS},
}
MEASURES = (("wall", "play"), ("task", "tasks"), ("cpu", "CPU"))


def _ours(module: str) -> list[Task]:
    options = {"rules": "{{ rules }}", "management": {"addresses": [CONTROLLER], "ports": [str(PORT)]}}
    return [{"name": MEASURED, f"portcullis.msports.{module}": options}]


def _loop(module: str, options: t.Mapping[str, t.Any]) -> list[Task]:
    return [{"name": MEASURED, module: options, "loop": "{{ rules }}", "loop_control": {"label": "{{ item.name }}"}}]


def tasks(manager: str) -> dict[str, list[Task]]:
    """Return the tasks of a manager's cases, in the order of a turn. The role brings tasks of its own."""
    network, port = "{{ item.remote_addresses[0] }}", "{{ item.local_ports[0] }}"
    looped = {
        "firewalld": {"zone": "public", "rich_rule": RICH.format(network, port), "permanent": True, "immediate": True, "state": "enabled"},
        "ufw": {"rule": "allow", "direction": "in", "proto": "tcp", "from_ip": network, "to_port": port},
    }
    return {
        NOTHING: [{"name": MEASURED, "do_nothing": {"rules": "{{ rules }}"}}],
        OURS: _ours(f"{manager}_ruleset"),
        **({BULK: []} if manager == "firewalld" else {}),
        LOOPED: _loop(f"{rivals.LOOPED[manager]}.{manager}", looped[manager]),
    }


def role_entry(wanted: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Return the one entry of the role's variable that lists all rules."""
    rich = [RICH.format(rule["remote_addresses"][0], rule["local_ports"][0]) for rule in wanted]
    return {"zone": "public", "rich_rule": rich, "state": "enabled", "permanent": True, "runtime": True}


class Bench:
    """The host, the controller and what was measured. ``missing`` says of the rivals that are not here why."""

    def __init__(self, work: pathlib.Path, manager: str, host: BootedHost, cache: pathlib.Path, environment: t.Mapping[str, str]) -> None:
        self.manager, self.host, self.tasks = manager, host, tasks(manager)
        self.missing: dict[str, str] = {}
        self.series, self.versions = Series(), [host.version()]
        paths = {"ANSIBLE_COLLECTIONS_PATH": [str(work / "collections")], "ANSIBLE_ROLES_PATH": []}
        try:
            folder = rivals.collections(cache)
            paths["ANSIBLE_COLLECTIONS_PATH"].append(str(folder))
            self.versions.append(rivals.version(folder, rivals.LOOPED[manager]))
        except rivals.Missing as missing:
            self.missing[LOOPED] = str(missing)
        if BULK in self.tasks:
            try:
                self.role = rivals.role(work, environment)
                if not host.has_packages_module():
                    raise rivals.Missing("it asks for packages, and the image lacks python3-apt, without which Ansible's module does not work")
                paths[self.role.variable].append(self.role.folder)
                self.versions.append(self.role.version)
            except rivals.Missing as missing:
                self.missing[BULK] = str(missing)
        self.controller = Controller(work, {**host.environment, **{name: ":".join(folders) for name, folders in paths.items() if folders}})
        self.inventory = self.controller.write("hosts.json", {"all": {"hosts": {"target": host.variables}}})

    def turn(self, size: int, looped: bool) -> None:
        """Measure each case once: first run and unchanged run on a host that was reset."""
        for case in self.tasks:
            if case in self.missing or (case == LOOPED and not looped):
                continue
            self.host.reset()
            for run in RUNS:
                timed, cpu = self._play(case, size)
                check(case, size, run, timed.changed, self.host.live(), self.host.saved())
                self.series.add((case, size, run), wall=timed.wall, task=sum(timed.tasks.values()), cpu=cpu)

    def _play(self, case: str, size: int) -> tuple[Timed, float]:
        wanted = rules(size)
        play: dict[str, t.Any] = {"hosts": "target", "gather_facts": False, "vars": {"rules": wanted}, "tasks": self.tasks[case]}
        if case == BULK:
            play.update(vars={"firewall": [role_entry(wanted)]}, roles=[self.role.name], tasks=[])
        playbook = self.controller.write("play.json", [play])
        self.host.cpu()
        try:
            timed = self.controller.play(playbook, self.inventory)
        except PlayFailed as failed:
            raise PlayFailed(f"{case}, {size} rules: {failed}") from failed
        return timed, timed.cpu + self.host.cpu()


def check(case: str, size: int, run: str, changed: bool, live: set[tuple[str, str]], saved: set[str]) -> None:
    """Raise RuntimeError when a run did not do what it should: a time of something else means nothing.

    ``live``: network and port of the rules in the kernel; ``saved``: networks in the manager's files.
    """
    if changed != (run == FIRST and case != NOTHING):
        raise RuntimeError(f"{case}, {size} rules, {run} run: changed is {changed}")
    wanted = {(rule["remote_addresses"][0], rule["local_ports"][0]) for rule in rules(size)} if case != NOTHING else set()
    networks = {network for network, _port in wanted}
    for where, missing, more in (("kernel", wanted - live, live - wanted), ("manager's files", networks - saved, saved - networks)):
        if missing or more:
            raise RuntimeError(f"{case}, {size} rules, {run} run: in the {where} {len(missing)} rules are missing, and {len(more)} are too many")


def measure(
    manager: str, turns: int, sizes: t.Sequence[int], loops: t.Mapping[int, int], say: t.Callable[[str], None], cache: pathlib.Path, env: t.Mapping[str, str]
) -> Bench:
    """Return what was measured. ``loops``: in how many turns the looped rival takes part, by size."""
    with tempfile.TemporaryDirectory(prefix="msports-bench-") as folder:
        host = BootedHost(pathlib.Path(folder), manager)
        try:
            bench = Bench(pathlib.Path(folder), manager, host, cache, env)
            for case, why in bench.missing.items():
                say(f"{case}: left out, because {why}")
            for turn in range(turns):
                for size in sizes:
                    bench.turn(size, turn < loops.get(size, 0))
                    say(f"{manager}: turn {turn + 1} of {turns}: {size} rules")
            host.login.hang_up()
            return bench
        finally:
            host.close()


def times(bench: Bench, sizes: t.Sequence[int]) -> str:
    """Return the table of seconds: medians and minima."""
    rows = []
    for case in bench.tasks:
        for size in sizes:
            keys = [(case, size, run) for run in RUNS]
            if keys[0] in bench.series:
                cells = [f"{bench.series.median(key, what):.2f} ({bench.series.minimum(key, what):.2f})" for key in keys for what, _word in MEASURES]
                rows.append([case, size, *cells, len(bench.series.values[keys[0]])])
    return table(["", "rules", *(f"{run} run: {word}" for run in RUNS for _what, word in MEASURES), "turns"], rows)


def ratios(series: Series, manager: str, sizes: t.Sequence[int]) -> list[list[t.Any]]:
    """Return rows: words, rules, run, ratios to ours by :data:`MEASURES` (medians of pairs), that of the least whole plays, what is wanted of whole plays."""
    rows: list[list[t.Any]] = []
    for size in sizes:
        for run in RUNS:
            ours, nothing = (OURS, size, run), (NOTHING, size, run)
            rows.append([f"ours to {NOTHING}", size, run, *_compared(series, ours, nothing), ""])
            for case in (BULK, LOOPED):
                wanted = WANTED.get((manager, case), {}).get((size, run))
                words = f">= {wanted}" if wanted else ""
                if (case, size, run) in series:
                    rows.append([f"{case} to ours", size, run, *_compared(series, (case, size, run), ours), words])
                elif case == BULK and manager == "firewalld" and (LOOPED, size, run) in series:
                    stands = series.ratio((LOOPED, size, run), ours, "wall") / RECORDED[size, run]
                    rows.append([f"{BULK} to ours, by the loop and the ratio of an earlier day", size, run, stands, "", "", "", words])
    return rows


def _compared(series: Series, key: t.Hashable, other: t.Hashable) -> list[float]:
    return [*(series.ratio(key, other, what) for what, _word in MEASURES), series.minimum(key, "wall") / series.minimum(other, "wall")]


def report(bench: Bench, sizes: t.Sequence[int], turns: int) -> str:
    head = ["ratio", "rules", "run", *(word for _what, word in MEASURES), "play, of minima", "wanted of the play"]
    lines = [f"{', '.join(bench.versions)}. Seconds, medians (minima) of {turns} turns; loops fewer.", times(bench, sizes)]
    lines += [f"{case}: left out, because {why}" for case, why in bench.missing.items()]
    return "\n\n".join([*lines, "Medians of the ratios within a turn.", table(head, ratios(bench.series, bench.manager, sizes))])
