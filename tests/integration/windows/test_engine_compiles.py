# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the payload holds is compiled as Windows PowerShell would compile it, once for all processes."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import textwrap
import typing as t

import engines
import policy_file
import pytest
from conftest import ROOT, Sent, script_of
from engines import mono, payload, stand_in


def test_the_code_is_that_of_the_payload(echo: t.Callable[..., payload.Done]) -> None:
    # nothing in the checkout holds this module
    assert json.loads(echo(given={"a": 1}).output)["values"] == {"a": 1}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("string a = args?.ToString();", "not part of the C# 5.0 language"),
        ('string a = $"{args}";', "not part of the C# 5.0 language"),
        ("int unused = 0;", "warnings, which Add-CSharpType takes for errors"),
        ("System.Web.HttpUtility.HtmlEncode(null);", "does not exist in the namespace"),
        ("int a = ;", "error CS1525"),
    ],
)
def test_what_windows_powershell_would_not_compile_fails_as_there(line: str, sentence: str, read: payload.Call) -> None:
    name = "ansible_collections.portcullis.lab.plugins.module_utils.Wrong"
    source = "namespace wrong { public static class Module { public static void Run(object args) { " + line + " } } }"
    sources = {"Ansible.Basic.cs": read.csharp["Ansible.Basic.cs"], f"{name}.cs": source}
    call = payload.other_module(read, "wrong.ps1", script_of("wrong.Module"), sources, {})
    done = mono.Mono().run(call, None)
    assert done.code == 1
    assert "failure during exec_wrapper: Failed to compile C# code" in json.loads(done.output)["msg"]
    assert sentence in json.loads(done.output)["msg"]


def test_references_are_those_of_the_comments_in_the_code(read: payload.Call) -> None:
    assert mono.references([]) == ["System.dll", "System.Core.dll"]
    assert mono.references([read.csharp["Ansible.Basic.cs"]]) == ["System.dll", "System.Core.dll", "System.Web.Extensions.dll"]


def test_everything_also_compiles_as_on_windows(read: payload.Call) -> None:
    # with COM, registry and netsh; nothing of it can be run here
    library = mono.compiled(read.csharp, added=(), defines=("AMD64", "WINDOWS"), host=False)
    assert library.stat().st_size > 10_000


def test_without_windows_and_without_a_stand_in_nothing_is_run(read: payload.Call) -> None:
    done = engines.chosen().run(read, None)
    assert done.code == 1
    assert "Windows" in json.loads(done.output)["msg"]


def test_the_stand_in_is_not_even_looked_for_where_windows_is_defined(read: payload.Call, tmp_path: pathlib.Path) -> None:
    path = policy_file.write(tmp_path / "host.json", policy_file.fresh_server())
    program = mono.compiled(read.csharp, defines=("AMD64", "WINDOWS"))
    with stand_in.environment_for(path, {}) as environment:
        question = mono.order(read, environment, wide=False)
        done = subprocess.run(["mono", str(program)], input=json.dumps(question).encode(), capture_output=True, check=False)
    assert b'"code":1' in done.stdout
    assert policy_file.read(path)["counters"]["calls"] == 0


def test_several_processes_compile_once_and_all_run(sent: Sent, tmp_path: pathlib.Path) -> None:
    tmp_path.joinpath("payload.json").write_text(json.dumps([sent.command, sent.in_data.decode()]), encoding="utf-8")
    script = tmp_path / "one.py"
    script.write_text(
        textwrap.dedent(f"""
        import json, pathlib, sys
        sys.path.insert(0, {str(ROOT / "tests" / "windows")!r})
        from engines import mono, payload
        command, in_data = json.loads(pathlib.Path("payload.json").read_text())
        done = mono.Mono().run(payload.read_call(command, in_data.encode()), pathlib.Path(sys.argv[1]))
        sys.stdout.buffer.write(done.output)
        """),
        encoding="utf-8",
    )
    paths = [policy_file.write(tmp_path / f"host{number}.json", policy_file.fresh_server()) for number in range(3)]
    environment = {"PATH": "/usr/bin:/bin", "MSPORTS_ENGINE_CACHE": str(tmp_path / "cache")}
    # two of them are on one host
    started = [
        subprocess.Popen([sys.executable, str(script), str(path)], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for path in (*paths, paths[0])
    ]
    for one in started:
        output, error = one.communicate(timeout=900)
        assert json.loads(output)["counts"]["enumerations"] == 1, error.decode()
    assert len(list(tmp_path.glob("cache/*.exe"))) == 1
    assert [policy_file.read(path)["counters"]["calls"] for path in paths] == [2, 1, 1]
