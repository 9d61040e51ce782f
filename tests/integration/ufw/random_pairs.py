# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a host with ufw: random rulesets, one after the other, each predicted, applied and applied again. Prints JSON.

Python 3.8 and the standard library, like the backend. Arguments: number of pairs, seed.
"""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys

from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.reconcile import Host, Refused, run

PORTS = [[], ["443"], ["25"], ["80", "443"], ["80", "81", "8000-8100"], ["0-65535"], ["1-1023", "49152-65535"], [str(n) for n in range(1000, 1050, 2)]]
ADDRESSES = [
    ["any"],
    ["10.0.0.0/8"],
    ["10.1.2.3"],
    ["fd00::7"],
    ["10.1.2.3", "fd00::7"],
    ["10.1.2.0-10.1.3.7"],
    ["fd00::/8"],
    ["fd00::1", "10.9.8.7"],
    ["0.0.0.0/0"],
    ["::/0"],
    ["0.0.0.0", "255.255.255.255"],
    ["10.0.0.0/8", "10.2.0.0/16", "fe80::/10"],
    ["64:ff9b::10.0.0.0/104", "::5"],
    ["10.3.%d.0/25" % i for i in range(20)],
    ["@few"],
    ["@both"],
    ["@nobody"],
]
LOCAL = [[], [], [], ["any"], ["10.0.0.1"], ["fd00::5"], ["10.0.0.1", "fd00::5"], ["@few"]]
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


def one(numbers, number):
    protocol = numbers.choice(["tcp", "tcp", "udp", "any"])
    ports = protocol != "any"
    return {
        "name": "rule {0} of {1}".format(number, protocol),
        "direction": numbers.choice(["in", "in", "out"]),
        "action": numbers.choice(["allow", "allow", "allow", "block"]),
        "protocol": protocol,
        "local_ports": numbers.choice(PORTS) if ports else [],
        "remote_ports": numbers.choice(PORTS[:4]) if ports and numbers.random() < 0.4 else [],
        "remote_addresses": numbers.choice(ADDRESSES),
        "local_addresses": numbers.choice(LOCAL),
        "helper": "netbios-ns" if protocol == "udp" and numbers.random() < 0.1 else "",
        "description": "text {0}".format(numbers.random()),
    }


def ruleset(numbers):
    start = numbers.randrange(8)
    sets = {
        "few": ["10.50.0.0/16", "10.60.%d.1" % start],
        "both": ["192.168.%d.%d" % (i, start) for i in range(9)] + ["fd01:%x::1" % i for i in range(7)],
        "nobody": [],
    }
    rules = [one(numbers, number) for number in numbers.sample(range(40), numbers.choice([0, 1, 5, 20]))]
    for item in rules:
        item["helper"] = item["helper"] if item["action"] == "allow" else ""
    return {
        "rules": [item for item in rules if fits(item, sets)],
        "address_sets": sets,
        "default_inbound": numbers.choice(["keep", "keep", "block", "reject", "allow"]),
        "default_outbound": numbers.choice(["keep", "keep", "block", "allow"]),
        "mode": numbers.choice(["enforce", "enforce", "enforce", "audit"]),
    }


def fits(item, sets):
    def of(texts):
        texts = sets[texts[0][1:]] if texts and texts[0].startswith("@") else texts
        return {4, 6} if texts in ([], ["any"]) else {6 if ":" in text else 4 for text in texts}

    return bool(of(item["remote_addresses"]) & of(item["local_addresses"])) or not of(item["remote_addresses"])


def nearby(numbers, given):
    other = copy.deepcopy(given)
    if not other["rules"] or numbers.random() < 0.3:
        key = numbers.choice(["default_inbound", "default_outbound", "mode", "address_sets"])
        other[key] = ruleset(numbers)[key]
    else:
        key = numbers.choice(["direction", "remote_addresses", "local_addresses", "name", "description", "action"])
        chosen = numbers.choice(other["rules"])
        chosen[key] = dict(one(numbers, 99), name="renamed {0}".format(numbers.random()))[key]
        chosen["helper"] = ""
    other["rules"] = [item for item in other["rules"] if fits(item, other["address_sets"])]
    return other


def shell(command):
    return subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def state():
    return [open(name).read() for name in FILES] + [shell(r"{ iptables-save -t filter; ip6tables-save -t filter; } | sed 's/^#.*//; s/ \[[0-9:]*\]$//'")]


def main(pairs, seed):
    numbers = random.Random(seed)
    before = state()
    options, wrong, seen = ruleset(numbers), [], {"unchanged": 0, "near": 0, "kept": 0, "admin": 0, "refused": 0}
    for number in range(pairs):
        if number % 8 == 5:
            shell(numbers.choice(ADMIN))
            seen["admin"] += 1
        previous = options
        options = nearby(numbers, options) if number % 2 else ruleset(numbers)
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
