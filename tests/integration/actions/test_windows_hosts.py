# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action apply and the role on Windows hosts, beside Linux ones: through the connection that stands where WinRM and PSRP stand."""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import pytest
from bench import APPLY, PLAN, Bench

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "windows"))

import policy_file  # noqa: E402

STAND_IN = "portcullis.lab.windows_stand_in"
APPLY_ANYWHERE = {"portcullis.msports.apply": {}}
ABSENT = {"portcullis.msports.apply": {"state": "absent"}}
INFRASTRUCTURE = {"dns": ["10.0.0.53"], "ntp": ["10.0.0.123"]}


class WindowsBench(Bench):
    """The same hosts, of which web01 runs Windows and the others Linux."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder, ROOT / "tests" / "lab" / "collections")
        self.stores = folder / "stores"
        self.stores.mkdir()
        self._calls = folder / "windows_calls.jsonl"
        self.environment.update(MSPORTS_STAND_IN_DIRECTORY=str(self.stores), MSPORTS_STAND_IN_CALLS=str(self._calls))
        self.web01.update(ansible_connection=STAND_IN, msports_system="windows")
        self.variables["msports_management"] = {"from": ["10.9.0.0/24"], "services": ["ssh", "winrm_https"]}
        policy_file.write(self.path, policy_file.fresh_server(remote_desktop=True))

    @property
    def web01(self) -> dict[str, t.Any]:
        return self.inventory["all"]["children"]["exchange_client_access"]["hosts"]["web01"]

    @property
    def path(self) -> pathlib.Path:
        return self.stores / "web01.json"

    @property
    def store(self) -> dict[str, t.Any]:
        return policy_file.read(self.path)

    def windows_calls(self) -> list[int]:
        """Return how many operations each call since the last question had."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.write_text("")
        return [json.loads(line)["operations"] for line in lines]


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> WindowsBench:
    return WindowsBench(tmp_path)


@pytest.mark.every_core
def test_apply_reconciles_by_two_calls_and_the_second_run_by_one(bench: WindowsBench) -> None:
    before = bench.store
    first = bench.play(PLAN, APPLY_ANYWHERE, hosts="web01")
    assert first.code == 0, first.output
    done = first.results["web01"]
    assert (done["changed"], done["backend"], done["effective"]["in_force"], done["effective"]["exact"]) == (True, "windows", True, False)
    assert "Remote Desktop" in " ".join(done["effective"]["reasons"]) or any("3389" in json.dumps(item) for item in done["effective"]["foreign_allows"])
    own = policy_file.own(bench.store)
    assert {rule["name"] for rule in own} == set(done["added"])
    assert policy_file.foreign(bench.store) == policy_file.foreign(before)
    operations = bench.windows_calls()
    assert operations == [0, len(own) + 1, 0] and len(own) > 5, "read; write, the generation of the plan among it; confirm"
    assert (done["rollback"]["confirmed"], done["rollback"]["seconds"]) == (True, 60) and bench.store["task"] is None
    second = bench.play(APPLY_ANYWHERE, hosts="web01")
    assert (second.code, second.results["web01"]["changed"], second.results["web01"]["kept"]) == (0, False, len(own)), second.output
    assert bench.windows_calls() == [0]
    assert not second.calls, "nothing goes by another connection"


def test_check_mode_predicts_and_writes_nothing(bench: WindowsBench) -> None:
    before = policy_file.state(bench.store)
    checked = bench.play(PLAN, APPLY_ANYWHERE, hosts="web01", arguments=["--check", "--diff"])
    assert checked.code == 0, checked.output
    assert policy_file.state(bench.store) == before and bench.windows_calls() == [0]
    applied = bench.play(PLAN, APPLY_ANYWHERE, hosts="web01", arguments=["--diff"])
    told = ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure")
    assert [checked.results["web01"][key] for key in told] == [applied.results["web01"][key] for key in told]


