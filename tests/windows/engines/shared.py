# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One engine for the processes of a playbook: each task of Ansible is a process of its own, and starting an engine takes long.

The process that has the engine takes their calls, one after the other, at a socket whose path is in ``VARIABLE``.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
import threading
import traceback
import typing as t
from multiprocessing import connection

from .payload import EngineError

VARIABLE = "MSPORTS_ENGINE_SOCKET"
#: A call: command line, standard input, policy file. Its answer: exit code and both outputs, or what went wrong.
Call = tuple[str, bytes, t.Optional[str]]
Answer = t.Union[tuple[int, bytes, bytes], str]


class Shared:
    """``run`` runs a call. A context manager; ``environment`` is for the processes that share it."""

    def __init__(self, run: t.Callable[[str, bytes, t.Optional[pathlib.Path]], tuple[int, bytes, bytes]]) -> None:
        self._run = run
        self._folder = tempfile.TemporaryDirectory(prefix="msports-engine-")  # only its owner can enter it, and its path is short
        self.environment = {VARIABLE: f"{self._folder.name}/socket"}
        self._listener = connection.Listener(self.environment[VARIABLE], "AF_UNIX", backlog=64)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Shared:
        self._thread.start()
        return self

    def __exit__(self, *_what: object) -> None:
        with connection.Client(self.environment[VARIABLE], "AF_UNIX") as last:
            last.send(None)
        self._thread.join()
        self._listener.close()
        self._folder.cleanup()

    def _serve(self) -> None:
        while True:
            with self._listener.accept() as client:
                call: t.Optional[Call] = client.recv()
                if call is None:
                    return
                command, in_data, policy = call
                answer: Answer
                try:
                    answer = self._run(command, in_data, pathlib.Path(policy) if policy else None)
                except EngineError as error:
                    answer = str(error)
                except Exception:  # whatever it is, the one that asked is told
                    answer = traceback.format_exc()
                try:
                    client.send(answer)
                except OSError:  # it has ended meanwhile
                    pass


def asked(command: str, in_data: bytes, policy: t.Optional[pathlib.Path]) -> tuple[int, bytes, bytes]:
    """Have the process that has the engine run a call."""
    with connection.Client(os.environ[VARIABLE], "AF_UNIX") as engine:
        engine.send((command, in_data, str(policy) if policy else None))
        answer: Answer = engine.recv()
    if isinstance(answer, str):
        raise EngineError(answer)
    return answer
