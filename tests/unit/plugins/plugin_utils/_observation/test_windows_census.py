# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host told, as observations."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.store import observations_from
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.windows_census import census

LOG: dict[str, t.Any] = {
    "path": "p.log",
    "missing": False,
    "failed": [],
    "rows": [],
    "allowed": [],
    "dropped": [],
    "last": None,
    "not_understood": 0,
    "lost": 0,
    "left_out": 0,
    "not_read": 0,
    "turned_over": False,
}


def told(*sockets: tuple[t.Any, ...], **more: t.Any) -> dict[str, t.Any]:
    return {"sockets": [list(row) for row in sockets], "processes": {"7": "svchost"}, "services": {"7": ["TermService"]}, "logs": [LOG], **more}


def plain(found: list[dict[str, t.Any]]) -> list[tuple[t.Any, ...]]:
    return [(item["direction"], item["peer"], item["protocol"], item["port"], item["seen"], item["process"], item["times"]) for item in found]


def test_who_listens_and_who_speaks_with_whom() -> None:
    seen = census(
        told(
            ("tcp", 2, "0.0.0.0", 3389, "", 0, 7),
            ("tcp", 2, "::", 3389, "", 0, 7),
            ("tcp", 5, "10.1.1.20", 3389, "10.9.0.5", 50111, 7),
            ("tcp", 5, "10.1.1.20", 3389, "10.9.0.5", 50112, 7),
            ("tcp", 5, "10.1.1.20", 50200, "10.1.1.11", 1433, 9),
            ("tcp", 8, "10.1.1.20", 3389, "10.9.0.6", 50113, 7),
            ("udp", 0, "0.0.0.0", 389, "", 0, 9),
            ("udp", 0, "0.0.0.0", 55000, "", 0, 9),
        )
    )
    assert plain(seen.observations) == [
        ("in", "", "tcp", 3389, "listener", "svchost (TermService)", 2),
        ("in", "", "udp", 389, "listener", "", 1),
        ("in", "10.9.0.5", "tcp", 3389, "session", "svchost (TermService)", 2),
        ("out", "10.1.1.11", "tcp", 1433, "session", "", 1),
    ]
    assert (seen.unknown, seen.learning) == ([], False)
    assert list(observations_from([{"host": "w1", "last": "2026-11-29", **item} for item in seen.observations], "2026-11-29"))


def test_what_stays_on_the_host_is_left_out() -> None:
    inside = told(("tcp", 2, "127.0.0.1", 80, "", 0, 7), ("tcp", 5, "10.1.1.20", 445, "10.1.1.20", 50000, 4), ("tcp", 5, "::1", 50000, "::1", 445, 4))
    assert census(inside).observations == []


def test_who_listens_has_no_peer_whatever_stands_there() -> None:
    assert plain(census(told(("tcp", 2, "0.0.0.0", 3389, "0.0.0.0", 4711, 7))).observations) == [
        ("in", "", "tcp", 3389, "listener", "svchost (TermService)", 1)
    ]


def test_the_log_brings_days_and_outcomes_and_the_listener_its_process() -> None:
    rows: list[t.Any] = [["in", "10.7.7.7", "tcp", 3389, "dropped", 3, "2026-11-27", "2026-11-29"]]
    rows += [["in", "10.7.7.7", "icmp_echo", None, "passed", 1, "2026-11-29", "2026-11-29"]]
    seen = census(told(("tcp", 2, "0.0.0.0", 3389, "", 0, 7), logs=[{**LOG, "rows": rows, "allowed": ["domain", "private", "public"]}]))
    dropped = next(item for item in seen.observations if item["outcome"] == "dropped")
    assert (dropped["process"], dropped["times"], dropped["first"], dropped["last"]) == ("svchost (TermService)", 3, "2026-11-27", "2026-11-29")
    assert seen.learning
    kept = list(observations_from([{"host": "w1", "last": "2026-11-30", **item} for item in seen.observations], "2026-11-30"))
    assert {(item.protocol, item.outcome, item.last) for item in kept if item.seen == "log"} == {
        ("tcp", "dropped", "2026-11-29"),
        ("icmp_echo", "passed", "2026-11-29"),
    }


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ({}, {}, True),
        ({"last": ""}, {}, False),  # nothing was read of it before
        ({"allowed": ["domain"]}, {}, False),
        ({}, {"allowed": ["domain"]}, False),
        ({}, {"turned_over": 1}, False),
        ({}, {"lost": 2}, False),
        ({}, {"left_out": 2}, False),
        ({}, {"failed": ["p.log: denied"]}, False),
    ],
)
def test_a_look_says_whether_the_logs_tell_of_every_connection_since_the_look_before(before: dict[str, t.Any], after: dict[str, t.Any], whole: bool) -> None:
    log = {**LOG, "allowed": ["domain", "private", "public"], "last": "2026-11-28 10:00:00 ALLOW"}
    first = census(told(logs=[{**log, **before}]))
    assert first.unbroken == []
    assert census(told(logs=[{**log, **after}]), first.mark).unbroken == (["conversations"] if whole else [])


def test_what_was_not_seen_is_said() -> None:
    broken = {**LOG, "missing": True, "dropped": ["public"], "failed": ["p.log.old: denied"], "left_out": 5, "not_read": 7}
    assert census(told(sockets="denied", processes="denied", services="denied", logs=[broken])).unknown == [
        "the sockets of this host cannot be read: denied",
        "the names of processes cannot be read: denied",
        "which services run in a process cannot be read: denied",
        "the log p.log is not there, although profiles log to it (public): nothing was logged yet, or the service Windows Defender Firewall (MpsSvc) may not"
        " write there",
        "the log of the firewall cannot be read: p.log.old: denied",
        "the log p.log holds more conversations than are kept; 5 lines of others are left out",
        "the log p.log is too long: its first 7 bytes were not read",
    ]
    nothing = census(told(logs="denied"))
    assert (nothing.unknown, nothing.learning) == (["what the firewall logs cannot be read: denied"], False)
