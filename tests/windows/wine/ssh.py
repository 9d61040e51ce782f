# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ssh server on a host, whose user's command is run by Windows; and the variables with which Ansible reaches it."""

from __future__ import annotations

import pathlib
import shlex
import subprocess
import sys
import time
import typing as t

from . import root
from .machine import Machine

_CONFIG = """\
Port 22
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PermitRootLogin yes
ForceCommand {folder}/command
SetEnv {environment}
"""
# PowerShell wants a console; ssh gives none to a command. Input and output stay those of ssh.
_COMMAND = """\
#!/bin/sh
exec 3<&0 4>&1
exec script -qec "wine $SSH_ORIGINAL_COMMAND <&3 >&4 3<&- 4>&-" /dev/null </dev/null >/dev/null
"""


class Server:
    """``variables``: what processes of the host find in their environment. ``peer``: where clients come from."""

    def __init__(self, host: Machine, folder: pathlib.Path, variables: t.Mapping[str, str], peer: str = "10.9.0.5", address: str = "10.1.1.20") -> None:
        self._host, self._folder, self._peer, self._address = host, folder, peer, address
        host.address({peer, address})
        folder.mkdir()
        for key in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        inside = host.root.inside(folder)
        environment = " ".join(f'"{name}={value}"' for name, value in {**host.space.environment, **variables}.items())
        folder.joinpath("config").write_text(_CONFIG.format(address=address, folder=inside, environment=environment), encoding="utf-8")
        folder.joinpath("command").write_text(_COMMAND, encoding="utf-8")
        folder.joinpath("command").chmod(0o755)
        host.space.run(["mkdir", "-p", "/run/sshd"])
        self._log = folder.joinpath("log").open("wb")
        self._process = subprocess.Popen(host.space.inside([str(root.SSHD), "-D", "-e", "-f", f"{inside}/config"]), stdin=subprocess.DEVNULL, stderr=self._log)
        self._wait()

    def _wait(self) -> None:
        for _try in range(3000):
            if b"Server listening" in self._folder.joinpath("log").read_bytes():
                return
            time.sleep(0.1)
        raise OSError(f"no ssh server: {self._folder.joinpath('log').read_text(encoding='utf-8')}")

    def inventory(self) -> dict[str, t.Any]:
        """Variables of the host for an inventory."""
        relay = self._host.space.on_network([sys.executable, str(root.HERE / "relay.py"), self._peer, self._address, "22"])
        options = {"ProxyCommand": shlex.join(relay), "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "IdentitiesOnly": "yes"}
        return {
            "ansible_connection": "ssh",
            "ansible_shell_type": "powershell",
            "ansible_pipelining": True,
            "ansible_host": self._address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._folder / "user_key"),
            "ansible_ssh_args": "",
            "ansible_ssh_common_args": " ".join(f"-o {shlex.quote(f'{name}={value}')}" for name, value in options.items()),
        }

    def close(self) -> None:
        # Its process here is only what waits for it: a server that went on would keep its port from sessions of later tests.
        self._host.space.run(["kill", self._folder.joinpath("pid").read_text(encoding="ascii").strip()])
        self._process.wait(timeout=300)
        self._log.close()
