# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows joined with an estate made by hand: scopes, and who opens connections."""

from __future__ import annotations

import collections
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Host
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, estate, flow, host, made, plan
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.shop import DESK, TILL, offs, placed, told


def test_one_flow_is_seen_from_both_ends() -> None:
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till")))
    assert told(found) == ["desk out shop.till 10.0.1.1 1000", "till in shop.desk 10.0.0.1 1000"]


def test_either_end_may_open_on_the_same_port() -> None:
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", initiator="either")))
    assert sorted(told(found)) == [
        "desk in shop.till 10.0.1.1 1000",
        "desk out shop.till 10.0.1.1 1000",
        "till in shop.desk 10.0.0.1 1000",
        "till out shop.desk 10.0.0.1 1000",
    ]


# Sites A (top), B and C below A, D below B, X alone. What desk in B reaches, by scope.
TREE = {"B": "A", "C": "A", "D": "B"}


@pytest.mark.parametrize(
    ("scope", "reached", "label"),
    [
        ("site", "10.0.2.2", "shop.till@B"),
        ("parent", "10.0.2.1", "shop.till@B.parent"),
        ("site_or_parent", "10.0.2.1 10.0.2.2", "shop.till@B.site_or_parent"),
        ("parent_or_child", "10.0.2.1 10.0.2.4", "shop.till@B.neighbours"),
        ("hierarchy", "10.0.2.1 10.0.2.2 10.0.2.3 10.0.2.4", "shop.till@A.tree"),
        ("any", "10.0.2.1 10.0.2.2 10.0.2.3 10.0.2.4 10.0.2.5", "shop.till"),
    ],
)
def test_scopes(scope: str, reached: str, label: str) -> None:
    tills = [placed(f"till{site}", "shop.till", f"10.0.2.{number}", site) for number, site in enumerate("ABCDX", 1)]
    world = estate(placed("desk", "shop.desk", "10.0.0.1", "B"), *tills, hierarchy=TREE)
    found = connect(world, catalogs(flow("shop.desk", "shop.till", scope=scope)))
    (out,) = (c for c in found.connections if c.direction == "out")
    assert (out.peers.id, list(out.peers.members)) == (label, [f"till{'ABCDX'[int(a[-1]) - 1]}" for a in reached.split()])
    # the other end sees it the same way
    assert sorted(c.at.hosts[0] for c in found.connections if c.direction == "in") == list(out.peers.members)


def test_the_top_site_only() -> None:
    hosts = [placed(f"desk{site}", "shop.desk", f"10.0.2.{number}", site) for number, site in enumerate("ABX", 1)]
    found = connect(estate(*hosts, TILL, hierarchy=TREE), catalogs(flow("shop.desk", "shop.till", scope="top_site")))
    assert told(found) == ["deskA out shop.till 10.0.1.1 1000", "deskX out shop.till 10.0.1.1 1000", "till in shop.desk.top 10.0.2.1,10.0.2.3 1000"]


def test_a_site_alone_has_no_tree_in_its_name() -> None:
    world = estate(placed("desk", "shop.desk", "10.0.0.1", "X"), placed("till", "shop.till", "10.0.1.1", "X"))
    assert told(connect(world, catalogs(flow("shop.desk", "shop.till", scope="hierarchy"))))[0] == "desk out shop.till@X 10.0.1.1 1000"


@pytest.mark.parametrize("scope", ["parent", "parent_or_child"])
def test_without_sites_there_is_nobody_above_or_below(scope: str) -> None:
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", scope=scope)))
    assert found.connections == ()
    assert offs(found) == [f"its scope is {scope}, and shop has one site here"]


def test_a_host_in_several_sites_is_reached_from_each() -> None:
    world = estate(placed("a", "shop.desk", "10.0.0.1", "A"), placed("b", "shop.desk", "10.0.0.2", "B"), placed("till", "shop.till", "10.0.1.1", "A", "B"))
    assert told(connect(world, catalogs(flow("shop.desk", "shop.till", scope="site")))) == [
        "a out shop.till@A 10.0.1.1 1000",
        "b out shop.till@B 10.0.1.1 1000",
        "till in shop.desk@A 10.0.0.1 1000",
        "till in shop.desk@B 10.0.0.2 1000",
    ]


