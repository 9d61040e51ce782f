# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plan, run by ansible-playbook inside a network namespace of its own.

Needs unprivileged user namespaces, or root. Nothing outside the namespace and the test's folder is touched.
"""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from bench import APPLY, HOSTS, PLAN, Bench, Run, a_play, plan_of_the_inventory


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


def plan_task(name: str, directory: str = "msports-plan", **keywords: t.Any) -> dict[str, t.Any]:
    return {"name": name, "portcullis.msports.plan": {"directory": directory}, **keywords}


# directory -> why it is no plan directory
WRONG = {"data": "data: holds files but no plan (index.json)", "file": "file: is a file; expected a plan directory"}


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Run]:
    """A run after that of the first plan: it plans once more, in check mode, too, and tries folders of something else."""
    bench = Bench(tmp_path_factory.mktemp("again"))
    bench.planned()
    bench.planned("copy")
    bench.folder.joinpath("data", "hosts").mkdir(parents=True)
    bench.folder.joinpath("data", "hosts", "precious.json").write_text("{}")
    bench.folder.joinpath("file").write_text("")
    tasks = [plan_task(f"{name} {checked}", name, check_mode=checked, ignore_errors=True) for checked in (False, True) for name in WRONG]
    tasks += [plan_task("once more"), plan_task("checked", "copy", check_mode=True)]
    others = [plan_task("only checked", "late", check_mode=True), plan_task("then saved", "late"), plan_task("saved again", "late")]
    partial = {"name": "of a part", "portcullis.msports.plan": {"directory": "whole", "partial_inventory": True}}
    return bench, bench.plays(a_play(*tasks, hosts="localhost"), a_play(*others, partial, plan_task("of all", "whole"), hosts="web01"))


@pytest.mark.every_core
def test_plan_is_saved_once_and_unchanged_the_second_time(again: tuple[Bench, Run]) -> None:
    folder, run = plan_of_the_inventory()
    first = run.results["localhost"]
    assert run.code == 0, run.output
    assert first["hosts"] == ["db01", "web01"]
    assert "in tcp/443 from exchange.client" in first["difference"]["hosts"]["web01"]["added"]
    assert first["left_out"] == {"hosts": 0, "sets": 0}
    saved = {str(path.relative_to(folder)): path.read_text() for path in folder.glob("msports-plan/**/*.json")}
    kinds = [name.split("/")[1] for name in saved]
    assert {kind: kinds.count(kind) for kind in kinds} == {"hosts": 2, "index.json": 1, "rulesets": 2, "sets": kinds.count("sets")}
    assert {"msports-plan/hosts/db01.json", "msports-plan/hosts/web01.json"} < set(saved)
    assert json.loads(saved["msports-plan/index.json"])["digest"] == first["digest"]
    bench, second = again
    assert (first["changed"], second.by_task["once more"]["changed"]) == (True, False)
    assert bench.plan_files() == saved
    assert not run.calls, "the plan action connects to no host"


def test_check_mode_tells_of_no_change_where_there_is_none(again: tuple[Bench, Run]) -> None:
    _bench, run = again
    assert run.code == 0, run.output
    assert not run.by_task["checked"]["changed"]


def test_a_plan_of_check_mode_or_of_a_part_is_none_for_a_task_that_wants_another(again: tuple[Bench, Run]) -> None:
    bench, run = again
    made = [(run.by_task[name]["changed"], run.by_task[name]["reused"]) for name in ("only checked", "then saved", "saved again", "of a part", "of all")]
    assert made == [(True, False), (True, False), (False, True), (True, False), (True, False)]
    assert run.by_task["then saved"]["path"] == str(bench.folder / "late") and bench.plan_files("late")
    assert json.loads(bench.plan_files("whole")["whole/index.json"])["partial_inventory"] is False


def test_a_folder_of_something_else_is_no_plan_directory(again: tuple[Bench, Run]) -> None:
    bench, run = again
    for name, message in WRONG.items():
        for checked in (False, True):
            done = run.by_task[f"{name} {checked}"]
            assert done["failed"] and message in done["msg"], done
    assert [path for path in bench.folder.glob("data/**/*") if path.is_file()] == [bench.folder / "data" / "hosts" / "precious.json"]


@pytest.mark.every_core
def test_bad_inventory_writes_nothing_and_names_every_problem(bench: Bench) -> None:
    bench.variables["msports_features"] = ["exchange.imap5"]
    bench.variables["msports_networks"] = {"exchange.clients": ["10.20.0.0/16"]}
    run = bench.play(PLAN, APPLY)
    assert run.code != 0
    assert not bench.plan_files()
    message = run.results["web01"]["msg"]
    assert "exchange.imap5" in message and "exchange.imap4" in message and "exchange.clients" in message
    assert not run.calls


@pytest.fixture(scope="module")
def with_variables(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Plays that have variables of their own; one of them is in the inventory for db01, too."""
    bench = Bench(tmp_path_factory.mktemp("variables"))
    bench.variables["msports_ping"] = ["{{ msports_management.from[0] }}"]  # a template renders alike in the play and for the plan
    bench.inventory["all"]["children"]["exchange_mailbox"]["hosts"]["db01"]["msports_features"] = ["exchange.pop3"]
    features = {"msports_features": ["exchange.imap4"]}
    return bench.plays(
        a_play(plan_task("vars", ignore_errors=True), hosts="localhost", vars=features),
        a_play(plan_task("vars over those of the inventory", ignore_errors=True), hosts="db01", vars=features),
        a_play({"ansible.builtin.set_fact": features}, plan_task("set_fact"), hosts="web01"),
    )


