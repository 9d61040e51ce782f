# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What fires when nobody confirms: a timer of systemd, or a process of its own where systemd does not run.

It runs a copy of this collection's code, kept with what it restores, by the interpreter that the module ran in.
"""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import typing as t
import zipfile

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import replace, tidy
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import FOLDER, Pending, Shelf

PACKAGE = "ansible_collections.portcullis.msports.plugins.module_utils"
ENTRY = PACKAGE + "._linux.rollback"
MAIN = "import sys\n\nfrom {0} import main\n\nsys.exit(main(sys.argv[1:]))\n".format(ENTRY)
UNITS = "etc/systemd/system"
AT_BOOT = "boot"
SERVICES = ("firewalld",)  # those that may wait at a boot
# For a service that loads files: those of a change that a restart has ended go before it starts. Nothing waits for more than the timeout.
BOOT_UNIT = """[Unit]
Description=Takes back the unconfirmed change of firewall rules that a restart has ended (portcullis.msports)
DefaultDependencies=no
RequiresMountsFor=/{folder}
After=local-fs.target
Before={service}.service shutdown.target
Conflicts=shutdown.target
ConditionPathExists={code}

[Service]
Type=oneshot
TimeoutStartSec=60
ExecStart={command}
"""


class TimerError(Exception):
    """No timer could be started; the text says why."""


def code() -> bytes:
    """Return an archive that Python runs: every module of this collection that is loaded here, wherever it was loaded from."""
    importlib.import_module(ENTRY)  # what imports the backends, and so cannot be imported by them
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", MAIN)
        packages = set()
        for name, module in sorted(sys.modules.items()):
            if not name.startswith(PACKAGE + ".") or getattr(module, "__file__", None) is None or hasattr(module, "__path__"):
                continue
            source = module.__loader__.get_source(name) if module.__loader__ else None  # type: ignore[attr-defined]
            if source is None:
                raise TimerError("the source of {0} is not there".format(name))
            archive.writestr(name.replace(".", "/") + ".py", source)
            parts = name.split(".")[:-1]
            packages.update("/".join(parts[: end + 1]) for end in range(len(parts)))
        for package in sorted(packages):
            archive.writestr(package + "/__init__.py", "")
    return packed.getvalue()


def start(shelf: Shelf, pending: Pending, seconds: int) -> str:
    """Start what fires in so many seconds, and return what it is; ``TimerError`` when it cannot be."""
    command = _command(shelf, pending)
    if not os.path.isdir(os.path.join(shelf.root, services.SYSTEMD)):
        _detach(command + [str(seconds)])
        return "a process of its own, because systemd does not run here"
    unit = _unit(pending)
    words = ["--quiet", "--collect", "--unit=" + unit, "--description=Restores the firewall rules of portcullis.msports unless they are confirmed"]
    words += ["--on-active={0}s".format(seconds), "--timer-property=AccuracySec=200ms"]
    complaint = services.call("systemd-run", words + ["--"] + command)
    if complaint:
        raise TimerError(complaint)
    return "the timer {0}.timer of systemd".format(unit)


def stop(shelf: Shelf, pending: Pending) -> None:
    """Stop what waits. When that fails nothing is lost: what fires without a token does nothing."""
    if os.path.isdir(os.path.join(shelf.root, services.SYSTEMD)):
        services.call("systemctl", ["stop", _unit(pending) + ".timer"])


def at_boot(shelf: Shelf, pending: Pending, service: str) -> None:
    """Have a restart take the change back before ``service`` starts, which loads files at once; ``OSError`` when that cannot be."""
    if not os.path.isdir(os.path.join(shelf.root, services.SYSTEMD)):
        return
    command = " ".join('"{0}"'.format(word.replace("%", "%%")) for word in _command(shelf, pending) + [AT_BOOT])
    unit = _boot_unit(shelf)
    replace(os.path.join(shelf.root, UNITS, unit), BOOT_UNIT.format(folder=FOLDER, service=service, code=shelf.code, command=command), 0o644)
    wants = os.path.join(shelf.root, UNITS, service + ".service.wants")
    os.makedirs(wants, 0o755, exist_ok=True)
    if not os.path.lexists(os.path.join(wants, unit)):
        os.symlink("/{0}/{1}".format(UNITS, unit), os.path.join(wants, unit))


def not_at_boot(shelf: Shelf) -> None:
    """Remove what ``at_boot`` has made."""
    tidy([os.path.join(shelf.root, UNITS, _boot_unit(shelf))])
    units = os.path.join(shelf.root, UNITS)
    for service in SERVICES:
        wants = os.path.join(units, service + ".service.wants")
        if os.path.lexists(os.path.join(wants, _boot_unit(shelf))):
            os.unlink(os.path.join(wants, _boot_unit(shelf)))
        if os.path.isdir(wants) and not os.listdir(wants):
            os.rmdir(wants)
    if os.path.lexists(os.path.join(units, _boot_unit(shelf))):
        os.unlink(os.path.join(units, _boot_unit(shelf)))


def _command(shelf: Shelf, pending: Pending) -> t.List[str]:
    return [sys.executable, "-I", shelf.code, pending.owner, pending.nonce, shelf.root]


def _boot_unit(shelf: Shelf) -> str:
    return "portcullis-msports-rollback-{0}.service".format(shelf.owner)


def _unit(pending: Pending) -> str:
    return "portcullis-msports-rollback-{0}-{1}".format(pending.owner, pending.nonce)


def _detach(command: t.Sequence[str]) -> None:
    """Start a process that nothing of this run holds: no session, no terminal, no open file, no folder."""
    try:
        # pylint: disable-next=ansible-bad-function,consider-using-with
        subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True, close_fds=True
        )
    except OSError as error:
        raise TimerError("{0} could not be started: {1}".format(command[0], error)) from error
