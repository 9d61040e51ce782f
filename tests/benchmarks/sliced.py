# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What the controller itself spends on one host's apply, by the size of the plan: ``python -m tests.benchmarks.sliced SIZE`` prints JSON.

The hosts are those of an estate in which what one host needs does not depend on how many there are, so what grows is the plan alone. A plan of more
than a thousand hosts has them several times, under other names.
"""

import json
import pathlib
import statistics
import sys
import tempfile
import time
import typing as t

from tests.benchmarks import estates
from tests.tools import checkout

COMPILED = 1000
MEASURED = 300  # hosts, taken from all over the plan
TURNS = 5


def measure(size: int) -> dict[str, t.Any]:
    """Return seconds of CPU: ``index`` once a run, ``host`` for each host (the median), and ``save``; and ``rules`` of a host."""
    checkout.link()
    sys.path.insert(0, str(checkout.CACHE / "collections"))
    from ansible_collections.portcullis.msports.plugins.plugin_utils import _run
    from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import compile_plan, inputs_of
    from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.applied import record, settings_of
    from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load_host, read_index
    from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
    from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render

    inventory = estates.branches(min(size, COMPILED))
    plan = compile_plan(inventory)
    for kind in ("hosts", "inputs"):
        plan[kind] = {f"{name}.{copy}": value for copy in range(size // min(size, COMPILED)) for name, value in plan[kind].items()}
    known = inventory["hosts"][next(iter(inventory["hosts"]))]
    with tempfile.TemporaryDirectory(prefix="msports-bench-") as work:
        folder = str(pathlib.Path(work, "plan"))
        saved = _seconds(lambda: save(plan, folder))
        run = _run.Run(work, folder)

        def once() -> None:
            with run.locked():
                index = read_index(folder)
                run.write({**_run.marker_of(folder, index), "checked": _run.CHECKED}, _run.entries_of(index, index["hosts"], index["inputs"]))

        def one(name: str) -> None:
            with run.locked():
                marker = run.read()
            entry = run.entry(name)
            inputs_of({"hosts": {name: known}})
            found = load_host(marker["plan"], name, entry.file)
            render(found, name, "nftables")
            settings = settings_of(found["hosts"][name])
            record(folder, name, {"file": entry.file, "ruleset": found["ruleset"], "settings": settings, "generation": marker["generation"]})

        index = _seconds(once)
        names = sorted(plan["hosts"])[:: max(1, size // MEASURED)]
        hosts = [_seconds(lambda name=name: one(name)) for _turn in range(TURNS) for name in names]
    rules = sum(len(host["rules"]) for host in plan["hosts"].values()) / size
    return {"size": size, "rules": rules, "save": saved, "index": index, "host": statistics.median(hosts), "least": min(hosts)}


def _seconds(function: t.Callable[[], t.Any]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
