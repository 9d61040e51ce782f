# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few of the drills of nftables and ufw, which ``make drills`` runs in full: one lockout with packets, some processes killed."""

from __future__ import annotations

import typing as t

import pytest
from drilled import Host
from network_namespaces import PROBE, Prober
from required import or_fail
from wire import lockouts, wired

pytestmark = pytest.mark.container


@pytest.fixture(scope="module", params=["nftables", "ufw"])
def host(request: pytest.FixtureRequest) -> t.Iterator[Host]:
    made = or_fail(lambda: Host(request.param), "persistence")
    yield made
    made.container.close()


def test_a_host_that_is_locked_opens_by_itself_and_processes_are_killed(host: Host) -> None:
    with wired(host.container) as peer:
        host.clean()
        probe = Prober(peer.python(PROBE))
        wrong = lockouts(host, peer, probe, [0], host.backend)
        probe.close()
    wrong += host.drill("answer = drill(4, 'few')")
    assert not wrong, "\n".join(wrong)
