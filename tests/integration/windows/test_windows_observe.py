# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host tells of who speaks with whom, by execution: sockets, processes, services, and the log of its firewall."""

from __future__ import annotations

import json
import pathlib
import types
import typing as t

import engines
import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.windows_census import Census, census, marks_of
from conftest import ROOT
from engines import payload

SCRIPT = ROOT / "plugins" / "modules" / "win_observe.ps1"
UTILS = ROOT / "plugins" / "module_utils"
NAMESPACE = "ansible_collections.portcullis.msports.plugins.module_utils."
PATH = "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log"
HEAD = """#Version: 1.5
#Software: Microsoft Windows Firewall
#Time Format: Local
#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path

"""
#: As Windows writes them.
LINES = """
2026-11-27 10:00:00 ALLOW TCP 10.1.1.20 10.1.1.11 50000 1433 0 - 0 0 0 - - - RECEIVE
2026-11-29 10:00:00 ALLOW TCP 10.1.1.20 10.1.1.11 50001 1433 0 - 0 0 0 - - - RECEIVE
2026-11-29 10:00:01 DROP TCP 10.7.7.7 10.1.1.11 50002 5432 52 S 3409879 0 64240 - - - RECEIVE
2026-11-29 10:00:02 DROP TCP 10.1.1.20 10.1.1.11 50003 50100 40 FA 3409879 1 64240 - - - RECEIVE
2026-11-29 10:00:03 DROP TCP 10.1.1.20 10.1.1.11 1433 50100 40 SA 3409879 1 64240 - - - RECEIVE
2026-11-29 10:00:04 ALLOW UDP 10.1.1.11 10.0.0.53 51000 53 0 - - - - - - - SEND
2026-11-29 10:00:05 DROP UDP 10.0.0.53 10.1.1.11 53 51000 120 - - - - - - - RECEIVE
2026-11-29 10:00:06 DROP UDP fe80::5%7 ff02::1:3 5353 5355 77 - - - - - - - RECEIVE
2026-11-29 10:00:07 ALLOW ICMP 10.1.1.20 10.1.1.11 - - 0 - - - - 8 0 - RECEIVE
2026-11-29 10:00:08 DROP ICMP 10.1.1.20 10.1.1.11 - - 0 - - - - 3 4 - RECEIVE
2026-11-29 10:00:09 ALLOW TCP 127.0.0.1 127.0.0.1 50004 8080 0 - 0 0 0 - - - SEND
2026-11-29 10:00:10 DROP 2 10.1.1.20 224.0.0.22 - - 40 - - - - - - - RECEIVE
2026-11-29 10:00:11 INFO-EVENTS-LOST - - - - - - - - - - - - 26 -
2026-11-29 10:00:12 DROP TCP 10.7.7.7
2026-11-29 10:00:13 DROP TCP 10.7.7.x 10.1.1.11 50002 5432 52 S 3409879 0 64240 - - - RECEIVE
""".lstrip()
IN_LOG = {
    ("in", "10.1.1.20", "tcp", 1433, "passed", 2, "2026-11-27", "2026-11-29"),
    ("in", "10.7.7.7", "tcp", 5432, "dropped", 1, "2026-11-29", "2026-11-29"),
    ("out", "10.0.0.53", "udp", 53, "passed", 1, "2026-11-29", "2026-11-29"),
    ("in", "fe80::5", "udp", 5355, "dropped", 1, "2026-11-29", "2026-11-29"),
    ("in", "10.1.1.20", "icmp_echo", None, "passed", 1, "2026-11-29", "2026-11-29"),
}

Look = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def look(tmp_path: pathlib.Path, read: payload.Call) -> Look:
    """What the module tells of a host of this content."""
    csharp = {f"{NAMESPACE}{path.stem}.cs": path.read_text(encoding="utf-8") for path in sorted(UTILS.glob("*.cs")) if "Executor" not in path.name}
    script = SCRIPT.read_text(encoding="utf-8")

    def looked(content: policy_file.Content, arguments: t.Mapping[str, t.Any] = types.MappingProxyType({}), **switches: t.Any) -> dict[str, t.Any]:
        call = payload.other_module(read, SCRIPT.name, script, csharp, arguments)
        path = policy_file.write(tmp_path / "host.json", policy_file.switch(content, **switches))
        before = policy_file.read(path)
        done = engines.chosen().run_open(call, path)
        after = policy_file.read(path)
        assert (after["rules"], after["profiles"], after["memory"]) == (before["rules"], before["profiles"], before["memory"])
        return t.cast(dict[str, t.Any], json.loads(done.output))

    return looked


