# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer of a change: what arms it, what fires by itself without a confirmation, and what it needs for that."""

from __future__ import annotations

import os
import pathlib
import signal
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback, timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import apply as loading
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import run
from waiting_change import Apply, confirm, noted, ruleset, shelf

pytestmark = pytest.mark.usefixtures("others")


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
