# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a saved plan to compare it: what did not change is not parsed again, and the comparison is the same."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import rules_digest


def rule(name, remote="any"):
    return {
        "name": name,
        "direction": "in",
        "action": "allow",
        "protocol": "tcp",
        "local_ports": ["443"],
        "remote_ports": [],
        "remote": remote,
        "local": None,
        "rpc": False,
        "helper": "",
        "delivery": "unicast",
        "because": [],
    }


def plan_of(**hosts):
    entry = {
        "system": "linux",
        "addresses": [],
        "dynamic_ports": ["49152-65535"],
        "roles": {},
        "features": [],
        "default_inbound": None,
        "default_outbound": "keep",
        "management": {},
    }
    sets = {"any": {"addresses": ["any"], "members": ["any"]}, "@rules@": {"addresses": ["10.0.0.1"], "members": ["a"]}}
    made = {name: {**entry, "rules": rules} for name, rules in hosts.items()}
    maps = {key: {} for key in ("peers", "catalogs", "networks", "inputs")}
    return {"format": 1, "digest": "d", "whole": True, "today": None, "sets": sets, "hosts": made, "notes": [], "off": [], "orphaned": [], **maps}


SHARED = [rule("one"), rule("two", "@rules@")]


@pytest.fixture
def saved(tmp_path):
    plan = plan_of(a=SHARED, b=SHARED, c=[rule("three")], d=[])
    save(plan, tmp_path)
    return plan, tmp_path


def test_what_is_saved_reads_as_json_would_write_it(saved):
    plan, folder = saved
    b = {key: value for key, value in plan["hosts"]["b"].items() if key != "rules"}
    entries = {**plan["hosts"], "b": {**b, "same_rules_as": "a", "rules_digest": rules_digest(SHARED)}}
    for name, entry in entries.items():
        text = (folder / "hosts" / f"{name}.json").read_text(encoding="utf-8")
        assert text == json.dumps(entry, sort_keys=True, indent=1) + "\n"


def test_an_unchanged_host_is_the_plan_s_own_entry(saved):
    plan, folder = saved
    read = load(folder, beside=plan)
    assert all(read["hosts"][name] is host for name, host in plan["hosts"].items())
    assert read["hosts"] == load(folder)["hosts"]
    assert not plan_diff(read, plan)["changed"]


@pytest.mark.parametrize("change", ["rule", "set", "gone", "new"])
def test_the_difference_is_the_same_as_with_everything_read(saved, change):
    plan, folder = saved
    after = copy.deepcopy(plan)
    if change == "rule":
        after["hosts"]["c"]["rules"][0]["local_ports"] = ["80"]
    elif change == "set":
        after["sets"]["@rules@"]["addresses"] = ["10.0.0.2"]
    elif change == "gone":
        del after["hosts"]["a"]
    else:
        after["hosts"]["e"] = copy.deepcopy(after["hosts"]["c"])
    difference = plan_diff(load(folder, beside=after), after)
    assert difference == plan_diff(load(folder), after)
    assert difference["changed"]


def test_hosts_share_their_rules_when_read_again(saved):
    plan, folder = saved
    hosts = load(folder)["hosts"]
    assert hosts["a"]["rules"] is hosts["b"]["rules"]
    assert load(folder, only=["b"])["hosts"] == {"b": plan["hosts"]["b"]}


@pytest.mark.parametrize("beside", [False, True])
def test_a_host_gets_no_rules_but_those_that_it_means(saved, beside):
    """Its file names a host that has other rules now, as in a directory that was written in part."""
    plan, folder = saved
    other = copy.deepcopy(plan)
    other["hosts"]["a"]["rules"][0]["local_ports"] = ["1-65535"]
    save({**other, "hosts": {"a": other["hosts"]["a"]}}, folder / "other")
    (folder / "other" / "hosts" / "a.json").replace(folder / "hosts" / "a.json")
    for only in (["b"], None):
        with pytest.raises(MsportsError, match=r"b.json: 'a': expected in same_rules_as a host of this plan whose file has the rules of this rules_digest"):
            load(folder, only=only, beside=plan if beside else None)


@pytest.mark.parametrize("holder", ["b", "d", "nobody", ["a"], None])
def test_a_host_whose_rules_are_nowhere(saved, holder):
    _plan, folder = saved
    path = folder / "hosts" / "b.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "same_rules_as": holder}), encoding="utf-8")
    with pytest.raises(MsportsError, match="expected in same_rules_as a host of this plan"):
        load(folder, only=["b"])


def test_a_host_whose_file_is_damaged_is_told(saved):
    plan, folder = saved
    (folder / "hosts" / "c.json").write_text("{", encoding="utf-8")
    with pytest.raises(MsportsError, match="is no JSON"):
        load(folder, beside=plan)


def test_hosts_that_are_the_same_are_left_alone_and_all_others_written(saved):
    plan, folder = saved
    after = copy.deepcopy(plan)
    after["hosts"]["c"]["rules"][0]["local_ports"] = ["80"]
    del after["hosts"]["d"]
    before = load(folder, beside=after)
    same = {name for name, host in before["hosts"].items() if host is after["hosts"].get(name)}
    assert same == {"a", "b"}
    (folder / "hosts" / "a.json").chmod(0o600)
    assert sorted(save(after, folder, same)) == ["hosts/c.json", "hosts/d.json", "index.json"]
    assert load(folder)["hosts"] == after["hosts"]
