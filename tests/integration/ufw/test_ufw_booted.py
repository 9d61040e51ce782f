# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lasts beyond a run: reboots, restarts, commands of ufw meanwhile, the other iptables, full disks, a host without ufw."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import typing as t

import pytest
from ufw_host import CODE, Refusal, Ufw, fresh
from wire import wired

pytestmark = pytest.mark.container


@pytest.fixture(name="_shared", scope="module")
def _own() -> t.Iterator[Ufw]:
    """A host of its own: tables of the other iptables stay known to the kernel."""
    with fresh() as made:
        yield made


@pytest.fixture
def rules(rule: t.Any) -> list[dict[str, t.Any]]:
    return [
        rule("in tcp/443", local_ports=["443"], remote_addresses=["10.0.0.0/8", "fd00::/8"]),
        rule("never", action="block", protocol="any", remote_addresses=["10.66.0.0/16"]),
    ]


OPTIONS = {"default_inbound": "reject", "default_outbound": "block"}


@pytest.mark.every_release
def test_reboot_restart_and_reload_keep_the_rules(ufw: t.Any, rules: t.Any) -> None:
    files, kernel = ufw.state()
    ufw.run("ufw allow 8080/tcp")
    ufw(*rules, **OPTIONS)
    applied = ufw.kernel()
    for deed in ("systemctl restart ufw", "ufw reload", "ufw --force disable; ufw --force enable"):
        ufw.run(deed)
        assert ufw.kernel() == applied, deed
        assert not ufw(*rules, **OPTIONS)["changed"], deed
    ufw.container.reboot()
    assert ufw.kernel() == applied
    assert not ufw(*rules, **OPTIONS)["changed"]
    ufw(state="absent")
    ufw.run("ufw delete allow 8080/tcp")
    assert ufw.state() == (files, kernel)
    ufw.container.reboot()
    assert ufw.state() == (files, kernel)


def test_runs_and_commands_of_ufw_at_the_same_time(ufw: t.Any, rules: t.Any, rule: t.Any) -> None:
    """Two owners and ufw itself, all at once: whoever comes later waits, and nobody's rules are lost."""
    found: list[t.Any] = []

    def apply(owner: str) -> None:
        for number in range(3):
            found.append(ufw(*rules, rule(f"number {number}", local_ports=["99"]), owner=owner)["effective"]["in_force"])

    threads = [threading.Thread(target=apply, args=(owner,)) for owner in ("first", "second")]
    threads.append(threading.Thread(target=lambda: ufw.run("for i in 1 2 3 4; do ufw allow 700$i/tcp || exit 1; done")))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6
    status = ufw.run("ufw status")
    for piece in ("7001/tcp", "7004/tcp", "# first: in tcp/443", "# second: never", "# first: number 2"):
        assert piece in status
    assert "number 1" not in status
    for owner in ("first", "second"):
        assert not ufw(*rules, rule("number 2", local_ports=["99"]), owner=owner)["changed"]
        ufw(state="absent", owner=owner)
    assert "first" not in ufw.run("ufw status")


def test_a_busy_ufw_is_waited_for(ufw: t.Any, rules: t.Any) -> None:
    holder = (
        'import fcntl, time; f = open("/run/ufw.lock", "w"); fcntl.lockf(f, fcntl.LOCK_EX); open("/run/held", "w"); time.sleep(4); open("/run/released", "w")'
    )
    ufw.run(f"rm -f /run/held /run/released; systemd-run -q --unit holder python3 -c '{holder}'")
    ufw.run("for i in $(seq 600); do test -e /run/held && exit 0; sleep 0.1; done; exit 1")
    assert ufw(*rules)["changed"]
    assert ufw.run("ls /run/released").strip() == "/run/released"


def _mount(ufw: t.Any, command: str) -> None:
    subprocess.run(["nsenter", "--target", ufw.container.pid, "--mount", "sh", "-c", command], check=True, capture_output=True)


def test_a_full_disk_changes_nothing(ufw: t.Any, rules: t.Any, rule: t.Any) -> None:
    ufw(*rules)
    _mount(ufw, "cp -a /etc/ufw /root/full && mount -t tmpfs -o size=96k tmpfs /etc/ufw && cp -a /root/full/. /etc/ufw/")
    try:
        before = ufw.state()
        ufw.run("dd if=/dev/zero of=/etc/ufw/filler bs=1k count=4096", check=False)
        with pytest.raises(Refusal, match=r"cannot write /etc/ufw/user.*: No space left on device; nothing was changed"):
            ufw(*rules, rule("more", remote_addresses=[f"10.{i}.0.0/24" for i in range(0, 256, 2)]))
        assert ufw.state() == before
        assert ".portcullis" not in ufw.run("ls -a /etc/ufw")
        ufw.run("rm /etc/ufw/filler")
        assert ufw(*rules, rule("more"))["effective"]["in_force"]
    finally:
        _mount(ufw, "umount /etc/ufw")


