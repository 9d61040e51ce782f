# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role, the playbooks and what they look at on Windows hosts, beside Linux ones: through the connection that stands where WinRM and PSRP stand."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from bench import PLAN, Run, a_play
from windows_bench import APPLY_ANYWHERE, WindowsBench, apply_task, policy_file

RECONCILE = "Reconcile the firewall of this host"


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> WindowsBench:
    return WindowsBench(tmp_path)


WAYS: dict[str, dict[str, t.Any]] = {"as the role is": {}, "become in the play": {"become": True}}


@pytest.fixture(scope="module")
def by_role(tmp_path_factory: pytest.TempPathFactory) -> tuple[WindowsBench, Run]:
    """For each way the role in check mode, for real, and with state absent, after which the host is as it was."""
    bench = WindowsBench(tmp_path_factory.mktemp("role"))
    del bench.variables["ansible_user"]
    bench.variables["ansible_become_exe"] = str(_no_sudo(bench.folder))

    def role(**options: t.Any) -> dict[str, t.Any]:
        named = {f"host_firewall_{name}": value for name, value in options.items()}
        return {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}, "vars": named}

    plays = []
    for way, become in WAYS.items():
        plays.append(a_play(role(persist=True, directory=f"checked {way}"), hosts="web01,db01", check_mode=True, **become))
        plays.append(a_play(role(persist=True, directory=way), hosts="web01", **become))
        plays.append(a_play(role(state="absent", directory=way), bench.look(way), hosts="web01", **become))
    return bench, bench.plays(*plays)


@pytest.mark.every_core
@pytest.mark.parametrize("way", WAYS)
def test_one_role_for_both_systems(by_role: tuple[WindowsBench, Run], way: str) -> None:
    """The role becomes root on Linux. By that method nobody can become anything on Windows, and nobody has to."""
    bench, run = by_role
    assert run.code == 0, run.output
    number = list(WAYS).index(way)
    done = {host: [result for name, task, result in run.given if (name, task) == (host, RECONCILE)] for host in ("web01", "db01")}
    assert (len(done["web01"]), len(done["db01"])) == (3 * len(WAYS), len(WAYS)), run.output
    checked, applied, gone = done["web01"][3 * number : 3 * number + 3]
    assert (checked["backend"], done["db01"][number]["backend"]) == ("windows", "nftables")
    assert applied["changed"] is True, run.output
    assert (gone["changed"], policy_file.own(bench.looked(run, way))) == (True, []), run.output


def _no_sudo(folder: pathlib.Path) -> pathlib.Path:
    """A stand-in for sudo: the test is root in its namespace already."""
    path = folder / "sudo"
    path.write_text('#!/bin/sh\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec "$@"\n')
    path.chmod(0o755)
    return path


def test_the_playbook_applies_to_both(bench: WindowsBench) -> None:
    planned = bench.run("portcullis.msports.plan")
    assert planned.code == 0, planned.output
    arguments = ("-e", "apply_hosts=web01,db01", "-e", json.dumps({"apply_saved_plan": True, "ansible_become": False}))
    applied = bench.run("portcullis.msports.apply", *arguments, "--check")
    assert applied.code == 0, applied.output
    assert {applied.results[name]["backend"] for name in ("web01", "db01")} == {"windows", "nftables"}
    assert bench.windows_calls() == [0]


OBSERVE = {"portcullis.msports.observe": {}}


def listens(port: int, process: int) -> dict[str, t.Any]:
    return {"protocol": "tcp", "state": 2, "local": "0.0.0.0", "local_port": port, "peer": "", "peer_port": 0, "process": process}


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> tuple[WindowsBench, policy_file.Content, Run]:
    """A host with a session that its first rules would cut, in a play with become, too."""
    bench = WindowsBench(tmp_path_factory.mktemp("observed"))
    content = bench.store
    session = {**listens(5432, 8), "state": 5, "local": "10.0.0.1", "peer": "10.7.7.7", "peer_port": 50001}
    content.update(sockets=[listens(5432, 8), session], processes={"8": "postgres"})
    policy_file.write(bench.path, content)
    bench.web01["msports_default_inbound"] = "block"
    before = bench.store
    tasks = (apply_task("refused", refused=True), bench.look("after refusing"), apply_task("accepted", accept_cut=["web01 tcp/5432"]))
    run = bench.plays(
        a_play(PLAN, {"name": "seen", **OBSERVE}, *tasks, hosts="web01"),
        a_play({"name": "with become", **OBSERVE}, hosts="web01", vars={"ansible_become": True}),
    )
    return bench, before, run


