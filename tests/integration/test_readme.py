# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The five minutes of README.md are true: its inventory, its commands, the lines that it shows."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import subprocess

import pytest
from playbook_runs import CALLBACKS, PROGRAMS, PYTHON, kept

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT.joinpath("README.md").read_text(encoding="utf-8")
FIVE = README[README.index("## Five minutes") : README.index("## Install")]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", FIVE, re.DOTALL)
INVENTORY = next(body for language, body in BLOCKS if language == "yaml")
COMMANDS = [(line[2:], shown.splitlines()) for _language, body in BLOCKS for line, shown in re.findall(r"^(\$ .*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE)]
# the namespace stands for mp01, which the example reaches by ssh
HERE = f" -e ansible_connection=local -e ansible_user=root -e ansible_python_interpreter={PYTHON} -e host_firewall_persist=false"
UNSHARE = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("five-minutes")
    (made / "collections" / "ansible_collections" / "portcullis").mkdir(parents=True)
    (made / "collections" / "ansible_collections" / "portcullis" / "msports").symlink_to(ROOT, target_is_directory=True)
    (made / "inventory.yml").write_text(INVENTORY, encoding="utf-8")
    return made


def run(folder: pathlib.Path, command: str) -> str:
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACKS_ENABLED": "packed_once",
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "MSPORTS_PACKED": str(kept.folder()),
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
    }
    words = shlex.split(command + (HERE if "apply_hosts" in command else ""))
    done = subprocess.run([*UNSHARE, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=1800)
    return done.stdout + done.stderr


def squeezed(text: str) -> str:
    """Leave out what the page leaves out: white space, line breaks and quotes."""
    return re.sub(r"[\s\"'\\]+", "", text)


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command[:60] for command, _shown in COMMANDS])
def test_command_shows_what_the_page_says(command: str, shown: list[str], folder: pathlib.Path) -> None:
    output = squeezed(run(folder, command))
    assert shown
    for line in shown:
        wanted = squeezed(line.replace("/home/you", str(folder)))
        assert wanted.rstrip(",") in output, f"{line!r} is not in the output of {command}"


def test_the_mistake_is_told_as_the_page_says(folder: pathlib.Path) -> None:
    told = next(body for _language, body in BLOCKS if "did you mean" in body)
    (folder / "mistake.yml").write_text(INVENTORY.replace("configmgr_management_point", "configmgr_managment_point"), encoding="utf-8")
    output = run(folder, "ansible-playbook -i mistake.yml portcullis.msports.plan")
    assert squeezed(told) in squeezed(output), output


def test_every_command_of_the_page_was_run() -> None:
    assert len(COMMANDS) == FIVE.count("\n$ ")
