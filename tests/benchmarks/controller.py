# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Run playbooks from this checkout and measure them: the whole of ansible-playbook, and each task."""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class PlayFailed(Exception):
    """A measured play failed, so its time means nothing."""


@dataclass(frozen=True)
class Timed:
    """``wall`` and ``cpu`` (with children) of one run in seconds, seconds of its tasks by name, whether anything changed."""

    wall: float
    cpu: float
    tasks: t.Mapping[str, float]
    changed: bool


class Controller:
    """An ``ansible-playbook`` with nothing of the user's own in it. Everything that it writes is below ``work``."""

    def __init__(self, work: pathlib.Path, more: t.Optional[t.Mapping[str, str]] = None) -> None:
        self.work = work
        collections = work / "collections" / "ansible_collections" / "portcullis"
        for part in ("plugins", "meta"):  # copies: a measurement takes long, and somebody may be working on the checkout
            shutil.copytree(ROOT / part, collections / "msports" / part, ignore=shutil.ignore_patterns("__pycache__"))
        (collections / "lab").symlink_to(ROOT / "tests/lab/collections/ansible_collections/portcullis/lab", target_is_directory=True)
        (work / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SSH_"))},
            "ANSIBLE_HOME": str(work / "ansible"),
            "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(work / "collections"),
            "ANSIBLE_LIBRARY": str(HERE / "library"),
            "ANSIBLE_ACTION_PLUGINS": str(HERE / "action_plugins"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_REMOTE_TEMP": "/tmp/.ansible",
            "ANSIBLE_DISPLAY_OK_HOSTS": "0",
            "MSPORTS_BENCH_TIMES": str(work / "times.json"),
            **(more or {}),
        }

    def write(self, name: str, value: t.Any) -> pathlib.Path:
        """Write a playbook or inventory (JSON is YAML) and return its path."""
        path = self.work / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    def play(self, playbook: pathlib.Path, inventory: pathlib.Path, more: t.Optional[t.Mapping[str, str]] = None) -> Timed:
        """Play it once; raise :class:`PlayFailed` when anything in it failed."""
        times = self.work / "times.json"
        times.unlink(missing_ok=True)
        command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), str(playbook)]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            command, cwd=self.work, env={**self.environment, **(more or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        told = json.loads(times.read_text(encoding="utf-8")) if times.exists() else {"failed": 1, "tasks": {}, "changed": 0}
        if done.returncode != 0 or told["failed"]:
            raise PlayFailed(f"{playbook.name} ended with {done.returncode}:\n{done.stdout[-4000:]}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Timed(wall, cpu, told["tasks"], bool(told["changed"]))
