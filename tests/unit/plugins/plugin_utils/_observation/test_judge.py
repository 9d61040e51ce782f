# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says of observations: the verdicts agree with the questions, what is uncertain is not guessed, and memory stays bounded."""

from __future__ import annotations

import collections
import random
import sys
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import parse_ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation import judge as judging
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.judge import judge
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import Observation
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.verdict import Judge
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.plain import judgement_as_dict
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import PlanIndex
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import host, peer, plan, rule

MP, SQL, OUTSIDE = "10.1.1.20", "10.1.1.11", "10.7.7.7"
CLIENTS = "10.20.0.0/16"


def small(**sql: t.Any) -> dict[str, t.Any]:
    return plan(
        {
            "mp01": host(rule("out", "tcp", "sql", ["1433"]), rule("in", "tcp", "clients", ["443"]), at=[MP]),
            "sql01": host(rule("in", "tcp", "mp", ["1433"]), at=[SQL], **sql),
            "win01": host(
                rule("in", "tcp", "mp", ["49152-65535"], rpc=True),
                rule("in", "udp", "clients", ["69"], helper="tftp"),
                rule("in", "udp", "clients", ["5355"], local="group", delivery="multicast"),
                at=["10.1.1.30"],
                system="windows",
            ),
            "twin01": host(at=["10.1.1.40"]),
            "twin02": host(rule("out", "tcp", "sql", ["1433"]), at=["10.1.1.40"]),
        },
        {"sql": [SQL], "mp": [MP, "10.1.1.40", "10.1.1.51"], "clients": [CLIENTS], "group": ["224.0.0.252"]},
        peers={"web01": peer("10.1.1.50"), "web02": peer("10.1.1.51")},
    )


def seen(host: str, peer: str, port: t.Optional[int], protocol: str = "tcp", direction: str = "in", **fields: t.Any) -> Observation:
    found = Observation(host, direction, peer, protocol, port, "session", "passed", "", 1, "2026-11-28", "2026-11-28")
    return found._replace(**fields)


@pytest.mark.parametrize(
    ("item", "verdict", "cut", "why"),
    [
        (seen("sql01", MP, 1433), "allowed", False, ""),
        (seen("mp01", SQL, 1433, direction="out"), "allowed", False, ""),
        (seen("sql01", OUTSIDE, 1433), "not_allowed", True, "sql01 has no rule that admits it"),
        (seen("sql01", MP, 3389), "not_allowed", True, "mp01 has no rule that lets it out and sql01 has no rule that admits it"),
        (seen("mp01", OUTSIDE, 443, direction="out"), "not_allowed", False, "mp01 has no rule that lets it out"),  # nothing stops what goes out there
        (seen("mp01", MP, 9999), "allowed", False, ""),  # a host and itself
        (seen("win01", "10.1.1.51", 50000), "uncertain", False, "dynamic RPC"),
        (seen("win01", "10.20.0.9", 50000, "udp"), "uncertain", False, "tftp"),
        (seen("win01", "10.20.0.9", 1000, "udp"), "not_allowed", False, "no rule"),  # Windows keeps the default that it has
        (seen("win01", "10.20.0.9", 5355, "udp"), "uncertain", False, "multicast group"),
        (seen("sql01", "db.example.com", 1433), "uncertain", False, "names are not looked up"),
        (seen("sql01", "10.1.1.0/24", 1433), "uncertain", False, "10.1.1.0/24 is not one address"),  # a rule admits one of them, and not the others
        (seen("sql01", "10.1.1.40", 1433), "uncertain", False, "twin01, twin02"),
        (seen("web01", "10.1.1.51", 80), "uncertain", False, "manages neither"),
        (seen("gone01", MP, 80), "uncertain", False, "does not know gone01"),
        (seen("sql01", "", 1433, seen="listener"), "allowed", False, ""),
        (seen("sql01", "", 3389, seen="listener"), "not_allowed", True, "admits anybody"),
    ],
)
def test_verdicts(item: Observation, verdict: str, cut: bool, why: str) -> None:
    found = Judge(PlanIndex(small())).judge(item)
    assert (found.verdict, found.cut) == (verdict, cut)
    assert why in found.why


