# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that nobody confirms is taken back by the host itself, whatever firewalld, the run or the host do meanwhile; foreign rules stay what they were."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from booted import FIREWALLD_ANSWERS
from what_others_have import RUNTIME, SAVED, script

pytestmark = pytest.mark.container

RULE = {"name": "old", "direction": "in", "protocol": "tcp", "local_ports": ["22"], "remote_addresses": ["10.9.0.0/16"]}
OLD = {"rules": [RULE]}
NEW = {"rules": [RULE, {**RULE, "name": "new", "local_ports": ["9"]}], "default_inbound": "block", "firewalld_precedence": "override"}
WITH = f"OLD, NEW = {OLD!r}, {NEW!r}\n"


@pytest.fixture
def beside(apply: t.Any) -> t.Any:
    """A host where others have rules of every kind, most of them in the running daemon only."""
    apply.sh(script(SAVED, RUNTIME))
    return apply


def test_what_is_confirmed_is_saved_and_nothing_before(beside: t.Any) -> None:
    answer = beside.drill(
        WITH
        + """
apply(**OLD)
before = state()
done = apply(seconds=600, **NEW)
waiting, refused = state(), apply(**OLD)
said = confirm(done["rollback"]["nonce"])
again = apply(seconds=600, **NEW)
after = state()
answer = [done["rollback"]["by"], done["effective"]["in_force"], waiting["files"].count("msports-"), waiting["daemon"] == before["daemon"], refused,
          said, again["changed"], again.get("rollback"), difference(foreign(before), foreign(after)), after["traces"], after["files"].count("rollback")]
answer.append([line for line in waiting["files"].splitlines() if "msports-" in line and "rollback" not in line and line not in before["files"]])
"""
    )
    by, in_force, _files, same, refused, said, changed, waits, foreign, traces, units, new_files = answer
    assert "timer portcullis-msports-rollback-msports-" in by and (in_force, same) == (True, False)
    assert new_files == [], "until then a restart loads the rules from before"
    assert "waits for its confirmation" in refused["refused"]
    assert said == {"confirmed": True, "rolled_back": [], "warnings": []}
    assert (changed, waits, foreign, traces, units) == (False, None, [], "", 0)


@pytest.mark.parametrize("first", [True, False], ids=["the first rules", "a change"])
def test_what_nobody_confirms_is_taken_back(beside: t.Any, first: bool) -> None:
    before, changed, note, after, next_run = beside.drill(
        WITH
        + f"""
{"" if first else "apply(**OLD)"}
before = state()
done = apply(seconds=1, **NEW)
changed = done["effective"]["in_force"]  # before anybody looks it may be gone again
note = settled()
after = difference(before, state())
again = apply(**({{"state": "absent", "rules": []}} if {first} else OLD))
answer = [before, changed, note, after, [again["changed"], again.get("rolled_back_before")]]
"""
    )
    del before
    assert changed and note[3] == rollback.NOT_CONFIRMED and note[4][0] == (undo.REMOVED if first else rollback.RESTORED)
    assert [line for line in after if not line.startswith("traces: ")] == []
    assert next_run[0] is False and next_run[1]["what"] == note[4], "the next run changes nothing and reports it"


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("systemctl restart firewalld", rollback.NEVER_WRITTEN),
        ("firewall-cmd --reload", rollback.NEVER_WRITTEN),
        ("systemctl stop firewalld", rollback.NEVER_WRITTEN),
        ("nft flush chain inet firewalld filter_IN_policy_msports-in-rest", rollback.RESTORED),
    ],
)
def test_firewalld_meanwhile(apply: t.Any, deed: str, said: str) -> None:
    """Stopped, restarted or changed behind its back: the rules from before are what counts afterwards, and nobody confirms the others."""
    if deed.startswith("nft "):
        apply.disown()
    answer = apply.drill(
        WITH
        + f"""
apply(**OLD)
before = state()
done = apply(seconds=600, **NEW)
subprocess.run({deed!r}, shell=True, check=True)
for _turn in range(600):
    if "stop" in {deed!r} or subprocess.run({FIREWALLD_ANSWERS!r}, shell=True, capture_output=True).returncode == 0:
        break
    time.sleep(0.2)
said = confirm(done["rollback"]["nonce"])
subprocess.run("systemctl start firewalld; " + {FIREWALLD_ANSWERS!r}, shell=True, check=True, capture_output=True)
answer = [said, difference(before, state()), apply(**OLD)["changed"]]
"""
    )
    assert (answer[0]["confirmed"], answer[0]["rolled_back"][1:]) == (False, [said])
    assert answer[0]["rolled_back"][0] in (rollback.HAND, undo.STOPPED)
    assert [line for line in answer[1] if not line.startswith("traces: ")] == [] and answer[2] is False


