# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine refuses in words a payload, a command and a script of a form that it does not know."""

from __future__ import annotations

import base64
import json
import typing as t
import zlib

import pytest
from conftest import Sent, script_of
from engines import mono, payload
from engine_cases import BETWEEN, ECHO, parameters


def changed(sent: Sent, which: int, change: t.Callable[[dict[str, t.Any]], t.Any]) -> bytes:
    """The payload with one of its two documents changed in place."""
    documents = [json.loads(part) for part in sent.in_data.split(BETWEEN)]
    change(documents[which])
    return BETWEEN.join(json.dumps(document).encode() for document in documents)


def compressed(sent: Sent) -> bytes:
    wrapper, manifest = sent.in_data.split(BETWEEN)
    return wrapper + BETWEEN + base64.b64encode(zlib.compress(manifest))


FORMS: list[tuple[str, t.Callable[[Sent], bytes], str]] = [
    ("a third document", lambda sent: sent.in_data + BETWEEN + b"{}", "3 documents"),
    ("no second document", lambda sent: sent.in_data.split(BETWEEN)[0], "1 documents"),
    ("compressed", compressed, "compressed, in a form"),
    ("another wrapper", lambda sent: changed(sent, 0, lambda one: one.update(name="other")), "a wrapper called 'other'"),
    ("another key of the wrapper", lambda sent: changed(sent, 0, lambda one: one.update(new=1)), "the wrapper document has a form of another .*new"),
    ("another parameter of the wrapper", lambda sent: changed(sent, 0, lambda one: one["params"].update(New=1)), "parameters of the exec wrapper.*New"),
    ("another key of the manifest", lambda sent: changed(sent, 1, lambda one: one.update(packed="zlib")), "the manifest has a form of another .*packed"),
    ("another parameter of the module", lambda sent: changed(sent, 1, lambda one: parameters(one).update(New=1)), "parameters of the module wrapper.*New"),
    ("another variable", lambda sent: changed(sent, 1, lambda one: parameters(one)["Variables"][0].update(Name="args")), "an unknown variable: args"),
    ("a later PowerShell", lambda sent: changed(sent, 0, lambda one: one["params"].update(MinPSVersion="7.2")), "asks for PowerShell 7.2"),
    ("a PowerShell util", lambda sent: changed(sent, 1, lambda one: parameters(one)["PowerShellModules"].append("x.psm1")), "utils cannot be run"),
    ("become", lambda sent: changed(sent, 1, lambda one: one["actions"].insert(0, {"name": "become_wrapper.ps1"})), "without files, become, async"),
    ("a lost script", lambda sent: changed(sent, 1, lambda one: one["scripts"].pop("Ansible.Basic.cs")), "lacks the script Ansible.Basic.cs"),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[0])
def test_a_form_that_is_not_known_is_refused(form: tuple[str, t.Callable[[Sent], bytes], str], sent: Sent) -> None:
    _name, make, sentence = form
    with pytest.raises(payload.EngineError, match=sentence):
        payload.read_call(sent.command, make(sent))


@pytest.mark.parametrize(
    "command", ["whoami", "powershell -File C:\\x.ps1", "PowerShell -NoProfile -EncodedCommand " + base64.b64encode("Get-Item x".encode("utf-16-le")).decode()]
)
def test_a_command_that_does_not_start_the_wrapper_is_refused(command: str, sent: Sent) -> None:
    with pytest.raises(payload.EngineError, match="bootstrap wrapper"):
        payload.read_call(command, sent.in_data)


@pytest.mark.parametrize(
    "script",
    [
        "",
        f"{script_of('echo.Module')}Get-Item x\n",
        script_of("echo.Module").replace("Run($module)", "Run($module); Get-Item x"),
        f"$x = 1\n{script_of('echo.Module')}",
        script_of("echo.Module").replace("Run($module)", "Run('module')"),
        script_of("echo.Module").replace("Create($args, $spec)", "Create($args, @{})"),
        script_of("echo.Module", "given = @{ type = $type }"),
        script_of("echo.Module", 'given = @{ type = "str" }'),
        script_of("echo.Module", "given = @{ type = (Get-Item x) }"),
        f"<# a comment that this does not read\n#>\n{script_of('echo.Module')}",
        "[echo.Module]::Run($args)\n",
    ],
)
def test_a_script_with_more_than_its_three_statements_is_refused(script: str, read: payload.Call) -> None:
    call = payload.other_module(read, "echo.ps1", script, {"Ansible.Basic.cs": read.csharp["Ansible.Basic.cs"], "echo.cs": ECHO}, {})
    with pytest.raises(payload.EngineError, match="is not the three statements"):
        mono.Mono().run(call, None)
