# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode predicts what a run does, and a second run does nothing: over pairs of rulesets that differ in every way."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import typing as t

PAIRS = 210
# Single values are frequent on purpose: the kernel joins neighbouring comparisons of them and gives them back in its own order.
PORTS = [[], ["443"], ["25"], ["80", "443"], ["80", "81", "8000-8100"], ["0-65535"], ["1-1023", "49152-65535"], ["0"]]
ADDRESSES = [
    ["any"],
    ["10.0.0.0/8"],
    ["10.1.2.3"],
    ["10.4.0.0/16"],
    ["fd00::7"],
    ["10.1.2.3", "fd00::7"],
    ["10.1.2.3", "10.1.2.4"],
    ["10.1.2.0-10.1.3.7"],
    ["fd00::/8"],
    ["fd00::1", "10.9.8.7"],
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
LOCAL = [[], [], ["any"], ["10.0.0.1"], ["fd00::5"], ["10.0.0.1", "fd00::5"], ["10.0.0.0/24"], ["224.0.1.0/24"], ["@few"]]


def _sets(random: random.Random) -> dict[str, list[str]]:
    start = random.randrange(8)
    return {
        "few": ["10.50.0.0/16", f"10.60.{start}.1"],
        "many": [f"10.{70 + i // 250}.{i % 250}.{start}/32" for i in range(random.choice([3, 30, 600]))],
        "both": [f"192.168.{i}.{start}-192.168.{i}.{start + 9}" for i in range(9)] + [f"fd01:{i:x}::{start}" for i in range(7)],
        "nobody": [],
    }


def _one(random: random.Random, number: int) -> dict[str, t.Any]:
    protocol = random.choice(["tcp", "tcp", "udp", "icmp_echo", "any"])
    ports = protocol in ("tcp", "udp")
    made = {
        "name": f"rule {number} of {protocol}",
        "direction": random.choice(["in", "in", "out"]),
        "action": random.choice(["allow", "allow", "allow", "block"]),
        "protocol": protocol,
        "local_ports": random.choice(PORTS) if ports else [],
        "remote_ports": random.choice(PORTS[:3]) if ports and random.random() < 0.6 else [],
        "remote_addresses": random.choice(ADDRESSES),
        "local_addresses": random.choice(LOCAL),
        "helper": "",
        "description": f"text {random.random()}",
    }
    if protocol == "udp" and made["action"] == "allow" and random.random() < 0.4:
        made["helper"] = random.choice(["tftp", "netbios-ns"])
    return made


def _ruleset(random: random.Random) -> dict[str, t.Any]:
    sets = _sets(random)
    rules = [_one(random, number) for number in random.sample(range(60), random.choice([0, 1, 5, 20, 40]))]
    return {
        "rules": [rule for rule in rules if _families(rule, sets)],
        "address_sets": sets,
        "default_inbound": random.choice(["block", "block", "reject", "allow", "keep"]),
        "default_outbound": random.choice(["keep", "block", "allow"]),
        "mode": random.choice(["enforce", "enforce", "audit"]),
    }


def _families(rule: dict[str, t.Any], sets: dict[str, list[str]]) -> bool:
    """Tell whether both ends of a rule have a family in common; without one it is refused, which is another test's matter."""

    def of(texts: list[str]) -> set[int]:
        texts = sets[texts[0][1:]] if texts and texts[0].startswith("@") else texts
        return {4, 6} if texts in ([], ["any"]) else {6 if ":" in text else 4 for text in texts}

    return bool(of(rule["remote_addresses"]) & of(rule["local_addresses"]))


def _nearby(random: random.Random, given: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a copy that differs in one field of one rule, or in one option."""
    other = copy.deepcopy(given)
    field = random.choice(["rule"] * 6 + ["default_inbound", "default_outbound", "mode", "address_sets"])
    if field != "rule" or not other["rules"]:
        other[field if field != "rule" else "mode"] = _ruleset(random)[field if field != "rule" else "mode"]
        other["rules"] = [rule for rule in other["rules"] if _families(rule, other["address_sets"])]
        return other
    chosen = random.choice(other["rules"])
    key = random.choice([key for key in chosen if key not in ("protocol", "helper")])
    helped = [rule for rule in other["rules"] if rule["protocol"] == "udp" and rule["action"] == "allow"]
    if helped and random.random() < 0.2:
        chosen, key = random.choice(helped), "helper"
    for _attempt in range(50):
        donor = dict(_one(random, 99), name=f"renamed {random.random()}")
        changed = dict(chosen, **{key: donor[key]})
        fits = not ((changed["local_ports"] or changed["remote_ports"]) and changed["protocol"] not in ("tcp", "udp"))
        fits = fits and not (changed["helper"] and (changed["protocol"] != "udp" or changed["action"] != "allow"))
        if fits and changed != chosen and _families(changed, other["address_sets"]):
            chosen.update(changed)
            break
    return other


def test_check_predicts_and_repeats_change_nothing(apply: t.Any) -> None:
    random_numbers = random.Random(20261121)
    foreign = "table inet other {\n chain c {\n  tcp dport 1 accept\n }\n}\n"
    subprocess.run(["nft", "-f", "-"], input=foreign, text=True, check=True)
    before = _listing("list table inet other")
    options = _ruleset(random_numbers)
    apply(**options)
    same, near, loaded, fields = 0, 0, 0, set()
    for number in range(PAIRS):
        previous = options
        if number % 2:
            options = _nearby(random_numbers, options)
            near += 1
            fields |= {key for a, b in zip(previous["rules"], options["rules"]) for key in a if a[key] != b[key]}
        else:
            options = _ruleset(random_numbers)
        kernel = _listing("list ruleset")
        predicted = apply(check=True, **options)
        assert _listing("list ruleset") == kernel, "check mode changed the kernel"
        done = apply(**options)
        for key in ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure"):
            assert predicted[key] == done[key], (number, key, previous, options)
        assert done["effective"]["in_force"] is True
        assert done["changed"] == (done["diff"]["before"] != done["diff"]["after"]), number
        again = apply(**options)
        assert not again["changed"], (number, options)
        assert again["diff"] == {"before": done["diff"]["after"], "after": done["diff"]["after"]}
        assert apply.processes <= 3
        same += not done["changed"]
        loaded += again["kept"]
    assert _listing("list table inet other") == before
    # The generator is worth something only when it reaches every field and both outcomes.
    assert near == PAIRS // 2
    assert loaded > 5 * PAIRS
    assert fields >= {"name", "direction", "action", "local_ports", "remote_ports", "remote_addresses", "local_addresses", "helper", "description"}
    assert 0 < same < PAIRS / 2


def test_five_thousand_addresses(apply: t.Any, rule: t.Any) -> None:
    addresses = [f"10.{i // 250}.{i % 250}.{(i * 7) % 250}" for i in range(5000)] + [f"fd00:{i:x}::/48" for i in range(0, 10000, 2)]
    options = {"address_sets": {"population": addresses}}
    users = [rule(f"in tcp/{port}", local_ports=[str(port)], remote_addresses=["@population"]) for port in (80, 443)]
    assert apply(*users, **options)["changed"]
    assert not apply(*users, **options)["changed"]
    listed = json.loads(_listing("list ruleset", "-j"))["nftables"]
    assert sorted(len(item["set"]["elem"]) for item in listed if "set" in item) == [5000, 5000]
    options["address_sets"]["population"][2500] = "10.200.0.1"
    done = apply(*users, **options)
    assert done["changed_rules"] == ["in tcp/443", "in tcp/80"]
    assert not apply(*users, **options)["changed"]


def _listing(what: str, flag: str = "-a") -> str:
    return subprocess.run(["nft", flag, *what.split()], capture_output=True, text=True, check=True).stdout