def test_what_somebody_changed_of_ours_meanwhile_is_left_and_named(apply: t.Any) -> None:
    rescue = 'rule family="ipv4" source address="192.0.2.7" accept'
    answer = apply.drill(
        WITH
        + f"""
apply(**OLD)
done = apply(seconds=600, **NEW)
subprocess.run(["firewall-cmd", "--policy=msports-in-allow", "--add-rich-rule", {rescue!r}], check=True, capture_output=True)
subprocess.run(["firewall-cmd", "--policy=msports-in-rest", "--add-port=77/tcp"], check=True, capture_output=True)
fire(done["rollback"]["nonce"])
rules = subprocess.run(["firewall-cmd", "--policy=msports-in-allow", "--list-rich-rules"], capture_output=True, text=True).stdout
answer = [Shelf(OWNER).note(), rules]
"""
    )
    what = answer[0][4]
    assert what[0] == rollback.RESTORED and rollback.CHANGED_SINCE.format(f"msports-in-allow: {rescue}") in what, what
    assert any(line.startswith(undo.GONE.partition("{")[0]) and "77" in line for line in what), "its policy is no longer there"
    assert rescue in answer[1] and "10.9.0.0/16" in answer[1] and '"9"' not in answer[1]


@pytest.mark.parametrize("when", ["while it waits", "while its files are in place"])
def test_a_restart_of_the_host_ends_in_the_rules_from_before(apply: t.Any, when: str) -> None:
    waits = when == "while it waits"
    before, left = apply.drill(
        WITH
        + f"""
apply(**OLD)
before = state()
if {waits}:
    apply(seconds=600, **NEW)
else:
    # The reload is one call of the daemon: right behind it the new files are there.
    genuine = daemon.Daemon.reload
    def reload(self):
        genuine(self)
        os.kill(os.getpid(), signal.SIGKILL)
    child = os.fork()
    if not child:
        daemon.Daemon.reload = reload
        apply(seconds=600, **NEW)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
answer = [before, [line for line in state()["files"].splitlines() if "msports-in-rest" in line]]
"""
    )
    assert bool(left) is not waits
    apply.container.reboot()
    apply.sh(f"for i in $(seq 600); do {FIREWALLD_ANSWERS} && break; sleep 0.2; done")
    now, note, changed = apply.drill(WITH + "answer = [state(), Shelf(OWNER).note(), apply(**OLD)]")
    assert note[3] == rollback.RESTARTED
    assert (changed["changed"], changed["rolled_back_before"]["why"]) == (False, rollback.RESTARTED)
    assert (now["daemon"], now["files"]) == (before["daemon"], before["files"])


def test_a_signal_waits_until_the_writing_is_done(beside: t.Any) -> None:
    """A lost connection, a stop and Ctrl-C at any moment: what others had is there, and the next run has nothing to put back."""
    wrong = beside.drill(
        WITH
        + """
apply(**OLD)
before, answer = foreign(state()), []
for turn in range(9):
    options = [NEW, OLD][turn % 2]
    interrupted(lambda: apply(**options), 0.1 + turn * 0.1, [signal.SIGHUP, signal.SIGTERM, signal.SIGINT][turn % 3])
    answer += difference(before, foreign(state()))
    answer += [warning for warning in apply(**options)["warnings"] if "ended while" in warning]
"""
    )
    assert wrong == []


def test_what_a_killed_run_took_from_others_is_back_without_another_run(beside: t.Any) -> None:
    """Right behind the reload, where all of it is gone: a process stands by that puts it back."""
    gone, wrong, left = beside.drill(
        WITH
        + """
before, genuine = foreign(state()), daemon.Daemon.reload
def reload(self):
    genuine(self)
    open("/run/gone", "w").write(str(len(difference(before, foreign(state())))))
    os.kill(os.getpid(), signal.SIGKILL)
child = os.fork()
if not child:
    daemon.Daemon.reload = reload
    apply(**NEW)
    os._exit(0)
assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
with composer.backend_of("firewalld").held():  # which it holds as long as it is at work
    answer = [open("/run/gone").read(), difference(before, foreign(state())), os.path.exists("/run/portcullis-msports.firewalld.json")]
"""
    )
    assert int(gone) > 3 and (wrong, left) == ([], False)


def test_processes_that_are_killed_anywhere_leave_nothing_wrong(beside: t.Any) -> None:
    assert beside.drill("answer = drill(6, 'few')") == []
