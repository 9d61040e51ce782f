# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Molecule scenarios read of a running firewalld; the real one answers in the scenarios."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "extensions" / "molecule" / "shared" / "files" / "firewalld_state.py"
DBUS = """
import json, os
STATE = json.loads(os.environ["STATE"])
class DBusException(Exception):
    def get_dbus_name(self): return str(self)
class Daemon:
    def get_dbus_method(self, method, interface):
        def answer(*arguments):
            key = " ".join([interface.rpartition("FirewallD1")[2] + "/" + method, *arguments])
            if key in STATE: return STATE[key]
            if method.startswith(("list", "getZones", "getPolicies", "getIPSets")): return []
            if method == os.environ.get("REFUSED"): raise DBusException("org.fedoraproject.FirewallD1.Exception")
            raise DBusException("org.freedesktop.DBus.Error.UnknownMethod")
        return answer
class SystemBus:
    def get_object(self, name, path, introspect): return Daemon()
"""
STATE: dict[str, t.Any] = {
    "/getDefaultZone": "public",
    ".direct/getAllRules": [["ipv4", "filter", "INPUT", 0, ["-j", "ACCEPT"]]],
    ".zone/getZones": ["public"],
    ".zone/getZoneSettings2 public": {"ports": [["22", "tcp"]]},
    ".policy/getPolicies": ["theirs"],
    ".policy/getPolicySettings theirs": {"priority": -10},
    "/listServices": ["ssh"],
    "/getServiceSettings2 ssh": {"ports": [["22", "tcp"]]},
    "/listIcmpTypes": [],
    ".ipset/getIPSets": ["some"],
    ".ipset/getIPSetSettings some": ["", "", "", "hash:ip", {}],
    ".ipset/getEntries some": ["10.0.0.1"],
}


def export(folder: pathlib.Path, state: dict[str, t.Any], refused: str = "") -> subprocess.CompletedProcess[str]:
    folder.joinpath("dbus.py").write_text(DBUS)
    environment = {**os.environ, "PYTHONPATH": str(folder), "STATE": json.dumps(state), "REFUSED": refused, "PYTHONDONTWRITEBYTECODE": "1"}
    with SCRIPT.open(encoding="utf-8") as script:
        return subprocess.run([sys.executable, "-"], stdin=script, env=environment, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize("key", [key for key in STATE if not key.startswith(("/list", ".zone/getZones", ".policy/getPolicies", ".ipset/getIPSets"))])
def test_a_change_of_anything_loaded_is_seen(tmp_path: pathlib.Path, key: str) -> None:
    before = export(tmp_path, STATE)
    assert (before.returncode, before.stderr) == (0, "")
    assert export(tmp_path, {**STATE, key: ["something else"]}).stdout != before.stdout


def test_a_daemon_that_does_not_answer_fails(tmp_path: pathlib.Path) -> None:
    assert export(tmp_path, STATE, refused="getLogDenied").returncode != 0
