# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that wait for their confirmation over real ssh, on every backend: by su and sudo, with and without pipelining and multiplexing, by a bastion."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from sites import ADMIN, WAYS, WEB, Site, locked, play, sites_of, task, wrong_with

NOT_CONFIRMED = "the controller did not confirm the change in time"
GENEROUS = 300  # seconds: nobody waits for them to be over


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[list[Site]]:
    made = sites_of(tmp_path_factory)
    yield made
    for site in made:
        site.close()


@pytest.mark.parametrize("way", WAYS)
def test_the_first_change_a_lockout_the_next_change_and_the_end(sites: list[Site], way: str) -> None:
    wrong = wrong_with(lambda site: drilled(site, way), sites)
    assert not wrong, "\n".join(wrong)


def drilled(site: Site, way: str) -> list[str]:
    host = site.hosts[0]
    host.clean()
    before = host.drill("answer = state()")
    steps = play(
        task("first", backend=host.backend, rules=[ADMIN], rollback_timeout=GENEROUS),
        task("locked", **locked(host.backend, 3)),
        task("again", backend=host.backend, rules=[ADMIN, WEB], rollback_timeout=GENEROUS),
        task("absent", backend=host.backend, state="absent"),
    )
    running = site.run([steps], {"host": site.variables(1, **WAYS[way])})
    running.end()
    told = {name: result for (_host, name), result in running.told().items()}
    assert list(told) == ["first", "locked", "again", "absent"], running.said
    assert told["first"]["rollback"] == {"confirmed": True, "seconds": GENEROUS, "by": "a new connection by ssh"}, running.said
    assert (told["locked"]["failed"], told["locked"].get("rolled_back"), told["locked"]["changed"]) == (True, True, False), running.said
    assert told["locked"]["problems"][0] == NOT_CONFIRMED
    assert (told["again"]["rolled_back_before"]["why"], told["again"]["rollback"]["confirmed"]) == (NOT_CONFIRMED, True)
    assert told["again"]["added"] == ["web"], running.said
    assert (told["absent"]["failed"], told["absent"]["changed"]) == (False, True), running.said
    found: list[str] = host.drill(f"answer = difference({before!r}, state())")
    return [f"{host.backend}: {line}" for line in found]
