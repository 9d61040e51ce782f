# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The writing of a run: rules into the kernel, without harm to sessions that are open, and what is kept for the next boot."""

from __future__ import annotations

import os
import sys
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import established
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import table
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Saved, Staged, Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.table import Chain, Table
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options

WARM_UP_SECONDS = 2.0
AWAY = "table inet {owner}\ndelete table inet {owner}\n"
WARM_UP = (
    AWAY
    + """table inet {owner} {{
  chain input {{
    type filter hook input priority 0; policy accept;
    ct state established,related accept
  }}
  chain output {{
    type filter hook output priority 0; policy accept;
    ct state established,related accept
  }}
}}
"""
)
# The same as a value: what a run that died in between has left is ours.
WARM_UP_TABLE = Table({hook: Chain((hook, 0, "accept"), (("", "ct state established,related accept"),)) for hook in ("input", "output")}, {}, {}, ())


class Host:
    """The machine as a run sees it. Tests give another root, environment, /proc or pause, or a kernel that cannot be told of sessions."""

    def __init__(
        self,
        nft: t.Optional[Nft] = None,
        root: str = "/",
        environment: t.Optional[t.Mapping[str, str]] = None,
        proc: str = "/proc",
        pause: t.Callable[[float], t.Any] = time.sleep,
        nudge: t.Optional[t.Callable[[], t.Any]] = None,
        learn: t.Callable[[t.Any], bool] = tracking.learn,
    ) -> None:
        self.nft = nft or Nft()
        self.root = root
        self.environment = os.environ if environment is None else environment
        self.proc = proc
        self.pause = pause
        self.nudge = nudge or _nudge
        self.learn = learn


def _nudge() -> None:
    """Make the management session carry a packet while nothing is dropped yet; Ansible skips empty lines before a result."""
    sys.stdout.write("\n")
    sys.stdout.flush()


def load(options: Options, host: Host, actual: t.Optional[Table], desired: Table, text: str, sessions: t.Sequence[Session]) -> None:
    """Load the rules. Where they stop anything, the sessions that are open are made known to connection tracking before, and what began meanwhile after it.

    Where the kernel cannot be told and a direction begins to stop, it gets a moment to learn ``sessions``, those of the management, from what they say.
    """
    stops = [hook for hook in desired.chains if table.stops_in(desired, hook)]
    warm = False
    if stops and not host.learn(established(host.proc)) and sessions and not all(table.stops_in(actual, hook) for hook in stops):
        warm = actual is None
        if warm:
            host.nft.load(WARM_UP.format(owner=options["owner"]))  # from here on it sees what begins
        host.nudge()
        host.pause(WARM_UP_SECONDS)
    try:
        host.nft.load(text)
    except NftError:
        if warm:
            host.nft.load(AWAY.format(owner=options["owner"]))
        raise
    if stops and actual is None:  # until now nothing of ours tracked what begins
        host.learn(established(host.proc))


def stage(store: Store, saved: t.Optional[Saved]) -> Staged:
    """Write the files for the next boot aside; raise ``NftError`` when that cannot be, before anything was changed."""
    try:
        return store.stage(saved)
    except OSError as error:
        raise NftError("{0}; nothing was changed".format(error.strerror)) from error
