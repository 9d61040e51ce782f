# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""canonicalise(read(apply(x))) = canonicalise(x) through the real executor, for generated rulesets, however Windows gives rules back.

Starting a process of Mono is what takes longest. So all hosts of a round go through their calls side by side: each is planned in a
thread of its own that waits for its host, and the calls of all that wait are run in one process.
"""

from __future__ import annotations

import copy
import json
import threading
import typing as t

import engines
import policy_file
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect, run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import RULESETS, SETS, Plain
from conftest import Host, result_of

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


def side_by_side(orders: t.Sequence[tuple[Host, Plain]]) -> list[Plain]:
    """Calls of several hosts, in one process."""
    return [result_of(done) for done in engines.chosen().run_all([(host.call(**arguments), host.path) for host, arguments in orders])]


class SideBySide:
    """Run functions that call hosts, one thread each; whenever all of them wait for their host, all calls are run in one process."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._orders: dict[int, tuple[Host, Plain]] = {}
        self._answers: dict[int, t.Any] = {}
        self._running = 0
        self.processes = 0

    def run(self, works: t.Sequence[t.Callable[[t.Callable[[Host, Plain], Plain]], t.Any]]) -> list[t.Any]:
        """What each gives back; the first error of any of them is raised."""
        outcomes: list[t.Any] = [None] * len(works)

        def work(number: int) -> None:
            try:
                outcomes[number] = works[number](lambda host, arguments: self._ask(number, host, arguments))
            # whatever it is, it is raised where the test runs
            except BaseException as error:  # pylint: disable=broad-exception-caught
                outcomes[number] = error
            finally:
                with self._turn:
                    self._running -= 1
                    self._turn.notify_all()

        self._running = len(works)
        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(works))]
        for thread in threads:
            thread.start()
        self._serve()
        for thread in threads:
            thread.join()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes

    def _ask(self, number: int, host: Host, arguments: Plain) -> Plain:
        with self._turn:
            self._orders[number] = (host, arguments)
            self._turn.notify_all()
            self._turn.wait_for(lambda: number in self._answers)
            answer = self._answers.pop(number)
        if isinstance(answer, BaseException):
            raise answer
        return t.cast(Plain, answer)

    def _serve(self) -> None:
        while True:
            with self._turn:
                # all that still run wait for an answer, and none of them has one
                self._turn.wait_for(lambda: len(self._orders) == self._running and not self._answers)
                if not self._running:
                    return
                orders, self._orders = self._orders, {}
                try:
                    answers: t.Sequence[t.Any] = side_by_side(list(orders.values()))
                # it is theirs: each of them is told, and ends
                except Exception as error:  # pylint: disable=broad-exception-caught
                    answers = [error] * len(orders)
                self.processes += 1
                self._answers.update(zip(orders, answers))
                self._turn.notify_all()


def steady(result: Plain) -> Plain:
    """What check mode and a real run must have alike: all but whether it is in force, and what was called."""
    found = copy.deepcopy({key: value for key, value in result.items() if key != "calls"})
    for part in (found["effective"], *found["effective"]["profiles"].values()):
        del part["in_force"]
    return found


def round_trip(host: Host, rulesets: t.Sequence[list[Plain]], ask: t.Callable[[Host, Plain], Plain]) -> int:
    """Each ruleset over the one before it, then none: what is read back is what was wanted. The number of rules that were there."""
    start = host.content
    held = 0

    def call(arguments: Plain) -> Plain:
        return ask(host, arguments)

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
    """Hundreds of rules, under all ways in which they may be read back, in a few processes."""
    pairs: list[tuple[list[Plain], list[Plain]]] = []

    @settings(max_examples=70, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.tuples(RULESETS, RULESETS))
    def generate(pair: tuple[list[Plain], list[Plain]]) -> None:
        pairs.append(pair)

    generate()
    side = SideBySide()
    content = policy_file.fresh_server()
    works: list[t.Callable[[t.Callable[[Host, Plain], Plain]], t.Any]] = []
    for number, pair in enumerate(pairs):
        reading = READINGS[number % len(READINGS)]
        host = make_host({**policy_file.switch(copy.deepcopy(content), **reading), "system_root": ROOTS[number % len(ROOTS)]}, f"host{number}")
        works.append(lambda ask, host=host, pair=pair: round_trip(host, pair, ask))
    held = sum(side.run(works))
    assert held >= RULES, held
    assert side.processes < 20


def test_a_reader_that_does_not_normalise_goes_wrong_here(make_host: t.Callable[..., Host]) -> None:
    """The rows as the host tells them are not what was wanted, so the comparison above compares something."""
    rules = [{"name": "a", "direction": "in", "protocol": "tcp", "local_ports": ["80", "443"], "remote_addresses": ["10.0.0.0/24", "fd00::/64"]}]
    hosts = [make_host(policy_file.fresh_server(**reading), f"host{number}") for number, reading in enumerate(READINGS)]

    def row(ask: t.Callable[[Host, Plain], Plain], host: Host) -> str:
        run({"rules": rules, "allow_lockout": True}, lambda arguments: ask(host, arguments))
        (found,) = ask(host, {"owner": "msports"})["state"]["rules"]
        return json.dumps(found[1:])

    rows = SideBySide().run([lambda ask, host=host: row(ask, host) for host in hosts])
    assert len(set(rows)) > 5


def test_an_error_of_one_is_raised_and_ends_no_other(make_host: t.Callable[..., Host]) -> None:
    hosts = [make_host(name=name) for name in ("one", "two")]
    ended = []

    def fails(ask: t.Callable[[Host, Plain], Plain]) -> None:
        ask(hosts[0], {"owner": "msports"})
        raise ValueError("of one")

    def works(ask: t.Callable[[Host, Plain], Plain]) -> None:
        for _again in range(3):
            ask(hosts[1], {"owner": "msports"})
        ended.append("two")

    with pytest.raises(ValueError, match="of one"):
        SideBySide().run([fails, works])
    assert ended == ["two"]
