# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: windows_stand_in
short_description: Stands where WinRM or PSRP stand, without Windows
version_added: 0.1.0
author: the portcullis.msports contributors (@portcullis)
description:
  - For tests only. Ansible takes its normal way to a Windows host; what it sends is handed to an engine that runs the C# in it
    against a policy store in a JSON file. See tests/windows/README.md of the project.
  - What runs it is said for every host.
options:
  host:
    description: Name of the host.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
  policy:
    description: The JSON file that holds this host's policy store. Goes before O(directory).
    type: path
    vars:
      - name: msports_stand_in
  directory:
    description: A folder with a file C(<inventory_hostname>.json) per host.
    type: path
    env:
      - name: MSPORTS_STAND_IN_DIRECTORY
    vars:
      - name: msports_stand_in_directory
  calls:
    description: Every call of this connection is appended to this file, as a line of JSON.
    type: path
    env:
      - name: MSPORTS_STAND_IN_CALLS
    vars:
      - name: msports_stand_in_calls
  keep:
    description: Command and standard input of every call are kept in this folder, as one JSON file each.
    type: path
    env:
      - name: MSPORTS_STAND_IN_KEEP
    vars:
      - name: msports_stand_in_keep
  engine:
    description:
      - What runs the modules, by its name in C(tests/windows/engines).
    type: str
    default: mono
    env:
      - name: MSPORTS_ENGINE
    vars:
      - name: msports_stand_in_engine
"""

import json
import os
import pathlib
import sys
import tempfile

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

display = Display()


# tests/windows, which is in no collection
sys.path.insert(0, str(pathlib.Path(os.path.realpath(__file__)).parents[7] / "windows"))

import engines  # noqa: E402
import policy_file  # noqa: E402
from engines import payload  # noqa: E402


class Connection(ConnectionBase):
    """One exec_command a module call; no files."""

    transport = "portcullis.lab.windows_stand_in"
    module_implementation_preferences = (".ps1", ".exe", "")
    allow_executable = False
    has_pipelining = True
    always_pipeline_modules = True
    default_user = "Administrator"

    def __init__(self, *args, **kwargs):
        self._shell_type = "powershell"
        super().__init__(*args, **kwargs)

    def _connect(self):
        if self._connected:
            return self
        self._policy = self._path()
        if not self._policy.is_file():
            raise AnsibleConnectionFailure(f"no file {self._policy} for the stand-in host {self.get_option('host')}")
        try:
            self._engine = engines.named(self.get_option("engine"))
        except engines.EngineError as error:
            raise AnsibleConnectionFailure(str(error)) from error
        display.warning(f"{self.get_option('host')} is a stand-in for a Windows host: {self._policy}. Modules are run by {self._engine.described()}")
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        self._connect()
        data = to_bytes(in_data or b"")
        self._keep(to_text(cmd), data)
        try:
            call = payload.read_call(to_text(cmd), data)
            self._note("exec_command", module=call.module, operations=len(call.arguments.get("operations") or ()), bytes=len(data))
            done = self._engine.run(call, self._policy)
        except engines.EngineError as error:
            self._note("refused", reason=str(error))
            raise AnsibleError(f"the stand-in for Windows: {error}") from error
        return done.code, done.output, done.error

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        self._refuse_file("put_file", out_path)

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        self._refuse_file("fetch_file", in_path)

    def close(self):
        self._connected = False

    def reset(self):
        # A new connection comes from another port.
        self.close()
        with policy_file.edited(self._path()) as content:
            for session in content["sessions"]:
                session["peer_port"] += 1

    def _path(self):
        policy, directory = self.get_option("policy"), self.get_option("directory")
        if not policy and not directory:
            raise AnsibleConnectionFailure("set msports_stand_in (a file) or msports_stand_in_directory: they name the policy store of a stand-in host")
        return pathlib.Path(policy or os.path.join(directory, f"{self.get_option('host')}.json"))

    def _note(self, what, **more):
        if self.get_option("calls"):
            line = json.dumps({"host": self.get_option("host"), "what": what, **more}) + "\n"
            with open(self.get_option("calls"), "a", encoding="utf-8") as stream:
                stream.write(line)

    def _keep(self, command, data):
        folder = self.get_option("keep")
        if folder:
            handle, _path = tempfile.mkstemp(prefix=f"{self.get_option('host')}-", suffix=".json", dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump({"command": command, "in_data": to_text(data)}, stream)

    def _refuse_file(self, what, path):
        self._note(what, path=to_text(path))
        raise AnsibleError(f"the stand-in for Windows keeps no files ({what} {to_text(path)})")
