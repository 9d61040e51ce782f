# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of a run ends after each of its commits, and the next run puts right what it left; and an enumeration that breaks at every rule."""

from __future__ import annotations

import contextlib
import copy
import json
import typing as t

import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, run
from conftest import Host, engines
from executor_cases import estate

Plain = dict[str, t.Any]
# Over those of `estate`: some stay, some change, the others go, and there are new ones.
RULES: list[Plain] = [
    {"name": "web", "direction": "in", "protocol": "tcp", "local_ports": ["443", "8443"], "remote_addresses": ["10.20.0.0/16"]},
    {"name": "rpc", "direction": "in", "protocol": "tcp", "local_ports": ["RPC"], "remote_addresses": ["10.20.0.0/16"]},
    {"name": "new", "direction": "in", "protocol": "udp", "local_ports": ["53"], "remote_addresses": ["10.20.0.0/16", "fd00:20::/48"]},
    {"name": "WEB 2", "direction": "in", "protocol": "tcp", "local_ports": ["8080"], "remote_addresses": ["10.20.0.0/16"]},
]
WANTED: Plain = {"rules": RULES, "default_outbound": "block", "max_removals": 20, "allow_lockout": True}


def asking(host: Host) -> t.Callable[[Plain], Plain]:
    return lambda arguments: host.run(**arguments)


def without_keys(content: policy_file.Content) -> Plain:
    return {**policy_file.state(content), "rules": sorted(json.dumps({**one, "key": None}, sort_keys=True) for one in content["rules"])}


def ended(host: Host, commit: int, read: Plain) -> None:
    """A run on this host, whose process ends after a commit. ``read`` is what its first call tells."""
    answers = iter([read])

    def call(arguments: Plain) -> Plain:
        if answer := next(answers, None):
            return answer
        return asking(host)(arguments)

    host.switch(die_after_commits=commit)
    with pytest.raises(json.JSONDecodeError):
        run(WANTED, call)
    host.switch(die_after_commits=0)


def test_a_run_that_ended_after_any_commit_is_finished_by_the_next(make_host: t.Callable[..., Host]) -> None:
    whole = make_host(estate(), "whole")
    before = whole.content
    read = asking(whole)({"owner": "msports", "settle": True})
    done = run(WANTED, asking(whole))
    commits = done["calls"]["commits"]
    assert commits > 15 and done["added"] and done["changed_rules"] and done["removed"]
    hosts = [make_host(copy.deepcopy(before), f"ended-{commit}") for commit in range(1, commits + 1)]
    for commit, host in enumerate(hosts, 1):
        ended(host, commit, read)
        assert host.content["counters"]["commits"] == commit
        assert policy_file.foreign(host.content) == policy_file.foreign(before), commit
    assert len({json.dumps(without_keys(host.content)) for host in hosts}) == commits, "each of them left something else"
    healed = [run(WANTED, asking(host)) for host in hosts]
    for commit, (host, result) in enumerate(zip(hosts, healed), 1):
        assert result["effective"]["in_force"] and result["changed"] == (commit < commits), commit
        assert without_keys(host.content) == without_keys(whole.content), commit
        assert policy_file.foreign(host.content) == policy_file.foreign(before), commit


def test_an_enumeration_that_breaks_at_any_rule_changes_nothing(make_host: t.Callable[..., Host]) -> None:
    content = estate()
    count = len(content["rules"])
    hosts = [make_host(estate(enumeration_fails_at=place), f"breaks-{place}") for place in range(1, count + 2)]
    told = [json.loads(done.output) for done in (engines.chosen().run_open(host.call(owner="msports", settle=True), host.path) for host in hosts)]
    assert [bool(result.get("failed")) for result in told] == [True] * count + [False]
    for host, result in zip(hosts, told):
        assert ("state" in result) != bool(result.get("failed"))
        with pytest.raises(HostFailed, match="nothing was changed") if result.get("failed") else contextlib.nullcontext():
            run(WANTED, lambda arguments: result, check_mode=True)  # noqa: B023  (called at once)
        assert policy_file.state(host.content) == policy_file.state(content)
        assert host.content["counters"]["commits"] == 0