def test_what_a_windows_host_shows_is_kept_and_the_first_rules_that_would_cut_it_are_refused(
    observed: tuple[WindowsBench, policy_file.Content, Run],
) -> None:
    """As on Linux: nothing is cut that was seen in use and that nobody accepted by name."""
    bench, before, run = observed
    told = run.by_task["seen"]
    assert not told["failed"], run.output
    assert {(item["seen"], item["peer"], item["process"]) for item in told["observations"]} == {
        ("listener", "", "postgres"),
        ("session", "10.7.7.7", "postgres"),
    }
    kept = json.loads(next(iter(pathlib.Path(told["directory"]).iterdir())).read_text())
    assert (kept["host"], len(kept["observations"])) == ("web01", 2)
    refused, accepted = run.by_task["refused"], run.by_task["accepted"]
    assert refused["failed"] and "web01 tcp/5432" in refused["msg"], run.output
    assert policy_file.state(bench.looked(run, "after refusing")) == policy_file.state(before)
    assert not accepted["failed"] and accepted["changed"], run.output


def test_become_in_a_play_for_both_systems_is_no_hindrance_to_observing(observed: tuple[WindowsBench, policy_file.Content, Run]) -> None:
    _bench, _before, run = observed
    assert run.code == 0 and not run.by_task["with become"]["failed"], run.output


#: All hosts of the inventory are this one, where nobody listens: what is tried is refused, and so it arrived.
ONE_NETWORK = ["sh", "-c", 'ip link set lo up && for one in 1 2 3 4; do ip address add "10.0.0.$one/32" dev lo; done && exec "$@"', "sh"]


def test_verify_tries_from_windows_hosts_what_may_pass_and_what_may_not(bench: WindowsBench) -> None:
    """Become is for Linux hosts of the same inventory, and the log of the firewall is nothing that verify needs."""
    bench.web01["ansible_shell_type"] = "powershell"
    bench.inventory["all"]["children"]["exchange_edge_transport"] = {"hosts": {"edge01": {"msports_addresses": ["10.0.0.4"]}}}
    bench.variables["ansible_become"] = True
    bench.variables["msports_management"] = {"from": ["10.9.0.0/24", "10.0.0.1"], "services": ["ssh"]}
    content = bench.store
    content["sockets"] = [{"protocol": "tcp", "state": 2, "local": "0.0.0.0", "local_port": 443, "peer": "", "peer_port": 0, "process": 4}]
    policy_file.write(bench.path, content)
    bench.within = [*bench.within, *ONE_NETWORK]
    chosen = {"verify_hosts": "web01", "verify_systems": ["windows"]}
    run = bench.plays(a_play(PLAN, hosts="localhost"), {"import_playbook": "portcullis.msports.verify"}, arguments=["-e", json.dumps(chosen)])
    answers = run.by_task["Try connections from this Windows host"].get("answers")
    assert answers, run.output
    expected = {("10.0.0.2", 22, "refused"), *(("10.0.0.4", port, "refused") for port in (1, 9, 25, 50636))}
    assert {(item["address"], item["port"], item["answer"]) for item in answers} == expected, "one that a rule admits, the others that none does"
    seen = run.by_task["See who listens on a Windows host, which refuses nothing"]
    result = run.by_task["Judge the answers"]["ansible_facts"]["verify_result"]
    assert sorted(result["wrong"]) == [f"passed though not planned: web01 -> edge01 tcp/{port}" for port in (1, 25, 50636, 9)], result
    assert (result["tested"], result["not_tested"], run.code) == (5, [], 2)
    assert ([row[3] for row in seen["sockets"]], seen["logs"], run.calls) == ([443], [], [])


def drift(*accepted: str, **options: bool) -> dict[str, t.Any]:
    chosen = {"drift_hosts": "web01", "drift_accept_foreign": list(accepted), **options}
    return {"import_playbook": "portcullis.msports.drift", "vars": chosen}


@pytest.mark.every_core
def test_the_rules_of_a_fresh_server_are_told_and_are_no_drift(bench: WindowsBench) -> None:
    """A playbook that fails is the last one of its run."""
    own = "WinRM over HTTPS"  # the one rule that an admin made there
    run = bench.plays(a_play(PLAN, APPLY_ANYWHERE, hosts="web01"), drift(own), drift("*", drift_strict=True), drift("Core*", own, drift_strict=True))
    _before, _applied, fresh, everything, strict = run.output.split("PLAY [")
    assert "Remote Desktop: " in fresh and "1 of 1 hosts are as the plan says" in fresh, run.output
    assert "1 of 1 hosts are as the plan says" in everything, run.output
    assert run.code == 2 and "foreign: Remote Desktop: " in strict and "foreign: Core" not in strict, run.output
    content = bench.store
    content["rules"].append({**next(item for item in content["rules"] if "3389" in json.dumps(item)), "name": "Backup agent", "grouping": ""})
    bench.path.write_text(json.dumps(content))
    run = bench.plays(drift("Backup agent", own), drift(own))
    _before, accepted, more = run.output.split("PLAY [")
    assert "1 of 1 hosts are as the plan says" in accepted, run.output
    assert run.code == 2 and "foreign: the rule 'Backup agent': 1 inbound" in more, run.output
