# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the checks of this repository in order, and end with the counts: ``N passed, N failed``.

Usage: ``run_checks.py [GROUP]...`` with groups ``lint docs sanity unit integration windows containers lab molecule``; none means all,
and of Molecule the scenario ``mixed``.

A linter counts as one check, ansible-test counts each of its sanity tests, pytest each of its tests. A skipped test is a failed one, unless
``MSPORTS_SKIP`` allows it by name: a comma-separated list of patterns (``*`` as in a shell) for tests or for whole parts. What was skipped or not run is
told either way. Containers are needed by ``tests/integration/firewalld/*``, ``tests/integration/ufw/*``, ``tests/integration/persistence/*`` and
``molecule-*``; on a machine that cannot run them these fail, and say why. TESTING.md tells what each part needs.

Several parts run at once, and each is told when it ends; its output is shown where something failed. A part that is asked for alone is shown as it goes.

``run_checks.py coverage`` runs the parts unit and integration measured, shows the coverage of ``plugins/``, and fails below ``COVERAGE`` percent. Measuring
doubles their time, so it is not among the rest.
"""

from __future__ import annotations

import concurrent.futures
import os
import sys
import threading
import typing as t

import again
import checkout
from outcome import Outcome, Part, summary, timed
from parts import MEASURED, PARTS, RESULTS, other_cores
from skips import allowed

# Two more than there are processors, because tests on containers and in namespaces wait much of the time.
WORKERS = (os.cpu_count() or 2) + 2
# What takes long begins early. Cores share ansible-test's environments, so they run one after the other. So do scenarios, where all of them were asked for,
# because each has four hosts.
LONG_FIRST = (
    "nftables",
    "firewalld",
    "integration",
    "windows",
    "windows-wine",
    "ufw",
    "unit",
    "lab",
    "other-release",
    "boot",
    *(f"core-{core}" for core in other_cores()),
    "windows-pwsh",
)
CHAINS = (
    [part for part in PARTS if part.group == "sanity"],
    [part for part in PARTS if part.group == "molecule"],
    *([part] for name in LONG_FIRST for part in PARTS if part.name == name),
    [part for part in PARTS if part.group in ("lint", "docs")],
)


def tell(part: Part, outcome: Outcome) -> None:
    """Print what a part came to."""
    with SPEAKING:
        for text in (*outcome.shown, summary(part, outcome)):
            print(text, flush=True)


SPEAKING = threading.Lock()


def run_all(parts: t.Sequence[Part]) -> tuple[list[str], dict[str, Outcome]]:
    """Run the parts, several at once; lines of the summary, and outcomes by name."""
    outcomes = {}

    def run(chain: t.Sequence[Part]) -> None:
        for part in chain:
            outcomes[part.name] = timed(part, len(parts) == 1)
            tell(part, outcomes[part.name])

    known = {part.name for chain in CHAINS for part in chain}
    chains = [[part for part in parts if part in chain] for chain in CHAINS] + [[part] for part in parts if part.name not in known]
    print(f"running {', '.join(part.name for part in parts)}: {min(WORKERS, len(parts))} at once", flush=True)
    with concurrent.futures.ThreadPoolExecutor(max_workers=WORKERS) as pool:
        for done in [pool.submit(run, chain) for chain in chains if chain]:
            done.result()
    ways = {part.name: part.again for part in parts if part.again is not None}
    for text in again.run_again(outcomes, ways):
        print(text, flush=True)
    return [summary(part, outcomes[part.name]) for part in parts], outcomes


def main() -> int:
    groups = sys.argv[1:]
    parts = (*PARTS, *([MEASURED] if MEASURED.group in groups else []))
    unknown = sorted(set(groups) - {part.group for part in parts})
    if unknown:
        print(f"no such group: {', '.join(unknown)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(parents=True, exist_ok=True)
    checkout.link()
    chosen = [part for part in parts if part.group in groups or not groups and not part.by_name]
    total = Outcome()
    for part in [part for part in chosen if allowed(part.name)]:
        total.said.append(f"NOT RUN: {part.name} (allowed by MSPORTS_SKIP)")
        total.skipped.append(part.name)
    lines, outcomes = run_all([part for part in chosen if not allowed(part.name)])
    for outcome in outcomes.values():
        total.passed += outcome.passed
        total.failed += outcome.failed
        total.skipped += outcome.skipped
        total.said += outcome.said
    cores = [outcome for name, outcome in outcomes.items() if name.startswith("sanity")]
    if cores and not any(outcome.passed or outcome.failed for outcome in cores):
        total.said.append("FAILED: ansible-test sanity ran on no core at all")
        total.failed += 1
    print("\n== summary")
    for line in [*lines, *total.said]:
        print(line)
    counts = f"{total.passed} passed, {total.failed} failed" + (f", {len(total.skipped)} skipped" if total.skipped else "")
    RESULTS.joinpath("counts").write_text(counts + "\n", encoding="utf-8")
    print(counts)
    return 1 if total.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
