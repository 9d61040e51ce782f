# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wire rules to rich rules, files and forms of the kernel: what is said, what is refused, and that all of it reads back."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import kernel, objects, persist, render, rich
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import managers
from hypothesis import given, strategies

OPTIONS = {"owner": "msports", "default_inbound": "keep", "default_outbound": "keep", "mode": "enforce", "firewalld_precedence": "merge"}


def made(
    *rules: dict[str, t.Any], sets: dict[str, list[str]] | None = None, helpers: t.Any = ("tftp", "netbios-ns"), version: t.Any = (1, 0), **options: str
) -> render.Rendered:
    complete, problems = _ruleset.check(
        [{"name": f"r{index}", "direction": "in", "protocol": "tcp", "remote_addresses": ["any"], **rule} for index, rule in enumerate(rules)], sets or {}
    )
    assert not problems
    return render.render(complete, sets or {}, {**OPTIONS, **options}, helpers, version)


def lines(*rules: dict[str, t.Any], **more: t.Any) -> list[str]:
    found = made(*rules, **more)
    assert not found.problems
    return sorted(line for name, policy in found.objects.policies.items() if not name.endswith("-rest") for line in policy.rules)


@pytest.mark.parametrize(
    ("given_rule", "expected"),
    [
        ({"local_ports": ["443"]}, ['rule port port="443" protocol="tcp" accept']),
        ({"local_ports": ["80", "81"]}, ['rule port port="80-81" protocol="tcp" accept']),
        ({"remote_ports": ["53"], "protocol": "udp"}, ['rule source-port port="53" protocol="udp" accept']),
        ({"direction": "out", "remote_ports": ["53"]}, ['rule port port="53" protocol="tcp" accept']),
        ({"direction": "out", "local_ports": ["53"]}, ['rule source-port port="53" protocol="tcp" accept']),
        ({}, ['rule protocol value="tcp" accept']),
        ({"protocol": "any"}, ['rule priority="1" accept']),
        ({"protocol": "any", "action": "block"}, ['rule priority="-1" drop']),
        ({"protocol": "any", "remote_addresses": ["0.0.0.0/0"]}, ['rule priority="1" family="ipv4" accept']),
        ({"protocol": "icmp_echo"}, ['rule icmp-type name="echo-request" accept']),
        ({"remote_addresses": ["10.0.0.1-10.0.0.2"]}, [f'rule family="ipv4" source address="10.0.0.{i}" protocol value="tcp" accept' for i in (1, 2)]),
        (
            {"direction": "out", "remote_addresses": ["fd00::/8"], "local_addresses": ["fd01::1", "10.0.0.1"]},
            ['rule family="ipv6" source address="fd01::1" destination address="fd00::/8" protocol value="tcp" accept'],
        ),
        ({"remote_addresses": ["0.0.0.0/1", "128.0.0.0/1", "::/0"]}, ['rule protocol value="tcp" accept']),
    ],
)
def test_texts(given_rule: dict[str, t.Any], expected: list[str]) -> None:
    assert lines(given_rule) == expected


@pytest.mark.parametrize(
    ("given_rule", "text"),
    [
        ({"remote_addresses": ["10.0.0.1"], "local_addresses": ["fd00::1"]}, "no family in common"),
        ({"protocol": "udp", "local_ports": ["70"], "helper": "tftp"}, "udp/69 alone"),
        ({"protocol": "udp", "helper": "tftp"}, "any port"),
        ({"local_ports": ["69"], "helper": "tftp"}, "needs protocol udp"),
        ({"protocol": "udp", "local_ports": ["69"], "helper": "tftp", "action": "block"}, "takes no helper"),
    ],
)
def test_refusals(given_rule: dict[str, t.Any], text: str) -> None:
    assert text in made(given_rule, {"local_ports": ["1"]}).problems[0]


