# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declarations of several variables become one value, in whatever order they come."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.read import read_estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import ProblemCollector, entries, items, near_name, collect
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._estate.samples import FEATURES, ROLES, catalogs, inventory

CATALOGS = catalogs()
HOST_ROLES = [role.id for role in ROLES if role.kind == "host" and role.id.startswith(("configmgr.", "windows_server."))]
SUFFIXES = ["", "__a", "__b_c", "__z9"]

networks = st.lists(st.sampled_from(["10.20.0.0/16", "10.21.0.0/16", "fd00:20::/32", "any"]), max_size=3)
settings = st.dictionaries(st.sampled_from(["configmgr.client_https", "configmgr.multicast_ports"]), st.integers(1024, 65535), max_size=2)


def test_lists_unite_once_and_keep_their_paths() -> None:
    problems = ProblemCollector()
    declared = collect({"msports_roles__b": ["x", "y"], "msports_roles": ["y"], "ansible_host": "10.0.0.1"}, problems)
    assert items(declared["msports_roles"]) == [("msports_roles[0]", "y"), ("msports_roles__b[0]", "x")]
    assert list(problems) == []


def test_equal_but_not_the_same_type_stay_apart() -> None:
    assert items((("msports_roles", [1]), ("msports_roles__b", [True]))) == [("msports_roles[0]", 1), ("msports_roles__b[0]", True)]


def test_mappings_unite_at_every_depth() -> None:
    problems = ProblemCollector()
    declared = collect({"msports_networks": {"c": {"P01": [1]}, "d": [3]}, "msports_networks__b": {"c": {"P02": [2]}, "d": [3]}}, problems)
    assert entries(declared["msports_networks"], problems) == {
        "c": ("msports_networks.c", {"P01": [1], "P02": [2]}),
        "d": ("msports_networks.d", [3]),
    }
    assert list(problems) == []


@pytest.mark.parametrize(
    ("value", "known", "near"),
    [
        ("pxe", ["configmgr.pxe", "configmgr.multicast"], "configmgr.pxe"),
        ("client", ["configmgr.client", "exchange.client"], None),
        ("clients", ["configmgr.client", "exchange.client"], None),
        ("managment_point", ["configmgr.management_point", "configmgr.client"], "configmgr.management_point"),
        ("configmgr.pex", ["configmgr.pxe", "configmgr.multicast"], "configmgr.pxe"),
        ("confgmgr.console", ["configmgr.console", "configmgr.client"], "configmgr.console"),
        ("configmgr_mp", ["configmgr_client", "configmgr_management_point"], None),
        ("configmgr.mp", ["configmgr.client", "configmgr.management_point"], None),
        ("exchange_servers", ["exchange_edge_transport", "exchange_lync_server"], None),
        ("msports_role", ["msports_roles", "msports_ping"], "msports_roles"),
        ("optional", ["required", "conditional"], None),
        ("boolean", ["bool", "port"], "bool"),
        ("aws", ["awx", "web"], "awx"),
        ("htps", ["https", "acme.https"], "https"),
        ("aws", ["awx", "awk"], None),
        ("2", ["1"], None),
        ("zzz", ["configmgr.client"], None),
        ("x", [], None),
    ],
)
def test_nearest_name(value: str, known: list[str], near: t.Optional[str]) -> None:
    assert near_name(value, known) == near


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, t.Any]:
    """Draw variables of one host that cannot contradict each other: lists, and mappings with one value for each key."""
    found: dict[str, t.Any] = {}
    values = draw(settings)
    declared = draw(st.dictionaries(st.sampled_from(["configmgr.client", "configmgr.console", "internet"]), networks, max_size=3))
    for suffix in SUFFIXES:
        found[f"msports_roles{suffix}"] = draw(st.lists(st.sampled_from(HOST_ROLES), max_size=3))
        found[f"msports_features{suffix}"] = draw(st.lists(st.sampled_from([name for name in FEATURES if "multicast" not in name]), max_size=2))
        found[f"msports_settings{suffix}"] = {key: values[key] for key in draw(st.sets(st.sampled_from(sorted(values)))) if key} if values else {}
        found[f"msports_networks{suffix}"] = {key: declared[key] for key in draw(st.sets(st.sampled_from(sorted(declared))))} if declared else {}
    return found


@given(declarations(), st.randoms(use_true_random=False))
def test_order_does_not_matter(variables: dict[str, t.Any], random: t.Any) -> None:
    names = list(variables)
    random.shuffle(names)
    shuffled = {name: variables[name] for name in names}
    hosts = {"one": variables, "two": {"groups": ["configmgr_site_server"]}}
    first = inventory(hosts)
    second = inventory({"one": shuffled, "two": hosts["two"]})
    second["hosts"] = dict(reversed(second["hosts"].items()))
    assert read_estate(first, CATALOGS) == read_estate(second, CATALOGS)


@given(declarations(), st.permutations(SUFFIXES))
def test_it_does_not_matter_which_suffix_a_part_has(variables: dict[str, t.Any], order: list[str]) -> None:
    renamed = dict(zip(SUFFIXES, order))
    moved = {f"{name.partition('__')[0]}{renamed[name[len(name.partition('__')[0]) :]]}": value for name, value in variables.items()}
    assert read_estate(inventory({"one": variables}), CATALOGS) == read_estate(inventory({"one": moved}), CATALOGS)


@given(st.lists(st.sampled_from(HOST_ROLES), min_size=1, max_size=4, unique=True), st.data())
def test_three_ways_of_roles_are_one(roles: list[str], data: st.DataObject) -> None:
    """A role by group, by variable or by group mapping is the same role, however they are mixed."""
    ways = [data.draw(st.sampled_from(["group", "variable", "mapping"])) for _role in roles]
    chosen = list(zip(roles, ways))
    host = {
        "groups": ["web", *(role.replace(".", "_", 1) for role, way in chosen if way == "group")],
        "msports_roles": [role for role, way in chosen if way == "variable"],
        "msports_group_roles": {"web": [role for role, way in chosen if way == "mapping"]},
    }
    mixed = read_estate(inventory({"one": host}), CATALOGS)
    plain = read_estate(inventory({"one": {"msports_roles": roles}}), CATALOGS)
    assert mixed.hosts["one"].holdings == plain.hosts["one"].holdings


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_two_values_are_a_problem_exactly_when_they_differ(first: int, second: int) -> None:
    key = "configmgr.client_https"
    host = {"groups": ["configmgr_management_point"], "msports_settings": {key: first}, "msports_settings__x": {key: second}}
    if first == second:
        assert read_estate(inventory({"one": host}), CATALOGS).hosts["one"].settings == {key: first}
    else:
        with pytest.raises(InventoryError, match="one key has one value"):
            read_estate(inventory({"one": host}), CATALOGS)
