# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connections are tried after a plan was applied, and what their answers say."""

from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.probe import probe
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.answers import told
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.judge import judge
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.probes import NEVER, by_source, observed, probes_of, unanswered
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import PlanIndex
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, plan, rule


def index(**sql: t.Any) -> PlanIndex:
    """Two clients, one of which may reach the database, over both families."""
    return PlanIndex(
        plan(
            {
                "a01": host(rule("out", "tcp", "sql", ["1433"]), at=["10.1.1.20", "fd00::20"]),
                "b01": host(at=["10.1.1.21"]),
                "sql01": host(rule("in", "tcp", "a", ["1433"]), rule("in", "udp", "a", ["1434"]), at=["10.1.1.11", "fd00::11"], **sql),
            },
            {"sql": ["10.1.1.11", "fd00::11"], "a": ["10.1.1.20", "fd00::20"]},
        )
    )


def test_each_rule_is_tried_by_one_who_may_and_by_one_who_may_not() -> None:
    found, left_out = probes_of(index(), 100)
    to_sql = {(item.source, item.address, item.port, item.admitted) for item in found if item.destination == "sql01" and item.port == 1433}
    assert to_sql == {("a01", "10.1.1.11", 1433, True), ("b01", "10.1.1.11", 1433, False), ("a01", "fd00::11", 1433, True)}
    assert {item.port for item in found if item.destination == "a01"} == set(NEVER), "a host without rules is tried where nobody listens"
    assert left_out == 0
    few, more = probes_of(index(), 1)
    assert len(few) == 3 and len(few) + more == len(found)
    assert sum(map(len, by_source(few).values())) == 3


def test_who_cannot_try_and_where_a_refusal_says_nothing() -> None:
    assert not [item for item in probes_of(index(default_inbound="reject"), 100)[0] if item.destination == "sql01"]
    assert not [item for item in probes_of(index(system="windows"), 100, ("linux",))[0] if item.source == "sql01"]
    assert [item for item in probes_of(index(system="windows"), 100)[0] if item.source == "sql01"]


def test_silence_of_a_windows_host_says_something_where_somebody_listens_alone() -> None:
    answers = {"a01": [{"address": "10.1.1.11", "port": 1433, "answer": "filtered"}, {"address": "10.1.1.11", "port": 9, "answer": "filtered"}]}
    found, untested = observed(index(system="windows"), answers, "2026-11-29", {"sql01": [1433]})
    assert [(item.port, item.outcome) for item in found] == [(1433, "dropped")]
    assert untested == ["a01 -> 10.1.1.11 tcp/9: nobody answered, and nobody is known to listen there; Windows refuses nothing, so that says nothing"]
    opened = {"a01": [{"address": "10.1.1.11", "port": 9, "answer": "open"}]}
    assert observed(index(system="windows"), opened, "2026-11-29", {"sql01": []})[1] == [], "an answer is an answer"
    assert len(observed(index(), answers, "2026-11-29")[0]) == 2, "Linux refuses what nobody listens to"


def test_a_host_that_is_away_is_no_false_alarm() -> None:
    """Neither its silence nor that of those whom it was to try says anything; an answer of it does."""
    answers = {"a01": [{"address": "10.1.1.11", "port": 1433, "answer": "filtered"}, {"address": "10.1.1.11", "port": 9, "answer": "refused"}]}
    found, untested = observed(index(), answers, "2026-11-29", {}, {"sql01": "timed out"})
    assert [(item.port, item.outcome) for item in found] == [(9, "passed")]
    assert untested == ["a01 -> 10.1.1.11 tcp/1433: sql01 itself could not be asked, so its silence says nothing (timed out)"]
    assert observed(index(), answers, "2026-11-29", {"sql01": [1433]}, {"sql01": "no probe"})[1] == [], "its sockets are known all the same"
    wanted = {"a01": [{"address": "10.1.1.11", "port": 1433}], "b01": [{"address": "10.1.1.11", "port": 1433}], "c01": [{"address": "10.1.1.11", "port": 9}]}
    assert unanswered(wanted, answers, {"b01": "no Python"}) == [
        "b01 -> 10.1.1.11 tcp/1433: b01 could not try it (no Python)",
        "c01 -> 10.1.1.11 tcp/9: c01 could not try it (it was not asked)",
    ]


def test_results_of_tasks_are_answers_listeners_or_why_there_are_none() -> None:
    rows = [["tcp", 2, "0.0.0.0", 443], ["tcp", 2, "127.0.0.1", 5000], ["tcp", 5, "10.0.0.1", 22], ["udp", 0, "0.0.0.0", 53]]
    skipped, answered = {"skipped": True, "changed": False}, {"answers": [{"address": "10.1.1.11", "port": 9, "answer": "refused"}]}
    found = told(
        {
            "linux": [skipped, answered, skipped],
            "windows": [{"sockets": rows, "logs": []}, skipped, answered],
            "blind": [{"sockets": "denied", "logs": []}],
            "away": [{"unreachable": True, "msg": "timed out"}, skipped],
            "broken": [skipped, {"failed": True}],
        }
    )
    assert found.answers == {"linux": answered["answers"], "windows": answered["answers"]}
    assert found.listening == {"windows": [443], "blind": []}
    assert found.unasked == {"away": "timed out", "broken": "it gave no answer"}
    assert told({"linux": [{}], "windows": []}) == ({}, {}, {}), "a task that never ran"


def test_what_is_no_result_of_a_task_is_refused_all_at_once() -> None:
    with pytest.raises(MsportsError) as refused:
        told({"a": [{"address": "10.1.1.11", "port": 9, "answer": "open"}], "b": None, "c": ["x"], "d": [1]})
    assert str(refused.value).count("as a task registers them") == 4


@pytest.mark.parametrize(
    ("source", "answer", "word"),
    [
        ("a01", "open", "permitted"),
        ("a01", "refused", "permitted"),
        ("a01", "filtered", "stopped_though_planned"),
        ("b01", "open", "passed_though_not_planned"),
        ("b01", "refused", "passed_though_not_planned"),
        ("b01", "filtered", "stopped_as_planned"),
    ],
)
def test_answers(source: str, answer: str, word: str) -> None:
    found, untested = observed(index(), {source: [{"address": "10.1.1.11", "port": 1433, "answer": answer}]}, "2026-11-29")
    assert judge(index(), found).counts == {word: 1}
    assert untested == []


def test_what_could_not_be_tried_is_said_and_what_is_no_answer_is_refused() -> None:
    given = {"a01": [{"address": "fd00::11", "port": 1433, "answer": "failed", "why": "ENETUNREACH"}]}
    assert observed(index(), given, "2026-11-29") == ([], ["a01 -> fd00::11 tcp/1433: ENETUNREACH"])
    with pytest.raises(MsportsError, match="expected one of open"):
        observed(index(), {"a01": [{"address": "fd00::11", "port": 1433, "answer": "maybe"}]}, "2026-11-29")


def test_the_kernel_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        targets = [("127.0.0.1", server.getsockname()[1]), ("127.0.0.1", nobody.getsockname()[1])]
        assert " ".join(item["answer"] for item in probe([*targets, targets[0]], 1)) == "open refused open"
