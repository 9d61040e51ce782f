# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows' own tables of sockets, processes and services, and a log that somebody holds open."""

from __future__ import annotations

import json
import typing as t

import engines
import policy_file
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.windows_census import census
from engines import payload

from conftest import ROOT, Host

NAMESPACE = "ansible_collections.portcullis.msports.plugins.module_utils."
SCRIPT = ROOT / "plugins" / "modules" / "win_observe.ps1"
UTILS = ROOT / "plugins" / "module_utils"
HOLDING = "$held = [IO.File]::Open([Environment]::ExpandEnvironmentVariables('{0}'), 'Open', 'ReadWrite', 'None')\n"
PATH = "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log"


def look(host: Host, read: payload.Call, before: str = "") -> dict[str, t.Any]:
    """What the module tells; ``before`` is done by the same process first."""
    csharp = {f"{NAMESPACE}{path.stem}.cs": path.read_text(encoding="utf-8") for path in sorted(UTILS.glob("*.cs")) if "Executor" not in path.name}
    script = SCRIPT.read_text(encoding="utf-8").replace("$result =", f"{before}$result =")
    done = engines.chosen().run(payload.other_module(read, SCRIPT.name, script, csharp, {}), host.path)
    return t.cast(dict[str, t.Any], json.loads(done.output))


def test_sessions_are_those_of_the_table_of_windows(make_host: t.Callable[..., Host], read: payload.Call) -> None:
    content = policy_file.fresh_server()
    content["sessions"] = [
        {"peer": "10.9.0.5", "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986},
        {"peer": "fd00::5", "peer_port": 50112, "local": "fd00::20", "local_port": 8443},
    ]
    told = look(make_host(content), read)
    assert isinstance(told["sockets"], list) and isinstance(told["processes"], dict) and isinstance(told["services"], dict), told
    rows = {tuple(row[:6]) for row in told["sockets"]}
    # both ends are on this host, and nobody listens any more, so nothing says who began
    assert {("tcp", 5, "10.1.1.20", 5986, "10.9.0.5", 50111), ("tcp", 5, "fd00::5", 50112, "fd00::20", 8443)} <= rows, rows
    assert {item["peer"] for item in census(told).observations if item["seen"] == "session"} >= {"10.9.0.5", "fd00::20"}
    assert "services" in told["processes"].values() or any("services" in name for name in told["processes"].values())
    assert any(names for names in told["services"].values())


def test_a_log_that_somebody_holds_open_is_unknown_and_not_absent(make_host: t.Callable[..., Host], read: payload.Call) -> None:
    content = policy_file.fresh_server()
    content["logs"] = {PATH: "2026-11-29 10:00:01 DROP TCP 10.7.7.7 10.1.1.11 50002 5432 52 S 3409879 0 64240 - - - RECEIVE\r\n"}
    host = make_host(content)
    (log,) = look(host, read)["logs"]
    assert ([row[:5] for row in log["rows"]], log["failed"], log["missing"]) == ([["in", "10.7.7.7", "tcp", 5432, "dropped"]], [], False)
    (held,) = look(host, read, HOLDING.format(PATH))["logs"]
    assert (held["rows"], len(held["failed"]), held["missing"]) == ([], 1, False) and PATH in held["failed"][0]
