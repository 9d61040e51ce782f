# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The way back for a table of nftables: what is kept before a run writes, how it is restored, and what a confirmation saves.

Until a confirmation nothing is saved for the next boot, so a restart in between ends in the rules from before by itself.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.rollback import CHANGED_SINCE, HAND, NEVER_WRITTEN, RESTORED, UNMERGED, Backend
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Pending, Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import lock, parse, table
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import apply as loading
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.apply import Host
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.persist import Saved, Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.table import Chain, Table

NOTHING = Table({}, {}, {}, ())
REMOVED = "the table inet {0} is removed again: there was none before"
REMOVED_SINCE = "left alone, because the table inet {0} was removed after the run: nothing of ours filters"
NO_WORDS = "what was put into the table by hand after the run is gone: {0}"


def keep(actual: t.Optional[Table]) -> t.Any:
    """Return a table as a JSON value; ``None`` where there is none."""
    if actual is None:
        return None
    chains = {name: [chain.hook, chain.rules] for name, chain in actual.chains.items()}
    return {"chains": chains, "sets": actual.sets, "helpers": actual.helpers, "others": actual.others}


def kept(value: t.Any) -> t.Optional[Table]:
    """Return the table of a JSON value."""
    if value is None:
        return None
    chains = {name: Chain(tuple(hook) if hook else None, tuple(map(tuple, rules))) for name, (hook, rules) in value["chains"].items()}
    sets = {name: (version, tuple(map(tuple, intervals))) for name, (version, intervals) in value["sets"].items()}
    return Table(chains, sets, {name: tuple(helper) for name, helper in value["helpers"].items()}, tuple(value["others"]))


def arm(
    options: t.Mapping[str, t.Any], host: Host, actual: t.Optional[Table], desired: Table, saved: t.Optional[Saved], session: t.Optional[Session]
) -> t.Dict[str, t.Any]:
    """Keep what is there, start the timer, and return what the controller needs; ``NftError`` or ``Refused``, and nothing is armed then.

    ``session`` is the one that this run came by; it is none to confirm over.
    """
    owner = options["owner"]
    previous = {"table": keep(actual), "text": loading.AWAY.format(owner=owner) + (host.nft.text(owner) if actual else "")}
    previous["saved"] = Store(owner, host.nft.path, host.root).there()
    host.nft.check(previous["text"])
    return rollback.arm(Shelf(owner, host.root), "nftables", options["rollback_timeout"], previous, keep(desired), saved, session)


def backend(root: str) -> Backend:
    """Return what nftables does for a rollback."""
    host = Host(root=root)
    return Backend(
        held=lambda: lock.held(root, False),
        lost=lambda pending: lost(pending, host),
        restore=lambda pending: restore(pending, host),
        confirm=lambda pending: confirm(pending, host),
        saved=lambda pending: saved(pending, host),
    )


def lost(pending: Pending, host: Host) -> t.Optional[str]:
    """Return why the kernel no longer holds what the run wrote; ``None`` when it does."""
    return None if parse.present_table(host.nft, pending.owner) == kept(pending.written) else HAND


def restore(pending: Pending, host: Host) -> t.List[str]:
    """Put back the rules from before, and return what was done in sentences; ``NftError`` when it failed."""
    if pending.boot != Shelf(pending.owner, host.root).boot():
        _save(pending, host, pending.previous["saved"])  # what a confirmation was killed over
    try:
        previous, written = kept(pending.previous["table"]), kept(pending.written)
        actual = parse.present_table(host.nft, pending.owner)
        if actual == previous:
            return [NEVER_WRITTEN]
        if actual is None:
            return [REMOVED_SINCE.format(pending.owner)]
        if actual not in (written, loading.WARM_UP_TABLE):
            merged, theirs = merge(previous or NOTHING, written or NOTHING, actual)
            host.nft.load(table.text(merged, pending.owner))
            wordless = sorted({*actual.others, *(previous or NOTHING).others} - set((written or NOTHING).others))
            return [RESTORED] + [CHANGED_SINCE.format(name) for name in theirs] + [NO_WORDS.format(text) for text in wordless]
    except Exception as error:  # pylint: disable=broad-except  # a table of a shape that nobody thought of must not keep a host closed
        host.nft.load(pending.previous["text"])
        return [RESTORED, UNMERGED.format(error)]
    host.nft.load(pending.previous["text"])
    return [RESTORED if previous else REMOVED.format(pending.owner)]


