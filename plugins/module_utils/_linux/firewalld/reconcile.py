# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""One host's owned ruleset in firewalld, reconciled as a whole: read, compare, guard, save, reload, read again.

``run`` takes the options of the module and returns its result; everything it needs from outside comes in by ``Host``.
"""

from __future__ import annotations

import os
import re

from ansible_collections.portcullis.msports.plugins.module_utils import _refusals
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import (
    actual_state,
    desired,
    environment,
    evaluate,
    kernel,
    leftovers,
    names,
    objects,
    result,
)
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon as daemons
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.apply import FirewalldError, Writer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.persist import Locked, Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError, split
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import find_sessions
from ansible_collections.portcullis.msports.plugins.module_utils._options import defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

__all__ = ["FirewalldError", "Host", "OPTIONS", "Refused", "inspect", "run"]

OPTIONS = defaults("firewalld")
MINIMUM = (0, 9)
CLEANUP = "stopping firewalld opens this host, because CleanupOnExit is yes in firewalld.conf: its rules, ours among them, leave the kernel"
PERSIST = (
    "persist is false, but firewalld loads policies and ipsets from its saved configuration only: rules that are not saved cannot be in force. Nothing was "
    "changed; leave persist out or set it to true"
)
UNREADABLE = (
    "firewalld did not answer while its configuration was read: {0}; nothing was changed. See 'systemctl status firewalld' and 'journalctl -u firewalld', "
    "and run again"
)
OTHER_MANAGER = (
    "another firewall manager is active beside firewalld, and two of them would undo each other's work. Nothing was changed. Stop and mask one of "
    "them, or set allow_other_manager to true to go on"
)


class Host:
    """The machine as a run sees it. Tests give another root, environment, /proc or message bus."""

    def __init__(self, root="/", environment=None, proc="/proc", bus=None, nft=None):
        self.root = root
        self.environment = os.environ if environment is None else environment
        self.proc = proc
        self.bus = bus
        self.processes = 0
        try:
            self.nft = nft or Nft()
        except NftError:
            self.nft = None

    def ruleset(self):
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
    """What one look at the host found: the daemon (or ``None``), the ``Actual`` and the rules of the kernel."""

    def __init__(self, owner, host):
        self.start = names.prefix(owner)
        self._root = host.root
        self.store = Store(self.start, host.root)
        if not self.store.installed():
            raise Refused("firewalld was not found on this host (no /etc/firewalld or no program firewalld): install the package firewalld")
        self.daemon = _connect(host)
        version = self.daemon.version if self.daemon else self.store.version()
        self.version = _checked_version(version)
        if self.daemon and self.daemon.state() != "RUNNING":
            raise Refused("firewalld is there, but in the state {0}: see 'journalctl -u firewalld', nothing was changed".format(self.daemon.state()))
        self.texts = self.store.texts()
        self.ruleset, complaint = host.ruleset()
        self.warnings = [complaint] if complaint else []
        self.nftables = self.store.setting("FirewallBackend", "nftables") == "nftables"
        self.looks = host.nft is not None and self.nftables
        self.actual = self._read()

    def _read(self):
        saved = self.store.objects(self.texts)
        running = self.daemon.own(self.start) if self.daemon else None
        seen = kernel.examine(self.ruleset, running, self.daemon.families) if running is not None and self.looks else kernel.NOTHING
        return actual_state.Actual(saved, running, seen)

    def set_types(self):
        """Return the types of ipsets that can be had, ``None`` for all."""
        if self.daemon:
            return self.daemon.set_types
        return None if self.nftables or services.installed("ipset", self._root) else ()

    def filters(self):
        """Tell whether the kernel holds the chains of firewalld at all, as far as that can be seen."""
        return not self.looks or any(kind == "chain" and value.get("table") == "firewalld" for kind, value in self.ruleset)

    def again(self, host):
        """Return the ``Actual`` after a change."""
        self.texts, self.ruleset = self.store.texts(), host.ruleset()[0]
        return self._read()


def _connect(host):
    try:
        return daemons.connect(host.bus)
    except BusError as error:
        if _runs(host):
            raise FirewalldError("firewalld runs, but cannot be reached: {0}; nothing was changed".format(error)) from error
        return None


def _runs(host):
    """Tell whether a process of firewalld lives, whatever the message bus says."""
    folders = (os.path.join(host.root, "sys/fs/cgroup", part, "system.slice/firewalld.service/cgroup.procs") for part in ("", "systemd", "unified"))
    for path in folders:
        try:
            with open(path) as stream:
                if stream.read().strip():
                    return True
        except OSError:
            pass
    return False


def _checked_version(version):
    """Return a version as numbers; refuse one that is too old."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if not numbers or numbers < MINIMUM:
        found = "firewalld {0}".format(version) if version else "firewalld of an unknown version"
        text = "{0} is too old: policies need firewalld 0.9 (2020) or later. Update it, or stop and mask it and name backend: nftables; nothing was changed"
        raise Refused(text.format(found))
    return numbers


