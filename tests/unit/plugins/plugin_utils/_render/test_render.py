# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a plan's host to the options of a module."""

from __future__ import annotations

import calendar
import typing as t

import pytest
from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, UnsupportedRuleError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import without_ended
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import wire_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

SETS = {"one": ["10.0.0.1"], "many": ["10.0.0.1", "10.0.0.5"], "any": ["any"], "nobody": [], "groups": ["239.0.0.1"], "more groups": ["239.0.0.1", "239.0.0.9"]}


def rendered(*rules: Plain, backend: str = "nftables", **fields: t.Any) -> Plain:
    return render(plan({"till": host(*rules, **fields)}, SETS), "till", backend)


def wire(*rules: Plain, **fields: t.Any) -> list[str]:
    return [item["name"] for item in rendered(*rules, **fields)["rules"]]


IN, OUT = rule("in", "tcp", "one", ["443"]), rule("out", "tcp", "one", ["443"])
TFTP = rule("out", "udp", "one", ["69"], helper="tftp")


@pytest.mark.parametrize(
    ("outbound", "names"),
    [
        ("keep", ["in tcp/443 from one", "out udp/69 to one"]),  # the helper is attached in any case, or answers are lost
        ("allow", ["in tcp/443 from one", "out udp/69 to one"]),
        ("block", ["in tcp/443 from one", "out tcp/443 to one", "out udp/69 to one"]),
    ],
)
def test_outbound_rules_are_for_strict_hosts(outbound: str, names: list[str]) -> None:
    assert wire(IN, OUT, TFTP, default_outbound=outbound) == names


@pytest.mark.parametrize(("declared", "inbound"), [(None, "block"), ("block", "block"), ("reject", "reject"), ("allow", "allow"), ("keep", "keep")])
def test_nftables_blocks_inbound_where_nobody_said_anything(declared: t.Optional[str], inbound: str) -> None:
    assert rendered(default_inbound=declared)["default_inbound"] == inbound


@pytest.mark.parametrize("declared", [None, "block"])
def test_managers_that_block_already_keep_their_own_default(declared: t.Optional[str]) -> None:
    found = {name: rendered(backend=name, default_inbound=declared) for name in ("nftables", "firewalld", "ufw", "linux")}
    assert [found[name].pop("default_inbound", None) for name in found] == [declared or "block", declared or "keep", declared or "keep", declared]
    assert found["nftables"] == found["firewalld"] == found["ufw"] == found["linux"]


@pytest.mark.parametrize(
    ("name", "addresses", "sets"),
    [
        ("one", ["10.0.0.1"], {}),
        ("any", ["any"], {}),
        ("many", ["@many"], {"many": ["10.0.0.1", "10.0.0.5"]}),
    ],
)
def test_several_addresses_travel_once(name: str, addresses: list[str], sets: Plain) -> None:
    found = rendered(rule("in", "tcp", name, ["1"]), rule("in", "tcp", name, ["2"]))
    assert [item["remote_addresses"] for item in found["rules"]] == [addresses, addresses]
    assert found["address_sets"] == sets


def test_an_empty_set_renders_nothing() -> None:
    assert wire(rule("in", "tcp", "nobody", ["1"]), IN) == ["in tcp/443 from one"]


def test_a_whole_rule() -> None:
    made = rule("in", "udp", "one", ["5000"], remote_ports=["6000"], local="more groups", helper="tftp")
    assert rendered(made)["rules"] == [
        {
            "name": "in udp/5000 from one",
            "direction": "in",
            "action": "allow",
            "protocol": "udp",
            "local_ports": ["5000"],
            "remote_ports": ["6000"],
            "helper": "tftp",
            "remote_addresses": ["10.0.0.1"],
            "local_addresses": ["@more groups"],
            "description": "shop.flow",
        }
    ]


def test_management_goes_along_for_the_guard() -> None:
    assert rendered()["management"] == {"addresses": ["10.9.0.0/24"], "ports": ["22"]}


@pytest.mark.parametrize(
    ("name", "backend", "message"),
    [
        ("till", "nftable", "backend: 'nftable': expected one of"),
        ("tilll", "nftables", "plan: 'tilll': is not a managed host of the plan; did you mean 'till'?"),
    ],
)
def test_unknown_names(name: str, backend: str, message: str) -> None:
    with pytest.raises(MsportsError) as error:
        render(plan({"till": host(IN)}, SETS), name, backend)
    assert str(error.value).startswith(message)


def test_what_cannot_travel_is_refused_with_every_rule() -> None:
    bad = [rule("in", "icmp_echo", "one", ["1"]), rule("in", "any", "one", ["2"])]
    with pytest.raises(UnsupportedRuleError) as error:
        rendered(*bad)
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(
    ("name", "wired"),
    [
        ("in tcp/445 from a@P01", "in tcp/445 from a@P01"),
        ("x" * 128, "x" * 128),
        ("in tcp/1 from allow:group:büro", "in tcp/1 from allow:group:b?ro~"),
        ('a"b', "a?b~"),
        ("x" * 129, "x" * 118 + "~"),
    ],
)
def test_wire_names(name: str, wired: str) -> None:
    found = wire_name(name)
    assert found == wired if wired == name else found.startswith(wired)


@given(st.lists(st.text(min_size=1, max_size=200), unique=True, max_size=4))
def test_wire_names_stay_unique_and_valid(names: list[str]) -> None:
    wired = [wire_name(name) for name in names]
    assert len(set(wired)) == len(names)
    rules = [{**_ruleset.DEFAULTS, "name": name, "direction": "in", "protocol": "any", "remote_addresses": ["any"]} for name in wired]
    assert _ruleset.check(rules, {})[1] == []


@pytest.mark.parametrize(("day", "left"), [((2027, 1, 31), 2), ((2027, 2, 1), 1)])
@pytest.mark.parametrize("backend", ["firewalld", "ufw", "nftables", "windows"])
def test_a_plan_that_is_older_than_the_end_of_a_rule_does_not_keep_it(backend: str, day: tuple[int, int, int], left: int) -> None:
    """The day counts in UTC, as the kernel of an nftables host counts it."""
    given = plan({"till": host(IN, {**rule("in", "tcp", "many", ["8443"]), "until": "2027-01-31"})}, SETS)
    held = without_ended(given, ["till"], calendar.timegm((*day, 0, 0, 0)))
    assert len(render(held, "till", backend)["rules"]) == left
    assert len(given["hosts"]["till"]["rules"]) == 2