def confirm(pending: Pending, host: Host) -> t.List[str]:
    """Keep for the next boot what is confirmed; return warnings."""
    return _save(pending, host, pending.saved)


def saved(pending: Pending, host: Host) -> bool:
    """Tell whether what is confirmed is kept; its ruleset is written last."""
    there = Store(pending.owner, host.nft.path, host.root).there()
    return there is not None and pending.saved is not None and there.text == pending.saved[0]


def _save(pending: Pending, host: Host, texts: t.Optional[t.Sequence[str]]) -> t.List[str]:
    store = Store(pending.owner, host.nft.path, host.root)
    store.tidy()
    return store.save(store.stage(Saved(*texts) if texts else None))


def merge(previous: Table, written: Table, actual: Table) -> t.Tuple[Table, t.List[str]]:
    """Return ``(table, names)``: the table from before, but where ``actual`` is no longer ``written``, what is there now. ``names`` are those places."""
    theirs: t.List[str] = []
    chains: t.Dict[str, Chain] = {}
    for name in sorted({*previous.chains, *written.chains, *actual.chains}):
        before, ours, now = (_chain(value, name) for value in (previous, written, actual))
        hook = _one("chain " + name, before[0], ours[0], now[0], theirs)
        rules: t.List[t.Tuple[str, str]] = []
        for comment in dict.fromkeys([*before[1], *now[1]]):
            what = "rule {0!r}".format(comment) if comment else "chain " + name
            rules += _one(what, before[1].get(comment, ()), ours[1].get(comment, ()), now[1].get(comment, ()), theirs)
        if name in previous.chains or rules:
            chains[name] = Chain(hook, table.in_order(rules) if name in table.RULE_CHAINS.values() else tuple(rules))
    sets = _values("set ", previous.sets, written.sets, actual.sets, theirs)
    helpers = _values("helper ", previous.helpers, written.helpers, actual.helpers, theirs)
    merged = Table(chains, sets, helpers, ())
    return _complete(merged, actual), sorted(set(theirs))


def _chain(value: Table, name: str) -> t.Tuple[t.Any, t.Dict[str, t.Tuple[t.Tuple[str, str], ...]]]:
    """Return hook and rules by comment; the rules of one comment keep their order."""
    chain = value.chains.get(name, Chain(None, ()))
    found: t.Dict[str, t.Tuple[t.Tuple[str, str], ...]] = {}
    for comment, rule in chain.rules:
        found[comment] = found.get(comment, ()) + ((comment, rule),)
    return chain.hook, found


Named = t.Mapping[str, t.Any]


def _values(what: str, previous: Named, written: Named, actual: Named, theirs: t.List[str]) -> t.Dict[str, t.Any]:
    names = sorted({*previous, *written, *actual})
    found = {name: _one(what + name, previous.get(name), written.get(name), actual.get(name), theirs) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _one(name: str, before: t.Any, ours: t.Any, now: t.Any, theirs: t.List[str]) -> t.Any:
    """Return what is there now where somebody changed what the run wrote, else what was there before."""
    if now in (ours, before):
        return before
    theirs.append(name)
    return now


def _complete(merged: Table, actual: Table) -> Table:
    """Return the table with the sets and helpers that its rules refer to."""
    texts = [rule for chain in merged.chains.values() for _comment, rule in chain.rules]
    sets = {name: actual.sets[name] for text in texts for name in table.sets_of(text) if name not in merged.sets and name in actual.sets}
    helpers = {name: actual.helpers[name] for text in texts for name in table.helpers_of(text) if name not in merged.helpers and name in actual.helpers}
    return merged._replace(sets={**merged.sets, **sets}, helpers={**merged.helpers, **helpers})
