# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a plan's host to the options of win_firewall_ruleset."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import UnsupportedRuleError
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._render import windows as windows_
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.desired import OPTIONS, desire
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

SETS = {
    "one": ["10.0.0.1"],
    "many": ["10.0.0.1", "10.0.0.5"],
    "any": ["any"],
    "nobody": [],
    "groups": ["239.0.0.1"],
    "everyone by IPv4": ["0.0.0.0/0"],
    "everyone by IPv6": ["::/0"],
}


def rendered(*rules: Plain, sets: t.Optional[t.Mapping[str, t.Any]] = None, **fields: t.Any) -> Plain:
    return render(plan({"till": host(*rules, system="windows", **fields)}, SETS if sets is None else sets), "till", "windows")


def names(*rules: Plain, **fields: t.Any) -> list[str]:
    return [item["name"] for item in rendered(*rules, **fields)["rules"]]


IN, OUT = rule("in", "tcp", "one", ["443"]), rule("out", "tcp", "one", ["443"])
TFTP_CLIENT = rule("out", "udp", "one", ["69"], helper="tftp")
TFTP_SERVER = rule("in", "udp", "many", ["69"], helper="tftp")
RPC = rule("in", "tcp", "one", ["50000-51000"], rpc=True)


@pytest.mark.parametrize("outbound", ["keep", "allow", "block"])
def test_outbound_rules_are_for_strict_hosts(outbound: str) -> None:
    strict = ["out tcp/443 to one", "out udp/69 to one"] if outbound == "block" else []
    assert names(IN, OUT, TFTP_CLIENT, default_outbound=outbound) == ["in tcp/443 from one", *strict]


@pytest.mark.parametrize(("declared", "inbound"), [(None, "keep"), ("block", "block"), ("allow", "allow"), ("keep", "keep")])
def test_inbound_is_kept_where_nobody_said_anything(declared: t.Optional[str], inbound: str) -> None:
    assert rendered(default_inbound=declared)["default_inbound"] == inbound


@pytest.mark.parametrize("outbound", ["keep", "allow", "block"])
def test_the_outbound_default_and_management_go_along(outbound: str) -> None:
    found = rendered(default_outbound=outbound)
    assert (found["default_outbound"], found["management"]) == (outbound, {"addresses": ["10.9.0.0/24"], "ports": ["22"]})


def test_a_whole_rule() -> None:
    assert rendered(rule("in", "udp", "many", ["5000"], remote_ports=["6000"], local="groups"))["rules"] == [
        {
            "name": "in udp/5000 from many",
            "direction": "in",
            "action": "allow",
            "protocol": "udp",
            "local_ports": ["5000"],
            "remote_ports": ["6000"],
            "remote_addresses": ["@many"],
            "local_addresses": ["239.0.0.1"],
            "description": "shop.flow (page#table row 1)",
        }
    ]


@pytest.mark.parametrize(
    ("given_rule", "expected"),
    [
        (RPC, [("", ["RPC"], None)]),
        (rule("out", "tcp", "one", ["50000-51000"], rpc=True), [("", [], None)]),
        (rule("in", "tcp", "one", ["135"]), [("", ["135"], "RpcSs")]),
        (rule("in", "tcp", "one", ["80", "135"]), [("", ["80"], None), (" [endpoint mapper]", ["135"], "RpcSs")]),
        (rule("in", "tcp", "one", ["130-140"]), [("", ["130-140"], None)]),  # a range stays one, and the port in it is admitted
        (rule("in", "udp", "one", ["135"]), [("", ["135"], None)]),
        (rule("out", "tcp", "one", ["135"]), [("", [], None)]),
    ],
    ids=["rpc in", "rpc out", "135 in", "135 and others in", "135 in a range", "135 udp", "135 out"],
)
def test_the_keyword_is_for_inbound_tcp_and_only_the_endpoint_mapper_is_bound(given_rule: Plain, expected: list[t.Any]) -> None:
    found = rendered(given_rule, default_outbound="block")["rules"]
    assert [(item["name"], item["local_ports"], item.get("service")) for item in found] == [(given_rule["name"] + end, *rest) for end, *rest in expected]
    assert all(item["remote_ports"] == given_rule["remote_ports"] for item in found)
    assert {item.get("program") for item in found if item.get("service")} <= {"%SystemRoot%\\system32\\svchost.exe"}


