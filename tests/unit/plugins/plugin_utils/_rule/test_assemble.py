# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulesets of hosts: what is joined, what is left out, and that alike hosts share one without losing a rule."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Allow, Host, Management, Selection
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.assemble import Assembled, assemble
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.own import ends, management_addresses, some, until_matters
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import catalogs, estate, flow, made

TODAY = datetime.date(2026, 11, 21)


def assembled(*hosts: Host, flows: t.Sequence[t.Any] = (), **fields: t.Any) -> Assembled:
    world = estate(*hosts, today=TODAY, **fields)
    known = catalogs(*flows) if flows else catalogs(flow("shop.nobody", "shop.none"))
    return assemble(world, connect(world, known).connections)


def allow(*peers: Selection, name: str = "extra", direction: str = "in", **fields: t.Any) -> Allow:
    values: dict[str, t.Any] = {"protocol": "tcp", "ports": parse_ports(["9000"]), "because": "CHG-1", **fields}
    return Allow(name, direction, peers=peers, **values)


def named(found: Assembled, host: str) -> list[str]:
    return [rule.name for rule in found.rulesets[host]]


ALONE = Selection("host:a", hosts=("a",))
IP = Selection("10.0.0.5", Addresses.parse(["10.0.0.5"]))


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"allow": (allow(ALONE),)}, "in tcp/9000 from allow:host:a"),
        ({"ping": (ALONE,)}, "in icmp_echo from ping:host:a"),
        ({"management": Management((ALONE,), ("ssh",), parse_ports(["22"]))}, "in tcp/22 from management:host:a"),
    ],
    ids=["allow", "ping", "management"],
)
def test_a_rule_that_names_one_of_two_alike_hosts_is_lost_only_there(fields: dict[str, t.Any], rule: str) -> None:
    found = assembled(made("a", "shop.desk", at="10.0.0.1", **fields), made("b", "shop.desk", at="10.0.0.2", **fields))
    assert named(found, "a") == []
    assert named(found, "b") == [rule]


def test_a_host_named_like_the_address_of_another_keeps_the_rule_for_it() -> None:
    found = assembled(made("10.0.0.5", "shop.desk", at="10.0.0.9", allow=(allow(IP),)))
    assert named(found, "10.0.0.5") == ["in tcp/9000 from allow:10.0.0.5"]


def test_a_host_named_like_its_own_address_makes_no_rule_for_itself() -> None:
    found = assembled(made("10.0.0.5", "shop.desk", at="10.0.0.5", allow=(allow(IP),)))
    assert named(found, "10.0.0.5") == []


def test_alike_hosts_share_one_ruleset() -> None:
    found = assembled(
        made("a", "shop.desk", at="10.0.0.1"),
        made("b", "shop.desk", at="10.0.0.2"),
        made("s", "shop.till", at="10.0.1.1"),
        flows=[flow("shop.desk", "shop.till")],
    )
    assert found.rulesets["a"] is found.rulesets["b"]
    assert named(found, "s") == ["in tcp/1000 from shop.desk"]
    assert found.sets["shop.desk"].members == ("a", "b")


def test_rules_that_filter_alike_are_one_with_all_reasons() -> None:
    flows = [flow("shop.desk", "shop.till"), flow("shop.desk", "shop.till", variant=".again")]
    found = assembled(made("a", "shop.desk", at="10.0.0.1"), made("s", "shop.till", at="10.0.1.1"), flows=flows)
    (rule,) = found.rulesets["s"]
    assert [why.name for why in rule.because] == ["shop.desk.shop.till.1000", "shop.desk.shop.till.1000.again"]


def test_the_helper_of_one_of_two_joined_flows_stays() -> None:
    plain = flow("shop.desk", "shop.till", protocol="udp", port="69")
    needy = flow("shop.desk", "shop.till", protocol="udp", port="69", variant=".tftp", reply="new_port")
    for flows in ([plain, needy], [needy, plain]):
        found = assembled(made("a", "shop.desk", at="10.0.0.1"), made("s", "shop.till", at="10.0.1.1"), flows=flows)
        assert [rule.helper for rule in found.rulesets["s"]] == ["tftp"]


def test_two_roles_on_one_host_make_no_rule_inside_it() -> None:
    found = assembled(made("a", "shop.desk", "shop.till", at="10.0.0.1"), flows=[flow("shop.desk", "shop.till")])
    assert found.rulesets == {"a": ()}
    assert found.sets == {}


def test_a_selection_without_any_address_is_a_note_and_no_rule() -> None:
    nobody = Selection("group:empty", hosts=("b",))
    found = assembled(made("a", "shop.desk", at="10.0.0.1", allow=(allow(nobody),)), made("b"))
    assert found.rulesets["a"] == ()
    assert [(note.code, note.host, note.text) for note in found.notes] == [
        ("no_address", "a", "in tcp/9000 from allow:group:empty: no address is left, so there is no rule")
    ]


