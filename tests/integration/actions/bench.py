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
    given: list[tuple[str, str, dict[str, t.Any]]]  # host, task and result, in order
    calls_of: dict[str, list[str]]  # task -> the calls that it made, for tasks one after another

    def of(self, task: str) -> list[dict[str, t.Any]]:
        """What each task of this name gave, in order."""
        return [result for _host, name, result in self.given if name == task]

    def at(self, host: str, task: str) -> dict[str, t.Any]:
        """What the one task of this name gave at a host."""
        (result,) = (result for where, name, result in self.given if (where, name) == (host, task))
        return result


def a_play(*tasks: dict[str, t.Any], hosts: str = "all", **play: t.Any) -> dict[str, t.Any]:
    told = [task if "block" in task else {"register": "result", **task} for task in tasks]
    return {"hosts": hosts, "gather_facts": False, **play, "tasks": told}


def attempt(name: str, task: dict[str, t.Any]) -> dict[str, t.Any]:
    """Tasks that shall be refused, as one: ``name`` gives the message where they were, and is not there where they were not."""
    return {"block": [task], "rescue": [{"name": name, "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}]}


class Bench:
    """A folder with an inventory, from which ansible-playbook is run in a network namespace."""

    def __init__(self, folder: pathlib.Path, *collections: pathlib.Path) -> None:
        self.folder = folder
        self.inventory = copy.deepcopy(INVENTORY)
        self.environment = {"ANSIBLE_PIPELINING": "1"}
        self.within = UNSHARE
        self._place = Place(folder, COUNTED, *collections)
        self._place.environment["ANSIBLE_CALLBACKS_ENABLED"] += ",portcullis.counted.tasks"

    @property
    def variables(self) -> dict[str, t.Any]:
        return self.inventory["all"]["vars"]

    def plan_files(self, directory: str = "msports-plan") -> dict[str, str]:
        return {str(path.relative_to(self.folder)): path.read_text() for path in sorted(self.folder.glob(f"{directory}/**/*.json"))}

    def play(self, *tasks: dict[str, t.Any], arguments: t.Sequence[str] = (), hosts: str = "all", **play: t.Any) -> Run:
        return self.plays(a_play(*tasks, hosts=hosts, **play), arguments=arguments)

    def plays(self, *plays: dict[str, t.Any], arguments: t.Sequence[str] = ()) -> Run:
        self._place.write("play.yml", yaml.safe_dump(list(plays), sort_keys=False))
        return self.run("play.yml", *arguments)

    def run(self, playbook: str, *arguments: str) -> Run:
        self._place.write("inventory.yml", yaml.safe_dump(self.inventory))
        calls = self._place.write("calls", "")
        played = self._place.play("-i", "inventory.yml", playbook, *arguments, within=self.within, MSPORTS_CALLS=str(calls), **self.environment)
        task, calls_of = "", dict[str, list[str]]({"": []})
        for line in calls.read_text().splitlines():
            kind, _space, name = line.partition(" ")
            if kind == "task":
                task = name
                calls_of.setdefault(task, [])
            else:
                calls_of[task].append(kind)
        made = [call for calls_made in calls_of.values() for call in calls_made]
        return Run(played.code, played.output, played.by_host(), played.by_task(), made, played.results, calls_of)

    def planned(self, directory: str = "msports-plan") -> str:
        """Plan, and return the digest. A plan of the inventory as it stands above is made once for all tests, and copied."""
        folder = self.folder / directory
        if self.inventory == INVENTORY:
            shutil.copytree(plan_of_the_inventory().folder / "msports-plan", folder)
        else:
            run = self.play({"portcullis.msports.plan": {"directory": directory}}, hosts="localhost")
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


class Planned(t.NamedTuple):
    folder: pathlib.Path
    run: Run


@functools.cache
def plan_of_the_inventory() -> Planned:
    """The run that makes the plan of which tests have copies, and where that lies."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="msports-planned-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = Bench(folder).play(PLAN, hosts="localhost")
    assert run.code == 0, run.output
    return Planned(folder, run)
