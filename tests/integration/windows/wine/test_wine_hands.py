# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed by hand on one of our rules is seen and put right; foreign rules stay as they are."""

from __future__ import annotations

import copy
import typing as t

import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import run

from conftest import Host

Plain = dict[str, t.Any]
RULES = [
    {"name": "web", "direction": "in", "protocol": "tcp", "local_ports": ["443", "8080-8090"], "remote_addresses": ["10.20.0.0/16", "192.0.2.7"]},
    {
        "name": "rpc",
        "direction": "in",
        "protocol": "tcp",
        "local_ports": ["RPC"],
        "remote_addresses": ["10.20.0.0/16"],
        "program": "%SystemRoot%\\system32\\svchost.exe",
        "service": "winmgmt",
    },
]
WANTED = {"rules": RULES, "allow_lockout": True}
#: What somebody did to the rule `web`.
HANDS: dict[str, Plain] = {
    "disabled": {"enabled": False},
    "any for one address": {"remote_addresses": "*"},
    "another address": {"remote_addresses": "10.21.0.0/16"},
    "block": {"action": policy_file.BLOCK},
    "outbound": {"direction": policy_file.OUT, "local_ports": "*", "remote_ports": "443"},
    "another port": {"local_ports": "443"},
    "any port": {"local_ports": "*"},
    "another protocol": {"protocol": policy_file.UDP},
    "one profile": {"profiles": policy_file.DOMAIN},
    "edge": {"edge": 1},
    "users": {"local_users": "D:(A;;CC;;;S-1-5-32-544)"},
    "interface": {"interfaces": ["Ethernet 2"]},
    "interface types": {"interface_types": "Wireless"},
    "secure": {"secure": 1},
    "program": {"program": "C:\\Temp\\x.exe"},
    "service": {"service": "winmgmt"},
    "description": {"description": "changed"},
}


def caller(host: Host) -> t.Callable[[Plain], Plain]:
    return lambda arguments: host.run(**arguments)


@pytest.fixture(scope="module")
def written() -> dict[str, policy_file.Content]:
    """A store with our rules in it, written once."""
    return {}


@pytest.mark.parametrize("hand", [*HANDS, "twice", "another group", "gone"])
def test_a_change_by_hand_is_seen_and_put_right(hand: str, written: dict[str, policy_file.Content], make_host: t.Callable[..., Host]) -> None:
    if not written:
        first = make_host(name="first")
        assert run(WANTED, caller(first))["changed"]
        written["content"] = first.content
    content = copy.deepcopy(written["content"])
    good = copy.deepcopy(content)
    (web,) = (one for one in content["rules"] if one["name"] == "web")
    if hand == "twice":
        policy_file.add(content, {**web, "key": None})
    elif hand == "another group":
        web["grouping"] = "somebody's"
        good["rules"].append({**web})
    elif hand == "gone":
        content["rules"].remove(web)
    else:
        web.update(HANDS[hand])
    host = make_host(content)
    foreign = policy_file.foreign(content)
    check = run(WANTED, caller(host), check_mode=True)
    assert check["changed"], hand
    result = run(WANTED, caller(host))
    assert result["changed"] and result["diff"]["after"] == check["diff"]["after"]
    assert policy_file.state(host.content)["rules"] == policy_file.state(good)["rules"]
    assert policy_file.foreign(host.content) == foreign
