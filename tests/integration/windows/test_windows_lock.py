# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a host: who cannot have it is refused in words, whatever kind of error the system gives."""

from __future__ import annotations

import json
import pathlib

import engines
import policy_file
import pytest
from conftest import ROOT
from engines import payload

LOCK = "ansible_collections.portcullis.msports.plugins.module_utils._FirewallLock"
TAKE = """
using System;
using System.Collections;
using System.Collections.Generic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallLock;

namespace portcullis.msports.tests
{
    public static class Taking
    {
        public static Dictionary<string, object> Try(IDictionary arguments)
        {
            try
            {
                using (RunLock.Take((string)arguments["path"], TimeSpan.Zero))
                    return new Dictionary<string, object> { { "taken", true } };
            }
            catch (RefusedException refused)
            {
                return new Dictionary<string, object> { { "taken", false }, { "msg", refused.Message } };
            }
        }
    }
}
"""
SCRIPT = "$result = [portcullis.msports.tests.Taking]::Try($complex_args)\nConvertTo-Json -InputObject $result -Compress\n"


@pytest.mark.skipif(engines.chosen().name == "wine", reason="paths are those of this machine")
def test_access_denied_is_a_lock_that_is_not_had_and_no_crash(tmp_path: pathlib.Path, read: payload.Call) -> None:
    """Windows says so of a file that is just being deleted; here a folder stands in its place."""
    path = policy_file.write(tmp_path / "host.json", policy_file.empty())
    csharp = {name: text for name, text in read.csharp.items() if name.endswith(("_FirewallHost.cs", "_FirewallInterop.cs"))}
    csharp.update({f"{LOCK}.cs": (ROOT / "plugins" / "module_utils" / "_FirewallLock.cs").read_text(encoding="utf-8"), "taking.cs": TAKE})

    def take(lock: pathlib.Path) -> dict[str, object]:
        return dict(json.loads(engines.chosen().run(payload.other_module(read, "take.ps1", SCRIPT, csharp, {"path": str(lock)}), path).output))

    assert take(tmp_path / "lock") == {"taken": True} and not (tmp_path / "lock").exists()
    tmp_path.joinpath("folder").mkdir()
    told = take(tmp_path / "folder")
    assert told["taken"] is False and "holds the lock of this host" in str(told["msg"])
