# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host gets so that it can take a change back: one script, whole, the same in every run."""

from __future__ import annotations

import base64
import gzip
import re
import subprocess

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import rollback
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.desired import OPTIONS, desire


def test_each_change_has_a_name_of_its_own_and_the_same_code() -> None:
    one, other = rollback.arm(60), rollback.arm(60)
    assert one["nonce"] != other["nonce"] and re.fullmatch("[0-9a-f]{16}", one["nonce"])
    assert one["code"] == other["code"] and len(one["code"]) < 60_000, "it lies in the registry, and goes over the wire with each change"


def test_a_time_that_is_over_before_it_begins_is_refused() -> None:
    """A task whose time has passed before it is registered may wait for the next restart, while the guard counts on it."""
    with pytest.raises(Refused, match="rollback_timeout: -5: expected seconds, or 0 for none; nothing takes a change back before it is made"):
        desire({**OPTIONS, "rules": [], "rollback_timeout": -5})


def test_the_script_holds_the_source_in_a_text_that_nothing_ends_early() -> None:
    text = gzip.decompress(base64.b64decode(rollback.code())).decode()
    assert text.count("\n'@") == 1 and text.count("@'\n") == 1
    assert text.split("@'\n")[1].split("\n'@")[0] == rollback.source()


def test_it_has_no_part_of_ansible() -> None:
    assert "using Ansible." not in rollback.source() and "_FirewallExecutor" not in rollback.source()


@pytest.mark.parametrize("symbols", ["WINDOWS", "WINDOWS;CORECLR"])
def test_it_compiles_alone_and_without_a_warning(symbols: str, tmp_path: object) -> None:
    command = ["mcs", "-langversion:5", "-warnaserror+", f"-define:{symbols}", "-target:library", "-r:System.dll", "-r:System.Core.dll"]
    path = f"{tmp_path}/rollback.cs"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(rollback.source())
    done = subprocess.run([*command, f"-out:{tmp_path}/a.dll", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