def test_the_kernel_refuses_and_everything_is_as_before(ufw: t.Any, rules: t.Any, rule: t.Any) -> None:
    ufw(*rules)
    before = ufw.state()
    # ip6tables-restore fails after IPv4 was loaded already; a check alone passes.
    ufw.run("mv /usr/sbin/ip6tables-restore /usr/sbin/ip6tables-restore.real")
    script = '#!/bin/sh\\ncase "$*" in *--test*) ;; *) echo made up >&2; exit 4;; esac\\nexec /usr/sbin/ip6tables-nft-restore "$@"\\n'
    ufw.run(f"printf '{script}' > /usr/sbin/ip6tables-restore; chmod 755 /usr/sbin/ip6tables-restore")
    try:
        with pytest.raises(Refusal, match="ip6tables-restore could not load the rules: made up; the rules from before are still in force"):
            ufw(rule("other"), default_inbound="reject")
    finally:
        ufw.run("mv /usr/sbin/ip6tables-restore.real /usr/sbin/ip6tables-restore")
    assert ufw.state() == before
    done = ufw(rule("other"), default_inbound="reject")
    assert (done["changed"], done["effective"]["in_force"]) == (True, True)


def test_a_bad_rule_of_the_administrators_is_found_before_anything_is_changed(ufw: t.Any, rules: t.Any) -> None:
    """With it, a reload of ufw would leave its chains empty."""
    ufw(*rules)
    bad = r"### tuple ### allow tcp 5 0.0.0.0\/0 any 10.0.0.999 in\n-A ufw-user-input -p tcp --dport 5 -s 10.0.0.999 -j ACCEPT"
    ufw.run(rf"sed -i 's/^### END RULES ###/\n{bad}\n&/' /etc/ufw/user.rules")
    before = ufw.state()
    with pytest.raises(Refusal, match="iptables-restore refuses the rules, nothing was changed"):
        ufw(rules[0])
    assert ufw.state() == before


def test_legacy_iptables(ufw: t.Any, rules: t.Any) -> None:
    ufw.run("ufw --force disable; nft flush ruleset")
    for program in ("iptables", "ip6tables"):
        ufw.run(f"update-alternatives --set {program} /usr/sbin/{program}-legacy")
    try:
        ufw.run("ufw --force enable")
        before = ufw.state()
        done = ufw(*rules, **OPTIONS)
        assert (done["changed"], done["effective"]["in_force"]) == (True, True)
        assert not any("legacy" in reason for reason in done["effective"]["reasons"])
        assert "ufw-user-input" in ufw.run("iptables-legacy-save")
        assert "ufw-user-input" not in ufw.run("nft list ruleset")
        assert not ufw(*rules, **OPTIONS)["changed"]
        for drift in (
            "iptables -F ufw-user-input",
            "iptables -P INPUT ACCEPT",
            "ip6tables -I ufw6-user-input -j ACCEPT",
            "iptables -F",
            "iptables -F; iptables -X",
        ):
            ufw.run(drift)
            repaired = ufw(*rules, **OPTIONS)
            assert (repaired["changed"], repaired["effective"]["in_force"]) == (True, True), drift
            assert not ufw(*rules, **OPTIONS)["changed"], drift
        ufw(state="absent")
        files, kernel = ufw.state()
        assert files == before[0]
        assert sorted(kernel.splitlines()) == sorted(before[1].splitlines())
    finally:
        ufw.run("ufw --force disable; for i in iptables ip6tables; do for t in filter nat mangle raw; do $i -t $t -F; $i -t $t -X; done; done", check=False)
        for program in ("iptables", "ip6tables"):
            ufw.run(f"update-alternatives --set {program} /usr/sbin/{program}-nft")


def test_a_host_without_ufw(ufw: t.Any, rules: t.Any) -> None:
    ufw.run("mkdir /root/away; mv /etc/ufw /root/away/")
    try:
        with pytest.raises(Refusal, match="ufw is not installed here"):
            ufw(*rules)
        with pytest.raises(Refusal, match="ufw is not installed here"):
            ufw(info=True)
    finally:
        ufw.run("mv /root/away/ufw /etc/; rmdir /root/away")


def test_firewalld_or_a_loader_beside_ufw_is_refused(ufw: t.Any, rules: t.Any) -> None:
    ufw.run("mkdir -p /etc/systemd/system/x.wants; touch /etc/systemd/system/x.wants/netfilter-persistent.service")
    try:
        with pytest.raises(Refusal, match="another firewall manager is active besides ufw"):
            ufw(*rules)
        assert ufw(*rules, allow_other_manager=True)["changed"]
    finally:
        ufw.run("rm -r /etc/systemd/system/x.wants")


def test_a_session_over_the_network_is_guarded(ufw: t.Any, rules: t.Any) -> None:
    """A socket of the test's own stands for sshd's: what counts is SSH_CONNECTION and that the socket is there."""
    code = CODE.format(given=json.dumps({"rules": rules}), check=False, info=False)
    with wired(ufw.container) as peer, socket.create_server((peer.here, 22)):
        client = peer.python(f"import socket, sys; it = socket.create_connection(('{peer.here}', 22)); print(it.getsockname()[1]); sys.stdin.read()")
        session = f"{peer.there} {client.stdout.readline().strip()} {peer.here} 22"
        ufw.reset()  # the wire was laid with no rules in the way
        prefix = f"import os\nos.environ['SSH_CONNECTION'] = '{session}'\n"
        refused = json.loads(ufw.container.python(prefix + code))
        assert f"the present session from {peer.there} to {peer.here} port 22: no rule admits it" in refused["refused"]
        ufw.run("ufw allow 22/tcp")
        done = json.loads(ufw.container.python(prefix + code))
        client.kill()
        client.communicate()
    assert (done["changed"], done["effective"]["guarded"][0][:27]) == (True, f"{peer.here} port 22 from {peer.there}"[:27])
