# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A booted container with ufw, and the backend run inside it; one boot serves a module of tests."""

from __future__ import annotations

import json
import os
import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "persistence"))

import booted

PACKAGES = "ufw"
FILES = "/etc/ufw/user.rules /etc/ufw/user6.rules /etc/default/ufw /etc/ufw/ufw.conf"
CODE = """
import json, sys
from ansible_collections.portcullis.msports.plugins.module_utils._ufw.reconcile import Host, Refused, UfwError, inspect, run
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

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, info: bool = False, **options: t.Any) -> dict[str, t.Any]:
        given = json.dumps({"rules": list(rules), **options} if not info else options)
        done = json.loads(self.container.python(CODE.format(given=given, check=check, info=info)))
        self.processes = done.pop("processes")
        if "refused" in done:
            raise Refusal(done["refused"])
        return done

    def kernel(self) -> str:
        """Everything of the table filter of both families, without counters and times."""
        return self.run(r"{ iptables-save -t filter; ip6tables-save -t filter; } | sed 's/^#.*//; s/ \[[0-9]*:[0-9]*\]$//'")

    def files(self) -> dict[str, str]:
        """The files that ufw and we write, with their modes and owners."""
        return {name: self.run(f"stat -c '%a %U:%G' {name}; cat {name}") for name in FILES.split()}

    def traces(self) -> str:
        return self.run("find / -xdev \\( -path /proc -o -path /sys -o -path /collections -o -path /run/log -o -path /var/log \\) -prune -o -iname '*portcullis*' -print")

    def reset(self, enabled: bool = True) -> None:
        """Bring ufw to the state of a fresh package, and enable it."""
        self.run(
            "ufw --force disable; rm -rf /etc/portcullis; cp /usr/share/ufw/iptables/*.rules /etc/ufw/; cp /root/default-ufw /etc/default/ufw;"
            " iptables -F; ip6tables -F; iptables -X; ip6tables -X; for i in iptables ip6tables; do for c in INPUT OUTPUT FORWARD; do $i -P $c ACCEPT; done; done;"
            " sed -i 's/^LOGLEVEL=.*/LOGLEVEL=low/' /etc/ufw/ufw.conf; systemctl start ufw"
        )
        if enabled:
            self.run("ufw --force enable")


def boot(more: str = PACKAGES) -> booted.Container:
    if "ufw" in os.environ.get("MSPORTS_SKIP", "").split(","):
        pytest.skip("MSPORTS_SKIP names ufw")
    try:
        return booted.Container(more)
    except booted.CannotRun as error:
        pytest.fail(f"this machine cannot run the container ({error}); MSPORTS_SKIP=ufw leaves these tests out by name")


@pytest.fixture(scope="module")
def _booted() -> t.Iterator[Ufw]:
    made = Ufw(boot())
    made.run("cp /etc/default/ufw /root/default-ufw")
    yield made
    made.container.close()


@pytest.fixture
def ufw(_booted: Ufw) -> Ufw:
    """ufw as it is after ``ufw enable`` on a fresh system."""
    _booted.reset()
    return _booted


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    """A wire rule: inbound TCP from anywhere unless told otherwise."""
    return dict({"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"]}, **fields)


@pytest.fixture(name="rule")
def _rule() -> t.Callable[..., dict[str, t.Any]]:
    return rule