def test_what_left_the_plan_is_purged_up_to_max_removals(bench: WindowsBench) -> None:
    bench.variables["msports_features"] = ["exchange.imap4"]
    assert bench.play(PLAN, APPLY_ANYWHERE, hosts="web01").code == 0
    del bench.variables["msports_features"]
    before = policy_file.state(bench.store)
    refused = bench.play(PLAN, {"portcullis.msports.apply": {"max_removals": 1}}, hosts="web01")
    assert refused.code != 0 and policy_file.state(bench.store) == before
    kept = bench.play({"portcullis.msports.apply": {"purge": False}}, hosts="web01")
    assert (kept.code, kept.results["web01"]["changed"]) == (0, False), kept.output
    purged = bench.play(APPLY_ANYWHERE, hosts="web01")
    assert sorted(purged.results["web01"]["removed"]) == ["in tcp/143 from exchange.client", "in tcp/993 from exchange.client"]
    assert not {"in tcp/143 from exchange.client", "in tcp/993 from exchange.client"} & {rule["name"] for rule in policy_file.own(bench.store)}


def test_the_guard_refuses_and_can_be_told_not_to(bench: WindowsBench) -> None:
    """The controller comes from an address that the rules do not admit; the rules of others that admit it now are gone."""
    content = bench.store
    content["rules"] = [rule for rule in content["rules"] if "5986" not in str(rule["local_ports"])]
    content["sessions"][0]["peer"] = "10.66.0.1"
    policy_file.write(bench.path, content)
    bench.web01["msports_default_inbound"] = "block"
    before = policy_file.state(bench.store)
    refused = bench.play(PLAN, APPLY_ANYWHERE, hosts="web01")
    assert refused.code != 0 and "10.66.0.1" in refused.results["web01"]["msg"], refused.output
    assert policy_file.state(bench.store) == before
    assert bench.play({"portcullis.msports.apply": {"allow_lockout": True}}, hosts="web01").code == 0


def test_strict_outbound_blocks_in_all_profiles_and_absent_puts_everything_back(bench: WindowsBench) -> None:
    bench.web01["msports_default_outbound"] = "block"
    bench.variables["msports_infrastructure"] = INFRASTRUCTURE
    before = policy_file.state(bench.store)
    done = bench.play(PLAN, APPLY_ANYWHERE, hosts="web01")
    assert done.code == 0, done.output
    assert {profile["outbound"] for profile in bench.store["profiles"].values()} != {profile["outbound"] for profile in before["profiles"].values()}
    assert any(name.startswith("out udp/53 ") for name in done.results["web01"]["added"])
    gone = bench.play(ABSENT, hosts="web01")
    assert (gone.code, gone.results["web01"]["changed"], gone.results["web01"]["backend"]) == (0, True, "windows"), gone.output
    assert policy_file.state(bench.store) == before
    again = bench.play(ABSENT, hosts="web01")
    assert (again.code, again.results["web01"]["changed"]) == (0, False)


def test_another_owner_is_another_set_of_rules(bench: WindowsBench) -> None:
    assert bench.play(PLAN, {"portcullis.msports.apply": {"owner": "team_b"}}, hosts="web01").code == 0
    assert policy_file.own(bench.store, "team_b") and not policy_file.own(bench.store)


def test_audit_logs_and_leaves_the_default_actions(bench: WindowsBench) -> None:
    bench.web01["msports_default_outbound"] = "block"
    bench.variables["msports_infrastructure"] = INFRASTRUCTURE
    before = bench.store["profiles"]
    done = bench.play(PLAN, {"portcullis.msports.apply": {"mode": "audit"}}, hosts="web01")
    assert done.code == 0, done.output
    after = bench.store["profiles"]
    assert all(after[name]["log_allowed"] and after[name]["outbound"] == before[name]["outbound"] for name in after)


@pytest.mark.parametrize(
    ("inventory", "options", "message"),
    [
        ({}, {"persist": False}, "persist"),
        ({"msports_default_inbound": "reject"}, {}, "default_inbound: windows: 'reject': Windows Firewall answers nothing to what it stops"),
    ],
)
def test_what_windows_cannot_do_is_refused_before_it_is_asked(
    bench: WindowsBench, inventory: dict[str, t.Any], options: dict[str, t.Any], message: str
) -> None:
    bench.web01.update(inventory)
    run = bench.play(PLAN, {"portcullis.msports.apply": options}, hosts="web01")
    assert run.code != 0 and message in run.results["web01"]["msg"]
    assert bench.windows_calls() == []


