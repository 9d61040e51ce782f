# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at a Linux host makes of the kernel's log and of counters. The lines of the log are those of a real kernel."""

from __future__ import annotations

import os
import pathlib
import time
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux import observe
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import counters, kernel_log, learning
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.counters import Counters
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import table
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.counters import of_ufw
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule, block

OWN = ["10.7.0.1", "fd07::1"]
UDP = "SRC=10.7.0.1 DST=10.7.0.9 LEN=29 TOS=0x00 PREC=0x00 TTL=64 ID=43749 DF PROTO=UDP SPT=35100 DPT=53 LEN=9 "
TCP = "LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=28261 DF PROTO=TCP SPT=37126 DPT=1433 WINDOW=64240 RES=0x00 {} URGP=0 "
SIX = (
    "SRC=fd07:0000:0000:0000:0000:0000:0000:0001 DST=fd07:0000:0000:0000:0000:0000:0000:0009 LEN=80 TC=0 HOPLIMIT=64 FLOWLBL=414263 "
    "PROTO=TCP SPT=49566 DPT=1433 WINDOW=64800 RES=0x00 SYN URGP=0 "
)
PING = "SRC=10.7.0.1 DST=10.7.0.9 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=63869 DF PROTO=ICMP TYPE=8 CODE=0 ID=1802 SEQ=1 "
MAC = "MAC=02:00:00:00:00:01:02:00:00:00:00:09:08:00 "
IN = "IN=eth0 OUT= " + MAC + "SRC=10.7.0.9 DST=10.7.0.1 "


def kmsg(monkeypatch: pytest.MonkeyPatch, texts: t.Sequence[str], first: int = 857, at: int = 0) -> None:
    """A kernel whose log has these lines; the first read comes upon one that was overwritten."""
    records: list[t.Any] = [BrokenPipeError, *(f"4,{number},{at},-;{text}\n SUBSYSTEM=x\n".encode() for number, text in enumerate(texts, start=first))]
    waiting = iter([*records, BlockingIOError])

    def read(_descriptor: int, _size: int) -> bytes:
        found = next(waiting)
        if isinstance(found, type):
            raise found
        return t.cast(bytes, found)

    monkeypatch.setattr(kernel_log.os, "read", read)


