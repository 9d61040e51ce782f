# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-core sends to a PowerShell host: read it, change its arguments, build one without ansible-playbook.

ansible-core sends a command line (``powershell ... -EncodedCommand``) and standard input of two JSON documents, parted by a line of
four NUL characters: the exec wrapper, then a manifest with all scripts (base64) and the actions to run. Whatever is not known here is
refused: a form of the payload, become, async.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import shlex
import typing as t

BETWEEN = b"\n\0\0\0\0\n"
ADD_TYPE = "Ansible.ModuleUtils.AddType.psm1"
_COMMAND = re.compile(r"(?i)(?:\S*[\\/])?(?:powershell|pwsh)(?:\.exe)?\Z")
_FLAGS = {"-noprofile", "-noninteractive"}
_WRAPPER_PARAMETERS = {"MinOSVersion", "MinPSVersion", "TempPath", "PwshPath"}
_MODULE_PARAMETERS = {"Script", "Environment", "Variables", "CSharpModules", "PowerShellModules", "ForModule"}


class EngineError(Exception):
    """The payload is not of a form that is known here, or asks for what an engine cannot do, or the engine is not there."""


@dataclasses.dataclass(frozen=True)
class Call:
    """One module call, as decoded from what ansible-core sends.

    ``csharp``: source text by name, in the order of the payload. ``command`` and ``in_data``: the call as it was sent, with the arguments
    that it was sent with; ``wire`` gives it with those of this object.
    """

    module: str
    script: str
    csharp: t.Mapping[str, str]
    arguments: t.Mapping[str, t.Any]
    environment: t.Mapping[str, str]
    wrapper: t.Mapping[str, t.Any]
    command: str = dataclasses.field(compare=False, repr=False)
    in_data: bytes = dataclasses.field(compare=False, repr=False)

    def wire(self) -> bytes:
        """Standard input of this call."""
        return with_arguments(self.in_data, self.arguments)


class Done(t.NamedTuple):
    code: int
    output: bytes
    error: bytes


def command_script(command: str) -> str:
    """The script behind ``-EncodedCommand``."""
    words = words_of(command)
    flags = {word.lower() for word in words[1:-2]} - {"-executionpolicy", "unrestricted"}
    if len(words) < 3 or not _COMMAND.match(words[0]) or words[-2].lower() != "-encodedcommand" or flags - _FLAGS:
        raise EngineError(f"not a command that starts ansible-core's bootstrap wrapper: {command[:200]}")
    return base64.b64decode(words[-1], validate=True).decode("utf-16-le")


def words_of(command: str) -> list[str]:
    """The words of a command line for PowerShell: ansible-core 2.21 puts those with a ``=`` in quotes; a backslash is itself."""
    return [word[1:-1] if word[:1] in "'\"" and word[-1:] == word[:1] else word for word in shlex.split(command, posix=False)]


def manifest_of(command: str, in_data: bytes) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """The two documents: parameters of the exec wrapper, and the manifest.

    The forms of ansible-core 2.19 to 2.21 are known; they differ by one parameter (PwshPath). Neither compresses.
    """
    script = command_script(command)
    if '"`0`0`0`0"' not in script or "$code.script" not in script:
        raise EngineError(f"a script that is not ansible-core's bootstrap wrapper, and this is no PowerShell: {script[:200]}")
    parts = in_data.split(BETWEEN)
    if len(parts) != 2:
        raise EngineError(f"{len(parts)} documents in the payload instead of the two of ansible-core 2.19 to 2.21 (no pipelining, or another form?)")
    try:
        wrapper, manifest = (json.loads(part) for part in parts)
    except ValueError as error:
        raise EngineError(f"a payload that is not JSON (compressed, in a form of a later ansible-core?): {error}") from error
    _refuse_other(wrapper, {"name", "script", "params"}, "the wrapper document")
    _refuse_other(manifest, {"scripts", "actions", "signed_hashlist"}, "the manifest")
    _refuse_other(wrapper["params"], _WRAPPER_PARAMETERS, "the parameters of the exec wrapper")
    if wrapper["name"] != "exec_wrapper":
        raise EngineError(f"a wrapper called {wrapper['name']!r}")
    return wrapper["params"], manifest


def read_call(command: str, in_data: bytes) -> Call:
    """Decode one module call; raises EngineError for anything else."""
    wrapper, manifest = manifest_of(command, in_data)
    version = wrapper.get("MinPSVersion")
    if version and tuple(map(int, version.split("."))) > (5, 1):
        raise EngineError(f"the module asks for PowerShell {version}: Windows Server comes with 5.1")
    names = [action["name"] for action in manifest["actions"]]
    if names != ["module_wrapper.ps1"]:
        raise EngineError(f"actions {names}: only a plain module can be run here, without files, become, async and coverage")
    action = manifest["actions"][0]
    _refuse_other(action, {"name", "params", "secure_params"}, "the action")
    parameters = action["params"]
    _refuse_other(parameters, _MODULE_PARAMETERS, "the parameters of the module wrapper")
    if set(parameters.get("PowerShellModules") or ()) - {ADD_TYPE}:
        raise EngineError(f"PowerShell module utils cannot be run here: {parameters['PowerShellModules']}")
    (variable,) = parameters["Variables"]
    if variable["Name"] != "complex_args":
        raise EngineError(f"an unknown variable: {variable['Name']}")
    return Call(
        module=parameters["Script"],
        script=_text(manifest, parameters["Script"]),
        csharp={name: _text(manifest, name) for name in sorted(parameters["CSharpModules"])},
        arguments=variable["Value"],
        environment={name: str(value) for name, value in (parameters["Environment"] or {}).items()},
        wrapper=wrapper,
        command=command,
        in_data=in_data,
    )


def _refuse_other(found: t.Any, known: set[str], what: str) -> None:
    if not isinstance(found, dict) or set(found) - known:
        raise EngineError(f"{what} has a form of another ansible-core: {sorted(set(found) - known) if isinstance(found, dict) else type(found).__name__}")


def _text(manifest: t.Mapping[str, t.Any], name: str) -> str:
    try:
        return base64.b64decode(manifest["scripts"][name]["script"]).decode("utf-8-sig")
    except KeyError as error:
        raise EngineError(f"the manifest lacks the script {name}") from error


def with_arguments(in_data: bytes, arguments: t.Mapping[str, t.Any]) -> bytes:
    """The same payload with other parameters of the module."""
    wrapper, manifest = (json.loads(part) for part in in_data.split(BETWEEN))
    manifest["actions"][-1]["params"]["Variables"][0]["Value"] = dict(arguments)
    return BETWEEN.join(json.dumps(document).encode() for document in (wrapper, manifest))


def other_module(
    call: Call, name: str, script: str, csharp: t.Mapping[str, str], arguments: t.Mapping[str, t.Any], environment: t.Optional[t.Mapping[str, str]] = None
) -> Call:
    """The call of another module, which a test brings, in the form in which ansible-core sent this one."""
    wrapper, manifest = (json.loads(part) for part in call.in_data.split(BETWEEN))
    (action,) = manifest["actions"]
    for text_of, text in {name: script, **csharp}.items():
        manifest["scripts"][text_of] = {"path": text_of, "script": base64.b64encode(text.encode()).decode()}
    action["params"].update(Script=name, CSharpModules=list(csharp), Environment=dict(environment or {}))
    in_data = BETWEEN.join(json.dumps(document).encode() for document in (wrapper, manifest))
    return read_call(call.command, with_arguments(in_data, arguments))
