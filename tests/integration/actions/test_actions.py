# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions plan and apply, the role and the playbooks, run by ansible-playbook inside a network namespace of their own.

Needs unprivileged user namespaces, or root. Nothing outside the namespace and the test's folder is touched.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import re
import typing as t

import pytest
from bench import APPLY, HOSTS, PLAN, SUMMARY, Bench

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.every_core
def test_plan_is_saved_once_and_unchanged_the_second_time(bench: Bench) -> None:
    first = bench.play(PLAN, hosts="localhost")
    assert first.code == 0, first.output
    assert first.results["localhost"]["hosts"] == ["db01", "web01"]
    assert "in tcp/443 from exchange.client" in first.results["localhost"]["difference"]["hosts"]["web01"]["added"]
    assert first.results["localhost"]["left_out"] == {"hosts": 0, "sets": 0}
    saved = bench.plan_files()
    kinds = [name.split("/")[1] for name in saved]
    assert {kind: kinds.count(kind) for kind in kinds} == {"hosts": 2, "index.json": 1, "rulesets": 2, "sets": kinds.count("sets")}
    assert {"msports-plan/hosts/db01.json", "msports-plan/hosts/web01.json"} < set(saved)
    assert json.loads(saved["msports-plan/index.json"])["digest"] == first.results["localhost"]["digest"]
    second = bench.play(PLAN, hosts="localhost")
    assert (first.results["localhost"]["changed"], second.results["localhost"]["changed"]) == (True, False)
    assert bench.plan_files() == saved
    assert not first.calls, "the plan action connects to no host"


def test_check_mode_writes_nothing_and_predicts(bench: Bench) -> None:
    checked = bench.play(PLAN, hosts="localhost", arguments=["--check", "--diff"])
    assert checked.results["localhost"]["changed"]
    assert not bench.plan_files()
    assert "web01: in tcp/443 from exchange.client" in checked.output
    bench.play(PLAN, hosts="localhost")
    assert not bench.play(PLAN, hosts="localhost", arguments=["--check"]).results["localhost"]["changed"]


@pytest.mark.every_core
def test_bad_inventory_writes_nothing_and_names_every_problem(bench: Bench) -> None:
    bench.variables["msports_features"] = ["exchange.imap5"]
    bench.variables["msports_networks"] = {"exchange.clients": ["10.20.0.0/16"]}
    run = bench.play(PLAN, APPLY)
    assert run.code != 0
    assert not bench.plan_files()
    message = run.results["web01"]["msg"]
    assert "exchange.imap5" in message and "exchange.imap4" in message and "exchange.clients" in message
    assert not run.calls


@pytest.mark.every_core
@pytest.mark.parametrize("where", ["vars", "vars over those of the inventory", "set_fact"])
def test_variables_of_a_play_are_refused_by_name(bench: Bench, where: str) -> None:
    bench.variables["msports_ping"] = ["{{ msports_management.from[0] }}"]  # a template renders alike in the play and for the plan
    if where != "set_fact":
        bench.variables.update({"msports_features": ["exchange.pop3"]} if "over" in where else {})
        run = bench.play(PLAN, hosts="localhost", vars={"msports_features": ["exchange.imap4"]})
        assert run.code != 0
        assert "msports_features: set by the play or a role" in run.results["localhost"]["msg"]
    else:  # a fact of the host is in hostvars, so it counts
        run = bench.play({"ansible.builtin.set_fact": {"msports_features": ["exchange.imap4"]}}, PLAN, hosts="web01")
        assert run.code == 0, run.output


@pytest.mark.every_core
def test_apply_reconciles_and_the_second_run_changes_nothing(bench: Bench) -> None:
    run = bench.play(PLAN, APPLY, APPLY, hosts="web01")
    assert run.code == 0, run.output
    last = run.results["web01"]
    assert (last["changed"], last["backend"]) == (False, "nftables")
    assert last["kept"] > 5
    assert last["effective"]["in_force"]


