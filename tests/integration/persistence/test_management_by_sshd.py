# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lockout guard at the end of sessions of a real sshd, in a container without the right to trace: what ``management_paths`` asks of a stand-in."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import booted
import pytest

sys.path.extend(str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("", "management_paths"))

import network_namespaces
from session import FORWARD
from required import or_fail

pytestmark = pytest.mark.container

HERE, PEER = "10.7.0.1", "10.7.0.2"
JUDGE = """
import json, os, sys
os.setresgid(0, 0, 0)
os.setresuid(0, 0, 0)
sys.path.insert(0, {path!r})
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Host, Refused, run
for options in json.loads({options!r}):
    try:
        print(json.dumps([run(options, True, Host())["effective"]["guarded"], ""]), flush=True)
    except Refused as refused:
        print(json.dumps([[], str(refused)]), flush=True)
"""
SETUP = """set -e
useradd -m admin
cp "$(readlink -f /usr/bin/python3)" /usr/local/bin/asroot
chmod 4755 /usr/local/bin/asroot
for home in /root /home/admin; do mkdir -p $home/.ssh; echo '{key}' > $home/.ssh/authorized_keys; chmod 700 $home/.ssh; done
chown -R admin: /home/admin/.ssh
passwd -q -u admin 2>/dev/null || usermod -p '*' admin
systemctl start ssh
"""


class Host:
    """A booted container with a wire to the namespace of the test, and keys for its users."""

    def __init__(self, container: booted.Container, folder: pathlib.Path) -> None:
        self.container, self._folder = container, folder
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
        container.run(SETUP.format(key=(folder / "key.pub").read_text().strip()))
        network_namespaces.run(f"ip link add there type veth peer name wire netns {container.pid}; ip addr add {PEER}/24 dev there; ip link set there up")
        container.run(f"ip addr add {HERE}/24 dev wire; ip link set wire up")

    def ssh(self, user: str, command: str, *options: str, port: int = 22, host: str = HERE) -> str:
        common = ["-i", str(self._folder / "key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        done = subprocess.run(["ssh", *common, *options, "-p", str(port), f"{user}@{host}", command], capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def judge(self, user: str, program: str, options: t.Sequence[dict[str, t.Any]], **way: t.Any) -> list[t.Any]:
        code = JUDGE.format(path=booted.COLLECTION.partition("/ansible_collections")[0], options=json.dumps(options))
        command = f"{program} - <<'CODE'\n{code}\nCODE\ntrue"
        return [json.loads(line) for line in self.ssh(user, command, *way.pop("options", ()), **way).splitlines()]


def rule(port: int, peer: str) -> dict[str, t.Any]:
    return {"name": "in", "direction": "in", "protocol": "tcp", "local_ports": [str(port)], "remote_addresses": [peer]}


def jobs(port: int) -> list[dict[str, t.Any]]:
    """Rules that admit the way, rules that do not, and these with a timer."""
    common = {"connection_port": port, "persist": False}
    closed = {**common, "rules": [rule(22, "10.9.0.0/24"), dict(rule(443, PEER), name="web")]}
    return [{**common, "rules": [rule(port, PEER)]}, closed, {**closed, "rollback_timeout": 600}]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Host]:
    container = or_fail(booted.Container, "persistence")
    try:
        with network_namespaces.fresh():
            yield Host(container, tmp_path_factory.mktemp("keys"))
    finally:
        container.close()


ASROOT = "env -u SSH_CONNECTION /usr/local/bin/asroot"


@pytest.mark.parametrize(
    ("user", "program", "port", "how"),
    [
        ("root", "python3", 22, "SSH_CONNECTION in the environment"),
        ("root", "env -u SSH_CONNECTION python3", 22, "SSH_CONNECTION in the environment of process"),
        ("admin", ASROOT, 22, "established sockets"),
        ("admin", ASROOT, 2443, "10.7.0.1 port 2443 from"),
    ],
    ids=["root", "root without the variable", "a user who becomes root", "a user behind a forwarder"],
)
def test_a_session_of_sshd_is_seen_or_not_taken_for_none(host: Host, user: str, program: str, port: int, how: str) -> None:
    if port != 22:
        host.container.run(
            f"cat > /tmp/forward.py <<'CODE'\n{FORWARD % ('0.0.0.0', port, '127.0.0.1')}\nCODE\nsystemd-run -q --unit forwarder python3 /tmp/forward.py"
        )
        host.container.run("for i in $(seq 600); do ss -ltn | grep -q :2443 && break; sleep 0.1; done")
    admitted, closed, timed = host.judge(user, program, jobs(port), port=port)
    assert how in admitted[0][0] and PEER in admitted[0][0]
    assert "would lock out" in closed[1] and "would lock out" in timed[1]


def test_a_master_alone_is_seen_by_a_module_that_systemd_runs(host: Host, tmp_path: pathlib.Path) -> None:
    control = ("-o", f"ControlPath={tmp_path}/c", "-o", "ControlMaster=auto", "-o", "ControlPersist=60")
    host.ssh("root", "true", *control)
    code = JUDGE.format(path=booted.COLLECTION.partition("/ansible_collections")[0], options=json.dumps(jobs(22)))
    host.container.run(f"cat > /tmp/judge.py <<'CODE'\n{code}\nCODE")
    lines = host.container.run("systemd-run -q --wait --pipe python3 /tmp/judge.py").splitlines()
    admitted, closed, _timed = (json.loads(line) for line in lines)
    assert PEER in admitted[0][0]
    assert "would lock out" in closed[1]
    host.ssh("root", "true", *control[:2], "-O", "exit")
