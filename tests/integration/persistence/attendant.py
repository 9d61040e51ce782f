# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that does a test's errands inside a container: entering it and importing the collection takes half a second, so it is done once.

It reads an errand a line from its input, as JSON, and answers with one line. Each errand is a process of its own, forked before anything has run: the
parent has imported what is named on its command line, and nothing else.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback


def do(errand: dict[str, str], output: int, errors: int) -> None:
    """Be the errand: a shell command, or Python code. Does not return."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    if "sh" in errand:
        os.execv("/bin/sh", ["sh", "-c", errand["sh"]])
    status, sys.argv = 1, ["-"]
    try:
        exec(compile(errand["python"], "<errand>", "exec"), {"__name__": "__main__"})  # pylint: disable=exec-used
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def text(handle: int) -> str:
    # Files in memory instead of pipes: what an errand leaves running would keep a pipe open.
    with open(handle, "rb") as stream:
        stream.seek(0)
        return stream.read().decode(errors="replace")


def main() -> None:
    sys.dont_write_bytecode = True
    os.environ.pop("LC_CTYPE", None)  # which Python has set by itself: programs would speak otherwise than on a host
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for line in sys.stdin:
        errand = json.loads(line)
        output = os.memfd_create("output")
        errors = os.dup(output) if "sh" in errand else os.memfd_create("errors")
        child = os.fork()
        if child == 0:
            do(errand, output, errors)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if "sh" in errand:
            os.close(errors)
        told = "" if "sh" in errand else text(errors)
        print(json.dumps({"status": status, "output": text(output), "errors": told}), flush=True)


if __name__ == "__main__":
    main()
