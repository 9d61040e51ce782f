# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does to the kernel, to the saved file and to others, and what it refuses."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import threading
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import run

OTHERS = """
table inet filter {
    set bad { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
    chain input {
        type filter hook input priority 10; policy accept;
        ip saddr @bad counter packets 3 bytes 99 drop
    }
}
table ip nat {
    chain out {
        type nat hook postrouting priority 100; policy accept;
        masquerade
    }
}
table ip msports {
    chain same_name_other_family {
        tcp dport 1 accept
    }
}
"""
SETS = {"users": [f"10.{i}.0.0/24" for i in range(0, 40, 2)]}


def kernel(what: str = "table inet msports") -> str:
    return run(f"nft -a list {what}", check=False)


def three(rule: t.Any) -> list[dict[str, t.Any]]:
    return [
        rule("in tcp/22", local_ports=["22"], remote_addresses=["10.9.0.0/24"]),
        rule("in tcp/443", local_ports=["443"], remote_addresses=["@users"]),
        rule("never", action="block", protocol="any", remote_addresses=["10.66.0.0/16"]),
    ]


def test_others_stay_as_they_are_to_the_byte(apply: t.Any, rule: t.Any) -> None:
    run("nft -f -", OTHERS)
    tables = ("table inet filter", "table ip nat", "table ip msports")
    before = [kernel(table) for table in tables]
    apply(*three(rule), address_sets=SETS)
    apply(rule("other"), default_outbound="block")
    apply(state="absent")
    assert [kernel(table) for table in tables] == before
    assert kernel() == ""


def test_few_processes_and_no_second_change(apply: t.Any, rule: t.Any, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "processes"
    shim = tmp_path / "nft"
    shim.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec /usr/sbin/nft "$@"\n')
    shim.chmod(0o755)
    apply.nft_path = str(shim)
    first = apply(*three(rule), address_sets=SETS)
    assert (first["added"], first["changed_rules"], first["removed"], first["kept"]) == (["in tcp/22", "in tcp/443", "never"], [], [], 0)
    assert len(log.read_text().splitlines()) == apply.processes == 4
    log.write_text("")
    second = apply(*three(rule), address_sets=SETS)
    assert (second["changed"], second["kept"], second["structure"]) == (False, 3, [])
    assert len(log.read_text().splitlines()) == apply.processes == 1
    assert "-c" not in log.read_text()


def test_a_rule_that_changes_goes_or_comes_is_named(apply: t.Any, rule: t.Any) -> None:
    rules = three(rule)
    apply(*rules, address_sets=SETS)
    rules[0]["local_ports"] = ["22", "2222"]
    done = apply(*rules[:2], rule("new"), address_sets={"users": SETS["users"][1:]})
    assert (done["added"], done["changed_rules"], done["removed"], done["kept"]) == (["new"], ["in tcp/22", "in tcp/443"], ["never"], 0)
    assert "in 'in tcp/22': ip saddr 10.9.0.0/24 tcp dport 22 accept\n" in done["diff"]["before"]
    assert "in 'in tcp/22': ip saddr 10.9.0.0/24 tcp dport { 22, 2222 } accept\n" in done["diff"]["after"]


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


def test_check_mode_writes_nothing(apply: t.Any, rule: t.Any) -> None:
    assert apply(*three(rule), address_sets=SETS, check=True)["changed"]
    assert kernel("ruleset") == ""
    assert not os.path.exists(os.path.join(apply.root, "etc"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"remote_addresses": ["10.1.1.300"]}, "remote_addresses[0]"),
        ({"remote_addresses": ["host.example.com"]}, "names are not looked up"),
        ({"remote_addresses": ["10.1.1.7/24"]}, "without host bits"),
        ({"remote_addresses": []}, "write 'any'"),
        ({"local_ports": ["70000"]}, "local_ports[0]"),
        ({"local_ports": ["80; drop"]}, "local_ports[0]"),
        ({"name": 'x" accept comment "y'}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "line\n"}, "name"),
        ({"name": "n" * 129}, "name"),
        ({"action": "drop"}, "action"),
        ({"remote_addresses": ["@nowhere"]}, "no such address set"),
        ({"remote_addresses": ["10.0.0.1"], "local_addresses": ["fd00::1"]}, "no family in common"),
        ({"helper": "tftp"}, "needs protocol udp"),
        ({"colour": "red"}, "unknown key"),
    ],
)
def test_a_bad_rule_changes_nothing(apply: t.Any, rule: t.Any, fields: dict[str, t.Any], expected: str) -> None:
    apply(*three(rule), address_sets=SETS)
    before, saved = kernel("ruleset"), pathlib.Path(apply.saved).read_text()
    for check in (True, False):
        with pytest.raises(Refused, match="nothing was changed") as caught:
            apply(*three(rule), dict(rule("the bad one"), **fields), address_sets=SETS, check=check)
        assert any(expected in problem for problem in caught.value.problems), caught.value.problems
    assert (kernel("ruleset"), pathlib.Path(apply.saved).read_text()) == (before, saved)


