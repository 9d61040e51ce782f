# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host: a prefix of its own in namespaces of its own, with the registry and the sessions that a policy file describes."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import typing as t

import policy_file

from . import hives, prefix, root
from .space import Space


LOGS = prefix.SYSTEM / "logfiles"
TASK = prefix.SYSTEM / "tasks" / "portcullis.msports rollback"


class Machine:
    """``powershell``: the folder of PowerShell for Windows."""

    def __init__(self, powershell: pathlib.Path) -> None:
        root.CACHE.mkdir(parents=True, exist_ok=True)
        _clear_away()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"host-{os.getpid()}-", dir=root.CACHE))
        self.prefix = prefix.make(powershell, self.folder / "prefix")
        self.root = root.find()
        self.space = Space(self.root, {"WINEPREFIX": self.root.inside(self.prefix)})
        # It stays, so Wine's services stay, too.
        self._agent = Answering(self.space.start([prefix.AGENT]))
        self._addresses: set[str] = set()
        #: Command lines of netsh in the last call.
        self.netsh: list[list[str]] = []
        #: Values of the registry that no policy file has a place for.
        self.besides: dict[str, hives.Values] = {}

    @contextlib.contextmanager
    def playing(self, policy: t.Optional[pathlib.Path]) -> t.Iterator[dict[str, str]]:
        """Be the host of this policy file, and take back into the file what has changed. Gives variables for processes of the host."""
        if policy is None:
            self._register(None)
            self.asked(hives.written(policy_file.empty()))
            yield {}
            return
        content = policy_file.read(policy)
        self.address({one[end].replace("::ffff:", "") for one in content["sessions"] for end in ("peer", "local")})
        self._register(content["task"])
        self._log(content["logs"])
        order = hives.written(content)
        self.asked({**order, "set": {**order["set"], **self.besides}})
        yield {"MSPORTS_STAND_IN": self.root.windows(policy)}
        content = policy_file.read(policy)
        self.netsh = hives.taken_back(content, self.asked(hives.reading(content)), policy)
        content["task"] = self._task.read_text(encoding="utf-8") if self._task.exists() else None
        policy_file.write(policy, content)

    @property
    def _task(self) -> pathlib.Path:
        return self.prefix / TASK

    def _log(self, texts: t.Mapping[str, str]) -> None:
        """Have these files, each at its path for Windows, and no log of an earlier call."""
        shutil.rmtree(self.prefix / LOGS, ignore_errors=True)
        for path, text in texts.items():
            place = self.prefix / "drive_c" / path.lower().replace("%systemroot%", "c:/windows").replace("\\", "/").removeprefix("c:/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")

    def _register(self, xml: t.Optional[str]) -> None:
        """Have this task and no other, as the Task Scheduler of Wine keeps it."""
        self._task.unlink(missing_ok=True)
        if xml:
            self._task.parent.mkdir(parents=True, exist_ok=True)
            self._task.write_text(xml, encoding="utf-8")  # whatever its first line says

    def asked(self, order: hives.Order) -> dict[str, t.Optional[hives.Values]]:
        """Have the host do an order; the keys that it read."""
        answer = self._agent.ask(order)
        if "failed" in answer:
            raise OSError(f"the agent on a host: {answer['failed']}")
        return t.cast("dict[str, t.Optional[hives.Values]]", answer["read"])

    def address(self, wanted: set[str]) -> None:
        """Give the host, and what plays its peers, their addresses."""
        for address in wanted - self._addresses:
            length = 128 if ":" in address else 32
            subprocess.run(self.space.outside(["ip", "address", "replace", f"{address}/{length}", "dev", "lo"]), check=True)
            self._addresses.add(address)

    def close(self) -> None:
        self._agent.close()
        self.space.close()
        shutil.rmtree(self.folder)


def _clear_away() -> None:
    """Hosts of processes that had no time to end them: their namespaces are gone, their folders are not."""
    for folder in root.CACHE.glob("host-*"):
        if not pathlib.Path("/proc", folder.name.split("-")[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)


class Answering:
    """A program that answers each line of JSON with a line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, order: t.Any) -> dict[str, t.Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise OSError(f"a program of the host ended with exit code {self._process.wait()}: {self._process.args!r}")
        return t.cast("dict[str, t.Any]", json.loads(answer))

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