def test_a_strict_tftp_server_answers_from_its_dynamic_ports_to_any_port() -> None:
    found = rendered(TFTP_SERVER, default_outbound="block", dynamic_ports=["50000-51000"])
    answers = next(item for item in found["rules"] if item["name"] == "out udp to many port 50000-51000 [tftp]")
    assert {key: answers[key] for key in ("direction", "protocol", "local_ports", "remote_ports", "remote_addresses")} == {
        "direction": "out",
        "protocol": "udp",
        "local_ports": ["50000-51000"],  # as the inventory says, whether a rule for dynamic RPC is there or not
        "remote_ports": [],
        "remote_addresses": ["@many"],
    }
    assert "helper" not in answers
    assert rendered(TFTP_SERVER, default_outbound="block")["rules"][1]["local_ports"] == ["49152-65535"]
    assert names(TFTP_SERVER) == ["in udp/69 from many"]


def test_all_addresses_of_a_family_are_two_halves_and_any_stays_any() -> None:
    found = rendered(*(rule("in", "tcp", name, ["1"]) for name in ("everyone by IPv4", "everyone by IPv6", "any")))
    assert found["address_sets"] == {"everyone by IPv4": ["0.0.0.0/1", "128.0.0.0/1"], "everyone by IPv6": ["::/1", "8000::/1"]}
    assert [item["remote_addresses"] for item in found["rules"]] == [["@everyone by IPv4"], ["@everyone by IPv6"], ["any"]]


@pytest.mark.parametrize("fields", [{"remote": "nobody"}, {"local": "nobody"}])
@pytest.mark.parametrize("backend", ["nftables", "windows"])
def test_an_empty_set_renders_nothing(fields: Plain, backend: str) -> None:
    found = render(plan({"till": host({**IN, **fields})}, SETS), "till", backend)
    assert (found["rules"], found["address_sets"]) == ([], {})


def test_what_the_firewall_cannot_say_is_refused_all_at_once() -> None:
    sets = {"loop": ["::1"], "group": ["ff05::1", "10.0.0.0/8"], "range": ["ff02::1-ff02::9"], "pair": ["::/127"]}
    sets["fine"] = ["fd00::/8", "::/1", "fe00::/7", "127.0.0.0/8"]
    rules = [rule("in", "tcp", "loop", ["1"]), rule("in", "tcp", "fine", ["2"], local="group"), rule("in", "tcp", "range", ["3"])]
    rules.append(rule("in", "tcp", "pair", ["4"]))
    with pytest.raises(UnsupportedRuleError) as error:
        rendered(*rules, sets=sets, default_inbound="reject")
    assert [str(problem).partition(": Windows")[0] for problem in error.value.problems] == [
        "default_inbound: 'reject'",
        "rules[0] 'in tcp/1 from loop': remote_addresses: '::1'",
        "rules[1] 'in tcp/2 from fine': local_addresses: 'ff05::1'",
        "rules[2] 'in tcp/3 from range': remote_addresses: 'ff02::1-ff02::9'",
        "rules[3] 'in tcp/4 from pair': remote_addresses: '::/127'",
    ]
    assert names(rule("in", "tcp", "fine", ["2"]), sets=sets) == ["in tcp/2 from fine"]


def test_what_cannot_travel_is_refused_with_every_rule() -> None:
    with pytest.raises(UnsupportedRuleError) as error:
        rendered(rule("in", "icmp_echo", "one", ["1"]), rule("in", "any", "one", ["2"]))
    assert len(error.value.problems) == 2


def test_a_bar_is_in_no_name_and_no_description() -> None:
    found = rendered(rule("in", "tcp", "one", ["1"], name="in tcp/1 from a|b", because=[{"kind": "allow", "name": "a|b", "text": "C|1\nnext"}]))["rules"][0]
    assert found["name"].startswith("in tcp/1 from a?b~")
    assert found["description"] == "allow a/b (C/1 next)"


def test_names_that_differ_only_in_case_are_told_apart_by_something_that_stays() -> None:
    """Two groups of the inventory, clients and Clients, give such names; Windows may take them for one."""

    def named(name: str) -> Plain:
        return rule("in", "tcp", "one", ["443"], name=name)

    pair = [named("in tcp/443 from clients"), named("in tcp/443 from Clients")]
    found = names(*pair, named("in tcp/80 from x"))
    assert len({name.lower() for name in found}) == 3 and found[2] == "in tcp/80 from x"
    assert [name.rpartition(" ~")[0] for name in found[:2]] == ["in tcp/443 from clients", "in tcp/443 from Clients"]
    assert sorted(names(*reversed(pair))) == sorted(found[:2]), "whatever the order"
    assert set(found[:2]) < set(names(*pair, named("in tcp/443 from CLIENTS"))), "whatever comes along"
    assert names(pair[0]) == ["in tcp/443 from clients"]
    made = names(*(named("x" * 120 + letters) for letters in ("abcdefgh", "ABCDEFGH")))
    assert len({name.lower() for name in made}) == 2 and all(len(name) <= 128 for name in made)
    assert sorted(desire({**OPTIONS, **rendered(*pair)}).rules) == sorted(found[:2]), "the backend takes them"