@pytest.mark.every_core
@pytest.mark.parametrize("where", ["vars", "vars over those of the inventory", "set_fact"])
def test_variables_of_a_play_are_refused_by_name(with_variables: Run, where: str) -> None:
    done = with_variables.by_task[where]
    if where != "set_fact":
        assert done["failed"]
        assert "msports_features: set by the play or a role" in done["msg"]
    else:  # a fact of the host is in hostvars, so it counts
        assert with_variables.code == 0 and not done["failed"], with_variables.output


def test_limit_changes_no_plan(bench: Bench) -> None:
    bench.planned()
    saved = bench.plan_files()
    bench.play(PLAN, arguments=["--limit", "db01"])
    assert bench.plan_files() == saved


BATCHES: dict[str, dict[str, t.Any]] = {"serial": {"serial": 1}, "free": {"strategy": "free"}}


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """For each way a play, with a plan of its own."""
    plays = []
    for way, how in BATCHES.items():
        options = {"directory": f"plan-{way}"}
        apply = {"name": f"{way} apply", "portcullis.msports.apply": {"persist": False, **options}, "check_mode": True}
        ending = {"name": f"{way} summary", "portcullis.msports.summary": options}
        plays.append(a_play(plan_task(f"{way} plan", **options), apply, ending, **how))
    run = Bench(tmp_path_factory.mktemp("batches")).plays(*plays)
    assert run.code == 0, run.output
    return run


@pytest.mark.parametrize("way", BATCHES)
def test_batches_and_the_free_strategy_compile_once(batches: Run, way: str) -> None:
    assert sorted(batches.at(host, f"{way} plan")["reused"] for host in HOSTS) == [False, True, True]


@pytest.mark.parametrize("way", BATCHES)
def test_batches_and_the_free_strategy_tell_each_thing_once(batches: Run, way: str) -> None:
    """Which host tells of which others depends on who is first."""
    told = [line for host in HOSTS for line in batches.at(host, f"{way} summary")["msg"]]
    assert sum("11 rules for 2 hosts in " in line for line in told) == 1
    assert sum(line == "skipped, without rules in the plan: bare01" for line in told) == 1
    counts = [line.split() for line in told if " changed" in line]
    assert (sum(int(words[0]) for words in counts), sum(int(words[2]) for words in counts)) == (2, 3), told
