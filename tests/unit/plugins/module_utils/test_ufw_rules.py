# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tuples of ufw, canonical lines of iptables, and rule files in which only our rules change."""

from __future__ import annotations

import itertools
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import render, rulefile, tuples
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule
from hypothesis import given
from hypothesis import strategies as st

FRESH = """*filter
:ufw-user-input - [0:0]
:ufw-user-output - [0:0]
:ufw-user-limit - [0:0]
:ufw-user-limit-accept - [0:0]
### RULES ###
-A ufw-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "
-A ufw-user-limit -j REJECT
-A ufw-user-limit-accept -j ACCEPT
COMMIT
"""
# As ufw 0.36.2 has written it.
USED = """*filter
:ufw-user-input - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=6f6c64
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### limit tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 2222 -m conntrack --ctstate NEW -m recent --set
-A ufw-user-input -p tcp --dport 2222 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit
-A ufw-user-input -p tcp --dport 2222 -j ufw-user-limit-accept

### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_eth1 comment=6d73706f7274733a2078
-A ufw-user-forward -i eth0 -o eth1 -j ACCEPT

### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in
-A ufw-user-input -p tcp -m multiport --dports 80,443 -j ACCEPT -m comment --comment 'dapp_Nginx%20Full'

### tuple ### deny any any 0.0.0.0/0 any 192.0.2.1 in
-A ufw-user-input -s 192.0.2.1 -j DROP

### END RULES ###

### LOGGING ###
-I ufw-user-logging-input -j RETURN
### END LOGGING ###
COMMIT
"""


def allow(port: str = "443", source: str = "0.0.0.0/0", **fields: str) -> Rule:
    return Rule("allow", "tcp", port, "0.0.0.0/0", "any", source, "in")._replace(**fields)


# Each was taken from a file that ufw 0.36.2 has written for the same tuple.
WRITTEN = [
    (allow(), 4, ["-A ufw-user-input -p tcp --dport 443 -j ACCEPT"]),
    (allow("80,443,8000:8100", "10.0.0.0/8"), 4, ["-A ufw-user-input -p tcp -m multiport --dports 80,443,8000:8100 -s 10.0.0.0/8 -j ACCEPT"]),
    (
        allow("53,1024:65535", protocol="udp", source_ports="53"),
        4,
        ["-A ufw-user-input -p udp -m multiport --dports 53,1024:65535 -m multiport --sports 53 -j ACCEPT"],
    ),
    (Rule("deny", "any", "any", "0.0.0.0/0", "any", "192.0.2.1", "in"), 4, ["-A ufw-user-input -s 192.0.2.1 -j DROP"]),
    (allow("any", "::/0", destination="fd00::1", direction="out"), 6, ["-A ufw6-user-output -p tcp -d fd00::1 -j ACCEPT"]),
    (
        allow(destination="10.0.0.1", source_ports="88", source="10.0.0.2"),
        4,
        ["-A ufw-user-input -p tcp -d 10.0.0.1 --dport 443 -s 10.0.0.2 --sport 88 -j ACCEPT"],
    ),
    (Rule("allow", "any", "any", "::/0", "any", "::/0", "in"), 6, ["-A ufw6-user-input -j ACCEPT"]),
    (
        Rule("allow_log", "any", "any", "0.0.0.0/0", "any", "0.0.0.0/0", "in"),
        4,
        [
            '-A ufw-user-logging-input -m conntrack --ctstate NEW -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW ALLOW] "',
            "-A ufw-user-logging-input -j RETURN",
            "-A ufw-user-input -j ufw-user-logging-input",
            "-A ufw-user-input -j ACCEPT",
        ],
    ),
]


@pytest.mark.parametrize(("rule", "version", "lines"), WRITTEN)
def test_lines_are_those_of_ufw_itself(rule: Rule, version: int, lines: list[str]) -> None:
    assert tuples.lines(rule, version) == lines
    block = tuples.block(rule, "msports: x y", version)
    parsed = tuples.parse(block.splitlines()[1])
    assert parsed is not None
    assert (parsed.rule, parsed.comment, parsed.forward, parsed.interfaces, parsed.application) == (rule, "msports: x y", False, "", False)


@pytest.mark.parametrize("line", ["### tuple ###", "### tuple ### allow tcp 22", "### tuple ### a b c d e f g h i j", "# tuple", "-A ufw-user-input -j ACCEPT"])
def test_what_is_no_tuple(line: str) -> None:
    assert tuples.parse(line) is None