def test_all_problems_are_told_at_once(apply: t.Any, rule: t.Any) -> None:
    with pytest.raises(Refused) as caught:
        apply(rule("a", local_ports=["x"]), rule("a", remote_addresses=["y"]), management={"addresses": ["z"], "ports": ["ssh"]}, address_sets={"s": ["q"]})
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize("owner", ["", "Msports", "a b", "x; flush ruleset", "../../etc/passwd", "a" * 25, "1st", "m\n"])
def test_a_bad_owner_is_refused(apply: t.Any, owner: str) -> None:
    with pytest.raises(Refused, match="owner"):
        apply(owner=owner)


def test_two_owners_do_not_meet(apply: t.Any, rule: t.Any) -> None:
    apply(rule("mine"))
    other = apply(rule("theirs", protocol="udp"), owner="second", default_inbound="allow")
    assert other["added"] == ["theirs"]
    assert any("table inet msports" in reason for reason in other["effective"]["reasons"])
    assert not apply(rule("mine"))["changed"]
    apply(state="absent", owner="second")
    assert not apply(rule("mine"))["changed"]


def test_another_manager_is_refused_with_what_exists(apply: t.Any, rule: t.Any) -> None:
    run("nft add table inet firewalld; nft add chain inet firewalld filter_INPUT")
    for check in (True, False):
        with pytest.raises(Refused) as caught:
            apply(rule("a"), check=check)
        assert caught.value.problems == ["firewalld is running"]
        for word in ("backends of their own", "stop and mask", "allow_other_manager", "Nothing was changed"):
            assert word in str(caught.value)
    assert kernel() == ""
    done = apply(rule("a"), allow_other_manager=True)
    assert (done["changed"], done["effective"]["in_force"], done["effective"]["exact"]) == (True, True, False)
    assert done["effective"]["reasons"] == ["another manager filters here too: firewalld is running"]


def test_our_base_rules_in_a_table_of_a_stranger_are_no_warning(apply: t.Any, rule: t.Any) -> None:
    """The list of what our base rules admit is written a second time, for comparisons; here the kernel's answer meets it."""
    apply(rule("a"), default_outbound="block")
    run("nft -s list table inet msports | sed 's/table inet msports/table inet stranger/; s/policy drop/policy accept/; s/base_/other_/' | nft -f -")
    done = apply(rule("a"), default_outbound="block")
    assert (done["effective"]["reasons"], [warning for warning in done["warnings"] if "default" in warning]) == ([], [])
    run("nft add rule inet stranger other_in icmp type redirect accept; nft add rule inet stranger other_out udp dport 53 accept")
    told = [warning for warning in apply(rule("a"), default_outbound="block")["warnings"] if "default" in warning]
    assert [warning.split(": ")[0] for warning in told] == ["table inet stranger, chain other_in", "table inet stranger, chain other_out"]


def test_a_table_of_another_owner_is_told_once_by_name(apply: t.Any, rule: t.Any) -> None:
    rules = [rule(f"r{port}", local_ports=[str(port)]) for port in range(1000, 1040)]
    apply(*rules, owner="second")
    done = apply(rule("mine", local_ports=["1000", "443"]))
    assert done["effective"]["reasons"] == ["table inet second of another owner of this collection stops what we allow: mine"]
    told = [warning for warning in done["warnings"] if "default" in warning]
    assert told == ["table inet second of another owner of this collection accepts what our default stops; our drop is final"]


