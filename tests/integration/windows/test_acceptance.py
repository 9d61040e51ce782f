# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that ask a real Windows host, asked of the stand-in: they pass there, fail in the right rows, and leave nothing."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import typing as t

import policy_file
import pytest
from acceptance import Answer, Machine, host_checks, table
from acceptance.compared import COMPARED
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, Refused, run

from conftest import ROOT, Host, playbook_environment
from playbook_runs import PROGRAMS

SESSION = {"peer": "10.9.0.5", "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986}
CHECKS = set(table.NAMES) - set(table.SCRIPTS)


def server(**switches: t.Any) -> policy_file.Content:
    store = policy_file.fresh_server(remote_desktop=True)
    store["sessions"] = [SESSION]
    return policy_file.switch(store, **switches)


def machine(host: Host, powershell: t.Optional[t.Callable[[str], tuple[int, str]]] = None) -> Machine:
    """The way to a stand-in, without a playbook."""

    def policy(arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        return host(**arguments)

    def ruleset(options: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
        try:
            return run(options, policy, check, [])
        except (Refused, HostFailed) as failure:
            return {"failed": True, "msg": str(failure)}

    return Machine(policy, ruleset, lambda: None, powershell, rules=5)


def results(answers: t.Mapping[str, Answer]) -> dict[str, str]:
    return {name: answer.result for name, answer in answers.items()}


def test_the_command_asks_everything_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    before = server()
    path = policy_file.write(tmp_path / "w1.json", before)
    inventory = tmp_path / "hosts.json"
    shared = {"ansible_connection": "portcullis.lab.windows_stand_in", "msports_stand_in": str(path), "msports_stand_in_engine": "mono"}
    inventory.write_text(json.dumps({"all": {"hosts": {"w1": shared}}}), encoding="utf-8")
    command = [PROGRAMS / "python", ROOT / "tests" / "windows" / "acceptance", "-i", inventory, "w1", "--rules", "20", "--no-powershell"]
    done = subprocess.run(command, env=playbook_environment(tmp_path), capture_output=True, text=True, timeout=1800, check=False)
    rows = {line[9:].split()[0]: line[:8].strip() for line in done.stdout.splitlines() if line[:8].strip() in ("pass", "FAIL", "told", "not run")}
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows == {**dict.fromkeys(CHECKS, "pass"), **dict.fromkeys(table.SCRIPTS, "not run"), "host_bits": "told"}
    after = policy_file.read(path)
    assert policy_file.state(after) == policy_file.state(before) and after["counters"]["commits"] > 2 * 20
    checked = subprocess.run([*command, "--", "--check"], env=playbook_environment(tmp_path), capture_output=True, text=True, timeout=1800, check=False)
    assert policy_file.read(path)["counters"]["calls"] == after["counters"]["calls"], "there is no check mode: " + checked.stdout


# What is different in a Windows -> the checks that must see it; all others that are made must pass. Several differences stand in one
# run; each belongs to other checks.
OTHERWISE: dict[str, tuple[dict[str, t.Any], set[str], set[str]]] = {
    "what the store takes": (
        {"duplicate_names": False, "max_addresses": 500, "max_text": 1000, "fail_memory": True},
        {"twins", "many_addresses", "texts", "memory", "audit"},
        {"edit", "addresses", "default_action"},
    ),
    "commits that fail": ({"fail_commit_at": 1}, {"halves", "edit", "default_action"}, {"digest"}),
    "what can be read": ({"unreadable_rule": "Remote Desktop - User Mode (TCP-In)"}, {"reads"}, {"profiles", "guard"}),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_otherwise_is_seen_in_its_own_row(name: str, make_host: t.Callable[..., Host]) -> None:
    switches, wrong, right = OTHERWISE[name]
    host = make_host(server(**switches))
    before = host.content
    answers = table.ask(machine(host), wrong | right)
    assert results(answers) == {**dict.fromkeys(wrong, "FAIL"), **dict.fromkeys(right, "pass")}, answers
    assert set(table.failed(answers)) == wrong
    assert policy_file.foreign(host.content) == policy_file.foreign(before)


def test_a_session_that_is_not_seen_and_what_becomes_of_host_bits_are_told(make_host: t.Callable[..., Host]) -> None:
    host = make_host({**server(host_bits="keep"), "sessions": []})
    answers = table.ask(machine(host), {"reads", "guard", "host_bits"})
    assert results(answers) == {"reads": "FAIL", "guard": "FAIL", "host_bits": "told"}
    assert "comes back as ['192.0.2.7/255.255.255.0']" in answers["host_bits"].saw


def test_what_a_run_that_was_cut_off_left_is_removed_by_the_next(make_host: t.Callable[..., Host]) -> None:
    store = server()
    clean = policy_file.state(store)
    for owner in ("acc_bulk", "acc_bulk", "acc_twins"):
        policy_file.add(store, policy_file.rule("left", grouping=f"portcullis:{owner}", protocol=6, local_ports="48888"))
    store["memory"] = {"settings": host_checks.KEPT}
    host = make_host(store)
    table.sweep(machine(host))
    assert policy_file.state(host.content) == clean


def test_what_is_saved_on_a_managed_host_is_left_alone(make_host: t.Callable[..., Host]) -> None:
    """There is one text for all owners: whoever asks a host that is managed must not make it forget."""
    host = make_host(server())
    machine(host).ruleset({"default_outbound": "block", "owner": "msports"}, False)
    managed = host.content
    assert managed["memory"]
    answers = table.ask(machine(host), {"memory", "audit"})
    assert results(answers) == {"memory": "not run", "audit": "pass"}, answers
    assert policy_file.state(host.content) == policy_file.state(managed)


def test_scripts_are_asked_one_by_one_and_what_they_say_is_told(make_host: t.Callable[..., Host]) -> None:
    heard: list[str] = []

    def powershell(script: str) -> tuple[int, str]:
        heard.append(script)
        return (1, "") if "wfw" in script else (0, "\x1b[31;1msaid\x1b[0m\r\n so")

    told = set(table.SCRIPTS) - set(COMPARED)
    answers = table.ask(machine(make_host(server()), powershell), told)
    assert results(answers) == {**dict.fromkeys(told, "told"), "export": "FAIL"}
    assert len(heard) == len(told) and not any("Copyright" in script for script in heard)
    assert all("$ErrorActionPreference = 'Stop'" in script for script in heard), "an error is no answer"
    assert table.row("versions", answers["versions"]) == "told     versions         said so"


def test_what_is_in_force_is_held_against_what_windows_says(make_host: t.Callable[..., Host]) -> None:
    """Under every setting that group policy gives, and a rule of it; a host that says otherwise is seen."""
    content = policy_file.set_state(policy_file.set_state(server(), "policy_opens"), "policy_rule_admits")
    said = {"enabled": "True", "inbound": "Block", "outbound": "Allow", "rules": "True", "unicast": "NotConfigured", "merge": "NotConfigured"}
    profiles = [{"name": "Domain", **said, "inbound": "Allow"}, {"name": "Private", **said}, {"name": "Public", **said}]

    def asked(given: list[dict[str, str]], rules: list[str]) -> dict[str, Answer]:
        answers = {"ActiveStore": json.dumps(given), "RSOP": json.dumps(rules)}
        way = machine(make_host(content), lambda script: (0, next(answer for word, answer in answers.items() if word in script)))
        return table.ask(way, set(COMPARED))

    assert results(asked(profiles, ["{0}"])) == dict.fromkeys(COMPARED, "pass")
    wrong = asked([{**profiles[0], "inbound": "Block"}, *profiles[1:]], ["{0}", "{1}"])
    assert results(wrong) == dict.fromkeys(COMPARED, "FAIL")
    assert wrong["active_profiles"].saw == "Domain.inbound is block, and the modules say allow"


def test_a_script_fits_a_command_line() -> None:
    """WinRM encodes it once more, and runs it by cmd, which takes 8,191 characters."""
    assert max(len(table.script(path)) for path in table.SCRIPTS.values()) * (8 / 3) ** 2 < 8000


def test_the_page_says_of_every_check_what_to_do() -> None:
    page = ROOT.joinpath("docs", "windows-acceptance.md").read_text(encoding="utf-8")
    rows = {name for line in page.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert rows >= set(table.NAMES)


def listed() -> dict[str, str]:
    """What a host under Wine answers: answer by check, as the page has it. ``wine/test_wine_acceptance.py`` asks such a host."""
    section = ROOT.joinpath("docs", "windows-acceptance.md").read_text(encoding="utf-8").split("## What a host under Wine answers")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]
    names = [(name.strip("` "), answer) for names, answer, _why in rows for name in names.split(",")]
    assert len(dict(names)) == len(names), "a check has one row"
    return dict(names)


def test_the_page_says_of_every_check_what_only_a_real_windows_answers() -> None:
    assert set(listed()) == set(table.NAMES)
