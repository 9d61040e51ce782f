# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules of others stop, or may stop, what ours allow."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.effect import domain
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import Columns, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import options, rule


def test_behind_the_keyword_rpc_are_the_dynamic_ports_of_this_host() -> None:
    block = foreign("no RPC", action=0, protocol=6, local_ports="RPC")
    web = rule("web", ["5050"])
    assert domain(block, given=options(web)) == []
    assert domain(block, given=options(web, dynamic_ports=["5000-5100"])) == ["the foreign rule 'no RPC' stops what we allow: web"]


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (foreign("no", action=0), "stops"),
        (foreign("no", action=0, protocol=6, local_ports="400-500", remote_addresses="10.0.0.9"), "stops"),
        (foreign("no", action=0, remote_addresses="LocalSubnet"), "may stop"),
        (foreign("no", action=0, program="C:\\x.exe"), "may stop"),
        (foreign("no", action=0, interfaces=["Ethernet"]), "may stop"),
        (foreign("no", action=0, protocol=17), None),
        (foreign("no", action=0, protocol=6, local_ports="80"), None),
        (foreign("no", action=0, remote_addresses="10.0.1.0/24"), None),
        (foreign("no", action=0, direction=2), None),
        (foreign("no", action=0, profiles=6), None),
        (foreign("no", action=0, profiles=0), "stops"),
        (foreign("no", action=0, enabled=False), None),
        (foreign("no", action=0, direction=3), "stops"),
    ],
)
def test_blocks_of_others(other: Columns, word: t.Optional[str]) -> None:
    assert domain(other) == ([f"the foreign rule 'no' {word} what we allow: web"] if word else [])


def test_a_block_of_another_program_stops_nothing_of_ours() -> None:
    bound = rule("web", ["443"], program="C:\\web.exe")
    assert domain(foreign("no", action=0, program="C:\\x.exe"), given=options(bound)) == []
    assert domain(foreign("no", action=0, program="C:\\WEB.exe"), given=options(bound)) == ["the foreign rule 'no' may stop what we allow: web"]


def test_blocks_name_the_first_of_ours_and_are_capped() -> None:
    blocks = [foreign(f"no {number:02}", action=0, protocol=6, local_ports=str(1000 + number)) for number in range(25)]
    wanted = options(*(rule(name, ["1000-2000"]) for name in "dcbae"))
    reasons = domain(*blocks, given=wanted)
    assert reasons[0] == "the foreign rule 'no 00' stops what we allow: a, b, c and 2 more"
    assert (len(reasons), reasons[-1]) == (21, "5 more foreign rules stop what we allow")
