# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows joined with an estate made by hand: scopes, conditions, settings, proxies, families, and what is missing."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import Connected, connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Holding, Proxy, Without
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports, texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, estate, flow, made

DESK = made("desk", "shop.desk", at="10.0.0.1")
TILL = made("till", "shop.till", at="10.0.1.1")
HTTP = Setting("shop.http", "HTTP", "port", 80)
FREE = Setting("shop.free", "user defined", "port", None)


def told(found: Connected) -> list[str]:
    """Return the connections, one line each: who, direction, set, addresses, ports."""
    return [
        f"{'/'.join(c.at.hosts)} {c.direction} {c.peers.id} {','.join(c.peers.addresses.cidrs())} {','.join(texts(c.ports))}".rstrip()
        for c in found.connections
    ]


def placed(name: str, role: str, at: str, *sites: str, **fields: t.Any) -> t.Any:
    return made(name, Holding(role, sites), at=at, **fields)


def offs(found: Connected) -> list[str]:
    return [off.why for off in found.off]


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


# ---- who opens

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


# ---- features


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


# ---- conditions of the whole estate


@pytest.mark.parametrize(
    ("fields", "hosts", "why"),
    [
        ({"releases": "<1802"}, (), "release 1806 of shop is not <1802"),
        ({"only_with": ("shop.edge",)}, (), "holds only with shop.edge, which nobody has"),
        ({"only_without": ("shop.edge",)}, ("shop.edge",), "holds only without shop.edge"),
        ({}, (), "msports_without shop.desk.*: not wanted"),
    ],
    ids=["releases", "only with", "only without", "without"],
)
def test_off(fields: dict[str, t.Any], hosts: t.Sequence[str], why: str) -> None:
    world = estate(
        DESK,
        TILL,
        *(made(role, role, at="10.0.5.1") for role in hosts),
        releases={"shop": "1806"},
        without=() if fields else (Without("shop.desk.*", "not wanted"),),
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


# ---- ports


def test_a_setting_of_the_destination_parts_its_peers_by_port() -> None:
    other = made("other", "shop.till", at="10.0.1.2", settings={"shop.http": 8080})
    found = connect(estate(DESK, TILL, other), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP]))
    assert told(found) == [
        "desk out shop.till#80 10.0.1.1 80",
        "desk out shop.till#8080 10.0.1.2 8080",
        "other in shop.desk 10.0.0.1 8080",
        "till in shop.desk 10.0.0.1 80",
    ]


def test_the_entry_of_a_role_wins_over_the_variable_of_the_host() -> None:
    till = made("till", Holding("shop.till", settings={"shop.http": 81}), at="10.0.1.1", settings={"shop.http": 82})
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP]))
    assert {texts(c.ports)[0] for c in found.connections} == {"81"}


def test_a_setting_of_the_source_is_the_same_on_both_ends() -> None:
    desks = [made("a", "shop.desk", at="10.0.0.1", settings={"shop.http": 81}), made("b", "shop.desk", at="10.0.0.2")]
    found = connect(estate(*desks, TILL), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http", setting_of="source"), settings=[HTTP]))
    assert told(found) == [
        "a out shop.till 10.0.1.1 81",
        "b out shop.till 10.0.1.1 80",
        "till in shop.desk#80 10.0.0.2 80",
        "till in shop.desk#81 10.0.0.1 81",
    ]


def test_a_setting_of_the_estate() -> None:
    world = estate(made("desk", "shop.desk", at="10.0.0.1", settings={"shop.http": 81}), TILL, settings={"shop.http": 81})
    found = connect(world, catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http", setting_of="estate"), settings=[HTTP]))
    assert {texts(c.ports)[0] for c in found.connections} == {"81"}


def test_a_setting_of_the_site_is_that_of_the_site_server_of_the_destination() -> None:
    hosts = [
        placed("serverA", "shop.site_server", "10.0.3.1", "A", settings={"shop.http": 81}),
        placed("serverB", "shop.site_server", "10.0.3.2", "B", settings={"shop.http": 82}),
        placed("deskA", "shop.desk", "10.0.0.1", "A"),
        placed("deskB", "shop.desk", "10.0.0.2", "B"),
    ]
    world = estate(*hosts, networks={"shop.desk": {None: "10.7.0.0/16"}})
    found = connect(world, catalogs(flow("shop.site_server", "shop.desk", port="80", setting="shop.http", setting_of="site", scope="site"), settings=[HTTP]))
    assert told(found) == [
        "serverA out shop.desk@A 10.0.0.1,10.7.0.0/16 81",  # networks that hold for all sites follow the site that speaks with them
        "serverB out shop.desk@B 10.0.0.2,10.7.0.0/16 82",
        "deskA in shop.site_server@A 10.0.3.1 81",
        "deskB in shop.site_server@B 10.0.3.2 82",
    ]


def test_without_a_site_server_the_setting_of_a_site_is_that_of_the_estate() -> None:
    wanted = flow("shop.desk", "shop.till", port="80", setting="shop.http", setting_of="site")
    found = connect(estate(DESK, TILL, settings={"shop.http": 83}), catalogs(wanted, settings=[HTTP]))
    assert {texts(c.ports)[0] for c in found.connections} == {"83"}


def test_networks_have_the_settings_of_the_estate() -> None:
    world = estate(DESK, networks={"shop.till": {None: "10.8.0.0/24"}}, settings={"shop.http": 84})
    assert told(connect(world, catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP]))) == [
        "desk out shop.till 10.8.0.0/24 84"
    ]


