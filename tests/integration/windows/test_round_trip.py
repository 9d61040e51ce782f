# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""canonicalise(read(apply(x))) = canonicalise(x) through the real executor, for generated rulesets, however Windows gives rules back."""

from __future__ import annotations

import copy
import json
import typing as t

import policy_file
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect, run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import RULESETS, SETS, Plain
from conftest import Host

#: As Windows may be: each switch by itself that changes how rules come back, and then all of them.
READINGS: tuple[dict[str, t.Any], ...] = (
    {},
    {"addresses_as_masks": False},
    {"reorder_addresses": False, "reorder_ports": False},
    {"trailing_comma": False},
    {"null_strings": False},
    {"program_expanded": False},
    {"all_profiles_value": False},
    {"ipv6_text": "plain"},
    {"ipv6_text": "expanded"},
    {"enumeration_order": "reversed"},
    {"added_object_is_live": False},
    {"detached_as_put": False},
    {"added_object_is_live": False, "detached_as_put": False},
    {
        **dict.fromkeys(("addresses_as_masks", "reorder_addresses", "reorder_ports", "trailing_comma", "null_strings", "program_expanded"), False),
        "ipv6_text": "plain",
    },
)
ROOTS = ("C:\\Windows", "D:\\WINNT")
RULES = 200


def steady(result: Plain) -> Plain:
    """What check mode and a real run must have alike: all but whether it is in force, and what was called."""
    found = copy.deepcopy({key: value for key, value in result.items() if key != "calls"})
    for part in (found["effective"], *found["effective"]["profiles"].values()):
        del part["in_force"]
    return found


def round_trip(host: Host, rulesets: t.Sequence[list[Plain]]) -> int:
    """Each ruleset over the one before it, then none: what is read back is what was wanted. The number of rules that were there."""
    start = host.content
    held = 0

    def call(arguments: Plain) -> Plain:
        return host.run(**arguments)

    for rules in rulesets:
        case = (start["switches"], rules)
        wanted = {"rules": rules, "address_sets": SETS, "allow_lockout": True}
        check = run(wanted, call, check_mode=True)
        result = run(wanted, call)
        assert result["effective"]["in_force"] and not [text for text in result["warnings"] if "does not hold" in text], case
        assert steady(check) == steady(result), case
        # read back from the store, whatever the objects said that were added
        lines = inspect("msports", call)["lines"]
        assert lines == result["diff"]["after"].splitlines(), case
        again = run(wanted, call)
        assert (again["changed"], again["kept"]) == (False, len(policy_file.own(host.content))), case
        assert policy_file.foreign(host.content) == policy_file.foreign(start), case
        held += again["kept"]
    run({"state": "absent", "allow_lockout": True}, call)
    assert policy_file.state(host.content) == policy_file.state(start), (start["switches"], rulesets)
    return held


def test_generated_rulesets_are_read_back_as_they_were_wanted(make_host: t.Callable[..., Host]) -> None:
    """Hundreds of rules, under all ways in which they may be read back."""
    pairs: list[tuple[list[Plain], list[Plain]]] = []

    @settings(max_examples=70, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.tuples(RULESETS, RULESETS))
    def generate(pair: tuple[list[Plain], list[Plain]]) -> None:
        pairs.append(pair)

    generate()
    content = policy_file.fresh_server()
    held = 0
    for number, pair in enumerate(pairs):
        reading = READINGS[number % len(READINGS)]
        host = make_host({**policy_file.switch(copy.deepcopy(content), **reading), "system_root": ROOTS[number % len(ROOTS)]}, f"host{number}")
        held += round_trip(host, pair)
    assert held >= RULES, held


def test_a_reader_that_does_not_normalise_goes_wrong_here(make_host: t.Callable[..., Host]) -> None:
    """The rows as the host tells them are not what was wanted, so the comparison above compares something."""
    rules = [{"name": "a", "direction": "in", "protocol": "tcp", "local_ports": ["80", "443"], "remote_addresses": ["10.0.0.0/24", "fd00::/64"]}]
    hosts = [make_host(policy_file.fresh_server(**reading), f"host{number}") for number, reading in enumerate(READINGS)]

    def row(host: Host) -> str:
        run({"rules": rules, "allow_lockout": True}, lambda arguments: host.run(**arguments))
        (found,) = host.run(owner="msports")["state"]["rules"]
        return json.dumps(found[1:])

    rows = [row(host) for host in hosts]
    assert len(set(rows)) > 5
