# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managers whose packages are removed and not purged: they are not chosen any more, and what of ours their files hold goes with ``state: absent``."""

from __future__ import annotations

import typing as t

import pytest
from test_ufw_failures import _runs
from ufw_host import Refusal, Ufw, fresh

pytestmark = pytest.mark.container

HELD = "grep -rl comment=6d73706f727473 /etc/ufw; find /etc/firewalld -name 'msports-*'; find /etc/portcullis /etc/systemd/system -name '*portcullis*'"


@pytest.fixture
def host() -> t.Iterator[Ufw]:
    """A host of its own, since what is removed does not come back."""
    with fresh() as made:
        yield made


def test_packages_that_were_removed(host: Ufw, rule: t.Any) -> None:
    runs = _runs(host, "linux")
    assert runs(rule("one", local_ports=["22"]))["backend"] == "ufw"
    assert runs(rule("one", local_ports=["22"]), backend="firewalld", allow_other_manager=True)["changed"], "saved, for a daemon that is stopped"
    host.run("DEBIAN_FRONTEND=noninteractive dpkg --remove ufw firewalld")
    assert "ENABLED=yes" in host.run("cat /etc/ufw/ufw.conf")
    with pytest.raises(Refusal, match="ufw is removed from this host, and only its files below /etc are left: install the package ufw"):
        host(rule("one", local_ports=["22"]))
    done = runs(rule("one", local_ports=["22"]))
    assert (done["backend"], done["backend_reason"], done["effective"]["in_force"]) == ("nftables", "no other manager of firewall rules is active", True)
    for name in ("firewalld", "ufw"):
        assert (
            f"{name} still holds rules of the owner msports from an earlier run: remove them with linux_ruleset, backend: {name} and state: absent"
            in done["warnings"]
        )
    assert not [text for text in done["warnings"] if "next boot" in text], "nobody is there to come back"
    gone = runs(state="absent")
    assert (gone["changed"], gone["backend"], gone["removed"]) == (True, "nftables, firewalld, ufw", ["one"] * 3)
    assert host.run(HELD, check=False).replace("find: '/etc/portcullis': No such file or directory\n", "") == ""
    assert not runs(state="absent")["changed"]