def test_a_comment_that_is_no_text_is_nobodys() -> None:
    assert tuples.parse("### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=abc").comment == ""
    assert tuples.parse("### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=ff").comment == "\ufffd"


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 300)), max_size=40))
def test_chunks_hold_every_port_and_fit(given_ports: list[tuple[int, int]]) -> None:
    intervals = _ports.restriction([f"{first}-{min(first + more, 65535)}" for first, more in given_ports])
    made = tuples.chunks(intervals)
    assert all(text.count(",") + text.count(":") <= 14 for text in made), "what ufw takes at most"
    if intervals:
        assert tuple(itertools.chain.from_iterable(xtables.port_intervals(text) for text in made)) == intervals
    else:
        assert made == ["any"]


SAME = [
    ("-A c -p tcp --dport 22 -j ACCEPT", "-A c -p tcp -m tcp --dport 22 -j ACCEPT"),
    ("-A c -s 10.0.0.1 -j DROP", "-A c -s 10.0.0.1/32 -j DROP"),
    ("-A c -p tcp -m multiport --dports 80,443 -s 10.0.0.0/8 -j ACCEPT", "-A c -s 10.0.0.0/8 -p tcp -m multiport --dports 80,443 -j ACCEPT"),
    ("-A c -d fd00:0::1 -j DROP", "-A c -d fd00::1/128 -j DROP"),
    ("-A c -p gre -j ACCEPT", "-A c -p 47 -j ACCEPT"),
    ("-A c -p all -j REJECT", "-A c -j REJECT --reject-with icmp-port-unreachable"),
    ("-A c -m conntrack --ctstate NEW -m recent --set", "-A c -m conntrack --ctstate NEW -m recent --set --name DEFAULT --mask 255.255.255.255 --rsource"),
    ('-A c -j LOG --log-prefix "[UFW BLOCK] " -m limit --limit 3/minute', "-A c -m limit --limit 3/min -j LOG --log-prefix '[UFW BLOCK] '"),
    ("-A c -p icmp --icmp-type echo-request -j ACCEPT", "-A c -p icmp -m icmp --icmp-type 8 -j ACCEPT"),
    ("-A c -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A c -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"),
    ("-A c -j ACCEPT -m comment --comment 'dapp_Nginx%20Full'", "-A c -m comment --comment \"\\'dapp_Nginx%20Full\\'\" -j ACCEPT"),
]
OTHER = [
    ("-A c -p tcp --dport 22 -j ACCEPT", "-A c -p udp --dport 22 -j ACCEPT"),
    ("-A c -p tcp --dport 22 -j ACCEPT", "-A d -p tcp --dport 22 -j ACCEPT"),
    ("-A c -s 10.0.0.1 -j DROP", "-A c ! -s 10.0.0.1 -j DROP"),
    ("-A c -s 10.0.0.1 -j DROP", "-A c -d 10.0.0.1 -j DROP"),
    ("-A c -p tcp --dport 22 -j ACCEPT", "-A c -p tcp --sport 22 -j ACCEPT"),
    ("-A c -p tcp -j ACCEPT", "-A c -j ACCEPT"),
    ("-A c -i eth0 -j ACCEPT", "-A c -j ACCEPT"),
    ("-A c -m set --match-set x src -j ACCEPT", "-A c -j ACCEPT"),
    ("-A c -j REJECT", "-A c -p tcp -j REJECT --reject-with tcp-reset"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_spellings_of_one_line(left: str, right: str) -> None:
    assert xtables.canonical(left) == xtables.canonical(right)
    assert xtables.canonical(left) is not None


@pytest.mark.parametrize(("left", "right"), OTHER)
def test_lines_that_differ(left: str, right: str) -> None:
    assert xtables.canonical(left) != xtables.canonical(right)


def test_what_is_no_line() -> None:
    assert [xtables.canonical(text) for text in ("COMMIT", "", ":c - [0:0]", '-A c "')] == [None] * 4


def own(file: RuleFile) -> list[tuple[str, Rule]]:
    return [(name, entry.parsed.rule) for name, entries in file.own().items() for entry in entries]


RULES = [
    ("b", allow("80,443", "10.0.0.0/8")),
    ("b", allow("any", "10.9.0.1")),
    ("deny it", Rule("deny", "any", "any", "0.0.0.0/0", "any", "10.66.0.0/16", "in")),
]


@pytest.mark.parametrize("text", [FRESH, USED])
def test_our_rules_come_and_go_and_nothing_else_moves(text: str) -> None:
    file = RuleFile(text, "msports", 4)
    assert (file.usable, own(file)) == (True, [])
    made = RuleFile(file.with_rules(RULES), "msports", 4)
    assert sorted(own(made)) == sorted(RULES)
    assert made.well_ordered()
    assert RuleFile(made.with_rules(RULES), "msports", 4).text == made.text
    assert made.with_rules([]) == text
    assert rulefile.rule_lines(made) == rulefile.wanted_lines(RULES)
    # Another owner's are another's.
    assert RuleFile(made.text, "second", 4).own() == {}
    both = RuleFile(RuleFile(made.text, "second", 4).with_rules(RULES[:1]), "msports", 4)
    assert RuleFile(both.with_rules([]), "second", 4).with_rules([]) == text


def test_blocks_come_first_and_allows_last() -> None:
    lines = RuleFile(USED, "msports", 4).with_rules(RULES).splitlines()
    at = [
        next(number for number, line in enumerate(lines) if piece in line)
        for piece in ("10.66.0.0/16", "comment=6f6c64", "192.0.2.1 in", "80,443 0.0.0.0/0 any 10", "END")
    ]
    assert at == sorted(at)


ORDERS = {
    "an allow of others first": (["other allow", "our deny"], False),
    "a limit first": (["other limit", "our deny"], False),
    "our allow first": (["our allow", "our deny"], False),
    "a denial behind": (["our allow", "other deny"], False),
    "a limit behind": (["our allow", "other limit"], False),
    "an allow behind": (["our allow", "other allow"], True),
    "denials anywhere before": (["other deny", "our deny", "other reject", "our allow"], True),
    "canonical": (["our deny", "other allow", "other deny", "our allow"], True),
}


@pytest.mark.parametrize("case", ORDERS)
def test_which_orders_mean_the_same(case: str) -> None:
    words, right = ORDERS[case]
    text = "*filter\n### RULES ###\n" + "".join(
        tuples.block(allow()._replace(action=word.split()[1]), "msports: x" if word.startswith("our") else "x", 4)
        if word.split()[1] in tuples.TARGETS
        else f"\n### tuple ### {word.split()[1]} tcp 1 0.0.0.0/0 any 0.0.0.0/0 in\n"
        for word in words
    )
    assert RuleFile(text, "msports", 4).well_ordered() is right
    mended = RuleFile(RuleFile(text, "msports", 4).with_rules(own(RuleFile(text, "msports", 4))), "msports", 4)
    assert mended.well_ordered()


def test_a_line_that_is_not_its_tuples_is_seen() -> None:
    made = RuleFile(USED, "msports", 4).with_rules(RULES)
    edited = RuleFile(made.replace("--dports 80,443 -s 10.0.0.0/8", "--dports 80,443"), "msports", 4)
    assert "unknown: -A ufw-user-input -p tcp -m multiport --dports 80,443 -j ACCEPT" in rulefile.rule_lines(edited)["b"]
    doubled = RuleFile(made.replace("any 10.66.0.0/16 in", "any 10.66.0.0/16 in_eth0"), "msports", 4)
    assert rulefile.rule_lines(doubled)["deny it"] != rulefile.wanted_lines(RULES)["deny it"]


def test_long_lists_are_told_apart_by_a_digest() -> None:
    many = [("x", allow("1", f"10.0.{i}.0/24")) for i in range(100)]
    (line,) = rulefile.wanted_lines(many).values()
    assert len(line) < 120
    assert line.startswith("'x': in allow tcp to port 1 from 10.0.0.0/24, 10.0.1.0/24, and 98 more (")
    assert rulefile.wanted_lines(many[:-1] + [("x", allow("1", "10.0.200.0/24"))]) != {"x": line}


def _context(**fields: t.Any) -> render.Context:
    both = {"in": False, "out": False}
    defaults = {"ipv6": "", "policies": {"in": "DROP", "out": "ACCEPT"}, "closed": both, "keeps": {"in": True, "out": True}, "audit": False, "igmp": True}
    return render.Context(**{**defaults, "pings": lambda *_: True, **fields})


@given(st.lists(st.tuples(st.sampled_from([4, 6]), st.integers(0, 2**32 - 1), st.integers(0, 2**31)), min_size=1, max_size=6))
def test_networks_cover_the_addresses_exactly(given_intervals: list[tuple[int, int, int]]) -> None:
    intervals = _addresses.union((version, first, min(first + more, _addresses.LAST[version])) for version, first, more in given_intervals)
    made = [text for version in (4, 6) for text in render._networks(intervals, version)]
    assert _addresses.parse(made) == intervals


def test_everything_is_one_network() -> None:
    assert [render._networks(_addresses.ANY, version) for version in (4, 6)] == [["0.0.0.0/0"], ["::/0"]]
    assert render._networks(((4, 0, 0),), 4) == ["0.0.0.0"]


def test_audit_logs_what_a_default_would_stop_only_where_ufw_lets_it_pass() -> None:
    open_host = {"in": "ACCEPT", "out": "ACCEPT"}
    closed = render.render([], {}, _context(closed={"in": True, "out": True}))
    assert [rule.protocol for version in (4, 6) for _name, rule in closed.rules[version]] == ["igmp", "igmp", "udp", "udp"]
    assert len(render.render([], {}, _context(closed={"in": True, "out": True}, igmp=False)).warnings) == 1
    made = render.render([], {}, _context(audit=True, logs=True, policies=open_host, closed={"in": True, "out": False}))
    assert [(name, rule.action) for version in (4, 6) for name, rule in made.rules[version]] == [("'audit in'", "allow_log")] * 4
    for quiet in ({"logs": True}, {"policies": open_host}):
        assert render.render([], {}, _context(audit=True, closed={"in": True, "out": False}, **quiet)).rules == {4: [], 6: []}
    enforced = render.render([], {}, _context(policies=open_host, closed={"in": True, "out": False}))
    assert [name for version in (4, 6) for name, _rule in enforced.rules[version]] == ["'base IGMP in'"]


def _render(*rules: dict[str, t.Any], sets: t.Optional[dict[str, list[str]]] = None, **context: t.Any) -> render.Rendered:
    complete, problems = _ruleset.check([{"direction": "in", "protocol": "tcp", "remote_addresses": ["any"], **rule} for rule in rules], sets or {})
    assert problems == []
    return render.render(complete, sets or {}, _context(**context))


STRICT = {"in": "DROP", "out": "DROP"}
REFUSED = {
    "port 0": ({"local_ports": ["0"]}, {}, "local_ports: ufw knows the ports 1 to 65535"),
    "ping blocked": ({"protocol": "icmp_echo", "action": "block"}, {}, "before.rules decide about ping"),
    "ping that before.rules lack": (
        {"protocol": "icmp_echo"},
        {"pings": lambda *_: False},
        "before.rules and before6.rules do not admit these echo requests (in)",
    ),
    "ping for one family": ({"protocol": "icmp_echo"}, {"pings": lambda _direction, version, _addresses: version == 4}, "and before6.rules do not"),
    "TFTP server, strict": ({"protocol": "udp", "helper": "tftp"}, {"policies": STRICT}, "its default for outbound is DROP: let outbound pass"),
    "TFTP client": ({"protocol": "udp", "helper": "tftp", "direction": "out"}, {}, "its default for inbound is DROP"),
    "helper with TCP": ({"helper": "tftp"}, {}, "the helper tftp needs protocol udp"),
    "helper and block": ({"helper": "tftp", "protocol": "udp", "action": "block"}, {}, "a rule that blocks takes no helper"),
    "no common family": ({"local_addresses": ["fd00::1"], "remote_addresses": ["10.0.0.1"]}, {}, "no family in common"),
    "IPv6 that is off": ({"remote_addresses": ["fd00::/8"]}, {"ipv6": "it is off"}, "IPv6 addresses (fd00::/8), but it is off"),
    "all of IPv6 alone": ({"remote_addresses": ["::/0"]}, {"ipv6": "it is off"}, "IPv6 addresses (::/0), but it is off"),
    "an own IPv6 address": ({"local_addresses": ["fd00::1"]}, {"ipv6": "it is off"}, "IPv6 addresses (fd00::1), but it is off"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_ufw_cannot_say_is_refused(case: str) -> None:
    fields, context, message = REFUSED[case]
    rendered = _render({"name": "x", **fields}, **context)
    assert len(rendered.problems) == 1
    assert rendered.problems[0].startswith("rules[0] 'x': ")
    assert message in rendered.problems[0]
    assert rendered.rules == {4: [], 6: []}


SILENT = {
    "nobody": ({"remote_addresses": ["@none"]}, {}, "match nobody"),
    "outbound, where all passes": ({"direction": "out"}, {}, "ufw's own default for outbound is allow and is kept"),
    "ping": ({"protocol": "icmp_echo"}, {}, "these rules write nothing"),
    "ping under an open default": (
        {"protocol": "icmp_echo"},
        {"policies": {"in": "ACCEPT", "out": "ACCEPT"}, "pings": lambda *_: False},
        "these rules write nothing",
    ),
    "a block in audit mode": ({"action": "block"}, {"audit": True}, "mode is audit"),
    "an IPv6 block where it is off": ({"action": "block", "remote_addresses": ["fd00::1"]}, {"ipv6": "it is off"}, "IPv6 is off for ufw"),
}


@pytest.mark.parametrize("case", SILENT)
def test_what_writes_nothing_is_told(case: str) -> None:
    fields, context, message = SILENT[case]
    rendered = _render({"name": "x", **fields}, sets={"none": []}, **context)
    assert (rendered.problems, rendered.rules) == ([], {4: [], 6: []})
    (warning,) = rendered.warnings
    assert message in warning
    assert warning.endswith(": x")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"remote_addresses": ["192.0.2.0/24"]}, False),
        ({"local_addresses": ["192.0.2.1"]}, False),
        ({"direction": "out", "remote_addresses": ["192.0.2.53"]}, False),
        ({"remote_addresses": ["192.0.2.0/24"], "local_addresses": ["192.0.2.1", "fd00::1"]}, False),
        ({}, True),
        ({"remote_addresses": ["192.0.2.0/24", "fd00::/8"]}, True),
    ],
)
def test_where_ipv6_is_off_a_rule_is_told_only_when_both_its_ends_have_ipv6(fields: dict[str, t.Any], told: bool) -> None:
    rendered = _render({"name": "x", **fields}, ipv6="it is off", policies=STRICT)
    assert (rendered.problems, len(rendered.rules[4]), rendered.rules[6], len(rendered.warnings)) == ([], 1, [], int(told))


