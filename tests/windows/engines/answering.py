# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that stays open and answers each line of JSON with one. Starting it is what takes long."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import time
import typing as t

A = t.TypeVar("A", bound="Answering")


class Answering:
    """``process`` has pipes to its standard input and from its standard output."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def ask(self, question: t.Mapping[str, t.Any], timeout: float) -> t.Optional[dict[str, t.Any]]:
        """The answer; None where the process ended instead. Seconds; after them the process is gone."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        said, ends = b"", time.monotonic() + timeout
        while not said.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], max(0.0, ends - time.monotonic()))[0]:
                self.close()
                raise subprocess.TimeoutExpired(str(self._process.args), timeout)
            part = os.read(self._process.stdout.fileno(), 1 << 20)
            if not part:
                return None
            said += part
        return t.cast("dict[str, t.Any]", json.loads(said))

    def exit_code(self, timeout: float) -> int:
        """Of a process that has ended, or is about to."""
        return self._process.wait(timeout=timeout)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()


class Opened(t.Generic[A]):
    """Processes that stay open, by the code that they have; at most so many, and those that were used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_code: dict[str, A] = {}
        atexit.register(self.close)

    def get(self, code: str, start: t.Callable[[], A]) -> A:
        """The process that has this code, started where there is none, or where it has ended."""
        found = self._by_code.pop(code, None)
        if found is not None and found.ended:
            found.close()
            found = None
        if found is None:
            while len(self._by_code) >= self._most:
                self._by_code.pop(next(iter(self._by_code))).close()
            found = start()
        self._by_code[code] = found
        return found

    def close(self) -> None:
        while self._by_code:
            self._by_code.popitem()[1].close()
