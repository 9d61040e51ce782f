# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and the playbooks, run by ansible-playbook inside a network namespace of their own; and check mode of both actions.

Needs unprivileged user namespaces, or root. Nothing outside the namespace and the test's folder is touched.
"""

from __future__ import annotations

import json
import pathlib

import pytest
from bench import APPLY, PLAN, Bench, Run, a_play, attempt


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Run]:
    """The role, the role with a word that it does not know, and a playbook, which plans in a folder of its own."""
    bench = Bench(tmp_path_factory.mktemp("role"))
    role = {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}}
    return bench, bench.plays(
        a_play({**role, "vars": {"host_firewall_persist": False}}, hosts="web01,bare01"),
        a_play(attempt("refused", {**role, "vars": {"host_firewall_mode": "enforced"}}), hosts="web01"),
        {"import_playbook": "portcullis.msports.plan", "vars": {"plan_directory": "of-playbook"}},
    )


@pytest.mark.every_core
def test_role_and_playbooks(played: tuple[Bench, Run], bench: Bench) -> None:
    before, run = played
    assert run.code == 0, run.output
    assert run.at("web01", "Reconcile the firewall of this host")["changed"]
    assert any(line.startswith("11 rules for 2 hosts in ") for line in run.by_task["Say what was planned"]["msg"]), run.output
    assert set(json.loads(before.plan_files("of-playbook")["of-playbook/index.json"])["hosts"]) == {"web01", "db01"}
    limited = bench.run("portcullis.msports.plan", "--limit", "bare01")  # a plan is never limited
    assert limited.code == 0, limited.output
    assert '"11 rules for 2 hosts in ' in limited.output and set(json.loads(bench.plan_files()["msports-plan/index.json"])["hosts"]) == {"web01", "db01"}
    applied = bench.run("portcullis.msports.apply", "-e", "apply_hosts=web01", "-e", "host_firewall_persist=false", "--check")
    assert applied.code == 0, applied.output


@pytest.mark.every_core
def test_role_refuses_an_unknown_choice(played: tuple[Bench, Run]) -> None:
    _bench, run = played
    assert "refused" in run.by_task and len(run.of("Reconcile the firewall of this host")) == 2, "those of the play before"
    assert "host_firewall_mode" in run.output


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


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Run]:
    """Both actions in check mode; whether there is a firewalld or not, it stays as it is."""
    bench = Bench(tmp_path_factory.mktemp("checked"))
    bench.environment["ANSIBLE_INJECT_INVOCATION"] = "true"  # ansible-core 2.21 does not by itself
    options = {"backend": "firewalld", "firewalld_precedence": "yield"}
    tasks = [{"name": state, "portcullis.msports.apply": {**options, "state": state}, "ignore_errors": True} for state in ("present", "absent")]
    return bench, bench.play({"name": "plan", **PLAN}, {"name": "apply", **APPLY}, *tasks, hosts="web01", arguments=["--check", "--diff"])


def test_check_mode_writes_nothing_and_predicts(checked: tuple[Bench, Run]) -> None:
    bench, run = checked
    assert run.by_task["plan"]["changed"]
    assert not bench.plan_files()
    assert "web01: in tcp/443 from exchange.client" in run.output


def test_check_mode_of_plan_and_apply_together(checked: tuple[Bench, Run]) -> None:
    bench, run = checked
    assert not run.by_task["apply"]["failed"], run.output
    assert run.by_task["apply"]["changed"]
    assert not bench.plan_files()


@pytest.mark.every_core
@pytest.mark.parametrize("state", ["present", "absent"])
def test_precedence_reaches_firewalld(checked: tuple[Bench, Run], state: str) -> None:
    _bench, run = checked
    assert (run.calls_of["plan"], run.calls_of[state]) == ([], ["exec_command"])
    handed = run.by_task[state]["invocation"]["module_args"]
    assert (handed["firewalld_precedence"], handed["planned_addresses"]) == ("yield", ["10.0.0.1"] if state == "present" else [])
