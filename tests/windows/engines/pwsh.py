# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell 7 for Linux: the genuine exec wrapper, its JSON, its compiler; with the stand-in among the C# utils of the payload.

``run`` starts a PowerShell for each call, with the very command that ansible-core sends. That takes seconds, so ``run_open`` keeps one
open (``session.ps1``) that runs script and input of each call in a runspace of its own, and compiles the C# for the first of them.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import typing as t

from . import archive, stand_in
from .answering import Answering, Opened
from .payload import ADD_TYPE, BETWEEN, Call, Done, EngineError, command_script, words_of

VARIABLE = "MSPORTS_PWSH"
LOWEST = (7, 5)  # what the exec wrapper of ansible-core 2.21 needs
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "DOTNET_ROOT")
_NO_COMPILER = base64.b64encode(b"Function Add-CSharpType {}\nExport-ModuleMember -Function Add-CSharpType\n").decode()


@functools.cache
def find(asked: t.Optional[str]) -> tuple[str, str]:
    """Path and version of the PowerShell: a program, a folder or an archive that ``asked`` names, else the ``pwsh`` on PATH."""
    path = shutil.which(asked or "pwsh") or (str(archive.program_in(pathlib.Path(asked), "pwsh")) if asked else None)
    if path is None:
        raise EngineError(f"no pwsh on PATH, and {VARIABLE} names none")
    command = [path, "-NoProfile", "-NonInteractive", "-Command", "$PSVersionTable.PSVersion.ToString()"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    version = re.match(r"(\d+)\.(\d+)", said.stdout.strip())
    if version is None or (int(version[1]), int(version[2])) < LOWEST:
        raise EngineError(f"{path} is version {said.stdout.strip() or 'unknown'}, needed is 7.5 ({said.stderr.strip()[:200]})")
    return os.path.realpath(path), said.stdout.strip()


def for_pwsh(command: str, in_data: bytes, pwsh: str, added: t.Sequence[pathlib.Path] = stand_in.SOURCES, compiles: bool = True) -> tuple[list[str], bytes]:
    """The same payload with ``pwsh`` as its interpreter and ``added`` among its C# utils; nothing else of it is changed.

    ``compiles``: off, where the process has the C# from an earlier call. Then the sources stay away, too: reading them takes a second.
    """
    wrapper, manifest = (json.loads(part) for part in in_data.split(BETWEEN))
    if "PwshPath" not in wrapper["params"]:
        raise EngineError("a PowerShell on this system runs the payloads of ansible-core 2.21 and later only")
    wrapper["params"]["PwshPath"] = pwsh
    parameters = manifest["actions"][-1]["params"]
    for path in added:
        manifest["scripts"][path.name] = {"path": str(path), "script": base64.b64encode(path.read_bytes()).decode()}
    parameters["CSharpModules"] = [*parameters["CSharpModules"], *(path.name for path in added)]
    if not compiles:
        manifest["scripts"].update({name: {"path": name, "script": ""} for name in parameters["CSharpModules"]})
        manifest["scripts"][ADD_TYPE]["script"] = _NO_COMPILER
    return [pwsh, *words_of(command)[1:]], BETWEEN.join(json.dumps(document).encode() for document in (wrapper, manifest))


class Pwsh:
    """The engine of ``MSPORTS_PWSH``, or of the ``pwsh`` on PATH."""

    name = "pwsh"
    core: t.Optional[str] = "2.21"

    def __init__(self) -> None:
        self._open = Opened[Session](1)

    def missing(self) -> list[str]:
        try:
            find(os.environ.get(VARIABLE))
        except EngineError as error:
            return [str(error)]
        return []

    @property
    def program(self) -> str:
        return find(os.environ.get(VARIABLE))[0]

    def described(self) -> str:
        return f"PowerShell {find(os.environ.get(VARIABLE))[1]} for Linux: exec wrapper and .ps1 are genuine, the policy store is the stand-in"

    def run(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = True, timeout: float = 1800) -> Done:
        """``wide`` is always so in PowerShell 7."""
        words, data = for_pwsh(call.command, call.wire(), self.program, _added(policy))
        with stand_in.environment_for(policy, {}) as environment:
            done = subprocess.run(words, input=data, capture_output=True, env={**environment, **_kept()}, timeout=timeout, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def run_open(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = True, timeout: float = 1800) -> Done:
        code = json.dumps([dict(call.csharp), policy is None])
        return self._open.get(code, lambda: Session(self.program)).run(call, policy, timeout)


class Session(Answering):
    """A PowerShell that stays open. The C# of its first call is compiled; another code needs another process."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._loaded = False
        words = [program, "-NoProfile", "-NonInteractive", "-File", str(stand_in.HERE / "session.ps1")]
        super().__init__(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_kept()))

    def run(self, call: Call, policy: t.Optional[pathlib.Path], timeout: float) -> Done:
        """One call; where it ended the process, its exit code and no output."""
        _words, data = for_pwsh(call.command, call.wire(), self._program, _added(policy), compiles=not self._loaded)
        with stand_in.environment_for(policy, {}) as environment:
            order = {"bootstrap": command_script(call.command), "input": data.decode().split("\n"), "environment": environment}
            # the task's own variables are set by the wrapper, in the process, for good
            order["environment"] = {**order["environment"], **call.environment}
            answer = self.ask(order, timeout)
        if answer is None:
            return Done(self.exit_code(30), b"", b"")
        self._loaded = answer["loaded"]
        return Done(answer["code"], answer["output"].encode(), answer["error"].encode())


def _added(policy: t.Optional[pathlib.Path]) -> t.Sequence[pathlib.Path]:
    return stand_in.SOURCES if policy else ()


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
