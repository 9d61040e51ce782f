# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The message bus: values there and back, calls to a server of a few lines, and every way in which one can fail."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import struct
import threading
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import (
    DESTINATION,
    ERROR,
    ERROR_NAME,
    MEMBER,
    PATH,
    REPLY_SERIAL,
    RETURN,
    SIGNATURE,
    Bus,
    BusError,
    Reader,
    Typed,
    pack,
    split,
)
from hypothesis import given, strategies

VALUES = [
    ("s", "text"),
    ("s", "\u00e4 <&>"),
    ("b", True),
    ("y", 7),
    ("n", -7),
    ("q", 65535),
    ("i", -1),
    ("u", 2**32 - 1),
    ("x", -(2**63)),
    ("t", 2**64 - 1),
    ("d", 0.5),
    ("o", "/org/x"),
    ("g", "a{sv}"),
    ("as", []),
    ("as", ["a", "", "bcdefgh"]),
    ("a(ss)", [("22", "tcp"), ("53", "udp")]),
    ("(sssssa{ss}as)", ("", "n", "", "hash:net", "", {"family": "inet"}, ["10.0.0.0/8"])),
    ("a(sssias)", [("ipv4", "filter", "INPUT", -3, ["-j", "DROP"])]),
    ("a{sas}", {"a": ["b"], "c": []}),
    ("a{sa{sas}}", {"p": {"ingress": ["ANY"]}}),
    ("ay", [1, 2, 3]),
    ("ax", [1, -2]),
]


@pytest.mark.parametrize(("signature", "value"), VALUES)
@pytest.mark.parametrize("offset", [0, 1, 3, 8])
def test_values_there_and_back(signature: str, value: t.Any, offset: int) -> None:
    data = bytearray(offset)
    pack(data, signature, value)
    pack(data, "v", Typed(signature, value))
    pack(data, "s", "end")
    reader = Reader(bytes(data))
    reader.offset = offset
    assert reader.value(signature) == value
    assert reader.value("v") == value
    assert reader.value("s") == "end"
    assert reader.offset == len(data)


@given(strategies.dictionaries(strategies.text(), strategies.lists(strategies.tuples(strategies.text(), strategies.booleans()))))
def test_any_nesting(value: t.Any) -> None:
    data = bytearray()
    pack(data, "a{sa(sb)}", value)
    assert Reader(bytes(data)).value("a{sa(sb)}") == value


def test_signatures() -> None:
    assert split("sa{sv}a(ss)(i(ab)y)v") == ["s", "a{sv}", "a(ss)", "(i(ab)y)", "v"]
    assert split("") == []


def _message(order: str, kind: int, serial: int, fields: list[t.Any], signature: str, values: t.Any) -> bytes:
    body = bytearray()
    for one, value in zip(split(signature), values):
        pack(body, one, value)
    if signature:
        fields = [*fields, (SIGNATURE, Typed("g", signature))]
    made = bytearray(struct.pack("<cBBBII", b"l", kind, 0, 1, len(body), serial))
    pack(made, "a(yv)", fields)
    made += b"\0" * (-len(made) % 8)
    return bytes(made + body)


@contextlib.contextmanager
def server(tmp_path: pathlib.Path, answer: t.Callable[[str, int, list[t.Any]], bytes], greeting: bytes = b"OK 1234\r\n") -> t.Iterator[str]:
    """A bus that answers calls with what ``answer`` gives for the member, the serial and the values."""
    place = str(tmp_path / "bus")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen(1)

    def serve() -> None:
        connection, _peer = listening.accept()
        with connection:
            line = b""
            while not line.endswith(b"\r\n"):
                line += connection.recv(1)
            assert line.startswith(b"\0AUTH EXTERNAL ")
            connection.sendall(greeting)
            if not greeting.startswith(b"OK"):
                return
            assert connection.recv(7, socket.MSG_WAITALL) == b"BEGIN\r\n"
            while True:
                head = connection.recv(16, socket.MSG_WAITALL)
                if len(head) < 16:
                    return
                length, serial, fields_length = struct.unpack("<III", head[4:])
                rest = connection.recv(fields_length + -fields_length % 8 + length, socket.MSG_WAITALL)
                fields = dict(Reader(rest[:fields_length]).all("(yv)"))
                assert fields[DESTINATION]
                assert fields[PATH].startswith("/")
                body = Reader(rest[fields_length + -fields_length % 8 :])
                values = [body.value(kind) for kind in split(fields.get(SIGNATURE, ""))]
                sent = answer(fields[MEMBER], serial, values)
                if not sent:
                    return
                connection.sendall(sent)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield place
    finally:
        listening.close()


def _good(member: str, serial: int, values: list[t.Any]) -> bytes:
    reply = [(REPLY_SERIAL, Typed("u", serial))]
    if member == "Hello":
        signal = _message("<", 4, 9, [(MEMBER, Typed("s", "NameAcquired"))], "s", [":1.7"])
        return signal + _message("<", RETURN, 1, reply, "s", [":1.7"])
    if member == "NameHasOwner":
        return _message("<", RETURN, 2, reply, "b", [values == [daemon.NAME]])
    if member == "GetAll":
        return _message("<", RETURN, 3, reply, "a{sv}", [{"version": Typed("s", "1.3.3"), "IPv6": Typed("b", False)}])
    if member == "nothing":
        return _message("<", RETURN, 3, reply, "", [])
    return _message("<", ERROR, 3, [*reply, (ERROR_NAME, Typed("s", "org.x.Error"))], "s", ["INVALID: no"])


def test_calls(tmp_path: pathlib.Path) -> None:
    with server(tmp_path, _good) as place:
        found = daemon.connect(place)
        assert found is not None
        assert (found.version, found.families) == ("1.3.3", (4,))
        assert found.call("", "nothing") is None
        with pytest.raises(BusError, match="reload: INVALID: no") as raised:
            found.reload()
        assert raised.value.name == "org.x.Error"
        assert found.bus.count == 5
        found.bus.close()


def test_no_daemon_on_the_bus(tmp_path: pathlib.Path) -> None:
    with server(tmp_path, lambda member, serial, values: _good(member, serial, ["somebody"])) as place:
        assert daemon.connect(place) is None


@pytest.mark.parametrize(
    ("answer", "greeting", "text"),
    [
        (_good, b"REJECTED EXTERNAL\r\n", "does not let us in: REJECTED"),
        (lambda member, serial, values: b"", b"OK\r\n", "closed the connection"),
        (lambda member, serial, values: struct.pack("<cBBBIII", b"l", 2, 0, 1, 2**30, 1, 0), b"OK\r\n", "too large"),
    ],
)
def test_failures(tmp_path: pathlib.Path, answer: t.Any, greeting: bytes, text: str) -> None:
    with server(tmp_path, answer, greeting) as place, pytest.raises(BusError, match=text):
        Bus(place)


def test_nobody_there(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BusError, match="does not answer"):
        Bus(str(tmp_path / "none"))
    monkeypatch.setattr("ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus.ADDRESSES", (str(tmp_path / "none"),))
    with pytest.raises(BusError, match="there is no message bus"):
        Bus()


def test_an_answer_that_never_comes(tmp_path: pathlib.Path) -> None:
    def late(member: str, serial: int, values: list[t.Any]) -> bytes:
        return _good(member, serial, values) if member == "Hello" else _message("<", RETURN, 5, [(REPLY_SERIAL, Typed("u", 99))], "", [])

    with server(tmp_path, late) as place:
        bus = Bus(place, timeout=0.2)
        with pytest.raises(BusError, match="no answer over the message bus"):
            bus.owned("x")
        bus.close()