HOSTILE = [
    "a b  c",
    "$(reboot) `x`".replace("`", ""),
    "; flush ruleset",
    "} table inet y {",
    "#comment",
    "* ends with star*",
    "*",
    "accept",
    "include /etc/passwd",
    "$var @set",
    "{{ 7 * 7 }}",
    "%s %n",
    "n" * 128,
    "<-->",
    "^a|b?c!~[d]=(e)/f,g.h:i&j+k",
]


def test_hostile_names_and_texts_are_names_and_texts(apply: t.Any, rule: t.Any) -> None:
    texts = ['"; flush ruleset; "', "line\nbreak", "\u00fc\u2028", "\\", "'" * 300]
    rules = [rule(name, local_ports=[str(port)], description=texts[port % len(texts)]) for port, name in enumerate(HOSTILE, start=1)]
    hostile_set = {'x" { flush ruleset; }': SETS["users"], "y" * 300: SETS["users"][1:], "x' \n": SETS["users"][2:]}
    rules += [rule(f"by set {number}", remote_addresses=[f"@{name}"]) for number, name in enumerate(hostile_set)]
    done = apply(*rules, address_sets=hostile_set)
    assert done["effective"]["in_force"]
    assert done["warnings"] == ["systemd does not run here: /etc/portcullis/msports/msports.nft is written, but nothing loads it at the next boot"]
    listed = json.loads(run("nft -j list ruleset"))["nftables"]
    assert {item["table"]["name"] for item in listed if "table" in item} == {"msports"}
    comments = {item["rule"].get("comment") for item in listed if "rule" in item and item["rule"]["chain"] == "rules_in"}
    assert comments == set(HOSTILE) | {f"by set {number}" for number in range(3)}
    assert not apply(*rules, address_sets=hostile_set)["changed"]


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
    second._pause = lambda _seconds: time.sleep(0.01)
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


def test_keep_makes_no_default(apply: t.Any, rule: t.Any) -> None:
    done = apply(*three(rule)[:2], address_sets=SETS, default_inbound="keep")
    assert "chain" not in run("nft list table inet msports")
    assert any("in tcp/22, in tcp/443" in warning for warning in done["warnings"])
    assert done["effective"]["exact"] is False
    done = apply(rule("tftp", protocol="udp", local_ports=["69"], helper="tftp"), default_inbound="keep")
    listed = run("nft list table inet msports")
    assert 'udp dport 69 counter packets 0 bytes 0 ct helper set "tftp" comment "tftp"' in listed
    assert "policy accept" in listed


def test_a_rule_for_nobody_is_left_out_and_told(apply: t.Any, rule: t.Any) -> None:
    done = apply(rule("nobody", remote_addresses=["@none"]), rule("a"), address_sets={"none": []})
    assert done["added"] == ["a"]
    assert any("nobody" in warning for warning in done["warnings"])


def test_audit_logs_with_a_limit_and_drops_nothing(apply: t.Any, rule: t.Any) -> None:
    audited = {"address_sets": SETS, "mode": "audit", "audit_log": True, "default_outbound": "block"}
    done = apply(*three(rule), **audited)
    listed = run("nft list table inet msports")
    assert "drop\n" not in listed
    assert "policy drop" not in listed
    assert 'limit rate 10/second burst 20 packets log prefix "msports would drop in: "' in listed
    assert (
        'ip saddr 10.66.0.0/16 counter packets 0 bytes 0 limit rate 10/second burst 20 packets log prefix "msports would drop in: " comment "never"' in listed
    )
    assert done["effective"]["exact"] is False
    assert not apply(*three(rule), **audited)["changed"]
    quiet = {**audited, "audit_log": False}
    assert apply(*three(rule), **quiet)["changed"] and not apply(*three(rule), **quiet)["changed"]
    assert "log" not in run("nft list table inet msports") and "ip saddr 10.66.0.0/16 counter packets 0 bytes 0 comment" in run("nft list table inet msports")
    assert apply(*three(rule), address_sets=SETS, default_outbound="block")["effective"]["exact"] is True