def audited(**logs: str) -> policy_file.Content:
    """A server in audit; ``now`` and ``old`` are the files of its log."""
    content = policy_file.fresh_server()
    for profile in content["profiles"].values():
        profile.update(log_allowed=True, log_dropped=True)
    content["logs"] = {PATH + {"now": "", "old": ".old"}[name]: text.replace("\n", "\r\n") for name, text in logs.items()}
    return content


def rows_of(told: dict[str, t.Any]) -> set[tuple[t.Any, ...]]:
    (log,) = told["logs"]
    return {tuple(row) for row in log["rows"]}


def test_the_log_tells_who_passed_and_who_was_dropped(look: Look) -> None:
    told = look(audited(now=HEAD + LINES))
    (log,) = told["logs"]
    assert rows_of(told) == IN_LOG and len(log["rows"]) == len(IN_LOG), "late packets, answers, what stays on the host and other protocols are no news"
    assert (log["not_understood"], log["lost"], log["failed"], log["missing"], log["left_out"], log["not_read"]) == (2, 26, [], False, 0, 0)
    assert log["allowed"] == log["dropped"] == ["domain", "private", "public"]
    seen = census(told)
    assert seen.learning and {item["seen"] for item in seen.observations if item["peer"] == "10.7.7.7"} == {"log"}
    assert seen.unknown == [f"2 lines of the log {PATH} are not understood", f"Windows itself has lost 26 events of the log {PATH}"]


def test_the_file_that_was_full_before_counts_too_and_columns_stand_where_the_first_lines_say(look: Look) -> None:
    later = "#Fields: date time pid action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n"
    now = later + "2026-11-30 10:00:00 4711 DROP TCP 10.7.7.7 10.1.1.11 50002 5432 52 S 3409879 0 64240 - - - RECEIVE\n"
    told = look(audited(old=HEAD + LINES, now=now))
    assert rows_of(told) == {row for row in IN_LOG if row[1] != "10.7.7.7"} | {("in", "10.7.7.7", "tcp", 5432, "dropped", 2, "2026-11-29", "2026-11-30")}


NEWS = "2026-11-30 10:00:00 DROP TCP 10.7.7.8 10.1.1.11 50002 5432 52 S 3409879 0 64240 - - - RECEIVE\n"
NEW = {("in", "10.7.7.8", "tcp", 5432, "dropped", 1, "2026-11-30", "2026-11-30")}


def test_the_next_look_tells_what_was_logged_since(look: Look) -> None:
    first = look(audited(now=HEAD + LINES))
    mark = census(first).mark
    marks = {"marks": marks_of(mark)}
    assert first["logs"][0]["last"] == LINES.splitlines()[-1]
    same = look(audited(now=HEAD + LINES), marks)
    assert (rows_of(same), census(same, mark).unknown, census(same, mark).mark) == (set(), [], mark)
    for later in (audited(now=HEAD + LINES + NEWS), audited(old=HEAD + LINES, now=HEAD + NEWS)):
        told = look(later, marks)
        assert (rows_of(told), census(told, mark).unknown) == (NEW, [])
        assert marks_of(census(told, mark).mark) == {PATH: NEWS.rstrip()}
    gone = census(look(audited(now=HEAD + NEWS), marks), mark)
    assert [text.partition(":")[0] for text in gone.unknown] == [f"the log {PATH} no longer has the line that the look before ended with"]
    assert marks_of(census(look(audited(), marks), mark).mark) == marks["marks"], "what cannot be read is not begun anew"


def test_a_last_line_that_is_just_being_written_is_for_the_next_look(look: Look) -> None:
    for cut in (1, 8, 40):
        (log,) = look(audited(now=HEAD + LINES + NEWS[:-cut]))["logs"]
        assert ({tuple(row) for row in log["rows"]}, log["not_understood"], log["last"]) == (IN_LOG, 2, LINES.splitlines()[-1])


