# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""How fast the collection is, and what people would use instead:
``python -m tests.benchmarks [--quick] [plan|questions|play|sliced|apply|firewalld|ufw|windows|powershell ...]``.

Times depend on the machine and on what else it does; the ratios are what counts. Nothing here decides whether a change is good.
"""

import argparse
import contextlib
import datetime
import functools
import json
import os
import platform
import subprocess
import sys
import typing as t

from tests.benchmarks import booted_host, target
from tests.benchmarks.controller import ROOT
from tests.benchmarks.core import STAGES
from tests.benchmarks.tables import Series, table
from tests.tools import checkout

OUTPUT = ROOT / ".cache" / "bench"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="fewer turns and sizes, no loop of 400 rules")
    parser.add_argument("--no-loops", action="store_true", help="leave out the looped rival, which takes most of the time")
    parser.add_argument("--turns", type=int, help="how often everything is measured")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    checkout.link()
    sys.path.insert(0, str(checkout.CACHE / "collections"))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if not _again():
        print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Linux {platform.release()}, Python {platform.python_version()}")
    cannot = []
    for part in options.parts or PARTS:
        if not _again():
            print(f"\n## {part}\n", flush=True)
        try:
            PARTS[part](options)
        except CannotMeasure as why:
            cannot.append(f"{part}: this machine cannot measure it: {why}")
            print(cannot[-1], flush=True)
    if cannot:
        sys.exit(1)


class CannotMeasure(Exception):
    """This machine cannot run a part; the text says exactly why. The other parts are measured all the same."""


def _again() -> bool:
    """Tell whether this process was started by a part to measure inside namespaces."""
    return target.is_inside() or booted_host.is_inside()


def _chosen(options: argparse.Namespace) -> list[str]:
    """Return the options as they were given, for a part that starts this program again."""
    given = [*(["--quick"] if options.quick else []), *(["--no-loops"] if options.no_loops else [])]
    return [*given, *(["--turns", str(options.turns)] if options.turns else [])]


def apply(options: argparse.Namespace) -> None:
    """Measure inside private namespaces, in a process of its own: what enters them does not come back."""
    if not target.is_inside():
        chosen = _chosen(options)
        code = "import sys; sys.path.insert(0, '.'); from tests.benchmarks import target; target.enter(sys.argv[1:])"
        done = subprocess.run([sys.executable, "-c", code, "-m", "tests.benchmarks", "apply", *chosen], cwd=ROOT, check=False)
        if done.returncode != 0:
            sys.exit(f"apply: ended with {done.returncode}")
        return
    from tests.benchmarks import apply as part

    sizes = (20, 100) if options.quick else part.SIZES
    turns = options.turns or (2 if options.quick else 5)
    loops = {} if options.no_loops else {20: 1, 100: 1 if options.quick else 2, 400: 1}
    series, way = part.measure(turns, sizes, loops, _say)
    _keep("apply", {"way": way, "series": series.plain()})
    print(f"\nReached by {way}. Seconds, medians (minima) of {turns} turns; loops fewer.\n")
    print(_apply_times(series, sizes), end="\n\n")
    print(_apply_ratios(series, sizes))


def _apply_times(series: Series, sizes: t.Sequence[int]) -> str:
    from tests.benchmarks import apply as part

    rows = []
    for case in (*part.CASES, part.VERY_FIRST):
        for size in sizes:
            cells: list[t.Any] = [case, size]
            for run in part.RUNS:
                for what in ("wall", "task", "cpu"):
                    cells.append(_seconds(series, (case, size, run), what))
            rows.append([*cells, *(_seconds(series, (case, size, run), "task") for run in (part.ANEW, part.AGAIN))])
    head = ["", "rules", "first: play", "task", "CPU", "unchanged: play", "task", "CPU", "warm, first: task", "warm, unchanged: task"]
    return table(head, [row for row in rows if any(cell != "" for cell in row[2:])])


def _seconds(series: Series, key: t.Hashable, what: str) -> str:
    return f"{series.median(key, what):.2f} ({series.minimum(key, what):.2f})" if key in series else ""


def _apply_ratios(series: Series, sizes: t.Sequence[int]) -> str:
    from tests.benchmarks import apply as part

    rows = []

    def ratio(words: str, size: t.Any, key: t.Hashable, other: t.Hashable, what: str, target_of_design: str) -> None:
        if key in series and other in series:
            rows.append([words, size, series.ratio(key, other, what), series.minimum(key, what) / series.minimum(other, what), target_of_design])

    few, many = sizes[0], sizes[-1]
    for case in (part.OURS, part.SAVED):
        for run in (*part.RUNS, part.ANEW, part.AGAIN):
            ratio(f"{case}, {WORDS[run]}: task with {many} rules to {few}", many, (case, many, run), (case, few, run), "task", "<= 1.25")
    for size in sizes:
        for case in (part.OURS, part.SAVED):
            for run, wanted in (("first", "<= 1.4"), ("unchanged", "<= 1.25"), (part.ANEW, "<= 1.4"), (part.AGAIN, "<= 1.25")):
                ratio(f"{case} to {part.NOTHING}, {WORDS[run]}: task", size, (case, size, run), (part.NOTHING, size, run), "task", wanted)
        for run in part.RUNS:
            for what, word in (("wall", "play"), ("task", "task"), ("cpu", "CPU")):
                ratio(f"{part.WRITTEN} to ours, saved, {WORDS[run]}: {word}", size, (part.WRITTEN, size, run), (part.SAVED, size, run), what, ">= 1")
                wanted = {100: ">= 18", 400: ">= 50"}.get(size, "")
                ratio(f"{part.LOOPED} to ours, saved, {WORDS[run]}: {word}", size, (part.LOOPED, size, run), (part.SAVED, size, run), what, wanted)
    return table(["ratio", "rules", "median of pairs", "of minima", "wanted"], rows)


WORDS = {"first": "first run", "unchanged": "unchanged run", "anew": "warm, first run", "again": "warm, unchanged run"}


def plan(options: argparse.Namespace) -> None:
    """Compile estates, each measurement in a fresh process, sizes and estates in turns."""
    from tests.benchmarks import estates

    sizes = (100, 1000) if options.quick else (100, 1000, 10000)
    turns = options.turns or (1 if options.quick else 3)
    found: dict[tuple[str, int], list[dict[str, t.Any]]] = {}
    for turn in range(turns):
        for kind in estates.ESTATES:
            for size in sizes:
                command = [sys.executable, "-m", "tests.benchmarks.core", kind, str(size)]
                told = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
                found.setdefault((kind, size), []).append(told)
        _say(f"turn {turn + 1} of {turns}")
    _keep("plan", [item for items in found.values() for item in items])
    rows, stages = [], []
    for (kind, size), items in found.items():
        best = min(items, key=lambda item: item["cpu"])
        smaller = found.get((kind, size // 10))
        growth = best["cpu"] / min(item["cpu"] for item in smaller) if smaller else ""
        seconds = min(item["seconds"] for item in items)
        sizes_of = [best["rules"], best["distinct_rulesets"], best["addresses"]]
        rows.append([kind, size, *sizes_of, seconds, best["cpu"], best["rules"] / best["cpu"], growth, best["mib"], best["save_cpu"], best["mib_saved"]])
        stages.append([kind, size, *(best["stages"][stage] for stage in (*STAGES, "rest")), best["save"]])
    head = ["estate", "hosts", "rules", "different rulesets", "addresses in sets", "compile, s", "compile, CPU s", "rules/s of CPU", "growth for 10 x hosts"]
    print(f"\nThe best of {turns} turns.\n")
    print(table([*head, "peak MiB", "save, CPU s", "peak MiB with saving"], rows), end="\n\n")
    print("CPU seconds by stage; save: seconds of wall time.\n")
    print(table(["estate", "hosts", *STAGES, "rest", "save"], stages))


def questions(options: argparse.Namespace) -> None:
    """Ask plans; each size in a fresh process, sizes in turns."""
    from tests.benchmarks import questions as part

    sizes = (1000,) if options.quick else (1000, 10000)
    turns = options.turns or (1 if options.quick else 3)
    found: dict[int, list[dict[str, t.Any]]] = {}
    for _turn in range(turns):
        for size in sizes:
            command = [sys.executable, "-m", "tests.benchmarks.questions", str(size)]
            found.setdefault(size, []).append(json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout))
    _keep("questions", [item for items in found.values() for item in items])
    rows = []
    for size, items in found.items():
        for kind, goal in part.GOALS.items():
            rows.append([size, items[0]["rules"], kind, max(item[kind]["per_second"] for item in items), items[0][kind]["yes"], goal])
    print(f"\nThe best of {turns} turns.\n")
    print(table(["hosts", "rules", "question", "a second of CPU", "answered with yes", "wanted"], rows), end="\n\n")
    claims = [[size, item["claim"], item["holds"], item["seconds"], "< 1"] for size, items in found.items() for item in items[0]["claims"]]
    print(table(["hosts", "claim", "holds", "CPU s", "wanted"], claims))


def play(options: argparse.Namespace) -> None:
    """Measure what the plan adds to a play."""
    from tests.benchmarks import plays

    sizes = (100, 1000) if options.quick else (1000, 5000)
    turns = options.turns or (1 if options.quick else 3)
    series = plays.measure(turns, sizes, _say)
    _keep("play", series.plain())
    rows = []
    for size in sizes:
        nothing = (plays.NOTHING, size)
        for case in plays.TASKS:
            key = (case, size)
            added = min(mine["wall"] - none["wall"] for mine, none in zip(series.values[key], series.values[nothing], strict=True))
            cpu = min(mine["cpu"] - none["cpu"] for mine, none in zip(series.values[key], series.values[nothing], strict=True))
            rows.append([size, case, _seconds(series, key, "wall"), _seconds(series, key, "task"), added, cpu])
    print(f"\nSeconds, medians (minima) of {turns} turns; what is added: least difference to the no-op within one turn.\n")
    print(table(["hosts", "task", "whole play", "task", "added to the play", "added, CPU s"], rows))


def sliced(options: argparse.Namespace) -> None:
    """Measure what the controller spends on one host's apply, by the size of the plan; each size in a fresh process, sizes in turns."""
    sizes = (1000, 10000) if options.quick else (1000, 10000, 100000)
    turns = options.turns or (1 if options.quick else 3)
    found: dict[int, list[dict[str, t.Any]]] = {}
    for turn in range(turns):
        for size in sizes:
            command = [sys.executable, "-m", "tests.benchmarks.sliced", str(size)]
            found.setdefault(size, []).append(json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout))
        _say(f"turn {turn + 1} of {turns}")
    _keep("sliced", [item for items in found.values() for item in items])
    best = {size: min(items, key=lambda item: item["host"]) for size, items in found.items()}
    rows = [
        [size, item["rules"], item["host"] * 1000, item["least"] * 1000, item["host"] / best[sizes[0]]["host"], item["index"], item["save"]]
        for size, item in best.items()
    ]
    print(f"\nCPU, the best of {turns} turns; index: once a run; save: the whole plan.\n")
    print(table(["hosts", "rules a host", "ms a host, median", "least", f"to {sizes[0]} hosts", "index, s", "save, s"], rows))


