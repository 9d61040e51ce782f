# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wire rules to columns of Windows, and every refusal in its full words, all of them before the host is called."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import values
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.desired import OPTIONS, desire
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect, run
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import line
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import RULESETS, SETS, Plain, options, rule


def wanted(*rules: Plain, **more: t.Any) -> dict[str, Plain]:
    return {name: found.columns for name, found in desire({**OPTIONS, **options(*rules, **more)}).rules.items()}


def refused(**more: t.Any) -> list[str]:
    """The problems of a run that was refused, before anything was called."""

    def never(arguments: Plain) -> Plain:
        raise AssertionError(f"the host was called: {arguments}")

    with pytest.raises(Refused) as caught:
        run(more, never)
    assert str(caught.value) == "the rules cannot be used, nothing was changed: " + "; ".join(caught.value.problems)
    return caught.value.problems


def test_the_columns_of_a_rule() -> None:
    found = wanted(rule("web", ["444", "443", "8000-8001"], ["10.0.1.0/24", "10.0.0.0/24", "fd00::/64"], description="flow\n web"))
    assert found == {
        "web": {
            "name": "web",
            "description": "flow web",
            "enabled": True,
            "direction": 1,
            "action": 1,
            "protocol": 6,
            "local_ports": "443-444,8000-8001",
            "remote_addresses": "10.0.0.0/23,fd00::/64",
            "local_addresses": "*",
            "profiles": 0x7FFFFFFF,
            "edge": 0,
        }
    }


def test_keywords_program_and_service() -> None:
    found = wanted(rule("rpc", ["rpc", "RPCEPMap", "9"], program="%SystemRoot%\\system32\\svchost.exe", service="RpcSs"))["rpc"]
    assert found["local_ports"] == "9,RPC,RPC-EPMap"
    assert (found["program"], found["service"]) == ("%SystemRoot%\\system32\\svchost.exe", "RpcSs")


@pytest.mark.parametrize(
    ("remote", "local", "names"),
    [
        (["any"], [], {"ping (ICMPv4)": ("*", "*"), "ping (ICMPv6)": ("*", "*")}),
        (["10.0.0.1"], [], {"ping (ICMPv4)": ("10.0.0.1", "*")}),
        (["fd00::1"], ["any"], {"ping (ICMPv6)": ("fd00::1", "*")}),
        (["10.0.0.1", "fd00::1"], [], {"ping (ICMPv4)": ("10.0.0.1", "*"), "ping (ICMPv6)": ("fd00::1", "*")}),
        (["any"], ["10.0.0.1"], {"ping (ICMPv4)": ("*", "10.0.0.1")}),
        (["fd00::1"], ["10.0.0.1"], {}),
        (["@some"], [], {"ping (ICMPv4)": ("10.7.0.0/16,10.8.0.4", "*"), "ping (ICMPv6)": ("fd00:7::/48", "*")}),
    ],
)
def test_echo_requests_have_a_rule_for_each_family_of_both_ends(remote: list[str], local: list[str], names: dict[str, tuple[str, str]]) -> None:
    found = wanted(rule("ping", remote=remote, protocol="icmp_echo", local_addresses=local), address_sets=SETS)
    assert {name: (columns["remote_addresses"], columns["local_addresses"]) for name, columns in found.items()} == names
    kinds = {name: (columns["protocol"], columns["icmp"]) for name, columns in found.items()}
    assert kinds == {name: {"ping (ICMPv4)": (1, "8:*"), "ping (ICMPv6)": (58, "128:*")}[name] for name in names}


def test_a_whole_family_is_its_halves_and_both_are_any() -> None:
    found = wanted(rule("4", remote=["0.0.0.0/0"]), rule("6", remote=["::/0", "10.0.0.1"]), rule("all", remote=["::/0", "0.0.0.0/0"]) | {"name": "both"})
    assert [found[name]["remote_addresses"] for name in ("4", "6", "both")] == ["0.0.0.0/1,128.0.0.0/1", "10.0.0.1,::/1,8000::/1", "*"]


def test_everything_and_no_port_is_any() -> None:
    found = wanted(rule("x", ["0-65535"]), rule("y", protocol="any"), rule("z", ["0-100", "101-65535", "RPC"]))
    assert ["local_ports" in found[name] for name in "xyz"] == [False, False, False]
    assert found["y"]["protocol"] == 256


def test_audit_writes_rules_that_block_but_does_not_enable_them() -> None:
    rules = [rule("deny", action="block"), rule("let")]
    assert {name: columns["enabled"] for name, columns in wanted(*rules, mode="audit").items()} == {"deny": False, "let": True}
    assert {name: columns["enabled"] for name, columns in wanted(*rules).items()} == {"deny": True, "let": True}


def test_nobody() -> None:
    found = desire({**OPTIONS, **options(rule("none", remote=["@empty"]), rule("some"), address_sets={"empty": []})})
    assert (sorted(found.rules), found.warnings) == (["some"], ["these rules match nobody, because their address sets are empty, and are not written: none"])