def test_long_lists_become_ipsets_by_family() -> None:
    many = [f"10.{i}.0.0/24" for i in range(0, 12, 2)] + ["fd00::1"]
    found = made({"remote_addresses": ["@many"]}, {"remote_addresses": many}, {"remote_addresses": ["@none"]}, sets={"many": many, "none": []})
    assert sorted(version for version, _networks in found.objects.sets.values()) == [4, 4]
    assert all(len(name) <= 31 and name.startswith("msports-") for name in found.objects.sets)
    assert "r2" in found.warnings[0]
    assert len(lines({"remote_addresses": ["@many"]}, sets={"many": many})) == 2


def test_defaults_and_places() -> None:
    found = made({"local_ports": ["1"]}, {"action": "block"}, default_inbound="block", default_outbound="reject").objects.policies
    assert {name: (policy.priority, policy.target) for name, policy in found.items()} == {
        "msports-in-block": (-1000, "CONTINUE"),
        "msports-in-allow": (-990, "CONTINUE"),
        "msports-in-rest": (30000, "DROP"),
        "msports-out-rest": (30000, "REJECT"),
    }
    assert all(policy.priority not in (0,) and -15000 < policy.priority < 32768 for policy in found.values())
    assert sum("tcp-reset" in line for line in found["msports-out-rest"].rules) == 2
    audit = made({"action": "block"}, default_inbound="block", mode="audit", audit_log=True).objects.policies
    assert audit["msports-in-rest"].target == "CONTINUE"
    assert 'rule priority="32767" log prefix="msports would drop in: " level="info" limit value="10/s"' in audit["msports-in-rest"].rules
    assert 'rule protocol value="tcp" log prefix="msports would drop in: " level="info" limit value="10/s"' in audit["msports-in-block"].rules
    assert made(default_inbound="allow").objects.policies["msports-in-rest"] == objects.Policy(30000, "ACCEPT", ("ANY",), ("HOST",), (), {})
    assert made({}, firewalld_precedence="yield").objects.policies["msports-in-allow"].priority == 20000
    assert made().objects == objects.EMPTY


def test_names_fit_and_owners_share_nothing() -> None:
    starts = [managers.prefix(owner) for owner in ("a", "msports", "msports_2", "msports_3", "a" * 24)]
    assert len(set(starts)) == 5
    assert all(len(f"{start}-out-allow") <= 17 for start in starts)
    assert objects.is_ours("msports-in-allow", "msports", objects.MARK)
    assert not objects.is_ours("msports-in-allow", "msport", objects.MARK)
    assert not objects.is_ours("msportsin-allow", "msports", objects.MARK)
    assert not objects.is_ours("msports-in-allow", "msports", "what somebody else made")


def test_whole_families_are_one_network() -> None:
    assert objects.networks(["any"]) == _addresses.ANY


RULES = strategies.builds(
    rich.rule,
    strategies.sampled_from(["ipv4", "ipv6"]),
    strategies.sampled_from(["", "10.0.0.0/8", "ipset:msports-x-4"]),
    strategies.sampled_from(["", "fd00::1"]),
    strategies.sampled_from([(), ("port", "1-9", "udp"), ("source-port", "7", "tcp"), ("protocol", "igmp"), ("icmp-type", "redirect"), ("service", "x")]),
    strategies.sampled_from([("accept",), ("drop",), ("reject", ""), ("reject", "tcp-reset"), ("log", "a b: ", "10/s")]),
    strategies.integers(-32768, 32767),
)


