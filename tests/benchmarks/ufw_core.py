# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""ufw on the host itself, without Ansible: the whole ruleset in one run against a process of ufw for each rule. Prints one JSON object.

Run as ``python -m tests.benchmarks.ufw_core [rules ...]``; it boots a container of its own. The loop does on the host what a looped module does there for
each item: ``ufw status``, the rule, ``ufw status``. ``rule only`` is the second of these alone, the least that a loop can do.
The module asks for the verbose status, which takes longer. What Ansible adds for every item of a loop is not in it.
"""

import json
import pathlib
import sys
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/integration/persistence", "tests/integration/ufw"):
    sys.path.insert(0, str(ROOT / folder))

import booted  # noqa: E402  (they lie in folders of tests)
from ufw_host import Ufw  # noqa: E402

# Runs in the container. Each measured run is a process of its own, as a module is.
INSIDE = r"""
import json, subprocess, sys, time
COUNT, LOOPED = {count}, {looped}
COMMON = {{"direction": "in", "protocol": "tcp"}}
RULES = [dict(COMMON, name="r%d" % i, local_ports=[str(10000 + i)], remote_addresses=["10.%d.%d.0/24" % (i // 250, i % 250)]) for i in range(COUNT)]
OURS = '''
import json, sys
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.reconcile import run
done = run(json.load(sys.stdin))
print(json.dumps([done["changed"], done["effective"]["in_force"], done["kept"] + len(done["added"])]))
'''
def timed(deed):
    start = time.monotonic()
    result = deed()
    return time.monotonic() - start, result
def ours(options):
    process = subprocess.run([sys.executable, "-c", OURS], input=json.dumps(options), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout)
def shell(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
def looped(whole):
    for rule in RULES:
        if whole:
            shell("ufw status")
        shell("ufw allow proto tcp from %s to any port %s" % (rule["remote_addresses"][0], rule["local_ports"][0]))
        if whole:
            shell("ufw status")
def median(values):
    return sorted(values)[len(values) // 2]
first, second = [], []
for _repeat in range(3):
    ours({{"state": "absent"}})
    seconds, result = timed(lambda: ours({{"rules": RULES}}))
    assert result == [True, True, COUNT], result
    first.append(seconds)
    seconds, result = timed(lambda: ours({{"rules": RULES}}))
    assert result == [False, True, COUNT], result
    second.append(seconds)
ours({{"state": "absent"}})
found = {{"ours first": median(first), "ours unchanged": median(second)}}
if LOOPED:
    found["loop, rule only, first"] = timed(lambda: looped(False))[0]
    found["loop, rule only, unchanged"] = timed(lambda: looped(False))[0]
    found["loop, unchanged"] = timed(lambda: looped(True))[0]
    for rule in RULES:
        shell("ufw delete allow proto tcp from %s to any port %s" % (rule["remote_addresses"][0], rule["local_ports"][0]))
    found["loop, first"] = timed(lambda: looped(True))[0]
print(json.dumps({{key: round(value, 3) for key, value in found.items()}}))
"""


def measure(counts: t.Sequence[int], looped_up_to: int = 100) -> dict[int, dict[str, float]]:
    """Return seconds by number of rules; loops only up to ``looped_up_to`` rules, because they take minutes."""
    found = {}
    host = Ufw(booted.Container())
    try:
        host.keep()
        for count in counts:
            host.reset()
            code = INSIDE.format(count=count, looped=count <= looped_up_to)
            command = ("exec", "-i", "-e", "PYTHONPATH=/collections", host.container._id, "python3", "-")
            found[count] = json.loads(booted.podman(*command, given=code.encode(), timeout=3600).splitlines()[-1])
    finally:
        host.container.close()
    return found


def main(arguments: t.Sequence[str]) -> int:
    found = measure([int(text) for text in arguments] or [20, 100, 400])
    for seconds in found.values():
        for key in [key for key in seconds if key.startswith("loop")]:
            own = seconds["ours unchanged" if key.endswith("unchanged") else "ours first"]
            seconds["ratio: " + key] = round(seconds[key] / own, 1)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