FIREWALLD = {"ansible.builtin.command": {"argv": ["nft", "add table inet firewalld; add chain inet firewalld filter_INPUT"]}, "register": "stands_in"}


@pytest.mark.parametrize("way", ["action", "role"])
def test_another_manager_is_refused_unless_it_is_allowed_by_name(bench: Bench, way: str) -> None:
    """A table of this name counts as firewalld; it goes with the namespace of the run."""

    def tasks(**allowed: bool) -> list[dict[str, t.Any]]:
        if way == "action":
            return [FIREWALLD, PLAN, {"portcullis.msports.apply": {"persist": False, **allowed}}]
        options = {"host_firewall_persist": False, **{f"host_firewall_{name}": value for name, value in allowed.items()}}
        return [FIREWALLD, {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}, "vars": options}]

    refused = bench.play(*tasks(), hosts="web01")
    assert refused.code != 0
    assert "stop and mask that manager" in refused.results["web01"]["msg"]
    allowed = bench.play(*tasks(allow_other_manager=True), hosts="web01")
    assert allowed.code == 0, allowed.output
    done = allowed.results["web01"]
    assert (done["changed"], done["effective"]["in_force"]) == (True, True)
    assert "another manager filters here too: firewalld is running" in done["effective"]["reasons"]


def unsayable(bench: Bench) -> None:
    """Save a plan that allows port 0, and asks for a helper on a port that firewalld does not know it for."""
    allowed = [{"name": name, "in": port, "from": ["10.9.0.0/24"], "because": "a test"} for name, port in (("zero", "tcp/0"), ("boot", "udp/70"))]
    bench.inventory["all"]["children"]["exchange_client_access"]["hosts"]["web01"]["msports_allow"] = allowed
    bench.planned()
    plan = load(bench.folder / "msports-plan")
    for rule in plan["hosts"]["web01"]["rules"]:
        rule["helper"] = "tftp" if rule["local_ports"] == ["70"] else rule["helper"]
    save(plan, bench.folder / "msports-plan")


UNSAYABLE = (
    ("ufw", "enforce", "local_ports: ufw knows the ports 1 to 65535, not 0; begin at 1"),
    ("firewalld", "audit", "firewalld attaches the helper tftp to udp/69 alone, not to 70; name that port"),
)


def test_what_a_backend_cannot_say_is_refused_before_the_host_is_connected_to(bench: Bench) -> None:
    unsayable(bench)
    tasks = [{"name": backend, "portcullis.msports.apply": {"backend": backend, "mode": mode}, "ignore_errors": True} for backend, mode, _told in UNSAYABLE]
    run = bench.play(*tasks, hosts="web01")
    assert not run.calls, "the host was connected to"
    for backend, _mode, told in UNSAYABLE:
        assert run.by_task[backend]["failed"]
        message = run.by_task[backend]["msg"]
        assert re.match(r"rules\[\d+\] 'in (tcp/0|udp/70) from ", message), message
        assert told in message


def test_with_auto_the_host_decides(bench: Bench) -> None:
    unsayable(bench)
    run = bench.play({"portcullis.msports.apply": {"persist": False}}, hosts="web01")
    assert run.code == 0, run.output
    assert run.results["web01"]["backend"] == "nftables"


ZERO = {"name": "zero", "direction": "in", "protocol": "tcp", "local_ports": ["0"], "remote_addresses": ["10.9.0.0/24"]}


WRONG: tuple[tuple[dict[str, t.Any], str], ...] = (
    ({"rules": [{**ZERO, "remote_addresses": ["x.example.com"]}]}, "rules[0].remote_addresses[0]: 'x.example.com': expected an IP address"),
    ({"management": {"addresses": ["10.9.0.0/24"]}}, "management.ports: missing"),
    ({"backend": "ufw", "rules": [ZERO]}, "rules[0] 'zero': local_ports: ufw knows the ports 1 to 65535, not 0"),
)


