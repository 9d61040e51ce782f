# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Start a program where it can do no harm: in user, network, mount, pid, uts and ipc namespaces of its own."""

import os
import shutil
import subprocess
import sys
import typing as t

INSIDE = "MSPORTS_LAB_INSIDE"
NEEDED = ("unshare", "nsenter", "ip", "nft", "mount", "mcs", "mono")
INSTALL = "apt-get install nftables iproute2 util-linux mount mono-mcs mono-runtime libmono-system-web-extensions4.0-cil"
_NAMESPACES = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
_USER = ["--user", "--map-root-user"]
# sbin is not on an ordinary user's PATH, but nft and ip live there
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CannotIsolate(Exception):
    """The machine refuses what the lab needs; the text says what and what to do."""


def is_inside() -> bool:
    """Tell whether this process was started by :func:`enter`."""
    return os.environ.get(INSIDE) == "1"


def enter(arguments: t.Sequence[str]) -> t.NoReturn:
    """Replace this process by the same Python program inside private namespaces. Raises :class:`CannotIsolate`.

    The first process inside dies with ``unshare``, and with it everything else inside: however the lab ends, nothing is left.
    """
    path = os.environ.get("PATH", "") + ":" + SYSTEM_PATH
    missing = [name for name in NEEDED if shutil.which(name, path=path) is None]
    if missing:
        raise CannotIsolate(f"missing programs: {', '.join(missing)}; on Debian: {INSTALL}")
    os.environ.update({INSIDE: "1", "PATH": path})
    # The lab's hosts are not managed over the developer's own ssh session, and must not guard it.
    for name in [name for name in os.environ if name.startswith("SSH_")]:
        del os.environ[name]
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", *_user_options(path), *_NAMESPACES, "--", sys.executable, *arguments])


def _user_options(path: str) -> list[str]:
    trial = subprocess.run(["unshare", *_USER, "--net", "true"], env={"PATH": path}, capture_output=True, text=True, check=False)
    if trial.returncode == 0:
        return _USER
    if os.geteuid() == 0:
        print("lab: this system refuses user namespaces; running as root in private network, mount and process namespaces instead")
        return []
    raise CannotIsolate(
        f"this system refuses user namespaces to ordinary users ({trial.stderr.strip()}); "
        "allow them (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0), or run as root"
    )


def prepare() -> None:
    """Inside: give the lab its own writable corner (an empty ``/run``) and bring up the loopback interface.

    An empty ``/run`` also hides the sockets of the machine's services (systemd, D-Bus) from everything in the lab.
    """
    if not is_inside():
        raise CannotIsolate("not inside private namespaces")
    os.environ["PATH"] = SYSTEM_PATH + ":" + os.environ["PATH"]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
