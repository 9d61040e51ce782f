# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back on ufw, on a booted container: what systemd's timer restores, what a confirmation saves, hand edits, restarts, runs that are killed."""

from __future__ import annotations

import json
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import undo
from ufw_host import Refusal, Ufw

pytestmark = pytest.mark.container

SHELF = "/var/lib/portcullis/msports/msports"
CONFIRM = """
import json
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.rollback import confirm, settle
shelf = Shelf("msports")
if {nonce!r}:
    print(json.dumps(confirm(shelf, {nonce!r})))
else:
    note, warnings = settle(shelf, False)
    print(json.dumps({{"note": note._asdict() if note else None, "warnings": warnings}}))
    shelf.forget_note()
"""
# Ends the process before or after a step of a run, as kill -9 does.
KILL = """
import json, os, signal
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import files, rollback, shelf, timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import programs, reconcile, undo
place, name, after, count = {place}, {name!r}, {after!r}, [{count!r}]
genuine = getattr(place, name)
def die(*arguments, **named):
    count[0] -= 1
    if count[0] >= 0:
        return genuine(*arguments, **named)
    if after:
        genuine(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(place, name, die)
if {nonce!r}:
    composer.confirm(shelf.Shelf("msports"), {nonce!r})
else:
    reconcile.run(json.loads({given!r}))
"""


def confirm(ufw: Ufw, done: dict[str, t.Any]) -> dict[str, t.Any]:
    return json.loads(ufw.container.python(CONFIRM.format(nonce=done["rollback"]["nonce"])))


def settle(ufw: Ufw) -> list[str]:
    """What the host did by itself, as the next run hears it."""
    note = json.loads(ufw.container.python(CONFIRM.format(nonce="")))["note"]
    return [note["why"], *note["what"]] if note else []


def until_restored(ufw: Ufw) -> None:
    ufw.run(f"for i in $(seq 3000); do ls {SHELF}/*ed.json {SHELF}/firing.json 2>/dev/null | grep -v rolled_back || exit 0; sleep 0.1; done; exit 1")


def killed(ufw: Ufw, place: str, name: str, after: bool, count: int = 0, nonce: str = "", **given: t.Any) -> None:
    code = KILL.format(place=place, name=name, after=after, count=count, nonce=nonce, given=json.dumps(given))
    with pytest.raises(Exception, match="exit -9"):
        ufw.container.python(code)


@pytest.fixture(autouse=True)
def clean(ufw: Ufw) -> None:
    ufw.run("systemctl stop 'portcullis-msports-rollback-*'; true")
    ufw.behind("ufw allow 7777/tcp")


CLOSED = {"default_inbound": "reject", "default_outbound": "block", "rollback_timeout": 600}


def test_the_files_wait_for_the_confirmation(ufw: Ufw, rule: t.Any) -> None:
    files, kernel = ufw.state()
    done = ufw(rule("new", local_ports=["443"]), **CLOSED)
    assert (done["changed"], done["effective"]["in_force"], "timer of systemd" not in done["rollback"]["by"]) == (True, True, False)
    assert ufw.state()[0] == files
    applied = ufw.kernel()
    assert applied != kernel
    with pytest.raises(Refusal, match=r"waits for its confirmation; .* takes the change back in \d+ seconds"):
        ufw(rule("another"))
    with pytest.raises(Refusal, match="a run has changed the rules of msports and waits for its confirmation"):
        ufw(rule("another"), owner="other")
    assert confirm(ufw, done) == {"confirmed": True, "rolled_back": [], "warnings": []}
    assert confirm(ufw, done)["confirmed"] is True, "an answer that was lost is given again"
    ufw.build()
    assert ufw.kernel() == applied
    assert ufw.run("ls -A /var/lib/portcullis /etc/ufw/.portcullis* 2>/dev/null; systemctl list-timers --all | grep -c portcullis", check=False) == "0\n"
    again = ufw(rule("new", local_ports=["443"]), **CLOSED)
    assert (again["changed"], "rollback" in again) == (False, False)


