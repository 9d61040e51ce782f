# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart of the host before a change is confirmed, and in the middle of its confirmation."""

from __future__ import annotations

import os
import pathlib
import signal
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import CONFIRMED
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import undo
from network_namespaces import run
from waiting_change import Apply, confirm, ruleset, shelf

pytestmark = pytest.mark.usefixtures("others")


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