@pytest.mark.parametrize(
    ("host", "variables", "options", "message"),
    [
        (
            "db01",
            {"msports_system": "windows"},
            {},
            "the backend windows does not fit db01: the connection portcullis.counted.local speaks to a shell of linux",
        ),
        ("db01", {}, {"backend": "windows"}, "reach a Windows host by winrm or psrp"),
        ("web01", {"msports_system": "linux"}, {}, "the backends of Linux do not fit web01: the connection portcullis.lab.windows_stand_in speaks to"),
        ("web01", {}, {"backend": "nftables"}, "declare msports_system: windows"),
        ("web01", {}, {"backend": "nftables", "state": "absent"}, "the backend nftables does not fit web01"),
    ],
)
def test_a_backend_that_the_connection_cannot_serve_is_refused(
    bench: WindowsBench, host: str, variables: dict[str, t.Any], options: dict[str, t.Any], message: str
) -> None:
    for group in bench.inventory["all"]["children"].values():
        group["hosts"].get(host, {}).update(variables)
    run = bench.play(PLAN, {"portcullis.msports.apply": options}, hosts=host)
    assert run.code != 0 and message in run.results[host]["msg"], run.output
    assert not run.calls and bench.windows_calls() == []


def test_a_host_planned_for_windows_can_be_played_by_a_linux_one(bench: WindowsBench) -> None:
    """One plan serves both, as long as the connection is not part of the inventory."""
    del bench.web01["ansible_connection"], bench.variables["ansible_connection"]
    assert bench.play(PLAN, APPLY_ANYWHERE, hosts="web01", arguments=["-c", STAND_IN]).code == 0
    linux = bench.play({"portcullis.msports.apply": {"backend": "nftables", "persist": False}}, hosts="web01", arguments=["-c", "portcullis.counted.local"])
    assert (linux.code, linux.results["web01"]["backend"]) == (0, "nftables"), linux.output
    assert linux.results["web01"]["effective"]["in_force"]


@pytest.mark.every_core
@pytest.mark.parametrize("become", [{}, {"become": True}], ids=["as the role is", "become in the play"])
def test_one_role_for_both_systems(bench: WindowsBench, become: dict[str, t.Any]) -> None:
    """The role becomes root on Linux. By that method nobody can become anything on Windows, and nobody has to."""
    del bench.variables["ansible_user"]
    bench.variables["ansible_become_exe"] = str(_no_sudo(bench.folder))
    role = {"ansible.builtin.include_role": {"name": "portcullis.msports.host_firewall"}, "vars": {"host_firewall_persist": True}}
    run = bench.play(role, hosts="web01,db01", arguments=["--check"], **become)
    assert run.code == 0, run.output
    assert {name: run.results[name]["backend"] for name in ("web01", "db01")} == {"web01": "windows", "db01": "nftables"}
    done = bench.play(role, hosts="web01", **become)
    assert (done.code, done.results["web01"]["changed"]) == (0, True), done.output
    gone = bench.play({**role, "vars": {"host_firewall_state": "absent"}}, hosts="web01", **become)
    assert (gone.code, policy_file.own(bench.store)) == (0, []), gone.output


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


def test_plan_and_apply_stay_apart_from_absent_hosts(bench: WindowsBench) -> None:
    """A host without a role is skipped, whatever it runs."""
    bench.inventory["all"]["children"]["others"]["hosts"]["bare01"].update(ansible_connection=STAND_IN, msports_system="windows")
    run = bench.play(PLAN, APPLY, hosts="bare01")
    assert run.code == 0 and "holds no product role" in run.results["bare01"]["msg"]
    assert bench.windows_calls() == []


OBSERVE = {"portcullis.msports.observe": {}}


def listens(port: int, process: int) -> dict[str, t.Any]:
    return {"protocol": "tcp", "state": 2, "local": "0.0.0.0", "local_port": port, "peer": "", "peer_port": 0, "process": process}


