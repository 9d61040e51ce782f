# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts at once, over real ssh: all of them with ``--forks 50``, and one after the other with ``serial: 1``.

One host of each backend is a booted container. The others are namespaces beside the first of them: own kernel rules, own folders, own sshd, and no
systemd, so a process of its own fires there.
"""

from __future__ import annotations

import difflib
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from networks import exists, run
from sites import ADMIN, ALONE, BACKENDS, OPTIONS, SHELF, WATCHFUL, WEB, Site, host_of, locked, play, wait_for

LIGHT = 9
GENEROUS = 600
# A host's own folders, where a run writes; ``/run`` has no folder of systemd.
FOLDERS = """set -e
mount -t tmpfs tmpfs /mnt
cp -a /etc /mnt/etc
mkdir -p /mnt/var
rm -rf /mnt/etc/portcullis
mount --bind /mnt/etc /etc
mount --bind /mnt/var /var/lib
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
ip link set lo up
echo ready
exec /usr/sbin/sshd -D -o PidFile=none
"""


class Light:
    """A host in namespaces of its own, within the processes and the root of a container."""

    backend = "nftables"

    def __init__(self, carrier: int) -> None:
        within = ["nsenter", f"--target={carrier}", "--mount", "--pid", "unshare", "--net", "--mount", "--propagation", "private"]
        self._process = subprocess.Popen([*within, "sh", "-c", FOLDERS], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None and self._process.stdout.readline() == "ready\n"
        self.pid = int(run(["pgrep", "-P", str(self._process.pid)]))  # nsenter forks into the container's processes

    def ruleset(self) -> str:
        return run(["nsenter", f"--net=/proc/{self.pid}/ns/net", "nft", "-s", "list", "ruleset"])

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._process.communicate()


class Member:
    """One of the hosts: its name, its number on the network, and what it holds."""

    def __init__(self, site: Site, number: int, host: t.Any) -> None:
        self.site, self.number, self.host, self.backend = site, number, host, host.backend
        self.pid = host.pid if isinstance(host, Light) else host.container.pid
        self.name = f"{self.backend}-{number}"

    def ruleset(self) -> str:
        if isinstance(self.host, Light):
            return self.host.ruleset()
        return self.host.drill("answer = state()['kernel']")

    def waits(self) -> bool:
        return exists(self.pid, f"{SHELF}/armed.json")


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[list[Member]]:
    site = Site(tmp_path_factory.mktemp("site"), [host_of(backend) for backend in BACKENDS])
    for host in site.hosts:
        host.clean()
    found = [Member(site, number, host) for number, host in enumerate(site.hosts, 1)]
    lights = [Light(found[0].pid) for _number in range(LIGHT)]
    for number, light in enumerate(lights, len(found) + 1):
        site.network.wire(number, light.pid)
        found.append(Member(site, number, light))
    yield found
    for light in lights:
        light.close()
    site.close()


WAYS: dict[str, tuple[list[str], dict[str, t.Any], dict[str, t.Any]]] = {
    "fifty at once, multiplexed": (["--forks", "50"], {}, {}),
    "fifty at once, pipelining, one connection a command": (["--forks", "50"], {}, {"ansible_pipelining": True, "ansible_ssh_args": ALONE}),
    "one after the other": ([], {"serial": 1}, {"ansible_pipelining": True}),
}


class Change:
    """One change on all of them, in one of ``WAYS``. Who is in ``cut`` loses its network from the moment that a change waits, until none does."""

    def __init__(self, members: list[Member], way: str, options: dict[str, dict[str, t.Any]], cut: t.Sequence[Member] = ()) -> None:
        site, (arguments, more, variables) = members[0].site, WAYS[way]
        given = {member.name: {"given": options[member.name], "options": OPTIONS + WATCHFUL} for member in members}
        hosts = {member.name: site.variables(member.number, **variables, **given[member.name]) for member in members}
        step = {"name": "it", "portcullis.msports.linux_ruleset": "{{ given }}", "ignore_errors": True, "ignore_unreachable": True}
        running = site.run([play(step, **more)], hosts, *arguments)
        gone: dict[str, bool] = {}
        while running.process.poll() is None:
            for member in cut:
                waits = member.waits()
                if waits != gone.get(member.name, False) and (waits or member.name in gone):
                    (site.network.cut(member.number, "both ways are silent") if waits else site.network.mend(member.number))
                    gone[member.name] = waits
            time.sleep(0.02)
        running.end()
        assert set(gone.values()) <= {False}, gone
        self.said, self.told = running.said, {host: result for (host, _task), result in running.told().items()}

    def are(self, key: str) -> dict[str, t.Any]:
        return {name: done.get("rollback", {}).get(key) for name, done in self.told.items()}


@pytest.mark.parametrize("way", WAYS)
def test_each_host_has_what_is_said_of_it(members: list[Member], way: str) -> None:
    locking, cutting = members[1::4], members[2::4]  # the ufw host and the firewalld host are the first of them
    good = {member.name: {"backend": member.backend, "rules": [ADMIN], "rollback_timeout": GENEROUS} for member in members}
    mixed = {name: {**options, "rules": [ADMIN, WEB]} for name, options in good.items()}
    mixed.update({member.name: locked(member.backend, 4) for member in locking})
    mixed.update({member.name: {**mixed[member.name], "rollback_timeout": 6} for member in cutting})
    absent = {member.name: {"backend": member.backend, "state": "absent"} for member in members}

    clean = {member.name: member.ruleset() for member in members}
    first = Change(members, way, good)
    assert first.are("confirmed") == {member.name: True for member in members}, first.said
    before = {member.name: member.ruleset() for member in members}
    second = Change(members, way, mixed, cutting)
    for member in members:
        wait_for(lambda member=member: not member.waits())
    held = {member.name: member.ruleset() == before[member.name] for member in members}
    for member in members:
        done = second.told[member.name]
        confirmed = done.get("rollback", {}).get("confirmed", False)
        assert confirmed is not held[member.name], (member.name, second.said)
        if member in locking:
            assert done.get("rolled_back") is True, (member.name, done)
        elif member not in cutting:
            assert confirmed is True, (member.name, done)
    third = Change(members, way, absent)
    taken_back = {name for name, same in held.items() if same}
    assert {name for name, done in third.told.items() if "rolled_back_before" in done} == taken_back, third.said
    assert [f"{member.name}: {line}" for member in members for line in changes(clean[member.name], member.ruleset())] == []


def changes(before: str, now: str) -> list[str]:
    return [line for line in difflib.unified_diff(before.splitlines(), now.splitlines(), n=0) if line[:1] in "+-"]
