# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run what ansible-core sends to a PowerShell host, without PowerShell: the C# in the payload, compiled and run by Mono.

ansible-core sends a command line (``powershell ... -EncodedCommand``) and standard input of two JSON documents, parted by a line of
four NUL characters: the exec wrapper, then a manifest with all scripts (base64) and the actions to run. This reads both, takes the
C# sources, the parameters and the environment from them (never from the checkout), adds ``automation_stub.cs``, ``host.cs`` and the
stand-in policy store, compiles with ``mcs -langversion:5`` and the references that ``Add-CSharpType`` of ansible-core would give, and
runs the one static method that the module's ``.ps1`` calls. Whatever it does not know it refuses: a form of the payload, become,
async, a ``.ps1`` with more than its one call.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import typing as t

HERE = pathlib.Path(__file__).resolve().parent
STAND_IN = tuple(sorted((HERE / "stand_in").glob("*.cs")))
_BETWEEN = b"\n\0\0\0\0\n"
_COMMAND = re.compile(r"(?i)(?:\S*[\\/])?(?:powershell|pwsh)(?:\.exe)?\Z")
_FLAGS = {"-noprofile", "-noninteractive"}
_SCRIPT = re.compile(r"\[(?P<type>[A-Za-z_][\w.]*)\]::(?P<method>[A-Za-z_]\w*)\(\$args\)\Z")
_REFERENCE = re.compile(r"//\s*AssemblyReference\s+-(?P<kind>Name|Type)\s+(?P<name>[\w.]*)(?:\s+-CLR\s+(?P<clr>Core|Framework))?")
_WARNING = re.compile(r"(?m)^(?P<file>[^\n(]+)\(\d+,\d+\): warning CS(?P<code>\d+).*$")
_ADD_TYPE = "Ansible.ModuleUtils.AddType.psm1"
_WRAPPER_PARAMETERS = {"MinOSVersion", "MinPSVersion", "TempPath", "PwshPath"}
_MODULE_PARAMETERS = {"Script", "Environment", "Variables", "CSharpModules", "PowerShellModules", "ForModule"}
# Programs that nobody used for a week are thrown away whenever a new one is made.
_KEPT = 7 * 24 * 3600
# Windows has these; nothing of the controller's own environment is there.
_ENVIRONMENT = {"SystemRoot": "C:\\Windows", "COMPUTERNAME": "STAND-IN"}


class EngineError(Exception):
    """The payload is not of a form that is known here, or asks for what cannot be played without PowerShell."""


class CompileError(Exception):
    """The C# of the payload does not compile; the text is the compiler's."""


@dataclasses.dataclass(frozen=True)
class Call:
    """One module call, as decoded from what ansible-core sends.

    ``csharp``: source text by name, in the order of the payload. ``type`` and ``method``: what the ``.ps1`` calls.
    """

    module: str
    script: str
    csharp: t.Mapping[str, str]
    arguments: t.Mapping[str, t.Any]
    environment: t.Mapping[str, str]
    type: str
    method: str
    wrapper: t.Mapping[str, t.Any]


class Done(t.NamedTuple):
    code: int
    output: bytes
    error: bytes


# -- what ansible-core sends


def command_script(command: str) -> str:
    """The script behind ``-EncodedCommand``."""
    words = _words(command)
    flags = {word.lower() for word in words[1:-2]} - {"-executionpolicy", "unrestricted"}
    if len(words) < 3 or not _COMMAND.match(words[0]) or words[-2].lower() != "-encodedcommand" or flags - _FLAGS:
        raise EngineError(f"not a command that starts ansible-core's bootstrap wrapper: {command[:200]}")
    return base64.b64decode(words[-1], validate=True).decode("utf-16-le")


def _words(command: str) -> list[str]:
    """The words of a command line for PowerShell: ansible-core 2.21 puts those with a ``=`` in quotes; a backslash is itself."""
    return [word[1:-1] if word[:1] in "'\"" and word[-1:] == word[:1] else word for word in shlex.split(command, posix=False)]


