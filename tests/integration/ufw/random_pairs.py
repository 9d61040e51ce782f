# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a host with ufw: random rulesets, one after the other, each predicted, applied and applied again. Prints JSON.

Python 3.8 and the standard library, like the backend; ``random_rulesets.py`` stands before it. Arguments: number of pairs, seed.
"""

from __future__ import annotations

import json
import subprocess
import sys

from random_rulesets import Rulesets

from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.reconcile import Host, Refused, run

ADMIN = [
    "ufw allow 8080/tcp",
    "ufw limit 2222/tcp",
    "ufw deny from 192.0.2.0/24",
    "ufw insert 1 allow from 10.1.2.3",
    "ufw reject out 25/tcp",
    "ufw allow log 53",
]
KEYS = ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure")
FILES = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/default/ufw")


def shell(command):
    return subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def state():
    return [open(name).read() for name in FILES] + [shell(r"{ iptables-save -t filter; ip6tables-save -t filter; } | sed 's/^#.*//; s/ \[[0-9:]*\]$//'")]


def main(pairs, seed):
    lists = [[str(n) for n in range(1000, 1050, 2)]]
    rulesets = Rulesets(seed, ("tcp", "tcp", "udp", "any"), lists, ["netbios-ns"], many=[3], sizes=[0, 1, 5, 20])
    before = state()
    options, wrong, seen = rulesets.ruleset(), [], {"unchanged": 0, "near": 0, "kept": 0, "admin": 0, "refused": 0}
    for number in range(pairs):
        if number % 8 == 5:
            shell(rulesets.numbers.choice(ADMIN))
            seen["admin"] += 1
        previous = options
        options = rulesets.nearby(options) if number % 2 else rulesets.ruleset()
        seen["near"] += number % 2
        here = state()
        try:
            predicted = run(options, check_mode=True, host=Host())
        except Refused as refusal:
            seen["refused"] += 1
            wrong.append([number, str(refusal)])
            continue
        if state() != here:
            wrong.append([number, "check mode changed something", previous, options])
        done = run(options, host=Host())
        wrong += [[number, "predicted otherwise: " + key, predicted[key], done[key]] for key in KEYS if predicted[key] != done[key]]
        if not done["effective"]["in_force"]:
            wrong.append([number, "not in force", done["warnings"], options])
        if done["changed"] and done["diff"]["before"] == done["diff"]["after"]:
            wrong.append([number, "changed without a difference to show", done["structure"], previous, options])
        host = Host()
        again = run(options, host=host)
        if again["changed"] or again["diff"] != {"before": done["diff"]["after"], "after": done["diff"]["after"]} or host.programs.count > 4:
            wrong.append([number, "changed again", again["structure"], again["diff"], host.programs.count, options])
        seen["unchanged"] += not done["changed"]
        seen["kept"] += again["kept"]
    # What we have written is what ufw itself writes, and what it loads is what we have loaded.
    here = state()
    shell("ufw allow 1/tcp; ufw delete allow 1/tcp")
    if [text.replace(" ", "") for text in state()[:3]] != [text.replace(" ", "") for text in here[:3]]:
        wrong.append(["ufw writes the files otherwise", here[:2], state()[:2]])
    shell("ufw reload")
    if run(options, host=Host())["changed"]:
        wrong.append(["changed after a reload"])
    run({"state": "absent"}, host=Host())
    print(
        json.dumps(
            {
                "wrong": wrong,
                "seen": seen,
                "left": [line for text in state() for line in text.splitlines() if "6d73706f727473" in line],
                "before": before == state(),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