def test_where_hosts_differ_networks_have_the_default_and_the_plan_says_so() -> None:
    desks = [made("a", "shop.desk", at="10.0.0.1", settings={"shop.http": 81}), made("b", "shop.desk", at="10.0.0.2", settings={"shop.http": 82})]
    found = connect(
        estate(*desks, networks={"shop.till": {None: "10.8.0.0/24"}}), catalogs(flow("shop.desk", "shop.till", port="80", setting="shop.http"), settings=[HTTP])
    )
    assert {texts(c.ports)[0] for c in found.connections} == {"80"}
    assert [(note.code, note.text) for note in found.notes] == [
        ("settings_differ", "hosts differ on shop.http, so ends given as networks have its default (for instance shop.desk.shop.till.80)")
    ]


@pytest.mark.parametrize("value", [None, ()], ids=["unset", "an empty list"])
def test_a_user_defined_port_without_a_value_is_a_note_and_no_rule(value: t.Any) -> None:
    kind = Setting("shop.free", "user defined", "ports", value)
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", ports=(), setting="shop.free"), settings=[kind]))
    assert found.connections == ()
    assert [note.code for note in found.notes] == ["user_defined_port"]


def test_a_user_defined_port_with_a_value() -> None:
    till = made("till", "shop.till", at="10.0.1.1", settings={"shop.free": 7000})
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", ports=(), setting="shop.free"), settings=[FREE]))
    assert {texts(c.ports)[0] for c in found.connections} == {"7000"}


def test_several_ports_of_one_setting() -> None:
    till = made("till", "shop.till", at="10.0.1.1", settings={"shop.many": ("7000", "7001-7003")})
    many = Setting("shop.many", "many", "ports", None)
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", ports=(), setting="shop.many"), settings=[many]))
    assert {tuple(texts(c.ports)) for c in found.connections} == {("7000-7003",)}


def test_dynamic_ports_are_those_of_the_end_that_is_reached() -> None:
    linux = made("till", "shop.till", at="10.0.1.1", dynamic_ports=parse_ports(["40000-40100"]))
    found = connect(estate(DESK, linux), catalogs(flow("shop.desk", "shop.till", port="rpc_dynamic", initiator="either")))
    assert {(c.at.hosts[0], c.direction, texts(c.ports)[0], c.rpc) for c in found.connections} == {
        ("desk", "out", "40000-40100", True),
        ("till", "in", "40000-40100", True),
        ("till", "out", "49152-65535", True),
        ("desk", "in", "49152-65535", True),
    }


# ---- external ends and proxies


def test_an_external_role_without_networks_is_the_internet() -> None:
    found = connect(estate(DESK), catalogs(flow("shop.desk", "shop.cloud"), flow("shop.desk", "internet", port="80"), external=["shop.cloud"]))
    assert [c.peers.id for c in found.connections] == ["internet", "internet"]
    assert "10.0.0.0/8" not in found.connections[0].peers.addresses.cidrs()