def test_a_ruleset_used_directly_is_looked_at_before_the_host_is_connected_to(bench: Bench) -> None:
    tasks = [{"name": problem, "portcullis.msports.linux_ruleset": options, "ignore_errors": True} for options, problem in WRONG]
    run = bench.play(*tasks, hosts="web01")
    assert not run.calls, "the host was connected to"
    for _options, problem in WRONG:
        done = run.by_task[problem]
        assert done["failed"] and [text.startswith(problem) for text in done["problems"]] == [True], done
        assert done["problems"][0] in done["msg"]


def test_a_ruleset_used_directly_is_reconciled_by_one_call(bench: Bench) -> None:
    task = {"portcullis.msports.linux_ruleset": {"backend": "nftables", "rules": [ZERO], "persist": False}}
    run = bench.play(task, task, hosts="web01")
    assert run.code == 0, run.output
    assert run.calls == ["exec_command", "exec_command"]
    done = run.results["web01"]
    assert (done["changed"], done["backend"], done["backend_reason"], done["kept"]) == (False, "nftables", "asked for by name", 1)


def test_a_ruleset_of_linux_is_refused_where_the_shell_is_that_of_windows(bench: Bench) -> None:
    run = bench.play({"portcullis.msports.linux_ruleset": {"rules": []}, "vars": {"ansible_shell_type": "powershell"}}, hosts="web01")
    assert run.code != 0
    assert not run.calls
    assert "use win_firewall_ruleset" in run.results["web01"]["msg"]


@pytest.mark.parametrize("way", ["auto", "nftables", "role"])
def test_precedence_is_answered_with_a_warning_where_there_are_no_zones(bench: Bench, way: str) -> None:
    task: dict[str, t.Any] = {"portcullis.msports.apply": {"persist": False, "firewalld_precedence": "override", "backend": way}}
    if way == "role":
        options = {"host_firewall_persist": False, "host_firewall_firewalld_precedence": "override"}
        task = {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}, "vars": options}
    run = bench.play(PLAN, task, hosts="web01")
    assert run.code == 0, run.output
    assert run.results["web01"]["changed"]
    assert "firewalld_precedence is override, which is about firewalld: with nftables it changes nothing." in " ".join(run.output.split())


@pytest.mark.every_core
@pytest.mark.parametrize("state", ["present", "absent"])
def test_precedence_reaches_firewalld(bench: Bench, state: str) -> None:
    """In check mode: whether there is a firewalld or not, it stays as it is."""
    bench.environment["ANSIBLE_INJECT_INVOCATION"] = "true"  # ansible-core 2.21 does not by itself
    task = {"portcullis.msports.apply": {"backend": "firewalld", "firewalld_precedence": "yield", "state": state}}
    run = bench.play(PLAN, task, hosts="web01", arguments=["--check"])
    assert run.calls == ["exec_command"]
    handed = run.results["web01"]["invocation"]["module_args"]
    assert (handed["firewalld_precedence"], handed["planned_addresses"]) == ("yield", ["10.0.0.1"] if state == "present" else [])


def test_one_remote_call_for_a_host_and_a_second_one_to_confirm_a_change(bench: Bench) -> None:
    run = bench.play(PLAN, APPLY, hosts="web01")
    assert run.calls == ["exec_command"] * 2, run.calls
    assert run.results["web01"]["rollback"]["confirmed"] is True
    assert len(bench.play(PLAN, APPLY, APPLY, hosts="web01").calls) == 3
    at_once = {"portcullis.msports.apply": {"rollback_timeout": 0, "persist": False}}
    assert len(bench.play(PLAN, at_once, hosts="web01").calls) == 1


def test_check_mode_of_plan_and_apply_together(bench: Bench) -> None:
    run = bench.play(PLAN, APPLY, hosts="web01", arguments=["--check"])
    assert run.code == 0, run.output
    assert run.results["web01"]["changed"]
    assert not bench.plan_files()


