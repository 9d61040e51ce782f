# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-playbook from a folder of the test's own, with this checkout as the collection, and read what each task gave."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "tools"))
import kept  # noqa: E402  (it lies in a folder of tools)

# Where the programs of ansible-core lie: of the one that runs the tests, or of another that is supported (MSPORTS_ANSIBLE).
PROGRAMS = pathlib.Path(os.environ.get("MSPORTS_ANSIBLE") or pathlib.Path(sys.executable).parent)
PYTHON = PROGRAMS / "python"
END = "Say what was planned and done"
# Has the callback packed_once.
CALLBACKS = ROOT / "tests" / "tools" / "callbacks"
QUICK_START = ROOT / "tests" / "tools" / "quick_start.py"
# For runs with many tasks whose templates call our plugins: each is a worker, which would import them and read all catalogs (packed_once).
_KINDS = [ROOT / "plugins" / kind for kind in ("filter", "lookup", "test")]
_PLUGINS = [f"ansible_collections.portcullis.msports.plugins.{kind.name}.{path.stem}" for kind in _KINDS for path in sorted(kind.glob("[!_]*.py"))]
_CATALOGS = "ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader:load_catalogs"
TEMPLATES = {"MSPORTS_BEFOREHAND": " ".join([_CATALOGS, *_PLUGINS])}
# writes down what each task gave; the display of ansible-playbook is for people
_CALLBACK = """
from __future__ import annotations
import json
import os
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_results"

    def v2_runner_on_ok(self, result):
        self.write(result, failed=False)

    def v2_runner_on_skipped(self, result):
        self.write(result, failed=False)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.write(result, failed=True)

    def v2_runner_on_unreachable(self, result):
        self.write(result, failed=True)

    def write(self, result, failed):
        with open(os.environ["MSPORTS_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps([result.host.name, result.task.name, {**result.result, "failed": failed}], default=str) + chr(10))
"""


class Played(t.NamedTuple):
    """What a run came to: exit code, everything it said, and ``(host, task, result)`` of every task in order."""

    code: int
    output: str
    results: list[tuple[str, str, dict[str, t.Any]]]

    def by_task(self) -> dict[str, dict[str, t.Any]]:
        return {task: result for _host, task, result in self.results}

    def by_host(self) -> dict[str, dict[str, t.Any]]:
        """The last task's result of each host, but for the summary that the role ends with."""
        return {host: result for host, task, result in self.results if task != END}


class Place:
    """A folder from which Ansible is run. ``more`` are further folders on the path of collections, ``programs`` is where Ansible's programs lie."""

    programs = PROGRAMS

    def __init__(self, folder: pathlib.Path, *more: pathlib.Path) -> None:
        self.folder = folder
        namespace = folder / "collections" / "ansible_collections" / "portcullis"
        namespace.mkdir(parents=True)
        namespace.joinpath("msports").symlink_to(ROOT, target_is_directory=True)
        self.write("callbacks/task_results.py", _CALLBACK)
        self.environment = {
            "ANSIBLE_CALLBACKS_ENABLED": "task_results,packed_once",
            "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join(map(str, (folder / "callbacks", CALLBACKS))),
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(str, (folder / "collections", *more))),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "MSPORTS_PACKED": str(kept.folder()),
            "MSPORTS_RESULTS": str(folder / "results.jsonl"),
        }

    def write(self, name: str, text: str) -> pathlib.Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def program(self) -> list[str]:
        """How ``ansible-playbook`` is called."""
        return [str(self.programs / "python"), str(QUICK_START), str(self.programs / "ansible-playbook")]

    def play(self, *arguments: t.Union[str, pathlib.Path], within: t.Sequence[str] = (), **environment: str) -> Played:
        """Run ``ansible-playbook`` with ``arguments``, behind the command ``within`` (such as unshare)."""
        results = self.write("results.jsonl", "")
        command = [*within, *self.program, *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        found = [tuple(json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]
        return Played(done.returncode, done.stdout + done.stderr, found)
