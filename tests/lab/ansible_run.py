# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Run playbooks of the collection against the hosts of the lab, from this checkout."""

import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests" / "tools"
sys.path.insert(0, str(ROOT / "tests" / "windows"))

from engines import mono

LINUX, WINDOWS = "portcullis.lab.netns", "portcullis.lab.windows_stand_in"
# The connection is given on the command line and not in the inventory, because one inventory and one plan serve both systems' stand-ins.
# All hosts can probe, because all are played by Linux.
# Linux: plain Debian machines, where modules run under the system's own Python, not under the controller's. They are entered as their
# root, so nothing has to become it; hosts that were planned for Windows are played there by name. Windows: what anybody would have.
VERIFY = {"verify_systems": ["linux", "windows"], "verify_most": 1000}
ACCEPTED = {"host_firewall_accept_cut": ["linux01 *", "relay01 *"]}  # what preflight announces there is meant to be cut
VARIABLES: dict[str, dict[str, t.Any]] = {
    LINUX: {"ansible_python_interpreter": "/usr/bin/python3", "ansible_become": False, "host_firewall_backend": "nftables", **VERIFY, **ACCEPTED},
    WINDOWS: {"apply_hosts": "windows", "apply_saved_plan": True},
}
_OURS = "ansible_collections.portcullis.msports.plugins"
_JSON = "ansible.module_utils._internal._json._profiles._module_legacy"
# What a worker of every host imports.
BEFOREHAND = {
    LINUX: f"{_JSON}_c2m {_JSON}_m2c {_OURS}.action.linux_ruleset {_OURS}.plugin_utils._confirm ansible_collections.portcullis.lab.plugins.connection.netns",
    WINDOWS: f"{_JSON}_c2m {_JSON}_m2c {_OURS}.action.win_firewall_ruleset ansible_collections.portcullis.lab.plugins.connection.windows_stand_in",
}
_RECAP = re.compile(r"^(\S+)\s*: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """What one run of ansible-playbook said: its text, its exit code and, by host, its counts and what ``apply`` gave."""

    code: int
    text: str
    counts: t.Mapping[str, t.Mapping[str, int]]
    results: t.Mapping[str, t.Mapping[str, t.Any]]

    def changed(self) -> set[str]:
        """Return the hosts that the run changed."""
        return {name for name, count in self.counts.items() if count["changed"] and name != "localhost"}


class Ansible:
    """A controller inside the lab. Everything it writes is below ``work``, which belongs to the lab, but for what it packs for all of ``make test``."""

    def __init__(self, inventory: pathlib.Path, work: pathlib.Path, pids: t.Mapping[str, int], stores: pathlib.Path) -> None:
        self.inventories = [inventory]  # what a later one says wins
        self.work = work
        hosts = work / "hosts.json"
        hosts.write_text(json.dumps({**pids, "localhost": os.getpid()}), encoding="utf-8")
        self.collections = work / "collections"
        collections = self.collections / "ansible_collections" / "portcullis"
        collections.mkdir(parents=True)
        (collections / "msports").symlink_to(ROOT, target_is_directory=True)
        (collections / "lab").symlink_to(ROOT / "tests/lab/collections/ansible_collections/portcullis/lab", target_is_directory=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_HOME": str(work / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORKS": "8",
            "ANSIBLE_REMOTE_TEMP": "/run/ansible",
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_CALLBACKS_ENABLED": "portcullis.lab.results,packed_once",
            "ANSIBLE_CALLBACK_PLUGINS": str(TOOLS / "callbacks"),
            "MSPORTS_PACKED": os.environ.get("MSPORTS_PACKED") or str(work / "packed"),
            "MSPORTS_LAB_HOSTS": str(hosts),
            "MSPORTS_STAND_IN_DIRECTORY": str(stores),
        }
        (work / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
        (work / "packed").mkdir()

    def play(self, playbook: str, connection: str = LINUX, **more: t.Any) -> Played:
        """Run a playbook, by the name in a collection or by path, over one of the connections, and return what it said. ``more`` are variables."""
        extra = json.dumps({"lab_work": str(self.work), **VARIABLES[connection], **more})
        sources = [word for inventory in self.inventories for word in ("-i", str(inventory))]
        program = [sys.executable, str(TOOLS / "quick_start.py"), _program("ansible-playbook")]
        command = [*program, *sources, "--connection", connection, "--extra-vars", extra, playbook]
        told = self.work / f"results.{connection}"  # runs over different connections may go on at once
        told.write_text("", encoding="utf-8")
        ours = {"MSPORTS_LAB_RESULTS": str(told), "MSPORTS_BEFOREHAND": BEFOREHAND[connection]}
        environment = {**self.environment, **ours, **(mono.for_playbooks() if connection == WINDOWS else {})}
        done = subprocess.run(command, cwd=self.work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        results = dict(map(json.loads, told.read_text(encoding="utf-8").splitlines()))
        return Played(done.returncode, done.stdout, _counts(done.stdout), results)


def _program(name: str) -> str:
    return str(pathlib.Path(sys.executable).with_name(name))


def _counts(text: str) -> dict[str, dict[str, int]]:
    names = ("ok", "changed", "unreachable", "failed", "skipped")
    return {match[1]: dict(zip(names, map(int, match.groups()[1:]), strict=True)) for match in _RECAP.finditer(text)}
