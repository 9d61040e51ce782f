# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves, what it takes away, and what stays when it fails."""

from __future__ import annotations

import os
import pathlib
import threading
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import run
from three_rules import SETS, kernel, three


def test_without_purge_own_rules_stay(apply: t.Any, rule: t.Any) -> None:
    tftp = rule("tftp", direction="out", protocol="udp", remote_ports=["69"], helper="tftp")
    apply(*three(rule), tftp, address_sets=SETS)
    done = apply(rule("new"), purge=False)
    assert (done["added"], done["removed"], done["effective"]["exact"]) == (["new"], [], False)
    assert "purge is false: rules of earlier runs stay, and count beside those of this one: in tcp/22, in tcp/443, never, tftp" in done["effective"]["reasons"]
    assert apply(rule("new"), purge=False)["changed"] is False
    listed = run("nft list table inet msports")
    for name in ("in tcp/22", "in tcp/443", "never", "new", "tftp"):
        assert f'comment "{name}"' in listed
    assert "hook output" in listed, "a rule that stays must be reached by packets"
    assert listed.index("drop comment") < listed.index('comment "new"')
    done = apply(rule("new"))
    assert done["removed"] == ["in tcp/22", "in tcp/443", "never", "tftp"]


def test_without_purge_the_guard_counts_what_stays(apply: t.Any, rule: t.Any) -> None:
    ssh, web = (rule(name, local_ports=[port], remote_addresses=["10.9.0.0/24"]) for name, port in (("ssh", "22"), ("web", "443")))
    strict = {"default_inbound": "block", "management": {"addresses": ["10.9.0.0/24"], "ports": ["22"]}}
    apply(ssh, **strict)
    assert apply(web, purge=False, **strict)["added"] == ["web"], "ssh stays"
    apply(rule("cut", action="block", remote_addresses=["10.9.0.0/25"]), default_inbound="keep", allow_lockout=True)
    with pytest.raises(Refused, match="would lock out whoever manages this host.*10.9.0.0/25 .*drop.* blocks it"):
        apply(ssh, purge=False, **strict)


def test_without_purge_a_rule_of_unknown_make_is_refused(apply: t.Any, rule: t.Any) -> None:
    apply(rule("a"))
    run("nft add rule inet msports rules_in tcp flags syn limit rate over 5/second drop")
    before = kernel()
    with pytest.raises(Refused, match="cannot be kept"):
        apply(rule("a"), purge=False)
    assert kernel() == before
    assert apply(rule("a"))["changed"]


def test_max_removals_refuses(apply: t.Any, rule: t.Any) -> None:
    apply(*three(rule), address_sets=SETS)
    before = kernel()
    for check in (True, False):
        with pytest.raises(Refused, match="2 rules would be removed and max_removals is 1"):
            apply(three(rule)[0], max_removals=1, check=check)
    assert kernel() == before
    assert apply(three(rule)[0], max_removals=2)["removed"] == ["in tcp/443", "never"]


@pytest.mark.parametrize("folder", ["run", "no-run"])
def test_what_is_saved_is_what_is_in_force_when_two_run_at_once(apply: t.Any, rule: t.Any, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """The second begins when the first has loaded its rules and has not saved them yet. A thread lives in the network namespace of the test, too."""
    pathlib.Path(apply.root, folder).mkdir()
    second = type(apply)(apply.root)
    done: list[dict[str, t.Any]] = []
    other = threading.Thread(target=lambda: done.append(second(rule("of the second", local_ports=["2"]))))
    save = Store.save

    def late(*given: t.Any) -> list[str]:
        if not other.ident:
            other.start()
            other.join(1)
        return save(*given)

    monkeypatch.setattr(Store, "save", late)
    first = apply(rule("of the first", local_ports=["1"]))
    other.join(30)
    assert (first["added"], done[0]["added"], done[0]["removed"]) == (["of the first"], ["of the second"], ["of the first"])
    for text in (kernel(), pathlib.Path(apply.saved).read_text()):
        assert ("of the first" in text, "of the second" in text) == (False, True)
    assert not apply(rule("of the second", local_ports=["2"]))["changed"]
    assert os.listdir(os.path.join(apply.root, folder)) == []


def test_absent_leaves_no_trace(apply: t.Any, rule: t.Any) -> None:
    apply(*three(rule), address_sets=SETS)
    predicted = apply(state="absent", check=True)
    assert predicted["changed"]
    assert os.path.exists(apply.saved)
    done = apply(state="absent")
    assert {key: done[key] for key in predicted} == predicted
    assert done["removed"] == ["in tcp/22", "in tcp/443", "never"]
    assert kernel("ruleset") == ""
    assert [names for _folder, _folders, names in os.walk(apply.root) if names] == []
    assert not os.path.exists(os.path.join(apply.root, "etc/portcullis"))
    assert not apply(state="absent")["changed"]


def test_absent_leaves_another_owners_file(apply: t.Any, rule: t.Any) -> None:
    apply(rule("a"))
    apply(rule("a"), owner="second")
    apply(state="absent")
    assert os.listdir(os.path.dirname(apply.saved)) == ["second.nft"]


def test_without_persist_nothing_is_saved(apply: t.Any, rule: t.Any) -> None:
    done = apply(rule("a"), persist=False)
    assert done["warnings"] == []
    assert not os.path.exists(apply.saved)
    apply(rule("a"))
    assert os.path.exists(apply.saved)
    assert apply(rule("a"), persist=False)["structure"] == ["saved"]
    assert not os.path.exists(apply.saved)
    assert not apply(rule("a"), persist=False)["changed"]


@pytest.mark.parametrize("failing", ["-c", "-f"])
def test_a_failed_apply_keeps_the_old_rules_and_stays_visible(apply: t.Any, rule: t.Any, tmp_path: pathlib.Path, failing: str) -> None:
    apply(*three(rule), address_sets=SETS)
    before, saved = kernel("ruleset"), pathlib.Path(apply.saved).read_text()
    shim = tmp_path / "nft"
    shim.write_text(f'#!/bin/sh\n[ "$1" = {failing} ] && {{ echo "Error: no memory" >&2; exit 1; }}\nexec /usr/sbin/nft "$@"\n')
    shim.chmod(0o755)
    apply.nft_path = str(shim)
    for _attempt in range(2):
        with pytest.raises(NftError, match="no memory"):
            apply(rule("new"))
        assert (kernel("ruleset"), pathlib.Path(apply.saved).read_text()) == (before, saved)
    apply.nft_path = None
    assert apply(rule("new"))["added"] == ["new"]


def test_a_kernel_that_holds_something_else_is_told(apply: t.Any, rule: t.Any, tmp_path: pathlib.Path) -> None:
    shim = tmp_path / "nft"
    shim.write_text('#!/bin/sh\n[ "$1" = -f ] && exec sed "s/dport 22 counter accept/dport 23 counter accept/" | /usr/sbin/nft -f -\nexec /usr/sbin/nft "$@"\n')
    shim.chmod(0o755)
    apply.nft_path = str(shim)
    done = apply(*three(rule), address_sets=SETS)
    assert (done["effective"]["in_force"], done["effective"]["exact"]) == (False, False)
    assert any("tcp dport 23" in warning for warning in done["warnings"])
