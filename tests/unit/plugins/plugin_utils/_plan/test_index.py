# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of a plan answers as one who looks at every rule and every address does."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import typing as t

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import Latest
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, peer, plan, rule

Plain = dict[str, t.Any]
TEXTS = ["10.0.0.0/30", "10.0.0.4/31", "10.0.0.6/32", "10.0.0.9/32", "fd00::/126", "fd00::5/128"]  # a universe of a dozen addresses
SINGLE = ["10.0.0.1", "10.0.0.4", "10.0.0.6", "10.0.0.9", "fd00::2", "fd00::5"]
PORTS = ["0", "7", "8-10", "10-12", "65535"]
ASKED = [0, 6, 7, 8, 9, 10, 11, 13, 65534, 65535]
SETS: Plain = {"a": ["10.0.0.0/30"], "b": ["10.0.0.4/31", "fd00::/126"], "c": ["10.0.0.6", "fd00::5"], "any": ["any"], "nobody": []}

rules = st.builds(
    rule,
    st.sampled_from(["in", "out"]),
    st.sampled_from(["tcp", "udp", "any"]),
    st.sampled_from(list(SETS)),
    st.lists(st.sampled_from(PORTS), max_size=3, unique=True),
    local=st.sampled_from([None, None, None, "a", "c"]),
)
homes = st.lists(st.sampled_from(SINGLE), max_size=3, unique=True)


@st.composite
def plans(draw: st.DrawFn) -> Plain:
    hosts = {name: host(*_named(draw(st.lists(rules, max_size=6))), at=draw(homes)) for name in ("one", "two")}
    return plan(hosts, SETS, peers={"peer": peer(*draw(homes))})


def _named(found: t.Sequence[Plain]) -> list[Plain]:
    return [{**item, "name": f"rule {number}"} for number, item in enumerate(found)]


@functools.cache
def addresses_of(network: str) -> frozenset[t.Any]:
    return frozenset(ipaddress.ip_network(network))


def expand(texts: t.Iterable[str]) -> set[t.Any]:
    return set().union(*map(addresses_of, texts))


def holds(found: Plain, name: str, address: t.Any) -> bool:
    texts = found["sets"][name]["addresses"]
    return texts == ["any"] or any(address in addresses_of(text) for text in texts)


def matching(found: Plain, name: str, direction: str, remote: set[t.Any], local: set[t.Any], protocol: str, port: t.Optional[int]) -> list[str]:
    names = []
    for item in found["hosts"].get(name, {"rules": ()})["rules"]:
        texts = item["local_ports" if direction == "in" else "remote_ports"]
        ranges = [[int(edge) for edge in text.split("-")] for text in texts]
        over = not ranges or (port is not None and any(edges[0] <= port <= edges[-1] for edges in ranges))
        home = item["local"] is None or any(holds(found, item["local"], address) for address in local)
        if item["direction"] == direction and item["protocol"] in (protocol, "any") and over and home:
            if any(holds(found, item["remote"], address) for address in remote):
                names.append(item["name"])
    return names


def machines(found: Plain, end: str) -> list[tuple[str, set[t.Any]]]:
    """Return what an end means: hosts with their addresses, and every address that no host has, as a machine of its own."""
    known = {**found["peers"], **found["hosts"]}
    if end in known:
        return [(end, expand(known[end]["addresses"]))]
    wanted = expand([end])
    held = [(name, expand(item["addresses"]) & wanted) for name, item in sorted(known.items())]
    rest = wanted.difference(*(addresses for _name, addresses in held))
    return [item for item in held if item[1]] + [(str(address), {address}) for address in rest]


def passes(found: Plain, source: tuple[str, set[t.Any]], destination: tuple[str, set[t.Any]], protocol: str, port: t.Optional[int]) -> bool:
    managed = [end[0] in found["hosts"] for end in (source, destination)]
    if source[0] == destination[0] or not any(managed):
        return any(managed)
    for version in (4, 6):
        here, there = ({address for address in end[1] if address.version == version} for end in (source, destination))
        admits = not managed[1] or matching(found, destination[0], "in", here, there, protocol, port)
        lets_out = not managed[0] or matching(found, source[0], "out", there, here, protocol, port)
        if here and there and admits and lets_out:
            return True
    return False


ends = st.sampled_from(["one", "two", "peer", *SINGLE, *TEXTS])


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(st.tuples(ends, ends, st.sampled_from(["tcp", "udp", "any"]), st.sampled_from([None, *ASKED])), min_size=1, max_size=10))
def test_every_rule_looked_at_says_the_same(found: Plain, questions: list[tuple[str, str, str, t.Optional[int]]]) -> None:
    known = AllowedSet(found)
    for source, destination, protocol, port in questions:
        try:
            extent = known.extent(source, destination, protocol, port)
        except MsportsError:
            assert sum("/" in end for end in (source, destination)) == 2  # two networks
            continue
        pairs = list(itertools.product(machines(found, source), machines(found, destination)))
        answers = {passes(found, here, there, protocol, port) for here, there in pairs}
        assert extent == ("some" if len(answers) > 1 else "all" if answers.pop() else "none")
        for position, direction in ((0, "in"), (1, "out")):
            names = {
                name
                for pair in pairs
                for version in (4, 6)
                for name in matching(found, pair[1 - position][0], direction, *_sides(pair, direction, version), protocol, port)
            }
            assert {item["name"] for item in known.rules_for(source, destination, protocol, port)[position]} == names


def _sides(pair: t.Any, direction: str, version: int) -> tuple[set[t.Any], set[t.Any]]:
    """Return the remote and the local addresses of one family; none where one end has none of it."""
    source, destination = ({address for address in end[1] if address.version == version} for end in pair)
    if not (source and destination):
        return set(), set()
    return (source, destination) if direction == "in" else (destination, source)


def test_what_was_made_of_the_latest_objects_is_remembered_by_identity() -> None:
    latest = Latest(lambda one, other: [one, other])
    one, other = {"a": 1}, {"b": 2}
    assert latest(one, other) is latest(one, other)
    assert latest(dict(one), other) is not latest(one, other)