@given(RULES)
def test_rich_rules_read_back_from_text_and_file(one: rich.Rich) -> None:
    text = rich.text(one)
    assert rich.parse(text) == one
    policy = objects.Policy(-5, "DROP", ("ANY",), ("HOST",), (text,), {"a  <b> & \u00e4": [objects.digest(text)], "c": []})
    written = objects.files(objects.Objects({"p": policy}, {}, {}))["policies/p.xml"]
    assert objects.read_policy(written) == policy
    # The daemon joins white space when it writes a file anew.
    assert objects.read_policy(" ".join(written.split())) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accept",
        "rule",
        'rule family="ipv4" source NOT address="10.0.0.0/8" accept',
        'rule family="ipv4" masquerade',
        'rule family="ipv4" forward-port port="1" protocol="tcp" to-port="2"',
        'rule source mac="00:11:22:33:44:55" drop',
        'rule port port="1" protocol="tcp" accept limit value="1/m"',
        'rule service name="ssh" audit accept',
    ],
)
def test_what_has_no_place_in_a_rule_of_ours(text: str) -> None:
    with pytest.raises(ValueError, match="(?s).*"):
        rich.parse(text)


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ('<rule><source mac="00:11:22:33:44:55"/><accept/></rule>', "unknown: <rule><source mac="),
        ('<rule family="ipv4"><source address="10.0.0.1" invert="True"/><accept/></rule>', "unknown: <rule"),
        ('<rule><port port="1"/><accept/></rule>', "unknown: <rule"),
        ("<rule><masquerade/></rule>", "unknown: <rule"),
        ('<rule><port port="1" protocol="tcp"/></rule>', "unknown: <rule"),
        ('<rule><accept><limit value="1/m"/></accept></rule>', "unknown: <rule"),
        ('<service name="ssh"/>', 'unknown: <service name="ssh"'),
    ],
)
def test_strange_content_of_a_policy_is_shown(inside: str, shown: str) -> None:
    policy = objects.read_policy(f'<policy target="CONTINUE" priority="-9"><description>mine</description>{inside}</policy>')
    assert policy.rules[0].startswith(shown)
    assert policy.record == {}


def test_files_of_another_sort() -> None:
    for reader, text in (
        (objects.read_policy, "<zone/>"),
        (objects.read_policy, "not xml"),
        (objects.read_set, '<ipset type="hash:mac"/>'),
        (objects.read_set, '<ipset type="hash:net"><option name="timeout" value="9"/></ipset>'),
        (objects.read_set, '<ipset type="hash:net"><entry>x</entry></ipset>'),
        (objects.read_service, '<service><port port="1" protocol="tcp"/><helper name="tftp"/></service>'),
    ):
        with pytest.raises(ValueError, match="(?s).*"):
            reader(text)
    big = tuple((4, number, number) for number in range(70000))
    assert 'name="maxelem" value="70000"' in objects.files(objects.Objects({}, {"x": (4, big)}, {}))["ipsets/x.xml"]


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ('rule family="ipv4" source address="10.0.0.0/8" port port="1-9" protocol="udp" accept', [["saddr", "dport", "accept"]]),
        ('rule icmp-type name="echo-request" drop', [["icmp", "drop"], ["icmpv6", "drop"]]),
        ('rule family="ipv6" destination ipset="s" protocol value="igmp" accept', [["set", "igmp", "accept"]]),
        ('rule priority="1" family="ipv4" protocol value="tcp" reject type="tcp-reset"', [["tcp", "reject"]]),
        ('rule family="ipv4" port port="68" protocol="udp" accept', [["nfproto", "state", "68", "accept"]]),
        ('rule service name="h" accept', [["69", "helper"]]),
        ('rule priority="9" log prefix="x" level="info" limit value="10/s"', [["limit", "log"]]),
    ],
)
def test_forms_of_the_kernel(text: str, expressions: list[list[str]]) -> None:
    parts = {
        "saddr": _match({"payload": {"protocol": "ip", "field": "saddr"}}, {"prefix": {"addr": "10.0.0.0", "len": 8}}),
        "set": _match({"payload": {"protocol": "ip6", "field": "daddr"}}, "@s"),
        "dport": _match({"payload": {"protocol": "udp", "field": "dport"}}, {"range": [1, 9]}),
        "68": _match({"payload": {"protocol": "udp", "field": "dport"}}, 68),
        "69": _match({"payload": {"protocol": "udp", "field": "dport"}}, 69),
        "icmp": _match({"payload": {"protocol": "icmp", "field": "type"}}, "echo-request"),
        "icmpv6": _match({"payload": {"protocol": "icmpv6", "field": "type"}}, 128),
        "igmp": _match({"meta": {"key": "l4proto"}}, 2),
        "tcp": _match({"meta": {"key": "l4proto"}}, "tcp"),
        "nfproto": _match({"meta": {"key": "nfproto"}}, "ipv4"),
        "state": {"match": {"left": {"ct": {"key": "state"}}, "op": "in", "right": ["new", "untracked"]}},
        "helper": {"ct helper": "helper-tftp-udp"},
        "limit": {"limit": {"rate": 10, "per": "second"}},
        "log": {"log": {"prefix": "x"}},
    }
    there = [kernel.normal([parts.get(word, {word: None}) for word in words]) for words in expressions]
    assert sorted(kernel.forms(text, {"h": "tftp"}, (4, 6)), key=repr) == sorted(there, key=repr)