def test_hosts_without_roles_are_skipped_and_never_connected_to(bench: Bench) -> None:
    run = bench.play(PLAN, APPLY, hosts="bare01")
    assert "skipping: [bare01]" in run.output
    assert "holds no product role" in run.results["bare01"]["msg"]
    assert not run.calls


def test_a_host_that_lost_its_roles_is_orphaned_and_emptied_by_name_only(bench: Bench) -> None:
    bench.planned()
    bench.inventory["all"]["children"]["others"]["hosts"]["web01"] = bench.inventory["all"]["children"].pop("exchange_client_access")["hosts"]["web01"]
    run = bench.play(PLAN, APPLY, hosts="web01")
    assert run.code == 0, run.output
    assert "orphaned" in run.results["web01"]["msg"]
    assert not run.calls
    assert json.loads(bench.plan_files()["msports-plan/index.json"])["orphaned"] == ["web01"]
    absent = bench.play({"portcullis.msports.apply": {"state": "absent"}}, hosts="web01")
    assert absent.code == 0, absent.output
    assert not absent.results["web01"]["changed"]


@pytest.mark.parametrize("whose", ["own", "other"])
def test_a_stale_plan_is_refused_unless_accepted_by_name(bench: Bench, whose: str) -> None:
    bench.planned()
    group = "exchange_client_access" if whose == "own" else "exchange_mailbox"
    next(iter(bench.inventory["all"]["children"][group]["hosts"].values()))["msports_addresses"] = ["10.0.0.9"]
    run = bench.play(APPLY, hosts="web01")
    assert run.code != 0
    assert "the plan is stale" in run.results["web01"]["msg"] and "allow_stale_plan" in run.results["web01"]["msg"]
    assert not run.calls
    accepted = bench.play({"portcullis.msports.apply": {"persist": False, "allow_stale_plan": True}}, hosts="web01")
    assert accepted.code == 0, accepted.output


def test_a_folder_of_something_else_is_no_plan_directory(bench: Bench) -> None:
    precious, file = bench.folder / "data" / "hosts" / "precious.json", bench.folder / "file"
    precious.parent.mkdir(parents=True)
    precious.write_text("{}")
    file.write_text("")
    wrong = {"data": "data: holds files but no plan (index.json)", "file": "file: is a file; expected a plan directory"}
    plan = [{"portcullis.msports.plan": {"directory": directory}, "ignore_errors": True} for directory in wrong]
    tasks = [{**task, "name": f"{name} {checked}", "check_mode": checked} for checked in (False, True) for name, task in zip(wrong, plan, strict=True)]
    run = bench.play(*tasks, hosts="localhost")
    for name, message in wrong.items():
        for checked in (False, True):
            done = run.by_task[f"{name} {checked}"]
            assert done["failed"] and message in done["msg"], done
    assert [path for path in bench.folder.glob("data/**/*") if path.is_file()] == [precious]


def test_a_saved_plan_is_applied_without_planning_again(bench: Bench) -> None:
    bench.planned()
    run = bench.play(APPLY, hosts="web01")
    assert run.code == 0, run.output
    assert run.results["web01"]["changed"]


@pytest.mark.parametrize("part", [False, True])
def test_a_slice_applies_the_plan_of_the_whole(bench: Bench, part: bool) -> None:
    """And hears of the word for it where it did not say that it is one."""
    bench.planned()
    del bench.inventory["all"]["children"]["exchange_mailbox"]
    run = bench.play({"portcullis.msports.apply": {"persist": False, "partial_inventory": part}}, hosts="web01")
    if part:
        assert run.code == 0, run.output
        assert run.results["web01"]["added"]
    else:
        message = run.results["web01"]["msg"]
        assert "db01 left the inventory" in message
        assert message.index("partial_inventory: true (host_firewall_partial_inventory of the role)") < message.index("allow_stale_plan")


def test_limit_changes_no_plan(bench: Bench) -> None:
    bench.planned()
    saved = bench.plan_files()
    bench.play(PLAN, arguments=["--limit", "db01"])
    assert bench.plan_files() == saved