def manifest_of(command: str, in_data: bytes) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """The two documents: parameters of the exec wrapper, and the manifest.

    The forms of ansible-core 2.19 to 2.21 are known; they differ by one parameter (PwshPath). Neither compresses.
    """
    script = command_script(command)
    if '"`0`0`0`0"' not in script or "$code.script" not in script:
        raise EngineError(f"a script that is not ansible-core's bootstrap wrapper, and this is no PowerShell: {script[:200]}")
    parts = in_data.split(_BETWEEN)
    if len(parts) != 2:
        raise EngineError(f"{len(parts)} documents in the payload instead of the two of ansible-core 2.19 to 2.21 (no pipelining, or another form?)")
    try:
        wrapper, manifest = (json.loads(part) for part in parts)
    except ValueError as error:
        raise EngineError(f"a payload that is not JSON (compressed, in a form of a later ansible-core?): {error}") from error
    _only(wrapper, {"name", "script", "params"}, "the wrapper document")
    _only(manifest, {"scripts", "actions", "signed_hashlist"}, "the manifest")
    _only(wrapper["params"], _WRAPPER_PARAMETERS, "the parameters of the exec wrapper")
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
    _only(action, {"name", "params", "secure_params"}, "the action")
    parameters = action["params"]
    _only(parameters, _MODULE_PARAMETERS, "the parameters of the module wrapper")
    if set(parameters.get("PowerShellModules") or ()) - {_ADD_TYPE}:
        raise EngineError(f"PowerShell module utils cannot be run here: {parameters['PowerShellModules']}")
    (variable,) = parameters["Variables"]
    if variable["Name"] != "complex_args":
        raise EngineError(f"an unknown variable: {variable['Name']}")
    script = _text(manifest, parameters["Script"])
    entry = _entry(parameters["Script"], script)
    return Call(
        module=parameters["Script"],
        script=script,
        csharp={name: _text(manifest, name) for name in sorted(parameters["CSharpModules"])},
        arguments=variable["Value"],
        environment={name: str(value) for name, value in (parameters["Environment"] or {}).items()},
        type=entry["type"],
        method=entry["method"],
        wrapper=wrapper,
    )


def _only(found: t.Any, known: set[str], what: str) -> None:
    if not isinstance(found, dict) or set(found) - known:
        raise EngineError(f"{what} has a form of another ansible-core: {sorted(set(found) - known) if isinstance(found, dict) else type(found).__name__}")


def _text(manifest: t.Mapping[str, t.Any], name: str) -> str:
    try:
        return base64.b64decode(manifest["scripts"][name]["script"]).decode("utf-8-sig")
    except KeyError as error:
        raise EngineError(f"the manifest lacks the script {name}") from error


def _entry(name: str, script: str) -> dict[str, str]:
    """What the ``.ps1`` calls. Comments apart it must be one line: nothing else of it is run here, so nothing else may be in it."""
    code = [line.strip() for line in script.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    match = _SCRIPT.match(code[0]) if len(code) == 1 else None
    if match is None:
        raise EngineError(f"{name} does more than one call [Type]::Method($args), which is all that can be run without PowerShell: {code[:5]}")
    return match.groupdict()


# -- compiling


def references(sources: t.Iterable[str]) -> list[str]:
    """The assemblies that Add-CSharpType gives to Windows PowerShell's compiler; those of PowerShell itself are the stub."""
    found = ["System.dll", "System.Core.dll"]
    for source in sources:
        for match in _REFERENCE.finditer(source):
            if match["clr"] == "Core":
                continue
            if match["kind"] == "Type":
                raise EngineError(f"an assembly reference by type is not known here: {match[0]}")
            if match["name"] not in found:
                found.append(match["name"])
    return found


def cache_folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("MSPORTS_ENGINE_CACHE") or HERE.parents[1] / ".cache" / "windows-engine")


def missing_programs() -> list[str]:
    return [f"{name} (package {package})" for name, package in (("mcs", "mono-mcs"), ("mono", "mono-runtime")) if shutil.which(name) is None]


