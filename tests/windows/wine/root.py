# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Wine and the compiler for Windows programs are: on this machine, if it is Debian 13, else in a root of Debian 13 below ``.cache``.

Wine 10 is needed: under Wine 8 the .NET runtime ends some calls by itself. The root is made once; it needs root.
"""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "tools"))
import debian_root  # noqa: E402  (it lies in a folder of tools)

CACHE = HERE.parents[2] / ".cache" / "wine"
SUITE = "trixie"
PACKAGES = ("g++-mingw-w64-x86-64-win32", "nlohmann-json3-dev", "openssh-server", "wine", "wine64")
COMPILER = "x86_64-w64-mingw32-g++-win32"
JSON = pathlib.Path("usr/include/nlohmann")
SSHD = pathlib.Path("/usr/sbin/sshd")


class CannotRun(Exception):
    """What the host needs is not here; the text says what, and what to do."""


@dataclasses.dataclass(frozen=True)
class Root:
    """``path``: the root of Debian 13. ``machine``: where this machine's own files are in it."""

    path: pathlib.Path
    machine: str

    def inside(self, path: pathlib.Path) -> str:
        return f"{self.machine}{path.resolve()}"

    def windows(self, path: pathlib.Path) -> str:
        """A path of this machine as programs for Windows see it."""
        return "Z:" + self.inside(path).replace("/", "\\")


def missing() -> list[str]:
    """What keeps the root from being used or made, in words."""
    if os.geteuid() != 0:
        return ["it needs root: namespaces, and a root of Debian 13"]
    if _own() or (_folder() / "usr").is_dir():
        return []
    return [] if shutil.which(debian_root.PROGRAM) else [f"{debian_root.PROGRAM} is missing (package {debian_root.PROGRAM})"]


@functools.cache
def find() -> Root:
    """The root, made if there is none; takes a minute then."""
    if missing():
        raise CannotRun("; ".join(missing()))
    if _own():
        return Root(pathlib.Path("/"), "")
    with locked("root"):
        if not (_folder() / "usr").is_dir():
            _make(_folder())
    return Root(_folder(), "/host")


@functools.cache
def packages() -> str:
    """All packages of the root, a line each: name, a tab, version."""
    return subprocess.run(["chroot", str(find().path), "dpkg-query", "--show"], stdout=subprocess.PIPE, text=True, check=True).stdout


def version() -> str:
    """The version of Wine's package."""
    return dict(line.split("\t") for line in packages().splitlines())["wine"].partition("~")[0]


@functools.cache
def _own() -> bool:
    values = dict(line.partition("=")[::2] for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines())
    named = values.get("ID") == "debian" and int(values.get("VERSION_ID", "0").strip('"') or 0) >= 13
    return named and all(shutil.which(program) for program in ("wine", COMPILER)) and pathlib.Path("/", JSON).is_dir() and SSHD.exists()


def _folder() -> pathlib.Path:
    return CACHE / f"root-{SUITE}-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:8]}"


def _make(folder: pathlib.Path) -> None:
    beside = folder.with_name(folder.name + ".new")
    if beside.exists():
        shutil.rmtree(beside)
    why = debian_root.make(SUITE, PACKAGES, beside)
    if why:
        raise CannotRun(why)
    beside.joinpath("host").mkdir()
    os.replace(beside, folder)


class locked:
    """Only one process at a time makes what is below ``CACHE``."""

    def __init__(self, name: str) -> None:
        self._path = CACHE / f"{name}.lock"

    def __enter__(self) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        self._stream: t.IO[str] = self._path.open("w")
        fcntl.flock(self._stream, fcntl.LOCK_EX)

    def __exit__(self, *_what: object) -> None:
        self._stream.close()
