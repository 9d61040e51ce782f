# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""How many questions a plan answers in a second: ``python -m tests.benchmarks.questions SIZE`` prints JSON.

Questions are drawn by a fixed seed: hosts and addresses, and the ports of the plan's own rules. Making the index counts.
"""

import json
import random
import sys
import time
import typing as t

from tests.benchmarks import estates
from tests.tools import checkout

ASKED = {"allowed_by": 200_000, "explain": 10_000}
GOALS = {"allowed_by": 100_000, "explain": 2_000}  # a second


def measure(size: int) -> dict[str, t.Any]:
    """Return questions a second of CPU time, by kind, and how many of them were answered with yes."""
    checkout.link()
    sys.path.insert(0, str(checkout.CACHE / "collections"))
    from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
    from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet

    plan = _compile.compile_plan(estates.networks(size))
    _compile.explain_plan(plan, *next(_questions(plan, 1)))  # which reads the catalogs, once a process
    found: dict[str, t.Any] = {"size": size, "rules": sum(len(host["rules"]) for host in plan["hosts"].values())}
    answers = {"allowed_by": AllowedSet(plan).allows, "explain": lambda *asked: _compile.explain_plan(plan, *asked)["allowed"]}
    for kind, answer in answers.items():
        questions = list(_questions(plan, ASKED[kind]))
        started = time.process_time()
        yes = sum(answer(*question) for question in questions)
        found[kind] = {"per_second": len(questions) / (time.process_time() - started), "yes": yes / len(questions)}
    return found


def _questions(plan: t.Mapping[str, t.Any], count: int) -> t.Iterator[tuple[str, str, str, int]]:
    """Yield connections: every second one is of a rule, the others join any two ends; a fifth of the ends are addresses that no host has."""
    draw = random.Random(count)
    names = sorted(plan["hosts"])
    rules = [(name, rule) for name in names for rule in plan["hosts"][name]["rules"] if rule["direction"] == "in" and rule["local_ports"]]
    for number in range(count):
        destination, rule = draw.choice(rules)
        peers = [member for member in plan["sets"][rule["remote"]]["members"] if member in plan["hosts"]] if number % 2 else []
        source = draw.choice(peers or names) if draw.random() < 0.8 else f"10.{draw.randrange(100, 120)}.{draw.randrange(256)}.{draw.randrange(256)}"
        yield source, destination, rule["protocol"], int(rule["local_ports"][0].partition("-")[0])


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
