# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode predicts what a run does, and a second run does nothing: over pairs of rulesets that differ in every way."""

from __future__ import annotations

import json
import subprocess
import typing as t

from random_rulesets import Rulesets

PAIRS = 210


def test_check_predicts_and_repeats_change_nothing(apply: t.Any) -> None:
    rulesets = Rulesets(20261121, ports=[["0"]], many=(3, 30, 600))
    foreign = "table inet other {\n chain c {\n  tcp dport 1 accept\n }\n}\n"
    subprocess.run(["nft", "-f", "-"], input=foreign, text=True, check=True)
    before = _listing("list table inet other")
    options = rulesets.ruleset()
    apply(**options)
    same, near, loaded, fields = 0, 0, 0, set()
    for number in range(PAIRS):
        previous = options
        if number % 2:
            options = rulesets.nearby(options)
            near += 1
            fields |= {key for a, b in zip(previous["rules"], options["rules"]) for key in a if a[key] != b[key]}
        else:
            options = rulesets.ruleset()
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
