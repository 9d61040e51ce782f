# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a made-up host with ufw: what they change, keep, put back and tell."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import programs, reconcile, settings
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

from ufw_machine import CONF, DEFAULTS, NEVER, SSH, STAY, TUPLE, Machine, rule


def test_a_run_its_repetition_and_its_end(machine: Machine) -> None:
    before = machine.state()
    first = machine(SSH, NEVER, default_inbound="reject", default_outbound="block")
    assert (first["added"], first["effective"]["in_force"]) == (["never", "ssh"], True)
    assert first["structure"] == ["base DHCP out", "base DHCPv6 out", "base IGMP in", "base IGMP out", "default inbound", "default outbound", "saved"]
    assert reconcile.inspect("msports", machine.host())["names"] == ["never", "ssh"]
    assert machine.kernel.count == 10
    second = machine(SSH, NEVER, default_inbound="reject", default_outbound="block")
    assert (second["changed"], second["kept"], machine.kernel.count) == (False, 2, 2)
    assert machine(state="absent")["changed"]
    assert machine.state() == before
    assert not machine(state="absent")["changed"]


def test_what_a_removed_ufw_leaves_goes_with_absent(machine: Machine) -> None:
    before = machine.state()[0]
    machine(SSH, NEVER, default_inbound="reject")
    machine.program.unlink()
    machine.kernel.tables = {version: xtables.parse_save(":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n") for version in (4, 6)}
    machine.kernel.service = False
    info = reconcile.inspect("msports", machine.host())
    assert (info["names"], info["effective"]["in_force"]) == (["never", "ssh"], False)
    assert info["effective"]["reasons"][0] == "ufw is removed from this host: what its files say is in force nowhere"
    management = {"addresses": ["10.9.0.0/24"], "ports": ["22"]}  # nobody is locked out by what is in force nowhere
    assert machine(state="absent", management=management, check=True)["removed"] == ["never", "ssh"]
    done = machine(state="absent", management=management)
    assert (done["changed"], done["removed"]) == (True, ["never", "ssh"])
    assert machine.state()[0] == before
    assert not machine(state="absent")["changed"]


def test_defaults_are_replaced_and_put_back_to_the_byte() -> None:
    asked = settings.plan(DEFAULTS, {}, {"in": "REJECT", "out": "ACCEPT"})
    assert asked.text == DEFAULTS.replace('INPUT_POLICY="DROP"', 'INPUT_POLICY="REJECT"')
    assert set(asked.record) == {"DEFAULT_INPUT_POLICY"}, "what is right already is nobody's change"
    assert settings.load_record(settings.record_text(asked.record)) == asked.record
    assert settings.plan(asked.text, asked.record, {"in": "DROP", "out": None}) == (DEFAULTS, {}, [], ())
    more = settings.plan(asked.text, asked.record, {"in": "ACCEPT", "out": "DROP"})
    assert settings.read(more.text, CONF).policies == {"in": "ACCEPT", "out": "DROP"}
    assert settings.plan(more.text, more.record, {"in": None, "out": None}) == (DEFAULTS, {}, [], ())
    theirs = asked.text.replace('"REJECT"', '"ACCEPT"')
    left = settings.plan(theirs, asked.record, {"in": None, "out": None})
    assert (left.text, left.record, len(left.warnings)) == (theirs, {}, 1)
    again = settings.plan(theirs, asked.record, {"in": "REJECT", "out": None})
    assert settings.plan(again.text, again.record, {"in": None, "out": None}).text == DEFAULTS


@pytest.mark.parametrize(
    ("line", "value"),
    [("IPV6=yes", True), ("IPV6='YES'", True), ('IPV6="yes" # so', True), ("#IPV6=yes", False), ("IPV6=no", False), ("IPV6=yes\nIPV6=no", False)],
)
def test_settings_are_read_like_the_shell_reads_them(line: str, value: bool) -> None:
    assert settings.read(line + "\n", "").ipv6 is value
    assert settings.read("", "ENABLED=yes\n").enabled is True
    assert settings.read("", "ENABLED=no\n").enabled is False


def test_info_reads_and_writes_nothing(machine: Machine) -> None:
    machine(SSH, default_inbound="reject")
    before = machine.state()
    info = reconcile.inspect("msports", machine.host())
    assert (info["present"], info["names"], info["effective"]["in_force"]) == (True, ["ssh"], True)
    assert 'DEFAULT_INPUT_POLICY was DEFAULT_INPUT_POLICY="DROP" before us' in info["saved"]
    assert machine.state() == before
    assert json.loads(json.dumps(info)) == info
    assert reconcile.inspect("nobody", machine.host())["present"] is False