def seen(log: kernel_log.Log) -> list[tuple[t.Any, ...]]:
    return [(item["direction"], item["peer"], item["protocol"], item["port"], item["outcome"], item["times"]) for item in log.observations]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("msports would drop out: IN= OUT=d0 " + UDP, ("out", "10.7.0.9", "udp", 53, "unknown", 1)),
        ("msports would drop out: IN= OUT=d0 " + SIX, ("out", "fd07::9", "tcp", 1433, "unknown", 1)),
        ("msports would drop in: " + IN + TCP.format("SYN"), ("in", "10.7.0.9", "tcp", 1433, "unknown", 1)),
        ("[UFW BLOCK] IN= OUT=d0 " + PING, ("out", "10.7.0.9", "icmp_echo", None, "dropped", 1)),
        ("[UFW BLOCK] " + IN + TCP.format("SYN"), ("in", "10.7.0.9", "tcp", 1433, "dropped", 1)),
        ("filter_IN_public_REJECT: " + IN + TCP.format("SYN"), ("in", "10.7.0.9", "tcp", 1433, "dropped", 1)),
        ("FINAL_REJECT: " + IN + TCP.format("SYN"), ("in", "10.7.0.9", "tcp", 1433, "dropped", 1)),
        ("[UFW ALLOW] " + IN + TCP.format("SYN"), ("in", "10.7.0.9", "tcp", 1433, "passed", 1)),
        # an answer, what belongs to no connection, another owner, another program, what is forwarded, another host's, no packet
        ("msports would drop in: " + IN + TCP.format("ACK SYN"), None),
        ("msports would drop in: " + IN + TCP.format("ACK PSH"), None),
        ("other would drop in: " + IN + TCP.format("SYN"), None),
        ("fail2ban: " + IN + TCP.format("SYN"), None),
        ("[UFW ALLOW] " + IN + TCP.format("ACK SYN"), None),
        ("STATE_INVALID_DROP: " + IN + TCP.format("SYN"), None),
        ("[UFW BLOCK] IN=eth0 OUT=eth1 SRC=10.7.0.9 DST=10.7.0.1 " + TCP.format("SYN"), None),
        ("[UFW BLOCK] IN=eth0 OUT= SRC=10.7.0.9 DST=10.8.0.1 " + TCP.format("SYN"), None),
        ("msports would drop in: IN=eth0 OUT= SRC=10.7.0.9 DST=10.7.0.1 LEN=60 PROTO=47 ", None),
        ("[UFW BLOCK] IN=eth0 OUT= SRC= DST=", None),
        ("[UFW BLOCK] IN=eth0 OUT= SRC=10.7.0.9 DST=10.7.0.1 LEN=88 PROTO=ICMP TYPE=5 CODE=1 [SRC=10.7.0.8 DST=10.7.0.1 PROTO=UDP SPT=1 DPT=53 LEN=9 ] ", None),
        ("eth0: link is up IN=", None),
    ],
)
def test_a_line_of_the_log(monkeypatch: pytest.MonkeyPatch, text: str, expected: t.Optional[tuple[t.Any, ...]]) -> None:
    kmsg(monkeypatch, [text])
    log = kernel_log.read("msports", OWN, None, os.devnull)
    assert (seen(log), log.last, log.unknown) == ([expected] if expected else [], 857, [])


def test_the_log_goes_on_where_the_look_before_ended_and_says_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "msports would drop in: " + IN + TCP.format("SYN")
    for after, times, lost in ((857, 2, ""), (859, 0, ""), (800, 3, "56 lines of the kernel's log were gone")):
        kmsg(monkeypatch, [text] * 3)
        log = kernel_log.read("msports", OWN, after, os.devnull)
        assert [item["times"] for item in log.observations] == ([times] if times else [])
        assert log.last == 859 and [lost in told for told in log.unknown] == ([True] if lost else [])


def test_the_day_of_a_line_is_that_of_the_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_log.time, "time", lambda: 1_790_000_000.0)
    monkeypatch.setattr(kernel_log.time, "clock_gettime", lambda _clock: 200_000.0)
    kmsg(monkeypatch, ["[UFW BLOCK] " + IN + TCP.format("SYN")], at=1_000_000)
    [item] = kernel_log.read("msports", OWN, None, os.devnull).observations
    assert item["first"] == item["last"] == time.strftime("%Y-%m-%d", time.gmtime(1_789_800_001))


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_log, "MOST_SEEN", 3)
    kmsg(monkeypatch, [f"[UFW BLOCK] IN=eth0 OUT= SRC=10.7.0.{number} DST=10.7.0.1 {TCP.format('SYN')}" for number in range(9)])
    log = kernel_log.read("msports", OWN, None, os.devnull)
    assert len(log.observations) == 3 and "more than 3 kinds of packets" in log.unknown[0]


def test_a_log_that_cannot_be_read_is_unknown_and_none_is_none(tmp_path: pathlib.Path) -> None:
    assert kernel_log.read("msports", OWN, 7, str(tmp_path / "none")) == kernel_log.Log([], 7, [])
    (tmp_path / "folder").mkdir()
    assert "cannot be read (Is a directory)" in kernel_log.read("msports", OWN, None, str(tmp_path / "folder")).unknown[0]


