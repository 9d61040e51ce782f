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


@pytest.fixture
def pack(tmp_path: pathlib.Path) -> t.Callable[..., Packed]:
    """Run one task on localhost and keep what ansible has sent; ufw must not be there, because these tests change nothing outside of containers."""
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
    runs: list[pathlib.Path] = []

    def task(module: str, *flags: str, **options: t.Any) -> Packed:
        runs.append(tmp_path / f"remote{len(runs)}")
        command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-m", f"portcullis.msports.{module}", *flags]
        command += ["-a", json.dumps(options)] if options else []
        here = {**environment, "ANSIBLE_REMOTE_TEMP": str(runs[-1])}
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=here, cwd=tmp_path, timeout=600)
        assert "FAILED! => {" in result.stdout, result.stdout + result.stderr
        packages = list(runs[-1].rglob(f"AnsiballZ_{module}.py"))
        return Packed(json.loads(result.stdout[result.stdout.index("=> {") + 3 :]), packages[0].read_bytes() if packages else b"")

    return task


@pytest.fixture
def there(ufw: t.Any) -> t.Callable[[Packed], dict[str, t.Any]]:
    """Run a package in the container and return what the module said."""

    def run(packed: Packed) -> dict[str, t.Any]:
        output = booted.podman("exec", "-i", ufw.container._id, "python3", "-", given=packed.code, check=False)
        return json.loads(output.strip().splitlines()[-1])

    return run


def test_apply_check_read_and_remove(pack: t.Callable[..., Packed], there: t.Callable[[Packed], dict[str, t.Any]], ufw: t.Any) -> None:
    options = {"rules": [RULE], "management": {"addresses": ["10.9.0.0/24"], "ports": ["443"]}}
    before = ufw.state()
    checked = pack("linux_ruleset", "--check", backend="ufw", **options)
    assert "ufw is not installed here" in checked.here["msg"]
    assert there(checked)["changed"] is True
    assert ufw.state() == before
    applied = pack("linux_ruleset", backend="ufw", **options)
    first = there(applied)
    assert (first["changed"], first["added"], first["effective"]["in_force"]) == (True, [RULE["name"]], True)
    second = there(applied)
    assert (second["changed"], second["kept"], second.get("warnings", [])) == (False, 1, [])
    info = there(pack("linux_ruleset_info", backend="ufw"))
    assert (info["changed"], info["present"], info["names"]) == (False, True, [RULE["name"]])
    assert info["lines"] == [f"'{RULE['name']}': in allow tcp to port 443 from 10.0.0.0/8"]
    assert there(pack("linux_ruleset", backend="ufw", state="absent"))["changed"] is True
    assert ufw.state() == before
    assert there(pack("linux_ruleset_info", backend="ufw"))["present"] is False


def test_refusals_are_failures_with_their_reasons(pack: t.Callable[..., Packed], there: t.Callable[[Packed], dict[str, t.Any]], ufw: t.Any) -> None:
    before = ufw.state()
    sent = pack("linux_ruleset", backend="ufw", rules=[dict(RULE, remote_addresses=["x.example.com"]), RULE])
    assert (len(sent.here["problems"]), sent.code) == (2, b""), "refused on the controller, and nothing was sent"
    assert "names are not looked up" in sent.here["msg"]
    failed = there(pack("linux_ruleset", backend="ufw", rules=[RULE], management={"addresses": ["10.9.0.7"], "ports": ["22"]}, default_inbound="block"))
    assert failed["failed"] is True
    assert [problem.partition("; ")[0] for problem in failed["problems"]] == ["management from 10.9.0.7 to port 22: no rule admits it"]
    assert "owner" in pack("linux_ruleset_info", backend="ufw", owner="No").here["msg"]
    assert ufw.state() == before
    assert not pathlib.Path("/run/ufw.lock").exists()