def run(options, check_mode=False, host=None):
    """Reconcile and return the result; raise ``Refused`` or ``FirewalldError`` (the rules from before are in force)."""
    options = dict(OPTIONS, **{key: value for key, value in options.items() if value is not None})
    _refusals.check_owner(options["owner"])
    host = host or Host()
    if options["state"] == "absent" and leftovers.are_all(host.root, host.proc):
        return leftovers.remove(options, check_mode, host.root)
    if not options["persist"]:
        raise Refused(PERSIST)
    store = Store(names.prefix(options["owner"]), host.root)
    try:
        if not check_mode and store.installed():
            store.lock()
        found = Found(options["owner"], host)
        return (_absent if options["state"] == "absent" else _present)(options, check_mode, host, found)
    except Locked as error:
        raise FirewalldError(str(error)) from error
    except BusError as error:
        # What fails while something is written says so itself.
        raise FirewalldError(UNREADABLE.format(error)) from error
    finally:
        store.unlock()


def inspect(owner, host=None):
    """Return what is there of one owner: the result of the info module."""
    _refusals.check_owner(owner)
    host = host or Host()
    found = Found(owner, host)
    seen = environment.examine(found.daemon, found.ruleset, None, dict(OPTIONS, owner=owner), found.start, found.store, host.root, host.proc)
    sessions, how = find_sessions(host.environment, host.proc)
    actual = found.actual
    in_force = bool(actual.running and actual.running.policies) and not actual.kernel.wrong and not actual.kernel.missing
    return {
        "present": any(side.policies for side in actual_state.sides(actual)),
        "running": found.daemon is not None,
        "names": sorted(actual_state.rule_lines(actual)),
        "lines": actual_state.all_lines(actual),
        "saved": sorted("/etc/firewalld/" + path for path in found.texts),
        "warnings": found.warnings + seen.warnings + _cleanup(found),
        "effective": {"in_force": in_force, "reasons": seen.reasons, "guarded": result.guarded(sessions, how)},
    }


def _cleanup(found):
    return [CLEANUP] if found.store.setting("CleanupOnExit", "yes").lower() not in ("no", "false") else []


def _absent(options, check_mode, host, found):
    actual, none = found.actual, objects.EMPTY
    changed = bool(found.texts) or any(side != none for side in actual_state.sides(actual))
    watched, told = _guarded(options, host, found, [], none)
    writer = Writer(found, host.nft, host.proc, options["allow_other_manager"])
    if changed:
        writer.prepare(actual, none, found.daemon is not None and actual.running != none)
    if changed and not check_mode:
        writer.write()
    return dict(result.absent(options["owner"], actual, changed, watched), warnings=told + writer.said)


def _guarded(options, host, found, rules, wanted):
    """Return ``(sessions that were looked at, warnings)``; raise ``Refused`` when the run would lock out whoever manages the host.

    In audit mode and with ``absent``, too: nothing new is stopped by our rules then, but what they admitted until now may be by others'.
    """
    sessions, how = find_sessions(host.environment, host.proc)
    if found.daemon is not None:
        evaluator = evaluate.Evaluator(found.daemon, found.start, found.actual.running, wanted, found.filters())
        _refusals.lockout([], dict(options, mode="enforce"), sessions, evaluator)
        return result.guarded(sessions, how), evaluator.already
    if options["state"] == "present":
        # What the zones make of the rest is not known while firewalld does not run: then only what the rules themselves do is judged.
        closing = "allow" if options["default_inbound"] in ("allow", "keep") else "block"
        _refusals.lockout(rules, dict(options, default_inbound=closing), sessions)
    return result.guarded(sessions, how), []


def _present(options, check_mode, host, found):
    actual, daemon = found.actual, found.daemon
    wanted = desired.desire(options, host.nft, actual, found.version, found.set_types())
    seen = environment.examine(daemon, found.ruleset, wanted.rules, options, found.start, found.store, host.root, host.proc)
    if seen.managers and not options["allow_other_manager"]:
        raise Refused(OTHER_MANAGER, seen.managers)
    watched, told = _guarded(options, host, found, wanted.rules, wanted.objects)

    differs = daemon is not None and not _same(actual, wanted.objects)
    changed = differs or actual.saved != wanted.objects
    warnings = found.warnings + wanted.warnings + told
    after = actual
    writer = Writer(found, host.nft, host.proc, options["allow_other_manager"])
    if changed:
        writer.prepare(actual, wanted.objects, differs)
    if changed and not check_mode:
        writer.write()
        after = _read_again(found, host)
        warnings += writer.said
        if daemon and (after.kernel.wrong or after.kernel.missing):
            warnings.append("the kernel does not hold what firewalld was told: " + result.complaints(after.kernel))
    in_force = daemon is not None and _same(after, wanted.objects)
    if changed and options["default_inbound"] in environment.CLOSED:
        warnings += _cleanup(found)
    done = result.present(options, actual, wanted, changed, in_force, seen, watched)
    return dict(done, warnings=warnings + seen.warnings)


def _read_again(found, host):
    try:
        return found.again(host)
    except BusError as error:
        text = "the rules were saved and loaded, but firewalld did not answer when it was asked for them: {0}. See 'journalctl -u firewalld', and run again"
        raise FirewalldError(text.format(error)) from error


def _same(actual, wanted):
    return actual_state.plain(actual.running) == actual_state.plain(wanted) and actual.kernel == kernel.NOTHING
