# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remedies: what is missing in the inventory of a real estate is told from its traffic, a role first and an own entry last."""

from __future__ import annotations

import copy
import functools
import ipaddress
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import Observation
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.verdict import Judge
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import PlanIndex
from ansible_collections.portcullis.msports.tests.unit import small_company

DAY = "2026-11-28"
# Ten roles of ten hosts, which leave traces when they are forgotten.
TEN = {
    "admin01": "configmgr.console",
    "client01": "configmgr.client",
    "databox01": "databox.device",
    "dc02": "windows_server.domain_controller",
    "dhcp01": "windows_server.dhcp_server",
    "dp01": "configmgr.distribution_point",
    "edge01": "exchange.edge_transport",
    "exca01": "exchange.client_access",
    "mp01": "configmgr.management_point",
    "prov01": "configmgr.sms_provider",
}
Plain = dict[str, t.Any]


def company() -> Plain:
    return small_company.planned()[0]


@functools.cache
def traffic() -> tuple[Observation, ...]:
    """What one sees in an estate where everything that is planned is used: for each rule a session with each of its hosts, or with somebody of its networks."""
    plan = small_company.planned()[1]
    judge = Judge(PlanIndex(plan))
    items = {item for name, host in plan["hosts"].items() for rule in host["rules"] for item in _sessions(plan, name, rule)}
    return tuple(sorted(item for item in items if judge.judge(item).verdict == "allowed"))


def _sessions(plan: Plain, name: str, rule: Plain) -> t.Iterator[Observation]:
    if rule["protocol"] not in ("tcp", "udp") or rule["local"] or rule["rpc"]:
        return
    ports = rule["local_ports" if rule["direction"] == "in" else "remote_ports"]
    for member in plan["sets"][rule["remote"]]["members"]:
        for port in ports:
            peer = _address(plan, member, plan["sets"][rule["remote"]]["addresses"])
            yield Observation(name, rule["direction"], peer, rule["protocol"], int(port.split("-")[0]), "session", "passed", "", 1, DAY, DAY)


def _address(plan: Plain, member: str, networks: t.Sequence[str]) -> str:
    entry = plan["hosts"].get(member) or plan["peers"].get(member)
    own = [text for text in (entry or {"addresses": []})["addresses"] if ":" not in text]
    if own or networks[0] == "any":
        return own[0] if own else "44.1.2.3"
    network = ipaddress.ip_network(networks[0].split("-")[0])
    return str(network[min(77, network.num_addresses - 1)])


def forgotten(roles: t.Mapping[str, str]) -> Plain:
    """Return what is found when the inventory lacks some roles and the traffic is what it was."""
    inventory = copy.deepcopy(company())
    for host in inventory["hosts"].values():
        host["vars"].pop("msports_claims", None)  # a host without a role has no ruleset, and what is claimed of it is false
    for name, role in roles.items():
        groups = inventory["hosts"][name]["groups"]
        groups.remove(role.replace(".", "_", 1))
    return _compile.judge_observations(_compile.compile_plan(inventory), traffic())


def test_nothing_is_found_where_nothing_is_missing() -> None:
    found = forgotten({})
    assert len(traffic()) > 1000
    assert (found["findings"], found["suggestions"], found["counts"]) == ([], [], {"permitted": len(traffic())})


def test_ten_forgotten_roles_come_back_as_roles() -> None:
    found = forgotten(TEN)
    roles = [item for item in found["suggestions"] if item["kind"] == "role"]
    told = {(item["host"], role) for item in roles for role in item["variables"].get(f"msports_roles__seen_{item['host']}", ())}
    assert len(told & set(TEN.items())) >= 9, sorted(set(TEN.items()) - told)
    assert [item["text"] for item in found["suggestions"] if item["kind"] == "allow"] == []
    assert found["findings"], "and each finding says why"
    assert all(item["why_not"] and item["remedy"] for item in found["findings"] if item["verdict"] == "not_allowed")


