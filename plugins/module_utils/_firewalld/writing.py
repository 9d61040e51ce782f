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

from ansible_collections.portcullis.msports.plugins.module_utils._firewalld import layers, snapshot
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld.daemon import NeedsReload
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld.iptables import Iptables, families
from ansible_collections.portcullis.msports.plugins.module_utils._firewalld.objects import files
from ansible_collections.portcullis.msports.plugins.module_utils._nftables.nft import NftError


TIMEOUTS = "without the timeouts that it may have had"


class FirewalldError(Exception):
    """firewalld did not do what it was told; the text says what, and what is in force now."""


class Writer:
    """Writes the wanted state of one owner. ``said`` holds afterwards what people should know of how it was done."""

    def __init__(self, found, nft, proc="/proc"):
        self._daemon = found.daemon
        self._store = found.store
        self._start = found.start
        self._objects = found.ruleset
        self._looks = found.looks
        self._nftables = found.nftables
        self._nft = nft
        self._proc = proc
        self.iptables = Iptables()
        self.said = []

    def write(self, actual, wanted, running_differs):
        """Save ``wanted``, and put it in force when the daemon or the kernel differ. Whatever fails leaves the old rules in force."""
        before = self._store.texts()
        try:
            self._save(before, files(wanted))
            if running_differs and self._daemon is not None:
                self._enforce(actual, wanted)
        except (BusError, NftError, OSError, FirewalldError) as error:
            self._undo(before, actual, running_differs)
            raise FirewalldError("{0}; the rules from before are saved and in force".format(error)) from error

    def _save(self, before, wanted):
        try:
            self._store.write(wanted)
        except OSError as error:
            raise FirewalldError("cannot save the rules below {0}: {1}".format(self._store.folder, error.strerror or error)) from error

    def _enforce(self, actual, wanted):
        others = self._daemon.snapshot(self._start)
        lost = snapshot.differences(others, self._daemon.saved(self._start))
        flushed = families(self._objects, self._proc)
        if (lost or flushed) and wanted.policies and not (actual.kernel.wrong or actual.kernel.missing):
            try:
                self._daemon.change(actual.running, wanted)
                self._check(wanted)
                return
            except NeedsReload:
                pass
        self._reload(others, flushed)
        if lost or (flushed and self._nftables):
            names = [{"bridge": "ebtables", "ip6": "ip6tables"}.get(family, "iptables") for family in flushed if self._nftables]
            what = "; ".join(lost + ["rules of {0}".format(name) for name in names])
            self.said.append("firewalld had to be reloaded, and what only its running configuration held was put back, {0}: {1}".format(TIMEOUTS, what))
        if flushed and not self._nftables:
            self.said.append(
                "firewalld had to be reloaded and uses iptables: rules that others made with iptables, if any, are gone; they cannot be told from its own"
            )
        self._check(wanted)

    def _reload(self, others, flushed):
        """Reload, and put back what others had."""
        saved = self.iptables.save(flushed) if self._nftables else {}
        entries = snapshot.timed_entries(others, self._objects)
        try:
            if self._looks and not any(value.get("table") == "firewalld" for kind, value in self._objects if kind == "chain"):
                # The daemon deletes its table before it makes it anew, and fails when somebody else was faster.
                self._nft.load("add table inet firewalld\n")
            self._daemon.reload()
        except BusError as error:
            broken = ", ".join(self._store.broken())
            raise FirewalldError("firewalld could not load its configuration: {0}{1}".format(error, broken and " (no XML: {0})".format(broken))) from error
        finally:
            self._restore(others, saved, entries)

    def _restore(self, others, saved, entries):
        failed = []
        after = self._daemon.snapshot(self._start)
        if after != others or entries:
            failed += self._daemon.put_back(others, after, entries)
            left = [text for text in snapshot.differences(others, self._daemon.snapshot(self._start)) if not text.startswith("ipset")]
            failed += ["still different: {0}".format("; ".join(left))] if left and not failed else []
        # Last, because direct rules of the daemon are rules of iptables, too.
        failed += self.iptables.restore(saved)
        if failed:
            raise FirewalldError("the reload of firewalld lost what others had at run time, and it could not be put back: {0}".format("; ".join(failed)))

    def _check(self, wanted):
        """A reload drops what it cannot read without a word: see whether the daemon has all of it."""
        there = layers.plain(self._daemon.own(self._start))
        if there != layers.plain(wanted):
            raise FirewalldError("firewalld did not take all of the rules: {0}".format(difference(wanted, there)))

    def _undo(self, before, actual, running_differs):
        """Put the files back, and the running rules where they are no longer what they were."""
        try:
            self._store.write(before)
            if running_differs and self._daemon is not None and layers.plain(self._daemon.own(self._start)) != layers.plain(actual.running):
                self._reload(self._daemon.snapshot(self._start), families(self._objects, self._proc))
        except (BusError, NftError, OSError, FirewalldError) as error:
            raise FirewalldError("the rules from before could not be put back: {0}".format(error)) from error


def difference(wanted, there):
    """Return in words where the daemon's objects are not what was wanted."""
    sides = [set(layers.all_lines(layers.Actual(layers.plain(side), None, layers.kernel.NOTHING))) for side in (wanted, there)]
    lines = ["wanted: " + line for line in sorted(sides[0] - sides[1])] + ["found: " + line for line in sorted(sides[1] - sides[0])]
    return "; ".join(lines[:4]) or "the order of rules"
