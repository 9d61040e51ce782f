# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs, rollbacks and confirmations that are killed before or after a step."""

from __future__ import annotations

import os
import signal
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback, timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import CONFIRMED, Shelf
from waiting_change import Apply, confirm, ruleset, shelf, until

pytestmark = pytest.mark.usefixtures("others")


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