def test_a_mark_counts_for_one_boot_and_for_one_life_of_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A container has the boot of its host, but its kernel begins anew to number tables with each start."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("one\n")
    (tmp_path / "1").mkdir()
    known: list[t.Any] = []
    monkeypatch.setattr(observe, "program", lambda: None)
    monkeypatch.setattr(observe, "_counted", lambda _owner, before, _root: known.append(bool(before)) or observe._Counted([], {}, [], bool(before)))
    monkeypatch.setattr(observe, "_logged", lambda _owner, _after: kernel_log.Log([], 0, []))
    mark: dict[str, t.Any] = {}
    for started in ("77", "77", "99"):
        (tmp_path / "1/stat").write_text(f"1 (init) S {' '.join(['0'] * 18)} {started} 0\n")
        mark = observe.look("msports", mark, proc=str(tmp_path))["mark"]
    assert known == [False, True, False]


@pytest.mark.parametrize(
    ("reads", "unbroken"),
    [
        ([("nft 4", 7, 9, 0), ("nft 4", 7, 9, 60)], ["conversations", "counters"]),
        ([("nft 4", 7, 9, 0), ("nft 5", 7, 9, 60)], ["conversations"]),  # the rules were loaded anew
        ([("nft 4", 7, 9, 0), ("nft 4", 8, 9, 60)], ["counters"]),  # learning was ended and begun again
        ([("nft 4", 7, 9, 0), ("nft 4", 7, 9, 600)], ["counters"]),  # what was learned has timed out
        ([("nft 4", 7, 9, 0), ("nft 4", 7, 12, 60)], ["counters"]),  # a set may have been full
        ([("nft 4", 7, 9, 0), ("", 7, 9, 60)], ["conversations"]),  # nobody knows whether counters began again
        ([("nft 4", 7, 9, 0), ("nft 4", None, 0, 60)], ["counters"]),
        ([("nft 4", 7, 9, 0)], []),
    ],
)
def test_a_look_says_what_told_of_everything_since_the_look_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, reads: list[tuple[t.Any, ...]], unbroken: list[str]
) -> None:
    monkeypatch.setattr(observe, "program", lambda: "nft")
    monkeypatch.setattr(observe, "Nft", lambda: None)
    monkeypatch.setattr(observe, "_logged", lambda _owner, _after: kernel_log.Log([], 0, []))
    look: dict[str, t.Any] = {"mark": {}}
    for load, table_, most, at in reads:
        kept = {"table": table_, "seconds": 500, "room": 20, "most": most, "at": at} if table_ else {}
        learned = learning.Learned([] if table_ else None, [], kept)
        monkeypatch.setattr(observe.learning, "learned", lambda _nft, _owner, learned=learned: learned)
        monkeypatch.setattr(observe, "_nftables", lambda _owner, _root, load=load: Counters(load, {WEB: 0}, True))
        look = observe.look("msports", look["mark"], root=str(tmp_path))
    assert look["unbroken"] == unbroken
    monkeypatch.setattr(observe, "_nftables", lambda _owner, _root: Counters(reads[-1][0], {WEB: 0}, False))
    assert "counters" not in observe.look("msports", look["mark"], root=str(tmp_path))["unbroken"], "a rule without a counter"
    assert observe.look("msports", {**look["mark"], "boot": "another"}, root=str(tmp_path))["unbroken"] == []


WEB = ("in", "in tcp/443", "passed")