def windows(options: argparse.Namespace) -> None:
    """Reconcile rules of a stand-in for Windows, and loop over them."""
    from tests.benchmarks import windows as part

    sizes = part.SIZES[:2] if options.quick else part.SIZES
    turns = options.turns or (1 if options.quick else 3)
    loops = {} if options.no_loops else {20: 1 if options.quick else 2, 100: 0 if options.quick else 1, 400: 1, 1000: 0 if options.quick else 1}
    bench = part.measure(turns, sizes, loops, _say)
    series = bench.series
    _keep("windows", {"series": series.plain(), "counts": [[*key, *found[1:]] for key, found in bench.counts.items()]})
    print(f"\nSeconds, medians (minima) of {turns} turns; loops fewer. No time of Windows is in them.\n")
    rows, ratios = [], []
    for (case, size, run), counted in sorted(bench.counts.items(), key=lambda item: (list(part.CASES).index(item[0][0]), item[0][1])):
        key = (case, size, run)
        rows.append([case, size, run, *(_seconds(series, key, what) for what in ("wall", "task", "cpu")), *counted[1:]])
        ours = (part.OURS, size, run)
        if case == part.LOOPED:
            ratios.append([size, run, *(series.ratio(key, ours, what) for what in ("wall", "task", "cpu")), counted.calls / bench.counts[ours].calls])
    print(table(["", "rules", "run", "play", "task", "CPU", "calls", "enumerations", "commits", "KiB sent"], rows), end="\n\n")
    print("The loop to ours, median of pairs.\n")
    print(table(["rules", "run", "play", "task", "CPU", "calls"], ratios))


