# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a confirmation saves for the next boot, and who confirms nothing."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import apply as loading
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import run
from waiting_change import Apply, confirm, ruleset, shelf

pytestmark = pytest.mark.usefixtures("others")


def test_nothing_is_saved_before_a_confirmation_and_everything_after(apply: Apply, rule: t.Any) -> None:
    done = apply(rule("a", local_ports=["443"]), rollback_timeout=60)
    assert (done["changed"], done["effective"]["in_force"], done["rollback"]["seconds"]) == (True, True, 60)
    assert not os.path.exists(apply.saved)
    assert confirm(apply, done) == {"confirmed": True, "rolled_back": [], "warnings": []}
    assert 'comment "a"' in pathlib.Path(apply.saved).read_text()
    assert not os.path.exists(os.path.join(apply.root, "var/lib/portcullis"))
    again = apply(rule("a", local_ports=["443"]), rollback_timeout=60)
    assert (again["changed"], "rollback" in again) == (False, False)


def test_what_is_kept_can_be_loaded_on_a_host_without_etc_protocols(apply: Apply, rule: t.Any, tmp_path: pathlib.Path) -> None:
    apply(rule("boot", protocol="udp", local_ports=["69"], helper="tftp"))
    bare = tmp_path / "nft"
    bare.write_text('#!/bin/sh\nexec unshare -m sh -c \'mount --bind /dev/null /etc/protocols && exec nft "$@"\' sh "$@"\n')
    bare.chmod(0o755)
    assert 'type "tftp" protocol 17' in run(f"{bare} list table inet msports")
    nft = Nft(str(bare))
    nft.check(loading.AWAY.format(owner="msports") + nft.text("msports"))


@pytest.mark.parametrize(
    ("by_hand", "seen"),
    [
        ("nft flush ruleset", undo.REMOVED_SINCE.format("msports")),
        ("nft insert rule inet msports rules_in tcp dport 22 accept comment rescue", undo.CHANGED_SINCE.format("rule 'rescue'")),
    ],
)
def test_who_comes_in_because_somebody_opened_the_host_by_hand_confirms_nothing(apply: Apply, rule: t.Any, by_hand: str, seen: str) -> None:
    apply(rule("old"))
    saved = pathlib.Path(apply.saved).read_text()
    done = apply(rule("new"), rollback_timeout=60)
    run(by_hand)
    answer = confirm(apply, done)
    assert (answer["confirmed"], answer["rolled_back"][0], seen in answer["rolled_back"]) == (False, undo.HAND, True)
    assert pathlib.Path(apply.saved).read_text() == saved


def test_the_connection_from_before_confirms_nothing(apply: Apply, rule: t.Any) -> None:
    session = ("192.0.2.1", 40000, "192.0.2.2", 22)
    done = apply(rule("a"), rollback_timeout=60)
    armed = shelf(apply).look()
    assert armed
    shelf(apply).amend(armed[1]._replace(session=list(session)))
    backend = composer.backend_of("nftables", apply.root)
    with pytest.raises(Refused, match="over the connection that was open before the change"):
        rollback.confirm(shelf(apply), backend, done["rollback"]["nonce"], session)
    assert rollback.confirm(shelf(apply), backend, done["rollback"]["nonce"], (*session[:1], 40001, *session[2:]))["confirmed"] is True


def test_an_answer_that_was_lost_is_given_again(apply: Apply, rule: t.Any) -> None:
    done = apply(rule("a"), rollback_timeout=60)
    assert [confirm(apply, done)["confirmed"] for _turn in range(2)] == [True, True]
    assert confirm(apply, {"rollback": {"nonce": "another"}})["confirmed"] is False


def test_a_confirmation_that_cannot_save_says_so_and_stays(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = apply(rule("a"), rollback_timeout=60)
    after = ruleset()

    def full(*_arguments: t.Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "save", full)
        answer = confirm(apply, done)
    assert answer["confirmed"] is True and "could not be saved for the next boot" in answer["warnings"][0]
    composer.settle(shelf(apply), False)
    assert (ruleset(), shelf(apply).look(), os.path.exists(apply.saved)) == (after, None, True)
