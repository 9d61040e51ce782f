# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mono: the C# of a payload, compiled as C# 5 and run on a base library like .NET Framework's. No PowerShell.

It takes the C# sources, the parameters and the environment from the payload (never from the checkout), adds ``automation_stub.cs``,
``host.cs`` and the stand-in policy store, compiles with ``mcs -langversion:5`` and the references that ``Add-CSharpType`` of
ansible-core would give, and runs the three statements that a module's ``.ps1`` may have (``script.py``).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import typing as t

from ansible.module_utils import csharp

from . import script, shared, stand_in
from .answering import Answering, Opened
from .payload import Call, Done, EngineError, read_call

HERE = pathlib.Path(__file__).resolve().parents[1]
_REFERENCE = re.compile(r"//\s*AssemblyReference\s+-(?P<kind>Name|Type)\s+(?P<name>[\w.]*)(?:\s+-CLR\s+(?P<clr>Core|Framework))?")
_WARNING = re.compile(r"(?m)^(?P<file>[^\n(]+)\(\d+,\d+\): warning CS(?P<code>\d+).*$")
_BASIC = pathlib.Path(csharp.__file__).parent / "Ansible.Basic.cs"
# Programs that nobody used for a week are thrown away whenever a new one is made.
_KEPT = 7 * 24 * 3600
# Processes that stay open: one for the module that reads and writes, one for what confirms, one for a module that a test brings.
_MOST_OPEN = 3
# Windows has these; nothing of the controller's own environment is there.
_ENVIRONMENT = {"SystemRoot": "C:\\Windows", "COMPUTERNAME": "STAND-IN"}


class CompileError(Exception):
    """The C# of the payload does not compile; the text is the compiler's."""


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
    payload: t.Mapping[str, str], added: t.Iterable[pathlib.Path] = stand_in.SOURCES, defines: t.Sequence[str] = ("AMD64",), host: bool = True
) -> pathlib.Path:
    """The program made of the payload's C#, the stub, the host and ``added``; compiled once for all runs with the same sources.

    ``defines``: the symbol WINDOWS is not among them by default, so activation of COM is left out. A warning in C# of a collection is
    an error, as with Add-CSharpType; warnings in ansible-core's own C# are those of another compiler than Microsoft's.
    Safe for several processes at once.
    """
    extra = [HERE / "automation_stub.cs", *([HERE / "host.cs"] if host else ()), *added]
    if host and _BASIC.name not in payload:  # which the host needs, whatever the module does
        extra.append(_BASIC)
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
    with stand_in.locked(folder / f"{digest}.lock"):
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


# -- running


class Mono:
    """The engine that is there by default. ``run`` starts a Mono for each call, as a host would; ``run_open`` and ``share`` keep one open."""

    name = "mono"
    core: t.Optional[str] = None

    def __init__(self) -> None:
        self._open = Opened[Answering](_MOST_OPEN)

    def missing(self) -> list[str]:
        return [f"not installed: {program}" for program in missing_programs()]

    def described(self) -> str:
        return "Mono: the C# as C# 5 with the stand-in policy store; no PowerShell, the .ps1 is only read"

    def run(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = False, timeout: float = 1800) -> Done:
        if shared.VARIABLE in os.environ:
            return Done(*shared.asked(call.command, call.wire(), policy))
        return _done(call, policy, wide, lambda program, question: _alone(program, question, timeout))

    def run_open(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = False, timeout: float = 1800) -> Done:
        def ask(program: pathlib.Path, question: dict[str, t.Any]) -> Done:
            opened = self._open.get(str(program), lambda: _started(program))
            answer = opened.ask(question, timeout)
            return Done(opened.exit_code(30), b"", b"") if answer is None else _answered(answer)

        return _done(call, policy, wide, ask)

    def share(self) -> shared.Shared:
        """This engine, for playbooks: one Mono runs the calls of all their tasks."""
        return shared.Shared(lambda command, in_data, policy: self.run_open(read_call(command, in_data), policy))


@functools.cache
def for_playbooks() -> t.Mapping[str, str]:
    """The environment of playbooks whose tasks share a Mono, which stays open as long as this process, and in its namespaces."""
    kept = contextlib.ExitStack()
    environment = kept.enter_context(Mono().share()).environment
    atexit.register(kept.close)  # registered last, done first: the socket is there till then
    return environment


def _started(program: pathlib.Path) -> Answering:
    return Answering(subprocess.Popen(["mono", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_plain()))


def _done(call: Call, policy: t.Optional[pathlib.Path], wide: bool, ask: t.Callable[[pathlib.Path, dict[str, t.Any]], Done]) -> Done:
    try:
        program = compiled(call.csharp, stand_in.SOURCES if policy else ())
    except CompileError as error:
        return _wrapper_failure(f"Failed to compile C# code: {error}")
    with stand_in.environment_for(policy, call.environment) as environment:
        return ask(program, order(call, environment, wide))


def _plain() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": tempfile.gettempdir()}


def _alone(program: pathlib.Path, question: dict[str, t.Any], timeout: float) -> Done:
    done = subprocess.run(["mono", str(program)], input=json.dumps(question).encode(), capture_output=True, env=_plain(), timeout=timeout, check=False)
    if done.returncode != 0:
        return Done(done.returncode, done.stdout, done.stderr)
    return _answered(json.loads(done.stdout), done.stderr)


def _answered(answer: t.Mapping[str, t.Any], error: bytes = b"") -> Done:
    return Done(answer["code"], answer["output"].encode(), error)


def order(call: Call, environment: t.Mapping[str, str], wide: bool) -> dict[str, t.Any]:
    """A call as ``host.cs`` takes it."""
    return {**script.read(call.module, call.script)._asdict(), "arguments": call.arguments, "environment": {**_ENVIRONMENT, **environment}, "wide": wide}


def _wrapper_failure(message: str) -> Done:
    """As the exec wrapper tells of an error of its own."""
    return Done(1, json.dumps({"failed": True, "msg": f"failure during exec_wrapper: {message}", "exception": message}).encode() + b"\r\n", b"")
