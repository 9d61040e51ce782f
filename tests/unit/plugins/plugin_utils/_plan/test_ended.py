# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last day of an entry: when a plan, an answer, an apply and the kernel take it to be over, wherever the controller stands."""

from __future__ import annotations

import calendar
import datetime
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.filter.explain import explain
from ansible_collections.portcullis.msports.plugins.filter.findings import findings
from ansible_collections.portcullis.msports.plugins.filter.show import show
from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Allow
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule import own
from ansible_collections.portcullis.msports.plugins.test.allowed_by import allowed_by
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, plan, rule

LAST = "2027-01-31"
MIDNIGHT = calendar.timegm((2027, 2, 1, 0, 0, 0))  # in UTC, which is how nftables counts
ZONES = ("UTC", "Etc/GMT-14", "Etc/GMT+12", "America/Los_Angeles")


@pytest.fixture(params=ZONES)
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Callable[[int], None]]:
    """Sets the time, in one time zone after another."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()

        def is_now(second: int) -> None:
            patch.setattr(_ruleset.time, "time", lambda: float(second))

        yield is_now
    time.tzset()


def made(day: str = "2027-01-30") -> dict[str, t.Any]:
    entry = {**rule("in", "tcp", "desks", ["8443"]), "until": LAST, "because": [{"kind": "allow", "name": "trial", "text": f"a trial (until {LAST})"}]}
    hosts = {name: host(rule("in", "tcp", "desks", ["443"]), entry, at=[at]) for name, at in (("web1", "10.1.0.1"), ("web2", "10.1.0.2"))}
    return plan(hosts, {"desks": ["10.2.0.0/24"]}, today=day, generation=1, catalogs={})


def open_by_all(given: t.Any) -> set[bool]:
    """What the answers say of the entry, each as whether it is open."""
    seen = [
        {"host": "web1", "direction": "in", "peer": "10.2.0.9", "protocol": "tcp", "port": 8443}
        | {"seen": "session", "outcome": "passed", "process": "x", "times": 1, "first": LAST, "last": LAST}
    ]
    return {
        allowed_by(("10.2.0.9", "web1", "tcp/8443"), given),
        explain(given, "10.2.0.9", "web1", "tcp/8443", [])["allowed"],
        findings(given, seen, [])["cut"] == 0,
        "8443" in show(given, "web1", "ufw"),
    }


@pytest.mark.parametrize(("second", "holds"), [(MIDNIGHT - 1, True), (MIDNIGHT, False), (MIDNIGHT - 86400, True), (MIDNIGHT + 40000, False)])
def test_every_answer_ends_with_the_kernel(clock: t.Callable[[int], None], second: int, holds: bool) -> None:
    clock(second)
    assert (second < (_ruleset.last_second(LAST) or 0)) == holds, "what the kernel is told"
    today = inventory_of({})["today"]
    entry = Allow("trial", "in", "tcp", (), (), "a trial", datetime.date.fromisoformat(LAST))
    assert own._is_over(entry, datetime.date.fromisoformat(today)) == (not holds), "what a new plan has"
    assert open_by_all(made()) == {holds}
    assert {allowed_by(("10.2.0.9", "web2", "tcp/443"), made())} == {True}


def test_a_saved_plan_ends_too(clock: t.Callable[[int], None], tmp_path: t.Any) -> None:
    save(made(), str(tmp_path / "plan"))
    clock(MIDNIGHT - 1)
    assert open_by_all(str(tmp_path / "plan")) == {True}
    clock(MIDNIGHT)
    assert open_by_all(str(tmp_path / "plan")) == {False}


def test_what_was_made_for_many_questions_is_made_once(clock: t.Callable[[int], None]) -> None:
    clock(MIDNIGHT)
    given = made()
    first = plan_as_of_today(given)
    assert plan_as_of_today(given) is first
    assert first["hosts"]["web1"]["rules"] != given["hosts"]["web1"]["rules"]
    assert plan_as_of_today(lasting := made(_ruleset.today())) is lasting
