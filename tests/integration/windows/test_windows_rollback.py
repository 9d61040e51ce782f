# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that nobody confirms is taken back by the host itself, by the code that lies in its registry."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from xml.etree import ElementTree

import engines
import policy_file
import pytest
from conftest import Host, result_of
from engines import payload
from executor_cases import estate, everything, named, new, ours, row_of
from rollback_cases import Waiting, end_a_run, end_an_answer

from ansible_collections.portcullis.msports.plugins.plugin_utils._confirm import confirmed
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import Refused, run

Make = t.Callable[..., Waiting]
NOT_CONFIRMED = "the controller did not confirm the change in time"
RESTORED = "the rules from before are in force again"


@pytest.fixture
def make(make_host: t.Callable[..., Host], read: payload.Call) -> Make:
    def made(content: t.Optional[policy_file.Content] = None, operations: t.Optional[list[dict[str, t.Any]]] = None, **more: t.Any) -> Waiting:
        host = make_host(content or estate())
        return Waiting(host, read, everything(host) if operations is None else operations, **more)

    return made


def test_a_change_that_is_confirmed_stays_and_leaves_nothing(make: Make) -> None:
    waiting = make()
    assert waiting.result is not None and not waiting.result.get("failed"), waiting.result
    assert waiting.result["rollback"] == {"nonce": waiting.nonce, "seconds": 60, "by": 'the scheduled task "portcullis.msports rollback"'}
    assert waiting.phase == "armed" and not waiting.is_as_before()
    written = waiting.host.content
    answer = {"changed": False, "confirmed": True, "rolled_back": []}
    assert waiting.confirm() == answer
    assert (waiting.leftovers(), waiting.note) == ({}, [""])
    assert policy_file.own(waiting.host.content) == policy_file.own(written)
    assert waiting.confirm() == answer, "an answer that was lost can be asked for again"
    assert waiting.fire() == {"done": True} and policy_file.own(waiting.host.content) == policy_file.own(written)
    assert waiting.host(settle=True)["state"] and waiting.host.content["until_restart"] is None


def test_without_a_confirmation_the_host_is_as_before(make: Make) -> None:
    waiting = make()
    assert waiting.fire() == {"changed": False, "done": True}
    assert waiting.is_as_before() and waiting.leftovers() == {}
    assert policy_file.foreign(waiting.host.content) == policy_file.foreign(waiting.before)
    assert waiting.note[0] == waiting.nonce and waiting.note[3:] == [NOT_CONFIRMED, RESTORED]
    assert waiting.fire() == {"done": True} and waiting.is_as_before()
    assert waiting.confirm() == {"changed": False, "confirmed": False, "rolled_back": [NOT_CONFIRMED, RESTORED]}
    told = waiting.host(settle=True)["rolled_back_before"]
    assert (told["owner"], told["why"], told["what"]) == ("msports", NOT_CONFIRMED, [RESTORED])


def test_the_task_is_what_a_restart_and_a_clock_need(make: Make) -> None:
    waiting = make(operations=[new("added")])
    root = ElementTree.fromstring(waiting.host.content["task"].partition("?>")[2])
    found = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
    assert {"TimeTrigger", "BootTrigger", "EventTrigger"} <= set(found)
    (select,) = ElementTree.fromstring(found["Subscription"]).iter("Select")
    assert (select.get("Path"), "Microsoft-Windows-Kernel-General" in (select.text or "")) == ("System", True), "the clock was changed"
    assert found["StartBoundary"].endswith("Z") and (found["UserId"], found["RunLevel"]) == ("S-1-5-18", "HighestAvailable")
    assert {name: found[name] for name in ("StartWhenAvailable", "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries", "MultipleInstancesPolicy")} == {
        "StartWhenAvailable": "true",
        "DisallowStartIfOnBatteries": "false",
        "StopIfGoingOnBatteries": "false",
        "MultipleInstancesPolicy": "IgnoreNew",
    }
    assert (found["ExecutionTimeLimit"], found["Interval"]) == ("PT0S", "PT1M")
    assert found["Command"].startswith("%SystemRoot%\\System32\\") and f"'{waiting.nonce}'" in found["Arguments"]
    assert len(found["Arguments"]) < 2000 and found["Arguments"].count('"') == 2


