# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The composer: from an inventory to a plan, and the digest of what it was made from."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, InventoryError
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, inventory

EDGE = {"edge": host("exchange.edge_transport", at="172.16.0.10")}


def test_a_plan_is_plain_data() -> None:
    plan = _compile.compile_plan(inventory(EDGE))
    assert json.loads(json.dumps(plan)) == plan
    assert (plan["format"], plan["partial_inventory"], plan["today"], plan["orphaned"]) == (2, False, None, [])
    assert plan["catalogs"]["exchange"]["edition"] == "2013"
    assert plan["inputs"] == _compile.inputs_of(inventory(EDGE))


def changed(path: t.Sequence[t.Any], value: t.Any) -> dict[str, t.Any]:
    found = inventory(EDGE)
    at: t.Any = found
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return found


NEW = inventory({**EDGE, "edge2": host(at="172.16.0.11")})["hosts"]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (inventory(EDGE), None),
        (inventory(EDGE, today="2027-01-01"), None),  # no entry ends, so the day does not matter
        (changed(["hosts", "edge", "vars", "msports_addresses"], ["172.16.0.11"]), "the variables or groups of edge changed"),
        (changed(["hosts", "edge", "groups"], ["x"]), "the variables or groups of edge changed"),
        (changed(["resolved"], {"edge": ["10.0.0.1"]}), "the variables or groups of edge changed"),
        (changed(["facts"], {"edge": ["10.0.0.1"]}), "the variables or groups of edge changed"),
        (changed(["hosts"], NEW), "edge2 came to the inventory"),
        (changed(["hosts"], {}), "edge left the inventory"),
    ],
    ids=["same", "another day", "address", "group", "dns", "facts", "added", "gone"],
)
def test_a_plan_is_stale_when_its_inputs_change(other: dict[str, t.Any], why: t.Optional[str]) -> None:
    plan = _compile.compile_plan(inventory(EDGE))
    found = _compile.stale(plan, other)
    assert (found and found.why) == why
    if why is None:
        assert _compile.compile_plan(other) == plan
    elif other["hosts"]:
        assert _compile.compile_plan(other)["inputs"] != plan["inputs"]


def test_a_part_of_an_inventory_hears_of_the_word_for_it_and_a_change_does_not() -> None:
    plan = _compile.compile_plan(inventory(EDGE))
    gone, changed_group = _compile.stale(plan, changed(["hosts"], {})), _compile.stale(plan, changed(["hosts", "edge", "groups"], ["x"]))
    assert gone and changed_group
    assert all(word in gone.remedy for word in ("partial_inventory: true", "host_firewall_partial_inventory", "expected_digest", "allow_stale_plan"))
    assert changed_group.remedy == "plan again, or accept it by name with allow_stale_plan: true (-e host_firewall_allow_stale_plan=true)"


@pytest.mark.parametrize("name", ["msports_plan", "msports_roles_before", "msports_system__x", "msports_seen__x"])
def test_what_a_play_sets_under_another_name_is_no_input(name: str) -> None:
    """``set_fact`` and ``register`` add to the variables of a host after the plan was made."""
    assert _compile.stale(_compile.compile_plan(inventory(EDGE)), changed(["hosts", "edge", "vars", name], {"changed": True})) is None


@pytest.mark.parametrize("name", ["msports_roles", "msports_roles__x", "ansible_host"])
def test_variables_of_the_inventory_are_inputs_whoever_sets_them(name: str) -> None:
    assert _compile.stale(_compile.compile_plan(inventory(EDGE)), changed(["hosts", "edge", "vars", name], ["x"])) is not None


def test_a_part_of_the_inventory_lacks_hosts() -> None:
    assert _compile.stale(_compile.compile_plan(inventory(EDGE)), changed(["hosts"], {}), partial_inventory=True) is None


def test_many_changed_hosts_are_counted() -> None:
    hosts = {f"edge{number}": host("exchange.edge_transport", at=f"172.16.0.{number}") for number in range(1, 8)}
    plan = _compile.compile_plan(inventory(hosts))
    found = _compile.stale(plan, inventory(hosts, ping=["any"]))
    assert found and found.why == "the variables or groups of edge1, edge2, edge3, edge4, edge5 and 2 more changed"


