# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine reads what each ansible-core sends, runs what is in it, and refuses in words whatever it cannot play."""

from __future__ import annotations

import base64
import dataclasses
import json
import pathlib
import re
import shlex
import shutil
import stat
import subprocess
import sys
import textwrap
import typing as t
import zlib

import engines
import policy_file
import pytest
import sanity
from conftest import READ, ROOT, Sent, run_playbook, script_of, send
from stand_in_hosts import version
from engines import archive, mono, payload, pwsh, stand_in

MODULE = "ansible_collections.portcullis.msports.plugins.modules.win_firewall_policy.ps1"
UTILS = "ansible_collections.portcullis.msports.plugins.module_utils."
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
        return engines.chosen().run(payload.other_module(read, "echo.ps1", script, sources, {"given": given or {}}, environment), None, wide=wide)

    return run


# -- what ansible-core sends


def taken(core: str) -> bool:
    """Whether the engine takes what this core sends."""
    lowest = engines.chosen().core
    return lowest is None or version(core) >= version(lowest)


# The supported cores that a Python of this machine runs; of the others the checks tell that nothing was run on them.
CORES = {core: python for core, python in ((core, sanity.find_python(core)) for core in sorted(sanity.PYTHONS)) if python and taken(core)}


@pytest.fixture(scope="session", params=CORES)
def sent_by(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Sent]:
    """What each ansible-core sends for a read."""
    python = CORES[request.param]
    program = sanity.make_venv(request.param, python) / "bin" / "ansible-playbook"
    return request.param, send(tmp_path_factory.mktemp(f"sent-{request.param}"), program)


def test_the_payload_of_every_core_is_decoded(sent_by: tuple[str, Sent]) -> None:
    core, sent = sent_by
    call = payload.read_call(sent.command, sent.in_data)
    assert call.module == MODULE
    assert call.script == ROOT.joinpath("plugins/modules/win_firewall_policy.ps1").read_text(encoding="utf-8")
    assert {"Ansible.Basic.cs", f"{UTILS}_FirewallExecutor.cs", f"{UTILS}_FirewallInterop.cs", f"{UTILS}_FirewallStore.cs"} <= set(call.csharp)
    assert call.arguments["owner"] == "msports"
    assert call.arguments["_ansible_version"].startswith(core)
    assert call.environment == {"OF_THE_TASK": "yes"}
    assert ("PwshPath" in call.wrapper) == (core == "2.21")


def test_the_payload_of_every_core_runs(sent_by: tuple[str, Sent], tmp_path: pathlib.Path) -> None:
    _core, sent = sent_by
    path = policy_file.write(tmp_path / "host.json", policy_file.fresh_server())
    done = mono.Mono().run(payload.read_call(sent.command, sent.in_data), path)
    assert (done.code, done.error) == (0, b"")
    assert done.output.endswith(b"\r\n")
    assert json.loads(done.output)["counts"] == {"enumerations": 1, "commits": 0}


def test_every_start_says_by_what_it_is_run(sent_by: tuple[str, Sent]) -> None:
    _core, sent = sent_by
    said = " ".join(sent.said.split())
    assert said.count("w1 is a stand-in for a Windows host: ") == 1
    assert f"Modules are run by {engines.chosen().described()}" in said


def changed(sent: Sent, which: int, change: t.Callable[[dict[str, t.Any]], t.Any]) -> bytes:
    """The payload with one of its two documents changed in place."""
    documents = [json.loads(part) for part in sent.in_data.split(BETWEEN)]
    change(documents[which])
    return BETWEEN.join(json.dumps(document).encode() for document in documents)


def parameters(manifest: dict[str, t.Any]) -> dict[str, t.Any]:
    return t.cast(dict[str, t.Any], manifest["actions"][-1]["params"])


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


# -- compiling


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
        orders = [mono.order(read, environment, wide=False)]
        done = subprocess.run(["mono", str(program)], input=json.dumps(orders).encode(), capture_output=True, check=False)
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


# -- running


