# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module of a test's own, parts of a payload, and a program that stands for a PowerShell, for the tests of the engine."""

from __future__ import annotations

import pathlib
import stat
import sys
import typing as t

import engines
import pytest
from stand_in_hosts import script_of
from engines import payload, pwsh

MODULE = "ansible_collections.portcullis.msports.plugins.modules.win_firewall_policy.ps1"
BETWEEN = b"\n\0\0\0\0\n"

#: A module of a test: says what it got.
ECHO = r"""
using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using Ansible.Basic;

namespace echo
{
    public static class Module
    {
        public static void Run(AnsibleModule module)
        {
            IDictionary given = (IDictionary)module.Params["given"];
            module.Result["types"] = given.Keys.Cast<string>().ToDictionary(key => key, key => given[key] == null ? "null" : given[key].GetType().Name);
            module.Result["values"] = given;
            module.Result["environment"] = Environment.GetEnvironmentVariables().Keys.Cast<string>().OrderBy(name => name).ToList();
            module.Result["variable"] = Environment.GetEnvironmentVariable("OF_THE_TASK");
            module.ExitJson();
        }

        // Takes the end of the script for an error.
        public static void Swallow(AnsibleModule module)
        {
            try
            {
                module.ExitJson();
            }
            catch (Exception error)
            {
                module.FailJson("swallowed " + error.GetType().Name);
            }
        }

        public static void Break(AnsibleModule module)
        {
            throw new InvalidOperationException("broken on purpose");
        }

        public static void Warned(AnsibleModule module)
        {
            module.Warn("a warning");
            module.ExitJson();
        }
    }
}
"""


@pytest.fixture
def echo(read: payload.Call) -> t.Callable[..., payload.Done]:
    """Run a method of the test's own module with what is given."""

    def run(
        method: str = "Run", given: t.Optional[dict[str, t.Any]] = None, wide: bool = False, environment: t.Optional[dict[str, str]] = None
    ) -> payload.Done:
        sources = {"Ansible.Basic.cs": read.csharp["Ansible.Basic.cs"], "echo.cs": ECHO}
        script = script_of("echo.Module", "given = @{ type = 'dict' }", method)
        return engines.chosen().run_open(payload.other_module(read, "echo.ps1", script, sources, {"given": given or {}}, environment), None, wide=wide)

    return run


def parameters(manifest: dict[str, t.Any]) -> dict[str, t.Any]:
    return t.cast(dict[str, t.Any], manifest["actions"][-1]["params"])


@pytest.fixture
def pretend_pwsh(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Callable[[str], pathlib.Path]]:
    """A program that says a version, and writes down what it is given: it shows the handing over, not PowerShell."""

    def make(version: str) -> pathlib.Path:
        program = tmp_path / "pwsh"
        program.write_text(
            f"#!{sys.executable}\n"
            "import json, os, sys\n"
            f"if '-Command' in sys.argv: print({version!r}); sys.exit()\n"
            "given = sys.stdin.buffer.read()\n"
            "print(json.dumps({'failed': False, 'words': sys.argv[1:], 'size': len(given), 'stand_in': os.environ['MSPORTS_STAND_IN']}))\n",
            encoding="utf-8",
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("MSPORTS_PWSH", str(program))
        pwsh.find.cache_clear()
        return program

    yield make
    monkeypatch.undo()
    pwsh.find.cache_clear()