def test_an_external_role_with_networks_is_those() -> None:
    world = estate(DESK, networks={"shop.cloud": {None: "44.0.0.0/24"}})
    found = connect(world, catalogs(flow("shop.desk", "shop.cloud"), flow("shop.desk", "internet", port="80"), external=["shop.cloud"]))
    assert told(found)[0] == "desk out shop.cloud 44.0.0.0/24 1000"
    assert "44.0.0.1" not in found.connections[1].peers.addresses  # what is declared for another role is not the Internet


@pytest.mark.parametrize(
    ("written", "address", "inside"),
    [
        ("44.0.0.0/24", "44.0.0.1", False),
        ("any", "44.0.0.1", True),
        ("0.0.0.0/0", "44.0.0.1", True),  # everyone of one family, and the Internet with it
        ("::/0", "2600::1", True),
    ],
)
def test_what_other_roles_take_from_the_internet(written: str, address: str, inside: bool) -> None:
    found = connect(estate(DESK, networks={"shop.guest": {None: written}}), catalogs(flow("shop.desk", "internet"), flow("shop.guest", "shop.guest")))
    assert (address in found.connections[0].peers.addresses) is inside


def test_an_internet_declared_empty_is_nobody() -> None:
    found = connect(estate(DESK, explicit_empty=frozenset({"internet"})), catalogs(flow("shop.desk", "internet")))
    assert found.connections == ()
    assert [note.text for note in found.notes] == ["nobody holds internet; the flows of shop.desk with it make no rules"]


PROXIES = (Proxy("10.0.8.1", 8080), Proxy("10.0.8.2", 3128))


def test_web_flows_to_external_ends_go_to_every_proxy() -> None:
    world = estate(DESK, TILL, proxies=PROXIES)
    found = connect(
        world,
        catalogs(
            flow("shop.desk", "internet", via_proxy=True), flow("shop.desk", "shop.till", port="2", via_proxy=True), flow("internet", "shop.till", port="3")
        ),
    )
    assert told(found) == [
        "desk out infrastructure.proxy#3128 10.0.8.2 3128",
        "desk out infrastructure.proxy#8080 10.0.8.1 8080",
        "desk out shop.till 10.0.1.1 2",
        "till in shop.desk 10.0.0.1 2",  # an end inside needs no proxy
        next(line for line in told(found) if line.startswith("till in internet")),
    ]


def test_without_a_proxy_they_go_straight() -> None:
    found = connect(estate(DESK), catalogs(flow("shop.desk", "internet", via_proxy=True)))
    assert [(c.peers.id, texts(c.ports)) for c in found.connections] == [("internet", ["1000"])]


@pytest.mark.parametrize(("port", "ports"), [(None, []), (9090, ["9090"])], ids=["no value", "a value"])
def test_a_flow_with_a_port_of_its_own_keeps_it_at_the_proxy(port: t.Optional[int], ports: list[str]) -> None:
    desk = made("desk", "shop.desk", at="10.0.0.1", settings={"shop.free": port} if port else {})
    wanted = flow("shop.desk", "internet", ports=(), setting="shop.free", setting_of="source", via_proxy=True)
    found = connect(estate(desk, proxies=PROXIES[:1], networks={"shop.desk": {None: "10.5.0.0/16"}}), catalogs(wanted, settings=[FREE]))
    assert [text for c in found.connections for text in texts(c.ports)] == ports
    assert [note.code for note in found.notes] == ([] if port else ["user_defined_port"])


def test_a_proxy_that_is_a_host_admits_each_group_on_the_port_that_it_uses() -> None:
    free, other = (made(name, "shop.desk", at=at, settings={"shop.free": port}) for name, at, port in (("a", "10.0.0.1", 9090), ("b", "10.0.0.2", 9091)))
    wanted = flow("shop.desk", "internet", ports=(), setting="shop.free", setting_of="source", via_proxy=True)
    found = connect(estate(free, other, made("px", "shop.till", at="10.0.8.1"), proxies=PROXIES[:1]), catalogs(wanted, settings=[FREE]))
    assert [line for line in told(found) if line.startswith("px")] == [
        "px in shop.desk#9090 10.0.0.1 9090",
        "px in shop.desk#9091 10.0.0.2 9091",
    ]