# --- splitting -------------------------------------------------------------------------------------------------------


def _spread(count: int, start: int = 0) -> list[str]:
    """Return addresses of which no two touch, so that they stay as many as they are."""
    return [str(ipaddress.ip_address(0x0A000000 + 2 * number)) for number in range(start, start + count)]


@pytest.mark.parametrize(("count", "sizes"), [(1000, [1000]), (1001, [1000, 1]), (2500, [1000, 1000, 500])])
def test_a_rule_holds_at_most_a_thousand_addresses(count: int, sizes: list[int]) -> None:
    found = rendered(rule("in", "tcp", "big", ["443"]), sets={"big": _spread(count)})
    parts = [f" [{number}/{len(sizes)}]" if len(sizes) > 1 else "" for number in range(1, len(sizes) + 1)]
    assert [item["name"] for item in found["rules"]] == [f"in tcp/443 from big{part}" for part in parts]
    held = [found["address_sets"].get(item["remote_addresses"][0][1:], item["remote_addresses"]) for item in found["rules"]]
    assert [len(addresses) for addresses in held] == sizes
    assert [address for addresses in held for address in addresses] == _spread(count)


def test_long_names_keep_the_number_of_their_part() -> None:
    name = "x" * 200
    found = rendered(rule("in", "tcp", name, ["135"]), sets={name: _spread(1500)})
    assert [item["name"][-6:] for item in found["rules"]] == [" [1/2]", " [2/2]"]
    assert all(len(item["name"]) <= 128 for item in found["rules"])


@st.composite
def _sets(draw: t.Any) -> list[str]:
    kind = draw(st.sampled_from(["any", "networks", "many"]))
    if kind == "any":
        return ["any"]
    if kind == "many":
        return _spread(draw(st.integers(990, 2010)), draw(st.integers(0, 1000)))
    networks = draw(st.lists(st.sampled_from(["0.0.0.0/0", "::/0", "10.0.0.0/8", "10.1.0.7", "fd00::/16", "192.0.2.1-192.0.2.9"]), min_size=1, unique=True))
    return Addresses.parse(networks).cidrs()


@settings(max_examples=40, deadline=None)
@given(remote=_sets(), local=st.none() | _sets())
def test_splitting_keeps_the_set(remote: list[str], local: t.Optional[list[str]]) -> None:
    """The union over the parts of peers times own addresses is the whole product, and no part holds too many."""
    made = rule("in", "tcp", "remote", ["443"], local="local" if local else None)
    found = rendered(made, sets={"remote": remote, "local": local or []})

    def held(texts: list[str]) -> list[str]:
        return found["address_sets"][texts[0][1:]] if texts and texts[0].startswith("@") else texts

    pairs = [(held(item["remote_addresses"]), held(item["local_addresses"])) for item in found["rules"]]
    assert all(len(side) <= windows_.MOST_ADDRESSES for pair in pairs for side in pair)
    assert all(not address.endswith("/0") for pair in pairs for side in pair for address in side)
    for own in {tuple(pair[1]) for pair in pairs}:
        peers = [address for side, other in pairs if tuple(other) == own for address in side]
        assert _addresses.parse(peers) == _addresses.parse(remote)
    owns = [address for own in {tuple(pair[1]) for pair in pairs} for address in own]
    assert _addresses.parse(owns) == _addresses.parse(local or [])


# --- descriptions ----------------------------------------------------------------------------------------------------


def _why(name: str, text: str = "", kind: str = "flow") -> Plain:
    return {"kind": kind, "name": name, "text": text}


@pytest.mark.parametrize(
    ("because", "text"),
    [
        ([_why("a.b", "doc#s row 1"), _why("a.c", "doc#s row 2")], "a.b (doc#s row 1); a.c (doc#s row 2)"),
        ([_why("10.9.0.0/24", "", "management")], "management 10.9.0.0/24"),
        ([_why("agent", "CHG-1", "allow")], "allow agent (CHG-1)"),
        ([_why("a" * 600), _why("b" * 600), _why("c")], "a" * 600 + "; and 2 more"),
        ([_why("a" * 2000)], "a" * 997 + "..."),
        ([_why("a" * 2000), _why("b")], "a" * 985 + "...; and 1 more"),
    ],
)
def test_descriptions_name_the_flows_with_their_rows(because: list[Plain], text: str) -> None:
    assert windows_.describe(because) == text


@given(st.lists(st.text(min_size=1, max_size=400), min_size=1, max_size=9))
def test_descriptions_fit(names_: list[str]) -> None:
    text = windows_.describe([_why(name, "row 1") for name in names_])
    assert len(text) <= 1000 and "|" not in text and text == " ".join(text.split())
