# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back against a firewalld of a few dicts: what is kept, restored and confirmed, and what stays because somebody has changed it."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import FirewalldError, Refused
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback, timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Pending, Shelf
from firewalld_cases import CLOSED, USERS, Backend, rule

LATER = {"allow_lockout": True, "rollback_timeout": 60}


@pytest.fixture(autouse=True)
def timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fires by itself."""
    monkeypatch.setattr(timer, "start", lambda *_arguments: "nothing")


def waits(apply: Backend) -> Pending:
    there = Shelf("msports", str(apply.root)).look()
    assert there is not None and there[0] == "armed"
    return there[1]


def ours(apply: Backend) -> t.Any:
    return copy.deepcopy([apply.daemon.running.policies, apply.daemon.running.ipsets, apply.files()])


def files(apply: Backend) -> dict[str, str]:
    return {path: text for path, text in apply.files().items() if "firewalld" in path}


@pytest.mark.parametrize("old", [[], [rule("old", local_ports=["22"])], USERS], ids=["nothing", "a rule", "everything"])
def test_a_change_is_saved_when_it_is_confirmed_and_not_before(apply: Backend, old: list[t.Any]) -> None:
    if old:
        apply(*old, **(CLOSED if old is USERS else {}))
    before = files(apply)
    done = apply(*USERS, rule("new", local_ports=["9"]), **CLOSED, **LATER)
    assert (done["effective"]["in_force"], done["rollback"]["seconds"], files(apply)) == (True, 60, before)
    assert apply.policy("in-allow")["rich_rules"], "in the daemon"
    pending = waits(apply)
    assert undo.lost(pending, apply.host()) is None
    assert undo.confirm(pending, apply.host()) == []
    Shelf("msports", str(apply.root)).finish()
    again = apply(*USERS, rule("new", local_ports=["9"]), **CLOSED, **LATER)
    assert (again["changed"], "rollback" in again, apply.daemon.reloads) == (False, False, 0), again["diff"]


@pytest.mark.parametrize("small", [True, False], ids=["by single changes", "by a reload"])
def test_what_fires_restores_what_was_there(apply: Backend, small: bool) -> None:
    apply(*USERS, **CLOSED)
    if small:
        apply.daemon.running.zones["public"]["ports"] = [("8443", "tcp")]
    before = ours(apply)
    apply(*USERS[1:], rule("a", local_ports=["7"], remote_addresses=["@many"]), **CLOSED, **LATER)
    assert ours(apply)[0] != before[0]
    assert undo.restore(waits(apply), apply.host()) == [rollback.RESTORED]
    after = ours(apply)
    assert (after[0], after[1], files(apply)) == (before[0], before[1], {path: text for path, text in before[2].items() if "firewalld" in path})
    assert undo.restore(waits(apply), apply.host()) == [rollback.NEVER_WRITTEN], "once more does nothing"


def test_the_first_rules_are_removed_again(apply: Backend) -> None:
    before = files(apply)
    apply(*USERS, **CLOSED, **LATER)
    assert undo.restore(waits(apply), apply.host()) == [undo.REMOVED]
    assert (files(apply), [name for name in apply.daemon.running.policies if "msports" in name]) == (before, [])


def test_a_firewalld_that_does_not_run_gets_its_files_back(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    before = files(apply)
    apply(*USERS, **CLOSED, **LATER)
    pending, new = waits(apply), undo.files(apply_objects(apply))
    for path, text in new.items():
        (apply.root / "etc/firewalld" / path).write_text(text)  # as a run leaves it that is killed while its files are in place
    apply.daemon.runs = False
    assert undo.lost(pending, apply.host()) == undo.STOPPED
    assert undo.restore(pending, apply.host()) == [undo.SAVED]
    assert files(apply) == before
    apply.daemon.runs = True
    apply.daemon.load()
    assert undo.restore(pending, apply.host()) == [rollback.NEVER_WRITTEN]


def apply_objects(apply: Backend) -> t.Any:
    store = undo.persist.Store("msports", str(apply.root))
    return store.objects(waits(apply).saved["texts"])


def test_who_changed_something_of_ours_meanwhile_keeps_it(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    apply(rule("new", local_ports=["9"]), default_inbound="block", **LATER)
    rescue = 'rule family="ipv4" source address="192.0.2.7" accept'
    apply.policy("in-allow")["rich_rules"].append(rescue)
    apply.policy("in-rest")["rich_rules"].append(rescue)
    pending = waits(apply)
    assert undo.lost(pending, apply.host()) == rollback.HAND
    told = undo.restore(pending, apply.host())
    assert told == [
        rollback.RESTORED,
        rollback.CHANGED_SINCE.format(f"msports-in-allow: {rescue}"),
        undo.GONE.format(f"msports-in-rest: {rescue}"),
    ]
    assert apply.policy("in-allow")["rich_rules"] == [rescue, 'rule port port="22" protocol="tcp" accept']
    assert "msports-in-rest" not in apply.daemon.running.policies


def test_a_file_of_ours_that_somebody_changed_meanwhile_is_merged(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    apply(rule("new", local_ports=["9"]), **LATER)
    path = apply.root / "etc/firewalld/policies/msports-in-allow.xml"
    path.write_text(path.read_text().replace("</policy>", '  <rule family="ipv4">\n    <source address="192.0.2.7"/>\n    <accept/>\n  </rule>\n</policy>'))
    told = undo.restore(waits(apply), apply.host())
    assert told[0] == rollback.RESTORED and "192.0.2.7" in told[1]
    assert "192.0.2.7" in path.read_text() and 'port="9"' not in path.read_text()
    assert apply.policy("in-allow")["rich_rules"] == ['rule port port="22" protocol="tcp" accept'], "it was not loaded, and is not"


@pytest.mark.parametrize("text", ["<policy", "<rule><audit/><accept/></rule>"], ids=["no XML", "a rule that we have no words for"])
def test_a_file_that_cannot_be_merged_is_the_one_from_before_again(apply: Backend, text: str) -> None:
    apply(rule("old", local_ports=["22"]))
    before = files(apply)
    apply(rule("new", local_ports=["9"]), **LATER)
    path = apply.root / "etc/firewalld/policies/msports-in-allow.xml"
    path.write_text(text if text == "<policy" else path.read_text().replace("</policy>", text + "</policy>"))
    told = undo.restore(waits(apply), apply.host())
    assert (told[0], files(apply)) == (rollback.RESTORED, before) and "could not stay" in told[1]


def test_a_run_that_fails_and_is_undone_leaves_nothing_waiting(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    before = ours(apply)
    apply.daemon.broken = "INVALID_ZONE: of others"
    with pytest.raises(FirewalldError, match="INVALID_ZONE: of others; the rules from before are saved and in force"):
        apply(*USERS, **CLOSED, **LATER)
    assert Shelf("msports", str(apply.root)).look() is None
    apply.daemon.broken, apply.daemon.drops = None, lambda line: 'port="9"' in line
    with pytest.raises(FirewalldError, match="did not take all"):
        apply(rule("new", local_ports=["9"]), **LATER)
    assert (Shelf("msports", str(apply.root)).look(), ours(apply)) == (None, before)


def test_a_rollback_that_firewalld_refuses_is_tried_again(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    before = ours(apply)[0]
    apply(*USERS, **CLOSED, **LATER)
    apply.daemon.broken = "INVALID_ZONE: of others"
    with pytest.raises(FirewalldError):
        undo.restore(waits(apply), apply.host())
    apply.daemon.broken = None
    assert undo.restore(waits(apply), apply.host()) == [rollback.RESTORED]
    assert ours(apply)[0] == before


def test_a_run_that_cannot_be_undone_leaves_its_timer(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    before = ours(apply)[0]
    apply.daemon.breaks_off = lambda: True
    with pytest.raises(FirewalldError, match="And the rules from before could not be put back"):
        apply(*USERS, **CLOSED, **LATER)
    apply.daemon.breaks_off = lambda: False
    undo.restore(waits(apply), apply.host())
    assert ours(apply)[0] == before


def test_what_waits_keeps_other_runs_off(apply: Backend) -> None:
    apply(*USERS, **CLOSED, **LATER)
    for options in ({"check": True}, {}, {"state": "absent"}):
        with pytest.raises(Refused, match="waits for its confirmation"):
            apply(rule("other"), **options)


def test_a_failed_daemon_is_told_to_load_the_files_from_before(apply: Backend) -> None:
    apply(rule("old", local_ports=["22"]))
    before = ours(apply)[0]
    apply(*USERS, **CLOSED, **LATER)
    apply.daemon.state = "FAILED"
    told = undo.restore(waits(apply), apply.host())
    assert told[0] in (rollback.RESTORED, rollback.NEVER_WRITTEN) and ours(apply)[0] == before


def test_a_boot_before_firewalld_is_prepared_and_forgotten(apply: Backend) -> None:
    units = apply.root / "etc/systemd/system"
    had = sorted(path.relative_to(units) for path in units.rglob("*"))
    (apply.root / "run/systemd/system").mkdir(parents=True)
    apply(*USERS, **CLOSED, **LATER)
    unit = (units / "portcullis-msports-rollback-msports.service").read_text()
    link = units / "firewalld.service.wants/portcullis-msports-rollback-msports.service"
    assert "Before=firewalld.service" in unit and '"boot"' in unit and link.is_symlink()
    rollback.disarm(Shelf("msports", str(apply.root)), waits(apply).nonce)
    assert sorted(path.relative_to(units) for path in units.rglob("*")) == had


def test_what_a_boot_runs_takes_back_what_an_earlier_one_armed(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(rule("old", local_ports=["22"]))
    before = ours(apply)[0]
    apply(*USERS, **CLOSED, **LATER)
    host, shelf, pending = apply.host(), Shelf("msports", str(apply.root)), waits(apply)
    tries: list[int] = []

    def restore(pending: Pending) -> list[str]:
        tries.append(1)
        if len(tries) == 1:
            raise FirewalldError("not now")
        return undo.restore(pending, host)

    backend = undo.backend(str(apply.root))._replace(restore=restore)
    monkeypatch.setattr(composer, "backend_of", lambda _name, _root: backend)
    arguments = ["msports", pending.nonce, str(apply.root), timer.AT_BOOT]
    assert (composer.main(arguments), tries) == (0, []), "firewalld was restarted, and the timer of this boot still waits"
    shelf.amend(pending._replace(boot="an earlier one"))
    assert composer.main(arguments) == 1, "firewalld must not wait for more than one try"
    assert composer.main(arguments) == 0
    note = shelf.note()
    assert note and (note.why, note.what, ours(apply)[0]) == (rollback.RESTARTED, [rollback.RESTORED], before)


def test_a_kernel_that_lost_our_rules_is_closed_again_by_nobody_who_cannot_tell_whom_that_cuts(apply: Backend) -> None:
    """The daemon holds what is wanted, the kernel does not: a reload stops again what passes meanwhile."""
    given = rule("new", local_ports=["9"])
    apply(given, default_inbound="block", allow_lockout=True)
    (apply.root / "proc/net/tcp").unlink(missing_ok=True)  # who manages this host cannot be told
    apply.daemon.kernel_drift = lambda found: [item for item in found if item[1].get("chain") != "filter_IN_policy_msports-in-allow_allow"]
    with pytest.raises(Refused, match="it cannot be told whether these rules would lock out"):
        apply(given, default_inbound="block")


def test_what_the_kernel_really_holds_is_what_a_confirmation_must_see(apply: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    apply.daemon.kernel_drift = lambda found: [item for item in found if item[1].get("chain") != "filter_IN_policy_msports-in-allow_allow"]
    done = apply(rule("new", local_ports=["9"]), **LATER)
    assert done["effective"]["in_force"] is False and undo.lost(waits(apply), apply.host()) is None
    undo.restore(waits(apply), apply.host())
    Shelf("msports", str(apply.root)).finish()

    def full(*_arguments: t.Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rollback, "amend", full)
    with pytest.raises(FirewalldError, match="this host takes them back, because .* No space left on device"):
        apply(rule("new", local_ports=["9"]), **LATER)
    assert waits(apply)