def test_a_verdict_is_what_the_question_says() -> None:
    """On everything that is certain, judging and asking are one: the same rules of both ends."""
    of = small()
    asked, judge_ = AllowedSet(of), Judge(PlanIndex(of))
    chosen = random.Random(5)
    ends = {"mp01": MP, "sql01": SQL, "win01": "10.1.1.30", "web01": "10.1.1.50", OUTSIDE: OUTSIDE, "10.20.0.9": "10.20.0.9"}
    certain = 0
    for _turn in range(600):
        name, other = chosen.choice(("mp01", "sql01", "win01", "web01")), chosen.choice(tuple(ends))
        port, direction = chosen.choice((443, 1433, 69, 80)), chosen.choice(("in", "out"))
        found = judge_.judge(seen(name, ends[other], port, direction=direction))
        if found.verdict != "uncertain" and name != other:
            certain += 1
            question = (other, name) if direction == "in" else (name, other)
            assert (found.verdict == "allowed") == asked.allows(*question, "tcp", port), (name, other, port, direction)
    assert certain > 300


def drawn(chosen: random.Random) -> dict[str, t.Any]:
    """A plan by chance: sets that overlap, touch and hold single addresses, of both families; hosts that share an address, that have none or two."""

    def addresses() -> list[str]:
        found = [f"10.0.0.{first}-10.0.0.{first + chosen.randrange(20)}" for first in (chosen.randrange(60), chosen.randrange(60))]
        return found[: chosen.randrange(3)] + [f"fd00::{chosen.randrange(9)}"] * chosen.randrange(2)

    def rules() -> list[dict[str, t.Any]]:
        ports = [[f"{port}"], [f"{port}-{port + 2}"]][chosen.randrange(2)] if (port := chosen.randrange(1, 6)) else []
        found = [rule(chosen.choice(("in", "out")), "tcp", f"set{chosen.randrange(5)}", ports) for _number in range(chosen.randrange(5))]
        return list({item["name"]: item for item in found}.values())

    def at() -> list[str]:
        return chosen.sample(["10.0.0.5", "10.0.0.6", "10.0.0.30", "10.0.0.61", "fd00::1", "fd00::7"], chosen.randrange(3))

    return plan({f"host{number}": host(*rules(), at=at()) for number in range(4)}, {f"set{number}": addresses() for number in range(5)}, {"out0": peer(*at())})


def naive(of: t.Mapping[str, t.Any], item: Observation) -> str:
    """The verdict of one observation by itself: every owner of the address, every rule of both ends, address by address."""

    def admitted(name: str, direction: str, others: t.Sequence[str]) -> t.Optional[bool]:
        if name not in of["hosts"]:
            return None
        found = [rule for rule in of["hosts"][name]["rules"] if rule["direction"] == direction]
        ports = [(rule, parse_ports(rule["local_ports" if direction == "in" else "remote_ports"])) for rule in found]
        matching = [rule for rule, spans in ports if any(first <= (item.port or 0) <= last for first, last in spans)]
        return any(other in Addresses.parse(of["sets"][rule["remote"]]["addresses"]) for rule in matching for other in others)

    ends = {**of["peers"], **of["hosts"]}
    owners = [name for name, entry in ends.items() if item.peer in entry["addresses"]]
    if item.host in owners:
        return "allowed"
    family = [text for text in ends[item.host]["addresses"] if (":" in text) == (":" in item.peer)]
    verdicts = set()
    for owner in owners or [""]:
        says = {admitted(item.host, item.direction, [item.peer]), admitted(owner, "out" if item.direction == "in" else "in", family)} - {None}
        verdicts.add("uncertain" if not says else "allowed" if says == {True} else "not_allowed")
    return verdicts.pop() if len(verdicts) == 1 else "uncertain"