def compiled(
    payload: t.Mapping[str, str], added: t.Iterable[pathlib.Path] = STAND_IN, defines: t.Sequence[str] = ("AMD64",), host: bool = True
) -> pathlib.Path:
    """The program made of the payload's C#, the stub, the host and ``added``; compiled once for all runs with the same sources.

    ``defines``: the symbol WINDOWS is not among them by default, so activation of COM is left out. A warning in C# of a collection is
    an error, as with Add-CSharpType; warnings in ansible-core's own C# are those of another compiler than Microsoft's.
    Safe for several processes at once.
    """
    extra = [HERE / "automation_stub.cs", *([HERE / "host.cs"] if host else ()), *added]
    sources = {**payload, **{path.name: path.read_text(encoding="utf-8") for path in extra}}
    used = references(payload.values())
    if host:
        used = list(dict.fromkeys([*used, "System.Web.Extensions.dll"]))
    digest = hashlib.sha256(json.dumps([sources, used, list(defines), host, 2], sort_keys=True).encode()).hexdigest()[:32]
    folder = cache_folder()
    program = folder / (digest + (".exe" if host else ".dll"))
    with contextlib.suppress(FileNotFoundError):
        os.utime(program)
        return program
    if missing_programs():
        raise EngineError(f"not installed: {', '.join(missing_programs())}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        with contextlib.suppress(OSError):
            if old.is_file() and time.time() - old.stat().st_mtime > _KEPT:
                old.unlink()
    with _locked(folder / f"{digest}.lock"):
        if not program.exists():
            _compile(folder, program, sources, used, defines, host)
    return program


def _compile(folder: pathlib.Path, program: pathlib.Path, sources: t.Mapping[str, str], used: t.Sequence[str], defines: t.Sequence[str], host: bool) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        paths = []
        for name, text in sources.items():
            path = pathlib.Path(place, name.replace(os.sep, "_"))
            # ansible-core's own C# takes its ways for Windows; in ours, WINDOWS means that there is COM to activate.
            path.write_text(("#define WINDOWS\n#line 1\n" if name.startswith("Ansible.") else "") + text, encoding="utf-8")
            paths.append(path.name)
        made = pathlib.Path(place, "made.exe")
        command = ["mcs", "-langversion:5", "-optimize+", f"-target:{'exe' if host else 'library'}", f"-out:{made}", f"-define:{';'.join(defines)}"]
        done = subprocess.run([*command, *(f"-r:{name}" for name in used), *paths], cwd=place, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        # CS1701, CS1702, CS1610: ansible-core leaves these out, too
        ours = [found for found in _WARNING.finditer(said) if found["file"].startswith("ansible_collections.")]
        warned = [found[0] for found in ours if found["code"] not in ("1701", "1702", "1610")]
        if done.returncode != 0:
            raise CompileError(said)
        if warned:
            raise CompileError("warnings, which Add-CSharpType takes for errors:\n" + "\n".join(warned))
        os.replace(made, program)


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> t.Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


# -- running


def run(call: Call, policy: t.Optional[pathlib.Path], wide: bool = False) -> Done:
    """Run a decoded call against the stand-in file ``policy``; what comes back is what a PowerShell host gives back.

    Without ``policy`` there is no stand-in either, as on a host that is neither Windows nor a test.
    ``wide``: whole numbers arrive as Int64, as in PowerShell 7, instead of as Int32.
    """
    (done,) = run_all([(call, policy)], wide)
    return done


def run_all(calls: t.Sequence[tuple[Call, t.Optional[pathlib.Path]]], wide: bool = False, timeout: float = 300) -> list[Done]:
    """Run several calls of one module, each against a file of its own, in one process: starting one is what takes longest."""
    code = calls[0][0].csharp
    if any(call.csharp != code for call, _policy in calls) or len({policy for _call, policy in calls}) < len(calls):
        raise ValueError("calls of one process need the same code and a file each")
    try:
        program = compiled(code, STAND_IN if calls[0][1] else ())
    except CompileError as error:
        return [_wrapper_failure(f"Failed to compile C# code: {error}")] * len(calls)
    with contextlib.ExitStack() as locks:
        orders = []
        for call, policy in calls:
            environment = locks.enter_context(environment_for(policy, call.environment))
            orders.append({"type": call.type, "method": call.method, "arguments": call.arguments, "environment": environment, "wide": wide})
        plain = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": tempfile.gettempdir()}
        done = subprocess.run(["mono", str(program)], input=json.dumps(orders).encode(), capture_output=True, env=plain, timeout=timeout, check=False)
    if done.returncode != 0:
        return [Done(done.returncode, done.stdout, done.stderr)] * len(calls)
    return [Done(one["code"], one["output"].encode(), done.stderr) for one in json.loads(done.stdout)]


@contextlib.contextmanager
def environment_for(policy: t.Optional[pathlib.Path], task: t.Mapping[str, str]) -> t.Iterator[dict[str, str]]:
    """The environment of the host's process, while the stand-in file is locked: the host's own, the file's, then the task's."""
    environment = dict(_ENVIRONMENT)
    if policy is None:
        yield {**environment, **task}
        return
    with _locked(policy.with_name(policy.name + ".lock")):
        own = json.loads(policy.read_text(encoding="utf-8")).get("environment") or {}
        yield {**environment, **own, **task, "MSPORTS_STAND_IN": str(policy)}


def _wrapper_failure(message: str) -> Done:
    """As the exec wrapper tells of an error of its own."""
    return Done(1, json.dumps({"failed": True, "msg": f"failure during exec_wrapper: {message}", "exception": message}).encode() + b"\r\n", b"")


# -- building a payload without ansible-playbook, for tests of the engine and of the C# alone


def payload(
    module: str, script: str, csharp: t.Mapping[str, str], arguments: t.Mapping[str, t.Any], environment: t.Optional[t.Mapping[str, str]] = None
) -> tuple[str, bytes]:
    """Command and standard input in the form of ansible-core 2.19."""
    scripts = {name: {"path": name, "script": base64.b64encode(text.encode()).decode()} for name, text in {module: script, **csharp}.items()}
    variables = [{"Name": "complex_args", "Value": dict(arguments), "Scope": "Global"}]
    parameters = {
        "Script": module,
        "Environment": dict(environment or {}),
        "Variables": variables,
        "CSharpModules": list(csharp),
        "PowerShellModules": [_ADD_TYPE],
        "ForModule": True,
    }
    manifest = {"scripts": scripts, "actions": [{"name": "module_wrapper.ps1", "params": parameters, "secure_params": {}}], "signed_hashlist": []}
    wrapper = {"name": "exec_wrapper", "script": "", "params": {"MinOSVersion": None, "MinPSVersion": None, "TempPath": None}}
    bootstrap = base64.b64encode('"`0`0`0`0" $code.script'.encode("utf-16-le")).decode()
    command = f"PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand {bootstrap}"
    return command, json.dumps(wrapper).encode() + _BETWEEN + json.dumps(manifest).encode()


# -- the second engine: a real PowerShell, where there is one


@functools.cache
def find_pwsh() -> t.Optional[str]:
    """A ``pwsh`` of at least 7.5 (what the exec wrapper of ansible-core 2.21 needs): MSPORTS_PWSH, or the one on PATH.

    MSPORTS_PWSH naming none, or an older one, is an error: it was asked for.
    """
    asked = os.environ.get("MSPORTS_PWSH")
    path = shutil.which(asked or "pwsh")
    if path is None:
        if asked:
            raise EngineError(f"MSPORTS_PWSH: {asked} is no program")
        return None
    done = subprocess.run(
        [path, "-NoProfile", "-NonInteractive", "-Command", "$PSVersionTable.PSVersion.ToString()"], capture_output=True, text=True, check=False
    )
    version = re.match(r"(\d+)\.(\d+)", done.stdout.strip())
    if version is not None and (int(version[1]), int(version[2])) >= (7, 5):
        return os.path.realpath(path)
    if asked:
        raise EngineError(f"MSPORTS_PWSH: {asked} is version {done.stdout.strip() or 'unknown'}, needed is 7.5 ({done.stderr.strip()[:200]})")
    return None


def for_pwsh(command: str, in_data: bytes, policy: pathlib.Path, pwsh: str) -> tuple[list[str], bytes]:
    """The same payload, with the stand-in among its C# utils and ``pwsh`` as its interpreter; nothing else of it is changed."""
    wrapper, manifest = manifest_of(command, in_data)
    if "PwshPath" not in wrapper:
        raise EngineError("a PowerShell on this system runs the payloads of ansible-core 2.21 and later only")
    documents = [json.loads(part) for part in in_data.split(_BETWEEN)]
    documents[0]["params"]["PwshPath"] = pwsh
    manifest = documents[1]
    parameters = manifest["actions"][-1]["params"]
    for path in STAND_IN:
        manifest["scripts"][path.name] = {"path": str(path), "script": base64.b64encode(path.read_bytes()).decode()}
    parameters["CSharpModules"] = [*parameters["CSharpModules"], *(path.name for path in STAND_IN)]
    parameters["Environment"] = {**(parameters["Environment"] or {}), "MSPORTS_STAND_IN": str(policy)}
    return [pwsh, *_words(command)[1:]], _BETWEEN.join(json.dumps(document).encode() for document in documents)


def with_arguments(in_data: bytes, arguments: t.Mapping[str, t.Any]) -> bytes:
    """The same payload with other parameters of the module."""
    wrapper, manifest = (json.loads(part) for part in in_data.split(_BETWEEN))
    manifest["actions"][-1]["params"]["Variables"][0]["Value"] = dict(arguments)
    return _BETWEEN.join(json.dumps(document).encode() for document in (wrapper, manifest))


def run_pwsh(command: str, in_data: bytes, policy: pathlib.Path, pwsh: str, timeout: float = 300) -> Done:
    """Hand command and payload to a real PowerShell."""
    words, data = for_pwsh(command, in_data, policy, pwsh)
    with environment_for(policy, {}) as everything:
        environment = {name: value for name, value in everything.items() if name not in _ENVIRONMENT}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "DOTNET_ROOT") if name in os.environ}
        done = subprocess.run(words, input=data, capture_output=True, env={**environment, **kept}, timeout=timeout, check=False)
    return Done(done.returncode, done.stdout, done.stderr)
