# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The way back on ufw: what is kept before a run loads, how it is restored, and what a confirmation saves.

Until a confirmation the rules are in the kernel only. The files, which ufw reads at boot and at each reload, are still those from before: a restart in
between ends in the rules from before by itself. So what is restored are chains of the kernel, each as far as nobody else has changed it meanwhile.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback, xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import tidy, write_all
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.rollback import CHANGED_SINCE, NEVER_WRITTEN, RESTORED, UNMERGED
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Pending, Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import Filter
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host as hosts
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import kernel, programs
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.host import Found, Host

SWITCHED_OFF = "left alone, because the chains of ufw were removed after the run: ufw filters nothing of IPv{0}"
HAND = "the rules or the files of ufw were changed after the run, before they were confirmed"
NOT_SAVED = "{0} was changed by somebody else before the confirmed rules were saved, and stays as it is; the next run saves them"
BUSY = "commands of ufw were running while the confirmed rules were saved (processes {0}), and may write them away; the next run saves them again"
PARTLY = "a restart had loaded a part of the new rules; the files of ufw are those from before again"
QUIET_SECONDS = 5

Texts = t.Mapping[str, t.Optional[str]]


def backend(root: str, host: t.Optional[Host] = None) -> rollback.Backend:
    """Return what a rollback asks of this backend."""
    return _backend(host or Host(root=root))


def _backend(host: Host) -> rollback.Backend:
    return rollback.Backend(
        held=lambda: held(host),
        lost=lambda pending: lost(pending, host),
        restore=lambda pending: restore(pending, host),
        confirm=lambda pending: confirm(pending, host),
        saved=lambda pending: all(text == before or hosts.read_file(path) != before for path, before, text in pending.saved),
    )


@contextlib.contextmanager
def held(host: Host) -> t.Iterator[t.List[str]]:
    """Hold ufw's lock. Commands that have read their files already get a moment to end first: they would write what is saved away."""
    programs.wait_for(programs.commands(host.proc), host.proc, host.pause, QUIET_SECONDS)
    with hosts.locked(host.root, False, host.pause):
        yield []


def arm(
    options: t.Mapping[str, t.Any], host: Host, found: Found, parts: t.Mapping[int, t.Sequence[kernel.Difference]], texts: Texts, session: t.Optional[Session]
) -> t.Dict[str, t.Any]:
    """Keep what ``parts`` will change, start the timer, and return what the controller needs; ``UfwError`` or ``Refused``, and nothing is armed then.

    ``parts`` by family are the differences that are about to be loaded. Where ufw has to build its chains anew, that is every chain of its own.
    """
    broken = found.state == hosts.BROKEN
    previous = {version: _kept(table, _names(table) if broken else kernel.named(parts.get(version, ()))) for version, table in found.tables.items()}
    expected = {version: kernel.applied(table, parts.get(version, ())) for version, table in found.tables.items()}
    for version, kept in previous.items():
        host.programs.check(version, kernel.replacing(kept, Filter({}, {})))
    saved = [[path, hosts.read_file(path), text] for path, text in texts.items()]
    written = None if broken else _written(previous, expected)
    return rollback.arm(Shelf(options["owner"], host.root), "ufw", options["rollback_timeout"], _plain(previous), written, saved, session)


def loaded(owner: str, host: Host, nonce: str, tables: t.Mapping[int, Filter]) -> None:
    """Keep what the kernel holds after the load: only that is taken back, and only that can be confirmed."""
    shelf = Shelf(owner, host.root)
    there = rollback.waiting(shelf)
    if there and there[1].written is None:
        rollback.amend(shelf, nonce, _written({version: _kept(table, _names(table)) for version, table in tables.items()}, tables))
    elif there:
        rollback.amend(shelf, nonce, _written(_tables(there[1].previous), tables))


def lost(pending: Pending, host: Host) -> t.Optional[str]:
    """Return why the host no longer has what the run wrote; ``None`` when it does. What the admin opens in another chain counts, too."""
    there = {version: xtables.parse_save(host.programs.save(version)) for version in _tables(pending.previous)}
    same = pending.written is not None and pending.written["marks"] == _marks(there)
    return None if same and all(hosts.read_file(path) == before for path, before, _text in pending.saved) else HAND


def restore(pending: Pending, host: Host) -> t.List[str]:
    """Put the chains from before back, and return what was done in sentences; ``UfwError`` when it failed.

    After a restart they are what ufw has loaded of its files. Where a confirmation had written some of these, they are put back, too, and last: what is
    ended before that is seen, and done again.
    """
    partly: t.Dict[str, t.Optional[str]] = {}
    if pending.boot != Shelf(pending.owner, host.root).boot():
        tidy(hosts.written(pending.owner, host))
        partly = {path: before for path, before, text in pending.saved if before != text and hosts.read_file(path) == text}
        if not partly:
            return [NEVER_WRITTEN]
    told: t.List[str] = [PARTLY] if partly else []
    written = _tables(pending.written["chains"]) if pending.written else {}
    for version, previous in _tables(pending.previous).items():
        actual = xtables.parse_save(host.programs.save(version))
        told += _restore(host, version, previous, written.get(version), actual)
    write_all(hosts.contents(partly))
    return list(dict.fromkeys(told)) or [NEVER_WRITTEN]