def test_any_address_is_written_for_ipv4_alone_where_ipv6_is_off() -> None:
    rendered = _render({"name": "x"}, {"name": "no", "action": "block"}, ipv6="it is off")
    assert rendered.rules == {4: [("no", Rule("deny", "tcp", "any", "0.0.0.0/0", "any", "0.0.0.0/0", "in")), ("x", allow("any"))], 6: []}
    assert [warning for warning in rendered.warnings if warning.endswith(": x")] == rendered.warnings


def test_every_network_and_every_list_of_ports_is_a_tuple() -> None:
    ports = [str(port) for port in range(1000, 1040, 2)]
    rendered = _render(
        {"name": "x", "local_ports": ports, "remote_addresses": ["@many"], "local_addresses": ["10.0.0.1", "fd00::1"]},
        sets={"many": ["10.1.0.0-10.1.0.2", "fd00::2"]},
    )
    assert [len(rendered.rules[version]) for version in (4, 6)] == [4, 2]
    assert {rule.source for _name, rule in rendered.rules[4]} == {"10.1.0.0/31", "10.1.0.2"}
    outbound = _render({"name": "x", "direction": "out", "remote_ports": ["53"], "remote_addresses": ["10.0.0.53"]}, policies=STRICT)
    assert outbound.rules[4] == [("x", Rule("allow", "tcp", "53", "10.0.0.53", "any", "0.0.0.0/0", "out"))]


