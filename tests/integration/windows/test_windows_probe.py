# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that the code for Windows hosts tries, by execution. Where it runs decides what a refusal looks like, so only what is sure is asked."""

from __future__ import annotations

import json
import pathlib
import socket

import engines
import policy_file
import pytest
from conftest import ROOT
from engines import payload

SCRIPT = ROOT / "plugins" / "modules" / "win_probe.ps1"
PROBER = "ansible_collections.portcullis.msports.plugins.module_utils._FirewallProbe"


@pytest.mark.skipif(engines.chosen().name == "wine", reason="hosts there have a network of their own")
def test_what_is_open_refused_or_impossible_is_told_in_the_order_of_asking(tmp_path: pathlib.Path, read: payload.Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody else gets it, and nobody listens
        ports = [closed.getsockname()[1], listener.getsockname()[1]]
        probes = [{"address": "127.0.0.1", "port": port} for port in ports] + [{"address": "255.255.255.255", "port": 9}]
        csharp = {name: text for name, text in read.csharp.items() if name.endswith(("_FirewallHost.cs", "_FirewallInterop.cs"))}
        csharp[f"{PROBER}.cs"] = (ROOT / "plugins" / "module_utils" / "_FirewallProbe.cs").read_text(encoding="utf-8")
        call = payload.other_module(read, SCRIPT.name, SCRIPT.read_text(encoding="utf-8"), csharp, {"probes": probes, "timeout": 60})
        told = json.loads(engines.chosen().run(call, policy_file.write(tmp_path / "host.json", policy_file.empty())).output)
    assert [(answer["port"], answer["answer"]) for answer in told["answers"][:2]] == [(ports[0], "refused"), (ports[1], "open")], told
    assert told["answers"][2]["answer"] in ("failed", "filtered") and told["changed"] is False
