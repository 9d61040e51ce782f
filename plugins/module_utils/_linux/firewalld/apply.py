# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The writing of a run: files first, then one reload, or single changes in the daemon where a reload would lose what others have.

A reload is one step for any number of rules; the daemon needs a tenth of a second for every rule that is changed by itself. But a reload forgets what
is only in the running daemon, and flushes the rules of iptables. So where others have such, small changes are made without a reload, and
where it takes one (a policy or an ipset is new), what was lost is put back behind it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import actual_state, daemon, others
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.actual_state import Actual
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.daemon import NeedsReload
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import EMPTY, Objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import names as names_of
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.iptables import Iptables, families, filled, foreign, there
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.signals import deferred
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

TIMEOUTS = "without the timeouts that it may have had"


class FirewalldError(Exception):
    """firewalld did not do what it was told; the text says what, and what is in force now."""


class NotUndone(FirewalldError):
    """And the rules from before could not be put back."""


FLUSHED = (
    "firewalld has to be reloaded for this, which flushes rules that others made with {0}, and they could not be put back: {1}; nothing was changed. {2}, "
    "or set allow_other_manager to true to lose them"
)
LEFT = (
    "This host is in a state that needs you: the files below {0} are {1}, but the daemon may hold other rules. Mend what firewalld complains of "
    "('firewall-cmd --check-config', 'journalctl -u firewalld'), then run 'firewall-cmd --reload' and this module again"
)
BLIND = (
    "firewalld had to be reloaded, which flushes rules that others made with iptables; whether there were any could not be seen, because neither nft nor "
    "iptables-save is installed here: install the package nftables"
)
NAMES = {"bridge": "ebtables", "ip6": "ip6tables", "ip": "iptables"}