def one(host: str, peer: str, port: int, direction: str = "in", protocol: str = "tcp") -> Observation:
    return Observation(host, direction, peer, protocol, port, "session", "passed", "thing", 1, DAY, DAY)


@pytest.mark.parametrize(
    ("item", "kind", "variables"),
    [
        # from where it is managed; clients of another network; a port that a setting gives
        (one("linux01", "10.99.0.7", 22), "network", {"msports_management__seen_linux01": {"from": ["10.99.0.7"]}}),
        (one("mp01", "10.30.0.7", 10123), "network", {"msports_networks__seen": {"configmgr.client": ["10.30.0.7"]}}),
        # what no catalog knows
        (
            one("linux01", "10.1.3.10", 5432),
            "allow",
            {"msports_allow__seen_linux01": [{"name": "tcp/5432 from dc01", "in": "tcp/5432", "from": ["10.1.3.10"]}]},
        ),
    ],
)
def test_the_rungs_of_the_ladder_are_never_wider_than_what_was_seen(item: Observation, kind: str, variables: Plain) -> None:
    [found] = _compile.judge_observations(small_company.planned()[1], [item])["suggestions"]
    assert found["kind"] == kind
    if kind == "allow":
        [[entry]], [[expected]] = found["variables"].values(), variables.values()
        assert found["variables"].keys() == variables.keys()
        assert entry["because"] == f"seen once on {DAY}, served by thing"
        assert entry["owner"] == "not named yet: who answers for thing at linux01"
        assert entry["until"] == "2027-02-26"
        assert entry.items() >= expected.items()
    else:
        assert found["variables"] == variables


def test_what_is_suggested_is_taken_by_the_inventory() -> None:
    """Entries as they are suggested, and put where they are suggested, make a plan that allows what was seen, and nothing else; nothing is hidden."""
    item, other = one("linux01", "10.1.2.10", 5432), one("linux01", "10.77.1.5", 6432)
    found = _compile.judge_observations(small_company.planned()[1], [item, other])["inventory"]
    assert {place: list(variables) for place, variables in found.items()} == {"host_vars/linux01": ["msports_allow__seen_linux01"]}
    inventory = copy.deepcopy(company())
    inventory["hosts"]["linux01"]["vars"].update(found["host_vars/linux01"])
    before, plan = small_company.planned()[1], _compile.compile_plan(inventory)
    names = {rule["name"] for rule in before["hosts"]["linux01"]["rules"]}
    assert names < {rule["name"] for rule in plan["hosts"]["linux01"]["rules"]}
    judge = Judge(PlanIndex(plan))
    assert judge.judge(other).verdict == "allowed"
    assert not _compile.judge_observations(plan, [item])["suggestions"] or judge.judge(item).why == "exca01 has no rule that lets it out"
    assert judge.judge(one("linux01", "10.1.2.11", 5432)).verdict == judge.judge(one("linux01", "10.1.2.10", 5433)).verdict == "not_allowed"


def test_no_address_is_lost_where_two_findings_read_the_same() -> None:
    """A text names three addresses. Together the suggestions are an inventory that compiles, and after which nothing is left to suggest."""
    near = [f"192.168.7.{number}" for number in range(1, 40, 2)]
    seen = [(address, outcome) for address in near for outcome in ("passed", "unknown")] + [("192.168.9.1", "passed"), ("192.168.9.3", "unknown")]
    items = [one("linux01", address, 54321)._replace(outcome=outcome) for address, outcome in seen]
    inventory = copy.deepcopy(company())
    found = _compile.judge_observations(_compile.compile_plan(inventory), items)
    assert len(found["findings"]) == 2 and len({item["text"] for item in found["suggestions"]}) == 1
    inventory["hosts"]["linux01"]["vars"].update(found["inventory"]["host_vars/linux01"])
    left = _compile.judge_observations(_compile.compile_plan(inventory), items)
    assert (left["findings"], left["suggestions"]) == ([], [])
