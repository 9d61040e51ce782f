# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims hold of a plan, or the problem names a witness: the same as one who tries every pair of addresses and every port finds."""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Claim
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.claims import broken
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow import estates
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, peer, plan, rule

Plain = dict[str, t.Any]
SETS: Plain = {"a": ["10.0.0.1"], "b": ["10.0.0.2", "fd00::2"], "c": ["10.0.0.0/30"], "d": ["10.0.0.8/31", "fd00::8/127"], "any": ["any"]}
SINGLE = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.8", "fd00::2", "fd00::8"]
ENDS = [["10.0.0.1"], ["10.0.0.0/30"], ["10.0.0.8/31"], ["10.0.0.2", "fd00::2"], ["10.0.0.0/28", "fd00::/124"], ["fd00::8"]]
PORTS = ["5", "7-8", "8-9"]


def of(kind: str, protocol: str, ports: t.Sequence[str]) -> Claim:
    return Claim("msports_claims[0]", kind, protocol, parse_ports(ports), (), (), "policy 7")


rules = st.builds(
    rule,
    st.sampled_from(["in", "out"]),
    st.sampled_from(["tcp", "tcp", "udp", "any"]),
    st.sampled_from(list(SETS)),
    st.lists(st.sampled_from(PORTS), max_size=2, unique=True),
)
homes = st.lists(st.sampled_from(SINGLE), min_size=1, max_size=2, unique=True)
defaults = {"default_inbound": st.sampled_from([None, "block", "allow", "keep"]), "default_outbound": st.sampled_from(["keep", "block", "block"])}


@st.composite
def plans(draw: st.DrawFn) -> Plain:
    hosts = {}
    for name in ("one", "two", "three"):
        found = [{**item, "name": f"rule {number}"} for number, item in enumerate(draw(st.lists(rules, max_size=5)))]
        system = draw(st.sampled_from(["linux", "windows"]))
        hosts[name] = host(*found, at=draw(homes), system=system, **{key: draw(value) for key, value in defaults.items()})
    return plan(hosts, SETS, peers={"peer": peer(*draw(homes))})


@functools.cache
def addresses_of(network: str) -> tuple[t.Any, ...]:
    return tuple(ipaddress.ip_network(network))


def expand(texts: t.Iterable[str]) -> list[t.Any]:
    return [address for text in texts for address in addresses_of(text)]


def has_rule(found: Plain, name: str, direction: str, peer_address: t.Any, protocol: str, port: t.Optional[int]) -> bool:
    for item in found["hosts"][name]["rules"]:
        texts = item["local_ports" if direction == "in" else "remote_ports"]
        over = not texts or (port is not None and any(int(text.split("-")[0]) <= port <= int(text.split("-")[-1]) for text in texts))
        addresses = found["sets"][item["remote"]]["addresses"]
        if item["direction"] == direction and item["protocol"] in (protocol, "any") and over:
            if addresses == ["any"] or peer_address in expand(addresses):
                return True
    return False


def every_pair(found: Plain, claim: Claim, sources: t.Sequence[str], destinations: t.Sequence[str]) -> bool:
    """Tell whether a claim holds, by trying everything."""
    known = {**found["peers"], **found["hosts"]}
    ports: list[t.Optional[int]] = [port for first, last in claim.ports for port in range(first, last + 1)] or [None]
    for x in expand(sources):
        for y in expand(destinations):
            # an address that nobody has is a machine of its own, without a ruleset
            xs, ys = ([name for name, item in known.items() if str(z) in item["addresses"]] or [str(z)] for z in (x, y))
            for one, other in ((one, other) for one in xs for other in ys):
                managed = [end in found["hosts"] for end in (one, other)]
                if x.version != y.version or one == other or not any(managed):
                    continue
                for port in ports:
                    if not holds_for(found, claim.kind, one, other, x, y, claim.protocol, port):
                        return False
    return True


def holds_for(found: Plain, kind: str, one: str, other: str, x: t.Any, y: t.Any, protocol: str, port: t.Optional[int]) -> bool:
    admits, lets_out = other not in found["hosts"], one not in found["hosts"]
    if not admits:
        end = found["hosts"][other]
        opened = end["default_inbound"] == "allow" or (kind == "never" and end["default_inbound"] == "keep" and end["system"] == "linux")
        admits = opened or has_rule(found, other, "in", x, protocol, port)
    if not lets_out:
        lets_out = found["hosts"][one]["default_outbound"] != "block" or has_rule(found, one, "out", y, protocol, port)
    return (admits and lets_out) is (kind == "always")