# ---- families

SIX = made("six", "shop.till", at="fd00::1")
BOTH = made("both", "shop.till", at="10.0.1.2 fd00::2")


def test_two_peers_without_a_common_family_are_a_problem_told_once() -> None:
    flows = [flow("shop.desk", "shop.till"), flow("shop.desk", "shop.till", port="2000", initiator="either")]
    with pytest.raises(InventoryError) as error:
        connect(estate(DESK, SIX, BOTH), catalogs(*flows))
    assert [str(problem) for problem in error.value.problems] == [
        "estate: msports_addresses: 'desk (IPv4) and six (IPv6)': no common address family, though shop.desk and shop.till communicate "
        "(for instance shop.desk.shop.till.1000); give both an address of one family"
    ]


def test_networks_have_families_too() -> None:
    with pytest.raises(InventoryError, match=r"networks of shop\.till \(IPv6\)"):
        connect(estate(DESK, networks={"shop.till": {None: "fd00::/64"}}), catalogs(flow("shop.desk", "shop.till")))


def test_so_has_the_proxy() -> None:
    with pytest.raises(InventoryError, match=r"'six \(IPv6\) and the proxy \(IPv4\)'"):
        connect(estate(SIX, proxies=PROXIES), catalogs(flow("shop.till", "internet", via_proxy=True)))


def test_a_host_without_address_has_no_family_to_miss() -> None:
    world = estate(made("visitor", "shop.desk"), SIX, networks={"shop.desk": {None: "fd00:1::/64"}})
    assert connect(world, catalogs(flow("shop.desk", "shop.till"))).connections


def test_a_request_without_an_address_needs_no_common_family() -> None:
    server = made("dhcp", "shop.dhcp", at="10.0.1.1")
    wanted = flow("shop.till", "shop.dhcp", protocol="udp", ports=("67", "68"), delivery="unaddressed")
    assert connect(estate(SIX, server), catalogs(wanted)).connections


# ---- who is missing


@pytest.mark.parametrize(
    ("fields", "estate_fields", "problem", "note"),
    [
        ({}, {}, True, False),
        ({}, {"absent": frozenset({"shop.till"})}, False, False),  # "we have none" was said, and that is that
        ({}, {"explicit_empty": frozenset({"shop.till"})}, False, True),
        ({"feature": "shop.f", "requirement": "conditional"}, {}, False, False),
        ({"feature": "shop.f", "feature_at": "source", "requirement": "conditional"}, {"features": frozenset({"shop.f"})}, False, True),
        ({"only_with": ("shop.edge",)}, {}, False, False),  # the flow is off
    ],
    ids=["needed", "absent", "declared empty", "feature off", "only conditional", "flow off"],
)
def test_an_essential_role(fields: dict[str, t.Any], estate_fields: dict[str, t.Any], problem: bool, note: bool) -> None:
    known = catalogs(flow("shop.desk", "shop.till", **fields), flow("shop.edge", "shop.edge"), essential=["shop.till"], features=["shop.f"])
    if problem:
        with pytest.raises(InventoryError) as error:
            connect(estate(DESK, **estate_fields), known)
        assert str(error.value) == (
            "estate: nobody holds shop.till, which shop.desk communicates with: give the role to a host (group shop_till or msports_roles), "
            "name its networks (msports_networks: {shop.till: [...]}), or say that there is none (msports_absent: [shop.till])"
        )
        return
    assert [item.code for item in connect(estate(DESK, **estate_fields), known).notes] == (["nobody_holds"] if note else [])


def test_the_note_names_three_of_many() -> None:
    flows = [flow(f"shop.desk{number}", "shop.till") for number in range(5)]
    hosts = [made(f"d{number}", f"shop.desk{number}", at=f"10.0.0.{number + 1}") for number in range(5)]
    found = connect(estate(*hosts), catalogs(*flows))
    assert [note.text for note in found.notes] == ["nobody holds shop.till; the flows of shop.desk0, shop.desk1, shop.desk2 and 2 more with it make no rules"]


