# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that wait for their confirmation over real ssh: multiplexed, with and without pipelining, as another user, through a bastion; and ended midway."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path[:0] = [str(ROOT / name) for name in ("", "persistence")]

import booted
from drilled import Host
from playbook_runs import PROGRAMS, Place
from wire import wired

NOT_CONFIRMED = "the controller did not confirm the change in time"
SSH = {"name": "ssh", "direction": "in", "protocol": "tcp", "local_ports": ["22"], "remote_addresses": ["any"]}
WEB = {**SSH, "name": "web", "local_ports": ["443"]}
OPTIONS = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR"
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: good
      portcullis.msports.linux_ruleset: {rules: [SSH], rollback_timeout: 30}
      when: only == ''
    - name: locked
      portcullis.msports.linux_ruleset: {rules: [], default_inbound: block, rollback_timeout: 3, allow_lockout: true}
      ignore_errors: true
    - name: again
      portcullis.msports.linux_ruleset: {rules: [SSH, WEB], rollback_timeout: 30}
      when: only == ''
""".replace("SSH", json.dumps(SSH)).replace("WEB", json.dumps(WEB))
PREPARE = (
    "systemctl start ssh; useradd -m ops; echo 'root:of the test' | chpasswd; mkdir -p /run/sshd;"
    " for home in /root /home/ops; do mkdir -p $home/.ssh; echo '{0}' > $home/.ssh/authorized_keys; done; chown -R ops: /home/ops; chmod 700 /root/.ssh"
)
AS_ANOTHER = {"ansible_user": "ops", "ansible_become": True, "ansible_become_method": "su", "ansible_become_password": "of the test"}
WAYS: dict[str, dict[str, t.Any]] = {
    "multiplexed": {},
    "pipelining": {"ansible_pipelining": True},
    "as another user": AS_ANOTHER,
    "through a bastion, pipelining": {"ansible_pipelining": True, "bastion": True},
    "one connection a command": {"ansible_ssh_args": "-o ControlMaster=no"},
}


class Site:
    """A controller in the network namespace of a peer of the host, and a bastion there."""

    def __init__(self, folder: pathlib.Path, host: Host, peer: t.Any) -> None:
        self.host, self.place = host, Place(folder)
        self.place.environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(folder / "cp")  # masters of another test lead to another host
        self._key, self._address = folder / "key", peer.here
        self.within = ["nsenter", f"--net=/proc/{peer._holder.pid}/ns/net"]
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True)
        host.container.run(PREPARE.format(self._key.with_suffix(".pub").read_text().strip()))
        pid = booted.podman("inspect", "--format", "{{.State.Pid}}", host.container._id).strip()
        inside = ["nsenter", f"--target={pid}", "--mount", self.within[1], "/usr/sbin/sshd", "-D", "-p", "2200", "-o", "PidFile=none"]
        self._bastion = subprocess.Popen(inside)
        self.place.write("play.yml", PLAYBOOK)

    def inventory(self, bastion: bool = False, **variables: t.Any) -> pathlib.Path:
        common = OPTIONS
        if bastion:
            common += f' -o ProxyCommand="ssh {OPTIONS} -i {self._key} -p 2200 -W %h:%p root@127.0.0.1"'
        fixed = {"ansible_host": self._address, "ansible_user": "root", "ansible_ssh_private_key_file": str(self._key), "ansible_ssh_common_args": common}
        more = {"ansible_python_interpreter": "/usr/bin/python3", "ansible_timeout": 2, "only": ""}
        return self.place.write("inventory.json", json.dumps({"all": {"hosts": {"host": {**fixed, **more, **variables}}}}))

    def ruleset(self) -> str:
        return self.host.container.run("nft -s list ruleset")

    def clients(self) -> list[int]:
        """The processes of ssh that this controller has started, masters of connections included."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].rpartition(b"/")[2].startswith(b"ssh") and any(str(self.place.folder).encode() in word for word in words):
                found.append(int(path.parent.name))
        return found

    def close(self) -> None:
        self._bastion.kill()
        self._bastion.wait()
        for pid in self.clients():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    host = Host("nftables")
    with wired(host.container) as peer:
        made = Site(tmp_path_factory.mktemp("site"), host, peer)
        yield made
        made.close()
    host.container.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_change_is_confirmed_a_lockout_is_taken_back_and_the_next_run_says_so(site: Site, way: str) -> None:
    site.host.clean()
    played = site.place.play("-i", site.inventory(**WAYS[way]), "play.yml", within=site.within)
    done = played.by_task()
    assert list(done) == ["good", "locked", "again"], played.output
    assert done["good"]["rollback"] == {"confirmed": True, "seconds": 30, "by": "a new connection by ssh"}, played.output
    assert (done["locked"]["failed"], done["locked"].get("rolled_back"), done["locked"]["changed"]) == (True, True, False), played.output
    assert done["locked"]["problems"][0] == NOT_CONFIRMED
    assert (done["again"]["rolled_back_before"]["why"], done["again"]["rollback"]["confirmed"]) == (NOT_CONFIRMED, True)
    listed = site.ruleset()
    assert ['comment "web"' in listed, "table inet theirs" in listed] == [True, True]
    assert 'comment "web"' in site.host.container.run("cat /etc/portcullis/msports/msports.nft")


@pytest.mark.parametrize("ended", ["HUP to the controller", "TERM to the controller", "KILL to the controller", "KILL to ssh"])
def test_who_is_ended_midway_leaves_a_host_that_heals(site: Site, ended: str) -> None:
    site.host.clean()
    before = site.ruleset()
    command = [*site.within, str(PROGRAMS / "ansible-playbook"), "-i", str(site.inventory(only="locked")), "play.yml"]
    environment = {**os.environ, **site.place.environment}
    said = site.place.folder / "said"
    with said.open("w") as output:
        controller = subprocess.Popen(command, cwd=site.place.folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    site.host.container.run("for i in $(seq 1000); do test -e /var/lib/portcullis/msports/msports/armed.json && exit 0; sleep 0.02; done", check=False)
    assert "armed.json" in site.host.container.run("ls /var/lib/portcullis/msports/msports", check=False), said.read_text()
    number = getattr(signal, "SIG" + ended.split()[0])
    for pid in site.clients() if ended.endswith("ssh") else [controller.pid]:
        os.kill(pid, number)
    end = time.monotonic() + 30
    while site.ruleset() != before or site.host.container.run("ls /var/lib/portcullis/msports/msports", check=False) != "rolled_back.json\n":
        assert time.monotonic() < end, site.ruleset()
        time.sleep(0.2)
    controller.wait(60)
    note = json.loads(site.host.container.run("cat /var/lib/portcullis/msports/msports/rolled_back.json"))
    assert note["why"] == NOT_CONFIRMED
