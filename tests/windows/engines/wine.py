# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell for Windows under Wine: the genuine payload, unchanged, with real COM calls, the registry, and TCP sessions of Windows.

``run`` starts a PowerShell for each call, with the very command that ansible-core sends; ``run_open`` keeps one open, as ``pwsh`` does.
The host itself is ``tests/windows/wine``. It starts with the first call and ends with the tests. Processes of a playbook use that of the
test which plays it, where that shares it (``shared``).
"""

from __future__ import annotations

import atexit
import json
import os
import pathlib
import re
import typing as t

from wine import machine, root

from . import archive, shared, stand_in
from .answering import Answering, Opened
from .payload import Call, Done, EngineError, command_script, read_call, words_of
from .pwsh import for_pwsh

VARIABLE = "MSPORTS_WINDOWS_POWERSHELL"
MOST_OPEN = 2  # sessions: one for the module that reads and writes, one for what confirms


def powershell() -> pathlib.Path:
    """The folder of PowerShell for Windows: a folder or a release archive that ``MSPORTS_WINDOWS_POWERSHELL`` names."""
    asked = os.environ.get(VARIABLE)
    if not asked:
        raise EngineError(f"{VARIABLE} names no PowerShell for Windows (a folder, or the archive of a release for x64)")
    return archive.program_in(pathlib.Path(asked), "pwsh.exe").parent


class Wine:
    """The engine of ``MSPORTS_WINDOWS_POWERSHELL``."""

    name = "wine"
    core: t.Optional[str] = "2.21"

    def __init__(self) -> None:
        self._machine: t.Optional[machine.Machine] = None
        self._open = Opened[OpenPowerShell](MOST_OPEN)
        atexit.register(self.close)

    def missing(self) -> list[str]:
        try:
            powershell()
        except EngineError as error:
            return [str(error), *root.missing()]
        return root.missing()

    @property
    def machine(self) -> machine.Machine:
        if self._machine is None:
            self._machine = machine.Machine(powershell())
        return self._machine

    def described(self) -> str:
        versions = f"PowerShell {version(powershell())} for Windows under Wine {root.version()}"
        return f"{versions}: genuine payload, COM calls, registry and sessions; the policy behind COM is the tests' own"

    def run(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = True, timeout: float = 900) -> Done:
        """``wide`` is always so in PowerShell 7."""
        if shared.VARIABLE in os.environ:
            return Done(*shared.asked(call.command, call.wire(), policy))
        with stand_in.environment_for(policy, {}) as environment, self.machine.playing(policy) as variables:
            process = self.machine.space.start(words_of(call.command), {**environment, **variables})
            output, _error = process.communicate(call.wire(), timeout=timeout)
        return Done(process.returncode, output, b"")

    def run_open(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = True, timeout: float = 900) -> Done:
        code = json.dumps(dict(call.csharp))
        return self._open.get(code, lambda: OpenPowerShell(self.machine)).run(call, policy, timeout)

    def share(self, opened: bool = False) -> shared.Shared:
        """This host, for playbooks. ``opened``: a PowerShell that stays open runs their calls; else each has one of its own, as Ansible has it."""

        def run(command: str, in_data: bytes, policy: t.Optional[pathlib.Path]) -> Done:
            call = read_call(command, in_data)
            return (self.run_open if opened else self.run)(call, policy)

        return shared.Shared(run)

    def close(self) -> None:
        self._open.close()
        if self._machine is not None:
            self._machine.close()
            self._machine = None


class OpenPowerShell(Answering):
    """A PowerShell that stays open on a host. The C# of its first call is compiled."""

    def __init__(self, host: machine.Machine) -> None:
        self._loaded = False
        self._host = host
        script = host.root.windows(stand_in.HERE / "session.ps1")
        super().__init__(host.space.start(["powershell", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted", "-File", script]))

    def run(self, call: Call, policy: t.Optional[pathlib.Path], timeout: float) -> Done:
        _words, data = for_pwsh(call.command, call.wire(), call.wrapper["PwshPath"], (), compiles=not self._loaded)
        with stand_in.environment_for(policy, {}) as environment, self._host.playing(policy) as variables:
            order: dict[str, t.Any] = {"bootstrap": command_script(call.command), "input": data.decode().split("\n")}
            order["environment"] = {**environment, **variables, **call.environment}
            answer = self.ask(order, timeout)
        if answer is None:
            return Done(self.exit_code(timeout), b"", b"")
        self._loaded = answer["loaded"]
        return Done(answer["code"], answer["output"].encode(), answer["error"].encode())


def version(folder: pathlib.Path) -> str:
    """The version that a PowerShell says of itself, out of the resources of its library."""
    found = re.search("ProductVersion".encode("utf-16-le") + b"\0+((?:[0-9.]\0)+)", folder.joinpath("System.Management.Automation.dll").read_bytes())
    return found[1].decode("utf-16-le") if found else "of an unknown version"
