# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks against one host, one after the other, as a table; and whatever they leave is removed."""

from __future__ import annotations

import pathlib
import re
import typing as t

from . import CHECKS, FAIL, NOT_RUN, TOLD, Answer, Host, Machine, State, expect, host_checks, ruleset_checks
from .compared import COMPARED

assert host_checks and ruleset_checks  # they fill CHECKS
SCRIPTS = {path.stem: path for path in sorted((pathlib.Path(__file__).parent / "powershell").glob("*.ps1"))}
NAMES = (*CHECKS, *SCRIPTS, "others")
MARK = "portcullis:acc_"
LONGEST = 900  # characters of one row
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # PowerShell 7 has them, also where nobody sees them
# Whatever cannot be asked ends a script: an error is no answer.
BEGINS = "$ProgressPreference = 'SilentlyContinue'; $ErrorActionPreference = 'Stop'"

Say = t.Callable[[str], None]


def ask(machine: Machine, only: t.Collection[str] = (), say: Say = lambda line: None) -> dict[str, Answer]:
    """Return the answers by check, and ``say`` each as a row as soon as it is known. What an earlier run left is removed first."""
    sweep(machine)
    watcher = Host(machine, "acc_reads")
    before = watcher.read()
    answers: dict[str, Answer] = {}

    def note(name: str, answer: t.Callable[[], Answer]) -> None:
        if only and name not in only:
            return
        try:
            answers[name] = answer()
        except Exception as error:  # whatever goes wrong is the answer to this one, and the others are asked all the same
            answers[name] = Answer(FAIL, f"{type(error).__name__}: {error}")
        say(row(name, answers[name]))

    for name, check in CHECKS.items():
        host = Host(machine, f"acc_{name}")
        note(name, lambda: _cleaned(host, check))  # noqa: B023  (called at once)
    for name, path in SCRIPTS.items():
        note(name, lambda: _by_powershell(machine, path))  # noqa: B023
    sweep(machine)
    note("others", lambda: _nothing_of_others(before, watcher.read()))
    return answers


def row(name: str, answer: Answer) -> str:
    return f"{answer.result:<8} {name:<16} {' '.join(answer.saw.split())[:LONGEST]}"


def failed(answers: t.Mapping[str, Answer]) -> list[str]:
    return [name for name, answer in answers.items() if answer.result == FAIL]


def _cleaned(host: Host, check: t.Callable[[Host], Answer]) -> Answer:
    try:
        return check(host)
    finally:
        _remove_rules(host)


def _remove_rules(host: Host) -> None:
    removals = [{"kind": "remove", "id": one["id"], "name": one["name"]} for one in host.rules()]
    if removals:
        host.do(*removals)


def _by_powershell(machine: Machine, path: pathlib.Path) -> Answer:
    """What the modules do not need, and so cannot tell: asked of Windows PowerShell itself."""
    if machine.powershell is None:
        return Answer(NOT_RUN, "without PowerShell")
    code, said = machine.powershell(script(path))
    said = COLOURS.sub("", said)
    if code != 0 or not said.strip():
        return Answer(FAIL, said or f"exit code {code}")
    compare = COMPARED.get(path.stem)
    return compare(Host(machine, "acc_reads"), said) if compare else Answer(TOLD, said)


def script(path: pathlib.Path) -> str:
    """Return a script without its comments: WinRM takes a short command line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join([BEGINS, *(line for line in lines if line and not line.startswith("#"))])


def sweep(machine: Machine) -> None:
    """Remove everything of every check. Two of them may leave something that is no rule: a text, and logging."""
    watcher = Host(machine, "acc_reads")
    state = watcher.read()
    if state["memory"] == host_checks.KEPT:
        watcher.do({"kind": "memory"})
    owners = {one["grouping"].partition(":")[2] for one in state.foreign if one["grouping"].startswith(MARK)}
    for owner in sorted(owners | {"acc_audit"}):
        Host(machine, owner).ruleset(state="absent", allow_lockout=True)


def _nothing_of_others(before: State, after: State) -> Answer:
    """Not one foreign rule, and no profile, changed while all this went on."""
    new = [one["name"] for one in after.foreign if one not in before.foreign]
    gone = [one["name"] for one in before.foreign if one not in after.foreign]
    saw = f"{len(after.foreign)} enabled foreign rules, {after['others_disabled']} disabled; new since the start: {new}; gone: {gone}"
    return expect(not new and not gone and after["profiles"] == before["profiles"], saw)