def test_values_are_those_of_powershell(echo: t.Callable[..., payload.Done]) -> None:
    given = {"whole": 5, "large": 5_000_000_000, "flag": True, "text": "x", "list": [1], "map": {"Key": None}, "nothing": None}
    types = {"large": "Int64", "flag": "Boolean", "text": "String", "list": "Object[]", "map": "Hashtable", "nothing": "null"}
    # PowerShell 7 has wide numbers whatever is asked; Mono takes the part of either.
    for wide, whole in ((False, "Int32"), (True, "Int64")) if engines.chosen().name == "mono" else ((True, "Int64"),):
        result = json.loads(echo(given=given, wide=wide).output)
        assert result["types"] == {**types, "whole": whole}
        assert result["values"] == given


@pytest.mark.parametrize(
    "text", ["", "ünï€ \U0001f600", "\"quoted\" 'single' `tick` $(Get-Item x) %PATH% \\", "line\nline\r\ntab\t", " ", "x" * 10_000, "</script>\u2028"]
)
def test_texts_arrive_and_come_back_unchanged(text: str, echo: t.Callable[..., payload.Done]) -> None:
    given = {"text": text, "list": [text, {"in it": text}]}
    assert json.loads(echo(given=given).output)["values"] == given


def test_names_that_differ_in_case_alone_are_no_hashtable(echo: t.Callable[..., payload.Done]) -> None:
    done = echo(given={"name": 1, "NAME": 2})
    assert done.code != 0


