# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host, its router and a controller, all in namespaces: what ``ansible-playbook`` does over real ssh, and what can happen to it midway."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path[:0] = [str(ROOT / name) for name in ("", "persistence", "firewalld")]

from drilled import CLEAN, Host
from firewalld_host import Firewalld, started
from networks import ROUTER, Network
from playbook_runs import PROGRAMS, Place
from what_others_have import RUNTIME, SAVED, script
from wire import LOCKED

BACKENDS = tuple(os.environ.get("MSPORTS_BACKENDS", "nftables ufw firewalld").split())
ADMIN = {"name": "ssh", "direction": "in", "protocol": "tcp", "local_ports": ["22"], "remote_addresses": ["any"]}
WEB = {**ADMIN, "name": "web", "local_ports": ["443"]}
OPTIONS = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR"
# Who looks whether the other end is still there learns of a silent cut; others wait for as long as TCP does.
WATCHFUL = " -o ServerAliveInterval=2 -o ServerAliveCountMax=15"  # a host may be busy for a while
PREPARE = (
    "systemctl enable --now ssh; useradd -m ops; echo 'root:of the test' | chpasswd; mkdir -p /run/sshd;"
    " echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops;"
    " for home in /root /home/ops; do mkdir -p $home/.ssh; echo '{0}' > $home/.ssh/authorized_keys; done; chown -R ops: /home/ops; chmod 700 /root/.ssh"
)
SU = {"ansible_user": "ops", "ansible_become": True, "ansible_become_method": "su", "ansible_become_password": "of the test"}
SUDO = {"ansible_user": "ops", "ansible_become": True}
ALONE = "-o ControlMaster=no"  # one connection a command
# Each pair of become, pipelining, multiplexing and bastion is among them.
WAYS: dict[str, dict[str, t.Any]] = {
    "root, pipelining, multiplexed": {"ansible_pipelining": True},
    "root, through a bastion": {"bastion": True, "ansible_ssh_args": ALONE},
    "su, pipelining": {**SU, "ansible_pipelining": True, "ansible_ssh_args": ALONE},
    "su, multiplexed, through a bastion": {**SU, "bastion": True},
    "sudo, pipelining, multiplexed, through a bastion": {**SUDO, "ansible_pipelining": True, "bastion": True},
    "sudo": {**SUDO, "ansible_ssh_args": ALONE},
}
SHELF = "/var/lib/portcullis/msports/msports"

Item = t.TypeVar("Item")
Found = t.TypeVar("Found")


class FirewalldHost(Firewalld):
    """Like ``drilled.Host``, with others' rules of every kind."""

    backend = "firewalld"

    def __init__(self) -> None:
        super().__init__(started())

    def clean(self) -> None:
        self.sh(CLEAN)
        super().clean()
        self.sh(script(SAVED))
        self.sh(script(RUNTIME))


def crashed(host: t.Any) -> None:
    """End a host like a power failure does, and wait until it has started again: firewalld says that it runs before it has loaded anything."""
    host.container.crash()
    if host.backend == "firewalld":
        host.container.run("until firewall-cmd --state; do sleep 0.2; done")


def at_once(act: t.Callable[[Item], Found], items: t.Sequence[Item]) -> list[Found]:
    """Do it with each of them at the same time, and return what each gave."""
    with concurrent.futures.ThreadPoolExecutor(len(items)) as crew:
        return list(crew.map(act, items))


def wrong_with(act: t.Callable[[Item], list[str]], items: t.Sequence[Item]) -> list[str]:
    """Do it with each of them at the same time, and return what was wrong; what one of them breaks off with hides none of the others."""

    def told(item: Item) -> list[str]:
        try:
            return act(item)
        except Exception as error:  # pylint: disable=broad-except
            return ["".join(traceback.format_exception(error))]

    return [line for lines in at_once(told, items) for line in lines]


def host_of(backend: str) -> t.Any:
    return FirewalldHost() if backend == "firewalld" else Host(backend)


