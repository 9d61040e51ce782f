# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk and registry of a host: a prefix of Wine with PowerShell for Windows in place of its own, the COM server and the recorder.

One without our programs is kept below ``.cache``; each host gets a copy. Files of Windows, which nobody changes, are linked: a copy is cheap.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import typing as t

from . import root
from .space import Space

SERVER = root.HERE / "server"
#: Program by source, and what it is compiled and linked with.
PROGRAMS = {
    "firewall.cpp": ("msports_firewall.dll", ["-shared"], ["-lole32", "-loleaut32", "-luuid", "-lws2_32"]),
    "agent.cpp": ("msports_agent.exe", [], ["-ladvapi32", "-loleaut32", "-lws2_32"]),
    "netsh.cpp": ("netsh.exe", ["-municode"], ["-ladvapi32", "-loleaut32"]),
}
AGENT = PROGRAMS["agent.cpp"][0]
#: NetFwPolicy2, NetFwRule and NetFwProducts.
CLASSES = ("{E2B3C97F-6AE1-41AC-817A-F6F92166D7DD}", "{2C5BC43E-3369-4C33-AB0C-BE9469677AF4}", "{CC19079B-8272-4D73-BB70-CDB533527B61}")
SYSTEM = pathlib.Path("drive_c/windows/system32")
POWERSHELL = SYSTEM / "WindowsPowerShell" / "v1.0"
# What nobody used for a week is thrown away whenever another is made.
_KEPT = 7 * 24 * 3600


def make(powershell: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    """A prefix of its own at ``to``: linked files of Windows, everything else copied. ``powershell``: the folder with pwsh.exe in it."""
    of, programs = _kept("prefix", powershell, functools.partial(_windows, powershell)), built()
    windows = to / "drive_c" / "windows"
    windows.parent.mkdir(parents=True)
    subprocess.run(["cp", "--archive", "--link", str(of / "drive_c" / "windows"), str(windows)], check=True)
    others = [path for path in (*of.iterdir(), *of.joinpath("drive_c").iterdir()) if path.name not in ("drive_c", "windows")]
    for path in others:
        subprocess.run(["cp", "--archive", str(path), str(to / path.relative_to(of).parent)], check=True)
    for program, _options, _libraries in PROGRAMS.values():
        to.joinpath(SYSTEM, program).unlink(missing_ok=True)
        shutil.copy(programs / program, to / SYSTEM / program)
    return to


def built() -> pathlib.Path:
    """The folder of our programs for Windows, compiled once."""
    return _kept("programs", SERVER, _programs)


def fingerprint(folder: pathlib.Path) -> str:
    """What a folder holds, wherever it is."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            found.update(f"{path.relative_to(folder)}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return found.hexdigest()


def _kept(what: str, of: pathlib.Path, fill: t.Callable[[root.Root, pathlib.Path], None]) -> pathlib.Path:
    """A folder by what it is made of: the packages of the root, what these three files do, and the folder ``of``. It may serve several checkouts."""
    found = root.find()
    makers = [root.HERE.joinpath(name).read_text(encoding="utf-8") for name in ("prefix.py", "root.py", "space.py")]
    digest = hashlib.sha256("\0".join([root.packages(), fingerprint(of), *makers]).encode()).hexdigest()[:16]
    folder = root.CACHE / f"{what}-{digest}"
    with root.locked(what):
        if not folder.exists():
            for old in root.CACHE.glob(f"{what}-*"):
                if time.time() - old.stat().st_mtime > _KEPT:
                    shutil.rmtree(old)
            beside = pathlib.Path(tempfile.mkdtemp(dir=root.CACHE))
            fill(found, beside)
            os.replace(beside, folder)
        os.utime(folder)
    return folder


def _programs(found: root.Root, folder: pathlib.Path) -> None:
    headers = folder / "headers"
    headers.mkdir()
    # The headers of this library alone, not all of /usr/include.
    headers.joinpath("nlohmann").symlink_to(pathlib.Path("/", root.JSON))
    common = ["-std=c++17", "-Wall", "-Wextra", "-static", "-isystem", found.inside(headers)]
    with contextlib.closing(Space(found, {})) as space:
        for source, (program, options, libraries) in PROGRAMS.items():
            space.run([root.COMPILER, *common, *options, "-o", found.inside(folder / program), found.inside(SERVER / source), *libraries], timeout=900)


def _registration() -> str:
    """The classes of COM that our library implements, as a file of the registry."""
    library = rf"C:\\windows\\system32\\{PROGRAMS['firewall.cpp'][0]}"
    keys = (rf"HKEY_LOCAL_MACHINE\SOFTWARE\Classes\CLSID\{identifier}\InprocServer32" for identifier in CLASSES)
    return "Windows Registry Editor Version 5.00\n" + "".join(f'\n[{key}]\n@="{library}"\n"ThreadingModel"="Both"\n' for key in keys)


def _windows(powershell: pathlib.Path, found: root.Root, folder: pathlib.Path) -> None:
    with contextlib.closing(Space(found, {"WINEPREFIX": found.inside(folder)})) as space:
        space.run(["wineboot", "--init"])
        space.run(["winecfg", "-v", "win10"])
        # What ansible-core calls powershell is PowerShell: Wine's own answers nothing, with exit code 0.
        shutil.rmtree(folder / POWERSHELL)
        subprocess.run(["cp", "--archive", str(powershell), str(folder / POWERSHELL)], check=True)
        folder.joinpath(POWERSHELL, "pwsh.exe").rename(folder / POWERSHELL / "powershell.exe")
        registered = folder / "classes.reg"
        registered.write_text(_registration(), encoding="utf-16", newline="\r\n")
        space.run(["wine", "reg", "import", found.windows(registered)])
        registered.unlink()
        space.run(["wineserver", "--wait"])
