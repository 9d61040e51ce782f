# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action apply and the role on Windows hosts, beside Linux ones: through the connection that stands where WinRM and PSRP stand."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from bench import PLAN, Run, a_play
from windows_bench import APPLY_ANYWHERE, STAND_IN, WindowsBench, apply_task, policy_file


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> WindowsBench:
    return WindowsBench(tmp_path)


@pytest.mark.every_core
def test_apply_reconciles_by_two_calls_and_the_second_run_by_one(bench: WindowsBench) -> None:
    before = bench.store
    run = bench.play(PLAN, apply_task("first"), bench.look("after the first"), apply_task("second"), hosts="web01")
    assert run.code == 0, run.output
    done, second, after = run.by_task["first"], run.by_task["second"], bench.looked(run, "after the first")
    assert (done["changed"], done["backend"], done["effective"]["in_force"], done["effective"]["exact"]) == (True, "windows", True, False)
    assert "Remote Desktop" in " ".join(done["effective"]["reasons"]) or any("3389" in json.dumps(item) for item in done["effective"]["foreign_allows"])
    own = policy_file.own(after)
    assert {rule["name"] for rule in own} == set(done["added"])
    assert policy_file.foreign(after) == policy_file.foreign(before)
    operations = bench.windows_calls()
    assert operations == [0, len(own) + 1, 0, 0] and len(own) > 5, "read; write, the generation of the plan among it; confirm; the second one reads"
    assert (done["rollback"]["confirmed"], done["rollback"]["seconds"]) == (True, 60) and after["task"] is None
    assert (second["changed"], second["kept"]) == (False, len(own)), run.output
    assert not run.calls, "nothing goes by another connection"


def test_check_mode_predicts_and_writes_nothing(bench: WindowsBench) -> None:
    before = policy_file.state(bench.store)
    modes = {"check_mode": True, "diff": True}
    plan = {"portcullis.msports.plan": {"directory": "checked"}, **modes}
    checked = {**apply_task("checked", directory="checked"), **modes}
    run = bench.play(plan, checked, bench.look("after checking"), PLAN, {**apply_task("applied"), "diff": True}, hosts="web01")
    assert run.code == 0, run.output
    operations = bench.windows_calls()
    assert policy_file.state(bench.looked(run, "after checking")) == before
    assert (operations[:2], operations[3:]) == ([0, 0], [0]), "check mode reads; then read, write, confirm"
    told = ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure")
    assert [run.by_task["checked"][key] for key in told] == [run.by_task["applied"][key] for key in told]


def test_what_left_the_plan_is_purged_up_to_max_removals(bench: WindowsBench) -> None:
    bench.variables["msports_features"] = ["exchange.imap4"]
    assert bench.play(PLAN, APPLY_ANYWHERE, hosts="web01").code == 0
    del bench.variables["msports_features"]
    before = policy_file.state(bench.store)
    tasks = (apply_task("refused", refused=True, max_removals=1), bench.look("after refusing"), apply_task("kept", purge=False), apply_task("purged"))
    run = bench.play(PLAN, *tasks, hosts="web01")
    assert run.code == 0, run.output
    assert run.by_task["refused"]["failed"] and policy_file.state(bench.looked(run, "after refusing")) == before
    assert run.by_task["kept"]["changed"] is False
    assert sorted(run.by_task["purged"]["removed"]) == ["in tcp/143 from exchange.client", "in tcp/993 from exchange.client"]
    assert not {"in tcp/143 from exchange.client", "in tcp/993 from exchange.client"} & {rule["name"] for rule in policy_file.own(bench.store)}


def test_the_guard_refuses_and_can_be_told_not_to(bench: WindowsBench) -> None:
    """The controller comes from an address that the rules do not admit; the rules of others that admit it now are gone."""
    content = bench.store
    content["rules"] = [rule for rule in content["rules"] if "5986" not in str(rule["local_ports"])]
    content["sessions"][0]["peer"] = "10.66.0.1"
    policy_file.write(bench.path, content)
    bench.web01["msports_default_inbound"] = "block"
    before = policy_file.state(bench.store)
    run = bench.play(PLAN, apply_task("refused", refused=True), bench.look("after refusing"), apply_task("allowed", allow_lockout=True), hosts="web01")
    assert run.by_task["refused"]["failed"] and "10.66.0.1" in run.by_task["refused"]["msg"], run.output
    assert policy_file.state(bench.looked(run, "after refusing")) == before
    assert run.code == 0 and not run.by_task["allowed"]["failed"], run.output


class Outbound(t.NamedTuple):
    bench: WindowsBench
    before: policy_file.Content
    run: Run

    def store(self, name: str) -> policy_file.Content:
        return policy_file.read(self.bench.stores / f"{name}.json")


@pytest.fixture(scope="module")
def outbound(tmp_path_factory: pytest.TempPathFactory) -> Outbound:
    """Hosts of which two stop what goes out: web01 comes and goes, web02 only logs, web03 has another owner."""
    bench = WindowsBench(tmp_path_factory.mktemp("outbound"))
    bench.variables["msports_infrastructure"] = {"dns": ["10.0.0.53"], "ntp": ["10.0.0.123"]}
    bench.web01["msports_default_outbound"] = "block"
    bench.add("web02", 22, msports_default_outbound="block")
    bench.add("web03", 23)
    absent, again = (apply_task(name, state="absent") for name in ("absent", "absent again"))
    before = bench.store
    run = bench.plays(
        a_play(PLAN, apply_task("present"), bench.look("strict"), absent, bench.look("put back"), again, hosts="web01"),
        a_play(apply_task("audit", mode="audit"), hosts="web02"),
        a_play(apply_task("owner", owner="team_b"), hosts="web03"),
    )
    assert run.code == 0, run.output
    return Outbound(bench, before, run)


