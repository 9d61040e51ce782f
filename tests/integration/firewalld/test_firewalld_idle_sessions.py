# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Idle sessions on a booted host with firewalld, by every way in which rules begin to stop: the other end speaks first, and is heard."""

from __future__ import annotations

import typing as t

import booted
import pytest
from idle_sessions import idle
from network_namespaces import Peer, run
from wire import wired

pytestmark = [pytest.mark.container, pytest.mark.packets]

BLOCK = {"default_inbound": "block"}
STRICT = {**BLOCK, "default_outbound": "block"}
FOREIGN = "table ip other { chain i { type filter hook input priority 0; ct state invalid drop; }; }"
DIES = """
import sys
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import reconcile
reconcile.Writer.write = lambda self, texts, stays=True: sys.exit("died")
try:
    reconcile.run({0!r}, False, reconcile.Host())
except SystemExit:
    pass
"""


@pytest.fixture(scope="module")
def peer(container: booted.Container) -> t.Iterator[Peer]:
    with wired(container) as made:
        yield made


def _die(apply: t.Any, ssh: dict[str, t.Any]) -> None:
    apply.python(DIES.format({"rules": [ssh], **BLOCK}))
    apply(ssh, **BLOCK)


# What is in force while the session begins, and what happens then.
WAYS: dict[str, tuple[t.Callable[..., t.Any], t.Callable[..., t.Any]]] = {
    "the first rules": (lambda apply, ssh: None, lambda apply, ssh: apply(ssh, **BLOCK)),
    "audit, then enforce": (lambda apply, ssh: apply(ssh, **STRICT, mode="audit"), lambda apply, ssh: apply(ssh, **STRICT)),
    "keep, then block": (lambda apply, ssh: apply(ssh), lambda apply, ssh: apply(ssh, **BLOCK)),
    "allow, then block": (lambda apply, ssh: apply(ssh, default_inbound="allow"), lambda apply, ssh: apply(ssh, **BLOCK, firewalld_precedence="override")),
    "absent, then present": (lambda apply, ssh: (apply(ssh, **BLOCK), apply(state="absent")), lambda apply, ssh: apply(ssh, **BLOCK)),
    "inbound, then outbound, too": (lambda apply, ssh: apply(ssh, **BLOCK), lambda apply, ssh: apply(ssh, **STRICT)),
    "beside a foreign rule that tracks": (lambda apply, ssh: run("nft -f -", FOREIGN), lambda apply, ssh: apply(ssh, **BLOCK)),
    "after a run that died": (lambda apply, ssh: None, _die),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_idle_session_survives_whatever_begins_to_stop(apply: t.Any, rule: t.Any, peer: Peer, way: str) -> None:
    ssh = rule("ssh", local_ports=["22"])
    before, then = WAYS[way]
    try:
        before(apply, ssh)
        with idle(peer) as heard:
            then(apply, ssh)
            assert heard() == ["tcp", "udp"]
    finally:
        run("nft delete table ip other", check=False)


def test_without_a_run_it_is_not_heard(apply: t.Any, rule: t.Any, peer: Peer) -> None:
    """The control: connection tracking has really forgotten, and the zone stops what it does not know."""
    apply(rule("ssh", local_ports=["22"]), **BLOCK)
    with idle(peer) as heard:
        assert heard() == []