@pytest.mark.every_release
@pytest.mark.parametrize("first", [True, False], ids=["the first rules", "a change"])
def test_systemds_timer_takes_it_back(ufw: Ufw, rule: t.Any, first: bool) -> None:
    if not first:
        ufw(rule("old", local_ports=["80"], remote_addresses=["10.1.0.0/16", "fd01::/16"]), default_inbound="allow")
    before = ufw.state()
    assert ufw(rule("new"), **{**CLOSED, "rollback_timeout": 1})["effective"]["in_force"]  # before it comes here it may be gone again
    until_restored(ufw)
    assert ufw.state() == before
    assert settle(ufw) == [rollback.NOT_CONFIRMED, rollback.RESTORED]
    assert settle(ufw) == []


def test_what_others_do_meanwhile_stays(ufw: Ufw, rule: t.Any) -> None:
    """By ufw and by hand: rules, a rule of ours that is removed, and a way in beside ufw, which confirms nothing."""
    ufw(rule("old", local_ports=["80"]), rule("both", local_ports=["81"]))
    done = ufw(rule("new", local_ports=["82"]), rule("both", local_ports=["81"]), rollback_timeout=600)
    ufw.run("ufw allow 8080/tcp; iptables -I INPUT -p tcp --dport 22 -j ACCEPT; iptables -I ufw-user-input -p tcp --dport 23 -j ACCEPT")
    ufw.run("iptables -D ufw-user-input -p tcp --dport 81 -j ACCEPT")
    answer = confirm(ufw, done)
    assert (answer["confirmed"], answer["rolled_back"][:2]) == (False, [undo.HAND, rollback.RESTORED])
    assert [text for text in answer["rolled_back"] if "--dport 23 " in text or "--dport 81 " in text or "--dport 8080 " in text] == answer["rolled_back"][2:]
    ports = ufw.run("iptables-save -t filter | grep -- '--dport' | grep -E 'INPUT|user-input' | grep -oE 'dport [0-9]+' | sort -u").split("dport ")
    assert {port.strip() for port in ports if port} == {"22", "23", "80", "7777", "8080"}
    assert "new" not in ufw.run("ufw status")


def test_a_reload_of_ufw_meanwhile_is_the_end_of_it(ufw: Ufw, rule: t.Any) -> None:
    ufw(rule("old", local_ports=["80"]))
    before = ufw.state()
    done = ufw(rule("new"), rollback_timeout=600)
    ufw.run("ufw reload")
    assert ufw.state() == before
    assert confirm(ufw, done)["rolled_back"] == [undo.HAND, rollback.NEVER_WRITTEN]
    done = ufw(rule("new"), rollback_timeout=600)
    ufw.run("ufw --force disable")
    assert confirm(ufw, done)["rolled_back"] == [undo.HAND, undo.SWITCHED_OFF.format(4), undo.SWITCHED_OFF.format(6)]
    ufw.run("ufw --force enable")
    assert sorted(filter(None, ufw.kernel().split("\n"))) == sorted(filter(None, before[1].split("\n")))


def test_a_restart_ends_in_the_rules_from_before(ufw: Ufw, rule: t.Any) -> None:
    ufw(rule("old", local_ports=["80"]))
    before = ufw.state()
    done = ufw(rule("new"), **CLOSED)
    path = f"{SHELF}/armed.json"
    ufw.run(f'sed -i \'s/"boot": "[^"]*"/"boot": "an earlier one"/\' {path}')  # containers share the id of the boot with their host
    ufw.container.reboot()
    assert ufw.state() == before
    assert confirm(ufw, done)["rolled_back"] == [rollback.RESTARTED, rollback.NEVER_WRITTEN]
    assert ufw.state() == before


@pytest.mark.parametrize("broken", ["nft flush ruleset", "iptables -F ufw-before-input; iptables -I INPUT -p tcp --dport 9 -j ACCEPT"])
def test_chains_that_were_missing_are_missing_again(ufw: Ufw, rule: t.Any, broken: str) -> None:
    ufw(rule("old", local_ports=["80"]))
    ufw.run(broken)
    before = ufw.state()
    done = ufw(rule("new"), **CLOSED)
    assert done["effective"]["in_force"]
    ufw.run("iptables -A INPUT -p tcp --dport 10 -j ACCEPT")
    assert confirm(ufw, done)["rolled_back"] == [undo.HAND, rollback.RESTORED, rollback.CHANGED_SINCE.format("'-A INPUT -p tcp -m tcp --dport 10 -j ACCEPT'")]
    ufw.run("iptables -D INPUT -p tcp --dport 10 -j ACCEPT")
    now = ufw.state()
    assert now[0] == before[0]
    assert sorted(now[1].split()) == sorted(before[1].split()) or "ufw" not in now[1]


