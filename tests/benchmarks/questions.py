# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""How many questions a plan answers in a second: ``python -m tests.benchmarks.questions SIZE`` prints JSON.

Questions are drawn by a fixed seed: hosts and addresses, and the ports of the plan's own rules. Making the index counts.
"""

import json
import random
import resource
import sys
import time
import typing as t

from tests.benchmarks import estates
from tests.tools import checkout

ASKED = {"allowed_by": 200_000, "explain": 10_000}
JUDGED = 1_000_000  # observations
CLAIMS = (
    {"never": "tcp/3389", "from": ["configmgr.client", "internet"], "to": ["any"], "because": "holds"},
    {"never": "tcp/1-21", "from": ["any"], "to": ["any"], "because": "is false"},
    {"always": "tcp/443", "from": ["configmgr.client"], "to": ["configmgr.management_point"], "because": "holds"},
    {"always": "tcp/0-65535", "from": ["windows_server.domain_member"], "to": ["configmgr.site_server"], "because": "is false"},
)
GOALS = {"allowed_by": 100_000, "explain": 2_000, "findings": 50_000}  # a second


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
    found["findings"] = _judged(plan, 0.2)
    found["findings_unplanned"] = _judged(plan, 1.0)
    found["claims"] = [_claimed(size, claim) for claim in CLAIMS]
    return found


def _claimed(size: int, claim: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a claim, whether it holds, and the seconds of CPU that this takes; every second host has strict outbound."""
    from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
    from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.claims import broken

    inventory = estates.networks(size)
    for number, host in enumerate(inventory["hosts"].values()):
        host["vars"]["msports_claims"] = [claim]
        host["vars"]["msports_default_outbound"] = "block" if number % 2 else "keep"
    catalogs = _compile.catalogs_of(inventory)
    estate = _compile.estate_of(inventory, catalogs)
    plan = _compile.plan_of(estate, catalogs, {}, False)
    (read,) = estate.claims
    started = time.process_time()
    problems = broken(plan, [(read, estate.addresses(read.sources), estate.addresses(read.destinations))])
    return {"claim": str(read), "holds": not problems, "seconds": time.process_time() - started}


def _judged(plan: t.Mapping[str, t.Any], strange: float) -> dict[str, t.Any]:
    """Return observations judged in a second of CPU time, and how much memory that took.

    Half of them are of rules, as the questions are; of a share, ``strange``, an address that hardly any rule has stands in for the peer.
    """
    from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
    from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import Observation

    drawn = list(_questions(plan, 20_000))
    address = {name: host["addresses"][0] for name, host in plan["hosts"].items() if host["addresses"]}
    near = [(there, address.get(here, here), protocol, port) for here, there, protocol, port in drawn]
    draw = random.Random(JUDGED)

    def observations() -> t.Iterator[Observation]:
        for _number in range(JUDGED):
            host, peer, protocol, port = draw.choice(near)
            peer = f"10.{draw.randrange(100, 120)}.{draw.randrange(256)}.{draw.randrange(256)}" if draw.random() < strange else peer
            yield Observation(host, "in", peer, protocol, port, "session", "passed", "", 1, "2026-11-28", "2026-11-28")

    started = time.process_time()
    for _item in observations():
        pass
    drawing = time.process_time() - started
    before, started = _peak(), time.process_time()
    counts = _compile.judge_observations(plan, observations())["counts"]
    seconds = time.process_time() - started - drawing
    return {"per_second": JUDGED / seconds, "yes": counts.get("permitted", 0) / JUDGED, "mib": _peak() - before}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
