# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks on hosts under Wine: one host plays all of them in turn, each with a policy file of its own."""

from __future__ import annotations

import json
import pathlib
import typing as t

import engines

from conftest import ROOT, ansible_playbook
from playbook_runs import Place, Played

Plain = dict[str, t.Any]
HOST = {"ansible_connection": "portcullis.lab.windows_stand_in"}


class WinePlace(Place):
    """``stores`` has a policy file ``<host>.json`` for each host."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder, ROOT / "tests" / "lab" / "collections")
        self.programs = ansible_playbook().parent
        self.stores = folder / "stores"
        # One after the other: there is one host, and what is written has to be confirmed in time.
        self.environment.update(ANSIBLE_FORKS="1", MSPORTS_STAND_IN_DIRECTORY=str(self.stores), MSPORTS_STAND_IN_CALLS=str(folder / "calls.jsonl"))

    def shared(self, *arguments: t.Union[str, pathlib.Path], opened: bool = False) -> Played:
        """``ansible-playbook`` on the host. ``opened``: a PowerShell that stays open runs all calls of modules."""
        with engines.chosen().share(opened) as shared:  # type: ignore[attr-defined]
            return self.play(*arguments, **shared.environment)

    def tasks(self, hosts: t.Sequence[str], tasks: t.Sequence[Plain]) -> Played:
        self.write("hosts.json", json.dumps({"all": {"hosts": dict.fromkeys(hosts, {}), "vars": HOST}}))
        self.write("play.yml", json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return self.shared("-i", "hosts.json", "play.yml")

    def calls(self) -> list[Plain]:
        """The calls since the last question."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]