def test_another_catalog_makes_a_plan_stale() -> None:
    plan = _compile.compile_plan(inventory(EDGE))
    plan["catalogs"]["exchange"]["digest"] = "0" * 64
    assert _compile.stale(plan, inventory(EDGE)) == _compile.Stale("the catalog of exchange changed")


def test_a_plan_of_a_part_says_so() -> None:
    assert _compile.compile_plan(inventory(EDGE, whole=False))["partial_inventory"]


def test_a_day_on_which_something_ends_is_an_input() -> None:
    entry = {"name": "x", "in": "tcp/1", "from": ["any"], "because": "CHG-1", "until": "2027-01-31"}
    first, second = (inventory(EDGE, today=day, allow=[entry]) for day in ("2026-11-21", "2026-11-22"))
    plan = _compile.compile_plan(first)
    assert plan["today"] == "2026-11-21"
    assert plan["today"] != _compile.compile_plan(second)["today"]
    assert _compile.stale(plan, first) is None
    assert _compile.stale(plan, second) == _compile.Stale("it was made on 2026-11-21, and until makes the day count")


def test_the_order_of_hosts_is_no_input() -> None:
    hosts = {**EDGE, "mail": host("exchange.mailbox", at="10.0.0.1")}
    turned = dict(reversed(hosts.items()))
    assert json.dumps(_compile.compile_plan(inventory(hosts))) == json.dumps(_compile.compile_plan(inventory(turned)))


def test_the_inventory_is_left_as_it_was() -> None:
    given = inventory(EDGE)
    before = copy.deepcopy(given)
    _compile.compile_plan(given)
    assert given == before


def test_management_services_have_well_known_names() -> None:
    plan = _compile.compile_plan(inventory(EDGE, management={"from": ["10.9.0.0/24"], "services": ["https", "ssh"]}))
    assert plan["hosts"]["edge"]["management"] == {"addresses": ["10.9.0.0/24"], "ports": ["22", "443"]}


def test_every_problem_of_the_inventory_is_told() -> None:
    broken = {"a": host("exchange.mailboxes", at="10.0.0.1"), "b": host("exchange.mailbox", at="10.0.0.256")}
    with pytest.raises(InventoryError) as error:
        _compile.compile_plan(inventory(broken, quiet=False))
    assert len(error.value.problems) >= 2


def test_explain_uses_the_catalogs_of_the_plan() -> None:
    answer = _compile.explain_plan(_compile.compile_plan(inventory(EDGE)), "44.0.0.9", "edge", "tcp", 25)
    assert answer["allowed"]
    assert answer["destination_rules"][0]["because"][0]["name"] == "exchange.internet.edge_transport.smtp.tcp"


def test_catalogs_that_are_not_there_are_told_with_the_variable_and_all_else() -> None:
    hosts = {
        "a": host("exchange.mailbox", at="10.0.0.256", rolse=["x"]),
        "b": host("exchange.mailbox", at="10.0.0.2", catalog_paths__x=["/nowhere/at/all"], default_inbound="bock", site=1),
    }
    with pytest.raises(CatalogError) as error:
        _compile.compile_plan(inventory(hosts, releases={"configmgr": "1602", "exchnge": "2013"}))
    told = str(error.value).splitlines()
    assert [line.partition(": ")[0] + ": " + line.split(": ")[1] for line in told] == [
        "a: msports_addresses[0]",
        "a: msports_rolse",
        "b: msports_default_inbound",
        "b: msports_site",
        "estate: msports_catalog_paths__x[0]",
    ]


def test_a_product_without_a_catalog_is_told_with_the_variable() -> None:
    with pytest.raises(CatalogError) as error:
        _compile.compile_plan(inventory({"a": host("exchange.mailbox", at="10.0.0.1", releases={"exchnge": "2013"})}))
    assert str(error.value) == (
        "estate: msports_releases.exchnge: 'exchnge': expected a product that has a catalog: configmgr, data_box, data_box_gateway, databox, exchange, "
        "windows_server; did you mean 'exchange'?"
    )


def test_an_inventory_without_hosts_is_refused() -> None:
    with pytest.raises(InventoryError, match="the inventory has no hosts, so its plan would have no rules"):
        _compile.compile_plan({**inventory(EDGE), "hosts": {}, "groups": {}})
