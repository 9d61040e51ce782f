# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saved plans that are damaged, older than what a host has, or were made before a rule's last day was over.

Needs unprivileged user namespaces, or root. Nothing outside the namespaces and the test's folder is touched.
"""

from __future__ import annotations

import datetime
import itertools
import json
import pathlib
import shutil
import typing as t

import pytest
from bench import PLAN, Bench, Run

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


def apply_task(**options: t.Any) -> dict[str, t.Any]:
    return {"portcullis.msports.apply": {"persist": False, **options}}


PARTS, DAMAGES = ("index.json", "hosts/web01.json", "rulesets", "sets"), ("edited", "truncated", "linked")


def damage(folder: pathlib.Path, part: str, how: str) -> pathlib.Path:
    """Damage one file of a plan, and return it."""
    ruleset = folder / "rulesets" / (json.loads(folder.joinpath("hosts/web01.json").read_text())["ruleset"] + ".json")
    a_set = next(iter(json.loads(ruleset.read_text())["sets"].values()))
    path = {"rulesets": ruleset, "sets": folder / "sets" / f"{a_set}.json"}.get(part, folder / part)
    if how == "linked":
        elsewhere = folder.with_name(f"{folder.name}-elsewhere")
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
    else:
        text = path.read_text()
        path.write_text(text.replace(": ", ":", 1) if how == "edited" else text[: len(text) // 2])
    return path


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[str, str], pathlib.Path], Run]:
    """A plan for each damage, by its damaged file, and the run that tries to apply all of them."""
    bench = Bench(tmp_path_factory.mktemp("damaged"))
    bench.planned()
    files, tasks = {}, []
    for part, how in itertools.product(PARTS, DAMAGES):
        folder = bench.folder / f"plan{len(files)}"
        shutil.copytree(bench.folder / "msports-plan", folder)
        files[part, how] = damage(folder, part, how)
        tasks.append({"name": f"{part} {how}", **apply_task(directory=folder.name), "ignore_errors": True})
    return files, bench.play(*tasks, hosts="web01")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_part_is_refused_by_name_before_the_host_is_connected_to(
    damaged: tuple[dict[tuple[str, str], pathlib.Path], Run], how: str, part: str
) -> None:
    files, run = damaged
    assert not run.calls
    refused = run.by_task[f"{part} {how}"]
    assert refused["failed"] and f"{files[part, how]}: " in refused["msg"]


def test_an_older_generation_is_refused_by_the_host(bench: Bench) -> None:
    """All in one run, because the host's memory goes with its namespace."""
    bench.planned()
    shutil.copytree(bench.folder / "msports-plan", bench.folder / "older")
    bench.inventory["all"]["children"]["exchange_client_access"]["hosts"]["web01"]["msports_features"] = ["exchange.imap4"]
    older = {"directory": "older", "allow_stale_plan": True}
    tasks = [apply_task(), {**apply_task(**older), "ignore_errors": True}, apply_task(), apply_task(**older, allow_older_plan=True)]
    run = bench.play(PLAN, *({**task, "name": f"number {number}"} for number, task in enumerate(tasks)), hosts="web01")
    assert run.code == 0, run.output
    newest, refused, again, accepted = (run.by_task[f"number {number}"] for number in range(4))
    assert newest["changed"] and accepted["changed"] and not again["changed"]
    assert "in tcp/143 from exchange.client" in newest["added"] and "in tcp/143 from exchange.client" in accepted["removed"]
    assert refused["failed"] and "this host has generation" in refused["msg"] and "allow_older_plan: true" in refused["msg"]


def test_a_rule_whose_last_day_is_over_since_the_plan_was_made_is_not_applied(bench: Bench) -> None:
    """The plan is made today with a rule whose last day is to come, and is over in what is applied."""
    today = datetime.datetime.now(datetime.UTC).date()
    coming, over = (str(today + datetime.timedelta(days=days)) for days in (2, -2))
    bench.inventory["all"]["vars"]["msports_allow"] = [{"name": "migration", "in": "tcp/3389", "from": ["10.7.0.1"], "because": "CHG-1", "until": coming}]
    assert bench.play(PLAN, hosts="web01").code == 0
    plan = load(bench.folder / "msports-plan")
    ending = [rule for host in plan["hosts"].values() for rule in host["rules"] if rule.get("until")]
    for rule in ending:
        rule["until"] = over
    save(plan, bench.folder / "msports-plan")
    run = bench.play(apply_task(directory="msports-plan", allow_stale_plan=True), hosts="web01")
    assert run.code == 0, run.output
    added = run.results["web01"]["added"]
    assert ending and added and not [name for name in added if "3389" in name]
