# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The programs that a run starts: found once, every start counted, their complaints turned into one error."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t

FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin")
NAMES = {4: "iptables", 6: "ip6tables"}
WAIT = "10"


class UfwError(Exception):
    """ufw or a program that it needs is missing, or refused what it was given; the text says which and why."""


class Programs:
    """Runs iptables, nft, ufw's own loader and systemctl. ``count`` is the number of processes started so far."""

    def __init__(self, folders: t.Sequence[str] = FOLDERS, init: str = "/lib/ufw/ufw-init", systemd: str = "/run/systemd/system") -> None:
        self.folders = folders
        self.init = init
        self.systemd = systemd
        self.count = 0

    def find(self, name: str) -> t.Optional[str]:
        """Return the path of a program, or ``None``."""
        return next((path for path in (os.path.join(folder, name) for folder in self.folders) if os.access(path, os.X_OK)), None)

    def _run(self, arguments: t.List[str], given: str = "") -> t.Tuple[int, str, str]:
        path = self.find(arguments[0])
        if path is None:
            raise UfwError("{0} was not found in {1}".format(arguments[0], ", ".join(self.folders)))
        return self._start([path] + arguments[1:], given)

    def _start(self, command: t.List[str], given: str = "") -> t.Tuple[int, str, str]:
        self.count += 1
        environment = dict(os.environ, LC_ALL="C", PATH=":".join(self.folders))
        # A list and no shell; and tests run it without a module. pylint: disable-next=ansible-bad-function
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, universal_newlines=True, errors="surrogateescape"
        )
        output, errors = process.communicate(given)
        return process.returncode, output, errors

    def save(self, version: int, counted: bool = False) -> str:
        """Return what ``iptables-save`` prints of the table filter of one family, with what each line has counted in front of it if so asked."""
        code, output, errors = self._run([NAMES[version] + "-save", "-t", "filter"] + (["-c"] if counted else []))
        if code != 0:
            raise UfwError("{0}-save cannot read the rules: {1}".format(NAMES[version], short(errors)))
        if "is incompatible, use 'nft' tool" in output + errors:
            raise UfwError(
                "{0}-save cannot show the table filter, because it holds rules that only nft knows; move them to a table of their own".format(NAMES[version])
            )
        return output

    def check(self, version: int, text: str) -> None:
        """Let ``iptables-restore`` read ``text`` without loading it; raise ``UfwError`` when it is refused."""
        code, _output, errors = self._run([NAMES[version] + "-restore", "--test", "--noflush", "-w", WAIT], text)
        if code != 0:
            raise UfwError("{0}-restore refuses the rules, nothing was changed: {1}".format(NAMES[version], short(errors)))

    def load(self, version: int, text: str) -> None:
        """Load ``text`` in one commit; raise ``UfwError`` when it failed as a whole."""
        code, _output, errors = self._run([NAMES[version] + "-restore", "--noflush", "-w", WAIT], text)
        if code != 0:
            raise UfwError("{0}-restore could not load the rules: {1}".format(NAMES[version], short(errors)))

    def start_ufw(self) -> None:
        """Let ufw load itself from its files anew: for a host on which chains of ufw are missing."""
        code, output, errors = self._start([self.init, "force-reload"])
        if code != 0:
            raise UfwError("{0} force-reload failed: {1}".format(self.init, short(output + errors)))

    def service_is_active(self) -> bool:
        """Tell whether systemd counts ``ufw.service`` as active; without systemd there is nobody who could have stopped it."""
        return self._run(["systemctl", "is-active", "--quiet", "ufw"])[0] == 0 if os.path.isdir(self.systemd) else True

    def foreign_tables(self, own: t.Container[t.Tuple[str, str]]) -> t.List[t.Dict[str, t.Any]]:
        """Return the objects that ``nft -j`` prints of the tables other than ``own`` ((family, name) pairs); none without nft.

        Those of ufw may hold thousands of rules, so the whole is read only where there are others.
        """
        if self.find("nft") is None:
            return []
        tables = [item["table"] for item in self._nft("list tables") if "table" in item]
        names = [(table["family"], table["name"]) for table in tables if (table["family"], table["name"]) not in own]
        if not names:
            return []
        objects = [item for found in self._nft("list ruleset") for item in found.items()]
        return [{kind: value} for kind, value in objects if (value.get("family"), value.get("name" if kind == "table" else "table")) in names]

    def _nft(self, command: str) -> t.List[t.Dict[str, t.Any]]:
        code, output, errors = self._run(["nft", "-nn", "-j", command])
        if code != 0:
            raise UfwError("nft cannot read the tables of others: {0}".format(short(errors)))
        try:
            return [item for line in output.splitlines() if line.strip() for item in json.loads(line)["nftables"]]
        except (ValueError, KeyError) as error:
            raise UfwError("nft printed tables that are no JSON: {0}".format(error)) from error


def short(errors: str) -> str:
    lines = [line.strip() for line in errors.strip().splitlines() if line.strip()]
    return "; ".join(line[:300] for line in lines[:6]) or "no reason given"


# ufw reads its rules before it takes its lock, and writes what it has read with its own change in it. So a command that started before we wrote, and had
# to wait for us, writes our rules away. Whoever has written looks again when all those commands have ended.
SECONDS = 30
STEP = 0.1


def commands(proc: str) -> t.Set[str]:
    """Return the ids of the processes that are commands of ufw now."""
    found = set()
    for pid in os.listdir(proc):
        if pid.isdigit():
            try:
                with open(os.path.join(proc, pid, "cmdline"), "rb") as stream:
                    words = stream.read().split(b"\0")
            except OSError:
                continue
            # A script: the interpreter comes first.
            if any(word == b"ufw" or word.endswith(b"bin/ufw") for word in words[:2]):
                found.add(pid)
    return found


def wait_for(pids: t.Set[str], proc: str, pause: t.Callable[[float], t.Any], seconds: float = SECONDS) -> t.Set[str]:
    """Wait until none of the processes is left; return the ids of those that were still there in the end."""
    waited = 0.0
    left = pids & commands(proc)
    while left and waited < seconds:
        pause(STEP)
        waited += STEP
        left = left & commands(proc)
    return left
