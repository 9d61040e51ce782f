# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reboots and restarts keep the rules; a firewalld that is stopped, broken, missing or full leaves what was there; runs at once do not mix."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import booted
import pytest

pytestmark = pytest.mark.container
ROOT = pathlib.Path(__file__).resolve().parents[3]
MANY = [f"10.{i}.0.0/24" for i in range(0, 20, 2)]
NO_PORT = "busctl call org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1.zone queryPort sss '' 4711 tcp | grep -q false"
OPTIONS: dict[str, t.Any] = {"address_sets": {"many": MANY}, "default_inbound": "block", "default_outbound": "block"}


@pytest.fixture
def rules(rule: t.Any) -> list[dict[str, t.Any]]:
    return [
        rule("web", local_ports=["443"], remote_addresses=["@many"]),
        rule("tftp", protocol="udp", local_ports=["69"], helper="tftp"),
        rule("names", direction="out", protocol="udp", remote_ports=["53"]),
    ]


def _ours(apply: t.Any) -> str:
    return apply.sh("nft list ruleset | grep -A40 'policy_msports\\|set msports' | grep -v '^--'")


@pytest.mark.every_release
@pytest.mark.parametrize(
    "deed",
    [
        "firewall-cmd --reload",
        "firewall-cmd --complete-reload",
        "systemctl restart firewalld",
        "kill -HUP $(systemctl show -p MainPID --value firewalld)",
        "reboot",
    ],
)
def test_the_rules_are_back(apply: t.Any, rules: list[dict[str, t.Any]], deed: str) -> None:
    apply(*rules, **OPTIONS)
    before = _ours(apply)
    apply.sh("firewall-cmd --add-port=4711/tcp")  # in the daemon alone, so it goes when the deed is done
    if deed == "reboot":
        apply.container.reboot()
    else:
        apply.sh(deed)
    # It owns its name on the bus before it has loaded anything, and reloads at a signal when it gets to it.
    apply.sh(f"for i in $(seq 600); do {booted.FIREWALLD_ANSWERS} && {NO_PORT} && exit 0; sleep 0.2; done; exit 1")
    assert _ours(apply) == before
    again = apply(*rules, **OPTIONS)
    assert not again["changed"], again["diff"]
    assert again["effective"]["in_force"]


def test_stopped_the_rules_are_saved_and_take_effect_when_it_starts(apply: t.Any, rules: list[dict[str, t.Any]]) -> None:
    apply.sh("systemctl stop firewalld")
    done = apply(*rules, **OPTIONS)
    assert (done["changed"], done["effective"]["in_force"]) == (True, False)
    assert "firewalld is not running" in done["effective"]["reasons"][0]
    again = apply(*rules, **OPTIONS)
    assert (again["changed"], again["diff"]["before"]) == (False, again["diff"]["after"])
    assert apply.sh("systemctl is-active firewalld", check=False).strip() == "inactive", "the bus has not started it"
    apply.sh("systemctl start firewalld")
    started = apply(*rules, **OPTIONS)
    assert (started["changed"], started["effective"]["in_force"]) == (False, True)
    apply.sh("systemctl stop firewalld")
    assert apply(state="absent")["changed"]
    assert apply.sh("find /etc/firewalld -name 'msports-*'") == ""
    apply.sh("systemctl disable firewalld; systemctl start firewalld")
    assert any("not enabled" in warning for warning in apply(*rules, **OPTIONS)["warnings"])


def test_stopping_firewalld_opens_the_host_and_is_said(apply: t.Any, rules: list[dict[str, t.Any]]) -> None:
    done = apply(*rules, **OPTIONS)
    assert any("CleanupOnExit" in warning for warning in done["warnings"])
    apply.sh("systemctl stop firewalld")
    assert "msports" not in apply.sh("nft list ruleset")
    apply.sh("sed -i s/CleanupOnExit=yes/CleanupOnExit=no/ /etc/firewalld/firewalld.conf; systemctl start firewalld")
    apply(*rules, **OPTIONS)
    apply.sh("systemctl stop firewalld")
    assert "msports-in-rest" in apply.sh("nft list ruleset")


