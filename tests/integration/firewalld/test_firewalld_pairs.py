# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode predicts what a run does, and a second run does nothing: over pairs of rulesets that differ in every way."""

from __future__ import annotations

import copy
import random
import typing as t

import pytest

pytestmark = pytest.mark.container

PAIRS = 60
PORTS = [[], ["443"], ["80", "443"], ["80", "81", "8000-8100"], ["0-65535"], ["1-1023", "49152-65535"], ["0"]]
ADDRESSES = [
    ["any"],
    ["10.0.0.0/8"],
    ["10.1.2.3"],
    ["fd00::7"],
    ["10.1.2.3", "fd00::7"],
    ["10.1.2.0-10.1.3.7"],
    ["fd00::/8"],
    ["0.0.0.0/0"],
    ["::/0"],
    ["0.0.0.0", "255.255.255.255"],
    ["10.0.0.0/8", "10.2.0.0/16", "fe80::/10"],
    [f"10.3.{i}.0/25" for i in range(20)],
    [f"fd00:{i:x}::/48" for i in range(0, 40, 2)],
    ["@few"],
    ["@many"],
    ["@both"],
    ["@nobody"],
]
LOCAL = [[], [], ["any"], ["10.0.0.1"], ["fd00::5"], ["10.0.0.1", "fd00::5"], ["224.0.1.0/24"], ["@few"]]


def _sets(numbers: random.Random) -> dict[str, list[str]]:
    start = numbers.randrange(8)
    return {
        "few": ["10.50.0.0/16", f"10.60.{start}.1"],
        "many": [f"10.{70 + i // 250}.{i % 250}.{start}/32" for i in range(numbers.choice([3, 30, 300]))],
        "both": [f"192.168.{i}.{start}-192.168.{i}.{start + 9}" for i in range(9)] + [f"fd01:{i:x}::{start}" for i in range(7)],
        "nobody": [],
    }


def _one(numbers: random.Random, number: int) -> dict[str, t.Any]:
    protocol = numbers.choice(["tcp", "tcp", "udp", "icmp_echo", "any"])
    ports = protocol in ("tcp", "udp")
    made = {
        "name": f"rule {number} of {protocol}",
        "direction": numbers.choice(["in", "in", "out"]),
        "action": numbers.choice(["allow", "allow", "allow", "block"]),
        "protocol": protocol,
        "local_ports": [],
        "remote_ports": [],
        "remote_addresses": numbers.choice(ADDRESSES),
        "local_addresses": numbers.choice(LOCAL),
        "helper": "",
        "description": "",
    }
    if ports:
        made[numbers.choice(["local_ports", "local_ports", "remote_ports"])] = numbers.choice(PORTS)
        if numbers.random() < 0.2:
            made.update(local_ports=numbers.choice(PORTS), remote_ports=numbers.choice(PORTS))
    if protocol == "udp" and made["action"] == "allow" and numbers.random() < 0.4:
        helper, port = numbers.choice([("tftp", "69"), ("netbios-ns", "137")])
        mine, theirs = ("local_ports", "remote_ports") if made["direction"] == "in" else ("remote_ports", "local_ports")
        made.update({"helper": helper, mine: [port], theirs: []})
    return made


def _families(rule: dict[str, t.Any], sets: dict[str, list[str]]) -> bool:
    def of(texts: list[str]) -> set[int]:
        texts = sets[texts[0][1:]] if texts and texts[0].startswith("@") else texts
        return {4, 6} if texts in ([], ["any"]) else {6 if ":" in text else 4 for text in texts}

    return bool(of(rule["remote_addresses"]) & of(rule["local_addresses"]))


def _ruleset(numbers: random.Random) -> dict[str, t.Any]:
    sets = _sets(numbers)
    rules = [_one(numbers, number) for number in numbers.sample(range(60), numbers.choice([0, 1, 5, 20, 40]))]
    return {
        "rules": [rule for rule in rules if _families(rule, sets)],
        "address_sets": sets,
        "default_inbound": numbers.choice(["keep", "block", "reject", "allow"]),
        "default_outbound": numbers.choice(["keep", "block", "allow"]),
        "mode": numbers.choice(["enforce", "enforce", "audit"]),
        "firewalld_precedence": numbers.choice(["merge", "merge", "override", "yield"]),
        "allow_lockout": True,
    }


def _nearby(numbers: random.Random, given: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a copy that differs in one rule, or in one option."""
    other = copy.deepcopy(given)
    field = numbers.choice(["rule"] * 6 + ["default_inbound", "default_outbound", "mode", "firewalld_precedence", "address_sets"])
    fresh = _ruleset(numbers)
    if field != "rule" or not other["rules"]:
        field = "mode" if field == "rule" else field
        other[field] = fresh[field]
    else:
        chosen = numbers.randrange(len(other["rules"]))
        other["rules"][chosen] = dict(_one(numbers, 99), name=numbers.choice([other["rules"][chosen]["name"], f"renamed {numbers.random()}"]))
    other["rules"] = [rule for rule in other["rules"] if _families(rule, other["address_sets"])]
    return other


def test_check_predicts_and_repeats_change_nothing(apply: t.Any) -> None:
    numbers = random.Random(20261121)
    # Beside a rule that only the running daemon has: half of the changes are made without a reload.
    options = _ruleset(numbers)
    sequence = [options]
    for number in range(PAIRS):
        sequence.append(_nearby(numbers, sequence[-1]) if number % 2 else _ruleset(numbers))
    same = loaded = reloads = changes = 0
    for start in range(0, len(sequence), 10):
        jobs = [{"options": one, "check": check} for one in sequence[start : start + 10] for check in (True, False, False)]
        if start == 30:
            apply.sh("firewall-cmd --add-port=8443/tcp")
        answers = apply.jobs(*jobs)
        for number, one in enumerate(sequence[start : start + 10]):
            predicted, done, again = answers[3 * number : 3 * number + 3]
            assert "changed" in done, (done, one)
            for key in ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure"):
                assert predicted[key] == done[key], (key, one)
            assert done["effective"]["in_force"] is True, (done["warnings"], one)
            assert done["changed"] == (done["diff"]["before"] != done["diff"]["after"]), one
            assert not again["changed"], (again["diff"], one)
            assert again["diff"] == {"before": done["diff"]["after"], "after": done["diff"]["after"]}
            assert (again["nft"], again["reloads"]) == (2 if any(rule["helper"] == "netbios-ns" for rule in one["rules"]) and again["nft"] == 2 else 1, 0)
            same += not done["changed"]
            loaded += again["kept"]
            changes += done["changed"]
            reloads += done["reloads"]
    assert "8443/tcp" in apply.sh("firewall-cmd --list-ports")
    assert loaded > 3 * PAIRS
    assert 0 <= same < PAIRS / 2
    assert 0 < reloads < changes, "some changes are made without a reload"
    assert apply(state="absent")["changed"]
    assert "msports" not in apply.sh("nft list ruleset; find /etc/firewalld")
