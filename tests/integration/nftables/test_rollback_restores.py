# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What taking a change back brings back, whatever the table was like and whatever somebody did to it meanwhile."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import apply as loading
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import undo
from network_namespaces import run
from waiting_change import Apply, ruleset, shelf

pytestmark = pytest.mark.usefixtures("others")


def test_what_somebody_changed_of_ours_meanwhile_is_left_alone_and_reported(apply: Apply, rule: t.Any) -> None:
    apply(rule("old"), rule("both", local_ports=["1"]))
    done = apply(rule("new"), rule("both", local_ports=["2"]), rollback_timeout=60)
    run("nft add rule inet msports rules_in tcp dport 77 accept comment theirs")
    backend = composer.backend_of("nftables", apply.root)
    assert rollback.fire(shelf(apply), backend, done["rollback"]["nonce"])
    note = shelf(apply).note()
    assert note and note.what == [undo.RESTORED, undo.CHANGED_SINCE.format("rule 'theirs'")]
    table = run("nft -s list table inet msports")
    assert [name in table for name in ('"theirs"', '"old"', '"new"')] == [True, True, False]
    assert "tcp dport 1 " in table and "tcp dport 2 " not in table


def test_what_nobody_can_print_comes_back_all_the_same(apply: Apply, rule: t.Any) -> None:
    """Somebody put into our table what we have no words for: a change of ours removes it, and taking that back brings it back."""
    apply(rule("old"))
    run("nft add map inet msports strange '{ type inet_service : verdict; }'")
    before = ruleset()
    done = apply(rule("new"), rollback_timeout=60)
    assert "strange" not in ruleset()
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    assert ruleset() == before


def test_a_table_that_slept_sleeps_again(apply: Apply, rule: t.Any) -> None:
    """Somebody had switched our table off in an emergency: a run switches it on, and taking that back switches it off."""
    apply(rule("old"))
    run("nft add table inet msports '{ flags dormant; }'")
    before = ruleset()
    assert "dormant" in before
    done = apply(rule("old"), rollback_timeout=60)
    assert "dormant" not in ruleset()
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    assert ruleset() == before


def test_what_the_kernel_holds_is_taken_back_however_it_spells_it(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = loading.load

    def load(options: t.Any, host: t.Any, actual: t.Any, desired: t.Any, text: str, sessions: t.Any) -> None:
        genuine(options, host, actual, desired, text.replace("tcp dport 443 counter accept", "tcp dport 443 counter log accept"), sessions)

    before = ruleset()
    monkeypatch.setattr(loading, "load", load)
    done = apply(rule("new", local_ports=["443"]), rollback_timeout=60)
    assert done["effective"]["in_force"] is False
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    assert ruleset() == before


def test_a_shape_that_nobody_thought_of_does_not_keep_the_host_closed(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ruleset()
    done = apply(rule("a"), rollback_timeout=60)

    def stumble(*_arguments: t.Any) -> None:
        raise KeyError("strange")

    monkeypatch.setattr(undo.parse, "own_table", stumble)
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    monkeypatch.undo()
    assert ruleset() == before


def test_the_table_that_a_first_run_warms_up_with_goes_too(apply: Apply, rule: t.Any) -> None:
    before = ruleset()
    done = apply(rule("new"), rollback_timeout=60)
    run("nft -f -", loading.WARM_UP.format(owner="msports"))  # as a run leaves it that dies before it loads
    rollback.fire(shelf(apply), composer.backend_of("nftables", apply.root), done["rollback"]["nonce"])
    note = shelf(apply).note()
    assert note and note.what == [undo.REMOVED.format("msports")]
    assert ruleset() == before
