# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""One host of the lab: a forked process with network, mount and uts namespaces of its own that does what it is told."""

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import struct
import subprocess
import sys
import traceback
import typing as t

import host_tasks  # loaded before the fork: a host does not look for files of the checkout later

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWNET = 0x00020000, 0x04000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_LIBC = ctypes.CDLL(None, use_errno=True)
OWN = ("/etc", "/var")  # seen through an overlay: written here, never on the machine
EMPTY = {"/run": "755", "/tmp": "1777", "/dev/shm": "1777"}  # /run: no socket of the machine's services in there
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1


class HostFailed(Exception):
    """A task raised inside a host; the text holds its traceback."""


class NamespaceHost:
    """The controller's end. ``pid`` names the namespaces for ``nsenter``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pipe, theirs = multiprocessing.Pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self.pipe.close()
            _live(name, theirs)
        theirs.close()
        self.result()  # waits until the namespaces exist

    def start(self, task: str, /, **arguments: t.Any) -> None:
        """Begin a function of ``host_tasks``; :meth:`result` waits for what it returns."""
        self.pipe.send((task, arguments))

    def result(self) -> t.Any:
        try:
            good, value = self.pipe.recv()
        except EOFError:
            raise HostFailed(f"{self.name}: its process ended") from None
        if not good:
            raise HostFailed(f"{self.name}: {value}")
        return value

    def call(self, task: str, /, **arguments: t.Any) -> t.Any:
        self.start(task, **arguments)
        return self.result()


def everywhere(hosts: t.Iterable[NamespaceHost], task: str, /, **arguments: t.Any) -> dict[str, t.Any]:
    """Run one task on many hosts at once and return the results by name."""
    chosen = list(hosts)
    for host in chosen:
        host.start(task, **arguments)
    return {host.name: host.result() for host in chosen}


def _live(name: str, pipe: multiprocessing.connection.Connection) -> t.NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the controller's; hosts end with their pipe
    _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    try:
        _separate(name)
        pipe.send((True, None))
    except BaseException:
        pipe.send((False, traceback.format_exc()))
        os._exit(1)
    while True:
        try:
            task, arguments = pipe.recv()
        except EOFError:
            os._exit(0)
        try:
            pipe.send((True, host_tasks.TASKS[task](**arguments)))
        except BaseException:
            pipe.send((False, traceback.format_exc()))


def _separate(name: str) -> None:
    _call(_LIBC.unshare, CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS)
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _read_only()
    _mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    for path in OWN:
        upper, work = f"/run{path}/upper", f"/run{path}/work"
        os.makedirs(upper)
        os.mkdir(work)
        _mount("overlay", path, "overlay", 0, f"lowerdir={path},upperdir={upper},workdir={work}")
    for path, mode in EMPTY.items():
        _mount("tmpfs", path, "tmpfs", 0, f"mode={mode}")
    _mount("proc", "/proc", "proc")  # the one from outside is read-only now, and sysctls of the own network must be writable
    with contextlib.suppress(OSError):  # only for looking around
        _mount("sysfs", "/sys", "sysfs")  # shows /sys/class/net of this host
    os.chdir("/")
    _call(_LIBC.sethostname, name.encode(), len(name))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _read_only() -> None:
    """Make everything that is mounted now read-only for this host, whatever user it belongs to."""
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    if _LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, attributes, len(attributes)) != 0:
        _mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)  # kernels before 5.12: at least the root file system


def _mount(source: str, target: str, kind: t.Optional[str], flags: int = 0, data: str = "") -> None:
    _call(_LIBC.mount, source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), data.encode())


def _call(function: t.Any, *arguments: t.Any) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}{arguments}: {os.strerror(number)}")
