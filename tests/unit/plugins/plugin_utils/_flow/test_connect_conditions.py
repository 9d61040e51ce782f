# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows joined with an estate made by hand: features, and conditions of the whole estate."""

from __future__ import annotations

import typing as t
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import ExcludedFlow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, estate, flow, made
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.shop import DESK, TILL, offs, placed, told


@pytest.mark.parametrize(
    ("at", "desk", "till", "on"),
    [
        ("destination", (), ("shop.f",), True),
        ("destination", ("shop.f",), (), False),
        ("source", ("shop.f",), (), True),
        ("source", (), ("shop.f",), False),
        ("estate", ("shop.f",), (), True),
        ("estate", (), (), False),
    ],
)
def test_where_a_feature_counts(at: str, desk: t.Sequence[str], till: t.Sequence[str], on: bool) -> None:
    world = estate(made("desk", "shop.desk", at="10.0.0.1", features=frozenset(desk)), made("till", "shop.till", at="10.0.1.1", features=frozenset(till)))
    found = connect(world, catalogs(flow("shop.desk", "shop.till", feature="shop.f", feature_at=at, requirement="conditional"), features=["shop.f"]))
    assert bool(found.connections) is on
    assert bool(found.off) is not on


def test_a_feature_of_the_site_is_read_from_its_site_server() -> None:
    hosts = [
        placed("serverA", "shop.site_server", "10.0.3.1", "A", features=frozenset({"shop.f"})),
        placed("serverB", "shop.site_server", "10.0.3.2", "B"),
        *(
            placed(f"{role}{site}", f"shop.{role}", f"10.0.{number}.{net}", site)
            for net, site in enumerate("AB", 1)
            for number, role in enumerate(("desk", "till"))
        ),
    ]
    flows = [
        flow("shop.desk", "shop.till", scope="site", feature="shop.f", feature_at="site", requirement="conditional"),
        flow("shop.site_server", "shop.nobody"),
    ]
    found = connect(estate(*hosts), catalogs(*flows, features=["shop.f"]))
    assert told(found) == ["deskA out shop.till+f@A 10.0.1.1 1000", "tillA in shop.desk@A 10.0.0.1 1000"]


def test_a_feature_of_a_site_without_a_server_is_that_of_the_estate() -> None:
    wanted = flow("shop.desk", "shop.till", feature="shop.f", feature_at="site", requirement="conditional")
    on = made("desk", "shop.desk", at="10.0.0.1", features=frozenset({"shop.f"}))
    assert len(connect(estate(on, TILL), catalogs(wanted, features=["shop.f"])).connections) == 2
    assert connect(estate(DESK, TILL), catalogs(wanted, features=["shop.f"])).connections == ()


def test_a_feature_that_is_off_with_an_end_that_nobody_has_is_off_and_no_note() -> None:
    found = connect(estate(DESK), catalogs(flow("shop.desk", "shop.till", feature="shop.f", requirement="conditional"), features=["shop.f"]))
    assert (offs(found), found.notes) == (["feature shop.f is off, and nobody holds shop.till"], ())


def test_a_feature_that_is_on_with_an_end_that_nobody_has_is_a_note() -> None:
    on = made("desk", "shop.desk", at="10.0.0.1", features=frozenset({"shop.f"}))
    found = connect(estate(on), catalogs(flow("shop.desk", "shop.till", feature="shop.f", feature_at="source", requirement="conditional"), features=["shop.f"]))
    assert [note.code for note in found.notes] == ["nobody_holds"]


@pytest.mark.parametrize(
    ("fields", "hosts", "why"),
    [
        ({"releases": "<1802"}, (), "release 1806 of shop is not <1802"),
        ({"only_with": ("shop.edge",)}, (), "holds only with shop.edge, which nobody has"),
        ({"only_without": ("shop.edge",)}, ("shop.edge",), "holds only without shop.edge"),
        ({}, (), "msports_excluded_flows shop.desk.*: not wanted"),
    ],
    ids=["releases", "only with", "only without", "without"],
)
def test_off(fields: dict[str, t.Any], hosts: t.Sequence[str], why: str) -> None:
    world = estate(
        DESK,
        TILL,
        *(made(role, role, at="10.0.5.1") for role in hosts),
        releases={"shop": "1806"},
        excluded_flows=() if fields else (ExcludedFlow("shop.desk.*", "not wanted"),),
    )
    found = connect(world, catalogs(flow("shop.desk", "shop.till", **fields), flow("shop.edge", "shop.edge")))
    assert offs(found) == [why]
    assert [c for c in found.connections if c.flow.source == "shop.desk"] == []


@pytest.mark.parametrize(("fields", "hosts"), [({"only_with": ("shop.edge",)}, ("shop.edge",)), ({"only_without": ("shop.edge",)}, ())])
def test_alternatives_hold(fields: dict[str, t.Any], hosts: t.Sequence[str]) -> None:
    world = estate(DESK, TILL, *(made(role, role, at="10.0.5.1") for role in hosts))
    found = connect(world, catalogs(flow("shop.desk", "shop.till", **fields), flow("shop.edge", "shop.edge")))
    assert len([c for c in found.connections if c.flow.source == "shop.desk"]) == 2


@pytest.mark.parametrize(
    ("release", "condition", "on"),
    [
        ("1802", ">=1802", True),
        ("1802", "<1802", False),
        ("1710", "<1802", True),
        ("1802", "<=1802", True),
        ("1803", ">1802", True),
        ("1802", "==1802", True),
        ("15.0.1497", ">=15.0", True),  # products count their releases with dots, too
        ("2019-12", "<2020-01", True),  # and editions with a hyphen
    ],
)
def test_releases(release: str, condition: str, on: bool) -> None:
    found = connect(estate(DESK, TILL, releases={"shop": release}), catalogs(flow("shop.desk", "shop.till", releases=condition)))
    assert bool(found.connections) is on


def test_an_undeclared_release_is_the_edition() -> None:
    assert connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", releases="==1"))).connections


def test_a_condition_that_is_none_is_an_error_of_the_catalog() -> None:
    with pytest.raises(ValueError, match="'about 1802' is not a condition on releases"):
        connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", releases="about 1802")))


@pytest.mark.parametrize("named", [(), ("extras",), ("shop.desk.shop.till.2000",)], ids=["none", "by group", "by id"])
def test_supplements_are_off_until_named(named: tuple[str, ...]) -> None:
    extra = flow("shop.desk", "shop.till", port="2000", group="extras")
    found = connect(estate(DESK, TILL, supplements=named), catalogs(flow("shop.desk", "shop.till"), supplements=[extra]))
    assert {texts(c.ports)[0] for c in found.connections} == ({"1000", "2000"} if named else {"1000"})
