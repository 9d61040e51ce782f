# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows and the nftables rendering of a host allow the same: for every host of the sample estate, and of generated estates.

What is compared, and what is not:

* Both renderings come from one plan. Each is evaluated from what its backend gets: the text for ``nft -f``, and the properties of Windows rules.
  The two evaluators share no code with the renderers, nor with each other; only the algebra that compares is one.
* The rules of the plan are compared exactly, as sets of (direction, family, protocol, peer, own address, both ports), inbound and, as if every
  host were strict, outbound. Beside that, packets at and beyond every edge are judged by whole rulesets with their defaults.
* ``RPC`` stands for the host's dynamic ports, and being bound to the endpoint mapper's service narrows nothing there.
* The base rules of nftables have no counterpart: Windows has its own, and packets that they admit are not judged.
* The TFTP helper of a strict server stands for its answers from dynamic ports, which are a rule on Windows. The helper admits fewer of them: those
  of a request that was made. That of a client, and the one for NetBIOS, admit answers only, which are no first packets.
* Inbound is blocked on both, since allow rules mean nothing elsewhere, and nftables does not load them.
"""

from __future__ import annotations

import functools
import typing as t

import pytest
from hypothesis import HealthCheck, given, settings

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import render as nft_render
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import table as nft_table
from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import desired
from ansible_collections.portcullis.msports.tests.unit import small_company
from ansible_collections.portcullis.msports.tests.unit.equality import boxes, nftables_text, windows_rules
from ansible_collections.portcullis.msports.tests.unit.goldens import regenerate
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.drawn_estates import Estate
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.generated_estates import ESTATES

Plain = dict[str, t.Any]


def as_asked(plan: Plain, name: str, strict: bool) -> Plain:
    """Return the plan with the host's defaults as they are compared: inbound blocked, outbound blocked where ``strict``."""
    host = plan["hosts"][name]
    return {**plan, "hosts": {name: {**host, "default_inbound": None, "default_outbound": "block" if strict else host["default_outbound"]}}}


def nft_text(plan: Plain, name: str) -> str:
    options = render(plan, name, "nftables")
    rules, problems = _ruleset.check(options["rules"], options["address_sets"])
    assert problems == []
    made = nft_render.render(rules, options["address_sets"], options["default_inbound"], options["default_outbound"], "msports")
    assert made.problems == []
    return nft_table.text(made.table, "msports")


def windows_rows(plan: Plain, name: str) -> list[Plain]:
    wanted = desired.desire({**desired.OPTIONS, **render(plan, name, "windows")})
    assert wanted.warnings == []
    return [item.columns for item in wanted.rules.values()]


def dynamic_ports(inventory: Plain, name: str) -> boxes.Spans:
    first, _dash, last = inventory["hosts"][name]["vars"].get("msports_dynamic_ports", "49152-65535").partition("-")
    return ((int(first), int(last)),)


class Both(t.NamedTuple):
    """One host's two rulesets, read back from text and from rows."""

    nftables: nftables_text.Ruleset
    windows: windows_rules.Ruleset
    dynamic: boxes.Spans

    def differences(self) -> list[str]:
        return boxes.difference(self.nftables.planned(self.dynamic), self.windows.planned())

    def misjudged(self) -> list[str]:
        """Return the packets at the edges of either side's rules that only one lets through."""
        packets = dict.fromkeys(boxes.corners([*self.nftables.planned(self.dynamic), *self.windows.planned()]))
        answers = self.answers()
        return [str(packet) for packet in packets if not self._base(packet) and self.windows.verdict(packet) != self._linux(packet, answers)]

    def _base(self, packet: boxes.Packet) -> bool:
        base = f"base_{packet.direction}"
        return base in self.nftables.chains and self.nftables.accepted_by(base, packet)

    def _linux(self, packet: boxes.Packet, answers: t.Sequence[boxes.Box]) -> bool:
        return self.nftables.verdict(packet) or any(box.holds(packet) for box in answers)

    def answers(self) -> tuple[boxes.Box, ...]:
        """Return what the TFTP helper of a strict server stands for."""
        helped = {rule.comment for rule in self.nftables.chains.get("rules_in", ()) if rule.helper == "tftp"}
        return tuple(box for box in self.nftables.planned(self.dynamic) if box.direction == "out" and box.rule in helped)


def both(plan: Plain, inventory: Plain, name: str, strict: bool) -> Both:
    asked = as_asked(plan, name, strict)
    outbound = "block" if asked["hosts"][name]["default_outbound"] == "block" else "allow"
    dynamic = dynamic_ports(inventory, name)
    linux = nftables_text.Ruleset(nft_text(asked, name))
    return Both(linux, windows_rules.Ruleset(windows_rows(asked, name), "block", outbound, dynamic), dynamic)


