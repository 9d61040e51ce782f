# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails, in the module of firewalld or the one that chooses: the reason in words, the old rules saved and in force, the next run tries again."""

from __future__ import annotations

import json
import subprocess
import typing as t

import pytest

pytestmark = pytest.mark.container

CHOOSES = """
import json
from ansible_collections.portcullis.msports.plugins.module_utils._linux.reconcile import Refused, failures, run
try:
    done = run(json.loads({given!r}))
except Refused as error:
    done = {{"refused": str(error)}}
except failures() as error:
    done = {{"failed": str(error)}}
print(json.dumps(done))
"""
LIBRARY = "/usr/lib/firewalld"
BACK = "; the rules from before are saved and in force"
# What fails: how it is brought about and ended, and what is said. ``{kept}`` is a folder outside of /etc.
FAILURES = {
    "a type of ICMP that firewalld does not know": (
        f"mv {LIBRARY}/icmptypes/parameter-problem.xml {{kept}}/",
        f"mv {{kept}}/parameter-problem.xml {LIBRARY}/icmptypes/",
        ["Policy 'msports-in-rest': 'parameter-problem' not among existing ICMP types" + BACK],
    ),
    "a helper that firewalld does not know": (
        f"mv {LIBRARY}/helpers/tftp.xml {{kept}}/",
        f"mv {{kept}}/tftp.xml {LIBRARY}/helpers/",
        ["INVALID_HELPER: tftp" + BACK],
    ),
    "a reload that fails": (
        "echo '<zone><unknown' > /etc/firewalld/zones/theirs.xml",
        "rm /etc/firewalld/zones/theirs.xml",
        ["INVALID_ZONE: not a valid zone file", "(no XML: /etc/firewalld/zones/theirs.xml)" + BACK],
    ),
}


def _chooses(apply: t.Any, *rules: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
    return json.loads(apply.python(CHOOSES.format(given=json.dumps({"rules": rules, **options}))))


def _runs(apply: t.Any, way: str) -> t.Callable[..., dict[str, t.Any]]:
    return apply if way == "firewalld" else lambda *rules, **options: _chooses(apply, *rules, **options)


def _new(rule: t.Any) -> list[dict[str, t.Any]]:
    return [rule("new", local_ports=["9"]), rule("boot", protocol="udp", local_ports=["69"], helper="tftp", remote_addresses=["10.0.0.0/8"])]


@pytest.mark.parametrize("way", ["firewalld", "linux"])
@pytest.mark.parametrize("failure", FAILURES)
def test_the_old_rules_stay_in_force(apply: t.Any, rule: t.Any, failure: str, way: str) -> None:
    brought, ended, said = FAILURES[failure]
    apply(rule("old", local_ports=["22"], remote_addresses=["10.9.0.0/16"]))
    before = apply.state()
    apply.sh("mkdir -p /opt/test/kept; " + brought.format(kept="/opt/test/kept"))
    try:
        failed = _runs(apply, way)(*_new(rule), default_inbound="block")
    finally:
        apply.sh(ended.format(kept="/opt/test/kept"))
    assert [piece for piece in said if piece not in failed.get("failed", "")] == [], failed
    assert apply.state() == before
    done = _runs(apply, way)(*_new(rule), default_inbound="block")
    assert (done["changed"], done["added"], done["removed"], done["effective"]["in_force"]) == (True, ["boot", "new"], ["old"], True)


def test_a_disk_that_is_full_or_read_only_changes_nothing(apply: t.Any, rule: t.Any) -> None:
    inside = ["nsenter", "-t", apply.container.pid, "-m", "-p", "sh", "-ec"]
    apply(rule("old", local_ports=["22"]))
    apply.sh("cp -a /etc/firewalld /opt/test/firewalld.copy")
    subprocess.run([*inside, "mount -t tmpfs -o size=128k tmpfs /etc/firewalld && cp -a /opt/test/firewalld.copy/. /etc/firewalld/"], check=True)
    try:
        before = apply.state()
        many = [f"10.{i // 250}.{i % 250}.7" for i in range(8000)]
        failed = _chooses(apply, rule("new", local_ports=["9"], remote_addresses=["@many"]), address_sets={"many": many})
        assert "cannot save the rules below /etc/firewalld: No space left on device" in failed["failed"]
        assert apply.state() == before
        subprocess.run([*inside, "mount -o remount,ro /etc/firewalld"], check=True)
        failed = _chooses(apply, rule("new", local_ports=["9"]), rollback_timeout=600)
        assert "cannot save the rules below /etc/firewalld: Read-only file system" in failed["failed"]
        subprocess.run([*inside, "mount -o remount,rw /etc/firewalld"], check=True)
        assert apply.state() == before
        assert _chooses(apply, rule("new", local_ports=["9"]))["effective"]["in_force"], "nothing waits"
    finally:
        subprocess.run([*inside, "umount -l /etc/firewalld; rm -r /opt/test/firewalld.copy"], check=True)


def test_a_manager_that_is_missing_and_asked_for_by_name(apply: t.Any, rule: t.Any) -> None:
    apply(rule("old", local_ports=["22"]))
    before = apply.state()
    apply.sh("mv /etc/default/ufw /opt/test/")
    try:
        failed = _chooses(apply, rule("new", local_ports=["9"]), backend="ufw")
    finally:
        apply.sh("mv /opt/test/ufw /etc/default/")
    assert "ufw is not installed here, or older than 0.35: /etc/default/ufw is missing; install the package ufw" in failed["failed"]
    assert apply.state() == before
