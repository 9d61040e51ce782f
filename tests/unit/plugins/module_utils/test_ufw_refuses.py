# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts and input that a run on a made-up host with ufw refuses."""

from __future__ import annotations


import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import choose
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

from ufw_machine import DEFAULTS, SSH, Machine, rule

BAD = {
    "no ufw": ("etc/ufw/user.rules", None, "ufw is not installed here, or older than 0.35: /etc/ufw/user.rules is missing"),
    "no policy": ("etc/default/ufw", "IPV6=yes\n", "DEFAULT_INPUT_POLICY is missing, DEFAULT_OUTPUT_POLICY is missing: expected ACCEPT, DROP or REJECT"),
    "bad policy": (
        "etc/default/ufw",
        DEFAULTS.replace('"DROP"', "'FOO'", 1),
        "/etc/default/ufw: DEFAULT_INPUT_POLICY is 'FOO': expected ACCEPT, DROP or REJECT",
    ),
    "strange file": ("etc/ufw/user6.rules", "*filter\nCOMMIT\n", "/etc/ufw/user6.rules has no line '### RULES ###'"),
    "what reset does": ("etc/ufw/user.rules", "*filter\nCOMMIT\n", "it disables ufw and takes all rules of the administrator out of force"),
    "where the line is": ("etc/ufw/user6.rules", "*filter\nCOMMIT\n", "Put it back above the first rule, as in /usr/share/ufw/iptables/user6.rules"),
    "removed": ("usr/sbin/ufw", None, "ufw is removed from this host, and only its files below /etc are left: install the package ufw to use it again"),
    "bad record": ("etc/portcullis/msports/msports.ufw.json", "[1]", "not a record of changed defaults"),
    "broken record": ("etc/portcullis/msports/msports.ufw.json", "{", "cannot be read"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_host_that_cannot_be_worked_with(machine: Machine, case: str) -> None:
    name, text, message = BAD[case]
    if text is None:
        (machine.root / name).unlink()
    else:
        machine.write(name[4:], text)
    before = machine.state()
    with pytest.raises(UfwError) as error:
        machine(SSH)
    assert message in str(error.value)
    assert machine.state() == before


HOSTILE = [
    {"name": "x\n-A ufw-user-input -j ACCEPT"},
    {"remote_addresses": ["10.0.0.0/8 -j ACCEPT"]},
    {"remote_addresses": ["example.com"]},
    {"local_ports": ["22 -j ACCEPT"]},
    {"local_ports": ["70000"]},
    {"protocol": "all"},
    {"name": "comment=41"},
]


def test_hostile_input_is_refused_as_a_whole(machine: Machine) -> None:
    before = machine.state()
    with pytest.raises(Refused) as refused:
        machine(*(dict(rule(f"r{index}"), **fields) for index, fields in enumerate(HOSTILE[:-1])))
    assert len(refused.value.problems) == len(HOSTILE) - 1
    for owner in ("", "Ab", "a: b", "x" * 30, "a\n"):
        with pytest.raises(Refused, match="owner"):
            machine(SSH, owner=owner)
    assert machine.state() == before
    # Names may look like anything; they are stored as hexadecimal digits.
    for name in ("comment=41", "### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in", "$(reboot) #;", "a: b: c", "msports: x"):
        machine(rule(name, local_ports=["1"]))
        assert not machine(rule(name, local_ports=["1"]))["changed"]
        assert machine(rule("y"))["removed"] == [name]


def test_the_advice_for_two_managers_can_be_followed(machine: Machine) -> None:
    folder = machine.root / "sys/fs/cgroup/system.slice/firewalld.service"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("4711\n")
    with pytest.raises(Refused, match=r"name the backend \(backend: firewalld, or backend: ufw\) and set allow_other_manager to true"):
        choose("auto", str(machine.root), str(machine.root / "proc"))
    assert choose("ufw", str(machine.root), str(machine.root / "proc")).backend == "ufw"
    assert machine(SSH, allow_other_manager=True)["changed"]


def test_rules_for_ipv6_while_it_is_off_say_what_to_do(machine: Machine) -> None:
    machine.write("default/ufw", DEFAULTS.replace("IPV6=yes", "IPV6=no"))
    with pytest.raises(Refused, match=r"set IPV6=yes there and run 'ufw reload'\); give this rule addresses of IPv4 only, or put that right first"):
        machine(rule("six", remote_addresses=["fd09::/64"]))
    assert "written for IPv4 only: ssh" in machine(SSH)["warnings"][0]


def test_another_manager_is_refused_unless_allowed(machine: Machine) -> None:
    link = machine.root / "etc/systemd/system/multi-user.target.wants/netfilter-persistent.service"
    link.parent.mkdir(parents=True)
    link.touch()
    with pytest.raises(Refused, match="another firewall manager is active besides ufw.*or set allow_other_manager to true to go on: netfilter-persistent"):
        machine(SSH)
    assert machine(SSH, allow_other_manager=True)["changed"]
    link.rename(link.with_name("nftables.service"))
    assert any("nftables.service is enabled" in warning for warning in machine(SSH)["warnings"])
