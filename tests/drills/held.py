# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands still before the Nth thing that a run does to a host, until the test says go on. Lies on the host as ``sitecustomize``, before all modules.

A point is a file opened for writing, renamed, linked or removed where the collection writes, a program started, or a call to a daemon. They are counted
over all processes of a change: the run, and the confirmation after it.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import typing as t

FOLDER = "/opt/test/held/"
WATCHED = ("/etc/", "/var/lib/portcullis", "/run/")
FILES = ("open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "shutil.rmtree")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def read(name: str) -> int:
    try:
        with open(FOLDER + name, encoding="ascii") as file:
            return int(file.read() or 0)
    except FileNotFoundError:
        return 0


def write(name: str, number: int) -> None:
    with open(FOLDER + name, "w", encoding="ascii") as file:
        file.write(str(number))


def point() -> None:
    count = read("count") + 1
    write("count", count)
    if count == read("point"):
        write("waiting", os.getpid())
        while not os.path.exists(FOLDER + "go"):
            time.sleep(0.02)


def audit(event: str, arguments: tuple[t.Any, ...]) -> None:
    if event == "subprocess.Popen":
        point()
    elif event in FILES and isinstance(arguments[0], str) and arguments[0].startswith(WATCHED):
        if event != "open" or arguments[2] & WRITING:
            point()


def sendall(self: socket.socket, *arguments: t.Any) -> None:
    if self.family == socket.AF_UNIX:
        point()
    super(socket.socket, self).sendall(*arguments)


if __name__ == "sitecustomize":
    write(f"alive.{os.getpid()}", 0)  # the test waits until these have ended
    os.environ.pop("PYTHONPATH", None)  # programs that are started here are none of a run's own
    socket.socket.sendall = sendall  # type: ignore[assignment,method-assign]
    sys.addaudithook(audit)