@settings(max_examples=600, deadline=None)
@given(plans(), st.sampled_from(["never", "always"]), st.sampled_from([["5"], ["6-8"], ["1", "9"]]), st.sampled_from(ENDS), st.sampled_from(ENDS))
def test_every_pair_tried_says_the_same(found: Plain, kind: str, ports: list[str], sources: list[str], destinations: list[str]) -> None:
    addresses = {str(address) for name in found["hosts"] for address in found["hosts"][name]["addresses"]}
    shared = [at for host_ in ({**found["hosts"], **found["peers"]}).values() for at in host_["addresses"]]
    if len(set(shared)) != len(shared):
        return  # an address that several hosts have: a test of its own
    claim = of(kind, "tcp", ports)
    told = broken(found, [(claim, Addresses.parse(sources), Addresses.parse(destinations))])
    if not addresses & {str(address) for address in (*expand(sources), *expand(destinations))}:
        assert "cannot be checked" in str(told[0])
        return
    assert (not told) is every_pair(found, claim, sources, destinations), told


def check(claims: t.Sequence[Plain], **more: t.Any) -> Plain:
    hosts = {
        "site01": estates.host("configmgr.site_server", at="10.1.1.10"),
        "sql01": estates.host("configmgr.sql_server", at="10.1.1.11"),
        "mp01": estates.host("configmgr.management_point", at="10.1.1.20"),
    }
    return estates.plan(hosts, networks={"configmgr.client": ["10.20.0.0/16"]}, claims=claims, **more)


HOLDS = [
    {"never": "tcp/1433", "from": ["configmgr.client"], "to": ["configmgr.sql_server", "host:mp01"], "because": "policy 7"},
    {"always": "tcp/1433", "from": ["configmgr.management_point"], "to": ["configmgr.sql_server"], "because": "or nothing works"},
]


def test_claims_that_hold_are_in_the_plan() -> None:
    assert check(HOLDS)["claims"] == [
        {"claim": "never tcp/1433 from configmgr.client to configmgr.sql_server, host:mp01", "because": "policy 7"},
        {"claim": "always tcp/1433 from configmgr.management_point to configmgr.sql_server", "because": "or nothing works"},
    ]


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        (
            {"never": ["tcp/443", "tcp/3389"], "from": ["10.20.7.0/24"], "to": ["any"], "because": "policy 7"},
            r"estate: msports_claims\[0\]: never tcp/443,3389 from 10\.20\.7\.0/24 to any: is false: 10\.20\.7\.0 may open tcp/443 to mp01 \(10\.1\.1\.20\): "
            r"mp01 admits it by the rule 'in tcp/443 from configmgr\.client' \(configmgr\.client\.management_point\.https\.tcp \S+ row \d+\S*\)\. "
            r"The claim says why: policy 7",
        ),
        (
            {"always": "tcp/1433-1434", "from": ["configmgr.management_point"], "to": ["configmgr.sql_server"], "because": "x"},
            r"is false: mp01 \(10\.1\.1\.20\) may not open tcp/1434 to sql01: no rule of sql01 admits it",
        ),
        (
            {"never": "tcp/25", "from": ["host:mp01"], "to": ["44.0.0.0/8"], "because": "no mail"},
            r"is false: mp01 \(10\.1\.1\.20\) may open tcp/25 to 44\.0\.0\.0: mp01 stops nothing that no rule names \(msports_default_outbound: keep\)",
        ),
        ({"never": "tcp/25", "from": ["10.20.0.0/16"], "to": ["44.0.0.0/8"], "because": "x"}, r"cannot be checked: the plan manages neither end"),
    ],
)
def test_a_claim_that_is_false_stops_the_plan(claim: Plain, says: str) -> None:
    with pytest.raises(InventoryError) as error:
        check([claim])
    assert re.search(says, str(error.value)), error.value


def test_a_shared_address_counts_for_each_of_its_hosts() -> None:
    found = plan({"one": host(rule("in", "tcp", "v", ["5"]), at=["10.0.0.1", "10.0.0.9"]), "two": host(at=["10.0.0.2", "10.0.0.9"])}, {"v": ["10.0.0.9"]})
    claim = (of("never", "tcp", ["5"]), Addresses.parse(["10.0.0.9"]), Addresses.parse(["10.0.0.1"]))
    assert "10.0.0.9" in str(broken(found, [claim])[0])


@pytest.mark.parametrize(
    ("kind", "ends", "told"),
    [
        ("never", ("10.7.7.7", "10.20.0.0/16"), r"is false: 10\.7\.7\.7 may open tcp/5 to 10\.20\.0\.0: pc stops nothing that no rule names"),
        ("never", ("10.7.7.7", "10.21.0.0/16"), "cannot be checked"),
        ("always", ("10.20.0.0/16", "10.7.7.7"), r"is false: pc may not open tcp/5 to 10\.7\.7\.7: no rule of pc lets it out"),
    ],
)
def test_a_host_without_an_address_may_be_anywhere_in_its_networks(kind: str, ends: tuple[str, str], told: str) -> None:
    pc = host(roles={"shop.client": []}, default_inbound="allow", default_outbound="block")
    found = plan({"pc": pc, "one": host(at=["10.0.0.1"])}, {}, networks={"shop.client": {"": ["10.20.0.0/16"]}})
    problems = broken(found, [(of(kind, "tcp", ["5"]), Addresses.parse(ends[:1]), Addresses.parse(ends[1:]))])
    assert problems and re.search(told, str(problems[0])), problems


