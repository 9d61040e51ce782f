# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations as values, and their directory beside the plan."""

from __future__ import annotations

import json
import os
import pathlib

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation import store
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import Observation, aggregate, parse

SESSION = Observation("sql01", "in", "10.1.1.20", "tcp", 1433, "session", "passed", "sqlservr", 1, "2026-11-28", "2026-11-28")
LISTENER = Observation("sql01", "in", "", "tcp", 1433, "listener", "unknown", "sqlservr", 1, "2026-11-28", "2026-11-28")


def test_one_thing_is_one_observation_however_often_it_is_seen() -> None:
    later = SESSION._replace(times=3, first="2026-11-29", last="2026-11-30")
    assert aggregate([later, SESSION, LISTENER]) == [LISTENER, SESSION._replace(times=4, last="2026-11-30")]
    assert aggregate([SESSION, SESSION._replace(process="other")]) == [SESSION._replace(process="other"), SESSION]


def test_a_directory_gives_back_what_was_added_and_differs_little(tmp_path: pathlib.Path) -> None:
    folder = str(tmp_path / "msports-plan.observed")
    assert store.add(folder, "sql01", [SESSION, LISTENER])
    before = pathlib.Path(folder, "sql01.json").read_text()
    assert store.add(folder, "sql01", [SESSION._replace(peer="10.1.1.21", port=445)])
    assert list(store.read_all(folder)) == [LISTENER, SESSION, SESSION._replace(peer="10.1.1.21", port=445)]
    after = pathlib.Path(folder, "sql01.json").read_text()
    assert len(set(after.splitlines()) - set(before.splitlines())) <= 2, "one line for one thing, and a comma"
    assert json.loads(after)["observations"][0] == {
        "direction": "in", "first": "2026-11-28", "last": "2026-11-28", "port": 1433, "process": "sqlservr", "protocol": "tcp", "seen": "listener"
    }  # fmt: skip
    assert not store.add(folder, "mp01", []) or list(store.read_all(folder))[0].host == "sql01"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"direction": "inwards"}, "direction: 'inwards': expected one of in, out"),
        ({"port": 70000}, "port: 70000: expected a port"),
        ({"port": True}, "port: True"),
        ({"port": None}, "expected a port for tcp and udp"),
        ({"protocol": "icmp_echo"}, "expected a port for tcp and udp"),
        ({"peer": ""}, "a peer unless it is a listener"),
        ({"first": "yesterday"}, "first: 'yesterday': expected a day"),
        ({"first": "20261128"}, "expected a day"),
        ({"times": 0}, "times: 0"),
        ({"proces": "x"}, "proces: 'x': expected a field of an observation"),
        ({"host": ""}, "inventory name"),
        ({"seen": "counter"}, "of a counter, a rule in place of both"),
        ({"seen": "counter", "rule": "in tcp/1433"}, "of a counter, a rule in place of both"),
        ({"rule": "in tcp/1433"}, "of a counter, a rule in place of both"),
        ({"protocol": "any", "port": None}, "of a counter, a rule in place of both"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, object], said: str) -> None:
    problems = Problems()
    assert parse({**SESSION._asdict(), **wrong}, "observations[0]", problems) is None
    assert said in str(MsportsError(problems))


def test_a_mark_is_kept_with_the_observations_until_the_next(tmp_path: pathlib.Path) -> None:
    folder, counter = str(tmp_path), SESSION._replace(peer="", protocol="any", port=None, seen="counter", process="", rule="in tcp/1433 from mp")
    assert store.mark_of(folder, "sql01") == {}
    store.add(folder, "sql01", [counter, SESSION, counter._replace(rule="other")], {"boot": "one", "log": 7})
    assert store.mark_of(folder, "sql01") == {"boot": "one", "log": 7}
    assert list(store.read_all(folder)) == [counter, counter._replace(rule="other"), SESSION]
    store.add(folder, "sql01", [counter], {"boot": "one", "log": 9})
    assert store.mark_of(folder, "sql01")["log"] == 9 and next(iter(store.read_all(folder))).times == 2


def test_a_gap_in_the_looks_begins_the_days_anew(tmp_path: pathlib.Path) -> None:
    """What is kept is since when nothing was missed, by kind of evidence: a first and a last look say nothing of what is between them."""
    folder = str(tmp_path / "seen.observed")
    for day, unbroken, counters, conversations in (
        ("2026-11-01", [], "2026-11-01", "2026-11-01"),
        ("2026-11-05", ["counters", "conversations"], "2026-11-01", "2026-11-01"),
        ("2026-11-09", ["conversations"], "2026-11-09", "2026-11-01"),
        ("2026-11-20", ["counters", "conversations"], "2026-11-09", "2026-11-01"),
        ("2026-11-21", [], "2026-11-21", "2026-11-21"),
    ):
        store.add(folder, "sql01", [SESSION], {"boot": "one"}, store.looked(folder, "sql01", unbroken, day))
        assert store.watched_in(folder) == {"sql01": {"counters": [counters, day], "conversations": [conversations, day]}}
    assert store.watched_in("seen.csv") == store.watched_in([]) == {}
    assert store.watched_from({"sql01": ["2026-11-01", "2026-11-02"]}) == {"sql01": {"conversations": ["2026-11-01", "2026-11-02"]}}
    for wrong in ([], {"sql01": ["2026-11-01"]}, {"sql01": ["once", "2026-11-01"]}):
        with pytest.raises(MsportsError, match="expected .*first and the last day"):
            store.watched_from(wrong)


def test_a_table_comes_in() -> None:
    rows = [list(SESSION._fields), *([str(value) for value in item] for item in (LISTENER, SESSION))]
    assert store.from_table("\n".join(map(",".join, rows)), "seen.csv", "2026-01-01") == [LISTENER, SESSION]
    short = "host,direction,peer,protocol,port\nsql01,in,10.1.1.20,tcp,1433\n"
    assert store.from_table(short, "seen.csv", "2026-11-28") == [SESSION._replace(seen="import", outcome="unknown", process="")]
    with pytest.raises(MsportsError, match=r"seen\.csv:2\.port: 'ssh'"):
        store.from_table("host,direction,peer,protocol,port\nsql01,in,10.1.1.20,tcp,ssh\n", "seen.csv", "2026-11-28")


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 2, "host": "sql01", "observations": []}', '{"format": 1, "host": "mp01", "observations": []}'])
def test_a_file_that_is_not_ours_is_refused_and_never_overwritten(tmp_path: pathlib.Path, content: str) -> None:
    file = tmp_path / "sql01.json"
    file.write_text(content)
    for attempt in (lambda: list(store.read_all(str(tmp_path))), lambda: store.add(str(tmp_path), "sql01", [SESSION])):
        with pytest.raises(MsportsError, match="expected format|is no JSON|not the file"):
            attempt()
    assert file.read_text() == content


def test_links_are_not_followed(tmp_path: pathlib.Path) -> None:
    os.symlink("/etc/hostname", tmp_path / "sql01.json")
    with pytest.raises(MsportsError, match="symbolic link"):
        list(store.read_all(str(tmp_path)))


def test_no_directory_says_what_to_do(tmp_path: pathlib.Path) -> None:
    with pytest.raises(MsportsError, match="observe first"):
        list(store.observations_from(str(tmp_path / "msports-plan"), "2026-11-28"))