def test_netbios_answers_come_in_by_port_where_the_kernel_has_no_helper(apply: t.Any, rule: t.Any, tmp_path: pathlib.Path) -> None:
    asks = rule("names", direction="out", protocol="udp", remote_ports=["137"], remote_addresses=["10.7.0.255", "10.7.0.0/24"], helper="netbios-ns")
    apply(asks)
    assert 'udp dport 137 counter packets 0 bytes 0 ct helper set "netbios_ns" comment "names"' in run("nft list table inet msports")
    shim = tmp_path / "nft"
    # A kernel without the helper refuses the object: so does this stand-in.
    shim.write_text('#!/bin/sh\nif [ "$1" = -c ]; then text=$(cat); case "$text" in *netbios-ns*) exit 1;; esac; echo "$text" | exec /usr/sbin/nft "$@"; fi\n')
    shim.write_text(shim.read_text() + 'exec /usr/sbin/nft "$@"\n')
    shim.chmod(0o755)
    apply.nft_path = str(shim)
    run("nft flush ruleset")
    done = apply(asks)
    listed = run("nft list table inet msports")
    assert 'ip saddr 10.7.0.0/24 udp sport 137 counter packets 0 bytes 0 accept comment "names"' in listed
    assert "helper" not in listed
    assert done["added"] == ["names"]
    assert not apply(asks)["changed"]


def test_one_program_less_ruleset_is_read_when_others_cannot_be(apply: t.Any, rule: t.Any, tmp_path: pathlib.Path) -> None:
    shim = tmp_path / "nft"
    shim.write_text('#!/bin/sh\n[ "$4" = ruleset ] && { echo "Error: cannot print" >&2; exit 1; }\nexec /usr/sbin/nft "$@"\n')
    shim.chmod(0o755)
    apply.nft_path = str(shim)
    assert apply(rule("a"))["changed"]
    done = apply(rule("a"))
    assert not done["changed"]
    assert "other tables were not examined" in done["warnings"][0]


def test_works_as_root_of_a_user_namespace(tmp_path: pathlib.Path) -> None:
    here = pathlib.Path(__file__).resolve().parent
    script = tmp_path / "inside.py"
    script.write_text(
        "import runpy, sys\n"
        f"runpy.run_path({str(here.parents[1] / 'unit' / 'conftest.py')!r})\n"
        "from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Host, run\n"
        "rules = [{'name': 't', 'direction': 'in', 'protocol': 'udp', 'local_ports': ['69'], 'remote_addresses': ['@s'], 'helper': 'tftp'}]\n"
        "sets = {'s': ['10.%d.%d.0/25' % (i // 250, i % 250) for i in range(4000)]}\n"
        f"host = lambda: Host(root={str(tmp_path)!r}, environment={{}})\n"
        "options = {'rules': rules, 'address_sets': sets, 'default_outbound': 'block'}\n"
        "print(run(options, host=host())['changed'], run(options, host=host())['changed'], run({'state': 'absent'}, host=host())['changed'])\n"
    )
    python = os.environ.get("PYTHON", "python3")
    result = subprocess.run(["unshare", "--user", "--map-root-user", "--net", python, str(script)], capture_output=True, text=True, check=False)
    assert result.stdout == "True False True\n", result.stderr


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_single_values_at_both_ends_are_in_order_the_second_time(apply, rule, direction: str, protocol: str) -> None:
    """The kernel joins neighbouring comparisons with single values and gives them back in the order of the packet."""
    ports = {"local_ports": ["67"], "remote_ports": ["68"]}
    ends = {"local_addresses": ["10.0.0.1", "fd00::1"], "remote_addresses": ["10.0.0.2", "fd00::2"]}
    wanted = rule("both ends", direction=direction, protocol=protocol, **ports, **ends)
    first = apply(wanted, default_outbound="block")
    assert (first["changed"], first["effective"]["in_force"]) == (True, True), first["warnings"]
    assert not apply(wanted, default_outbound="block")["changed"]
