# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""One host to apply rules to: a network namespace behind a cable, with files of its own, reached over ssh where that is there."""

import os
import pathlib
import shutil
import subprocess
import sys
import time
import typing as t

from tests.benchmarks.login import Login

LAB = pathlib.Path(__file__).resolve().parents[1] / "lab"
sys.path.insert(0, str(LAB))

import namespace_host  # noqa: E402  (the lab's modules lie in its folder)
import private_namespaces  # noqa: E402

CONTROLLER, TARGET, LENGTH, PORT = "192.0.2.1", "192.0.2.2", 24, 22
_NAMESPACES = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
_SSHD = """Port {port}
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile {folder}/pid
UseDNS no
"""
_FOLDER = "/run/bench"
_TRACKED = "table inet others { chain input { type filter hook input priority 10; policy accept; ct state invalid counter; }; }\n"


def enter(arguments: t.Sequence[str]) -> t.NoReturn:
    """Start this program again where nothing of the machine can be reached. See ``private_namespaces`` of the lab.

    An ssh server must be able to change users, which a namespace with one user in it does not allow: root takes no user namespace.
    """
    if os.geteuid() != 0:
        private_namespaces.enter(arguments)
    os.environ[private_namespaces.INSIDE] = "1"
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", *_NAMESPACES, "--", sys.executable, *arguments])


def is_inside() -> bool:
    return private_namespaces.is_inside()


class Target:
    """The host, and how Ansible reaches it: ``variables`` and ``environment`` for the controller, ``way`` in words."""

    def __init__(self, work: pathlib.Path) -> None:
        private_namespaces.prepare()
        self.work = work
        self.host = namespace_host.NamespaceHost("target")
        self._cable()
        self._login: t.Optional[Login] = None
        self.environment: dict[str, str] = {}
        self.variables: dict[str, t.Any] = {"ansible_python_interpreter": "/usr/bin/python3"}
        if shutil.which("sshd") and shutil.which("ssh") and os.geteuid() == 0 and _all_users():
            self.way = "ssh with pipelining"
            self._ssh()
        else:
            self.way = "entering the namespace (no sshd here, or not root)"
            hosts = work / "hosts.json"
            hosts.write_text('{"target": %d}' % self.host.pid, encoding="utf-8")
            self.variables.update(ansible_connection="portcullis.lab.netns", msports_lab_hosts=str(hosts))

    def run(self, *command: str, text: str = "") -> str:
        """Run a command on the host; a failure raises with its words."""
        return self.host.call("run", command=list(command), text=text)

    def reset(self, tracked: bool = True) -> None:
        """Bring the host back to what it was: no rules of ours, nothing saved, systemd's folder there as on a booted host.

        ``tracked``: something makes the kernel track connections already, as on most servers. Otherwise the module, before its first
        rules, waits for the kernel to learn the session over which it is managed.
        """
        self.run("nft", "-f", "-", text="flush ruleset\n" + (_TRACKED if tracked else ""))
        if not tracked:
            self.run("conntrack", "-F")
        units = "/etc/systemd/system/*portcullis* /etc/systemd/system/*/*portcullis*"
        self.run("sh", "-c", f"rm -rf /etc/portcullis {units} /etc/bench.nft; mkdir -p /run/systemd/system")

    def cpu(self) -> float:
        """Return CPU seconds of the sessions that ended since the last call (0 without ssh); ends the shared connection, so that none is open."""
        if not self.environment:
            return 0.0
        self.hang_up()
        time.sleep(0.3)  # the server's process of a session ends a moment after the client's
        fields = pathlib.Path(f"/proc/{self._sshd}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # cutime, cstime: of children that were waited for
        spent, self._spent = total - self._spent, total
        return spent

    def rules(self) -> int:
        """Count the rules that the kernel holds."""
        return sum(line.startswith("\t\t") and ("accept" in line or "ACCEPT" in line) for line in self.run("nft", "list", "ruleset").splitlines())

    def hang_up(self) -> None:
        """End the shared ssh connection, if there is one."""
        if self._login:
            self._login.hang_up()

    def _cable(self) -> None:
        here = f"link add near type veth peer name far netns {self.host.pid}\naddress add {CONTROLLER}/{LENGTH} dev near\nlink set near up\n"
        subprocess.run(["ip", "-batch", "-"], input=here, text=True, check=True)
        self.host.call("ip_batch", lines=[f"address add {TARGET}/{LENGTH} dev far", "link set far up"])

    def _ssh(self) -> None:
        self._login = login = Login(self.work, TARGET, PORT)
        self.run("mkdir", "-p", _FOLDER, "/run/sshd")
        self.run("sh", "-c", f"cat > {_FOLDER}/authorized_keys", text=login.public)
        self.run("sh", "-c", f"cat > {_FOLDER}/sshd_config", text=_SSHD.format(port=PORT, address=TARGET, folder=_FOLDER))
        self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{_FOLDER}/host_key")
        self.run("/usr/sbin/sshd", "-f", f"{_FOLDER}/sshd_config")
        self._spent = 0.0
        self.variables, self.environment = login.variables, login.environment
        login.wait()
        self._sshd = int(self.run("cat", f"{_FOLDER}/pid"))


def _all_users() -> bool:
    """Tell whether this user namespace knows more users than root."""
    return any(int(line.split()[2]) > 1000 for line in pathlib.Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines())