MANY = [f"10.{i // 100}.{i % 100}.{j}" for i in range(167) for j in (1, 3, 5, 7, 9, 11)]


def test_every_problem_is_told_at_once_with_its_place() -> None:
    assert refused(
        rules=[
            rule("all", description="a|b"),
            rule("a|b", program="svchost.exe", service="*"),
            rule("WEB", ["RPC", "x"]),
            rule("out", ["RPC"], direction="out"),
            rule("long", description="\U0001f600" * 5000),
            rule("@this", description="bad \x07 bell"),
            rule("web", remote=["ff02::1", "::1"]),
            rule("Web"),
            rule("many", remote=MANY),
            rule("ping", protocol="icmp_echo"),
            rule("Ping (ICMPv4)"),
            rule(" space"),
            rule("text", local_ports="80"),
            rule("file", program="\\\\server\\x.exe", service=7),
        ],
        default_inbound="reject",
        persist=False,
        management={"ports": ["ssh"]},
    ) == [
        "default_inbound: 'reject': Windows Firewall answers nothing to what it stops; write block",
        "persist: False: the policy store of Windows is kept over every boot, there is no other; leave persist out",
        "management.ports[0]: 'ssh': expected a TCP port (0-65535) or first-last",
        "rules[0].description: 'a|b': Windows takes no '|' in a text",
        "rules[0].name: 'all': Windows does not take this name",
        "rules[1].name: 'a|b': Windows takes no '|' in a text",
        "rules[1].program: 'svchost.exe': expected System, or a full path such as C:\\... or %SystemRoot%\\...",
        "rules[1].service: '*': this means services only; leave it out for every program",
        "rules[2].local_ports[1]: 'x': expected a port (0-65535), first-last, RPC or RPC-EPMap",
        "rules[3].local_ports[0]: 'RPC': expected a port (0-65535) or first-last",
        "rules[4].description: '" + "\U0001f600" * 57 + "...': 10001 characters in UTF-16 with the end; Windows takes 10000",
        "rules[5].name: '@this': Windows takes a text that begins with '@' for a reference to a resource",
        "rules[5].description: 'bad \\x07 bell': expected text without control characters and halves of characters",
        "rules[6].remote_addresses: '::1': Windows takes no unspecified, loopback or multicast IPv6 address in a rule",
        "rules[6].remote_addresses: 'ff02::1': Windows takes no unspecified, loopback or multicast IPv6 address in a rule",
        "rules[6].name: 'web': the same as 'WEB' of rules[2], but for its case; Windows may take them for one, name one of them otherwise",
        "rules[7].name: 'Web': the same as 'WEB' of rules[2], but for its case; Windows may take them for one, name one of them otherwise",
        "rules[8].remote_addresses: 1002 addresses; a Windows rule holds 1000, split it into several rules",
        "rules[10].name: 'Ping (ICMPv4)': the same as 'ping (ICMPv4)' of rules[9], but for its case; Windows may take them for one, name one of them otherwise",
        "rules[11].name: ' space': expected no space at either end",
        "rules[12].local_ports: '80': expected a list",
        "rules[13].service: 7: expected text",
        "rules[13].program: '\\\\\\\\server\\\\x.exe': expected System, or a full path such as C:\\... or %SystemRoot%\\...",
    ]


def test_names_that_are_the_very_same() -> None:
    assert refused(rules=[rule("web"), rule("web"), rule("ping", protocol="icmp_echo"), rule("ping (ICMPv4)")]) == [
        "rules[1].name: 'web': the same name as rules[0]; names are unique",
        "rules[3].name: 'ping (ICMPv4)': the very name that rules[2] has on Windows, where each family of icmp_echo is a rule of its own; "
        "name one of them otherwise",
    ]


def test_an_unknown_key_hides_nothing_and_the_nearest_is_named() -> None:
    keys = "name, direction, action, protocol, local_ports, remote_ports, remote_addresses, local_addresses, helper, until, description, program, service"
    bad = {"name": "a|b", "direction": "inn", "protocol": "tcp", "local_port": ["1"], "local_ports": ["70000"], "remote_addresses": ["x"], "colour": 1}
    assert refused(rules=[bad, {"name": "y", "direction": "in", "local_ports": ["x"], "remote_addresses": "any"}]) == [
        f"rules[0].colour: unknown key; expected one of {keys}",
        f"rules[0].local_port: unknown key, did you mean 'local_ports'?; expected one of {keys}",
        "rules[0].direction: 'inn': expected one of 'in', 'out'",
        "rules[0].local_ports[0]: '70000': expected a port (0-65535) or first-last",
        "rules[0].remote_addresses[0]: 'x': expected an IP address, a network in CIDR form without host bits, or first-last; names are not looked up",
        "rules[0].name: 'a|b': Windows takes no '|' in a text",
        "rules[1].protocol: missing",
        "rules[1].remote_addresses: 'any': expected a list",
        "rules[1].local_ports[0]: 'x': expected a port (0-65535) or first-last",
    ]


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70000),
    st.text(max_size=4),
    st.just({}),
    st.lists(st.one_of(st.none(), st.just({}), st.just([]), st.text(max_size=3)), max_size=2),
)
ODD_RULES = st.lists(st.dictionaries(st.sampled_from([*_ruleset.RULE_KEYS, *_ruleset.WINDOWS_KEYS, "colour"]), ODD), max_size=3)