def test_networks_with_and_without_a_site() -> None:
    tills = [placed("tillA", "shop.till", "10.0.1.1", "A"), placed("tillB", "shop.till", "10.0.1.2", "B")]
    world = estate(*tills, networks={"shop.desk": {"A": "10.1.0.0/24", None: "10.2.0.0/24"}})
    assert told(connect(world, catalogs(flow("shop.desk", "shop.till", scope="site")))) == [
        "tillA in shop.desk@A 10.1.0.0/24,10.2.0.0/24 1000",
        "tillB in shop.desk@B 10.2.0.0/24 1000",
    ]


def test_a_host_inside_its_network_is_contained_in_the_set() -> None:
    world = estate(DESK, made("visitor", "shop.desk"), TILL, networks={"shop.desk": {None: "10.0.0.0/24"}})
    assert "till in shop.desk 10.0.0.0/24 1000" in told(connect(world, catalogs(flow("shop.desk", "shop.till"))))


UNLESS = {"source": "always", "destination": {"unless": "quiet"}}


@pytest.mark.parametrize(
    ("starts", "till", "opened"),
    [
        ({"source": "always", "destination": "always"}, {}, ["desk", "till"]),
        ({"source": "always", "destination": "never"}, {}, ["desk"]),
        ({"source": "never", "destination": "always"}, {}, ["till"]),
        (UNLESS, {}, ["desk", "till"]),
        (UNLESS, {"settings": {"shop.quiet": True}}, ["desk"]),
        (UNLESS, {"settings": {"shop.quiet": False}}, ["desk", "till"]),
        ({"source": "always", "destination": {"feature": "shop.talks"}}, {}, ["desk"]),
        ({"source": "always", "destination": {"feature": "talks"}}, {"features": frozenset({"shop.talks"})}, ["desk", "till"]),
    ],
    ids=["both", "destination never", "source never", "unless unset", "unless set", "unless false", "feature off", "feature on"],
)
def test_starts(starts: dict[str, t.Any], till: dict[str, t.Any], opened: list[str]) -> None:
    world = estate(DESK, made("till", "shop.till", at="10.0.1.1", **till))
    found = connect(world, catalogs(flow("shop.desk", "shop.till", initiator="either", starts=starts)))
    assert sorted(c.at.hosts[0] for c in found.connections if c.direction == "out") == opened
    reached = {"desk": "till", "till": "desk"}
    assert sorted(c.at.hosts[0] for c in found.connections if c.direction == "in") == sorted(reached[name] for name in opened)


def test_a_default_of_the_setting_keeps_an_end_from_starting() -> None:
    quiet = Setting("shop.quiet", "quiet", "bool", True)
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", initiator="either", starts=UNLESS), settings=[quiet]))
    assert [c.at.hosts[0] for c in found.connections if c.direction == "out"] == ["desk"]


def test_those_of_an_end_that_start_have_a_name_of_their_own() -> None:
    quiet = made("quiet", "shop.till", at="10.0.1.2", settings={"shop.quiet": True})
    found = connect(estate(DESK, TILL, quiet), catalogs(flow("shop.desk", "shop.till", initiator="either", starts=UNLESS)))
    assert "desk in shop.till-quiet 10.0.1.1 1000" in told(found)


def _asked_of_a_host(sites: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """How often a host of an estate with so many sites is asked for a role while its flows are joined."""
    asked = collections.Counter[str]()
    holding = Host.holding

    def counting(self: Host, role: str) -> t.Any:
        asked[self.name] += 1
        return holding(self, role)

    hosts = {
        f"{role}{number}": host(f"configmgr.{role}", at=f"10.{number}.0.{last}", site=f"P{number:02d}")
        for number in range(sites)
        for last, role in enumerate(("site_server", "sql_server", "management_point"), 1)
    }
    with monkeypatch.context() as patched:
        patched.setattr(Host, "holding", counting)
        plan(hosts)
    return sum(asked.values()) / len(hosts)


def test_what_a_host_costs_does_not_grow_with_the_number_of_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _asked_of_a_host(40, monkeypatch) <= 1.1 * _asked_of_a_host(5, monkeypatch)
