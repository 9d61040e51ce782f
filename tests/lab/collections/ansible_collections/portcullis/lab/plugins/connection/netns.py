# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
short_description: Run tasks on a host of the namespace lab
version_added: 0.1.0
author: the portcullis.msports contributors (@portcullis)
description:
  - Runs commands in the network, mount and host name namespaces of a process that stands for a host.
  - For tests only. Works from inside the namespaces in which the lab lives.
options:
  host:
    description: Name of the host in the lab.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
  lab_hosts:
    description: Path of a JSON file that maps names of hosts to the ids of their processes.
    type: path
    required: true
    env:
      - name: MSPORTS_LAB_HOSTS
    vars:
      - name: msports_lab_hosts
  pipelining:
    description: Send modules through standard input, without files.
    type: bool
    default: true
    vars:
      - name: ansible_pipelining
  executable:
    description: Shell that runs the commands.
    type: str
    default: /bin/sh
    vars:
      - name: ansible_executable
"""

import json
import os
import subprocess

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase

# A host of the lab begins with the environment of a login on a plain server, not with that of whoever started the lab.
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "USER": "root"}


class Connection(ConnectionBase):
    """Commands by ``nsenter``; files by ``cat``."""

    transport = "portcullis.lab.netns"
    has_pipelining = True
    default_user = "root"

    def _connect(self):
        if not self._connected:
            path = self.get_option("lab_hosts")
            host = self.get_option("host")
            try:
                with open(path, encoding="utf-8") as stream:
                    self._pid = json.load(stream)[host]
            except (OSError, ValueError, KeyError) as error:
                raise AnsibleConnectionFailure(f"no host {host!r} in the lab ({path}: {error!r}); is the lab running, and is this inside it?") from error
            self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run([self.get_option("executable"), "-c", to_text(cmd)], in_data)

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        with open(to_bytes(in_path), "rb") as stream:
            code, _output, error = self._run(["dd", f"of={out_path}", "bs=64k", "status=none"], stream.read())
        if code != 0:
            raise AnsibleConnectionFailure(f"{out_path}: {to_text(error)}")

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        code, output, error = self._run(["dd", f"if={in_path}", "bs=64k", "status=none"], None)
        if code != 0:
            raise AnsibleConnectionFailure(f"{in_path}: {to_text(error)}")
        with open(to_bytes(out_path), "wb") as stream:
            stream.write(output)

    def close(self):
        self._connected = False

    def _run(self, command, in_data):
        self._connect()
        enter = ["nsenter", f"--target={self._pid}", "--net", "--mount", "--uts", "--wd=/", "--", *command]
        environment = dict(_ENVIRONMENT, TERM=os.environ.get("TERM", "dumb"))
        done = subprocess.run(enter, input=to_bytes(in_data or b""), capture_output=True, env=environment, check=False)
        return done.returncode, done.stdout, done.stderr
