# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed in the kernel or in the saved file is seen and repaired."""

from __future__ import annotations

import os
import pathlib
import stat
import typing as t

import pytest
from network_namespaces import run
from three_rules import SETS, kernel, three


DRIFTS = {
    "rule deleted": "nft -a list chain inet msports rules_in | sed -n 's/.*tcp dport 22 .*# handle //p' | xargs nft delete rule inet msports rules_in handle",
    "rule added": "nft insert rule inet msports rules_in accept",
    "rule widened": "nft -a list chain inet msports rules_in | sed -n 's/.*tcp dport 22 .*# handle //p'"
    " | xargs -I N nft replace rule inet msports rules_in handle N tcp dport 22 accept comment '\"in tcp/22\"'",
    "rule twice": "nft add rule inet msports rules_in ip saddr 10.9.0.0/24 tcp dport 22 accept comment '\"in tcp/22\"'",
    "base rule deleted": "nft flush chain inet msports base_in",
    "base rule added": "nft insert rule inet msports base_in tcp dport 1-65535 accept",
    "hook chain changed": "nft insert rule inet msports input accept",
    "policy changed": "nft add chain inet msports input '{ policy accept; }'",
    "set element added": "nft add element inet msports $(nft list sets inet | sed -n 's/.*set \\(p_[^ ]*\\).*/\\1/p') '{ 172.16.0.0/12 }'",
    "set element removed": "nft delete element inet msports $(nft list sets inet | sed -n 's/.*set \\(p_[^ ]*\\).*/\\1/p') '{ 10.4.0.0/24 }'",
    "chain added": "nft add chain inet msports more '{ type filter hook input priority -5; policy accept; }'",
    "dormant": "nft add table inet msports '{ flags dormant; }'",
    "block after allow": "nft -a list chain inet msports rules_in | sed -n 's/.* drop .*# handle //p' | xargs nft delete rule inet msports rules_in handle"
    " && nft add rule inet msports rules_in ip saddr 10.66.0.0/16 drop comment '\"never\"'",
    "table deleted": "nft delete table inet msports",
    "everything flushed": "nft flush ruleset",
    "rules flushed": "nft flush table inet msports",
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_in_the_kernel_is_seen_and_repaired(apply: t.Any, rule: t.Any, drift: str) -> None:
    apply(*three(rule), address_sets=SETS)
    good = run("nft list table inet msports")
    run(DRIFTS[drift])
    assert run("nft list table inet msports", check=False) != good, "the drift did nothing"
    predicted = apply(*three(rule), address_sets=SETS, check=True)
    done = apply(*three(rule), address_sets=SETS)
    assert predicted["changed"]
    assert predicted["diff"] == done["diff"]
    assert done["added"] + done["changed_rules"] + done["removed"] + done["structure"]
    assert run("nft list table inet msports") == good
    assert not apply(*three(rule), address_sets=SETS)["changed"]


def test_another_order_of_rules_that_allow_is_no_drift(apply: t.Any, rule: t.Any) -> None:
    apply(rule("a"), rule("b"))
    run("nft -a list chain inet msports rules_in | sed -n 's/.*\"a\" # handle //p' | xargs nft delete rule inet msports rules_in handle")
    run("nft add rule inet msports rules_in meta l4proto tcp accept comment '\"a\"'")
    listed = run("nft list chain inet msports rules_in")
    assert listed.index('"b"') < listed.index('"a"')
    assert not apply(rule("a"), rule("b"))["changed"]


@pytest.mark.parametrize("drift", ["missing", "edited", "empty"])
def test_drift_in_the_saved_file_is_seen_and_repaired(apply: t.Any, rule: t.Any, drift: str) -> None:
    apply(*three(rule), address_sets=SETS)
    saved = pathlib.Path(apply.saved)
    good = saved.read_text()
    if drift == "missing":
        saved.unlink()
    else:
        saved.write_text(good.replace("10.9.0.0/24", "0.0.0.0/0") if drift == "edited" else "")
    untouched = kernel()
    done = apply(*three(rule), address_sets=SETS)
    assert (done["changed"], done["structure"], done["kept"]) == (True, ["saved"], 3)
    assert done["diff"]["before"] != done["diff"]["after"]
    assert saved.read_text() == good
    assert kernel() == untouched, "the kernel was right and must not be loaded again"
    assert not apply(*three(rule), address_sets=SETS)["changed"]


def test_the_saved_file_holds_what_the_kernel_holds(apply: t.Any, rule: t.Any) -> None:
    apply(*three(rule), address_sets=SETS, default_inbound="reject", default_outbound="block")
    good = run("nft list table inet msports")
    assert stat.S_IMODE(os.stat(apply.saved).st_mode) == 0o600
    run("nft flush ruleset")
    run(f"nft -f {apply.saved} && nft -f {apply.saved}")
    assert run("nft list table inet msports") == good
    assert not apply(*three(rule), address_sets=SETS, default_inbound="reject", default_outbound="block")["changed"]
