# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A booted container with ufw, and the backend run inside it."""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys
import typing as t


sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "persistence"))

import booted
from required import or_fail

FILES = "/etc/ufw/user.rules /etc/ufw/user6.rules /etc/default/ufw /etc/ufw/ufw.conf"
ALL_FILES = f"for i in {FILES}; do echo \"=== $i\"; stat -c '%a %U:%G' $i; cat $i; done"
KEPT = "/root/kept"
KERNEL = r"{ iptables-save -t filter; ip6tables-save -t filter; } | sed 's/^#.*//; s/ \[[0-9]*:[0-9]*\]$//'"
CODE = """
import json, sys
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.reconcile import Host, Refused, UfwError, inspect, run
given = json.loads({given!r})
host = Host()
try:
    result = inspect(given.get("owner", "msports"), host) if {info!r} else run(given, check_mode={check!r}, host=host)
except (Refused, UfwError) as error:
    result = {{"refused": str(error), "problems": getattr(error, "problems", [])}}
print(json.dumps(dict(result, processes=host.programs.count)))
"""


class Refusal(Exception):
    """The run was refused or failed; the text says why."""


class Ufw:
    """A container with ufw, and the backend in it. ``processes`` is how many programs the last run started."""

    def __init__(self, container: booted.Container) -> None:
        self.container = container
        self.run = container.run
        self.processes = 0
        self._behind: dict[str, str] = {}

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, info: bool = False, **options: t.Any) -> dict[str, t.Any]:
        given = json.dumps({"rules": list(rules), **options} if not info else options)
        done = json.loads(self.container.python(CODE.format(given=given, check=check, info=info)))
        self.processes = done.pop("processes")
        if "refused" in done:
            raise Refusal(done["refused"])
        return done

    def kernel(self) -> str:
        """Everything of the table filter of both families, without counters and times."""
        return self.run(KERNEL)

    def files(self) -> dict[str, str]:
        """The files that ufw and we write, with their modes and owners."""
        return dict(part.split(chr(10), 1) for part in self.run(ALL_FILES).split("=== ")[1:])

    def state(self) -> tuple[str, str]:
        """Files and kernel at once, for tests that only compare: starting a program in a container costs more than running it."""
        return tuple(self.run(f"{ALL_FILES}; echo; echo ++++; {KERNEL}").split("++++"))

    def traces(self) -> str:
        return self.run(
            "find / -xdev \\( -path /proc -o -path /sys -o -path /collections -o -path /run/log -o -path /var/log \\) -prune -o -iname '*portcullis*' -print"
        )

    def keep(self) -> None:
        """Remember ufw as it is after ``ufw enable`` on a fresh system."""
        self.run("systemctl disable --now ssh; ufw --force enable")
        self.build()  # what a first start leaves out is there, too
        self._keep(KEPT)

    def _keep(self, place: str) -> None:
        self.run(
            f"mkdir -p {place}; cp -a /etc/ufw {place}/etc-ufw; cp -a /etc/default/ufw {place}/default-ufw;"
            f" iptables-save -t filter > {place}/4; ip6tables-save -t filter > {place}/6"
        )

    def reset(self, place: str = KEPT) -> None:
        """Bring ufw back to what was kept, without a single command of it: those take seconds."""
        self.run(
            f"rm -rf /etc/portcullis /var/lib/portcullis /etc/ufw; cp -a {place}/etc-ufw /etc/ufw; cp -a {place}/default-ufw /etc/default/ufw;"
            f" nft flush ruleset; iptables-restore < {place}/4; ip6tables-restore < {place}/6; systemctl is-active -q ufw || systemctl start ufw"
        )

    def build(self) -> None:
        """Have ufw build everything from its files, as at a boot. Where its chains are there, it starts some 160 programs to remove them first."""
        self.run("nft flush ruleset; /lib/ufw/ufw-init start")

    def behind(self, command: str) -> None:
        """Bring ufw to what it is behind a command on the fresh system. The command is run once, and what it leaves is kept for the tests that follow."""
        if command in self._behind:
            self.reset(self._behind[command])
            return
        self.run(command)
        self._behind[command] = f"{KEPT}-{len(self._behind)}"
        self._keep(self._behind[command])


@contextlib.contextmanager
def fresh() -> t.Iterator[Ufw]:
    """A host of its own, on which ufw was enabled."""
    made = Ufw(or_fail(booted.Container, "ufw"))
    try:
        made.keep()
        yield made
    finally:
        made.container.close()
