# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollback that is ended or fails in the middle, with a backend that does nothing: what is said is so, and somebody goes on."""

from __future__ import annotations

import contextlib
import os
import pathlib
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback, timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.rollback import Backend
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import CONFIRMED, FIRING, Pending, Shelf, since_boot
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

BACKEND = Backend(
    held=lambda: contextlib.nullcontext([]),
    lost=lambda _pending: None,
    restore=lambda _pending: ["restored"],
    confirm=lambda _pending: [],
    saved=lambda _pending: True,
)


@pytest.fixture
def shelf(tmp_path: pathlib.Path) -> Shelf:
    """A change that waits."""
    made = Shelf("msports", str(tmp_path))
    (tmp_path / "run").mkdir()
    made.arm(Pending("one", "msports", "nftables", made.boot(), since_boot() + 60, None, None, None, None), b"code")
    return made


def fails(*_arguments: t.Any) -> t.NoReturn:
    raise OSError(28, "No space left on device")


def test_a_load_that_failed_is_never_saved_when_its_run_is_killed_before_it_forgets(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_arguments: t.Any) -> t.NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(timer, "stop", killed)
    with pytest.raises(KeyboardInterrupt):
        rollback.disarm(shelf, "one")
    monkeypatch.undo()
    saved: list[str] = []
    monkeypatch.setattr(composer, "backend_of", lambda *_where: BACKEND._replace(confirm=lambda pending: saved.append(pending.nonce) or []))
    composer.settle(shelf, False)
    assert (saved, shelf.look()) == ([], None)


def test_the_timer_goes_on_when_a_confirmation_finds_other_rules_and_cannot_restore(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(timer, "stop", lambda _shelf, pending: stopped.append(pending.nonce))
    backend = BACKEND._replace(lost=lambda _pending: rollback.HAND)
    with pytest.raises(OSError, match="No space"):
        rollback.confirm(shelf, backend._replace(restore=fails), "one")
    assert stopped == [] and shelf.look() is not None and shelf.look()[0] == FIRING  # type: ignore[index]
    assert rollback.confirm(shelf, backend, "one")["rolled_back"][1:] == ["restored"]


def test_a_disk_that_takes_nothing_does_not_keep_a_host_closed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    restored: list[str] = []
    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(OSError, match="No space"):
        rollback.fire(shelf, BACKEND._replace(restore=lambda pending: restored.append(pending.nonce) or []), "one")
    assert restored == ["one"]
    monkeypatch.undo()
    assert rollback.fire(shelf, BACKEND, "one") and shelf.note().what == ["restored"]  # type: ignore[union-attr]


@pytest.mark.parametrize("where", ["backend", "memory", "end"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("not understood")])
def test_what_is_confirmed_is_told_so_whatever_fails_behind_it(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception) -> None:
    """The token is taken, so the host does not take the change back any more."""

    def stumble(*_arguments: t.Any) -> t.NoReturn:
        raise error

    if where != "backend":
        monkeypatch.setattr(shelf, {"memory": "remember", "end": "finish"}[where], stumble)
    answer = rollback.confirm(shelf, BACKEND._replace(confirm=stumble) if where == "backend" else BACKEND, "one")
    assert answer["confirmed"] is True and str(error) in answer["warnings"][0]
    there = shelf.look()
    assert there and there[0] == CONFIRMED, "the next run goes on with it"


def test_a_run_that_cannot_finish_a_confirmation_says_why(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composer, "backend_of", lambda *_where: BACKEND._replace(confirm=fails))
    assert composer.confirm(shelf, "one")["confirmed"] is True
    with pytest.raises(Refused, match="cannot be finished: .*No space left on device"):
        composer.settle(shelf, False)


def test_a_check_says_that_something_is_unfinished_and_promises_no_timer(shelf: Shelf, tmp_path: pathlib.Path) -> None:
    there = shelf.look()
    assert there
    shelf.amend(there[1]._replace(boot="an earlier one"))
    with pytest.raises(Refused, match="the next run that is no check finishes it"):
        composer.settle(shelf, True)
