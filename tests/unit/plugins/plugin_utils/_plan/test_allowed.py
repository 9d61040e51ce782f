# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan lets through."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, peer, plan, rule

HOSTS = {
    "desk": host(rule("out", "tcp", "till", ["443"]), rule("out", "udp", "groups", ["5000"]), at=["10.0.0.1"]),
    "till": host(
        rule("in", "tcp", "desk", ["443", "8000-8010"]),
        rule("in", "icmp_echo", "any"),
        rule("in", "any", "boss"),
        rule("in", "udp", "desk", ["5000"], local="groups"),
        at=["10.0.1.1", "fd00:1::1"],
    ),
    "deaf": host(at=["10.0.2.1"]),
    "homeless": host(rule("out", "tcp", "till", ["443"]), roles={"shop.desk": ["A"]}),
    "lost": host(),
}
SETS = {"desk": ["10.0.0.0/24"], "till": ["10.0.1.1", "fd00:1::1"], "any": ["any"], "boss": ["10.0.5.5"], "groups": ["239.0.0.0/24"]}
NETWORKS = {"shop.desk": {"": [], "A": ["10.0.0.128/25"], "B": ["10.7.0.0/16"]}}
PLAN = plan(HOSTS, SETS, peers={"box": peer("10.0.0.7"), "boss": peer("10.0.5.5")}, networks=NETWORKS)


@pytest.mark.parametrize(
    ("source", "destination", "protocol", "port", "allowed"),
    [
        ("desk", "till", "tcp", 443, True),  # both ends have a rule
        ("desk", "till", "tcp", 8005, False),  # the source has none
        ("box", "till", "tcp", 8005, True),  # an end without a ruleset sends everything
        ("box", "till", "tcp", 8011, False),
        ("10.0.0.77", "till", "tcp", 443, True),  # an address that no host has
        ("10.0.9.77", "till", "tcp", 443, False),
        ("10.0.9.77", "till", "icmp_echo", None, True),
        ("10.0.9.77", "till", "tcp", None, False),  # a rule with ports admits nothing without one
        ("boss", "till", "udp", 1, True),  # any protocol
        ("boss", "till", "any", None, True),
        ("desk", "till", "any", None, False),  # any is more than what single rules admit
        ("desk", "box", "tcp", 443, False),  # a managed source needs its rule
        ("desk", "deaf", "tcp", 443, False),
        ("box", "boss", "tcp", 443, False),  # a plan says nothing of two ends that it does not manage
        ("till", "deaf", "tcp", 1, False),
        ("desk", "239.0.0.9", "udp", 5000, True),  # a group: the sender's rule decides
        ("desk", "till", "udp", 5000, False),  # a rule for a group is none for the host's own address
        ("homeless", "till", "tcp", 443, True),  # somewhere in the networks of its role in its site
        ("lost", "till", "tcp", 443, False),  # nobody knows where
    ],
)
def test_allows(source: str, destination: str, protocol: str, port: t.Optional[int], allowed: bool) -> None:
    assert AllowedSet(PLAN).allows(source, destination, protocol, port) is allowed


def test_a_packet_has_one_family_at_both_ends() -> None:
    """In over IPv4 and out over IPv6 is no connection."""
    hosts = {
        "a": host(rule("out", "tcp", "b6", ["1"]), at=["10.0.0.1", "fd00::1"]),
        "b": host(rule("in", "tcp", "a4", ["1"]), at=["10.0.0.2", "fd00::2"]),
    }
    found = AllowedSet(plan(hosts, {"b6": ["fd00::2"], "a4": ["10.0.0.1"]}))
    assert not found.allows("a", "b", "tcp", 1)
    assert [len(rules) for rules in found.rules_for("a", "b", "tcp", 1)] == [1, 1]


def test_ends_without_a_common_family_never_meet() -> None:
    hosts = {"a": host(rule("out", "tcp", "any", ["1"]), at=["10.0.0.1"]), "b": host(rule("in", "tcp", "any", ["1"]), at=["fd00::2"])}
    assert not AllowedSet(plan(hosts, {"any": ["any"]})).allows("a", "b", "tcp", 1)


def test_one_of_several_addresses_is_enough() -> None:
    hosts = {"b": host(rule("in", "tcp", "a", ["1"]), at=["10.0.0.2"])}
    found = AllowedSet(plan(hosts, {"a": ["10.1.0.1"]}, peers={"a": peer("10.5.0.1", "10.1.0.1")}))
    assert found.allows("a", "b", "tcp", 1)


