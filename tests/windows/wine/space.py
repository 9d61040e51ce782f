# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of mounts, processes and network of one host, with Debian 13 as its root. Everything in it ends with it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import threading
import typing as t

from .root import Root

#: No window asks for anything, nothing is traced, and netsh is the recorder. mscoree stays: assemblies without native code need it.
WINE = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mshtml=;netsh.exe=n", "LANG": "C.UTF-8", "HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_HOLD = """
set -e
mount -t proc proc "$1/proc"
if [ "$1" != / ]; then
    mount --rbind / "$1/host"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
fi
ip link set lo up
echo ready
exec cat
"""


class Space:
    """``environment``: variables of every process in it, besides those of Wine."""

    def __init__(self, root: Root, environment: t.Mapping[str, str]) -> None:
        self.root = root
        self.environment = {**WINE, **environment}
        # Its end of a pipe from us closes when we die, however we die; then its first process ends, and all others with it.
        words = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", _HOLD, "hold", str(root.path)]
        self._holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise OSError(f"the namespaces of a host could not be made: exit {self._holder.wait()}")
        children = pathlib.Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text(encoding="ascii").split()
        self._first = children[0]

    def outside(self, words: t.Sequence[str]) -> list[str]:
        """A command of this machine, in the namespaces."""
        return ["nsenter", "--target", self._first, "--mount", "--pid", "--net", "--", *words]

    def on_network(self, words: t.Sequence[str]) -> list[str]:
        """A command of this machine on the host's network."""
        return ["nsenter", "--target", self._first, "--net", "--", *words]

    def inside(self, words: t.Sequence[str], environment: t.Optional[t.Mapping[str, str]] = None) -> list[str]:
        """A command of Debian 13."""
        variables = [f"{name}={value}" for name, value in {**self.environment, **(environment or {})}.items()]
        return self.outside(["chroot", str(self.root.path), "env", "-i", *variables, *words])

    def run(self, words: t.Sequence[str], environment: t.Optional[t.Mapping[str, str]] = None, timeout: float = 300) -> str:
        """Run to the end; both outputs. A failure is an error."""
        done = subprocess.run(
            self.inside(words, environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False
        )
        said = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise OSError(f"{' '.join(words)}: exit {done.returncode}: {said.strip()[-2000:]}")
        return said

    def start(self, words: t.Sequence[str], environment: t.Optional[t.Mapping[str, str]] = None) -> subprocess.Popen[bytes]:
        """Start a program for Windows with pipes as input and output. Its console is a terminal at standard error: PowerShell wants one."""
        master, slave = os.openpty()
        try:
            process = subprocess.Popen(self.inside(["wine", *words], environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave)
        finally:
            os.close(slave)
        threading.Thread(target=_drain, args=(master,), daemon=True).start()
        return process

    def close(self) -> None:
        assert self._holder.stdin is not None and self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait(timeout=60)
        self._holder.stdout.close()


def _drain(terminal: int) -> None:
    """Whoever writes to a terminal that nobody reads waits for ever."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65536):
            pass
    os.close(terminal)
