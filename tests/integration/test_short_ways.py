# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks that ask a saved plan: one run of all of them."""

from __future__ import annotations

import copy
import pathlib
import shutil

import pytest
import yaml
from playbook_runs import Place, Played

from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, plan

ASKED = {"from": "mp01", "to": "site01", "dport": "tcp/445", "host": "mp01", "before": "old-plan", "products": "exchange, configmgr"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    place = Place(tmp_path_factory.mktemp("short-ways"))
    made = plan({"site01": host("configmgr.site_server", at="10.1.1.10"), "mp01": host("configmgr.management_point", at="10.1.1.20")})
    old = copy.deepcopy(made)
    old["hosts"]["mp01"]["rules"] = old["hosts"]["mp01"]["rules"][1:]
    save(made, place.folder / "msports-plan")
    save(old, place.folder / "old-plan")
    ways = [{"import_playbook": f"portcullis.msports.{name}"} for name in ("explain", "show", "diff", "report", "init")]
    done = place.play(place.write("ways.yml", yaml.safe_dump(ways)), "-e", yaml.safe_dump(ASKED, default_flow_style=True))
    assert done.code == 0, done.output
    return done


def test_explain_says_why(played: Played) -> None:
    answer = played.by_task()["Say why a connection is open, or why it is not"]["msg"]
    assert answer["question"] == "mp01 -> site01 tcp/445" and answer["allowed"] is True
    assert answer["destination_rules"][0]["because"][0]["name"] == "configmgr.management_point.site_server.smb.tcp"


def test_no_question_uses_a_name_of_ansible_s_own(played: Played) -> None:
    assert "reserved name" not in played.output


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("explain", "explain -e from=mp01 -e to=sql01 -e dport=tcp/1433"),
        ("show", "show -e host=mp01"),
        ("diff", "diff -e before=old-plan"),
        ("init", "init -e products=configmgr,exchange (there are configmgr, data_box, "),
    ],
)
def test_a_question_without_its_words_is_answered_by_an_example(name: str, example: str, tmp_path: pathlib.Path) -> None:
    done = Place(tmp_path).play(f"portcullis.msports.{name}")
    assert done.code == 2 and f"ansible-playbook portcullis.msports.{example}" in done.results[-1][2]["msg"], done.output


def test_a_port_may_be_called_port_and_a_missing_plan_is_told_with_the_command_that_makes_one(tmp_path: pathlib.Path) -> None:
    done = Place(tmp_path).play("portcullis.msports.explain", "-e", "from=mp01 to=sql01 port=tcp/1433")
    assert "no plan is here; make one: ansible-playbook -i inventory.yml portcullis.msports.plan" in done.output


def test_show_is_the_text_of_the_backend(played: Played) -> None:
    lines = played.by_task()["Show the ruleset of a host as text of its backend"]["msg"]
    assert lines[0] == "table inet msports"
    assert any("ip saddr 10.1.1.10 tcp dport 445 counter accept" in line for line in lines)


def test_init_writes_an_inventory(played: Played) -> None:
    path = pathlib.Path(played.by_task()["Say what to do next"]["msg"].rpartition(" ")[2])
    assert path.name == "inventory.yml" and "exchange_mailbox" in path.read_text(encoding="utf-8")


def test_report_is_written_beside_the_plan(played: Played) -> None:
    path = pathlib.Path(played.by_task()["Say where it is"]["msg"])
    assert path.name == "msports-plan.html" and "configmgr.management_point.site_server.smb.tcp" in path.read_text(encoding="utf-8")


def test_diff_names_the_rule_that_came(played: Played) -> None:
    difference = played.by_task()["Say what differs between two plans"]["msg"]
    assert difference["changed"] and len(difference["hosts"]["mp01"]["added"]) == 1 and not difference["hosts"]["mp01"]["removed"]


LIMITED = """
all:
  hosts:
    mp01: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}
    site01: {ansible_connection: winrm, ansible_host: 127.0.0.1, ansible_port: 1}
"""


@pytest.fixture(scope="module")
def limited(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The same questions where localhost is limited away, about a host that is not in the limit; nobody is connected to."""
    place = Place(tmp_path_factory.mktemp("limited"))
    shutil.copytree(pathlib.Path(played.by_task()["Say where it is"]["msg"]).with_suffix(""), place.folder / "msports-plan")
    ways = [{"import_playbook": f"portcullis.msports.{name}"} for name in ("explain", "show", "diff", "report")]
    inventory = place.write("inventory.yml", LIMITED)
    asked = yaml.safe_dump({**ASKED, "before": "msports-plan"}, default_flow_style=True)
    done = place.play("-i", inventory, place.write("ways.yml", yaml.safe_dump(ways)), "--limit", "site01", "-e", asked)
    assert done.code == 0, done.output
    return done


@pytest.mark.parametrize(
    "task",
    ["Say why a connection is open, or why it is not", "Show the ruleset of a host as text of its backend", "Say what differs between two plans"],
)
def test_a_limit_changes_no_answer(played: Played, limited: Played, task: str) -> None:
    if "differs" in task:
        assert limited.by_task()[task]["msg"]["changed"] is False
    else:
        assert limited.by_task()[task]["msg"] == played.by_task()[task]["msg"]


def test_a_limited_report_is_written_here_once(limited: Played) -> None:
    written = [result for _host, task, result in limited.results if task == "Write the report of a plan"]
    assert len(written) == 1 and pathlib.Path(written[0]["dest"]).name == "msports-plan.html" and pathlib.Path(written[0]["dest"]).is_file()