def test_rules_that_hold_for_both_families_are_told_once() -> None:
    inbound, outbound = AllowedSet(PLAN).rules_for("fd00:1::9", "till", "icmp_echo", None)
    assert [item["name"] for item in inbound] == ["in icmp_echo from any"]
    assert outbound == []


def test_a_name_that_the_plan_does_not_know() -> None:
    with pytest.raises(MsportsError) as error:
        AllowedSet(PLAN).allows("tilll", "till", "tcp", 1)
    assert str(error.value) == "plan: 'tilll': expected an inventory host of the plan, or an IP address or a network; did you mean 'till'?"


UNKNOWN = "expected an inventory host of the plan, or an IP address or a network"


@pytest.mark.parametrize("end", ["any", "nobody", "10.0.0.1/24", ["till"], 7])
@pytest.mark.parametrize("other", ["till", "box", "10.0.0.9"])
def test_an_end_that_nobody_knows(end: t.Any, other: str) -> None:
    """A name that nobody knows is a mistake, whoever the other is."""
    for ends in ((end, other), (other, end)):
        with pytest.raises(MsportsError) as error:
            AllowedSet(PLAN).allows(*ends, "tcp", 443)
        assert str(error.value).startswith(f"plan: {end!r}: {UNKNOWN}")


@pytest.mark.parametrize(
    ("source", "destination", "port", "extent"),
    [
        ("10.0.0.128/25", "till", 443, "all"),
        ("10.0.0.0/23", "till", 443, "some"),
        ("10.9.0.0/24", "till", 443, "none"),
        ("10.0.0.0/24", "till", 8005, "some"),  # nobody's addresses may send what they like, desk has no rule for it
        ("10.0.0.0-10.0.0.255", "till", 443, "all"),
        ("fd00:9::/64", "till", 443, "none"),
        ("till", "10.9.0.0/24", 443, "none"),
        ("10.9.0.0/24", "10.0.9.77", 443, "none"),  # a plan says nothing of two ends that it does not manage
    ],
)
def test_a_network_is_a_question_about_all_of_it(source: str, destination: str, port: int, extent: str) -> None:
    found = AllowedSet(PLAN)
    assert found.extent(source, destination, "tcp", port) == extent
    assert found.allows(source, destination, "tcp", port) is (extent == "all")


def test_one_network_at_a_time() -> None:
    with pytest.raises(MsportsError) as error:
        AllowedSet(PLAN).allows("10.0.0.0/24", "10.0.1.0/24", "tcp", 443)
    assert str(error.value) == "plan: '10.0.1.0/24': expected a host or a single address, since the other end is a network; ask for one network"


def test_an_address_of_a_host_is_a_question_about_the_host() -> None:
    (desk,) = HOSTS["desk"]["addresses"]
    found = AllowedSet(PLAN)
    assert found.allows(desk, "till", "tcp", 443) and not found.allows(desk, "till", "tcp", 8005)  # desk has no rule that lets it out
    assert found.allows("10.0.0.7", "till", "tcp", 8005)  # box is not managed, and sends everything


def test_a_network_of_one_address_is_an_address() -> None:
    assert AllowedSet(PLAN).allows("10.0.0.77/32", "till", "tcp", 443)
    assert AllowedSet(PLAN).allows("10.0.0.77-10.0.0.77", "till", "tcp", 443)


@pytest.mark.parametrize(
    ("source", "destination", "inside"),
    [
        ("till", "till", True),
        ("till", "10.0.1.1", True),
        ("fd00:1::1", "till", True),
        ("till", "10.0.1.2", False),
        ("10.0.1.2", "10.0.1.3", False),
        ("deaf", "till", False),
        ("one", "10.0.9.9", False),  # the address of two hosts of a cluster may be at the other one
    ],
)
def test_traffic_inside_a_host_needs_no_rule(source: str, destination: str, inside: bool) -> None:
    shared = plan({**HOSTS, "one": host(at=["10.0.9.9"]), "two": host(at=["10.0.9.9"])}, SETS)
    assert AllowedSet(shared).inside(source, destination) is inside
    assert AllowedSet(shared).allows(source, destination, "tcp", 7) is inside


def test_a_plan_says_nothing_of_the_inside_of_a_host_that_it_does_not_manage() -> None:
    assert not AllowedSet(PLAN).allows("box", "box", "tcp", 443)
