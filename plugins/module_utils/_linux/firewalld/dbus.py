# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Calls of methods over the system's D-Bus, as far as talking to one daemon needs them: little-endian, no signals, no file handles.

firewalld's own client library costs more than a tenth of a second to import and is only there for the system's Python; a call
from here costs a millisecond and needs nothing. Values are plain: a variant comes back as its content, and ``Typed`` says what one
is to be when it is sent. The format is that of the D-Bus specification, "Message Protocol".
"""

from __future__ import annotations

import os
import socket
import struct
import typing as t

ADDRESSES = ("/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket")
CALL, RETURN, ERROR = 1, 2, 3
NO_AUTO_START = 2
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SIGNATURE = 1, 2, 3, 4, 5, 6, 8
NUMBERS = {"y": ("B", 1), "n": ("h", 2), "q": ("H", 2), "i": ("i", 4), "u": ("I", 4), "x": ("q", 8), "t": ("Q", 8), "d": ("d", 8)}
LARGEST = 128 * 1024 * 1024


class Typed(t.NamedTuple):
    """A value for a place whose type is open (``v``), with its signature."""

    signature: str
    value: t.Any


class BusError(Exception):
    """A call failed; ``name`` is the name of the error, or ``""`` when there was no answer at all."""

    def __init__(self, text: str, name: str = "") -> None:
        self.name = name
        super().__init__(text)


class Bus:
    """A connection to the message bus. ``count`` is the number of calls so far. ``timeout`` is in seconds."""

    def __init__(self, address: t.Optional[str] = None, timeout: float = 120.0) -> None:
        self.count = 0
        self._serial = 0
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        places = [address] if address else [place for place in ADDRESSES if os.path.exists(place)]
        try:
            if not places:
                raise BusError("there is no message bus: none of {0} exists".format(", ".join(ADDRESSES)))
            self._socket.connect(places[0])
            self._socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode("ascii").hex().encode("ascii") + b"\r\n")
            answer = self._line()
            if not answer.startswith(b"OK"):
                raise BusError("the message bus does not let us in: {0}".format(answer.decode("utf-8", "replace")))
            self._socket.sendall(b"BEGIN\r\n")
            self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
        except OSError as error:
            self.close()
            raise BusError("the message bus does not answer: {0}".format(error)) from error
        except BusError:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def owned(self, name: str) -> bool:
        """Tell whether a service is there, without starting it."""
        return bool(self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "s", name)[0])

    def call(self, destination: str, path: str, interface: str, member: str, signature: str = "", *values: t.Any) -> t.List[t.Any]:
        """Return the list of values that a method answers; raise ``BusError``."""
        self.count += 1
        self._serial += 1
        fields = [(PATH, Typed("o", path)), (INTERFACE, Typed("s", interface)), (MEMBER, Typed("s", member)), (DESTINATION, Typed("s", destination))]
        body = bytearray()
        for kind, value in zip(split(signature), values):
            pack(body, kind, value)
        if signature:
            fields.append((SIGNATURE, Typed("g", signature)))
        message = bytearray(struct.pack("<cBBBII", b"l", CALL, NO_AUTO_START, 1, len(body), self._serial))
        pack(message, "a(yv)", fields)
        message += b"\0" * (-len(message) % 8)
        try:
            self._socket.sendall(bytes(message + body))
            return self._answer(member)
        except OSError as error:
            raise BusError("{0}: no answer over the message bus: {1}".format(member, error)) from error

    def _answer(self, member: str) -> t.List[t.Any]:
        while True:
            kind, fields, values = self._message()
            if fields.get(REPLY_SERIAL) != self._serial:
                continue
            if kind == RETURN:
                return values
            if kind == ERROR:
                raise BusError("{0}: {1}".format(member, values[0] if values else fields.get(ERROR_NAME)), fields.get(ERROR_NAME, ""))

    def _message(self) -> t.Tuple[int, t.Dict[int, t.Any], t.List[t.Any]]:
        head = self._take(16)
        order = "<" if head[:1] == b"l" else ">"
        kind = head[1]
        length, _serial, fields_length = struct.unpack(order + "III", head[4:])
        if length > LARGEST or fields_length > LARGEST:
            raise BusError("an answer over the message bus is too large")
        rest = self._take(fields_length + -fields_length % 8 + length)
        # The fields begin at the message's 16th byte, so what they align to is the same seen from there.
        fields = dict(Reader(rest[:fields_length], order).all("(yv)"))
        body = Reader(rest[fields_length + -fields_length % 8 :], order)
        return kind, fields, [body.value(one) for one in split(fields.get(SIGNATURE, ""))]

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill(max(65536, size - len(self._buffer)))
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._fill(4096)
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _fill(self, size: int) -> None:
        more = self._socket.recv(size)
        if not more:
            raise BusError("the message bus closed the connection")
        self._buffer += more


def split(signature: str) -> t.List[str]:
    """Return the single complete types of a signature."""
    found, index = [], 0
    while index < len(signature):
        end = _end(signature, index)
        found.append(signature[index:end])
        index = end
    return found


def _end(signature: str, index: int) -> int:
    while signature[index] == "a":
        index += 1
    if signature[index] not in "({":
        return index + 1
    closing, index = {"(": ")", "{": "}"}[signature[index]], index + 1
    while signature[index] != closing:
        index = _end(signature, index)
    return index + 1


def _alignment(kind: str) -> int:
    return NUMBERS[kind][1] if kind in NUMBERS else 8 if kind[0] in "({" else 1 if kind in "gv" else 4


def pack(data: bytearray, kind: str, value: t.Any) -> None:
    """Append ``value`` of the one complete type ``kind`` to the bytes ``data``."""
    data += b"\0" * (-len(data) % _alignment(kind))
    if kind in NUMBERS:
        data += struct.pack("<" + NUMBERS[kind][0], value)
    elif kind == "b":
        data += struct.pack("<I", bool(value))
    elif kind in "so":
        text = value.encode("utf-8")
        data += struct.pack("<I", len(text)) + text + b"\0"
    elif kind == "g":
        data += struct.pack("B", len(value)) + value.encode("ascii") + b"\0"
    elif kind == "v":
        pack(data, "g", value.signature)
        pack(data, value.signature, value.value)
    elif kind[0] == "a":
        _pack_array(data, kind[1:], value)
    else:
        for one, part in zip(split(kind[1:-1]), value):
            pack(data, one, part)


def _pack_array(data: bytearray, kind: str, value: t.Any) -> None:
    place = len(data)
    data += b"\0\0\0\0"
    data += b"\0" * (-len(data) % _alignment(kind))
    begin = len(data)
    for item in value.items() if isinstance(value, dict) else value:
        pack(data, kind, item)
    data[place : place + 4] = struct.pack("<I", len(data) - begin)


class Reader:
    """Reads values from the bytes of one message part, whose first byte is aligned."""

    def __init__(self, data: bytes, order: str = "<") -> None:
        self._data = data
        self._order = order
        self.offset = 0

    def _align(self, size: int) -> None:
        self.offset += -self.offset % size

    def _number(self, code: str, size: int) -> t.Any:
        self._align(size)
        (number,) = struct.unpack_from(self._order + code, self._data, self.offset)
        self.offset += size
        return number

    def _text(self, length: int) -> str:
        text = self._data[self.offset : self.offset + length].decode("utf-8", "replace")
        self.offset += length + 1
        return text

    def all(self, kind: str) -> t.Iterator[t.Any]:
        """Yield values of the one complete type ``kind`` up to the end."""
        while self.offset < len(self._data):
            yield self.value(kind)

    def value(self, kind: str) -> t.Any:
        """Return the next value, which is of the one complete type ``kind``."""
        if kind in NUMBERS:
            return self._number(*NUMBERS[kind])
        if kind == "b":
            return bool(self._number("I", 4))
        if kind in "so":
            return self._text(self._number("I", 4))
        if kind == "g":
            return self._text(self._number("B", 1))
        if kind == "v":
            return self.value(self.value("g"))
        if kind[0] == "a":
            return self._array(kind[1:])
        self._align(8)
        return tuple(self.value(one) for one in split(kind[1:-1]))

    def _array(self, kind: str) -> t.Any:
        length = self._number("I", 4)
        self._align(_alignment(kind))
        end, found = self.offset + length, []
        while self.offset < end:
            found.append(self.value(kind))
        return dict(found) if kind[0] == "{" else found