@pytest.mark.parametrize(("system", "kind", "holds"), [("linux", "always", True), ("windows", "always", False), ("windows", "never", False)])
def test_no_port_of_dynamic_rpc_is_promised_on_windows(system: str, kind: str, holds: bool) -> None:
    found = plan({"one": host(rule("in", "tcp", "v", ["49152-65535"], rpc=True), at=["10.0.0.1"], system=system)}, {"v": ["10.0.0.9"]})
    problems = broken(found, [(of(kind, "tcp", ["50000"]), Addresses.parse(["10.0.0.9"]), Addresses.parse(["10.0.0.1"]))])
    assert (not problems) is holds, problems


@pytest.mark.parametrize(
    ("kind", "fields", "ends", "told"),
    [
        # what is left to the system is stopped on Windows; on Linux nobody can promise either
        ("always", {"default_inbound": "keep"}, ("10.0.0.7", "10.0.0.1"), "no rule of one admits it"),
        ("never", {"default_inbound": "keep"}, ("10.0.0.7", "10.0.0.1"), "one stops nothing that no rule names (msports_default_inbound: keep)"),
        ("never", {"default_inbound": "keep", "system": "windows"}, ("10.0.0.7", "10.0.0.1"), ""),
        ("always", {"default_inbound": "allow"}, ("10.0.0.7", "10.0.0.1"), ""),
        # inside one host nothing is asked; the second source is another machine
        ("never", {"default_inbound": "allow"}, ("10.0.0.1", "10.0.0.1"), ""),
        ("never", {"default_inbound": "allow"}, ("10.0.0.4/30", "10.0.0.1"), "10.0.0.4 may open tcp/5"),
        ("never", {"default_inbound": "allow"}, ("10.0.0.1-10.0.0.2", "10.0.0.1"), "two (10.0.0.2) may open tcp/5 to one (10.0.0.1)"),
    ],
)
def test_defaults_and_hosts_themselves(kind: str, fields: Plain, ends: tuple[str, str], told: str) -> None:
    found = plan({"one": host(at=["10.0.0.1"], **fields), "two": host(at=["10.0.0.2"])}, {})
    problems = broken(found, [(of(kind, "tcp", ["5"]), Addresses.parse(ends[:1]), Addresses.parse(ends[1:]))])
    assert told in str(problems[0]) if told else not problems


LINKED = ["10.0.0.9", "fe80::9", "fd00::9"]


@pytest.mark.parametrize(
    ("kind", "spec", "source", "target", "fields", "says"),
    [
        (
            "never",
            ("udp", ["68"]),
            LINKED,
            ["10.0.0.1"],
            {},
            "one admits it by a base rule (answers to DHCP)",
        ),
        ("never", ("udp", ["60-70"]), ["10.0.0.9"], ["10.0.0.1"], {}, "may open udp/68 to one (10.0.0.1)"),
        ("never", ("udp", ["68"]), ["fd00::9"], ["fd00::1"], {}, ""),
        ("never", ("udp", ["546"]), ["fe80::9"], ["fd00::1"], {}, "leave 546 out of the claim"),
        ("never", ("udp", ["546"]), ["fd00::9"], ["fd00::1"], {}, ""),  # not from beyond the link
        ("never", ("udp", ["67", "69"]), ["10.0.0.9"], ["10.0.0.1"], {}, ""),
        ("never", ("tcp", ["68"]), ["10.0.0.9"], ["10.0.0.1"], {}, ""),
        ("never", ("any", []), ["10.0.0.9"], ["10.0.0.1"], {}, ""),  # what this means of base rules is said in the pages
        ("never", ("icmp_echo", []), ["10.0.0.9"], ["10.0.0.1"], {}, ""),
        ("never", ("udp", ["68"]), ["10.0.0.9"], ["10.0.0.1"], {"system": "windows"}, ""),
        ("never", ("udp", ["67"]), ["10.0.0.1"], ["10.0.0.9"], {"default_outbound": "block"}, "one lets it out by a base rule (requests by DHCP)"),
        ("never", ("udp", ["547"]), ["fd00::1"], ["fd00::9"], {"default_outbound": "block"}, "leave 547 out of the claim"),
        ("never", ("udp", ["68"]), ["10.0.0.9"], ["10.0.0.1"], {"default_inbound": "allow"}, "stops nothing that no rule names"),
        ("always", ("udp", ["68"]), ["10.0.0.9"], ["10.0.0.1"], {}, "no rule of one admits it"),  # from any port, base rules admit nobody
    ],
)
def test_base_rules_count_where_a_claim_names_their_ports(
    kind: str, spec: tuple[str, list[str]], source: list[str], target: list[str], fields: Plain, says: str
) -> None:
    found = plan({"one": host(at=["10.0.0.1", "fd00::1"], **fields)}, SETS)
    problems = broken(found, [(of(kind, *spec), Addresses.parse(source), Addresses.parse(target))])
    assert [says in str(problem) for problem in problems] == ([True] if says else []), problems
