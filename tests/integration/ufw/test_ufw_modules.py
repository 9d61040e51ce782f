# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules themselves: packed by ansible here, where there is no ufw, and the very package run on a host that has it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import booted
import pytest

pytestmark = pytest.mark.container

ROOT = pathlib.Path(__file__).resolve().parents[3]
RULE = {"name": "in tcp/443 $(x) #;", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["10.0.0.0/8"]}


class Packed(t.NamedTuple):
    here: dict[str, t.Any]
    code: bytes


class Task(t.NamedTuple):
    module: str
    options: dict[str, t.Any]
    check: bool = False


OPTIONS = {"backend": "ufw", "rules": [RULE], "management": {"addresses": ["10.9.0.0/24"], "ports": ["443"]}}
TASKS = {
    "check": Task("linux_ruleset", OPTIONS, check=True),
    "apply": Task("linux_ruleset", OPTIONS),
    "read": Task("linux_ruleset_info", {"backend": "ufw"}),
    "remove": Task("linux_ruleset", {"backend": "ufw", "state": "absent"}),
    "refused here": Task("linux_ruleset", {"backend": "ufw", "rules": [dict(RULE, remote_addresses=["x.example.com"]), RULE]}),
    "locks out": Task(
        "linux_ruleset", {"backend": "ufw", "rules": [RULE], "management": {"addresses": ["10.9.0.7"], "ports": ["22"]}, "default_inbound": "block"}
    ),
    "misnamed": Task("linux_ruleset_info", {"backend": "ufw", "owner": "No"}),
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Packed]:
    """What ansible sends for each of the tasks, run on localhost; ufw must not be there, because these tests change nothing outside of containers."""
    tmp_path = tmp_path_factory.mktemp("packed")
    if pathlib.Path("/etc/default/ufw").exists():
        pytest.skip("this machine has ufw itself, and the module would be run on it")
    place = tmp_path / "ansible_collections" / "portcullis"
    place.mkdir(parents=True)
    (place / "msports").symlink_to(ROOT)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }

    # All by one ansible, each with a folder of its own for what it sends.
    folders = [tmp_path / f"remote{number}" for number in range(len(TASKS))]
    written = [
        {
            f"portcullis.msports.{task.module}": task.options,
            "check_mode": task.check,
            "ignore_errors": True,
            "vars": {"ansible_remote_tmp": str(folder)},
        }
        for task, folder in zip(TASKS.values(), folders)
    ]
    play = {"hosts": "localhost", "gather_facts": False, "tasks": written}
    playbook = tmp_path / "tasks.json"
    playbook.write_text(json.dumps([play]), encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", str(playbook)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=600)
    told = result.stdout.split("FAILED! => ")[1:]
    assert len(told) == len(TASKS), result.stdout + result.stderr
    packages = [list(folder.rglob(f"AnsiballZ_{task.module}.py")) for task, folder in zip(TASKS.values(), folders)]
    made = [Packed(json.JSONDecoder().raw_decode(text)[0], found[0].read_bytes() if found else b"") for text, found in zip(told, packages)]
    return dict(zip(TASKS, made))


@pytest.fixture
def there(ufw: t.Any) -> t.Callable[[Packed], dict[str, t.Any]]:
    """Run a package in the container and return what the module said."""

    def run(packed: Packed) -> dict[str, t.Any]:
        output = booted.podman("exec", "-i", ufw.container._id, "python3", "-", given=packed.code, check=False)
        return json.loads(output.strip().splitlines()[-1])

    return run


def test_apply_check_read_and_remove(packed: dict[str, Packed], there: t.Callable[[Packed], dict[str, t.Any]], ufw: t.Any) -> None:
    before = ufw.state()
    checked, applied, read, removed = (packed[name] for name in ("check", "apply", "read", "remove"))
    assert "ufw is not installed here" in checked.here["msg"]
    assert there(checked)["changed"] is True
    assert ufw.state() == before
    first = there(applied)
    assert (first["changed"], first["added"], first["effective"]["in_force"]) == (True, [RULE["name"]], True)
    second = there(applied)
    assert (second["changed"], second["kept"], second.get("warnings", [])) == (False, 1, [])
    info = there(read)
    assert (info["changed"], info["present"], info["names"]) == (False, True, [RULE["name"]])
    assert info["lines"] == [f"'{RULE['name']}': in allow tcp to port 443 from 10.0.0.0/8"]
    assert there(removed)["changed"] is True
    assert ufw.state() == before
    assert there(read)["present"] is False


def test_refusals_are_failures_with_their_reasons(packed: dict[str, Packed], there: t.Callable[[Packed], dict[str, t.Any]], ufw: t.Any) -> None:
    before = ufw.state()
    sent, locks_out, misnamed = (packed[name] for name in ("refused here", "locks out", "misnamed"))
    assert (len(sent.here["problems"]), sent.code) == (2, b""), "refused on the controller, and nothing was sent"
    assert "names are not looked up" in sent.here["msg"]
    failed = there(locks_out)
    assert failed["failed"] is True
    assert [problem.partition("; ")[0] for problem in failed["problems"]] == ["management from 10.9.0.7 to port 22: no rule admits it"]
    assert "owner" in misnamed.here["msg"]
    assert ufw.state() == before
    assert not pathlib.Path("/run/ufw.lock").exists()
