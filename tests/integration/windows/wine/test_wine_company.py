# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows hosts of the small company, by the playbooks that we ship: planned, applied, and applied once more.

One prefix of Wine plays all of them in turn: before each call it becomes the host of the policy file, registry, sessions and task included. A PowerShell
that stays open runs the calls, script and input as Ansible sends them; ``test_wine_playbooks.py`` has a PowerShell for each.
"""

from __future__ import annotations

import json
import shutil
import sys
import typing as t

import policy_file
import pytest

from conftest import ROOT
from wine_plays import Plain, WinePlace

sys.path.insert(0, str(ROOT / "tests" / "lab"))

from company import read_company  # noqa: E402
from windows_hosts import Stores  # noqa: E402

COMPANY = ROOT / "docs" / "examples" / "small_company"
CONNECTION = "portcullis.lab.windows_stand_in"


class Applied(t.NamedTuple):
    """The stores after two runs, what each run gave by host, the calls of each run; and calls and stores of the stand-in for the same plan."""

    stores: Stores
    results: list[dict[str, Plain]]
    calls: list[list[Plain]]
    by_stand_in: list[Plain]
    stand_in: dict[str, Plain]


def held(content: policy_file.Content) -> Plain:
    """All that a host holds, without what names its rules."""
    rules = sorted(json.dumps({**rule, "key": None}, sort_keys=True) for rule in content["rules"])
    return {"rules": rules, **{key: content[key] for key in ("profiles", "memory", "task")}}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    place = WinePlace(tmp_path_factory.mktemp("company"))
    stores = Stores(place.stores, read_company(COMPANY, home=place.folder / "ansible"))
    planned = place.play("-i", COMPANY, "portcullis.msports.plan")
    assert planned.code == 0, planned.output
    shutil.copytree(place.stores, place.folder / "others")
    words = ("-i", COMPANY, "--connection", CONNECTION, "portcullis.msports.apply", "--extra-vars")
    told = json.dumps({"apply_hosts": "windows", "apply_saved_plan": True, "host_firewall_rollback_timeout": 3600})
    results, calls = [], []
    for _time in range(2):
        played = place.shared(*words, told, opened=True)
        assert played.code == 0, played.output
        results.append({host: result for host, _task, result in played.results if "backend" in result})
        calls.append(place.calls())
    other = place.play(*words, told, MSPORTS_ENGINE="mono", MSPORTS_STAND_IN_DIRECTORY=str(place.folder / "others"))
    assert other.code == 0, other.output
    stand_in = {name: held(policy_file.read(place.folder / "others" / f"{name}.json")) for name in stores.names}
    return Applied(stores, results, calls, place.calls(), stand_in)


def test_every_host_is_written_once_and_confirmed(applied: Applied) -> None:
    first, calls = applied.results[0], [call["host"] for call in applied.calls[0]]
    assert sorted(first) == applied.stores.names and len(first) > 15
    for name, result in first.items():
        assert result["changed"] and result["effective"]["in_force"] and result["rollback"]["confirmed"], name
        assert {rule["name"] for rule in applied.stores.own(name)} == set(result["added"]), name
        assert calls.count(name) == 3, "read, write, confirm"


def test_the_second_time_nothing_changes(applied: Applied) -> None:
    second, calls = applied.results[1], applied.calls[1]
    assert {name: (result["changed"], result["kept"]) for name, result in second.items()} == {
        name: (False, len(applied.stores.own(name))) for name in applied.stores.names
    }
    assert sorted(call["host"] for call in calls) == applied.stores.names, "one call a host"


def test_rules_of_others_are_byte_for_byte_what_they_were(applied: Applied) -> None:
    assert applied.stores.touched() == []


def test_the_stand_in_is_asked_the_same_and_holds_the_same(applied: Applied) -> None:
    asked = [[(call["host"], call["operations"]) for call in calls] for calls in (applied.calls[0], applied.by_stand_in)]
    assert asked[0] == asked[1]
    for name in applied.stores.names:
        assert held(policy_file.read(applied.stores.path(name))) == applied.stand_in[name], name
