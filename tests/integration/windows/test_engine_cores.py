# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each ansible-core sends is decoded and run, and a PowerShell gets it as it was sent, with the stand-in added."""

from __future__ import annotations

import base64
import dataclasses
import json
import pathlib
import shlex
import typing as t

import engines
import policy_file
import pytest
import sanity
from conftest import READ, ROOT, Sent, run_playbook, send
from stand_in_hosts import version
from engines import mono, payload, pwsh, stand_in
from engine_cases import BETWEEN, MODULE, parameters

UTILS = "ansible_collections.portcullis.msports.plugins.module_utils."


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