def test_strict_outbound_blocks_in_all_profiles_and_absent_puts_everything_back(outbound: Outbound) -> None:
    bench, before, run = outbound
    strict = bench.looked(run, "strict")
    assert {profile["outbound"] for profile in strict["profiles"].values()} != {profile["outbound"] for profile in before["profiles"].values()}
    assert any(name.startswith("out udp/53 ") for name in run.by_task["present"]["added"])
    gone = run.by_task["absent"]
    assert (gone["failed"], gone["changed"], gone["backend"]) == (False, True, "windows"), run.output
    assert policy_file.state(bench.looked(run, "put back")) == policy_file.state(before)
    assert (run.by_task["absent again"]["failed"], run.by_task["absent again"]["changed"]) == (False, False)


def test_another_owner_is_another_set_of_rules(outbound: Outbound) -> None:
    store = outbound.store("web03")
    assert policy_file.own(store, "team_b") and not policy_file.own(store)


def test_audit_logs_and_leaves_the_default_actions(outbound: Outbound) -> None:
    before, after = outbound.before["profiles"], outbound.store("web02")["profiles"]
    assert not outbound.run.by_task["audit"]["failed"], outbound.run.output
    assert all(after[name]["log_allowed"] and after[name]["outbound"] == before[name]["outbound"] for name in after)


# host (web02 and db02 declare another system than their connection speaks to), options, message
REFUSED: tuple[tuple[str, dict[str, t.Any], str], ...] = (
    ("web01", {"persist": False}, "persist"),
    ("db02", {}, "the backend windows does not fit db02: the connection portcullis.counted.local speaks to a shell of linux"),
    ("db01", {"backend": "windows"}, "reach a Windows host by winrm or psrp"),
    ("web02", {}, "the backends of Linux do not fit web02: the connection portcullis.lab.windows_stand_in speaks to"),
    ("web01", {"backend": "nftables"}, "declare msports_system: windows"),
    ("web01", {"backend": "nftables", "state": "absent"}, "the backend nftables does not fit web01"),
)
REJECT = "default_inbound: windows: 'reject': Windows Firewall answers nothing to what it stops"


@pytest.fixture(scope="module")
def unasked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All that is refused or skipped before a host is asked anything."""
    bench = WindowsBench(tmp_path_factory.mktemp("unasked"))
    bench.add("web02", 22, msports_system="linux")
    hosts = {group: content["hosts"] for group, content in bench.inventory["all"]["children"].items()}
    hosts["exchange_mailbox"]["db02"] = {"msports_addresses": ["10.0.0.24"], "msports_system": "windows"}
    hosts["others"]["bare01"].update(ansible_connection=STAND_IN, msports_system="windows")
    tasks = [a_play(apply_task(message, refused=True, **options), hosts=host) for host, options, message in REFUSED]
    reject = {"ansible.builtin.set_fact": {"msports_default_inbound": "reject"}}  # in hostvars, as if it stood in the inventory
    replan = {"name": REJECT, "portcullis.msports.plan": {"directory": "reject"}, "ignore_errors": True}
    plays = [*tasks, a_play(apply_task("roleless", persist=False), hosts="bare01"), a_play(reject, replan, hosts="web01")]
    run = bench.plays(a_play(PLAN, hosts="localhost"), *plays)
    assert run.code == 0, run.output
    assert not run.calls and bench.windows_calls() == []
    return run


@pytest.mark.parametrize(("host", "message"), [("web01", REJECT), *((host, message) for host, _options, message in REFUSED)])
def test_what_the_host_or_its_connection_cannot_do_is_refused_before_it_is_asked(unasked: Run, host: str, message: str) -> None:
    refused = unasked.at(host, message)
    assert refused["failed"] and message in refused["msg"]


def test_plan_and_apply_stay_apart_from_absent_hosts(unasked: Run) -> None:
    """A host without a role is skipped, whatever it runs."""
    assert "holds no product role" in unasked.at("bare01", "roleless")["msg"]


def test_a_host_planned_for_windows_can_be_played_by_a_linux_one(bench: WindowsBench) -> None:
    """One plan serves both, as long as the connection is not part of the inventory."""
    del bench.web01["ansible_connection"], bench.variables["ansible_connection"]
    linux = apply_task("linux", backend="nftables", persist=False)
    run = bench.plays(
        a_play(PLAN, apply_task("windows"), hosts="web01", connection=STAND_IN),
        a_play(linux, hosts="web01", connection="portcullis.counted.local"),
    )
    assert run.code == 0 and not run.by_task["windows"]["failed"], run.output
    done = run.by_task["linux"]
    assert (run.by_task["windows"]["backend"], done["failed"], done["backend"]) == ("windows", False, "nftables"), run.output
    assert done["effective"]["in_force"]
