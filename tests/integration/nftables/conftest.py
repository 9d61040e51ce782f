# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's code run in a namespace of its own, with files below a temporary folder."""

from __future__ import annotations

import os
import time
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import nft, tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import reconcile
from network_namespaces import PROBE, Peer, Prober, run

OTHERS = "table inet theirs { chain input { type filter hook input priority 5; policy accept; tcp dport 9 counter packets 7 bytes 70 drop; }; }"


class Backend:
    """Applies rulesets like the module does. ``processes`` is how many ``nft`` the last run started."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.environment: dict[str, str] = {}
        self.pauses: list[float] = []
        self.nudges = 0
        self.processes = 0
        self.nft_path: t.Optional[str] = None
        self.learn: t.Callable[[t.Any], bool] = tracking.learn

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        host = reconcile.Host(nft=nft.Nft(self.nft_path), root=self.root, environment=self.environment, pause=self._pause, nudge=self._nudge, learn=self.learn)
        try:
            return reconcile.run({"rules": list(rules), **options}, check_mode=check, host=host)
        finally:
            self.processes = host.nft.count

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        time.sleep(min(seconds, 0.01))  # who holds a lock may be a real process, such as one that has just taken a change back

    def _nudge(self) -> None:
        self.nudges += 1

    @property
    def saved(self) -> str:
        return os.path.join(self.root, "etc/portcullis/msports/msports.nft")


@pytest.fixture
def apply(network: None, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return Backend(str(tmp_path_factory.mktemp("root")))


@pytest.fixture
def others(network: None) -> None:
    """A table that is not ours is there beforehand."""
    run("nft -f -", OTHERS)


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    """A wire rule: inbound TCP from anywhere unless told otherwise."""
    return dict({"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"]}, **fields)


@pytest.fixture(name="rule")
def _rule() -> t.Callable[..., dict[str, t.Any]]:
    return rule


@pytest.fixture
def peer(peers: t.Callable[..., Peer]) -> Peer:
    return peers("wire0")


@pytest.fixture
def probe(peer: Peer) -> t.Iterator[Prober]:
    prober = Prober(peer.python(PROBE))
    yield prober
    prober.close()
