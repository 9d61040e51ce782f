# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print every command line that the playbooks of the Molecule scenarios say to the container engine, as Ansible makes it, as JSON.

A program of its own, because Ansible's loader of plugins is set up once per process.
"""

from __future__ import annotations

import json
import pathlib
import typing as t

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar

SHARED = pathlib.Path(__file__).resolve().parents[3] / "extensions" / "molecule" / "shared"
PLAYBOOKS = ("create.yml", "destroy.yml", "side_effect.yml", "tasks/remove.yml")
HOSTS = {"site": {"ansible_host": "10.123.1.10", "packages": ["nftables", "ufw"], "subnet": "10.123.1.0/24"}}
MAGIC = {"hostvars": HOSTS, "groups": {"hosts": list(HOSTS)}, "item": "site", "inventory_hostname": "site", "playbook_dir": str(SHARED)}


def tasks(found: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Every task of a playbook or a list of tasks."""
    for entry in found:
        yield from tasks(entry["tasks"]) if "tasks" in entry else [entry]


def main() -> None:
    init_plugin_loader()
    loader = DataLoader()

    def load(name: str) -> t.Any:
        return loader.load_from_file(str(SHARED / name), trusted_as_template=True)

    templar = Templar(loader=loader, variables={**load("vars/engine.yml"), **MAGIC})
    commands = [task.get("ansible.builtin.command", {}) for name in PLAYBOOKS for task in tasks(load(name))]
    lines = [[str(part) for part in templar.template(command["argv"])] for command in commands if "argv" in command]
    engine = templar.template(load("vars/engine.yml")["engine"])
    print(json.dumps([line for line in lines if line[0] == engine]))


if __name__ == "__main__":
    main()
