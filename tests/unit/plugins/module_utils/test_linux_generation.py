# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host remembers which generation of the plan it has: an older one does not go over it unnoticed."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux import generation, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import Chosen
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Note, Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

KEPT, UNTIL_BOOT = "etc/portcullis/msports/msports.generation", "run/portcullis-msports/msports.generation"


@pytest.fixture
def runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, t.Any]]:
    """What the backend was asked; the host's files are below ``tmp_path``."""
    asked: list[dict[str, t.Any]] = []

    def run(options: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
        asked.append(options)
        armed = {"rollback": {"nonce": "n"}} if options.get("rollback_timeout") else {}
        return {**dict.fromkeys(reconcile.LISTS, []), "changed": False, "diff": {"before": "", "after": ""}, **armed}

    monkeypatch.setattr(generation, "ROOT", str(tmp_path))
    monkeypatch.setattr(reconcile, "choose", lambda asked: Chosen("nftables", "no other manager is active"))
    monkeypatch.setattr(reconcile, "traces", lambda owner: [])
    monkeypatch.setattr(reconcile, "Shelf", lambda owner: Shelf(owner, str(tmp_path)))
    monkeypatch.setattr(reconcile, "_backend", lambda name: types.SimpleNamespace(run=run))
    return asked


def files(folder: pathlib.Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("persist", [True, False])
def test_a_later_one_is_remembered_and_an_earlier_one_refused_before_any_change(tmp_path: pathlib.Path, runs: list[t.Any], persist: bool) -> None:
    for number in (5, 5, 7):
        assert reconcile.run({"generation": number, "persist": persist})["warnings"] == []
    assert files(tmp_path) == {KEPT if persist else UNTIL_BOOT: "7\n"}
    before = len(runs)
    for check_mode in (True, False):
        with pytest.raises(Refused, match=r"this host has generation 7 of the plan, and this is generation 6, .*: nothing was changed.*allow_older_plan: true"):
            reconcile.run({"generation": 6, "persist": persist}, check_mode)
    assert len(runs) == before
    assert files(tmp_path) == {KEPT if persist else UNTIL_BOOT: "7\n"}
    reconcile.run({"generation": 6, "persist": persist, "allow_older_plan": True})
    reconcile.run({"generation": 6, "persist": persist})
    assert files(tmp_path) == {KEPT if persist else UNTIL_BOOT: "6\n"}


def test_what_was_kept_in_the_other_place_counts_and_moves(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    reconcile.run({"generation": 7, "persist": True})
    with pytest.raises(Refused):
        reconcile.run({"generation": 6, "persist": False})
    reconcile.run({"generation": 8, "persist": False})
    assert files(tmp_path) == {UNTIL_BOOT: "8\n"}


def test_check_mode_remembers_nothing_and_rules_of_no_plan_are_no_matter(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    reconcile.run({"generation": 7}, True)
    reconcile.run({})
    assert files(tmp_path) == {}
    reconcile.run({"generation": 7})
    assert reconcile.run({})["warnings"] == []
    assert "generation" not in runs[-2] and "allow_older_plan" not in runs[-2], "the backends know nothing of it"


def test_absent_forgets_whatever_generation_it_comes_with(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    reconcile.run({"generation": 7})
    reconcile.run({"state": "absent", "backend": "nftables"}, True)
    assert files(tmp_path)
    reconcile.run({"state": "absent", "backend": "nftables"})
    assert [path.name for path in tmp_path.rglob("*")] == ["etc", "run"][:1]
    reconcile.run({"generation": 1})


def test_each_owner_has_a_memory_of_its_own(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    reconcile.run({"generation": 7})
    reconcile.run({"generation": 1, "owner": "other"})
    assert sorted(files(tmp_path).values()) == ["1\n", "7\n"]


def test_what_cannot_be_read_or_written_is_a_warning_and_not_silence(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    kept = tmp_path / KEPT
    kept.parent.mkdir(parents=True)
    kept.write_text("seven")
    warnings = reconcile.run({"generation": 7})["warnings"]
    assert len(warnings) == 1 and f"{kept} cannot be read" in warnings[0]
    assert kept.read_text() == "7\n", "mended"
    kept.unlink()
    kept.mkdir()
    assert [text.partition(" (")[0] for text in reconcile.run({"generation": 8})["warnings"]] == [f"{kept} cannot be read", f"{kept} cannot be written"]


def test_what_the_host_has_taken_back_it_does_not_have(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    """A run armed a rollback for generation 7, and nobody confirmed: the host has the rules of generation 5 again."""
    reconcile.run({"generation": 5})
    reconcile.run({"generation": 7, "rollback_timeout": 60})
    with pytest.raises(Refused):
        reconcile.run({"generation": 6}, True)
    Shelf("msports", str(tmp_path)).write_note(Note("n", "msports", "2026-11-29T08:00:00Z", "nobody confirmed", []))
    with pytest.raises(Refused, match="has generation 5 of the plan, and this is generation 4"):
        reconcile.run({"generation": 4}, True)
    assert (tmp_path / KEPT).read_text() == "7 5\n", "check mode changes nothing"
    assert "rolled_back_before" in reconcile.run({"generation": 6})
    assert (tmp_path / KEPT).read_text() == "6\n"


def test_a_first_generation_that_was_taken_back_is_none(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    reconcile.run({"generation": 7, "rollback_timeout": 60})
    Shelf("msports", str(tmp_path)).write_note(Note("n", "msports", "2026-11-29T08:00:00Z", "nobody confirmed", []))
    assert "rolled_back_before" in reconcile.run({"generation": 6})
    assert (tmp_path / KEPT).read_text() == "6\n"


def test_a_confirmed_generation_counts(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    reconcile.run({"generation": 5, "rollback_timeout": 60})
    reconcile.run({"generation": 7, "rollback_timeout": 60})
    assert (tmp_path / KEPT).read_text() == "7 5\n"
    reconcile.run({"generation": 7})
    assert (tmp_path / KEPT).read_text() == "7\n"


def test_a_run_that_fails_remembers_nothing(tmp_path: pathlib.Path, runs: list[t.Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: dict[str, t.Any], check_mode: bool) -> t.NoReturn:
        raise Refused("no")

    monkeypatch.setattr(reconcile, "_backend", lambda name: types.SimpleNamespace(run=fail))
    with pytest.raises(Refused, match="no"):
        reconcile.run({"generation": 7})
    assert files(tmp_path) == {}


def test_a_rollback_of_a_run_that_never_came_to_remember_takes_back_no_more_than_that_run(tmp_path: pathlib.Path, runs: list[t.Any]) -> None:
    """Generation 200 stands since it was confirmed. A run that dies before it remembers and is taken back leaves it standing."""
    for number in (100, 200):
        reconcile.run({"generation": number, "rollback_timeout": 60})
    assert files(tmp_path) == {KEPT: "200 100\n"}
    reconcile.run({"generation": 200})  # a later run that finds nothing waiting, and dies after it has armed
    Shelf("msports", str(tmp_path)).write_note(Note("n", "msports", "2026-01-01T00:00:00Z", "why", ["what"]))
    with pytest.raises(Refused, match="this host has generation 200"):
        reconcile.run({"generation": 150})
