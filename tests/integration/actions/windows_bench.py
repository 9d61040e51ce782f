# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of bench.py with hosts that run Windows: through the connection that stands where WinRM and PSRP stand."""

from __future__ import annotations

import base64
import json
import pathlib
import sys
import typing as t

from bench import Bench, Run

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "windows"))

import policy_file  # noqa: E402

STAND_IN = "portcullis.lab.windows_stand_in"
APPLY_ANYWHERE: dict[str, t.Any] = {"portcullis.msports.apply": {}}


def apply_task(name: str, refused: bool = False, **options: t.Any) -> dict[str, t.Any]:
    return {"name": name, "portcullis.msports.apply": options, **({"ignore_errors": True} if refused else {})}


class WindowsBench(Bench):
    """The same hosts, of which web01 runs Windows and the others Linux."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder, ROOT / "tests" / "lab" / "collections")
        self.stores = folder / "stores"
        self.stores.mkdir()
        self._calls = folder / "windows_calls.jsonl"
        self.environment.update(MSPORTS_STAND_IN_DIRECTORY=str(self.stores), MSPORTS_STAND_IN_CALLS=str(self._calls))
        self.web01.update(ansible_connection=STAND_IN, msports_system="windows")
        self.variables["msports_management"] = {"from": ["10.9.0.0/24"], "services": ["ssh", "winrm_https"]}
        policy_file.write(self.path, policy_file.fresh_server(remote_desktop=True))

    def add(self, name: str, number: int, group: str = "exchange_client_access", **variables: t.Any) -> None:
        """One more host, which runs Windows, too, and is fresh."""
        windows = {"ansible_connection": STAND_IN, "msports_system": "windows", "msports_addresses": [f"10.0.0.{number}"]}
        self.inventory["all"]["children"][group]["hosts"][name] = {**windows, **variables}
        policy_file.write(self.stores / f"{name}.json", policy_file.fresh_server(remote_desktop=True))

    def look(self, name: str) -> dict[str, t.Any]:
        """A task that keeps how the store of web01 is then; it makes no call."""
        return {"name": name, "ansible.builtin.debug": {"msg": f"{{{{ lookup('file', '{self.path}') | b64encode }}}}"}}

    def looked(self, run: Run, name: str) -> policy_file.Content:
        path = self.folder / "looked.json"
        path.write_bytes(base64.b64decode(run.by_task[name]["msg"]))
        return policy_file.read(path)

    @property
    def web01(self) -> dict[str, t.Any]:
        return self.inventory["all"]["children"]["exchange_client_access"]["hosts"]["web01"]

    @property
    def path(self) -> pathlib.Path:
        return self.stores / "web01.json"

    @property
    def store(self) -> dict[str, t.Any]:
        return policy_file.read(self.path)

    def windows_calls(self) -> list[int]:
        """Return how many operations each call since the last question had."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.write_text("")
        return [json.loads(line)["operations"] for line in lines]