def test_a_broken_file_of_others_stops_the_reload_and_the_old_rules_stay(apply: t.Any, rules: list[dict[str, t.Any]], rule: t.Any) -> None:
    apply(*rules, **OPTIONS)
    before = apply.state()
    apply.sh("echo '<zone><unknown' > /etc/firewalld/zones/theirs.xml")
    failed = apply(*rules, rule("new", local_ports=["9"]), **OPTIONS)
    assert "the rules from before are saved and in force" in failed["failed"]
    apply.sh("rm /etc/firewalld/zones/theirs.xml")
    assert apply.state() == before
    done = apply(*rules, rule("new", local_ports=["9"]), **OPTIONS)
    assert done["added"] == ["new"], "the next run finds the same difference"


def test_a_full_disk_changes_nothing(apply: t.Any, rules: list[dict[str, t.Any]]) -> None:
    apply(*rules, **OPTIONS)
    apply.sh("cp -a /etc/firewalld /opt/test/firewalld.copy")
    inside = ["nsenter", "-t", apply.container.pid, "-m", "-p", "sh", "-ec"]  # the processes' namespace too: umount reads /proc/self
    subprocess.run([*inside, "mount -t tmpfs -o size=128k tmpfs /etc/firewalld && cp -a /opt/test/firewalld.copy/. /etc/firewalld/"], check=True)
    try:
        before = apply.state()
        many = [f"10.{i // 250}.{i % 250}.7" for i in range(8000)]
        failed = apply(*rules, **{**OPTIONS, "address_sets": {"many": many}})
        assert "No space left on device" in failed["failed"]
        assert apply.state() == before
        assert apply(*rules, **OPTIONS)["changed"] is False
    finally:
        subprocess.run([*inside, "umount -l /etc/firewalld; rm -r /opt/test/firewalld.copy"], check=True)


def test_missing_or_too_old(apply: t.Any) -> None:
    apply.sh("mv /usr/sbin/firewalld /usr/sbin/firewalld.away")
    assert "install the package firewalld" in apply()["refused"]
    apply.sh("mv /usr/sbin/firewalld.away /usr/sbin/firewalld; systemctl stop firewalld")
    config = "/usr/lib/python3/dist-packages/firewall/config/__init__.py"
    apply.sh(f"cp {config} /opt/test/config.py; sed -i \"s/^VERSION = .*/VERSION = '0.8.6'/\" {config}")
    assert "firewalld 0.8.6 is too old" in apply()["refused"]
    apply.sh(f"cp /opt/test/config.py {config}; systemctl start firewalld")
    assert not apply()["changed"]


def test_runs_at_once_wait_for_each_other(apply: t.Any, rule: t.Any) -> None:
    sets = [[rule(f"run {run} rule {number}", local_ports=[str(1000 * run + number)]) for number in range(20)] for run in (1, 2, 3, 4)]
    for number, one in enumerate(sets):
        apply.put(f"/opt/test/run{number}.json", json.dumps([{"check": False, "inspect": False, "options": {"rules": one}}]))
    commands = " & ".join(f"{{ {apply.command(f'run{number}.json')}; }}" for number in range(4))
    output = apply.sh(f"{commands} & wait")
    answers = [json.loads(part.split("\n")[0])[0] for part in output.split("ANSWERS ")[1:]]
    assert len(answers) == 4
    assert all(answer["effective"]["in_force"] and answer["kept"] == 0 for answer in answers), output
    last = apply.info()["names"]
    assert last in [sorted(item["name"] for item in one) for one in sets]
    (winner,) = [one for one in sets if sorted(item["name"] for item in one) == last]
    assert not apply(*winner)["changed"]


def test_the_module_on_a_host_without_firewalld(tmp_path: pathlib.Path) -> None:
    """Packed, shipped and run by ansible on this machine, which has no firewalld."""
    place = tmp_path / "ansible_collections" / "portcullis"
    place.mkdir(parents=True)
    (place / "msports").symlink_to(ROOT)
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(tmp_path),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
    }
    environment.update(
        {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal", "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false"}
    )
    tasks = [{f"portcullis.msports.{module}": {"backend": "firewalld"}, "ignore_errors": True} for module in ("linux_ruleset", "linux_ruleset_info")]
    playbook = tmp_path / "tasks.json"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", str(playbook)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=600)
    told = result.stdout.split("FAILED! => ")[1:]
    assert len(told) == 2, result.stdout + result.stderr
    assert all("install the package firewalld" in text for text in told), result.stdout
