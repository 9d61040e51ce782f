# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connection tracking is told and answers; a real kernel is told in tests/integration/nftables."""

from __future__ import annotations

import errno
import pathlib
import struct
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import Datagrams, established

SESSION = Session("10.9.0.5", 50022, "10.0.1.11", 22)
SESSION6 = Session("fd09::5", 50023, "fd00::11", 22)


def attributes(data: bytes) -> dict[int, t.Any]:
    found: dict[int, t.Any] = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        value = data[4:length]
        found[kind & 0x7FFF] = attributes(value) if kind & 0x8000 else value
        data = data[(length + 3) & ~3 :]
    return found


@pytest.mark.parametrize(("session", "family", "first"), [(SESSION, 2, 1), (SESSION6, 10, 3)])
def test_the_message_names_both_ways_of_the_session(session: Session, family: int, first: int) -> None:
    message = tracking.message(7, session)
    length, kind, flags, number, port = struct.unpack_from("=IHHII", message)
    assert (length, kind, flags, number, port) == (len(message), 0x100, 0x605, 7, 0)
    assert message[16:20] == bytes([family, 0, 0, 0])
    found = attributes(message[20:])
    there, back = found[1], found[2]
    assert (there[1][first], there[1][first + 1]) == (back[1][first + 1], back[1][first])
    assert there[2] == {1: b"\x06", 2: struct.pack(">H", session.peer_port), 3: struct.pack(">H", 22)}
    assert back[2] == {1: b"\x06", 2: struct.pack(">H", 22), 3: struct.pack(">H", session.peer_port)}
    assert found[3] == b"\0\0\0\x0e"
    assert found[4] == {1: {1: b"\x03", 4: b"\x0a\x0a", 5: b"\x0a\x0a"}}


@pytest.mark.parametrize("session", [SESSION, SESSION6])
def test_a_conversation_by_udp_has_a_protocol_and_a_time_of_its_own(session: Session) -> None:
    found = attributes(tracking.message(7, Datagrams(*session))[20:])
    assert (found[1][2][1], found[2][2][1]) == (b"\x11", b"\x11")
    assert (found[7], 4 in found) == (struct.pack(">I", 120), False)


def test_connected_sockets_of_udp_are_sessions_too(tmp_path: pathlib.Path) -> None:
    (tmp_path / "net").mkdir()
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
    line = "  77: {0} {1} {2} 00000000:00000000 00:00000000 00000000     0        0 12 2 0 0\n"
    lines = [("0100070A:9C40", "0200070A:0035", "01"), ("00000000:0044", "00000000:0000", "07"), ("0100007F:9C41", "0100007F:0035", "01")]
    (tmp_path / "net/udp").write_text(head + "".join(line.format(*fields) for fields in lines))
    for name in ("tcp", "tcp6"):
        (tmp_path / "net" / name).write_text(head)
    found = established(str(tmp_path))
    assert found == [Datagrams("10.7.0.2", 53, "10.7.0.1", 40000)] and isinstance(found[0], Datagrams)


class Kernel:
    """A netlink socket that gives the answers in turn, and counts what it is sent."""

    def __init__(self, *answers: t.Any) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []

    def __call__(self, *_kind: int) -> Kernel:
        return self

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def bind(self, _address: object) -> None:
        pass

    settimeout = bind

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def recv(self, _size: int) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        number, code = answer
        return struct.pack("=IHHIIi", 36, 2, 0, number, 1, -code) + self.sent[-1][:16]


@pytest.mark.parametrize(
    ("answers", "known", "sent"),
    [
        ([(0, 0), (1, 0)], True, 2),
        ([(0, errno.EEXIST), (1, 0)], True, 2),
        ([(9, 0), (0, 0), (1, 0)], True, 2),
        ([(0, errno.EOPNOTSUPP), (1, 0)], False, 2),
        ([(0, 0), (1, errno.EPERM)], False, 2),
        ([TimeoutError()], False, 1),
        ([PermissionError()], False, 1),
    ],
    ids=["told", "there already", "answer to something else", "one is not supported, the other is told", "not permitted", "no answer", "no socket"],
)
def test_answers(monkeypatch: pytest.MonkeyPatch, answers: list[t.Any], known: bool, sent: int) -> None:
    kernel = Kernel(*answers)
    monkeypatch.setattr(tracking.socket, "socket", kernel)
    assert tracking.learn([SESSION, SESSION6]) is known
    assert len(kernel.sent) == sent


@pytest.mark.parametrize(
    ("count", "sessions", "room", "full"), [(0, 0, 100, False), (90, 5, 100, False), (91, 5, 100, True), (0, 91, 100, True), (5, 5, 0, False)]
)
def test_a_table_of_connections_that_is_nearly_full_is_a_warning(tmp_path: pathlib.Path, count: int, sessions: int, room: int, full: bool) -> None:
    folder = tmp_path / "sys/net/netfilter"
    folder.mkdir(parents=True)
    for name, value in (("count", count), ("max", room)):
        (folder / f"nf_conntrack_{name}").write_text(f"{value}\n")
    (tmp_path / "net").mkdir()
    (tmp_path / "net/sockstat").write_text(f"sockets: used 99\nTCP: inuse {sessions} orphan 0 tw 4 alloc 6 mem 1\nUDP: inuse 9 mem 0\n")
    (tmp_path / "net/sockstat6").write_text("TCP6: inuse 0\n")
    found = tracking.warnings(str(tmp_path))
    assert bool(found) is full
    assert not full or f"nf_conntrack_max={2 * room}" in found[0]


def test_where_nothing_is_tracked_there_is_nothing_to_warn_of(tmp_path: pathlib.Path) -> None:
    assert tracking.warnings(str(tmp_path)) == []
