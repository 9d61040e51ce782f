# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does to the kernel, to the saved file and to others, and what it refuses."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused
from network_namespaces import run
from three_rules import SETS, kernel, three


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