def test_the_environment_is_that_of_the_host_and_of_the_task(echo: t.Callable[..., payload.Done], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.2 22")
    result = json.loads(echo(environment={"OF_THE_TASK": "ünï"}).output)
    assert result["variable"] == "ünï"
    assert "SSH_CONNECTION" not in result["environment"], "that is the controller's"


def test_the_end_of_a_script_is_an_exception_that_can_be_swallowed(echo: t.Callable[..., payload.Done]) -> None:
    done = echo("Swallow")
    assert done.code == 1
    assert [json.loads(line).get("msg") for line in done.output.decode().splitlines() if line] == [None, "swallowed ExitException"]


def test_an_error_that_nobody_catches(echo: t.Callable[..., payload.Done]) -> None:
    done = echo("Break")
    result = json.loads(done.output)
    assert (done.code, result["failed"]) == (1, True)
    assert result["msg"] == 'Unhandled exception while executing module: Exception calling "Break" with "1" argument(s): "broken on purpose"'


def test_warnings_of_a_module_come_through(echo: t.Callable[..., payload.Done]) -> None:
    assert json.loads(echo("Warned").output)["warnings"] == ["a warning"]


def test_a_method_that_is_not_there(echo: t.Callable[..., payload.Done]) -> None:
    done = echo("Missing")
    assert done.code == 1
    assert "does not contain a method named 'Missing'" in json.loads(done.output)["msg"]


def test_check_mode_reaches_the_module(read: payload.Call, tmp_path: pathlib.Path) -> None:
    path = policy_file.write(tmp_path / "host.json", policy_file.fresh_server())
    arguments = {**read.arguments, "_ansible_check_mode": True, "expected": "x", "operations": [{"kind": "memory", "value": "x"}]}
    done = engines.chosen().run(dataclasses.replace(read, arguments=arguments), path)
    assert "check mode" in json.loads(done.output)["msg"]


# -- a real PowerShell, where there is one


def documents_of(in_data: bytes) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    wrapper, manifest = (json.loads(part) for part in in_data.split(BETWEEN))
    return wrapper, manifest


def test_the_payload_for_pwsh_is_the_same_but_for_the_stand_in(sent_by: tuple[str, Sent]) -> None:
    core, sent = sent_by
    if core != "2.21":
        with pytest.raises(payload.EngineError, match="ansible-core 2.21 and later only"):
            pwsh.for_pwsh(sent.command, sent.in_data, "/opt/pwsh")
        return
    words, in_data = pwsh.for_pwsh(sent.command, sent.in_data, "/opt/pwsh")
    assert words == ["/opt/pwsh", *shlex.split(sent.command)[1:]]
    (wrapper, manifest), (wrapper_before, manifest_before) = documents_of(in_data), documents_of(sent.in_data)
    assert wrapper["params"].pop("PwshPath") == "/opt/pwsh"
    wrapper_before["params"].pop("PwshPath")
    assert wrapper == wrapper_before
    names = [path.name for path in stand_in.SOURCES]
    for path in stand_in.SOURCES:
        added = manifest["scripts"].pop(path.name)
        assert base64.b64decode(added["script"]) == path.read_bytes()
    assert parameters(manifest)["CSharpModules"][-len(names) :] == names
    del parameters(manifest)["CSharpModules"][-len(names) :]
    assert manifest == manifest_before


def test_the_stand_in_compiles_and_is_found_as_part_of_the_payload(sent_by: tuple[str, Sent], tmp_path: pathlib.Path) -> None:
    core, sent = sent_by
    if core != "2.21":
        assert "PwshPath" not in payload.read_call(sent.command, sent.in_data).wrapper
        return
    path = policy_file.write(tmp_path / "host.json", policy_file.fresh_server())
    _words, in_data = pwsh.for_pwsh(sent.command, sent.in_data, "/opt/pwsh")
    call = payload.read_call(sent.command, in_data)
    done = mono.Mono().run(dataclasses.replace(call, environment={"MSPORTS_STAND_IN": str(path)}), None)
    assert json.loads(done.output)["counts"] == {"enumerations": 1, "commits": 0}
    assert policy_file.read(path)["counters"]["calls"] == 1


def test_other_arguments_in_the_same_payload(sent_by: tuple[str, Sent]) -> None:
    _core, sent = sent_by
    call = payload.read_call(sent.command, sent.in_data)
    other = payload.read_call(sent.command, payload.with_arguments(sent.in_data, {"owner": "other"}))
    assert other == dataclasses.replace(call, arguments={"owner": "other"})


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


def test_a_pwsh_that_is_too_old_or_not_there_is_an_error(pretend_pwsh: t.Callable[[str], pathlib.Path], monkeypatch: pytest.MonkeyPatch) -> None:
    program = pretend_pwsh("7.5.0")
    assert pwsh.Pwsh().missing() == []
    assert pwsh.Pwsh().program == str(program)
    for found in ("7.4.6", "5.1.17763.1", "no version"):
        pretend_pwsh(found)
        assert "needed is 7.5" in pwsh.Pwsh().missing()[0]
    monkeypatch.setenv("MSPORTS_PWSH", "/nowhere/pwsh")
    assert "/nowhere/pwsh: no pwsh, no folder with one" in pwsh.Pwsh().missing()[0]
    monkeypatch.delenv("MSPORTS_PWSH")
    monkeypatch.setenv("PATH", "/nowhere")
    assert pwsh.Pwsh().missing() == ["no pwsh on PATH, and MSPORTS_PWSH names none"]


def test_an_archive_of_powershell_is_unpacked_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "CACHE", tmp_path / "cache")
    tmp_path.joinpath("made").mkdir()
    tmp_path.joinpath("made", "pwsh").write_text("#!/bin/sh\necho 7.6.9\n")
    packed = pathlib.Path(shutil.make_archive(str(tmp_path / "powershell-7.6.9-linux-x64"), "gztar", tmp_path / "made"))
    monkeypatch.setenv("MSPORTS_PWSH", str(packed))
    for _once_more in range(2):
        assert pwsh.Pwsh().missing() == []
    assert pwsh.Pwsh().program == str(tmp_path / "cache" / f"{packed.name}-{packed.stat().st_size}" / "pwsh")


def test_an_engine_that_is_not_there_is_no_other_one(tmp_path: pathlib.Path) -> None:
    policy_file.write(tmp_path / "w1.json", policy_file.fresh_server())
    for name, sentence in (("other", "no such engine: 'other'; expected one of mono, pwsh"), ("pwsh", "the engine pwsh cannot run here: /nowhere/pwsh")):
        with pytest.raises(payload.EngineError, match=re.escape(sentence)), pytest.MonkeyPatch.context() as patch:
            patch.setenv("MSPORTS_PWSH", "/nowhere/pwsh")
            engines.named.__wrapped__(name)


