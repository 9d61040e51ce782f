# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces for tests: a fresh one for this process, further ones as peers, wires between them.

Everything vanishes with the processes that hold it. Needs root, or ``unshare --user --map-root-user`` around pytest.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import time
import typing as t

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def why_not() -> t.Optional[str]:
    """Return why this process cannot have network namespaces, or ``None``."""
    if os.geteuid() != 0:
        return "these tests need root, or a user namespace: unshare --user --map-root-user --net --mount pytest ..."
    if not any(os.access(place, os.X_OK) for place in ("/usr/sbin/nft", "/sbin/nft")):
        return "nft is missing: install the package nftables"
    return None


@contextlib.contextmanager
def fresh() -> t.Iterator[None]:
    """Put this thread into a new network namespace, with ``lo`` up, and back again."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _call("unshare", CLONE_NEWNET)
        try:
            run("ip link set lo up")
            yield
        finally:
            _call("setns", before, CLONE_NEWNET)
    finally:
        os.close(before)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def udp(address: str, port: int) -> socket.socket:
    """Return a socket that waits as long as packets may take."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(WAIT)
    made.bind((address, port))
    return made


def run(command: str, given: t.Optional[str] = None, check: bool = True) -> str:
    """Run a shell command in this thread's namespace and return its output."""
    result = subprocess.run(["sh", "-c", command], input=given, capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        raise AssertionError(f"{command}: exit {result.returncode}: {result.stderr}")
    return result.stdout


class Peer:
    """Another network namespace, held by a process, with a wire to this one: addresses .2 there and .1 here."""

    def __init__(self, name: str, network: str = "10.7.0", network6: str = "fd07") -> None:
        # Its end of a pipe from us closes when we die, however we die.
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        self.here, self.there = f"{network}.1", f"{network}.2"
        self.here6, self.there6 = f"{network6}::1", f"{network6}::2"
        # No waiting for duplicate addresses, which nobody has here.
        run("for i in all default; do echo 0 > /proc/sys/net/ipv6/conf/$i/accept_dad; done")
        self.run("for i in all default; do echo 0 > /proc/sys/net/ipv6/conf/$i/accept_dad; done")
        run(f"ip link add {name} type veth peer name wire netns {self._holder.pid}")
        run(f"ip addr add {self.here}/24 dev {name} && ip addr add {self.here6}/64 dev {name} nodad && ip link set {name} up")
        self.run(f"ip link set lo up; ip addr add {self.there}/24 dev wire && ip addr add {self.there6}/64 dev wire nodad && ip link set wire up")

        self._wait()

    def _wait(self) -> None:
        """Wait until packets of both families come through: a wire takes a moment, and a lost solicitation costs a second."""
        for family, address in ((socket.AF_INET, self.there), (socket.AF_INET6, self.there6)):
            for _attempt in range(3000):
                with socket.socket(family) as client:
                    client.settimeout(0.1)
                    try:
                        client.connect((address, 1))
                    except ConnectionRefusedError:
                        break
                    except OSError:
                        time.sleep(0.01)
            else:
                raise AssertionError(f"{address} does not answer")

    def run(self, command: str, check: bool = True) -> str:
        return run(f"nsenter --net=/proc/{self._holder.pid}/ns/net sh -c '{command}'", check=check)

    def python(self, code: str) -> subprocess.Popen[str]:
        """Start Python code over there; it prints and reads lines."""
        return subprocess.Popen(
            ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", sys.executable, "-u", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


WAIT = 0.6  # seconds until a packet counts as dropped
REFUSED, UNREACHABLE, NOTHING = "111", "113", "nothing"

PROBE = """
import socket, sys
for line in sys.stdin:
    kind, address, port, source = line.split()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    probe.settimeout(WAIT)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("::" if ":" in address else "0.0.0.0", int(source)))
        probe.connect((address, int(port)))
        if kind == "udp":
            probe.send(b"?")
            probe.recv(9)
        print("answer")
    except socket.timeout:
        print("nothing")
    except OSError as error:
        print(error.errno)
    probe.close()
""".replace("WAIT", str(WAIT))


class Prober:
    """Asks one process over there, which runs ``PROBE``; it starts once."""

    def __init__(self, process: t.Any) -> None:
        self._process = process

    def __call__(self, kind: str, address: str, port: int, source: int = 0) -> str:
        self._process.stdin.write(f"{kind} {address} {port} {source}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
