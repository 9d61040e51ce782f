# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The writing of a run: the kernel in one commit a family, then the files; what fails is put back."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import Writing
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host as hosts
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import kernel, settings, undo
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.desired import Desired
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.host import Found, Host
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result

Texts = t.Dict[str, t.Optional[str]]


def texts(owner: str, host: Host, found: Found, wanted: Desired) -> Texts:
    """Return ``{path: text}`` of the files that are to be written, ``None`` for one that goes away.

    They are in the order of writing: whoever ends it in the middle leaves nothing that a boot would lock somebody out by, and no default of ours without
    what it was before.
    """
    record, defaults = host.path(hosts.RECORD.format(owner)), host.path(hosts.DEFAULTS)
    rules = {host.path(hosts.USER[version]): file.text for version, file in wanted.files.items() if file.text != found.files[version].text}
    changes = dict(rules)
    if wanted.defaults != found.defaults:
        changes[defaults] = wanted.defaults
    if wanted.record != found.record:
        changes[record] = settings.record_text(wanted.record)
    closes = wanted.policies["in"] != "ACCEPT"
    order = ([record] if wanted.record else []) + ([*rules, defaults] if closes else [defaults, *rules]) + [record]
    return {path: changes[path] for path in dict.fromkeys(order) if path in changes}


def check(host: Host, found: Found, wanted: Desired, changes: Texts) -> None:
    """Let ``iptables-restore`` read what will be loaded, now or by ufw itself; raise ``UfwError`` before anything is changed."""
    for version in host.versions(found):
        parts = wanted.differences.get(version, [])
        if parts and found.state == hosts.RUNNING:
            host.programs.check(version, kernel.transaction(parts))
        elif host.path(hosts.USER[version]) in changes and host.programs.find("iptables-restore"):
            host.programs.check(version, kernel.whole(wanted.files[version].text, version))


def apply(options: Options, host: Host, found: Found, wanted: Desired, changes: Texts, session: t.Optional[Session]) -> t.Tuple[Found, t.Optional[Result]]:
    """Write what differs. Return ``Found`` with what the kernel holds then, and what waits for a confirmation, which writes the files; ``None``
    where they are written. After ``UfwError`` the old rules are in force and saved, or a timer puts them back."""
    parts = {version: differences for version, differences in wanted.differences.items() if differences}
    writing = hosts.stage(changes)
    armed = None
    if options["rollback_timeout"] and options["state"] == "present" and parts:
        writing.discard()  # there is room, and no obstacle
        armed = undo.arm(options, host, found, {} if found.state == hosts.BROKEN else parts, changes, session)
    if options["state"] == "absent":
        hosts.commit(writing)  # a restart in the middle ends without the rules, too
    now = _start(host, found, wanted, writing, armed) if found.state == hosts.BROKEN else _load(options["owner"], host, found, parts, writing, armed)
    if armed:
        undo.loaded(options["owner"], host, armed["nonce"], now.tables)
    return now, armed


def _load(owner: str, host: Host, found: Found, parts: t.Mapping[int, t.List[kernel.Difference]], writing: Writing, armed: t.Optional[Result]) -> Found:
    """Load what differs into the chains that are there, then write the files, unless that waits for a confirmation."""
    done = []
    try:
        for version, differences in sorted(parts.items()):
            host.programs.load(version, kernel.transaction(differences))
            done.append(version)
        if not armed:
            hosts.commit(writing)
    except UfwError as error:
        writing.undo()
        trouble = _put_back(host, found, parts, done)
        if armed and not trouble:
            rollback.disarm(Shelf(owner, host.root), armed["nonce"])
        raise UfwError("{0}; {1}".format(error, trouble or "the rules from before are still in force")) from error
    writing.finish()
    return hosts.with_tables(found, host, sorted(parts)) if parts else found


def _put_back(host: Host, found: Found, parts: t.Mapping[int, t.List[kernel.Difference]], versions: t.Iterable[int]) -> t.Optional[str]:
    """Load what the chains held before; return a complaint, or ``None``."""
    try:
        for version in versions:
            host.programs.load(version, kernel.restoring(found.tables[version], parts[version]))
    except UfwError as error:
        return "and the rules from before could not be loaded again: {0}".format(error)
    return None


def _start(host: Host, found: Found, wanted: Desired, writing: Writing, armed: t.Optional[Result]) -> Found:
    """Let ufw build its chains anew from its files, then repair what it leaves. The new files come first, unless they wait for a confirmation."""
    if not armed:
        hosts.commit(writing)
    try:
        host.programs.start_ufw()
        now = hosts.with_tables(found, host)
        for version, table in now.tables.items():
            if not kernel.loaded(table, version, found.before[version]):
                raise UfwError("{0} did not make the chains of ufw for IPv{1}".format(host.programs.init, version))
            parts = kernel.forwarding(table, version) + kernel.differences(table, version, wanted.policies, wanted.files[version].text, wanted.kinds)
            if parts:
                host.programs.load(version, kernel.transaction(parts))
    except UfwError as error:
        writing.undo()
        raise UfwError("ufw is enabled, but its chains are not loaded and cannot be: {0}; the old files are back".format(error)) from error
    writing.finish()
    return hosts.with_tables(found, host)