def test_a_pwsh_gets_the_whole_payload_under_2_21_alone(
    sent_by: tuple[str, Sent], pretend_pwsh: t.Callable[[str], pathlib.Path], tmp_path: pathlib.Path
) -> None:
    core, sent = sent_by
    pretend_pwsh("7.6.0")
    policy_file.write(tmp_path / "w1.json", policy_file.fresh_server())
    python = sanity.find_python(core)
    assert python is not None
    program = sanity.make_venv(core, python) / "bin" / "ansible-playbook"
    shown = READ.replace("      environment:", "      register: out\n      environment:") + "    - ansible.builtin.debug: {var: out}\n"
    code, said = run_playbook(tmp_path, shown, ["w1"], program, MSPORTS_ENGINE="pwsh")
    if core == "2.21":
        assert code == 0, said
        assert '"stand_in": "' + str(tmp_path / "w1.json") in said
    else:
        assert code != 0
        assert "the payloads of ansible-core 2.21 and later only" in " ".join(said.split())


# -- the connection


def task(text: str) -> str:
    return "- hosts: all\n  gather_facts: false\n  tasks:\n" + textwrap.indent(textwrap.dedent(text).strip(), "    ") + "\n"


def calls(folder: pathlib.Path) -> list[dict[str, t.Any]]:
    return [json.loads(line) for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for name in ("w1", "w2"):
        policy_file.write(tmp_path / f"{name}.json", policy_file.fresh_server())
    return tmp_path


def test_one_module_call_is_one_call_of_the_connection_and_hosts_run_side_by_side(folder: pathlib.Path) -> None:
    code, said = run_playbook(folder, READ, ["w1", "w2"], MSPORTS_STAND_IN_CALLS=str(folder / "calls"))
    assert code == 0, said
    made = calls(folder)
    assert sorted((call["host"], call["what"], call["module"], call["operations"]) for call in made) == [
        ("w1", "exec_command", MODULE, 0),
        ("w2", "exec_command", MODULE, 0),
    ]
    for name in ("w1", "w2"):
        assert policy_file.read(folder / f"{name}.json")["counters"]["calls"] == 1


def test_it_says_once_per_host_and_run_what_it_is(folder: pathlib.Path) -> None:
    code, said = run_playbook(folder, READ + READ.split("tasks:\n")[1].split("      environment:")[0], ["w1", "w2"])
    assert code == 0, said
    said = " ".join(said.split())
    for name in ("w1", "w2"):
        assert said.count(f"{name} is a stand-in for a Windows host") == 1
        assert policy_file.read(folder / f"{name}.json")["counters"]["calls"] == 2


REFUSALS = [
    ("raw", "- ansible.builtin.raw: whoami", "not a command that starts ansible-core's bootstrap wrapper", "refused"),
    (
        "sudo",
        "- {portcullis.msports.win_firewall_policy: {owner: msports}, become: true}",
        "Become plugin sudo is not supported by the Windows exec wrapper",
        None,
    ),
    (
        "runas",
        "- {portcullis.msports.win_firewall_policy: {owner: msports}, become: true, become_method: runas, become_user: SYSTEM}",
        "without files, become, async and coverage",
        "refused",
    ),
    ("a file", "- {ansible.builtin.copy: {content: x, dest: 'C:/x'}}", "without files, become", "refused"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case[0])
def test_what_cannot_be_played_fails_in_words(case: tuple[str, str, str, t.Optional[str]], folder: pathlib.Path) -> None:
    _name, text, sentence, what = case
    code, said = run_playbook(folder, task(text), ["w1"], MSPORTS_STAND_IN_CALLS=str(folder / "calls"))
    assert code != 0
    assert sentence in " ".join(said.split())
    if what:
        assert calls(folder)[-1]["what"] == what
    assert policy_file.read(folder / "w1.json")["counters"]["calls"] == 0


def test_async_fails_in_words(folder: pathlib.Path) -> None:
    text = "- {portcullis.msports.win_firewall_policy: {owner: msports}, async: 60, poll: 1}"
    code, said = run_playbook(folder, task(text), ["w1"])
    assert code != 0
    assert "only a plain module can be run here, without files, become, async and coverage" in " ".join(said.split())


def test_a_host_without_a_file_is_told(folder: pathlib.Path) -> None:
    code, said = run_playbook(folder, READ, ["w3"])
    assert code != 0
    assert f"no file {folder}/w3.json for the stand-in host w3" in " ".join(said.split())


def test_the_connection_is_not_in_the_collection() -> None:
    ignored = ROOT.joinpath("galaxy.yml").read_text(encoding="utf-8").split("build_ignore:")[1]
    assert "  - tests\n" in ignored
    assert not list(ROOT.joinpath("plugins").rglob("*stand_in*"))