class Running:
    """One run of ``ansible-playbook`` in a session of its own."""

    def __init__(self, site: Site, arguments: t.Sequence[str]) -> None:
        self._site, self.results = site, site.place.write("results.jsonl", "")
        self._said = site.place.folder / "said"
        environment = {**os.environ, **site.place.environment}
        command = [*site.network.controller.within, str(PROGRAMS / "ansible-playbook"), *arguments]
        with self._said.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=site.place.folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def send(self, number: int, to_all: bool) -> None:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_all else os.kill)(self.process.pid, number)

    def end(self, seconds: float = 600) -> None:
        self.process.wait(seconds)
        # A worker that has outlived its parent may still confirm.
        wait_for(lambda: not self._workers(), seconds, self._workers)

    def _workers(self) -> list[int]:
        ours = [pid for pid, words in processes() if words[0] != b"ssh" and any(b"ansible-playbook" in word for word in words)]
        return [pid for pid in ours if _session(pid) == self.process.pid]

    @property
    def said(self) -> str:
        return self._said.read_text()

    def told(self) -> dict[tuple[str, str], dict[str, t.Any]]:
        """What each task of each host was told to be."""
        lines = [json.loads(line) for line in self.results.read_text(encoding="utf-8").splitlines()]
        return {(host, task): result for host, task, result in lines}


class Site:
    """A controller, and hosts of one or several backends behind a router, on which a bastion is."""

    def __init__(self, folder: pathlib.Path, hosts: t.Sequence[t.Any]) -> None:
        self.place, self.network, self.hosts = Place(folder), Network(), hosts
        self.points: dict[str, int] = {}
        self.place.environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(folder / "cp")  # masters of another test lead to another host
        self._key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True)
        self.public = self._key.with_suffix(".pub").read_text().strip()
        for number, host in enumerate(hosts, 1):
            host.container.run(PREPARE.format(self.public))
            self.network.wire(number, host.container.pid)
        inside = ["nsenter", f"--target={hosts[0].container.pid}", "--mount", *self.network.router.within[1:]]
        self._bastion = subprocess.Popen([*inside, "/usr/sbin/sshd", "-D", "-p", "2200", "-o", "PidFile=none"])

    def variables(self, number: int, bastion: bool = False, options: str = OPTIONS, **more: t.Any) -> dict[str, t.Any]:
        common = options
        if bastion:
            common += f' -o ProxyCommand="ssh {options} -i {self._key} -p 2200 -W %h:%p root@{ROUTER}"'
        fixed = {"ansible_host": f"10.9.{number}.2", "ansible_user": "root", "ansible_ssh_private_key_file": str(self._key), "ansible_ssh_common_args": common}
        return {**fixed, "ansible_python_interpreter": "/usr/bin/python3", "ansible_timeout": 30, **more}

    def run(self, plays: t.Any, hosts: t.Mapping[str, t.Any], *arguments: str) -> Running:
        self.place.write("inventory.json", json.dumps({"all": {"hosts": hosts}}))
        self.place.write("play.json", json.dumps(plays))
        return Running(self, ["-i", "inventory.json", "play.json", *arguments])

    def clients(self) -> list[int]:
        """The processes of ssh that this controller has started, masters of connections included."""
        folder = str(self.place.folder).encode()
        return [pid for pid, words in processes() if words[0].rpartition(b"/")[2].startswith(b"ssh") and any(folder in word for word in words)]

    def close(self) -> None:
        self._bastion.kill()
        self._bastion.wait()
        for pid in self.clients():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for host in self.hosts:
            host.container.close()
        self.network.close()


def sites_of(folders: t.Any) -> list[Site]:
    """One host of each backend, each behind a router of its own."""
    wanted = [(folders.mktemp(f"site-{backend}"), backend) for backend in BACKENDS]
    return at_once(lambda one: Site(one[0], [host_of(one[1])]), wanted)


def processes() -> list[tuple[int, list[bytes]]]:
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append((int(path.parent.name), path.read_bytes().split(b"\0")))
    return found


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def wait_for(condition: t.Callable[[], t.Any], seconds: float = 300, why: t.Callable[[], t.Any] = str) -> t.Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, why()
        time.sleep(0.05)
    return found


def task(name: str, **options: t.Any) -> dict[str, t.Any]:
    return {"name": name, "portcullis.msports.linux_ruleset": options, "ignore_errors": True}


def play(*tasks: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    return {"hosts": "all", "gather_facts": False, "tasks": list(tasks), **more}


def locked(backend: str, seconds: int) -> dict[str, t.Any]:
    return {**LOCKED[backend], "backend": backend, "rollback_timeout": seconds, "allow_lockout": True}
