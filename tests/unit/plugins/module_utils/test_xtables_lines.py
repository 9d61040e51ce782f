# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of iptables that mean the same are one canonical line, whatever their spelling."""

from __future__ import annotations

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables

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
