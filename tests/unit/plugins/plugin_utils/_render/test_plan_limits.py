# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is refused for what the backends of its hosts cannot say: all of it at once, and only as far as a backend is known."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import UnsupportedRuleError
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import check_plan
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

SETS = {"one": ["10.0.0.1"], "pair": ["::/127"], "big": [f"10.{n // 128}.{n % 128}.1" for n in range(1500)]}
ZERO, FINE, PAIR = rule("in", "tcp", "one", ["0"]), rule("in", "tcp", "one", ["443"]), rule("in", "tcp", "pair", ["443"])


def refused(hosts: dict[str, Plain], backends: dict[str, str]) -> list[str]:
    with pytest.raises(UnsupportedRuleError) as error:
        check_plan(plan(hosts, SETS), backends)
    return [str(problem).partition(";")[0] for problem in error.value.problems]


def windows(*rules: Plain, **fields: str) -> Plain:
    return host(*rules, system="windows", **fields)


def test_every_host_with_a_known_backend_is_asked_and_all_is_said_at_once() -> None:
    hosts = {"win": windows(FINE, PAIR), "reject": windows(FINE, default_inbound="reject"), "zero": host(ZERO), "fine": host(FINE)}
    assert refused(hosts, {"zero": "ufw", "fine": "firewalld"}) == [
        "reject: default_inbound: windows: 'reject': Windows Firewall answers nothing to what it stops",
        "win: rules[1] 'in tcp/443 from pair': windows: remote_addresses: '::/127': Windows takes no unspecified, loopback or multicast IPv6 address in a rule",
        "zero: rules[0] 'in tcp/0 from one': ufw: local_ports: ufw knows the ports 1 to 65535, not 0",
    ]


def test_hosts_with_the_same_rules_are_one_problem() -> None:
    rules = [ZERO]
    hosts = {f"web{number}": {**host(ZERO), "rules": rules} for number in range(1, 6)}
    found = refused(hosts, dict.fromkeys(hosts, "ufw"))
    assert [text.partition(":")[0] for text in found] == ["web1, web2, web3 and 2 more"]


@pytest.mark.parametrize("backend", ["auto", "None", "", "nftables"])
def test_what_no_known_backend_refuses_is_planned(backend: str) -> None:
    check_plan(plan({"zero": host(ZERO), "win": windows(FINE, rule("in", "tcp", "big", ["443"]))}, SETS), {"zero": backend})


def test_rules_of_a_direction_that_is_not_written_are_not_refused() -> None:
    """Outbound rules are for strict hosts: what the host is never given cannot be too much for it."""
    out = rule("out", "tcp", "pair", ["443"])
    check_plan(plan({"win": windows(FINE, out)}, SETS), {})
    assert refused({"win": windows(FINE, out, default_outbound="block")}, {})[0].startswith("win: rules[1] 'out tcp/443 to pair'")
