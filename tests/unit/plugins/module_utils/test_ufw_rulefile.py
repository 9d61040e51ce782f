# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule files of ufw in which only our rules change, in an order that keeps what all rules mean."""

from __future__ import annotations

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import rulefile, tuples
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule
from ufw_cases import FRESH, USED, allow


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


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x85", "\u2028", "\r"])
def test_only_a_line_feed_ends_a_line(end: str) -> None:
    """What looks like a line to Python alone is a comment to ufw and to iptables, and stays one."""
    text = FRESH.replace(
        "*filter", f"# theirs{end}### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in comment=6d73706f7274733a2078{end}-A ufw-user-input -j ACCEPT\n*filter"
    )
    file = RuleFile(text, "msports", 4)
    assert (file.entries, xtables.chain_of(xtables.filter_lines(text), "ufw-user-input")) == ([], [])
    assert RuleFile(file.with_rules(RULES), "msports", 4).with_rules([]) == text