def confirm(pending: Pending, host: Host) -> t.List[str]:
    """Write the files; return warnings. What somebody has changed since stays: the next run reads it, and puts ours in."""
    now = {path: hosts.read_file(path) for path, _before, _text in pending.saved}
    theirs = [path for path, before, text in pending.saved if now[path] not in (before, text)]
    tidy(hosts.written(pending.owner, host))
    write_all(hosts.contents({path: text for path, _before, text in pending.saved if path not in theirs and now[path] != text}))
    busy = programs.commands(host.proc) if now else set()
    return [NOT_SAVED.format(path) for path in theirs] + ([BUSY.format(", ".join(sorted(busy, key=int)))] if busy else [])


def merge(previous: t.Sequence[str], written: t.Sequence[str], actual: t.Sequence[str]) -> t.Tuple[t.List[str], t.List[str]]:
    """Return ``(lines, theirs)`` of a chain: those from before, without what somebody removed after the run, and with what they added, where it stood."""
    left, right, old = (collections.Counter(map(_key, lines)) for lines in (written, actual, previous))
    removed, added = (left & old) - right, right - (left | old)
    told = sorted({line for line in written if removed[_key(line)]} | {line for line in actual if added[_key(line)]})
    first: t.List[str] = []
    last: t.List[str] = []
    ours_seen = False
    for line in actual:
        if added[_key(line)]:
            added[_key(line)] -= 1
            (last if ours_seen else first).append(line)
        else:
            ours_seen = True
    kept = []
    for line in previous:
        if removed[_key(line)]:
            removed[_key(line)] -= 1
        else:
            kept.append(line)
    return first + kept + last, told


def _restore(host: Host, version: int, previous: Filter, written: t.Optional[Filter], actual: Filter) -> t.List[str]:
    """Restore the chains of one family; return sentences, none where they are as they were."""
    touched = set(previous.chains) | set(written.chains if written else _names(actual))
    if all(_same(previous, actual, name) for name in touched):
        return []
    if written and not any(rows for name, rows in actual.chains.items() if kernel.is_ufws(name)):
        return [SWITCHED_OFF.format(version)]
    told: t.List[str] = []
    try:
        wanted = _merged(previous, written or actual, actual, sorted(touched), told)
        host.programs.load(version, kernel.replacing(wanted, actual, touched))
    except Exception as error:  # pylint: disable=broad-except  # chains of a shape that nobody thought of must not keep a host closed
        host.programs.load(version, kernel.replacing(previous, actual, touched))
        return [RESTORED, UNMERGED.format(error)]
    return [RESTORED] + [CHANGED_SINCE.format(text) for text in told]


def _merged(previous: Filter, written: Filter, actual: Filter, names: t.Sequence[str], told: t.List[str]) -> Filter:
    """Return the chains as they shall be; one that was not there before and holds nothing of others is left out. ``told`` gets what others changed."""
    chains, policies = collections.OrderedDict(), {}
    for name in names:
        lines, theirs = merge(*(table.chains.get(name, []) for table in (previous, written, actual)))
        told += ["'{0}'".format(line) for line in theirs]
        if name in previous.chains or lines:
            chains[name] = lines
        before, ours, now = (table.policies.get(name) for table in (previous, written, actual))
        if now is not None:
            policies[name] = before if before is not None and now in (ours, before) else now
            told += ["policy of {0}".format(name)] if policies[name] != before else []
    return Filter(policies, chains)


def _names(table: Filter) -> t.List[str]:
    """Return the chains that decide about packets here: those that are builtin, and those of ufw."""
    return [name for name in table.chains if name in table.policies or kernel.is_ufws(name)]


def _kept(table: Filter, names: t.Iterable[str]) -> Filter:
    chains = {name: table.chains[name] for name in names if name in table.chains}
    return Filter({name: table.policies[name] for name in chains if name in table.policies}, chains)


def _same(left: Filter, right: Filter, name: str) -> bool:
    lines = [list(map(_key, table.chains[name])) if name in table.chains else None for table in (left, right)]
    return lines[0] == lines[1] and left.policies.get(name) == right.policies.get(name)


def _key(line: str) -> t.Any:
    """Return what two lines that mean the same have in common."""
    return xtables.canonical(line) or line


def _marks(tables: t.Mapping[int, Filter]) -> t.Dict[str, str]:
    """Return a digest by family of all that decides about packets here."""
    marks = {}
    for version, table in tables.items():
        lines = [repr((name, table.policies.get(name), table.chains[name])) for name in sorted(_names(table))]
        marks[str(version)] = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return marks


def _written(previous: t.Mapping[int, Filter], tables: t.Mapping[int, Filter]) -> t.Dict[str, t.Any]:
    """Return as a JSON value what a run has written: the chains that it touched, and the marks of all."""
    return {"chains": _plain({version: _kept(table, previous[version].chains) for version, table in tables.items()}), "marks": _marks(tables)}


def _plain(tables: t.Mapping[int, Filter]) -> t.Dict[str, t.Any]:
    return {str(version): list(table) for version, table in tables.items()}


def _tables(value: t.Mapping[str, t.Any]) -> t.Dict[int, Filter]:
    return {int(version): Filter(*table) for version, table in value.items()}