def test_forms_that_are_not_ours() -> None:
    assert kernel.forms("unknown: services ['ssh']", {}, (4, 6)) is None
    assert kernel.forms('rule family="ipv6" accept', {}, (4,)) == []
    for expression in ({"match": {"left": {"payload": {"protocol": "tcp", "field": "flags"}}, "op": "==", "right": 2}}, {"mark": 1}, {"jump": {"target": "x"}}):
        assert any(part[0] == "unknown" for part in kernel.normal([expression]))
    strange = _match({"payload": {"protocol": "tcp", "field": "dport"}}, 1)
    strange["match"]["op"] = "!="
    assert any(part[0] == "unknown" for part in kernel.normal([strange]))


def _match(left: t.Any, right: t.Any) -> dict[str, t.Any]:
    return {"match": {"left": left, "op": "==", "right": right}}


def test_the_store_reads_versions_and_settings(tmp_path: t.Any) -> None:
    found = persist.Store("msports", str(tmp_path))
    assert (found.installed(), found.version(), found.setting("X", "none"), found.texts()) == (False, "", "none", {})
    (tmp_path / "etc/firewalld/policies").mkdir(parents=True)
    ours = {"ipsets/msports-a-4.xml": "x " + objects.MARK, "policies/msports-in-allow.xml": "y " + objects.MARK}
    assert found.write(ours)
    assert not found.write(ours)
    (tmp_path / "etc/firewalld/policies/msports-in-allow.xml.old").write_text("copy of the daemon")
    (tmp_path / "etc/firewalld/policies/msports2-in-allow.xml").write_text("another owner's " + objects.MARK)
    (tmp_path / "etc/firewalld/policies/msports-mine.xml").write_text("somebody else's")
    assert (sorted(found.texts()), found.others(())) == ([*sorted(ours), "policies/msports-in-allow.xml.old"], ["policies/msports-mine.xml"])
    assert found.write({})
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["msports-mine.xml", "msports2-in-allow.xml"]


def test_audit_without_a_log_writes_no_block_and_says_so() -> None:
    audited = made({"action": "block"}, {"name": "ok"}, default_inbound="block", mode="audit")
    assert sorted(audited.objects.policies) == ["msports-in-allow", "msports-in-rest"]
    assert audited.objects.policies["msports-in-rest"].target == "CONTINUE"
    assert not [line for policy in audited.objects.policies.values() for line in policy.rules if " log " in line]
    assert [text for text in audited.warnings if "these blocks are not written" in text]


def test_audit_logs_all_icmp_in_place_of_echo_requests() -> None:
    end = ' log prefix="msports would drop in: " level="info" limit value="10/s"'
    expected = [f'rule family="ipv4" protocol value="icmp"{end}', f'rule family="ipv6" protocol value="ipv6-icmp"{end}']
    assert lines({"protocol": "icmp_echo", "action": "block"}, mode="audit", audit_log=True) == expected


@pytest.mark.parametrize(("family", "protocol"), [("ipv4", "icmp"), ("ipv6", "ipv6-icmp")])
def test_a_protocol_of_one_family_needs_no_family_in_the_kernel(family: str, protocol: str) -> None:
    """nft gives the rule back without the family, which its protocol implies; and with it from an older kernel."""
    line = f'rule family="{family}" protocol value="{protocol}" log prefix="x" level="info" limit value="10/s"'
    (expected,) = kernel.forms(line, {}, (4, 6)) or []
    shown = [_match({"meta": {"key": "l4proto"}}, protocol), {"limit": {"rate": 10}}, {"log": {"prefix": "x"}}]
    assert kernel.normal(shown) == kernel.normal([_match({"meta": {"key": "nfproto"}}, family), *shown]) == expected