@pytest.mark.parametrize("strict", [False, True], ids=["as declared", "strict"])
def test_every_host_of_the_lab_means_the_same_on_both(strict: bool) -> None:
    inventory, plan = small_company.planned()
    found = {name: both(plan, inventory, name, strict) for name in plan["hosts"]}
    assert {name: wrong for name, rulesets in found.items() if (wrong := rulesets.differences() + rulesets.misjudged())} == {}


def test_the_lab_is_worth_comparing() -> None:
    """Every sort of rule is in it: keywords, answers by TFTP, ranges, both families, own addresses, protocols without ports."""
    inventory, plan = small_company.planned()
    rows = [row for name in plan["hosts"] for row in windows_rows(as_asked(plan, name, True), name)]
    assert len(plan["hosts"]) >= 16 and len(rows) > 500
    ports = {row.get("local_ports", "") for row in rows}
    assert {"RPC", "135", "49152-65535"} <= ports
    assert {1, 6, 17, 58, 256} == {row["protocol"] for row in rows}
    assert any(row.get("local_addresses", "*") != "*" for row in rows) and any(":" in row["remote_addresses"] for row in rows)
    assert {row["direction"] for row in rows} == {1, 2}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ESTATES)
def test_generated_estates_mean_the_same_on_both(estate: Estate) -> None:
    inventory = estate.plain()
    plan = _compile.compile_plan(inventory)
    for name in plan["hosts"]:
        found = both(plan, inventory, name, True)
        assert found.differences() == [], name


@pytest.mark.parametrize("name", sorted(regenerate.estates()))
def test_the_estates_of_the_goldens_mean_the_same_on_both(name: str) -> None:
    inventory = regenerate.inventory(regenerate.estates()[name])
    plan = _compile.compile_plan(inventory)
    for host in plan["hosts"]:
        found = both(plan, inventory, host, True)
        assert (found.differences(), found.misjudged()) == ([], []), host


# --- the comparison can fail -----------------------------------------------------------------------------------------


def mutated(row: Plain, **changes: t.Any) -> Plain:
    return {**row, **changes}


# What was done to a rule of Windows -> how.
MUTATIONS: dict[str, t.Callable[[Plain], t.Optional[Plain]]] = {
    "another direction": lambda row: mutated(row, direction=3 - row["direction"]) if row.get("local_ports", "*") != row.get("remote_ports", "*") else None,
    "a port more": lambda row: (
        mutated(row, local_ports=row["local_ports"] + ",4444") if row.get("local_ports", "*")[0].isdigit() and "service" not in row else None
    ),
    "any port": lambda row: mutated(row, local_ports="*") if row.get("local_ports", "*") != "*" and "service" not in row else None,
    "a port beside": lambda row: mutated(row, local_ports="444") if row.get("local_ports") == "443" else None,
    "the endpoint mapper's ports for dynamic ones": lambda row: mutated(row, local_ports="RPC-EPMap") if row.get("local_ports") == "RPC" else None,
    "an address less": lambda row: mutated(row, remote_addresses=row["remote_addresses"].rpartition(",")[0]) if "," in row["remote_addresses"] else None,
    "an address more": lambda row: (
        mutated(row, remote_addresses=row["remote_addresses"] + ",192.0.2.1,2001:db8::1") if row["remote_addresses"] != "*" else None
    ),
    "everybody": lambda row: mutated(row, remote_addresses="*") if row["remote_addresses"] != "*" else None,
    "another protocol": lambda row: (
        mutated(row, protocol=23 - row["protocol"]) if row["protocol"] in (6, 17) and "RPC" not in row.get("local_ports", "") else None
    ),
    "no own address": lambda row: mutated(row, local_addresses="*") if row.get("local_addresses", "*") != "*" else None,
    "not enabled": lambda row: mutated(row, enabled=False),
}


def _without_twins(rows: list[Plain]) -> list[Plain]:
    """Return the rules that alone admit what they admit: to change another one may change nothing."""
    told = [(row["direction"], row["protocol"], row.get("local_ports"), row.get("remote_ports")) for row in rows]
    whole = {row["direction"] for row in rows if row["protocol"] == 256}
    return [row for row, one in zip(rows, told, strict=True) if told.count(one) == 1 and row["direction"] not in whole]


