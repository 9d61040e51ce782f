# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a user: ansible-playbook, the connection plugin ssh, a Windows host that answers, and its session as the guard sees it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import typing as t

import engines
import policy_file
from wine import ssh

from conftest import ansible_playbook, playbook_environment

Plain = dict[str, t.Any]


class Played(t.NamedTuple):
    code: int
    result: Plain
    said: str


class Reached:
    """A host behind ssh: its policy file, and one task on it."""

    def __init__(self, folder: pathlib.Path, server: ssh.Server) -> None:
        self._folder, self._server = folder, server

    def ruleset(self, **options: t.Any) -> Played:
        task = {"name": "it", "portcullis.msports.win_firewall_ruleset": options}
        play = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
        for name, content in {"play.yml": play, "hosts.json": {"all": {"hosts": {"w1": self._server.inventory()}}}}.items():
            self._folder.joinpath(name).write_text(json.dumps(content), encoding="utf-8")
        environment = {**playbook_environment(self._folder), "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(
            [str(ansible_playbook()), "-v", "-i", "hosts.json", "play.yml"],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        said = done.stdout + done.stderr
        start = said.find("=> {")
        result = json.JSONDecoder().raw_decode(said[start + 3 :])[0] if start >= 0 else {}
        return Played(done.returncode, result, said)


def wanted(peers: str) -> list[Plain]:
    return [{"name": "ssh", "direction": "in", "protocol": "tcp", "local_ports": ["22"], "remote_addresses": [peers]}]


def test_the_guard_keeps_the_very_session_by_which_it_was_called(tmp_path: pathlib.Path) -> None:
    machine = engines.chosen().machine
    content = policy_file.fresh_server()
    content["sessions"] = []
    policy = policy_file.write(tmp_path / "w1.json", content)
    before = policy_file.state(content)
    with machine.playing(policy) as variables:
        server = ssh.Server(machine, tmp_path / "ssh", variables)
        try:
            reached = Reached(tmp_path, server)
            refused = reached.ruleset(rules=wanted("10.8.0.0/24"))
            assert refused.code != 0 and "10.9.0.5" in refused.result["msg"], refused.said
            assert policy_file.state(policy_file.read(policy)) == before
            written = reached.ruleset(rules=wanted("10.9.0.0/24"))
            assert written.code == 0 and written.result["changed"], written.said
            assert any("port 22 from 10.9.0.5" in text for text in written.result["effective"]["guarded"]), written.result["effective"]
            again = reached.ruleset(rules=wanted("10.9.0.0/24"))
            assert again.code == 0 and not again.result["changed"], again.said
        finally:
            server.close()
    after = policy_file.read(policy)
    assert [one["name"] for one in policy_file.own(after)] == ["ssh"]
    assert policy_file.foreign(after) == policy_file.foreign(content)