def test_what_a_windows_host_shows_is_kept_and_the_first_rules_that_would_cut_it_are_refused(bench: WindowsBench) -> None:
    """As on Linux: nothing is cut that was seen in use and that nobody accepted by name."""
    content = bench.store
    session = {**listens(5432, 8), "state": 5, "local": "10.0.0.1", "peer": "10.7.7.7", "peer_port": 50001}
    content.update(sockets=[listens(5432, 8), session], processes={"8": "postgres"})
    policy_file.write(bench.path, content)
    bench.web01["msports_default_inbound"] = "block"
    seen = bench.play(PLAN, OBSERVE, hosts="web01")
    assert seen.code == 0, seen.output
    told = seen.results["web01"]
    assert {(item["seen"], item["peer"], item["process"]) for item in told["observations"]} == {
        ("listener", "", "postgres"),
        ("session", "10.7.7.7", "postgres"),
    }
    kept = json.loads(next(iter(pathlib.Path(told["directory"]).iterdir())).read_text())
    assert (kept["host"], len(kept["observations"])) == ("web01", 2)
    before = policy_file.state(bench.store)
    refused = bench.play(APPLY_ANYWHERE, hosts="web01")
    assert refused.code != 0 and "web01 tcp/5432" in refused.results["web01"]["msg"], refused.output
    assert policy_file.state(bench.store) == before
    accepted = bench.play({"portcullis.msports.apply": {"accept_cut": ["web01 tcp/5432"]}}, hosts="web01")
    assert accepted.code == 0 and accepted.results["web01"]["changed"], accepted.output


def test_become_in_a_play_for_both_systems_is_no_hindrance_to_observing(bench: WindowsBench) -> None:
    bench.variables["ansible_become"] = True
    assert bench.play(OBSERVE, hosts="web01").code == 0


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
    assert bench.play(PLAN, hosts="localhost").code == 0
    bench.within = [*bench.within, *ONE_NETWORK]
    run = bench.run("portcullis.msports.verify", "-e", json.dumps({"verify_hosts": "web01", "verify_systems": ["windows"]}))
    answers = run.by_task["Try connections from this Windows host"].get("answers")
    assert answers, run.output
    expected = {("10.0.0.2", 22, "refused"), *(("10.0.0.4", port, "refused") for port in (1, 9, 25, 50636))}
    assert {(item["address"], item["port"], item["answer"]) for item in answers} == expected, "one that a rule admits, the others that none does"
    seen = run.by_task["See who listens on a Windows host, which refuses nothing"]
    result = run.by_task["Judge the answers"]["ansible_facts"]["verify_result"]
    assert sorted(result["wrong"]) == [f"passed though not planned: web01 -> edge01 tcp/{port}" for port in (1, 25, 50636, 9)], result
    assert (result["tested"], result["not_tested"], run.code) == (5, [], 2)
    assert ([row[3] for row in seen["sockets"]], seen["logs"], run.calls) == ([443], [], [])


@pytest.mark.every_core
def test_the_rules_of_a_fresh_server_are_told_and_are_no_drift(bench: WindowsBench) -> None:
    assert bench.play(PLAN, APPLY_ANYWHERE, hosts="web01").code == 0
    drift, own = "portcullis.msports.drift", "WinRM over HTTPS"  # the one rule that an admin made there
    fresh = bench.run(drift, "-e", json.dumps({"drift_hosts": "web01", "drift_accept_foreign": [own]}))
    assert fresh.code == 0 and "Remote Desktop: " in fresh.output and "1 of 1 hosts are as the plan says" in fresh.output, fresh.output
    strict = bench.run(drift, "-e", json.dumps({"drift_hosts": "web01", "drift_strict": True, "drift_accept_foreign": ["Core*", own]}))
    assert strict.code == 2 and "foreign: Remote Desktop: " in strict.output and "foreign: Core" not in strict.output, strict.output
    assert bench.run(drift, "-e", json.dumps({"drift_hosts": "web01", "drift_strict": True, "drift_accept_foreign": ["*"]})).code == 0
    content = bench.store
    content["rules"].append({**next(item for item in content["rules"] if "3389" in json.dumps(item)), "name": "Backup agent", "grouping": ""})
    bench.path.write_text(json.dumps(content))
    more = bench.run(drift, "-e", json.dumps({"drift_hosts": "web01", "drift_accept_foreign": [own]}))
    assert more.code == 2 and "foreign: the rule 'Backup agent': 1 inbound" in more.output, more.output
    assert bench.run(drift, "-e", json.dumps({"drift_hosts": "web01", "drift_accept_foreign": ["Backup agent", own]})).code == 0
