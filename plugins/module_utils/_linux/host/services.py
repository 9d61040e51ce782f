# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the files of a host tell of programs and of systemd's services, without starting a process."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import typing as t

FOLDERS = ("usr/sbin", "sbin", "usr/bin")
UNITS = ("etc/systemd/system", "run/systemd/*", "lib/systemd/system", "usr/lib/systemd/system")
SYSTEMD = "run/systemd/system"  # it is there when systemd runs
BIN = ("/usr/bin", "/bin")


def installed(program: str, root: str = "/") -> bool:
    """Tell whether a program is where a service would find it."""
    return any(os.access(os.path.join(root, folder, program), os.X_OK) for folder in FOLDERS)


def starts(service: str, root: str = "/") -> bool:
    """Tell whether a service starts at boot, by what wants it."""
    return bool(glob.glob(os.path.join(glob.escape(root), "etc/systemd/system/*.wants", service + ".service"))) and not masked(service, root)


def masked(service: str, root: str) -> bool:
    """Tell whether systemd can no longer start a service; what wants it keeps its link all the same."""
    path = os.path.join(root, "etc/systemd/system", service + ".service")
    return os.path.islink(path) and os.readlink(path) == "/dev/null"


def running(service: str, root: str, proc: str) -> bool:
    """Tell whether a process of a systemd service lives in our network namespace.

    Where the control groups do not tell (a container sees them elsewhere), the program's name does, if its configuration is there at all.
    """
    found = []
    for folder in ("", "systemd/", "unified/"):
        found += read_text(os.path.join(root, "sys/fs/cgroup", folder + "system.slice", service + ".service", "cgroup.procs")).split()
    if not found and os.path.isdir(os.path.join(root, "etc", service)):
        names = glob.glob(os.path.join(glob.escape(proc), "[0-9]*", "comm"))
        found = [os.path.basename(os.path.dirname(name)) for name in names if read_text(name).strip() == service]
    for pid in found:
        try:
            if os.readlink(os.path.join(proc, pid, "ns/net")) == os.readlink(os.path.join(proc, "self/ns/net")):
                return True
        except OSError:
            return True
    return False


def socket_ports(services: t.Iterable[str], root: str = "/") -> t.Set[int]:
    """Return the ports that any file of systemd names for it to listen on in place of some services, be it that a later file takes them back."""
    found = set()
    for place in [os.path.join(folder, name) for folder in UNITS for service in services for name in (service + ".socket", service + ".socket.d/*.conf")]:
        for path in glob.glob(os.path.join(glob.escape(root), place)):
            found |= {int(port) for port in re.findall(r"^ListenStream=(?:.*:)?(\d+)\s*$", read_text(path), re.MULTILINE)}
    return found


def read_text(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def call(name: str, arguments: t.Sequence[str]) -> t.Optional[str]:
    """Run a program of systemd; return a complaint, or ``None``."""
    program = next((place for place in (os.path.join(folder, name) for folder in BIN) if os.access(place, os.X_OK)), None)
    if program is None:
        return "{0} was not found in {1}".format(name, " and ".join(BIN))
    # A list and no shell; and tests run it without a module. pylint: disable-next=ansible-bad-function
    process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _none = process.communicate()
    if process.returncode == 0:
        return None
    return "{0} {1} failed: {2}".format(name, " ".join(arguments[:2]), output.decode("utf-8", "replace").strip()[:300])