@given(ODD_RULES, RULESETS, st.dictionaries(st.sampled_from(["addresses", "ports", "port"]), ODD), st.dictionaries(st.sampled_from(["some", "s"]), ODD))
def test_whatever_is_given_is_used_or_refused_in_words(odd: list[Plain], fine: list[Plain], management: Plain, sets: Plain) -> None:
    for state in ("present", "absent"):
        try:
            desire({**OPTIONS, "rules": [*odd, *fine], "management": management, "address_sets": {**SETS, **sets}, "state": state})
        except Refused as refused_:
            assert refused_.problems


def test_places_are_right_behind_rules_that_are_too_wrong() -> None:
    given_rules = [{"name": "web", "remote_addresses": ["any"]}, rule("web"), rule("x|y")]
    found = refused(rules=given_rules)
    assert [text.partition(":")[0] for text in found] == ["rules[0].direction", "rules[0].protocol", "rules[1].name", "rules[2].name"]


def test_a_bad_address_set_hides_nothing_of_rules_that_do_not_use_it() -> None:
    sets = {"bad": ["x"], "bad2": [], "text": "10.0.0.1"}
    rules = [rule("a", remote=["ff02::1"]), rule("b", remote=["@bad"]), rule("c", remote=["ff02::2"], local_addresses=["@bad2"])]
    assert refused(rules=rules, address_sets=sets) == [
        "address_sets.bad[0]: 'x': expected an IP address, a network in CIDR form without host bits, or first-last; names are not looked up",
        "address_sets.text: '10.0.0.1': expected a list of addresses",
        "rules[0].remote_addresses: 'ff02::1': Windows takes no unspecified, loopback or multicast IPv6 address in a rule",
        "rules[2].remote_addresses: 'ff02::2': Windows takes no unspecified, loopback or multicast IPv6 address in a rule",
    ]


def test_management_is_examined_where_rules_are_not() -> None:
    assert refused(state="absent", management={"addresses": ["any"], "ports": ["ssh"]}) == [
        "management.ports[0]: 'ssh': expected a TCP port (0-65535) or first-last"
    ]


def test_just_within_the_limits() -> None:
    found = wanted(rule("full", remote=MANY[:1000], description="x" * 9999), rule("wide", description="\U0001f600" * 4999))
    assert found["full"]["remote_addresses"].count(",") == 999


def test_refused_options_are_told_where_nothing_is_to_be_written() -> None:
    """An absent ruleset needs neither a default nor a store."""
    assert desire({**OPTIONS, "state": "absent", "default_inbound": "reject", "persist": False}).rules == {}


@pytest.mark.parametrize("owner", ["", "Msports", "a b", "x" * 25, "9a"])
def test_a_bad_owner_is_refused_before_the_host_is_called(owner: str) -> None:
    expected = f"owner {owner!r}: expected a lower-case letter and up to 23 lower-case letters, digits or underscores"
    for work in (lambda: run({"owner": owner}, pytest.fail), lambda: inspect(owner, pytest.fail)):
        with pytest.raises(Refused) as caught:
            work()
        assert str(caught.value) == expected


@given(RULESETS)
def test_nothing_is_widened_and_nothing_is_lost(rules: list[Plain]) -> None:
    """What the columns cover, read back by the canonicaliser and merged, is what the wire rule says."""
    found = desire({**OPTIONS, **options(*rules, address_sets=SETS)}).rules
    for wire in rules:
        if wire["protocol"] == "icmp_echo":
            continue
        made = found[wire["name"]].rule
        for ours, theirs in ((made.remote_addresses, wire["remote_addresses"]), (made.local_addresses, wire["local_addresses"] or ["any"])):
            texts = SETS[theirs[0][1:]] if theirs[0].startswith("@") else theirs
            assert _addresses.parse(ours) == _addresses.parse(texts)
        numbers = [port for port in wire["local_ports"] if port[0].isdigit()]
        assert _ports.restriction([port for port in made.local_ports if port[0].isdigit()]) == _ports.restriction(numbers)
        if made.local_ports != values.ANY:
            assert sum(port.startswith("RPC") for port in made.local_ports) == len(wire["local_ports"]) - len(numbers)
        assert "?" not in line(made).replace("?", "", made.description.count("?"))