def test_helpers_stand_before_what_accepts() -> None:
    found = made({"protocol": "udp", "local_ports": ["69"], "helper": "tftp", "remote_addresses": ["10.0.0.0/8"]}).objects
    written = objects.files(found)["policies/msports-in-allow.xml"]
    assert written.index("<service") < written.index("<port")


@pytest.mark.parametrize(("direction", "ours", "theirs"), [("in", "destination", "source-port"), ("out", "source", "port")])
def test_ports_at_both_ends_make_an_ipset_of_ours(direction: str, ours: str, theirs: str) -> None:
    given_rule = {"direction": direction, "protocol": "udp", "local_ports": ["67", "4011-4012"], "remote_ports": ["68"]}
    found = made({**given_rule, "remote_addresses": ["255.255.255.255", "fd00::1"]}, {**given_rule, "local_addresses": ["10.0.0.1"]})
    assert not found.problems
    texts = {name: objects.entry_text(entry) for name, (_version, entries) in found.objects.sets.items() for entry in entries[:1]}
    assert sorted(texts.values()) == ["0.0.0.0/1,udp:67", "10.0.0.1,udp:67", "::/1,udp:67"]
    assert sorted(len(entries) for _version, entries in found.objects.sets.values()) == [2, 4, 4]
    rules = [rich.parse(line) for policy in found.objects.policies.values() for line in policy.rules]
    assert {one.element for one in rules} == {(theirs, "68", "udp")}
    assert all(getattr(one, ours).startswith("ipset:msports-ends-") for one in rules)
    written = objects.files(found.objects)
    assert all(objects.read_set(written[f"ipsets/{name}.xml"]) == content for name, content in found.objects.sets.items())
    assert all('type="hash:net,port"' in written[f"ipsets/{name}.xml"] for name in texts)


def test_before_1_0_a_destination_is_no_ipset() -> None:
    many = [f"10.{i}.0.0/24" for i in range(0, 12, 2)]
    outward = {"direction": "out", "remote_addresses": ["@many"], "remote_ports": ["1"]}
    assert len(lines(outward, sets={"many": many})) == 1
    old = made(outward, {"remote_addresses": ["@many"]}, sets={"many": many}, version=(0, 9))
    assert len(old.objects.policies["msports-out-allow"].rules) == 6
    assert len(old.objects.sets) == 1, "a source is one all the same"
    ends = made({"local_ports": ["1"], "remote_ports": ["2"]}, version=(0, 9))
    assert "need firewalld 1.0" in ends.problems[0]
    assert not made({"local_ports": ["1"], "remote_ports": ["2"], "direction": "out"}, version=(0, 9)).problems
    most = [f"10.{i // 250}.{i % 250}.7" for i in range(600)]
    assert "600 networks as destination" in made(outward, sets={"many": most}, version=(0, 9)).problems[0]


def test_addresses_are_assigned_from_the_right_port_only() -> None:
    found = made(default_inbound="block", default_outbound="block").objects
    texts = {name: [objects.entry_text(entry) for entry in entries] for name, (_version, entries) in found.sets.items()}
    assert texts == {
        "msports-dhcp-answers-4": ["0.0.0.0/1,udp:67", "128.0.0.0/1,udp:67"],
        "msports-dhcpv6-answers-6": ["fe80::/10,udp:547"],
        "msports-dhcp-requests-4": ["0.0.0.0/1,udp:68", "128.0.0.0/1,udp:68"],
        "msports-dhcpv6-requests-6": ["::/1,udp:546", "8000::/1,udp:546"],
    }
    assert 'rule family="ipv4" source ipset="msports-dhcp-answers-4" port port="68" protocol="udp" accept' in found.policies["msports-in-rest"].rules
    assert all(len(name) <= 31 for name in texts)
