# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""One measurement of the compiler in a process of its own: ``python -m tests.benchmarks.core ESTATE SIZE`` prints JSON.

A fresh process each time, because peak memory is the process's and only ever grows.
"""

import json
import pathlib
import re
import sys
import tempfile
import time
import typing as t

from tests.benchmarks import estates
from tests.tools import checkout

KIB_OF_A_MIB = 1024


def measure(kind: str, size: int) -> dict[str, t.Any]:
    """Compile and save one estate and return seconds (``stages``: of CPU time), MiB and counts."""
    checkout.link()
    sys.path.insert(0, str(checkout.CACHE / "collections"))
    from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
    from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save

    inventory = estates.ESTATES[kind](size)
    before = _peak()
    seconds: dict[str, float] = {}
    # The stages are timed where the composer calls them, so that this follows whatever order it has.
    for name in STAGES:
        setattr(_compile, name, _timed(name, getattr(_compile, name), seconds))
    started, cpu = time.perf_counter(), time.process_time()
    plan = _compile.compile_plan(inventory)
    compiled, cpu_compiled = time.perf_counter() - started, time.process_time() - cpu
    after = _peak()
    started, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="msports-bench-") as folder:
        save(plan, folder)
        saved, cpu_saved = time.perf_counter() - started, time.process_time() - cpu
    rules = sum(len(host["rules"]) for host in plan["hosts"].values())
    return {
        "estate": kind,
        "size": size,
        "hosts": len(plan["hosts"]),
        "rules": rules,
        "distinct_rulesets": len({id(host["rules"]) for host in plan["hosts"].values()}),
        "sets": len(plan["sets"]),
        "addresses": sum(len(item["addresses"]) for item in plan["sets"].values()),
        "seconds": compiled,
        "cpu": cpu_compiled,
        "save": saved,
        "save_cpu": cpu_saved,
        "stages": {**seconds, "rest": cpu_compiled - sum(seconds.values())},
        "mib_before": before,
        "mib": after,
        "mib_saved": _peak(),
    }


STAGES = ("catalogs_of", "read_estate", "inputs_of", "connect", "assemble", "build")


def _timed(name: str, function: t.Callable[..., t.Any], seconds: dict[str, float]) -> t.Callable[..., t.Any]:
    def call(*arguments: t.Any, **named: t.Any) -> t.Any:
        started = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - started

    return call


def _peak() -> float:
    """Return the most memory that this program held, in MiB. ``ru_maxrss`` would count what its parent held before it."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / KIB_OF_A_MIB


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