def test_unmanaged_hosts_have_no_ruleset() -> None:
    found = assembled(made("a", "shop.desk", at="10.0.0.1"), made("s", "shop.till", at="10.0.1.1", managed=False), flows=[flow("shop.desk", "shop.till")])
    assert sorted(found.rulesets) == ["a"]
    assert named(found, "a") == ["out tcp/1000 to shop.till"]


@pytest.mark.parametrize(
    ("until", "names"),
    [
        (None, ["in tcp/9000 from allow:any"]),
        (TODAY, ["in tcp/9000 from allow:any"]),  # the last day is a day on which it holds
        (TODAY - datetime.timedelta(days=1), []),
    ],
    ids=["forever", "last day", "over"],
)
def test_until(until: t.Optional[datetime.date], names: list[str]) -> None:
    everyone = Selection("any", ANY)
    world = estate(made("a", "shop.desk", at="10.0.0.1", allow=(allow(everyone, until=until),)), today=TODAY)
    found = assemble(world, ())
    assert named(found, "a") == names
    assert until_matters(world) is (until is not None)
    ends_later = "msports_allow extra ends after 2026-11-21 at a: nftables ends it by itself, any other backend with the first run after that day"
    ended = "msports_allow extra ended on 2026-11-20; it makes no rule at a"
    assert [note.text for note in ends(world)] == ([] if until is None else [ends_later] if names else [ended])
    assert [rule.until for rule in found.rulesets["a"]] == [until][: len(names)]


def test_a_rule_ends_with_the_last_of_its_reasons() -> None:
    everyone, day = Selection("any", ANY), datetime.timedelta(days=1)
    for other, until in ((TODAY + day, TODAY + day), (None, None)):
        entries = (allow(everyone, until=TODAY), allow(everyone, name="more", until=other))
        (rule,) = assembled(made("a", "shop.desk", at="10.0.0.1", allow=entries)).rulesets["a"]
        assert rule.until == until and len(rule.because) == 2


def test_owner_and_ticket_are_told() -> None:
    over = allow(Selection("any", ANY), until=TODAY - datetime.timedelta(days=1), owner="web team", ticket="CHG-9")
    world = estate(made("a", "shop.desk", at="10.0.0.1", allow=(over,)), today=TODAY)
    assert [note.text for note in ends(world)] == ["msports_allow extra ended on 2026-11-20; it makes no rule at a, its owner is web team"]
    (rule,) = assembled(made("a", "shop.desk", at="10.0.0.1", allow=(allow(Selection("any", ANY), owner="web team", ticket="CHG-9"),))).rulesets["a"]
    assert rule.because[0].text == "CHG-1 (ticket CHG-9, owner web team)"


def test_an_expired_entry_of_a_host_without_ruleset_is_not_told() -> None:
    over = allow(Selection("any", ANY), until=TODAY - datetime.timedelta(days=1))
    assert list(ends(estate(made("a", "shop.desk", at="10.0.0.1", managed=False, allow=(over,)), today=TODAY))) == []


def test_the_reason_of_an_own_rule_says_why_and_until_when() -> None:
    entry = allow(Selection("10.0.9.0/24", Addresses.parse(["10.0.9.0/24"])), direction="out", until=datetime.date(2027, 1, 31))
    (rule,) = assembled(made("a", "shop.desk", at="10.0.0.1", allow=(entry,))).rulesets["a"]
    assert rule.name == "out tcp/9000 to allow:10.0.9.0/24"
    assert (rule.local_ports, rule.remote_ports) == ((), parse_ports(["9000"]))
    assert [(why.kind, why.name, why.text) for why in rule.because] == [("allow", "extra", "CHG-1 (until 2027-01-31)")]


def test_names_and_time_are_outbound_rules_of_every_host() -> None:
    found = assembled(made("a", "shop.desk", at="10.0.0.1"), dns=Addresses.parse(["10.0.3.1"]), ntp=Addresses.parse(["10.0.3.2"]))
    assert named(found, "a") == ["out tcp/53 to infrastructure.dns", "out udp/53 to infrastructure.dns", "out udp/123 to infrastructure.ntp"]


def test_management_addresses_are_those_of_all_sources() -> None:
    sources = (Selection("10.9.0.0/24", Addresses.parse(["10.9.0.0/24"])), Selection("group:admins", hosts=("b",)))
    world = estate(made("a", "shop.desk", at="10.0.0.1", management=Management(sources, ("ssh",), parse_ports(["22"]))), made("b", at="10.8.0.1"))
    assert management_addresses(world.hosts["a"], world).cidrs() == ["10.8.0.1", "10.9.0.0/24"]
    assert management_addresses(world.hosts["b"], world).cidrs() == []


@pytest.mark.parametrize(("names", "text"), [(["b", "a"], "a, b"), (["d", "c", "b", "a"], "a, b, c and 1 more")])
def test_some(names: list[str], text: str) -> None:
    assert some(names) == text