def test_judging_many_says_what_judging_each_by_itself_says() -> None:
    """Alike questions are answered once: an answer that is remembered is that of a judge who was never asked before, and that of plain arithmetic."""
    chosen = random.Random(11)
    told = collections.Counter[str]()
    for _plan in range(60):
        of = drawn(chosen)
        together = Judge(PlanIndex(of))
        for _turn in range(60):
            address = chosen.choice((f"10.0.0.{chosen.randrange(90)}", f"fd00::{chosen.randrange(9)}"))
            item = seen(chosen.choice(("host0", "host1", "host2", "host3", "out0")), address, chosen.randrange(9), direction=chosen.choice(("in", "out")))
            found = together.judge(item)
            assert found == Judge(PlanIndex(of)).judge(item)
            assert found.verdict == naive(of, item), (item, of)
            told[found.verdict] += 1
    assert min(told[verdict] for verdict in ("allowed", "not_allowed", "uncertain")) > 100, told


@pytest.mark.parametrize(
    ("outcome", "planned", "word"),
    [
        ("passed", True, "permitted"), ("passed", False, "passed_though_not_planned"),
        ("dropped", True, "stopped_though_planned"), ("dropped", False, "stopped_as_planned"), ("unknown", False, "not_planned"),
    ],
)  # fmt: skip
def test_words(outcome: str, planned: bool, word: str) -> None:
    found = judge(PlanIndex(small()), [seen("sql01", MP if planned else OUTSIDE, 1433, outcome=outcome)])
    assert found.counts == {word: 1}
    assert [item.word for item in found.findings] == ([] if word == "permitted" else [word])


@pytest.mark.parametrize(("default", "cut"), [(None, True), ("block", True), ("reject", True), ("allow", False), ("keep", False)])
def test_only_a_default_that_stops_something_cuts(default: t.Optional[str], cut: bool) -> None:
    [found] = judge(PlanIndex(small(default_inbound=default)), [seen("sql01", OUTSIDE, 1433)]).findings
    assert found.cut is cut


def test_alike_things_are_one_finding_with_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "PEERS", 10)
    items = [seen("sql01", f"10.7.0.{number}", 1433, process="sqlservr") for number in range(12)]
    [found] = judge(PlanIndex(small()), [*items, *items[:3]]).findings
    assert (len(found.peers), found.more, found.times, found.processes) == (10, 2, 15, ("sqlservr",))
    monkeypatch.setattr(judging, "FINDINGS", 2)
    many = judge(PlanIndex(small()), [seen("sql01", OUTSIDE, port) for port in (1, 2, 3, 4)])
    assert (len(many.findings), many.left_out, many.counts) == (2, 2, {"passed_though_not_planned": 4})
    told = judgement_as_dict(many, {}, ["sql01 tcp/1"])
    assert told["accepted"] == ["sql01 tcp/1"] and len(told["refused"]) == 2
    assert told["refused"][0].startswith(f"{OUTSIDE} -> sql01 tcp/2") and told["refused"][1].startswith("2 observations are beyond")


LONG = {"conversations": ["2026-10-29", "2026-11-28"]}


def test_a_rule_is_unused_only_at_a_host_that_was_watched_for_the_whole_window() -> None:
    index = PlanIndex(small())
    early = {"first": "2026-10-30", "last": "2026-11-28"}
    items = [seen("mp01", "10.20.0.9", 443, **early), seen("sql01", "", 1433, seen="listener", **early), seen("win01", OUTSIDE, 1, **early)]
    watched = {"mp01": LONG, "sql01": LONG, "win01": {"conversations": ["2026-11-20", "2026-11-28"]}, "twin01": {"conversations": ["2026-10-01", "2026-11-27"]}}
    found = judging.unused(index, judge(index, items), watched, 30)
    assert found["rules"] == {"mp01": ["out tcp/1433 to sql"], "sql01": ["in tcp/1433 from mp"]}, "a listener uses no rule"
    assert found["not_observed"] == ["twin01", "twin02", "win01"], "a first and a last look are not all that lies between them"
    assert judging.unused(index, judge(index, [*items, seen("sql01", MP, 1433)]), watched, 30)["rules"] == {}
    assert "sql01" in judging.unused(index, judge(index, items), watched, 31)["not_observed"], "never from a shorter one"