def test_answers_to_a_broadcast_come_in_by_their_source_port() -> None:
    asks = {"name": "x", "direction": "out", "protocol": "udp", "remote_ports": ["137"], "remote_addresses": ["10.1.0.0/16"], "helper": "netbios-ns"}
    answers = Rule("allow", "udp", "any", "0.0.0.0/0", "137", "10.1.0.0/16", "in")
    question = Rule("allow", "udp", "137", "10.1.0.0/16", "any", "0.0.0.0/0", "out")
    assert _render(asks).rules[4] == [("x", answers)]
    assert sorted(_render(asks, policies=STRICT).rules[4]) == sorted([("x", answers), ("x", question)])
    assert _render(asks, policies={"in": "ACCEPT", "out": "DROP"}).rules[4] == [("x", question)]


def test_more_tuples_than_ufw_can_bear_are_refused() -> None:
    many = {"many": [f"10.{i // 8192}.{i // 32 % 256}.{i % 32 * 8}" for i in range(render.LIMIT + 1)]}
    (problem,) = _render({"name": "x", "remote_addresses": ["@many"]}, sets=many).problems
    assert problem.startswith(f"rules: {render.LIMIT + 1} rules of ufw for IPv4, and {render.LIMIT} are the most")


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x85", "\u2028", "\r"])
def test_only_a_line_feed_ends_a_line(end: str) -> None:
    """What looks like a line to Python alone is a comment to ufw and to iptables, and stays one."""
    text = FRESH.replace(
        "*filter", f"# theirs{end}### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in comment=6d73706f7274733a2078{end}-A ufw-user-input -j ACCEPT\n*filter"
    )
    file = RuleFile(text, "msports", 4)
    assert (file.entries, xtables.chain_of(xtables.filter_lines(text), "ufw-user-input")) == ([], [])
    assert RuleFile(file.with_rules(RULES), "msports", 4).with_rules([]) == text
