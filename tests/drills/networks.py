# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller, a router and hosts in network namespaces. The router is where the network is cut: both ways, or one of them, or the wire itself."""

from __future__ import annotations

import pathlib
import shlex
import subprocess
import typing as t

CONTROLLER, ROUTER = "10.9.0.2", "10.9.0.1"
# What the router drops of a host's packets; "wire" is none of it.
CUTS = {
    "both ways are silent": "in out",
    "only answers are lost": "in",
    "only questions are lost": "out",
    "the interface is down": "wire",
}
_CHAINS = {
    "in": "chain answers {{ type filter hook prerouting priority -300; iifname {0} drop; }}",
    "out": "chain questions {{ type filter hook postrouting priority 300; oifname {0} drop; }}",
}


def run(command: t.Sequence[str], given: t.Optional[str] = None, check: bool = True) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{shlex.join(command)}: exit {done.returncode}: {done.stderr}"
    return done.stdout


class Space:
    """A network namespace. Its process ends with this one."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None and self._holder.stdout.readline() == "ready\n"
        self.pid = self._holder.pid
        self.within = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]
        self.sh("ip link set lo up")

    def sh(self, command: str, check: bool = True) -> str:
        return run([*self.within, "sh", "-c", command], check=check)

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


class Network:
    """The controller's namespace and the router's; hosts are wired to the router by the process that holds theirs."""

    def __init__(self) -> None:
        self.controller, self.router = Space(), Space()
        self.router.sh("sysctl -q -w net.ipv4.ip_forward=1")
        _wire(self.router, "controller", ROUTER, self.controller.within, self.controller.pid, CONTROLLER)

    def wire(self, number: int, pid: int) -> str:
        """Wire a host to the router, again after a restart, and return its address."""
        address = f"10.9.{number}.2"
        _wire(self.router, f"h{number}", f"10.9.{number}.1", ["nsenter", f"--net=/proc/{pid}/ns/net"], pid, address)
        return address

    def cut(self, number: int, how: str) -> None:
        """Cut a host off, in one of the ways of ``CUTS``."""
        if how == "the interface is down":
            self.router.sh(f"ip link set h{number} down")
            return
        chains = "\n".join(_CHAINS[part].format(f"h{number}") for part in CUTS[how].split())
        run([*self.router.within, "nft", "-f", "-"], f"table inet cut{number} {{\n{chains}\n}}")

    def mend(self, number: int) -> None:
        self.router.sh(f"nft delete table inet cut{number}; ip link set h{number} up", check=False)

    def is_cut(self, number: int) -> bool:
        return f"cut{number}" in self.router.sh("nft list tables") or "state DOWN" in self.router.sh(f"ip link show h{number}")

    def close(self) -> None:
        self.controller.close()
        self.router.close()


def _wire(router: Space, name: str, here: str, within: t.Sequence[str], pid: int, there: str) -> None:
    """Put a wire between the router and another namespace; ``there`` gets the router as its way to everything."""
    router.sh(f"ip link del {name}", check=False)
    run(["ip", "link", "add", name, "netns", str(router.pid), "type", "veth", "peer", "name", "wire", "netns", str(pid)])
    router.sh(f"ip addr add {here}/24 dev {name} && ip link set {name} up")
    command = f"ip link set lo up && ip addr add {there}/24 dev wire && ip link set wire up && ip route add default via {here}"
    run([*within, "sh", "-c", command])


def exists(pid: int, path: str) -> bool:
    """Tell whether a file is there as a process sees it."""
    return pathlib.Path(f"/proc/{pid}/root{path}").exists()