@pytest.mark.parametrize(
    ("printed", "message"),
    [("# Table `filter' is incompatible, use 'nft' tool.\n", "rules that only nft knows"), ("!", "cannot read the rules: made up")],
)
def test_tables_that_iptables_cannot_show(tmp_path: pathlib.Path, printed: str, message: str) -> None:
    program = tmp_path / "iptables-save"
    program.write_text(f'#!/bin/sh\n[ "{printed[0]}" = "!" ] && {{ echo made up >&2; exit 1; }}\ncat <<"X"\n{printed}X\n')
    program.chmod(0o755)
    with pytest.raises(UfwError, match=message):
        programs.Programs((str(tmp_path), "/bin")).save(4)
    with pytest.raises(UfwError, match="ip6tables-save was not found in"):
        programs.Programs((str(tmp_path),)).save(6)


def test_purge_limits_and_rules_of_ours_that_somebody_edited(machine: Machine) -> None:
    machine(SSH, NEVER)
    with pytest.raises(Refused, match="2 rules would be removed and max_removals is 1"):
        machine(rule("new"), max_removals=1)
    kept = machine(rule("new"), purge=False)
    assert (kept["added"], kept["removed"]) == (["new"], [])
    assert STAY in kept["effective"]["reasons"]
    assert not machine(rule("new"), purge=False)["changed"]
    path = machine.root / "etc/ufw/user.rules"
    path.write_text(path.read_text().replace("--dport 22 -s 10.9.0.0/24", "--dport 22"))
    with pytest.raises(Refused, match="purge is false, but a rule with our comment cannot be kept"):
        machine(rule("new"), purge=False)
    assert machine(rule("new"))["removed"] == ["never", "ssh"]
    with pytest.raises(Refused, match="persist is false.*Leave persist out or set it to true"):
        machine(persist=False)


def test_order_that_matters_is_mended_and_told(machine: Machine) -> None:
    machine(SSH, NEVER)
    path = machine.root / "etc/ufw/user.rules"
    early = TUPLE.format("allow any", "any", "10.66.1.0/24", "in") + "-A ufw-user-input -s 10.66.1.0/24 -j ACCEPT\n"
    path.write_text(path.read_text().replace("### RULES ###\n", "### RULES ###\n\n" + early))
    done = machine(SSH, NEVER)
    assert done["structure"] == ["chain ufw-user-input (IPv4)", "order of user.rules"]
    assert "order of user.rules: an allow stands before a block of ours" in done["diff"]["before"]
    assert "order" not in done["diff"]["after"]
    assert not machine(SSH, NEVER)["changed"]


def test_the_log_of_a_default_follows_it(machine: Machine) -> None:
    log = '-A {}-after-logging-input -j LOG --log-prefix "[UFW BLOCK] " -m limit --limit 3/min --limit-burst 10\n'
    for version, name, prefix in ((4, "user.rules", "ufw"), (6, "user6.rules", "ufw6")):
        machine.kernel.tables[version].chains[prefix + "-after-logging-input"].append(log.format(prefix).strip())
        path = machine.root / "etc/ufw" / name
        path.write_text(path.read_text().replace("COMMIT", "\n### LOGGING ###\n" + log.format(prefix) + "### END LOGGING ###\nCOMMIT"))
    machine(SSH)
    before = machine.state()
    machine(SSH, default_inbound="allow", default_outbound="block")
    assert "ufw-after-logging-input -j LOG" not in "".join(machine.state()[0].values())
    assert "ufw6-after-logging-output -j LOG" in machine.state()[1]
    assert not machine(SSH, default_inbound="allow", default_outbound="block")["changed"]
    machine(SSH)
    assert machine.state() == before


def test_inactive_ufw_starts_no_program_but_a_check(machine: Machine) -> None:
    machine.write("ufw/ufw.conf", CONF.replace("yes", "no"))
    done = machine(SSH, default_inbound="reject")
    assert (done["changed"], done["effective"]["in_force"], machine.kernel.count) == (True, False, 2)
    assert any("ufw is inactive" in warning for warning in done["warnings"])
    assert not machine(SSH, default_inbound="reject")["changed"]
    assert machine.kernel.count == 0
    assert reconcile.inspect("msports", machine.host())["effective"]["in_force"] is False


def test_what_the_kernel_does_not_hold_after_all_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.kernel, "load", lambda _version, _text: None)
    done = machine(SSH)
    assert done["effective"]["in_force"] is False
    assert any(warning.startswith("the kernel does not hold what was loaded: chain ufw-user-input (IPv4)") for warning in done["warnings"])
