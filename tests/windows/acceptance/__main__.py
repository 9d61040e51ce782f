# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command: every check against the hosts of an inventory, one host after the other.

make windows-acceptance INVENTORY=inventory.yml HOSTS=win2022
.venv/bin/python tests/windows/acceptance -i inventory.yml win2022 --only reads,guard -- -u Administrator --ask-pass
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PLACE = ROOT / ".cache" / "acceptance"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests/windows/acceptance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hosts", help="hosts of the inventory, as a pattern of Ansible")
    parser.add_argument("-i", "--inventory", action="append", required=True, help="an inventory, as for ansible-playbook")
    parser.add_argument("--only", default="", help="names of checks, separated by commas; none means all")
    parser.add_argument("--rules", type=int, default=1000, help="how many rules the check bulk writes and removes (%(default)s)")
    parser.add_argument("--no-powershell", action="store_true", help="leave out the checks that run a script of their own")
    parser.add_argument("--clean-only", action="store_true", help="only remove what an earlier run that was cut off left behind")
    parser.add_argument("more", nargs="*", help="after --: further arguments of ansible-playbook")
    chosen = parser.parse_args(arguments)
    options = {
        "only": [name for name in chosen.only.split(",") if name],
        "rules": chosen.rules,
        "powershell": not chosen.no_powershell,
        "clean_only": chosen.clean_only,
    }
    task = {"name": "Ask one Windows host what is assumed about Windows", "portcullis.lab.windows_acceptance": options}
    play = [{"name": "Acceptance", "hosts": chosen.hosts, "gather_facts": False, "serial": 1, "tasks": [task]}]
    namespace = PLACE / "collections" / "ansible_collections" / "portcullis"
    namespace.mkdir(parents=True, exist_ok=True)
    if not (namespace / "msports").is_symlink():
        (namespace / "msports").symlink_to(ROOT, target_is_directory=True)
    PLACE.joinpath("play.json").write_text(json.dumps(play), encoding="utf-8")
    inventories = [part for name in chosen.inventory for part in ("-i", name)]
    program = pathlib.Path(sys.executable).with_name("ansible-playbook")
    collections = os.pathsep.join((str(PLACE / "collections"), str(ROOT / "tests" / "lab" / "collections")))
    command = [program, *inventories, PLACE / "play.json", *chosen.more]
    return subprocess.run(command, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": collections}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
