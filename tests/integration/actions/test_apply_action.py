# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action apply and the rulesets that it hands on, run by ansible-playbook inside a network namespace of their own.

Needs unprivileged user namespaces, or root. Nothing outside the namespace and the test's folder is touched.
"""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import pytest
from bench import PLAN, Bench, Run, a_play, attempt

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


ROLE = {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}}


def apply_task(name: str, **options: t.Any) -> dict[str, t.Any]:
    """What has an owner of its own has rules of its own, as on a host that had none."""
    return {"name": name, "portcullis.msports.apply": {"persist": False, **options}}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of all that succeeds with the inventory as it is, and of what is skipped or refused without a call."""
    bench = Bench(tmp_path_factory.mktemp("applied"))
    bench.planned("saved")
    override = {"firewalld_precedence": "override"}
    role = {"host_firewall_persist": False, "host_firewall_owner": "by_role", "host_firewall_firewalld_precedence": "override"}
    of_a_part = {"directory": "part", "partial_inventory": True}
    return bench.plays(
        a_play(
            apply_task("saved", directory="saved", owner="of_saved"),
            {"name": "plan", **PLAN},
            apply_task("first"),
            apply_task("second"),
            apply_task("at once", rollback_timeout=0, owner="at_once"),
            apply_task("auto", owner="by_auto", **override),
            apply_task("nftables", owner="by_name", backend="nftables", **override),
            {**ROLE, "vars": role},
            {"name": "plan of a part", "portcullis.msports.plan": of_a_part},
            {**apply_task("part", directory="part"), "ignore_errors": True},
            hosts="web01",
        ),
        a_play(apply_task("roleless"), hosts="bare01"),
    )


@pytest.mark.every_core
def test_apply_reconciles_and_the_second_run_changes_nothing(applied: Run) -> None:
    assert applied.code == 0, applied.output
    last = applied.by_task["second"]
    assert (last["changed"], last["backend"]) == (False, "nftables")
    assert last["kept"] > 5
    assert last["effective"]["in_force"]


def test_a_saved_plan_is_applied_without_planning_again(applied: Run) -> None:
    assert not applied.by_task["saved"]["failed"], applied.output
    assert applied.by_task["saved"]["changed"]


def test_one_remote_call_for_a_host_and_a_second_one_to_confirm_a_change(applied: Run) -> None:
    assert applied.calls_of["first"] == ["exec_command"] * 2, applied.calls_of
    assert applied.by_task["first"]["rollback"]["confirmed"] is True
    assert not applied.calls_of["plan"] and len(applied.calls_of["second"]) == 1
    assert len(applied.calls_of["at once"]) == 1


@pytest.mark.parametrize("way", ["auto", "nftables", "Reconcile the firewall of this host"])
def test_precedence_is_answered_with_a_warning_where_there_are_no_zones(applied: Run, way: str) -> None:
    """By the action, and by the role, whose task that is."""
    done = applied.by_task[way]
    assert not done["failed"], applied.output
    assert done["changed"]
    warning = "firewalld_precedence is override, which is about firewalld: with nftables it changes nothing."
    assert warning in done["warnings"] and warning in " ".join(applied.output.split())


def test_a_plan_of_a_part_is_not_applied(applied: Run) -> None:
    refused = applied.by_task["part"]
    assert refused["failed"]
    assert "made from a part of the inventory" in refused["msg"]
    assert not applied.calls_of["plan of a part"] and not applied.calls_of["part"]


def test_hosts_without_roles_are_skipped_and_never_connected_to(applied: Run) -> None:
    assert "skipping: [bare01]" in applied.output
    assert "holds no product role" in applied.results["bare01"]["msg"]
    assert not applied.calls_of["roleless"]


FIREWALLD = {"ansible.builtin.command": {"argv": ["nft", "add table inet firewalld; add chain inet firewalld filter_INPUT"]}, "register": "stands_in"}


