# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All PowerShell parses, and what is untidy in the sources of the host side is seen."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml
from tools_under_test import ROOT, lines, load

SPDX = "# SPDX-License" + "-Identifier: GPL-3.0-or-later"
LICENSED = ("#!powershell", "# Copyright (c) 2026, somebody", "# GNU General Public License v3.0+ (see there)", SPDX)
GOOD = lines(*LICENSED, "", "#AnsibleRequires -CSharpUtil Ansible.Basic", "", "[Some.Namespace.Executor]::Run($args)")
BROKEN = {
    "a brace left open": "if ($true) {",
    "a quote left open": '$a = "b',
    "a stray bracket": "[Some.Namespace.Executor]::Run($args))",
    "half a statement": "foreach ($a in $b { }",
}


def powershell_sources() -> t.List[str]:
    return load("checkout").files("*.ps1", "*.psm1")


def test_all_powershell_parses() -> None:
    names = powershell_sources()
    assert "plugins/modules/win_firewall_policy.ps1" in names
    errors = {name: load("host_sources").parse_errors(ROOT.joinpath(name).read_text(encoding="utf-8")) for name in names}
    assert errors == {name: [] for name in names}


def test_powershell_within_yaml_parses() -> None:
    workflow = yaml.safe_load(ROOT.joinpath(".github/workflows/windows-acceptance.yml").read_text(encoding="utf-8"))
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if step.get("shell") == "powershell"]
    assert len(steps) == 3
    parse = load("host_sources").parse_errors
    assert [error for text in steps for error in parse(re.sub(r"\$\{\{.*?\}\}", "x", text))] == []


@pytest.mark.parametrize("name", BROKEN)
def test_powershell_that_does_not_parse_is_seen(name: str) -> None:
    parse = load("host_sources").parse_errors
    assert parse(GOOD) == []
    assert parse(GOOD + BROKEN[name] + "\n") != []


UNTIDY = {
    "no licence": (lines("using System;"), ["1", "1", "1"]),
    "a tab": (GOOD + "\tx\n", ["9"]),
    "a carriage return": (GOOD + "x\r\n", ["9"]),
    "a smart quote": (GOOD + "// \u201cx\u201d\n", ["9"]),
    "a long line": (GOOD + "x" * 161 + "\n", ["9"]),
    "no newline": (GOOD + "x", ["9"]),
    "two newlines": (GOOD + "\n", ["10"]),
    "nothing": (GOOD + "x" * 160 + "\n", []),
}


@pytest.mark.parametrize("name", UNTIDY)
def test_untidy_sources_of_the_host_side_are_seen(name: str) -> None:
    text, numbers = UNTIDY[name]
    assert [line.split(":")[0] for line in load("host_sources").complaints(text)] == numbers
