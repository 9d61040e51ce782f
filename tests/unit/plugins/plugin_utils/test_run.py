# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of a run share: each finds its own host among many without reading the others."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._run import MANAGED, ORPHANED, ROLELESS, UNMANAGED, Entry, Run, entries_of


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=40), other=st.text(min_size=1, max_size=20))
def test_every_host_is_found_and_no_other(tmp_path_factory: pytest.TempPathFactory, names: list[str], other: str) -> None:
    run = Run(str(tmp_path_factory.mktemp("run")), "plan")
    with run.locked():
        run.write({"plan": "here"}, {name: Entry(MANAGED, f"{number:064x}", f"{number:016x}") for number, name in enumerate(names)})
    assert run.read() == {"plan": "here"}
    for number, name in enumerate(names):
        assert run.entry(name) == Entry(MANAGED, f"{number:064x}", f"{number:016x}")
    assert (run.entry(other) is None) == (other not in names)


def test_a_run_without_a_plan(tmp_path: pathlib.Path) -> None:
    assert Run(str(tmp_path), "plan").read() is None


def test_each_directory_has_a_state_of_its_own(tmp_path: pathlib.Path) -> None:
    one, other = (Run(str(tmp_path), name) for name in ("one", "other"))
    with one.locked():
        one.write({"plan": "one"}, {})
    assert other.read() is None


def test_what_a_plan_takes_a_host_for() -> None:
    peers = {"unmanaged": {"roles": {"a.b": []}}, "roleless": {"roles": {}}, "orphaned": {"roles": {}}}
    found = entries_of({"peers": peers, "orphaned": ["orphaned", "gone"]}, {"managed": "digest"}, {"managed": "own", "roleless": "own2"})
    assert found == {
        "unmanaged": Entry(UNMANAGED),
        "roleless": Entry(ROLELESS, "", "own2"),
        "orphaned": Entry(ORPHANED),
        "gone": Entry(ORPHANED),
        "managed": Entry(MANAGED, "digest", "own"),
    }