def test_a_plan_of_a_part_is_not_applied(bench: Bench) -> None:
    run = bench.play({"portcullis.msports.plan": {"partial_inventory": True}}, APPLY, hosts="web01")
    assert run.code != 0
    assert "made from a part of the inventory" in run.results["web01"]["msg"]
    assert not run.calls


@pytest.mark.parametrize("how", [{"serial": 1}, {"strategy": "free"}])
def test_batches_and_the_free_strategy_compile_once(bench: Bench, how: dict[str, t.Any]) -> None:
    run = bench.play(PLAN, **how)
    assert run.code == 0, run.output
    assert sorted(run.results[host]["reused"] for host in HOSTS) == [False, True, True]


@pytest.mark.parametrize("how", [{"serial": 1}, {"strategy": "free"}])
def test_batches_and_the_free_strategy_tell_each_thing_once(bench: Bench, how: dict[str, t.Any]) -> None:
    """Which host tells of which others depends on who is first."""
    run = bench.play(PLAN, {**APPLY, "check_mode": True}, SUMMARY, **how)
    assert run.code == 0, run.output
    told = [line for host in HOSTS for line in run.results[host]["msg"]]
    assert sum("11 rules for 2 hosts in " in line for line in told) == 1
    assert sum(line == "skipped, without rules in the plan: bare01" for line in told) == 1
    counts = [line.split() for line in told if " changed" in line]
    assert (sum(int(words[0]) for words in counts), sum(int(words[2]) for words in counts)) == (2, 3), told


@pytest.mark.every_core
def test_role_and_playbooks(bench: Bench) -> None:
    role = {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}, "vars": {"host_firewall_persist": False}}
    run = bench.play(role, hosts="web01,bare01")
    assert run.code == 0, run.output
    for arguments in ((), ("--limit", "bare01")):  # a plan is never limited
        shutil.rmtree(bench.folder / "msports-plan")
        planned = bench.run("portcullis.msports.plan", *arguments)
        assert planned.code == 0, planned.output
        assert '"11 rules for 2 hosts in ' in planned.output and set(json.loads(bench.plan_files()["msports-plan/index.json"])["hosts"]) == {"web01", "db01"}
    applied = bench.run("portcullis.msports.apply", "-e", "apply_hosts=web01", "-e", "host_firewall_persist=false", "--check")
    assert applied.code == 0, applied.output


@pytest.mark.every_core
def test_limit_applies_to_one_host_and_the_run_ends_with_a_summary_without_v(bench: Bench) -> None:
    """Also where every host fails; and what stays has no line in the diff."""
    bench.variables["msports_networks"]["exchange.client"] = [f"10.20.{number}.0/24" for number in range(0, 200, 2)]
    limited = ("portcullis.msports.apply", "--limit", "web01,bare01", "-e", "host_firewall_persist=false", "--diff")
    first = " ".join(bench.run(*limited).output.split())
    closing = '"WILL CLOSE: first rules at 2 hosts: db01, web01; what no rule names is stopped there", "NEWLY CLOSED: the first rules at 1 host: web01"'
    assert closing + ', "11 rules for 2 hosts in ' in first, first
    assert '"1 of 2 hosts changed: rules 6 added, 0 changed, 0 removed", "skipped, without rules in the plan: bare01"' in first, first
    bench.variables["msports_management"]["services"] = ["rdp"]
    failing = bench.run(*limited, "-e", "host_firewall_owner=Not-one")
    assert failing.code != 0 and '"1 host FAILED, the reasons stand above: web01"' in failing.output, failing.output
    assert "10.20.0.0" not in failing.output and "REMOVED FROM THE PLAN: 2 rules at 2 hosts" in failing.output


@pytest.mark.every_core
def test_role_refuses_an_unknown_choice(bench: Bench) -> None:
    role = {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}, "vars": {"host_firewall_mode": "enforced"}}
    run = bench.play(role, hosts="web01")
    assert run.code != 0
    assert "host_firewall_mode" in run.output
