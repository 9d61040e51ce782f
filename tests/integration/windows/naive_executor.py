# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An executor that trusts Windows more than it should (its C# is in ``naive_*.cs``), run on stores of its own."""

from __future__ import annotations

import json
import pathlib
import typing as t

import engines
import policy_file
import pytest
from stand_in_hosts import script_of
from engines import payload

INTERFACES = [f"ansible_collections.portcullis.msports.plugins.module_utils._Firewall{name}.cs" for name in ("Host", "Interop")]

#: Its C#, by the name of the file.
NAIVE = {path.name: path.read_text(encoding="utf-8") for path in sorted(pathlib.Path(__file__).parent.glob("naive_*.cs"))}


class Outcome(t.NamedTuple):
    """The value, or the error as a text; and the file afterwards."""

    value: t.Any
    content: policy_file.Content
    code: int


class Case(t.NamedTuple):
    way: str
    value: t.Optional[str]
    content: policy_file.Content


def run_all(folder: pathlib.Path, read: payload.Call, cases: t.Sequence[Case]) -> list[Outcome]:
    """Run naive ways, each on a store of its own."""
    paths = [policy_file.write(folder / f"{number}.json", case.content) for number, case in enumerate(cases)]
    sources = {name: read.csharp[name] for name in ("Ansible.Basic.cs", *INTERFACES)}
    arguments = [{"way": case.way, "value": case.value, "path": str(path)} for case, path in zip(cases, paths)]
    script = script_of("naive.Executor", "cases = @{ type = 'list'; elements = 'dict'; required = $true }")
    call = payload.other_module(read, "naive.ps1", script, {**sources, **NAIVE}, {"cases": arguments})
    done = engines.chosen().run_open(call, paths[0])
    outcomes = json.loads(done.output)["outcomes"] if done.output else [None] * len(cases)
    return [Outcome(value, policy_file.read(path), done.code) for value, path in zip(outcomes, paths)]


@pytest.fixture
def naive(tmp_path: pathlib.Path, read: payload.Call) -> t.Callable[..., Outcome]:
    def run(way: str, value: t.Optional[str] = None, content: t.Optional[policy_file.Content] = None, **switches: t.Any) -> Outcome:
        return run_all(tmp_path, read, [Case(way, value, policy_file.switch(content or policy_file.fresh_server(), **switches))])[0]

    return run