@pytest.fixture(scope="module")
def beside_another(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A table of this name counts as firewalld; it goes with the namespace of the run."""
    allowed = {"host_firewall_persist": False, "host_firewall_allow_other_manager": True, "host_firewall_owner": "by_role"}
    return Bench(tmp_path_factory.mktemp("manager")).play(
        FIREWALLD,
        PLAN,
        {**apply_task("action refused"), "ignore_errors": True},
        apply_task("action", allow_other_manager=True),
        attempt("role refused", {**ROLE, "vars": {"host_firewall_persist": False, "host_firewall_owner": "by_role"}}),
        {**ROLE, "vars": allowed},
        hosts="web01",
    )


@pytest.mark.parametrize("way", ["action", "role"])
def test_another_manager_is_refused_unless_it_is_allowed_by_name(beside_another: Run, way: str) -> None:
    assert beside_another.code == 0, beside_another.output
    assert "stop and mask that manager" in beside_another.by_task[f"{way} refused"]["msg"]
    done = beside_another.by_task["action" if way == "action" else "Reconcile the firewall of this host"]
    assert beside_another.by_task["action refused"]["failed"] and not done["failed"]
    assert (done["changed"], done["effective"]["in_force"]) == (True, True)
    assert "another manager filters here too: firewalld is running" in done["effective"]["reasons"]


def unsayable(bench: Bench) -> None:
    """Save a plan that allows port 0, and asks for a helper on a port that firewalld does not know it for."""
    bench.planned()
    plan = load(bench.folder / "msports-plan")
    rules = plan["hosts"]["web01"]["rules"]
    one = next(rule for rule in rules if rule["name"].startswith("in tcp/22 from "))
    for protocol, port, helper in (("tcp", "0", ""), ("udp", "70", "tftp")):
        name = one["name"].replace("tcp/22", f"{protocol}/{port}")
        rules.append({**one, "name": name, "protocol": protocol, "local_ports": [port], "helper": helper})
    save(plan, bench.folder / "msports-plan")


UNSAYABLE = (
    ("ufw", "enforce", "local_ports: ufw knows the ports 1 to 65535, not 0; begin at 1"),
    ("firewalld", "audit", "firewalld attaches the helper tftp to udp/69 alone, not to 70; name that port"),
)
ZERO = {"name": "zero", "direction": "in", "protocol": "tcp", "local_ports": ["0"], "remote_addresses": ["10.9.0.0/24"]}
WRONG: tuple[tuple[dict[str, t.Any], str], ...] = (
    ({"rules": [{**ZERO, "remote_addresses": ["x.example.com"]}]}, "rules[0].remote_addresses[0]: 'x.example.com': expected an IP address"),
    ({"management": {"addresses": ["10.9.0.0/24"]}}, "management.ports: missing"),
    ({"backend": "ufw", "rules": [ZERO]}, "rules[0] 'zero': local_ports: ufw knows the ports 1 to 65535, not 0"),
)


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What is refused before a host is connected to, and then what is not; the rulesets used directly have an owner of their own."""
    bench = Bench(tmp_path_factory.mktemp("backends"))
    unsayable(bench)
    wrong = [(problem, options, {}) for options, problem in WRONG]
    wrong.append(("shell of Windows", {"rules": []}, {"ansible_shell_type": "powershell"}))
    direct = {"backend": "nftables", "rules": [ZERO], "persist": False, "owner": "direct"}
    return bench.play(
        *({**apply_task(backend, backend=backend, mode=mode), "ignore_errors": True} for backend, mode, _told in UNSAYABLE),
        *({"name": name, "portcullis.msports.linux_ruleset": options, "vars": seen, "ignore_errors": True} for name, options, seen in wrong),
        apply_task("auto"),
        *({"name": name, "portcullis.msports.linux_ruleset": direct} for name in ("direct", "direct again")),
        hosts="web01",
    )


def test_what_a_backend_cannot_say_is_refused_before_the_host_is_connected_to(backends: Run) -> None:
    for backend, _mode, told in UNSAYABLE:
        assert not backends.calls_of[backend], "the host was connected to"
        assert backends.by_task[backend]["failed"]
        message = backends.by_task[backend]["msg"]
        assert re.match(r"rules\[\d+\] 'in (tcp/0|udp/70) from ", message), message
        assert told in message


def test_with_auto_the_host_decides(backends: Run) -> None:
    assert backends.code == 0 and not backends.by_task["auto"]["failed"], backends.output
    assert backends.by_task["auto"]["backend"] == "nftables"


def test_a_ruleset_used_directly_is_looked_at_before_the_host_is_connected_to(backends: Run) -> None:
    for _options, problem in WRONG:
        assert not backends.calls_of[problem], "the host was connected to"
        done = backends.by_task[problem]
        assert done["failed"] and [text.startswith(problem) for text in done["problems"]] == [True], done
        assert done["problems"][0] in done["msg"]


def test_a_ruleset_used_directly_is_reconciled_by_one_call(backends: Run) -> None:
    assert backends.code == 0, backends.output
    assert (backends.calls_of["direct"], backends.calls_of["direct again"]) == (["exec_command"], ["exec_command"])
    done = backends.by_task["direct again"]
    assert (done["changed"], done["backend"], done["backend_reason"], done["kept"]) == (False, "nftables", "asked for by name", 1)


def test_a_ruleset_of_linux_is_refused_where_the_shell_is_that_of_windows(backends: Run) -> None:
    assert backends.by_task["shell of Windows"]["failed"]
    assert not backends.calls_of["shell of Windows"]
    assert "use win_firewall_ruleset" in backends.by_task["shell of Windows"]["msg"]


def test_a_host_that_lost_its_roles_is_orphaned_and_emptied_by_name_only(bench: Bench) -> None:
    bench.planned()
    bench.inventory["all"]["children"]["others"]["hosts"]["web01"] = bench.inventory["all"]["children"].pop("exchange_client_access")["hosts"]["web01"]
    run = bench.play({"name": "plan", **PLAN}, apply_task("orphaned"), {"name": "absent", "portcullis.msports.apply": {"state": "absent"}}, hosts="web01")
    assert run.code == 0, run.output
    assert "orphaned" in run.by_task["orphaned"]["msg"]
    assert not run.calls_of["plan"] and not run.calls_of["orphaned"]
    assert json.loads(bench.plan_files()["msports-plan/index.json"])["orphaned"] == ["web01"]
    assert not run.by_task["absent"]["changed"]


@pytest.mark.parametrize("whose", ["own", "other"])
def test_a_stale_plan_is_refused_unless_accepted_by_name(bench: Bench, whose: str) -> None:
    bench.planned()
    group = "exchange_client_access" if whose == "own" else "exchange_mailbox"
    next(iter(bench.inventory["all"]["children"][group]["hosts"].values()))["msports_addresses"] = ["10.0.0.9"]
    run = bench.play({**apply_task("stale"), "ignore_errors": True}, apply_task("accepted", allow_stale_plan=True), hosts="web01")
    stale = run.by_task["stale"]
    assert stale["failed"]
    assert "the plan is stale" in stale["msg"] and "allow_stale_plan" in stale["msg"]
    assert not run.calls_of["stale"]
    assert run.code == 0 and not run.by_task["accepted"]["failed"], run.output


def test_a_slice_applies_the_plan_of_the_whole(bench: Bench) -> None:
    """And hears of the word for it where it did not say that it is one."""
    bench.planned()
    del bench.inventory["all"]["children"]["exchange_mailbox"]
    run = bench.play({**apply_task("whole"), "ignore_errors": True}, apply_task("part", partial_inventory=True), hosts="web01")
    assert run.code == 0, run.output
    assert run.by_task["part"]["added"]
    message = run.by_task["whole"]["msg"]
    assert run.by_task["whole"]["failed"] and "db01 left the inventory" in message
    assert message.index("partial_inventory: true (host_firewall_partial_inventory of the role)") < message.index("allow_stale_plan")