def test_echo_requests_of_either_family_are_known_by_their_type(look: Look) -> None:
    line = "2026-11-29 10:00:07 DROP {} fd00::{} fd00::11 - - 0 - - - - {} 0 - RECEIVE\n"
    told = look(
        audited(
            now=HEAD + "".join(line.format(name, number + 1, 128) for number, name in enumerate(("ICMP", "1", "ICMPv6", "58"))) + line.format("ICMP", 9, 135)
        )
    )
    assert {row[1:4] for row in rows_of(told)} == {(f"fd00::{number}", "icmp_echo", None) for number in range(1, 5)}


def test_the_log_can_be_left_out(look: Look) -> None:
    assert look(audited(now=HEAD + LINES), {"logs": False})["logs"] == []


def test_a_log_without_its_columns_is_not_understood(look: Look) -> None:
    (log,) = look(audited(now="#Fields: date time action\n2026-11-30 10:00:00 DROP\n"))["logs"]
    assert (log["rows"], log["not_understood"]) == ([], 1)


def test_a_log_that_is_not_there_is_told_where_profiles_write_to_it(look: Look) -> None:
    assert [text.partition(", although")[0] for text in census(look(audited())).unknown] == [f"the log {PATH} is not there"]
    quiet = census(look(policy_file.fresh_server()))
    assert (quiet.unknown, quiet.learning) == ([], False)


def test_conversations_are_kept_up_to_a_bound_and_the_rest_is_counted(look: Look) -> None:
    line = "2026-11-29 10:00:00 DROP UDP 10.{}.{}.{} 10.1.1.11 500 500 52 - - - - - - - RECEIVE\n"
    (log,) = look(audited(now=HEAD + "".join(line.format(number >> 16, number >> 8 & 255, number & 255) for number in range(20_003))))["logs"]
    assert (len(log["rows"]), log["left_out"]) == (20_000, 3)


@pytest.mark.skipif(engines.chosen().name == "wine", reason="the failure is the stand-in's own; a file that is really locked: wine/test_wine_observe.py")
@pytest.mark.parametrize("failure", ["locked", "denied"])
def test_a_log_that_cannot_be_read_is_unknown(failure: str, look: Look) -> None:
    seen = census(look(audited(old=HEAD + LINES, now=HEAD + LINES), log_failure=failure))
    told = [text for text in seen.unknown if text.startswith("the log of the firewall cannot be read: ")]
    assert len(told) == {"locked": 1, "denied": 2}[failure] and bool(seen.observations) == (failure == "locked")


def socket(protocol: str, local: str, local_port: int, peer: str = "", peer_port: int = 0, process: int = 0, state: int = 0) -> dict[str, t.Any]:
    return {"protocol": protocol, "state": state, "local": local, "local_port": local_port, "peer": peer, "peer_port": peer_port, "process": process}


@pytest.mark.skipif(engines.chosen().name == "wine", reason="sockets are real there: wine/test_wine_observe.py")
def test_sockets_come_with_process_and_services(look: Look) -> None:
    content = policy_file.fresh_server()
    content["sockets"] = [socket("tcp", "0.0.0.0", 1433, process=8, state=2), socket("udp", "fd00::20", 389, process=9)]
    content["processes"], content["services"] = {"8": "sqlservr"}, {"8": ["MSSQLSERVER"], "9": ["NTDS", "Kdc"]}
    told = look(content)
    assert told["sockets"] == [["tcp", 2, "0.0.0.0", 1433, "", 0, 8], ["udp", 0, "fd00::20", 389, "", 0, 9]]
    found: Census = census(told)
    assert [(item["seen"], item["port"], item["process"]) for item in found.observations] == [
        ("listener", 1433, "sqlservr (MSSQLSERVER)"),
        ("listener", 389, "(Kdc, NTDS)"),
    ]
    content["sockets"] = content["services"] = None
    broken = census(look(content)).unknown
    assert [text.partition(":")[0] for text in broken] == ["the sockets of this host cannot be read", "which services run in a process cannot be read"]
