# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules themselves, by ansible in a namespace: packed, shipped, run, and read back."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t

import pytest
from network_namespaces import run
from playbook_runs import CALLBACKS, PROGRAMS, PYTHON, QUICK_START, kept

ROOT = pathlib.Path(__file__).resolve().parents[3]
RULE = {"name": "in tcp/443 $(x) #;", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["10.0.0.0/8"]}


@pytest.fixture
def ansible(network: None, tmp_path: pathlib.Path) -> t.Callable[..., dict[str, t.Any]]:
    """Run one task on localhost, in the test's namespace. ``persist`` is off: the machine's /etc is not ours."""
    place = tmp_path / "ansible_collections" / "portcullis"
    place.mkdir(parents=True)
    (place / "msports").symlink_to(ROOT)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_CALLBACKS_ENABLED": "packed_once",
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "MSPORTS_PACKED": str(kept.folder()),
    }

    def task(module: str, *flags: str, **options: t.Any) -> dict[str, t.Any]:
        command = [str(PYTHON), str(QUICK_START), str(PROGRAMS / "ansible"), "localhost", "-m", f"portcullis.msports.{module}", *flags]
        command += ["-a", json.dumps(options)] if options else []
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=600)
        assert "=> {" in result.stdout, result.stdout + result.stderr
        shown = json.loads(result.stdout[result.stdout.index("=> {") + 3 :])
        return {**shown, "failed": "FAILED! =>" in result.stdout, "told": " ".join((result.stdout + result.stderr).split())}

    return task


def test_apply_check_read_and_remove(ansible: t.Callable[..., dict[str, t.Any]]) -> None:
    options = {"rules": [RULE], "persist": False, "management": {"addresses": ["10.9.0.0/24"], "ports": ["443"]}}
    assert ansible("linux_ruleset", "--check", backend="nftables", **options)["changed"] is True
    assert run("nft list ruleset") == ""
    first = ansible("linux_ruleset", backend="nftables", **options)
    assert (first["changed"], first["added"], first["effective"]["in_force"]) == (True, [RULE["name"]], True)
    second = ansible("linux_ruleset", backend="nftables", **options)
    assert (second["changed"], second["kept"], second.get("warnings", [])) == (False, 1, [])
    run("ip link add v0 type veth peer name v1; ip addr add 192.0.2.21/24 dev v0")
    elsewhere = ansible("linux_ruleset", backend="nftables", planned_addresses=["203.0.113.21"], **options)
    assert elsewhere["changed"] is False and "(203.0.113.21); there are 192.0.2.21." in elsewhere["told"]
    info = ansible("linux_ruleset_info", backend="nftables")
    assert (info["changed"], info["present"], info["names"]) == (False, True, [RULE["name"]])
    assert info["lines"][-1] == f"in '{RULE['name']}': ip saddr 10.0.0.0/8 tcp dport 443 accept"
    assert ansible("linux_ruleset", backend="nftables", state="absent")["changed"] is True
    assert run("nft list ruleset") == ""
    assert ansible("linux_ruleset_info", backend="nftables")["present"] is False


def test_refusals_are_failures_with_their_reasons(ansible: t.Callable[..., dict[str, t.Any]]) -> None:
    failed = ansible("linux_ruleset", backend="nftables", rules=[dict(RULE, remote_addresses=["x.example.com"]), RULE], persist=False)
    assert failed["failed"] is True
    assert len(failed["problems"]) == 2
    assert "names are not looked up" in failed["msg"]
    assert "owner" in ansible("linux_ruleset_info", backend="nftables", owner="No")["msg"]
    assert run("nft list ruleset") == ""