class Writer:
    """Writes the wanted state of one owner. ``said`` holds afterwards what people should know of how it was done, ``loaded`` whether
    the last reload succeeded.

    ``prepare`` finds out how, and refuses before any change when others' rules would be lost, unless ``may_lose`` allows it; ``write`` does it.
    """

    def __init__(self, found: t.Any, nft: t.Optional[Nft], proc: str = "/proc", may_lose: bool = False) -> None:
        self._daemon = found.daemon
        self._store = found.store
        self._start = found.start
        self._root = found.root
        self._standby = others.Standby(found.root, found.connect)
        self._names = found.names
        self._objects = found.ruleset
        self._looks = found.looks
        self._nftables = found.nftables
        self._nft = nft
        self._proc = proc
        self._may_lose = may_lose
        self._reloaded = self.loaded = False
        self.iptables = Iptables()
        self.said = []

    def prepare(self, actual: Actual, wanted: Objects, running_differs: bool, check_mode: bool = False) -> None:
        """Look how ``wanted`` can be put in force, and raise ``Refused`` when that would lose rules of others. Changes nothing.

        In check mode nothing is to be put back, and rules of iptables alone can be the reason to refuse: what others have in the daemon is not read.
        """
        self._actual, self._wanted = actual, wanted
        self._names = self._names | names_of(wanted)
        self._running_differs = running_differs and self._daemon is not None
        self._calls, self._lost, self._flushed = None, [], []
        if not self._running_differs:
            return
        if not check_mode:
            self._others, self._saved = self._daemon.snapshot(self._names), self._daemon.saved(self._names)
            self._lost = daemon.differences(self._others, self._saved)
        lines = self._flush()
        if (self._lost or self._flushed) and wanted.policies and not (actual.kernel.wrong or actual.kernel.missing):
            try:
                self._calls = self._daemon.changes(actual.running, wanted)
                return
            except NeedsReload:
                pass
        self._gone = [family for family in self._flushed if not (self._nftables and there(family))]
        if self._gone and not self._may_lose:
            names = " and ".join(NAMES[family] for family in self._gone)
            if self._nftables:
                why, what = "{0}-save or {0}-restore is missing here".format(names), "Install the package that has them (iptables or ebtables)"
            else:
                why = "firewalld uses iptables, too (FirewallBackend)"
                what = "Make them with firewalld ('firewall-cmd --permanent --direct'), or set FirewallBackend=nftables"
            raise Refused(FLUSHED.format(names, why, what), lines)

    def _save_iptables(self) -> t.Dict[str, str]:
        try:
            return self.iptables.save(sorted(NAMES))
        except OSError as error:
            text = "rules that others may have made with iptables could not be read, and a reload of firewalld would flush them: {0}; nothing was changed"
            raise FirewalldError(text.format(error)) from error

    def _flush(self) -> t.List[str]:
        """Set the families of iptables that hold rules of others, which a reload flushes; return those rules where firewalld's stand among them."""
        if self._nftables:
            # Without nft only the tools of iptables themselves tell.
            self._flushed = families(self._objects, self._proc) if self._looks else filled(self._save_iptables())
            return []
        chains = [chain for _family, _table, chain in self._daemon.call("direct", "getAllChains")]
        found = {family: foreign(text, chains) for family, text in self._save_iptables().items()}
        self._flushed = [family for family in sorted(found) if found[family]]
        return ["{0}: {1}".format(NAMES[family], line) for family in self._flushed for line in found[family]][:20]

    def write(self, texts: t.Mapping[str, str], stays: bool = True) -> None:
        """Save ``texts`` of files and put them in force when the daemon or the kernel differ. Whatever fails leaves the old rules in force.

        Where they do not stay, the files are those from before afterwards: a reload needs them only while it lasts, single changes not at all.
        """
        with deferred(), self._standby:
            before = self._store.texts(self._names)
            try:
                if stays or self._calls is None:
                    self._save(texts)
                if self._running_differs:
                    self._enforce()
                if not stays:
                    self._save(before)
            except (BusError, NftError, OSError, FirewalldError) as error:
                self._undo(before, error)
                others.forget(self._root)
                raise FirewalldError("{0}; the rules from before are saved and in force".format(error)) from error
            others.forget(self._root)

    def _save(self, texts: t.Mapping[str, str]) -> None:
        try:
            self._store.write(texts, self._names)
        except OSError as error:
            text = "cannot save the rules below {0}: {1}{2}"
            raise FirewalldError(text.format(self._store.folder, error.strerror or error, ": {0}".format(error.filename) if error.filename else "")) from error

    def _enforce(self) -> None:
        if self._calls is not None:
            self._daemon.change(self._calls)
            self._check(self._wanted)
            return
        self._reload()
        kept = ["rules of {0}".format(NAMES[family]) for family in self._flushed if family not in self._gone]
        if self._lost or kept:
            what = "; ".join(self._lost + kept)
            self.said.append("firewalld had to be reloaded, and what only its running configuration held was put back, {0}: {1}".format(TIMEOUTS, what))
        if self._gone:
            names = " and ".join(NAMES[family] for family in self._gone)
            self.said.append("firewalld had to be reloaded, and the rules that others made with {0} are gone, as allow_other_manager allows".format(names))
        if self._nftables and not self._looks and not any(there(family) for family in NAMES):
            self.said.append(BLIND)
        self._check(self._wanted)

    def _reload(self) -> None:
        """Reload, and put back what others had."""
        if not self._reloaded:
            rules = self.iptables.save(self._flushed) if self._nftables else {}
            entries = daemon.timed_entries(self._others, self._objects)
            self._journal = others.Journal(others.handle(self._objects), self._others, self._saved, entries, rules, sorted(self._names))
            self._standby.start(self._journal)
        self._reloaded, self.loaded = True, False
        try:
            if self._nft is not None and self._looks and not any(value.get("table") == "firewalld" for kind, value in self._objects if kind == "chain"):
                # The daemon deletes its table before it makes it anew, and fails when somebody else was faster.
                self._nft.load("add table inet firewalld\n")
            self._daemon.reload()
            self.loaded = True
        except BusError as error:
            # It may hold nothing at all now. What can be put back is, and once more, with all complaints, when the old files have been loaded again.
            self._put_back()
            broken = ", ".join(self._store.broken())
            raise FirewalldError("firewalld could not load its configuration: {0}{1}".format(error, broken and " (no XML: {0})".format(broken))) from error
        failed = self._put_back()
        if failed:
            raise FirewalldError("the reload of firewalld lost what others had at run time, and it could not be put back: {0}".format("; ".join(failed)))

    def _put_back(self) -> t.List[str]:
        """Make what others had at run time what it was; return what could not be."""
        failed, now = others.put_back(self._journal, self._daemon, self.iptables)
        if failed:
            return failed
        try:
            left = self._differing(now)
        except BusError as error:
            return [str(error)]
        return ["still different: {0}".format("; ".join(left))] if left else []

    def _differing(self, now: t.Optional[daemon.Snapshot] = None) -> t.List[str]:
        """Return in words what others had in the daemon and have no more; entries of ipsets that time out are never the same."""
        there_now = now or self._daemon.snapshot(self._names)
        return [text for text in daemon.differences(others.plain(self._others), others.plain(there_now)) if not text.startswith("ipset")]

    def _check(self, wanted: Objects) -> None:
        """A reload drops what it cannot read without a word: see whether the daemon has all of it."""
        there = actual_state.plain(self._daemon.own(self._start, self._names))
        if there != actual_state.plain(wanted):
            raise FirewalldError("firewalld did not take all of the rules: {0}".format(difference(wanted, there)))

    def _undo(self, before: t.Mapping[str, str], reason: Exception) -> None:
        """Put the files back, and the running rules where they are no longer what they were. ``reason`` is what failed at first."""
        saved = "not what they were before"
        try:
            self._store.write(before, self._names)
            saved = "what they were before"
            if self._running_differs:
                self._undo_running()
        except (BusError, NftError, OSError, FirewalldError) as error:
            text = "{0}. And the rules from before could not be put back: {1}. {2}".format(reason, error, LEFT.format(self._store.folder, saved))
            raise NotUndone(text) from error

    def _undo_running(self) -> None:
        there_now = self._daemon.own(self._start, self._names)
        if actual_state.plain(there_now) == actual_state.plain(self._actual.running) and not (self._reloaded and self._differing()):
            return
        if not self._reloaded:
            # Single changes are taken back one by one: a reload would flush what they have spared.
            try:
                self._daemon.change(self._daemon.changes(there_now, self._actual.running))
                return
            except (BusError, NeedsReload):
                pass
        self._reload()


def difference(wanted: Objects, there: t.Optional[Objects]) -> str:
    """Return in words where the daemon's objects are not what was wanted."""
    plain = (actual_state.plain(side) or EMPTY for side in (wanted, there))
    return _change.difference(*(actual_state.all_lines(actual_state.Actual(side, None, actual_state.kernel.NOTHING)) for side in plain))
