# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulesets for stand-in hosts, playbooks with ``win_firewall_ruleset`` on them, and what calls a host without a playbook."""

from __future__ import annotations

import copy
import json
import pathlib
import typing as t

import engines
import policy_file
import pytest

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule
from playbook_runs import Place, Played
from stand_in_hosts import ROOT, Host, ansible_playbook

WEB = rule("in tcp/443 from clients", ["443"], ["@clients"], description="web (document, section 2, row 1)")
RPC = rule("in RPC from site server", ["RPC"], ["10.1.0.5"])
EPMAP = rule("in endpoint mapper", ["RPC-EPMap", "8443-8444"], ["10.1.0.5"], program="%SystemRoot%\\system32\\svchost.exe", service="RpcSs")
PING = rule("ping", remote=["10.0.0.0/8", "fd00::/8"], protocol="icmp_echo")
FIRST = options(WEB, RPC, EPMAP, PING, address_sets={"clients": ["10.20.0.0/16", "10.21.0.0/16", "192.0.2.7", "fd00:20::/48"]})


def module(name: str, **given_options: t.Any) -> Plain:
    return {"name": name, "portcullis.msports.win_firewall_ruleset": given_options}


def checked(task: Plain) -> Plain:
    return {**task, "name": f"{task['name']} (check)", "check_mode": True}


class Estate(Place):
    """A place with stand-in hosts whose stores lie in it, and a line for every call of a host."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder, ROOT / "tests" / "lab" / "collections")
        if engines.chosen().core is not None:  # it takes the payloads of some cores alone
            self.programs = ansible_playbook().parent

    def store(self, name: str, content: t.Optional[policy_file.Content] = None) -> pathlib.Path:
        return policy_file.write(self.folder / f"{name}.json", content or policy_file.fresh_server())

    def content(self, name: str) -> policy_file.Content:
        return policy_file.read(self.folder / f"{name}.json")

    def tasks(self, *tasks: Plain, hosts: t.Sequence[str] = ("w1",)) -> Played:
        """Run tasks on hosts. JSON is YAML; what looks like a template in it is one."""
        shared = {
            "ansible_connection": "portcullis.lab.windows_stand_in",
            "msports_stand_in_directory": str(self.folder),
            "msports_stand_in_calls": str(self.folder / "calls.jsonl"),
        }
        self.write("calls.jsonl", "")
        self.write("hosts.json", json.dumps({"all": {"hosts": dict.fromkeys(hosts, {}), "vars": shared}}))
        self.write("play.yml", json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return self.play("-i", "hosts.json", "play.yml", ANSIBLE_LOCALHOST_WARNING="false")

    def calls(self) -> list[Plain]:
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def estate(tmp_path: pathlib.Path) -> Estate:
    return Estate(tmp_path)


def warnings(result: Plain) -> list[str]:
    """The warnings of a result, without those by which the stand-in says that it is none of Windows."""
    return [text for text in result["warnings"] if "stand-in" not in text and "is only read" not in text]


def steady(result: Plain) -> Plain:
    """What check mode and a real run must have alike: all but whether it is in force, and what was called."""
    found = copy.deepcopy({key: value for key, value in result.items() if key not in ("calls", "check_mode", "invocation")})
    for part in (found["effective"], *found["effective"]["profiles"].values()):
        del part["in_force"]
    return found


CHANGED = options(
    {**WEB, "local_ports": ["443", "444"]},
    {**RPC, "action": "block", "remote_addresses": ["10.1.0.6"]},
    PING,
    rule("new", ["8530"], ["@clients"]),
    address_sets=FIRST["address_sets"],
)


def caller(host: Host, between: t.Optional[t.Callable[[], None]] = None) -> t.Callable[[Plain], Plain]:
    """What an action gives ``run`` to call its host with; ``between`` happens when the host has been read."""

    def call(arguments: Plain) -> Plain:
        done = host(**arguments)
        if between and not arguments.get("operations"):
            between()
        return done

    return call