def test_learned_conversations_say_nothing_of_other_rules_and_what_may_use_a_rule_uses_it() -> None:
    of = small()
    of["hosts"]["sql01"]["rules"].append(rule("in", "icmp_echo", "mp"))
    index = PlanIndex(of)
    watched = dict.fromkeys(of["hosts"], LONG)
    found = judging.unused(index, judge(index, []), watched, 30)
    assert found["unknown"] == {"sql01": ["in icmp_echo from mp"]} and found["rules"]["sql01"] == ["in tcp/1433 from mp"]
    counted = judging.unused(index, judge(index, []), {"sql01": {"counters": LONG["conversations"]}}, 30)
    assert counted["rules"] == {"sql01": ["in tcp/1433 from mp", "in icmp_echo from mp"]} and not counted["unknown"]
    for item, name in (
        (seen("win01", "10.20.0.9", 5355, "udp"), "in udp/5355 from clients"),  # perhaps the multicast group
        (seen("win01", "10.20.0.9", 50000, "udp"), "in udp/69 from clients"),  # perhaps an answer
        (seen("win01", "10.1.1.51", 50000), "in tcp/49152-65535 from mp"),  # perhaps dynamic RPC
        (seen("sql01", "10.1.1.40", 1433), "in tcp/1433 from mp"),  # perhaps the one of two hosts
    ):
        assert name in [unused for names in found["rules"].values() for unused in names]
        assert name not in judging.unused(index, judge(index, [item]), watched, 30)["rules"].get(item.host, [])


def test_a_counter_uses_its_rule_and_is_no_finding() -> None:
    """The counter of a rule that the plan has no more says nothing, of an earlier plan or of the other direction."""
    index = PlanIndex(small())
    watched, whole = [seen("sql01", "", 1433, seen="listener")], {"sql01": {"counters": LONG["conversations"]}}
    counter = Observation("sql01", "in", "", "any", None, "counter", "passed", "", 7, "2026-11-28", "2026-11-28", "in tcp/1433 from mp")
    assert judging.unused(index, judge(index, watched), whole, 30)["rules"] == {"sql01": ["in tcp/1433 from mp"]}
    for more, unused in (
        (counter, {}),
        (counter._replace(outcome="dropped"), {}),
        (counter._replace(direction="out"), None),
        (counter._replace(rule="x"), None),
    ):
        found = judge(index, [*watched, more])
        assert judging.unused(index, found, whole, 30)["rules"] == ({"sql01": ["in tcp/1433 from mp"]} if unused is None else unused)
        assert (found.findings, found.counts) == (judge(index, watched).findings, judge(index, watched).counts)


def test_impact_names_what_two_plans_treat_differently() -> None:
    after = small()
    after["hosts"]["sql01"]["rules"] = [rule("in", "tcp", "clients", ["1433"])]
    items = [seen("sql01", MP, 1433), seen("sql01", "10.20.0.9", 1433), seen("sql01", OUTSIDE, 1433), seen("mp01", "10.20.0.9", 443)]
    found = judging.impact(PlanIndex(small()), PlanIndex(after), items)
    assert [(item.source, item.destination) for item in found["stopped"].findings] == [("mp01", "sql01")]
    assert [item.why for item in found["admitted"].findings] == ["sql01 has no rule that admits it"]
    assert not found["uncertain"].findings


def test_judging_grows_with_what_is_seen_and_not_faster() -> None:
    """Ten times as many observations take about ten times as many calls, which, unlike seconds, are the same on every machine."""
    index = PlanIndex(small())

    def calls(number: int) -> int:
        items = [seen("sql01", f"10.{each >> 14 & 255}.{each >> 6 & 255}.{each & 63}", 1433) for each in range(number)]
        counted = 0

        def count(_frame: t.Any, event: str, _what: t.Any) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            judge(index, items)
        finally:
            sys.setprofile(before)
        return counted

    calls(500)
    assert calls(20000) / calls(2000) < 12
