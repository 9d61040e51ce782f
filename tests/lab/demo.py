# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The demo: a small company's inventory becomes firewall rules, applied to real kernels and proven with packets.

    .venv/bin/python tests/lab/demo.py            # or: make demo
    .venv/bin/python tests/lab/demo.py --shell    # the same, and then a shell inside the lab
"""

import argparse
import os
import pathlib
import subprocess
import sys

import private_namespaces
from rehearsal import Rehearsal

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="A small company's inventory becomes firewall rules, applied to real kernels and proven with packets.")
    parser.add_argument("--inventory", type=pathlib.Path, default=ROOT / "docs/examples/small_company", help="folder of the inventory")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/demo", help="folder for the plan, the matrix and the rulesets")
    parser.add_argument("--shell", action="store_true", help="open a shell inside the lab at the end (leave it with exit)")
    chosen = parser.parse_args(arguments)
    if not private_namespaces.is_inside():
        try:
            private_namespaces.enter([str(pathlib.Path(__file__).resolve()), *arguments])
        except private_namespaces.CannotIsolate as error:
            print(f"lab: {error}", file=sys.stderr)
            return 2
    private_namespaces.prepare()
    rehearsal = Rehearsal(chosen.inventory.resolve(), chosen.output.resolve())
    try:
        agreed = rehearsal.run()
    except KeyboardInterrupt:
        print("\nlab: stopped; nothing of it is left", file=sys.stderr)
        return 130
    if chosen.shell:
        print("A shell inside the lab. `ip netns` does not know its hosts; enter one with: nsenter -t PID -n -m -u")
        print("  " + "  ".join(f"{name}={host.pid}" for name, host in rehearsal.hosts.items()))
        subprocess.run([os.environ.get("SHELL", "/bin/sh")], check=False)
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
