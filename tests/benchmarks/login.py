# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A key of its own, and how Ansible logs in with it: ssh with pipelining, one shared connection for each run."""

import pathlib
import socket
import subprocess
import time
import typing as t


class Login:
    """A key pair below ``work``; ``variables`` for the inventory, ``environment`` for the controller."""

    def __init__(self, work: pathlib.Path, address: str, port: int) -> None:
        self._address, self._port, self._sockets = address, port, work / "cp"
        key = work / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self._sockets.mkdir()
        self.public = key.with_suffix(".pub").read_text(encoding="ascii")
        self.variables: dict[str, t.Any] = {
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_connection": "ssh",
            "ansible_user": "root",
            "ansible_host": address,
            "ansible_port": port,
        }
        self.environment = {
            "ANSIBLE_PRIVATE_KEY_FILE": str(key),
            "ANSIBLE_HOST_KEY_CHECKING": "0",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._sockets),
            "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        }

    def wait(self, seconds: float = 10.0) -> None:
        """Wait until somebody listens there."""
        end = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection((self._address, self._port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def hang_up(self) -> None:
        """End the shared connection, so that the next run logs in again, as every run of ansible-playbook does."""
        for path in self._sockets.glob("*"):
            subprocess.run(["ssh", "-o", f"ControlPath={path}", "-O", "exit", self._address], capture_output=True, check=False)
