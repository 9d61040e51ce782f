# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""One host that boots systemd, as a container, with firewalld or ufw in charge: reached over ssh by a virtual cable, as a server is.

This process has a network namespace of its own (:func:`enter`), and the container has one: nothing of the machine's network is touched.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import typing as t

from tests.benchmarks.login import Login

_TESTS = pathlib.Path(__file__).resolve().parents[1]
for _folder in ("integration/persistence", "integration/ufw"):
    sys.path.insert(0, str(_TESTS / _folder))

import booted  # noqa: E402  (they lie in folders of tests)
from ufw_host import Ufw  # noqa: E402

CONTROLLER, ADDRESS, LENGTH, PORT = "192.0.2.1", "192.0.2.2", 24, 22
PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "ssh": "openssh-client", "ssh-keygen": "openssh-client"}
INSIDE = "MSPORTS_BENCH_INSIDE"
# Without an end of root's last session its service manager stays, and a new login does not wait for the end of the old one.
LINGER = "loginctl enable-linger root; mkdir -p -m 700 /root/.ssh; cat > /root/.ssh/authorized_keys"
KEPT = "mkdir -p /root/kept; cp -a /etc/firewalld /root/kept/etc-firewalld"
BACK = (
    "systemctl stop firewalld; rm -rf /etc/portcullis /etc/firewalld; cp -a /root/kept/etc-firewalld /etc/firewalld; nft flush ruleset;"
    " systemctl start firewalld; firewall-cmd --state"
)
LIVE = re.compile(r"ip saddr (10\.\d+\.\d+\.0/24) tcp dport (\d+)\b.* accept")


def check() -> None:
    """Raise ``booted.CannotRun`` with the reason when this machine cannot do this; build the image while there is a network."""
    if os.geteuid() != 0:
        raise booted.CannotRun("root is needed: the host is reached through a network namespace")
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    missing |= {package for program, package in booted.TOOLS.items() if program != booted.debian_root.PROGRAM and shutil.which(program) is None}
    if missing:
        raise booted.CannotRun(f"missing packages: {' '.join(sorted(missing))}")
    booted.image()


def is_inside() -> bool:
    return os.environ.get(INSIDE) == "1"


def enter(arguments: t.Sequence[str]) -> int:
    """Run this program again with a network of its own; return its exit code."""
    environment = {**{name: value for name, value in os.environ.items() if not name.startswith("SSH_")}, INSIDE: "1"}
    command = ["unshare", "--net", "--", sys.executable, *arguments]
    return subprocess.run(command, cwd=_TESTS.parent, env=environment, check=False).returncode


class BootedHost:
    """The host with the manager of this name active; ``variables`` and ``environment`` are for the controller."""

    def __init__(self, work: pathlib.Path, manager: str) -> None:
        self.manager = manager
        self.container = booted.Container()
        try:
            self.run = self.container.run
            pid = self._inspect("{{.State.Pid}}")
            self._usage, self._unit = cpu_file(pathlib.Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii"), pathlib.Path("/sys/fs/cgroup"))
            self._spent = 0.0
            _cable(pid)
            self.login = Login(work, ADDRESS, PORT)
            self.variables, self.environment = self.login.variables, self.login.environment
            booted.podman("exec", "-i", self._inspect("{{.Id}}"), "sh", "-c", LINGER, given=self.login.public.encode())
            self._ufw = Ufw(self.container)
            self._activate()
            self.login.wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.container.close()

    def version(self) -> str:
        command = "firewall-cmd --version" if self.manager == "firewalld" else "ufw --version | grep -o '[0-9][0-9.]*' | head -n 1"
        return f"{self.manager} {self.run(command).strip()}"

    def has_packages_module(self) -> bool:
        """Tell whether Ansible's module for packages works here without a network: that of apt would install the library that it needs."""
        return "no" not in self.run("! command -v apt-get > /dev/null || python3 -c 'import apt' || echo no", check=False).split()

    def reset(self) -> None:
        """Bring the manager back to what it was: its files, its service, the kernel."""
        if self.manager == "firewalld":
            self.run(BACK)
        else:
            self._ufw.reset()

    def live(self) -> set[tuple[str, str]]:
        """Return network and port of the rules that the kernel holds."""
        return live_rules(self.run("nft list ruleset"))

    def saved(self) -> set[str]:
        """Return the networks that the manager's own files name."""
        return set(self.run(f"grep -rhoE '10\\.[0-9]+\\.[0-9]+\\.0/24' /etc/{self.manager} | sort -u", check=False).split())

    def cpu(self) -> float:
        """Return CPU seconds of everything on the host since the last call; ends the shared connection, so that its session is over."""
        self.login.hang_up()
        time.sleep(0.3)
        total = int(re.search(r"\d+", self._usage.read_text(encoding="ascii")).group()) * self._unit  # type: ignore[union-attr]
        spent, self._spent = total - self._spent, total
        return spent

    def _activate(self) -> None:
        if self.manager == "firewalld":
            self.run("systemctl disable --now ufw; systemctl enable --now firewalld; " + KEPT)
        else:
            self.run(f"systemctl disable --now firewalld; ufw allow proto tcp from {CONTROLLER} to any port {PORT}; systemctl enable --now ufw")
            self._ufw.keep()
            self.run("systemctl enable --now ssh")  # which the tests do without

    def _inspect(self, what: str) -> str:
        return booted.podman("inspect", "--format", what, self.container._id).strip()


def live_rules(listing: str) -> set[tuple[str, str]]:
    """Return network and port of each rule that admits TCP to a port from one network, as ``nft`` lists them."""
    return set(LIVE.findall(listing))


def cpu_file(groups: str, root: pathlib.Path) -> tuple[pathlib.Path, float]:
    """Return where the kernel counts the CPU time of a container, and the seconds of its unit. ``groups``: /proc/<pid>/cgroup of a process in it."""
    told = {names: path for _number, names, path in (line.split(":", 2) for line in groups.splitlines())}
    first = next((path for names, path in told.items() if "cpuacct" in names.split(",")), None)  # version 1 of control groups
    parts = pathlib.PurePosixPath(first or told.get("", "/")).parts
    ends = [number for number, part in enumerate(parts, 1) if part.startswith("libpod-")]
    if not ends:
        raise booted.CannotRun("the container has no control group of its own, so its CPU time is not known")
    inside = pathlib.Path(*parts[1 : ends[0]])
    return (root / "cpuacct" / inside / "cpuacct.usage", 1e-9) if first else (root / inside / "cpu.stat", 1e-6)


def _cable(pid: str) -> None:
    near = f"link set lo up\nlink add near type veth peer name far netns {pid}\naddress add {CONTROLLER}/{LENGTH} dev near\nlink set near up\n"
    far = f"address add {ADDRESS}/{LENGTH} dev far\nlink set far up\n"
    subprocess.run(["ip", "-batch", "-"], input=near, text=True, check=True)
    subprocess.run(["nsenter", "-t", pid, "-n", "ip", "-batch", "-"], input=far, text=True, check=True)