@pytest.mark.parametrize(
    ("before", "now", "more"),
    [
        ({}, Counters("nft 4", {WEB: 7}), 7),
        ({"load": "nft 4", "packets": [[*WEB, 5]]}, Counters("nft 4", {WEB: 7}), 2),
        ({"load": "nft 4", "packets": [[*WEB, 7]]}, Counters("nft 4", {WEB: 7}), 0),
        # loaded anew; and begun again without a mark of it
        ({"load": "nft 3", "packets": [[*WEB, 7]]}, Counters("nft 4", {WEB: 7}), 7),
        ({"load": "", "packets": [[*WEB, 9]]}, Counters("", {WEB: 7}), 7),
        ({}, Counters("nft 4", {WEB: 0}), 0),
    ],
)
def test_counters_tell_what_came_since_the_look_before(before: dict[str, t.Any], now: Counters, more: int) -> None:
    found, kept = counters.since(now, before)
    assert [(item["rule"], item["times"], item["seen"], item["outcome"]) for item in found] == ([("in tcp/443", more, "counter", "passed")] if more else [])
    assert counters.since(now, kept)[0] == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("accept", "counter accept"),
        ("ip saddr 10.0.0.0/8 tcp dport 443 accept", "ip saddr 10.0.0.0/8 tcp dport 443 counter accept"),
        ('udp dport 69 ct helper set "tftp" accept', 'udp dport 69 counter ct helper set "tftp" accept'),
        ('udp dport 69 ct helper set "tftp"', 'udp dport 69 counter ct helper set "tftp"'),
        ("ip saddr 10.66.0.0/16 drop", "ip saddr 10.66.0.0/16 counter drop"),
        ("ip saddr 10.66.0.0/16", "ip saddr 10.66.0.0/16 counter"),
        ('limit rate 10/second burst 20 packets log prefix "x: "', 'counter limit rate 10/second burst 20 packets log prefix "x: "'),
        ("", "counter"),
    ],
)
def test_every_rule_counts_what_it_matches(rule: str, text: str) -> None:
    assert table.counted(rule) == text


class Programs:
    """Stands in for iptables: what it would print for the rules of a file, each line with what it has counted."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def save(self, version: int, counted: bool = False) -> str:
        assert counted
        return "*filter\n:INPUT DROP [1:2]\n" + "\n".join(self.lines if version == 4 else ()) + "\nCOMMIT\n"


def test_lines_of_ufw_count_for_the_rule_that_the_file_names(tmp_path: pathlib.Path) -> None:
    web = Rule("allow", "tcp", "443", "0.0.0.0/0", "any", "10.0.0.0/8", "in")
    more = web._replace(source="172.16.0.0/12")
    never = Rule("deny", "any", "any", "0.0.0.0/0", "any", "10.66.0.0/16", "in")
    pieces = [(web, "msports: web"), (more, "msports: web"), (web, "msports: twin"), (web, "theirs"), (never, "msports: never")]
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/user.rules").write_text("### RULES ###\n" + "".join(block(rule, name, 4) for rule, name in pieces) + "\n### END RULES ###\n")
    programs = Programs(
        "[5:300] -A ufw-user-input -s 10.0.0.0/8 -p tcp -m tcp --dport 443 -j ACCEPT",
        "[2:120] -A ufw-user-input -s 172.16.0.0/12 -p tcp -m tcp --dport 443 -j ACCEPT",
        "[0:0] -A ufw-user-input -s 10.0.0.0/8 -p tcp -m tcp --dport 443 -j ACCEPT",
        "[9:540] -A ufw-user-input -s 10.66.0.0/16 -j DROP",
        "[8:400] -A ufw-user-input -p tcp -m tcp --dport 80 -j ACCEPT",
    )
    found = of_ufw(t.cast(t.Any, programs), "msports", str(tmp_path)).packets
    assert found == {("in", "web", "passed"): 7, ("in", "twin", "passed"): 0, ("in", "never", "dropped"): 9}


def test_an_nft_that_cannot_leave_out_elements_lists_them(tmp_path: pathlib.Path) -> None:
    """Versions before 1.0 may not know the option; the listing takes longer there, and nothing else."""
    program = tmp_path / "nft"
    refusal = "case \"$*\" in *' -t '*) echo \"nft: invalid option -- 't'\" >&2; exit 1;; esac"
    program.write_text("#!/bin/sh\n" + refusal + '\necho \'{"nftables": [{"table": {"name": "x"}}]}\'\n')
    program.chmod(0o755)
    nft = Nft(str(program))
    assert nft.list_objects("x", terse=True) == [{"table": {"name": "x"}}] and nft.count == 2
