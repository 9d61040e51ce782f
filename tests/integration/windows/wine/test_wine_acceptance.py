# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that ask a real Windows host, asked of the host under Wine: its answers are those that the page lists, and it is left as it was."""

from __future__ import annotations

import base64
import json
import pathlib
import subprocess
import typing as t

import engines
import policy_file
from acceptance import table
from test_acceptance import listed, machine, results, server
from wine import ssh

from conftest import ROOT, Host, ansible_playbook, playbook_environment

#: What the command asks by ssh, as anybody would: each way to the host is among it (both modules, a script, a new connection).
BY_SSH = ("reads", "guard", "session", "versions", "others")


def powershell(host: Host) -> t.Callable[[str], tuple[int, str]]:
    def run(script: str) -> tuple[int, str]:
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        machine = engines.chosen().machine  # type: ignore[attr-defined]
        with machine.playing(host.path) as variables:
            process = machine.space.start(["powershell", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded], variables)
            output, _error = process.communicate()
        return process.returncode, output.decode(errors="replace")

    return run


def test_the_answers_are_those_of_the_page(make_host: t.Callable[..., Host]) -> None:
    host = make_host(server())
    before = host.content
    answers = table.ask(machine(host, powershell(host)))
    assert results(answers) == listed(), "\n".join(table.row(name, answer) for name, answer in answers.items())
    assert policy_file.state(host.content) == policy_file.state(before)


def test_the_command_asks_by_ssh(tmp_path: pathlib.Path) -> None:
    host = engines.chosen().machine  # type: ignore[attr-defined]
    content = server()
    content["sessions"] = []
    policy = policy_file.write(tmp_path / "w1.json", content)
    with host.playing(policy) as variables:
        reached = ssh.Server(host, tmp_path / "ssh", variables)
        try:
            done = ask(tmp_path, reached)
        finally:
            reached.close()
    rows = {line[9:].split()[0]: line[:8].strip() for line in done.stdout.splitlines() if line[:8].strip() in ("pass", "FAIL", "told", "not run")}
    assert rows == {name: listed()[name] for name in BY_SSH}, done.stdout + done.stderr
    assert policy_file.state(policy_file.read(policy)) == policy_file.state(content)


def ask(folder: pathlib.Path, reached: ssh.Server) -> subprocess.CompletedProcess[str]:
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"w1": reached.inventory()}}}), encoding="utf-8")
    python = ansible_playbook().with_name("python")
    command = [python, ROOT / "tests" / "windows" / "acceptance", "-i", inventory, "w1", "--only", ",".join(BY_SSH)]
    return subprocess.run(command, env=playbook_environment(folder), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