def test_flows_that_no_host_takes_part_in_say_nothing() -> None:
    world = estate(TILL, networks={"shop.desk": {None: "10.5.0.0/16"}})
    found = connect(world, catalogs(flow("shop.desk", "shop.lamp"), flow("shop.till", "shop.till"), essential=["shop.lamp"]))
    assert found.notes == ()
    assert found.off == ()


def test_peers_whose_addresses_are_not_known_are_a_note() -> None:
    """Hosts of a population without an address, whose ports differ from those of the networks that they are in."""
    odd = [made(f"odd{number}", "shop.desk", dynamic_ports=parse_ports(["40000-40100"])) for number in range(2)]
    tills = [made(f"till{number}", "shop.till", at=f"10.0.1.{number + 1}") for number in range(5)]
    world = estate(*odd, *tills, networks={"shop.desk": {None: "10.5.0.0/16"}})
    found = connect(world, catalogs(flow("shop.till", "shop.desk", port="rpc_dynamic")))
    assert [note.text for note in found.notes] == [
        "shop.till.shop.desk.rpc_dynamic: no address of shop.desk#40000-40100 is known, so there is no rule at till0, till1, till2 and 2 more"
    ]


# ---- ids of sets


def test_one_id_never_stands_for_two_contents() -> None:
    """Two settings part the same role by the same port, each in its own way."""
    tills = [
        made("a", "shop.till", at="10.0.1.1", settings={"shop.one": 80, "shop.two": 81}),
        made("b", "shop.till", at="10.0.1.2", settings={"shop.one": 81, "shop.two": 80}),
    ]
    settings = [Setting(f"shop.{name}", name, "port", None) for name in ("one", "two")]
    flows = [flow("shop.desk", "shop.till", ports=(), variant=name, setting=f"shop.{name}") for name in ("one", "two")]
    found = connect(estate(DESK, *tills), catalogs(*flows, settings=settings))
    sets = {c.peers.id: c.peers.addresses.cidrs() for c in found.connections if c.direction == "out"}
    assert sets == {"shop.till#80": ["10.0.1.1"], "shop.till#81": ["10.0.1.2"], "shop.till#80~2": ["10.0.1.2"], "shop.till#81~2": ["10.0.1.1"]}


def test_the_same_content_under_one_name_is_one_set() -> None:
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till"), flow("shop.desk", "shop.till", port="2000")))
    first, second = (c.peers for c in found.connections if c.direction == "out")
    assert first is second


# ---- multicast


def test_multicast_adds_the_groups_out_at_the_sender_and_in_at_the_receivers() -> None:
    till = made("till", "shop.till", at="10.0.1.1", settings={"shop.multicast_addresses": ("239.1.0.0/24",)})
    found = connect(estate(DESK, till), catalogs(flow("shop.desk", "shop.till", protocol="udp", delivery="multicast")))
    groups = [(c.at.hosts[0], c.direction, c.peers.id, c.multicast.addresses.cidrs()) for c in found.connections if c.multicast]
    assert groups == [("desk", "in", "shop.till", ["239.1.0.0/24"]), ("till", "out", "shop.multicast_addresses", ["239.1.0.0/24"])]
    assert len(found.connections) == 4  # the documented unicast rows stand beside


def test_without_groups_there_is_only_the_documented_row() -> None:
    found = connect(estate(DESK, TILL), catalogs(flow("shop.desk", "shop.till", protocol="udp", delivery="multicast")))
    assert [c.multicast for c in found.connections] == [None, None]


def test_a_product_that_nobody_has_is_not_missed() -> None:
    """A flow of one product to a role of another asks for the other only where that is in use."""
    known = catalogs(flow("shop.desk", "mall.door"), essential=["mall.door"])
    assert connect(estate(DESK), known).notes == ()
    with pytest.raises(InventoryError, match="nobody holds mall.door"):
        connect(estate(DESK, made("lamp", "mall.lamp", at="10.0.4.1")), known)
    with pytest.raises(InventoryError, match="nobody holds mall.door"):
        connect(estate(DESK, networks={"mall.lamp": {None: "10.4.0.0/24"}}), known)
