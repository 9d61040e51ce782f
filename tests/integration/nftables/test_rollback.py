# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back, in a real kernel: what waits, what fires by itself, what a confirmation saves, and runs that are killed wherever it hurts."""

from __future__ import annotations

import os
import pathlib
import signal
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback, timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import CONFIRMED, Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import apply as loading
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import run

Apply = t.Any
OTHERS = "table inet theirs { chain input { type filter hook input priority 5; policy accept; tcp dport 9 counter packets 7 bytes 70 drop; }; }"


def ruleset() -> str:
    return run("nft -s list ruleset")


def shelf(apply: Apply) -> Shelf:
    return Shelf("msports", apply.root)


def confirm(apply: Apply, done: dict[str, t.Any]) -> dict[str, t.Any]:
    backend = composer.backend_of("nftables", apply.root)
    with backend.held():
        return rollback.confirm(shelf(apply), backend, done["rollback"]["nonce"])


def until(condition: t.Callable[[], t.Any], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def noted(apply: Apply) -> list[str]:
    """What the host did by itself, once it is done."""
    until(lambda: shelf(apply).note() and not shelf(apply).look())
    note = shelf(apply).note()
    assert note
    return [note.why, *note.what]


@pytest.fixture(autouse=True)
def others(network: None) -> None:
    run("nft -f -", OTHERS)


def test_nothing_is_saved_before_a_confirmation_and_everything_after(apply: Apply, rule: t.Any) -> None:
    done = apply(rule("a", local_ports=["443"]), rollback_timeout=60)
    assert (done["changed"], done["effective"]["in_force"], done["rollback"]["seconds"]) == (True, True, 60)
    assert not os.path.exists(apply.saved)
    assert confirm(apply, done) == {"confirmed": True, "rolled_back": [], "warnings": []}
    assert 'comment "a"' in pathlib.Path(apply.saved).read_text()
    assert not os.path.exists(os.path.join(apply.root, "var/lib/portcullis"))
    again = apply(rule("a", local_ports=["443"]), rollback_timeout=60)
    assert (again["changed"], "rollback" in again) == (False, False)


def test_what_is_kept_can_be_loaded_on_a_host_without_etc_protocols(apply: Apply, rule: t.Any, tmp_path: pathlib.Path) -> None:
    apply(rule("boot", protocol="udp", local_ports=["69"], helper="tftp"))
    bare = tmp_path / "nft"
    bare.write_text('#!/bin/sh\nexec unshare -m sh -c \'mount --bind /dev/null /etc/protocols && exec nft "$@"\' sh "$@"\n')
    bare.chmod(0o755)
    assert 'type "tftp" protocol 17' in run(f"{bare} list table inet msports")
    nft = Nft(str(bare))
    nft.check(loading.AWAY.format(owner="msports") + nft.text("msports"))


@pytest.mark.parametrize("first", [True, False], ids=["the first rules", "a change"])
def test_without_a_confirmation_the_host_takes_it_back_by_itself(apply: Apply, rule: t.Any, first: bool) -> None:
    if not first:
        apply(rule("old", local_ports=["80"], remote_addresses=["10.1.0.0/16", "10.3.0.0/16", "10.5.0.0/16", "10.7.0.0/16", "10.9.0.0/16"]))
    before = ruleset()
    done = apply(rule("new"), rollback_timeout=1)
    assert "process of its own" in done["rollback"]["by"]
    assert done["effective"]["in_force"]  # before it came here it may be gone again
    restored = undo.REMOVED.format("msports") if first else undo.RESTORED
    assert noted(apply) == [rollback.NOT_CONFIRMED, restored]
    assert ruleset() == before
    late = confirm(apply, done)
    assert (late["confirmed"], late["rolled_back"]) == (False, [rollback.NOT_CONFIRMED, restored])
    note, warnings = composer.settle(shelf(apply), False)
    assert note and restored in warnings[0] and note.when in warnings[0]


def test_what_fires_needs_nothing_of_the_run(apply: Apply, rule: t.Any, tmp_path: pathlib.Path) -> None:
    """The process is killed, and what Python would import is elsewhere: only what was kept on the host counts."""
    before = ruleset()
    for seconds in (2, 15, 120):
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                apply(rule("new"), rollback_timeout=seconds)
                os.kill(os.getpid(), signal.SIGKILL)
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        loaded, names = ruleset(), run(f"{timer.sys.executable} -I -m zipfile -l {shelf(apply).code}", check=False)
        if time.monotonic() - begun < seconds:  # or else it may have fired before anybody looked
            break
        noted(apply)
    assert loaded != before
    assert "_linux/nftables/undo.py" in names and "_linux/rollback.py" in names
    noted(apply)
    assert ruleset() == before


def test_another_run_hears_that_one_waits(apply: Apply, rule: t.Any) -> None:
    done = apply(rule("a"), rollback_timeout=60)
    with pytest.raises(Refused, match=r"waits for its confirmation; .* takes the change back in \d+ seconds"):
        composer.settle(shelf(apply), False)
    with pytest.raises(Refused, match="waits for its confirmation"):
        apply(rule("b"), rollback_timeout=60)
    assert confirm(apply, done)["confirmed"] is True
    assert apply(rule("b"))["changed"] is True


def test_what_somebody_changed_of_ours_meanwhile_is_left_alone_and_reported(apply: Apply, rule: t.Any) -> None:
    apply(rule("old"), rule("both", local_ports=["1"]))
    done = apply(rule("new"), rule("both", local_ports=["2"]), rollback_timeout=60)
    run("nft add rule inet msports rules_in tcp dport 77 accept comment theirs")
    backend = composer.backend_of("nftables", apply.root)
    assert rollback.fire(shelf(apply), backend, done["rollback"]["nonce"])
    note = shelf(apply).note()
    assert note and note.what == [undo.RESTORED, undo.CHANGED_SINCE.format("rule 'theirs'")]
    table = run("nft -s list table inet msports")
    assert [name in table for name in ('"theirs"', '"old"', '"new"')] == [True, True, False]
    assert "tcp dport 1 " in table and "tcp dport 2 " not in table


def test_what_nobody_can_print_comes_back_all_the_same(apply: Apply, rule: t.Any) -> None:
    """Somebody put into our table what we have no words for: a change of ours removes it, and taking that back brings it back."""
    apply(rule("old"))
    run("nft add map inet msports strange '{ type inet_service : verdict; }'")
    before = ruleset()
    done = apply(rule("new"), rollback_timeout=60)
    assert "strange" not in ruleset()
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    assert ruleset() == before


def test_a_load_that_fails_leaves_nothing_armed(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ruleset()

    def fail(*_arguments: t.Any) -> None:
        raise loading.NftError("no")

    monkeypatch.setattr(loading, "load", fail)
    with pytest.raises(loading.NftError):
        apply(rule("a"), rollback_timeout=60)
    assert (ruleset(), shelf(apply).look()) == (before, None)


def test_a_timer_that_cannot_be_armed_changes_nothing(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ruleset()
    monkeypatch.setattr(timer.sys, "executable", "/nowhere/python")
    with pytest.raises(Refused, match=r"could not be kept for a rollback, nothing was changed .*: /nowhere/python could not be started"):
        apply(rule("a"), rollback_timeout=60)
    assert (ruleset(), shelf(apply).look()) == (before, None)


def test_check_mode_arms_nothing(apply: Apply, rule: t.Any) -> None:
    done = apply(rule("a"), check=True, rollback_timeout=60)
    assert (done["changed"], "rollback" in done, os.path.exists(os.path.join(apply.root, "var"))) == (True, False, False)


def test_after_a_restart_the_rules_from_before_are_told_of(apply: Apply, rule: t.Any) -> None:
    """A restart ends the timer and loads what was saved: the rules from before."""
    apply(rule("old"))
    before = ruleset()
    done = apply(rule("new"), rollback_timeout=60)
    path = pathlib.Path(shelf(apply).folder, "armed.json")
    path.write_text(path.read_text().replace(shelf(apply).boot(), "an earlier boot"))
    run(f"nft delete table inet msports; nft -f {apply.saved}")
    note, warnings = composer.settle(shelf(apply), False)
    assert note and (note.why, note.what) == (rollback.RESTARTED, [undo.NEVER_WRITTEN])
    assert ruleset() == before and done["rollback"]["nonce"] == note.nonce and len(warnings) == 1


def test_who_comes_in_after_a_restart_confirms_nothing(apply: Apply, rule: t.Any) -> None:
    """The host has the rules from before again: what locked the controller out must not be saved now."""
    apply(rule("old"))
    before, saved = ruleset(), pathlib.Path(apply.saved).read_text()
    done = apply(rule("new"), rollback_timeout=60)
    path = pathlib.Path(shelf(apply).folder, "armed.json")
    path.write_text(path.read_text().replace(shelf(apply).boot(), "an earlier boot"))
    run(f"nft delete table inet msports; nft -f {apply.saved}")
    answer = confirm(apply, done)
    assert (answer["confirmed"], answer["rolled_back"]) == (False, [rollback.RESTARTED, undo.NEVER_WRITTEN])
    assert (ruleset(), pathlib.Path(apply.saved).read_text(), shelf(apply).look()) == (before, saved, None)


@pytest.mark.parametrize("first", [True, False], ids=["the first rules", "a change"])
@pytest.mark.parametrize("renamed", [0, 1, 2, 9])
def test_a_restart_in_the_middle_of_a_confirmation_ends_in_one_of_both(apply: Apply, rule: t.Any, first: bool, renamed: int) -> None:
    """The ruleset is the last file that is saved. Before it the host has the rules from before, after it the new ones, and so it is said."""
    systemd = os.path.join(apply.root, "run/systemd/system")  # what is saved for it are several files; the timer of the test is none of its
    os.makedirs(systemd)
    if not first:
        apply(rule("old"))
    before = ruleset()
    os.rmdir(systemd)
    done = apply(rule("new"), rollback_timeout=60)
    os.mkdir(systemd)
    armed, new = shelf(apply).look(), ruleset()
    assert armed
    child = os.fork()
    if child == 0:
        genuine, count = os.rename, [0]

        def rename(*paths: t.Any) -> None:
            genuine(*paths)
            count[0] += "/etc/" in paths[1]
            if count[0] == renamed:
                os.kill(os.getpid(), signal.SIGKILL)

        os.rename = rename
        try:
            shelf(apply).take(done["rollback"]["nonce"], CONFIRMED)
            if renamed:
                undo.backend(apply.root).confirm(armed[1])
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    path = pathlib.Path(shelf(apply).folder, "confirmed.json")
    path.write_text(path.read_text().replace(shelf(apply).boot(), "an earlier boot"))
    complete = os.path.exists(apply.saved) and 'comment "new"' in pathlib.Path(apply.saved).read_text()
    assert complete is (renamed == 9 or renamed > 0 and not first)
    run("nft delete table inet msports")
    run(f"test ! -e {apply.saved} || nft -f {apply.saved}")
    answer = confirm(apply, done)
    assert (answer["confirmed"], answer["rolled_back"][:1]) == ((True, []) if complete else (False, [rollback.RESTARTED]))
    assert ruleset() == (new if complete else before)
    again = apply(rule("new")) if complete else apply(state="absent") if first else apply(rule("old"))
    assert (again["changed"], shelf(apply).look()) == (False, None)


@pytest.mark.parametrize(
    ("by_hand", "seen"),
    [
        ("nft flush ruleset", undo.REMOVED_SINCE.format("msports")),
        ("nft insert rule inet msports rules_in tcp dport 22 accept comment rescue", undo.CHANGED_SINCE.format("rule 'rescue'")),
    ],
)
def test_who_comes_in_because_somebody_opened_the_host_by_hand_confirms_nothing(apply: Apply, rule: t.Any, by_hand: str, seen: str) -> None:
    apply(rule("old"))
    saved = pathlib.Path(apply.saved).read_text()
    done = apply(rule("new"), rollback_timeout=60)
    run(by_hand)
    answer = confirm(apply, done)
    assert (answer["confirmed"], answer["rolled_back"][0], seen in answer["rolled_back"]) == (False, undo.HAND, True)
    assert pathlib.Path(apply.saved).read_text() == saved


def test_a_table_that_slept_sleeps_again(apply: Apply, rule: t.Any) -> None:
    """Somebody had switched our table off in an emergency: a run switches it on, and taking that back switches it off."""
    apply(rule("old"))
    run("nft add table inet msports '{ flags dormant; }'")
    before = ruleset()
    assert "dormant" in before
    done = apply(rule("old"), rollback_timeout=60)
    assert "dormant" not in ruleset()
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    assert ruleset() == before


def test_what_the_kernel_holds_is_taken_back_however_it_spells_it(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = loading.load

    def load(options: t.Any, host: t.Any, actual: t.Any, desired: t.Any, text: str, sessions: t.Any) -> None:
        genuine(options, host, actual, desired, text.replace("tcp dport 443 counter accept", "tcp dport 443 counter log accept"), sessions)

    before = ruleset()
    monkeypatch.setattr(loading, "load", load)
    done = apply(rule("new", local_ports=["443"]), rollback_timeout=60)
    assert done["effective"]["in_force"] is False
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    assert ruleset() == before


def test_the_connection_from_before_confirms_nothing(apply: Apply, rule: t.Any) -> None:
    session = ("192.0.2.1", 40000, "192.0.2.2", 22)
    done = apply(rule("a"), rollback_timeout=60)
    armed = shelf(apply).look()
    assert armed
    shelf(apply).amend(armed[1]._replace(session=list(session)))
    backend = composer.backend_of("nftables", apply.root)
    with pytest.raises(Refused, match="over the connection that was open before the change"):
        rollback.confirm(shelf(apply), backend, done["rollback"]["nonce"], session)
    assert rollback.confirm(shelf(apply), backend, done["rollback"]["nonce"], (*session[:1], 40001, *session[2:]))["confirmed"] is True


def test_an_answer_that_was_lost_is_given_again(apply: Apply, rule: t.Any) -> None:
    done = apply(rule("a"), rollback_timeout=60)
    assert [confirm(apply, done)["confirmed"] for _turn in range(2)] == [True, True]
    assert confirm(apply, {"rollback": {"nonce": "another"}})["confirmed"] is False


def test_a_confirmation_that_cannot_save_says_so_and_stays(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = apply(rule("a"), rollback_timeout=60)
    after = ruleset()

    def full(*_arguments: t.Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "save", full)
        answer = confirm(apply, done)
    assert answer["confirmed"] is True and "could not be saved for the next boot" in answer["warnings"][0]
    composer.settle(shelf(apply), False)
    assert (ruleset(), shelf(apply).look(), os.path.exists(apply.saved)) == (after, None, True)


def test_a_shape_that_nobody_thought_of_does_not_keep_the_host_closed(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ruleset()
    done = apply(rule("a"), rollback_timeout=60)

    def stumble(*_arguments: t.Any) -> None:
        raise KeyError("strange")

    monkeypatch.setattr(undo.parse, "own_table", stumble)
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    monkeypatch.undo()
    assert ruleset() == before


def test_the_table_that_a_first_run_warms_up_with_goes_too(apply: Apply, rule: t.Any) -> None:
    before = ruleset()
    done = apply(rule("new"), rollback_timeout=60)
    run("nft -f -", loading.WARM_UP.format(owner="msports"))  # as a run leaves it that dies before it loads
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    note = shelf(apply).note()
    assert note and note.what == [undo.REMOVED.format("msports")]
    assert ruleset() == before


def killed(monkeypatch: pytest.MonkeyPatch, step: tuple[t.Any, str], after: bool, act: t.Callable[[], t.Any]) -> bool:
    """Do something in a process of its own that is killed before or after a step; return whether it came to that."""
    place, name = step
    genuine = getattr(place, name)

    def die(*arguments: t.Any, **named: t.Any) -> t.Any:
        if after:
            genuine(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(place, name, die)
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


# Everything that a run does to the host, in its order: what is killed before one of them, or after it, must heal.
STEPS: tuple[tuple[t.Any, str], ...] = ((Nft, "text"), (Nft, "check"), (Shelf, "arm"), (timer, "start"), (Nft, "load"))


@pytest.mark.parametrize("first", [True, False], ids=["the first rules", "a change"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=[name for _place, name in STEPS])
def test_a_run_that_is_killed_at_a_step_ends_in_the_old_rules(
    apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch, step: tuple[t.Any, str], after: bool, first: bool
) -> None:
    if not first:
        apply(rule("old"))
    before = ruleset()
    _place, name = step
    never = first and name == "text"  # there is nothing to print
    assert killed(monkeypatch, step, after, lambda: apply(rule("new"), rollback_timeout=1)) is not never
    if shelf(apply).look() and (name, after) in (("arm", True), ("start", False)):
        time.sleep(1.1)  # no timer was started: the next run does what it would have done
        composer.settle(shelf(apply), False)
    until(lambda: shelf(apply).look() is None)
    assert ruleset() == before
    done = apply(rule("last"), rollback_timeout=60)
    assert confirm(apply, done)["confirmed"] is True


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [(Nft, "load"), (Shelf, "write_note"), (Shelf, "finish")], ids=["load", "write_note", "finish"])
def test_a_rollback_that_is_killed_is_done_again(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch, step: tuple[t.Any, str], after: bool) -> None:
    apply(rule("old"))
    before = ruleset()
    done = apply(rule("new"), rollback_timeout=60)
    backend = composer.backend_of("nftables", apply.root)
    assert killed(monkeypatch, step, after, lambda: rollback.fire(shelf(apply), backend, done["rollback"]["nonce"]))
    answer = confirm(apply, done)  # the rollback has the token, and is finished
    assert (answer["confirmed"], answer["rolled_back"][0]) == (False, rollback.NOT_CONFIRMED)
    assert (shelf(apply).look(), ruleset()) == (None, before)


def test_a_confirmation_that_is_killed_before_it_saves_is_finished_by_the_next_run(apply: Apply, rule: t.Any) -> None:
    done = apply(rule("new"), rollback_timeout=60)
    assert shelf(apply).take(done["rollback"]["nonce"], CONFIRMED)
    after = ruleset()
    composer.settle(shelf(apply), False)
    assert (shelf(apply).look(), ruleset(), os.path.exists(apply.saved)) == (None, after, True)
