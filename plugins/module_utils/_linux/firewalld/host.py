# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The host as a run finds it: firewalld's files, the daemon, and what the kernel holds of it."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import actual_state, kernel, others
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon as daemons
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.apply import FirewalldError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.asked import Asked
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import EMPTY, FOLDERS, Objects, names
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.persist import Store, name_of
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import prefix
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError, split
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

MINIMUM = (0, 9)


class Host:
    """The machine as a run sees it. Tests give another root, environment, /proc or message bus."""

    def __init__(
        self,
        root: str = "/",
        environment: t.Optional[t.Mapping[str, str]] = None,
        proc: str = "/proc",
        bus: t.Optional[str] = None,
        nft: t.Optional[Nft] = None,
    ) -> None:
        self.root = root
        self.environment = os.environ if environment is None else environment
        self.proc = proc
        self.bus = bus
        self.processes = 0
        try:
            self.nft: t.Optional[Nft] = nft or Nft()
        except NftError:
            self.nft = None

    def ruleset(self) -> t.Tuple[t.List[t.Tuple[str, Plain]], t.Optional[str]]:
        """Return what nft prints and a complaint or ``None``; nothing when nft is not installed."""
        if self.nft is None:
            return [], None
        try:
            return split(self.nft.list_objects(), "")[1], None
        except NftError as error:
            # A ruleset of others that nft cannot print must not keep us from firewalld's table.
            complaint = "only the table of firewalld could be read, other tables were not examined: {0}".format(error)
            return split(self.nft.list_objects("firewalld"), "")[1], complaint


class Found:
    """What one look at the host found: the daemon (or ``None``), the ``Actual`` and the rules of the kernel.

    But in check mode, what an interrupted run has left to be put back is put back first; the caller holds the lock then. ``known`` are names that are
    ours, whatever is said of them by now.
    """

    def __init__(self, owner: str, host: Host, check_mode: bool = True, known: t.FrozenSet[str] = frozenset()) -> None:
        self.start = prefix(owner)
        self.root = host.root
        self.store = Store(self.start, host.root)
        if not self.store.installed():
            raise Refused("firewalld was not found on this host (no /etc/firewalld or no program firewalld): install the package firewalld")
        self.connect = lambda: connect(host)
        self.daemon = self.connect()
        version = self.daemon.version if self.daemon else self.store.version()
        self.version = _checked_version(version)
        if self.daemon and self.daemon.state() != "RUNNING":
            raise Refused("firewalld is there, but in the state {0}: see 'journalctl -u firewalld', nothing was changed".format(self.daemon.state()))
        self.ruleset, complaint = host.ruleset()
        finished = others.finish(host.root, self.daemon, self.ruleset, check_mode)
        if finished:
            self.ruleset = host.ruleset()[0]  # what is put back counts among what the next reload takes
        self.warnings = ([complaint] if complaint else []) + finished
        self.nftables = self.store.setting("FirewallBackend", "nftables") == "nftables"
        self.looks = host.nft is not None and self.nftables
        self.asked = Asked(self.daemon) if self.daemon else None  # of others, and not before what was left of them is back
        self.names = known
        self.actual = self._read()

    def _read(self) -> actual_state.Actual:
        """Return the ``Actual``, and set ``texts`` of the files and the ``names`` of what is ours in either place."""
        self.names = self.names | {name_of(path) for path in self.store.texts(self.names)}
        running = self.daemon.own(self.start, self.names) if self.daemon else None
        self.names = self.names | names(running or EMPTY)
        self.texts = self.store.texts(self.names)
        saved = self.store.objects(self.texts)
        seen = kernel.examine(self.ruleset, running, self.daemon.families) if self.daemon and running is not None and self.looks else kernel.NOTHING
        return actual_state.Actual(saved, running, seen)

    def set_types(self) -> t.Optional[t.Sequence[str]]:
        """Return the types of ipsets that can be had, ``None`` for all."""
        if not self.nftables and not services.installed("ipset", self.root):
            return ()  # whatever the daemon says: firewalld 2 names all types then, and one of before does not know yet that the program is gone
        return self.daemon.set_types if self.daemon else None

    def filters(self) -> bool:
        """Tell whether the kernel holds the chains of firewalld at all, as far as that can be seen."""
        return not self.looks or any(kind == "chain" and value.get("table") == "firewalld" for kind, value in self.ruleset)

    def again(self, host: Host) -> actual_state.Actual:
        """Return the ``Actual`` after a change."""
        self.ruleset = host.ruleset()[0]
        return self._read()

    def taken(self, desired: Objects) -> t.List[str]:
        """Return in words what others have under a name that we need: it is neither taken over nor deleted."""
        files = {sort: {name_of(path) for path in self.store.others(self.names) if path.startswith(folder)} for sort, folder in FOLDERS.items()}
        listings = {"policies": ("policy", "getPolicies"), "sets": ("ipset", "getIPSets"), "services": ("", "listServices")}
        return [
            "{0} {1}".format({"policies": "policy", "sets": "ipset", "services": "service"}[sort], name)
            for sort, listing in listings.items()
            for name in sorted(getattr(desired, sort))
            if name not in self.names and (name in files[sort] or (self.asked and name in self.asked.call(*listing)))
        ]


def connect(host: Host) -> t.Optional[daemons.Daemon]:
    try:
        return daemons.connect(host.bus)
    except BusError as error:
        if services.running("firewalld", host.root, host.proc):
            raise FirewalldError("firewalld runs, but cannot be reached: {0}; nothing was changed".format(error)) from error
        return None


def _checked_version(version: str) -> t.Tuple[int, ...]:
    """Return a version as numbers; refuse one that is too old."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if not numbers or numbers < MINIMUM:
        found = "firewalld {0}".format(version) if version else "firewalld of an unknown version"
        text = "{0} is too old: policies need firewalld 0.9 (2020) or later. Update it, or stop and mask it and name backend: nftables; nothing was changed"
        raise Refused(text.format(found))
    return numbers