# Everything that a run does to the host, in its order; what is killed before or after it must heal.
STEPS = [
    ("programs.Programs", "check", 0),
    ("files.Writing", "discard", 0),
    ("shelf.Shelf", "arm", 0),
    ("timer", "start", 0),
    ("programs.Programs", "load", 0),
    ("programs.Programs", "load", 1),
    ("undo", "loaded", 0),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=[f"{name}{count or ''}" for _place, name, count in STEPS])
def test_a_run_that_is_killed_ends_in_the_old_rules(ufw: Ufw, rule: t.Any, step: tuple[str, str, int], after: bool) -> None:
    ufw(rule("old", local_ports=["80"]), default_inbound="allow")
    before = ufw.state()
    place, name, count = step
    killed(ufw, place, name, after, count, rules=[rule("new", remote_addresses=["10.0.0.0/8", "fd00::/8"])], **{**CLOSED, "rollback_timeout": 1})
    if (name, after) in (("arm", True), ("start", False)):
        time.sleep(1.1)  # no timer was started: the next run does what it would have done
        settle(ufw)
    until_restored(ufw)
    assert ufw.state() == before
    settle(ufw)
    ufw(rule("old", local_ports=["80"]), rule("next"), default_inbound="allow")
    assert ufw.run("ls -A /etc/ufw /etc/default /etc/portcullis/msports | grep portcullis-", check=False) == ""


@pytest.mark.parametrize("count", range(4))
def test_a_confirmation_that_is_killed_is_finished(ufw: Ufw, rule: t.Any, count: int) -> None:
    done = ufw(rule("new", remote_addresses=["10.0.0.0/8", "fd00::/8"]), **CLOSED)
    applied = ufw.kernel()
    killed(ufw, "files.os", "rename", False, 1 + count, nonce=done["rollback"]["nonce"])
    settle(ufw)
    assert ufw.run(f"ls {SHELF} 2>/dev/null; ls -A /etc/ufw /etc/default /etc/portcullis/msports | grep portcullis-kept", check=False) == ""
    ufw.build()
    assert ufw.kernel() == applied
    assert not ufw(rule("new", remote_addresses=["10.0.0.0/8", "fd00::/8"]), **CLOSED)["changed"]


@pytest.mark.parametrize("files", [2, 3])
def test_a_confirmation_that_a_restart_ended_in_the_middle_is_taken_back(ufw: Ufw, rule: t.Any, files: int) -> None:
    """What the restart has loaded of the new rules goes at once, not only with the next reload."""
    ufw(rule("old", local_ports=["80"]))
    before = ufw.state()
    done = ufw(rule("new", remote_addresses=["10.0.0.0/8", "fd00::/8"]), **CLOSED)
    killed(ufw, "files.os", "rename", True, files, nonce=done["rollback"]["nonce"])
    ufw.run(f'sed -i \'s/"boot": "[^"]*"/"boot": "an earlier one"/\' {SHELF}/confirmed.json')
    ufw.container.reboot()
    assert ufw.state() != before
    assert confirm(ufw, done)["rolled_back"] == [rollback.RESTARTED, undo.PARTLY, rollback.RESTORED]
    assert ufw.state() == before


def test_a_confirmation_that_a_restart_ended_after_all_was_saved_stays(ufw: Ufw, rule: t.Any) -> None:
    """Also where somebody else has changed the files by the time it is asked for again: what they had loaded is what was confirmed."""
    ufw(rule("old", local_ports=["80"]))
    done = ufw(rule("new"), **CLOSED)
    killed(ufw, "shelf.Shelf", "remember", False, nonce=done["rollback"]["nonce"])
    ufw.run(f'sed -i \'s/"boot": "[^"]*"/"boot": "an earlier one"/\' {SHELF}/confirmed.json')
    ufw.container.reboot()
    ufw.run("ufw allow 8080/tcp")
    answer = confirm(ufw, done)
    assert (answer["confirmed"], answer["rolled_back"]) == (True, [])
    assert (ufw(rule("new"), **CLOSED)["changed"], "8080" in ufw.run("ufw status")) == (False, True)
