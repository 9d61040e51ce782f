# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tuples of ufw: the lines that ufw itself makes of them, what is none, and lists of ports cut into what ufw takes."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import tuples
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule
from hypothesis import given
from hypothesis import strategies as st
from ufw_cases import allow

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