def test_another_run_is_refused_with_the_seconds_left(make: Make) -> None:
    waiting = make(operations=[new("added")])
    before = waiting.host.content["memory"]
    for more in ({"settle": True}, {"settle": True, "owner": "team_b"}, {"settle": True, "_ansible_check_mode": True}):
        result = waiting.host(**more)
        assert result["failed"] and "waits for its confirmation" in result["msg"] and "seconds" in result["msg"], result
    assert "state" in waiting.host(), "who only reads may"
    assert waiting.host.content["memory"] == before


def later(seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs find the host started so much earlier, while its clock says what it said: it was set back by as much as has passed."""
    run, user = subprocess.run, [] if os.geteuid() == 0 else ["--map-root-user"]
    before = ["unshare", *user, "--time", "--monotonic", str(seconds)]
    monkeypatch.setattr(subprocess, "run", lambda words, check=False, **more: run([*before, *words], check=check, **more))
    engine = type(engines.chosen())
    monkeypatch.setattr(engine, "run_open", engine.run)  # one that is open has the time of its start


def test_a_clock_that_is_set_back_again_and_again_delays_nothing(make: Make) -> None:
    waiting = make(operations=[new("added")], seconds=3000)
    token = waiting.host.content["memory"]["rollback"]
    for passed in (0, 1000, 2000):
        with pytest.MonkeyPatch.context() as monkeypatch:
            later(passed, monkeypatch)
            refused = result_of(engines.chosen().run_open(waiting.host.call(owner="msports", settle=True), waiting.host.path))
        left = re.search(r"takes the change back in (\d+) seconds", refused["msg"])
        assert left is not None and 2000 < int(left[1]) + passed <= 3000, refused
        assert waiting.host.content["memory"]["rollback"] == token, "the time is that of the run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        later(3000, monkeypatch)
        assert waiting.fire(ends=None) == {"changed": False, "done": True} and waiting.is_as_before()
    assert waiting.note[3:] == [NOT_CONFIRMED, RESTORED]


def test_more_time_than_was_given_is_of_another_start(make: Make) -> None:
    waiting = make(operations=[new("added")])
    assert waiting.fire(1 << 60) == {"changed": False, "done": True} and waiting.is_as_before()
    assert "restarted" in waiting.note[3]


def test_what_was_taken_back_of_two_owners_waits_for_a_run_of_each(make: Make, read: payload.Call) -> None:
    first = make(operations=[new("added")])
    first.fire()
    host = first.host
    call = host.call(owner="team_b", operations=[new("other")], expected=host.known("team_b")["digest"], rollback=first.armed)
    assert not result_of(engines.chosen().run_open(call, host.path)).get("failed")
    assert first.fire() == {"changed": False, "done": True}
    for owner in ("msports", "team_b"):
        assert host(settle=True, owner=owner)["rolled_back_before"]["owner"] == owner


def test_the_next_run_takes_back_what_no_task_did(make: Make) -> None:
    waiting = make()
    waiting.pass_time()
    checked = waiting.host(settle=True, _ansible_check_mode=True)
    assert "unfinished" in " ".join(checked["warnings"]) and not waiting.is_as_before()
    told = waiting.host(settle=True)["rolled_back_before"]
    assert "the scheduled task did not fire" in told["why"] and waiting.is_as_before() and waiting.leftovers() == {}


def test_a_restart_ends_in_the_state_before_and_a_later_confirmation_is_refused(make: Make) -> None:
    waiting = make()
    waiting.restart()
    answer = waiting.confirm()
    assert answer is not None and not answer["confirmed"] and "restarted" in answer["rolled_back"][0]
    assert waiting.is_as_before() and waiting.leftovers() == {}


def test_the_connection_from_before_confirms_nothing(make: Make) -> None:
    waiting = make(operations=[new("added")])
    answer = waiting.confirm(anew=False)
    assert answer is not None and answer["failed"] and "open before the change" in answer["msg"]
    assert waiting.phase == "armed"


@pytest.mark.parametrize("failure", ["fail_task", "fail_memory"])
def test_arming_that_fails_changes_nothing(failure: str, make_host: t.Callable[..., Host], read: payload.Call) -> None:
    host = make_host(estate(**{failure: True}))
    waiting = Waiting(host, read, [new("added")])
    assert waiting.result is not None and waiting.result["failed"] and "could not be kept for a rollback, nothing was changed" in waiting.result["msg"]
    assert waiting.is_as_before() and host.content["counters"]["commits"] == 0 and (failure == "fail_memory" or waiting.leftovers() == {})


def test_what_failed_and_is_undone_waits_for_nothing(make: Make) -> None:
    waiting = make(operations=[new("added"), new("a|b")])
    assert waiting.result is not None and waiting.result["undone"] is True and "by itself" not in waiting.result["msg"]
    assert waiting.is_as_before() and waiting.leftovers() == {}


def test_what_failed_and_is_not_undone_is_taken_back_by_the_task(make: Make) -> None:
    waiting = make(estate(fail_commits_from=4))
    assert waiting.result is not None and waiting.result["undone"] is False and "takes the change back by itself" in waiting.result["msg"]
    waiting.host.switch(fail_commits_from=0)
    assert not waiting.is_as_before()
    waiting.fire()
    assert waiting.is_as_before() and waiting.leftovers() == {}


def test_what_windows_reads_otherwise_when_it_is_put_back_is_told_and_holds_nothing_up(make_host: t.Callable[..., Host], read: payload.Call) -> None:
    drifts = ours("drifts", remote_addresses="10.0.0.7/24")  # host bits, which Windows takes away
    host = make_host(policy_file.add(estate(host_bits="mask"), drifts))
    waiting = Waiting(host, read, [{"kind": "remove", "id": row_of(host, "drifts")["id"], "name": "drifts"}])
    waiting.fire()
    assert waiting.note[4:] == [RESTORED, 'the rule "drifts" was put back, and Windows reads it otherwise than before'] and waiting.leftovers() == {}


def test_what_admits_is_there_at_every_step_of_a_rollback(make_host: t.Callable[..., Host], read: payload.Call) -> None:
    """The run opened the default and removed the way in; a task that is ended in between leaves one of the two open."""
    content = estate(die_after_commits=0)
    content["rules"] = [one for one in content["rules"] if "5986" not in str(one["local_ports"])]
    host = make_host(policy_file.add(content, ours("the way in", local_ports="5986")))
    opens = {"kind": "default_action", "profile": "domain", "direction": "in", "action": "allow"}
    waiting = Waiting(host, read, [opens, {"kind": "remove", "id": row_of(host, "the way in")["id"], "name": "the way in"}])
    assert policy_file.admits(host.content, 5986) and named(host.content, "the way in") == []
    host.switch(die_after_commits=1)
    assert waiting.fire() is None and policy_file.admits(host.content, 5986)
    host.switch(die_after_commits=0)
    assert waiting.fire() == {"changed": False, "done": True} and waiting.is_as_before() and policy_file.admits(host.content, 5986)


def test_a_rollback_that_is_ended_between_two_values_of_the_logging_takes_them_for_its_own(make: Make) -> None:
    waiting = make(operations=[{"kind": "logging", "profile": "private", "allowed": True, "dropped": True, "path": "D:\\fw.log", "size": 16384}])
    written = waiting.host.content["profiles"]["private"]
    waiting.host.switch(die_after_commits=2)
    assert waiting.fire() is None and waiting.host.content["profiles"]["private"] != written and not waiting.is_as_before()
    waiting.host.switch(die_after_commits=0)
    assert waiting.fire() == {"changed": False, "done": True} and waiting.is_as_before()
    assert waiting.note[3:] == [NOT_CONFIRMED, RESTORED]


def test_a_registry_that_takes_nothing_does_not_keep_a_host_closed(make: Make) -> None:
    waiting = make(operations=[new("closes", local_ports="5986", action=policy_file.BLOCK)])
    waiting.host.switch(fail_memory=True)
    assert waiting.fire() == {"changed": False, "done": False}
    assert policy_file.own(waiting.host.content) == policy_file.own(waiting.before)
    waiting.host.switch(fail_memory=False)
    waiting.fire()
    assert waiting.is_as_before() and waiting.leftovers() == {} and waiting.note[0] == waiting.nonce


def test_a_run_that_cannot_finish_an_earlier_rollback_does_not_say_that_nothing_was_changed(make: Make) -> None:
    waiting = make()
    waiting.pass_time()
    written = policy_file.state(waiting.host.content)
    waiting.host.switch(fail_commits_from=4)
    result = waiting.host(settle=True)
    assert policy_file.state(waiting.host.content) != written, "some of it is done"
    assert result["failed"] and "an earlier run has left its rollback unfinished" in result["msg"] and "nothing was changed" not in result["msg"], result["msg"]
    waiting.host.switch(fail_commits_from=0)
    assert "state" in waiting.host(settle=True) and waiting.is_as_before() and waiting.leftovers() == {}


HAND: dict[str, tuple[t.Callable[[policy_file.Content], t.Any], str]] = {
    "one that was written": (lambda content: named(content, "added")[0].update(remote_addresses="10.66.0.0/16"), 'the rule "added"'),
    "one that was kept": (lambda content: named(content, "twin")[0].update(enabled=False), 'the rule "twin"'),
    "one more": (lambda content: policy_file.add(content, ours("by hand")), 'the rule "by hand"'),
    "one gone": (lambda content: content["rules"].remove(named(content, "bound")[0]), 'the rule "bound"'),
    "a default": (lambda content: content["profiles"]["private"].update(outbound=0), "the outbound default of the private profile"),
}


@pytest.mark.parametrize("name", HAND)
def test_what_somebody_changed_of_ours_meanwhile_is_left_alone_and_told(name: str, make: Make) -> None:
    change, told = HAND[name]
    waiting = make()
    waiting.by_hand(change)
    waiting.by_hand(lambda content: policy_file.add(content, policy_file.rule("Theirs, meanwhile", protocol=6, local_ports="9")))
    foreign = policy_file.foreign(waiting.host.content)
    waiting.fire()
    assert waiting.note[4:] == [RESTORED, f"left alone, because it was changed after the run: {told}"]
    assert policy_file.foreign(waiting.host.content) == foreign
    content, name_of = waiting.host.content, told.split('"')[1] if '"' in told else ""
    assert named(content, "web") == [{**rule, "key": named(content, "web")[0]["key"]} for rule in named(waiting.before, "web")]
    assert {rule["name"] for rule in policy_file.own(content)} ^ {rule["name"] for rule in policy_file.own(waiting.before)} <= {name_of}
    assert waiting.leftovers() == {}


def test_where_all_that_differs_is_left_alone_nobody_says_that_the_rules_are_those_from_before(make: Make) -> None:
    waiting = make(operations=[new("added")])
    waiting.by_hand(HAND["one that was written"][0])
    waiting.fire()
    assert waiting.note[4:] == ["there was nothing else to restore", 'left alone, because it was changed after the run: the rule "added"']


def test_whoever_comes_in_because_the_rules_are_others_confirms_nothing(make: Make) -> None:
    waiting = make(operations=[new("added")])
    waiting.by_hand(lambda content: named(content, "added")[0].update(enabled=False))
    answer = waiting.confirm()
    assert answer is not None and not answer["confirmed"] and "before they were confirmed" in answer["rolled_back"][0]
    assert waiting.leftovers() == {}


def test_a_run_that_is_ended_is_taken_back(make_host: t.Callable[..., Host], read: payload.Call) -> None:
    """After some of its steps; each of them is a drill."""
    assert [end_a_run(make_host, read, step) for step in (3, 5, 6, 10, 14, 17)] == [True] * 6


@pytest.mark.parametrize("what", ["fire", "confirm"])
def test_a_rollback_or_a_confirmation_that_is_ended_is_finished(what: str, make_host: t.Callable[..., Host], read: payload.Call) -> None:
    assert [end_an_answer(make_host, read, what, step) for step in (2, 4)] == [True] * 2


RULE = {"name": "in tcp/443 from clients", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["10.20.0.0/16"]}


def options(**more: t.Any) -> dict[str, t.Any]:
    return {"rules": [RULE], "rollback_timeout": 60, "purge": False, **more}


def ran(host: Host, answer: t.Callable[[Waiting], t.Any], read: payload.Call, **more: t.Any) -> dict[str, t.Any]:
    """A run of the action's two halves on a host; ``answer`` is what comes of its confirmation."""

    class Remote:
        name = "winrm"

        def confirm(self, owner: str, nonce: str) -> t.Any:
            return answer(Waiting.of(host, read, nonce))

    done = run(options(**more), lambda arguments: host.run(**arguments), ports=[])
    return confirmed(done, Remote(), "msports")


def test_a_run_that_nobody_confirms_in_time_fails_and_the_next_one_reports_it(host: Host, read: payload.Call) -> None:
    before = policy_file.state(host.content)

    def late(waiting: Waiting) -> t.Any:
        waiting.fire()
        return waiting.confirm()

    failed = ran(host, late, read, generation=3)
    assert (failed["failed"], failed["changed"], failed["rolled_back"]) == (True, False, True) and RESTORED in failed["msg"]
    again = ran(host, Waiting.confirm, read, generation=3)
    assert "failed" not in again and again["rollback"] == {"confirmed": True, "seconds": 60, "by": "a new connection by winrm"}
    assert again["rolled_back_before"]["why"] == NOT_CONFIRMED and any("an earlier change was taken back" in text for text in again["warnings"])
    third = ran(host, Waiting.confirm, read, generation=3)
    assert (third["changed"], third["calls"]["remote_calls"]) == (False, 1) and "rolled_back_before" not in third
    gone = ran(host, Waiting.confirm, read, state="absent", rules=[])
    assert gone["changed"] and "rollback" not in gone and policy_file.state(host.content) == before


def test_what_was_taken_back_of_one_owner_is_told_to_that_owner(host: Host, read: payload.Call) -> None:
    assert ran(host, lambda waiting: (waiting.fire(), waiting.confirm())[1], read)["rolled_back"]
    other = ran(host, Waiting.confirm, read, owner="team_b")
    assert other["changed"] and "rolled_back_before" not in other and not any("taken back" in text for text in other["warnings"])
    assert ran(host, Waiting.confirm, read)["rolled_back_before"]["owner"] == "msports"


def test_an_older_plan_does_not_go_over_a_newer_one_unless_it_is_said(host: Host, read: payload.Call) -> None:
    assert ran(host, Waiting.confirm, read, generation=3)["changed"]
    newer = ran(host, Waiting.confirm, read, generation=4)
    assert (newer["changed"], newer["calls"]["remote_calls"]) == (False, 2) and host.content["memory"]["generation.msports"] == "4"
    before = policy_file.state(host.content)
    with pytest.raises(Refused, match="has generation 4 of the plan, and this is generation 3"):
        ran(host, Waiting.confirm, read, generation=3, rules=[])
    assert policy_file.state(host.content) == before
    assert not ran(host, Waiting.confirm, read, generation=3, allow_older_plan=True)["changed"] and host.content["memory"]["generation.msports"] == "3"


def test_a_generation_that_was_taken_back_is_not_remembered(host: Host, read: payload.Call) -> None:
    assert ran(host, Waiting.confirm, read, generation=3)["changed"]
    failed = ran(host, lambda waiting: (waiting.fire(), waiting.confirm())[1], read, generation=9, rules=[{**RULE, "local_ports": ["444"]}])
    assert failed["rolled_back"] and host.content["memory"]["generation.msports"] == "3"