@functools.cache
def strict_host(name: str) -> tuple[list[Plain], nftables_text.Ruleset, boxes.Spans]:
    """Return both rulesets of a host of the company, which all mutations start from."""
    inventory, plan = small_company.planned()
    asked = as_asked(plan, name, True)
    return windows_rows(asked, name), nftables_text.Ruleset(nft_text(asked, name)), dynamic_ports(inventory, name)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_rule_that_says_something_else_is_seen(mutation: str) -> None:
    """Every one is seen by the comparison of sets, and some by judging packets, which stand at edges of one peer."""
    seen, misjudged = 0, False
    for name in small_company.planned()[1]["hosts"]:
        rows, linux, dynamic = strict_host(name)
        changed = [(row, made) for row in _without_twins(rows) if (made := MUTATIONS[mutation](row))]
        for row, made in changed[:: len(changed) // 2 + 1]:
            others = [made if other is row else other for other in rows]
            found = Both(linux, windows_rules.Ruleset(others, "block", "block", dynamic), dynamic)
            assert found.differences() != [], f"{name}: {row['name']}"
            seen += 1
            misjudged = misjudged or seen <= 5 and found.misjudged() != []
    assert seen and misjudged, (seen, misjudged)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ip saddr 10.20.0.0/16 tcp dport 443 ", "ip saddr 10.20.0.0/15 tcp dport 443 "),
        ("tcp dport 443 counter accept", "tcp dport 443-444 counter accept"),
        ("ip saddr 10.20.0.0/16 udp dport 4011 counter accept", "ip saddr 10.20.0.0/16 tcp dport 4011 counter accept"),
        ("udp sport { 67, 4011 } udp dport 68", "udp dport 68"),
        ('udp dport 69 counter ct helper set "tftp" accept', "udp dport 69 counter accept"),
        ("ip daddr { 10.20.0.0/16, 255.255.255.255 }", "ip daddr { 10.20.0.0/16 }"),
    ],
)
def test_a_text_that_says_something_else_is_seen(old: str, new: str) -> None:
    inventory = regenerate.inventory(regenerate.estates()["pxe"])
    plan = as_asked(_compile.compile_plan(inventory), "dp01", True)
    text = nft_text(plan, "dp01")
    assert old in text
    windows = windows_rules.Ruleset(windows_rows(plan, "dp01"), "block", "block")
    assert Both(nftables_text.Ruleset(text), windows, nftables_text.DYNAMIC).differences() == []
    assert Both(nftables_text.Ruleset(text.replace(old, new)), windows, nftables_text.DYNAMIC).differences() != []


# --- the evaluators refuse what they do not know -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"profiles": 1},
        {"edge": 1},
        {"secure": 2},
        {"users": "S-1-5-18"},
        {"interfaces": ["Ethernet"]},
        {"interface_types": "Lan"},
        {"program": "c:\\a.exe"},
        {"program": "%SystemRoot%\\system32\\svchost.exe", "service": "RpcSs"},
        {"remote_addresses": "0.0.0.0/0"},
        {"remote_addresses": "LocalSubnet"},
        {"remote_ports": "RPC"},
        {"protocol": 47},
        {"protocol": 256, "local_ports": "1"},
        {"protocol": 1, "icmp": "*"},
        {"action": 0},
    ],
    ids=str,
)
def test_windows_rules_that_hold_only_sometimes_are_refused(changes: Plain) -> None:
    row = {"name": "x", "enabled": True, "direction": 1, "protocol": 6, "local_ports": "443", "remote_addresses": "10.0.0.0/255.0.0.0"}
    assert len(windows_rules.Ruleset([row]).planned()) == 1
    with pytest.raises((windows_rules.Unreadable, ValueError)):
        windows_rules.Ruleset([{**row, **changes}]).planned()


@pytest.mark.parametrize(
    "line", ["tcp dport 1 drop", "tcp dport != 1 accept", "meta mark 1 accept", "ct state new accept", 'udp dport 1 ct helper set "x" accept']
)
def test_nftables_text_that_is_not_known_is_refused(line: str) -> None:
    text = f'table inet t\ndelete table inet t\ntable inet t {{\n\tchain rules_in {{\n\t\t{line} comment "x"\n\t}}\n}}\n'
    with pytest.raises((nftables_text.Unreadable, ValueError)):
        nftables_text.Ruleset(text).planned()


def test_windows_spellings_of_addresses_are_one() -> None:
    def row(text: str) -> list[boxes.Box]:
        return windows_rules.Ruleset([{"name": "x", "enabled": True, "protocol": 6, "remote_addresses": text}]).planned()

    assert boxes.difference(row("10.0.0.0/24"), row("10.0.0.0/255.255.255.128,10.0.0.128-10.0.0.254,10.0.0.255/255.255.255.255,")) == []
    told = "only left: in tcp IPv4 own port 0-65535, their port 0-65535, peers 10.0.0.128-10.0.0.255"
    assert boxes.difference(row("10.0.0.0/24"), row("10.0.0.0/255.255.255.128")) == [told]


def test_a_block_wins_on_windows_whatever_allows() -> None:
    rows = [{"name": "a", "enabled": True, "protocol": 6}, {"name": "b", "enabled": True, "protocol": 6, "action": 0, "local_ports": "22"}]
    ruleset = windows_rules.Ruleset(rows)
    packet = boxes.Packet("in", 4, "tcp", 1, 2, 1024, 22)
    assert not ruleset.verdict(packet) and ruleset.verdict(packet._replace(local_port=23)) and not ruleset.verdict(packet._replace(kind="udp"))
    assert ruleset.verdict(packet._replace(direction="out"))
