# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder with an inventory of three hosts, from which ansible-playbook is run in a network namespace, and what each task gave."""

from __future__ import annotations

import atexit
import copy
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing as t

import yaml
from playbook_runs import PROGRAMS, PYTHON, Place

COUNTED = pathlib.Path(__file__).resolve().parent / "collections"
# With a network, a /run and a /var/lib of its own, where a host remembers what it has and what it had.
UNSHARE = [
    *("unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])),
    *("sh", "-c", 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && exec "$@"', "sh"),
]
HOSTS = ("web01", "db01", "bare01")
INVENTORY: dict[str, t.Any] = {
    "all": {
        "vars": {
            "ansible_connection": "portcullis.counted.local",
            "ansible_python_interpreter": str(PYTHON),
            "ansible_user": "root",
            "msports_releases": {"exchange": "2013"},  # which has both roles
            "msports_management": {"from": ["10.9.0.0/24"], "services": ["ssh"]},
            "msports_networks": {"exchange.client": ["10.20.0.0/16"]},
            "msports_not_deployed": ["windows_server.domain_controller"],
        },
        "children": {
            "exchange_client_access": {"hosts": {"web01": {"msports_addresses": ["10.0.0.1"]}}},
            "exchange_mailbox": {"hosts": {"db01": {"msports_addresses": ["10.0.0.2"]}}},
            "others": {"hosts": {"bare01": {"msports_addresses": ["10.0.0.3"]}}},
        },
    }
}


class Run(t.NamedTuple):
    code: int
    output: str
    results: dict[str, dict[str, t.Any]]  # host -> the last task's result
    by_task: dict[str, dict[str, t.Any]]
    calls: list[str]


class Bench:
    """A folder with an inventory, from which ansible-playbook is run in a network namespace."""

    def __init__(self, folder: pathlib.Path, *collections: pathlib.Path) -> None:
        self.folder = folder
        self.inventory = copy.deepcopy(INVENTORY)
        self.environment = {"ANSIBLE_PIPELINING": "1"}
        self.within = UNSHARE
        self._place = Place(folder, COUNTED, *collections)

    @property
    def variables(self) -> dict[str, t.Any]:
        return self.inventory["all"]["vars"]

    def plan_files(self) -> dict[str, str]:
        return {str(path.relative_to(self.folder)): path.read_text() for path in sorted(self.folder.glob("msports-plan/**/*.json"))}

    def play(self, *tasks: dict[str, t.Any], arguments: t.Sequence[str] = (), hosts: str = "all", **play: t.Any) -> Run:
        plays = [{"hosts": hosts, "gather_facts": False, **play, "tasks": [{"register": "result", **task} for task in tasks]}]
        self._place.write("play.yml", yaml.safe_dump(plays, sort_keys=False))
        return self.run("play.yml", *arguments)

    def run(self, playbook: str, *arguments: str) -> Run:
        self._place.write("inventory.yml", yaml.safe_dump(self.inventory))
        calls = self._place.write("calls", "")
        played = self._place.play("-i", "inventory.yml", playbook, *arguments, within=self.within, MSPORTS_CALLS=str(calls), **self.environment)
        return Run(played.code, played.output, played.by_host(), played.by_task(), calls.read_text().split())

    def planned(self) -> str:
        """Plan, and return the digest. A plan of the inventory as it stands above is made once for all tests, and copied."""
        folder = self.folder / "msports-plan"
        if self.inventory == INVENTORY:
            shutil.copytree(_plan_of_the_inventory(), folder)
        else:
            run = self.play(PLAN, hosts="localhost")
            assert run.code == 0, run.output
        return str(json.loads(folder.joinpath("index.json").read_text())["digest"])

    def inside(self, command: t.Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a program in namespaces like those of a play; it sees this checkout as the collection, too."""
        path = os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)])  # ansible-runner looks for its programs there
        environment = {**os.environ, **self._place.environment, **self.environment, "PATH": path, "MSPORTS_CALLS": str(self.folder / "calls")}
        return subprocess.run([*UNSHARE, *command], cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=1800)

    @staticmethod
    def program(name: str) -> str:
        return str(pathlib.Path(sys.executable).with_name(name))


PLAN = {"portcullis.msports.plan": {}}
APPLY = {"portcullis.msports.apply": {"persist": False}}
SUMMARY = {"portcullis.msports.summary": {}}


@functools.cache
def _plan_of_the_inventory() -> pathlib.Path:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="msports-planned-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = Bench(folder).play(PLAN, hosts="localhost")
    assert run.code == 0, run.output
    return folder / "msports-plan"