def powershell(options: argparse.Namespace) -> None:
    """A module call by a real PowerShell, beside one that does nothing."""
    from tests.benchmarks import powershell as part

    try:
        series = part.measure(options.turns or (2 if options.quick else 5), _say)
    except part.engines.EngineError as why:
        raise CannotMeasure(str(why)) from why
    _keep("powershell", {"series": series.plain()})
    print(f"\nProcessor seconds of a call by {part.engines.named('pwsh').described()}\n")
    rows = [[case, _seconds(series, case, "cpu"), series.ratio(case, part.NOTHING, "cpu")] for case in (part.NOTHING, part.OURS, part.READ)]
    print(table(["", "CPU s", f"ratio (goal for the second row: {part.GOAL} at most)"], rows))


def manager(name: str, options: argparse.Namespace) -> None:
    """Apply rules through firewalld or ufw on a host that boots systemd; the measuring process has a network of its own."""
    from tests.benchmarks import managers as part
    from tests.benchmarks import rivals

    if not booted_host.is_inside():
        try:
            booted_host.check()
        except booted_host.booted.CannotRun as why:
            raise CannotMeasure(str(why)) from why
        with contextlib.suppress(rivals.Missing):  # while there is a network; why not is said where it is left out
            rivals.collections(OUTPUT)
        code = booted_host.enter(["-m", "tests.benchmarks", name, *_chosen(options)])
        if code != 0:
            sys.exit(f"{name}: ended with {code}")
        return
    sizes = part.SIZES[:2] if options.quick else part.SIZES
    turns = options.turns or (2 if options.quick else 5)
    loops = {} if options.no_loops else part.QUICK if options.quick else part.LOOPS
    bench = part.measure(name, turns, sizes, loops, _say, OUTPUT, os.environ)
    _keep(name, {"versions": bench.versions, "missing": bench.missing, "series": bench.series.plain()})
    print(part.report(bench, sizes, turns))


PARTS: dict[str, t.Callable[[argparse.Namespace], None]] = {
    "plan": plan,
    "questions": questions,
    "play": play,
    "sliced": sliced,
    "apply": apply,
    "firewalld": functools.partial(manager, "firewalld"),
    "ufw": functools.partial(manager, "ufw"),
    "windows": windows,
    "powershell": powershell,
}


def _keep(part: str, measured: t.Any) -> None:
    OUTPUT.joinpath(f"{part}.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
