# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails, in the module of ufw or in the one that chooses: the reason in words, the old rules saved and in force, the next run tries again."""

from __future__ import annotations

import json
import subprocess
import typing as t

import pytest
from ufw_host import Refusal

pytestmark = pytest.mark.container

CHOOSES = """
import json
from ansible_collections.portcullis.msports.plugins.module_utils._linux.reconcile import Refused, failures, run
try:
    done = run(json.loads({given!r}))
except Refused as error:
    done = {{"refused": str(error)}}
except failures() as error:
    done = {{"refused": str(error)}}
print(json.dumps(done))
"""
INIT = "/lib/ufw/ufw-init"


def _runs(ufw: t.Any, way: str) -> t.Callable[..., dict[str, t.Any]]:
    def chooses(*rules: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
        done = json.loads(ufw.container.python(CHOOSES.format(given=json.dumps({"rules": rules, **options}))))
        if "refused" in done:
            raise Refusal(done["refused"])
        return done

    return ufw if way == "ufw" else chooses


def _inside(ufw: t.Any, command: str) -> None:
    subprocess.run(["nsenter", "--target", ufw.container.pid, "--mount", "sh", "-ec", command], check=True, capture_output=True)


def _replaced(program: str, complaint: str, checks: str = "false") -> tuple[str, str]:
    """Commands that put a script which fails in the place of a program, but for checks, which ``checks`` does, and the program back."""
    script = f'#!/bin/sh\\ncase "$*" in *--test*) {checks} "$@" && exit;; esac\\necho {complaint} >&2; exit 4\\n'
    return f"mv {program} {program}.real; printf '{script}' > {program}; chmod 755 {program}", f"mv {program}.real {program}"


@pytest.mark.parametrize("way", ["ufw", "linux"])
@pytest.mark.parametrize(
    ("failing", "said"),
    [
        # What no kernel and no iptables of the host knows is found by its own check, before anything is changed.
        (
            _replaced("/usr/sbin/iptables-restore", "unknown match multiport"),
            "iptables-restore refuses the rules, nothing was changed: unknown match multiport",
        ),
        (
            _replaced("/usr/sbin/ip6tables-restore", "made up", "/usr/sbin/ip6tables-nft-restore"),
            "ip6tables-restore could not load the rules: made up; the rules from before are still in force",
        ),
    ],
    ids=["a feature that iptables does not know", "a load that fails"],
)
def test_the_old_rules_stay_in_force(ufw: t.Any, rule: t.Any, failing: tuple[str, str], said: str, way: str) -> None:
    ufw(rule("old", local_ports=["22"]))
    before = ufw.state()
    ufw.run(failing[0])
    try:
        with pytest.raises(Refusal) as refused:
            _runs(ufw, way)(rule("new", local_ports=["9"]), default_inbound="reject")
    finally:
        ufw.run(failing[1])
    assert said in str(refused.value)
    assert ufw.state() == before
    done = _runs(ufw, way)(rule("new", local_ports=["9"]), default_inbound="reject")
    assert (done["changed"], done["added"], done["removed"], done["effective"]["in_force"]) == (True, ["new"], ["old"], True)


@pytest.mark.parametrize("way", ["ufw", "linux"])
def test_chains_that_ufw_cannot_build_leave_the_files(ufw: t.Any, rule: t.Any, way: str) -> None:
    """Somebody has flushed everything, so ufw must load itself anew, and does not."""
    ufw(rule("old", local_ports=["22"]))
    ufw.run("nft flush ruleset")
    before = ufw.state()
    put, back = _replaced(INIT, "made up")
    ufw.run(put)
    try:
        with pytest.raises(Refusal) as refused:
            _runs(ufw, way)(rule("new", local_ports=["9"]))
    finally:
        ufw.run(back)
    told = f"ufw is enabled, but its chains are not loaded and cannot be: {INIT} force-reload failed: made up; the old files are back"
    assert told in str(refused.value)
    assert ufw.state() == before
    assert _runs(ufw, way)(rule("new", local_ports=["9"]))["effective"]["in_force"]


def test_a_full_disk_changes_nothing_where_the_host_chooses(ufw: t.Any, rule: t.Any) -> None:
    ufw(rule("old", local_ports=["22"]))
    _inside(ufw, "cp -a /etc/ufw /root/full && mount -t tmpfs -o size=96k tmpfs /etc/ufw && cp -a /root/full/. /etc/ufw/")
    try:
        before = ufw.state()
        ufw.run("dd if=/dev/zero of=/etc/ufw/filler bs=1k count=4096", check=False)
        with pytest.raises(Refusal, match=r"cannot write /etc/ufw/user.*: No space left on device; nothing was changed"):
            _runs(ufw, "linux")(rule("new", remote_addresses=[f"10.{i}.0.0/24" for i in range(0, 256, 2)]))
        assert ufw.state() == before
        ufw.run("rm /etc/ufw/filler")
        assert _runs(ufw, "linux")(rule("new"))["effective"]["in_force"]
    finally:
        _inside(ufw, "umount /etc/ufw; rm -r /root/full")


def test_a_manager_that_is_missing_and_asked_for_by_name(ufw: t.Any, rule: t.Any) -> None:
    ufw(rule("old", local_ports=["22"]))
    before = ufw.state()
    ufw.run("mv /usr/sbin/firewalld /root/")
    try:
        with pytest.raises(Refusal, match=r"firewalld was not found on this host .*: install the package firewalld"):
            _runs(ufw, "linux")(rule("new", local_ports=["9"]), backend="firewalld")
    finally:
        ufw.run("mv /root/firewalld /usr/sbin/")
    assert ufw.state() == before


@pytest.mark.parametrize("way", ["ufw", "linux"])
def test_a_program_of_iptables_that_is_missing(ufw: t.Any, rule: t.Any, way: str) -> None:
    ufw(rule("old", local_ports=["22"]))
    before = ufw.state()
    ufw.run("mv /usr/sbin/ip6tables-restore /root/")
    try:
        with pytest.raises(Refusal, match="ip6tables-restore was not found in /usr/sbin"):
            _runs(ufw, way)(rule("new", local_ports=["9"]))
    finally:
        ufw.run("mv /root/ip6tables-restore /usr/sbin/")
    assert ufw.state() == before
