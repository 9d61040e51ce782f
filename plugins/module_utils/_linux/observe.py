# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Everything that can be seen at a Linux host in one look: sockets, learned conversations, counters of our rules, packets in the kernel's log.

A look leaves a mark, and the next look tells what came since. The host itself keeps nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import counters, kernel_log, learning, sockets
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import traces
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError, program
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.own_addresses import own_addresses
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf

Mark = t.Mapping[str, t.Any]
# Kinds of evidence without a gap since the look before: counters tell of every rule, conversations of those over TCP and UDP.
COUNTERS, CONVERSATIONS = "counters", "conversations"


def look(owner: str, mark: Mark, root: str = "/", proc: str = "/proc") -> t.Dict[str, t.Any]:
    """Return ``observations``, ``unknown`` (sentences), ``learning``, ``mark`` and ``unbroken``: what the module gives."""
    boot = Shelf(owner, root, proc).boot()
    before = mark if mark.get("boot") == boot else {}
    census = sockets.census(proc)
    seen, unknown = list(census.observations), list(census.unknown)
    found = learning.Learned(None, [], {})
    if program():
        try:
            found = learning.learned(Nft(), owner)
            unknown += found.missing
        except NftError as error:
            unknown.append("what was learned cannot be read: {0}".format(error))
    counted = _counted(owner, before, root)
    logged = _logged(owner, before.get("log"))
    now = dict(counted.kept, boot=boot, log=logged.last, learning=found.mark)
    told = {COUNTERS: counted.unbroken, CONVERSATIONS: learning.unbroken(found, before.get("learning") or {})}
    return {
        "observations": seen + (found.flows or []) + counted.seen + logged.observations,
        "unknown": unknown + counted.unknown + logged.unknown,
        "learning": found.flows is not None,
        "mark": now,
        "unbroken": sorted(kind for kind, whole in told.items() if whole),
    }


class _Counted(t.NamedTuple):
    """What our rules counted since the look before, what to remember of it, what could not be read, and whether all that they met is in it."""

    seen: t.List[t.Dict[str, t.Any]]
    kept: t.Dict[str, t.Any]
    unknown: t.List[str]
    unbroken: bool


def _counted(owner: str, before: Mark, root: str) -> _Counted:
    seen, kept, unknown = [], {}, []  # type: t.Tuple[t.List[t.Dict[str, t.Any]], t.Dict[str, t.Any], t.List[str]]
    whole = []
    for backend, count in (("nftables", _nftables), ("ufw", _ufw)):
        if backend == "ufw" and backend not in traces(owner, root):
            continue
        try:
            now = count(owner, root)
        except (NftError, OSError, ValueError, RuntimeError) as error:
            unknown.append("what the rules in {0} have counted cannot be read: {1}".format(backend, error))
            continue
        more, kept[backend] = counters.since(now, before.get(backend, {}))
        seen += more
        whole += [counters.unbroken(now, before.get(backend, {}))] if now.packets else []
    return _Counted(seen, kept, unknown, bool(whole) and all(whole) and not unknown)


def _nftables(owner: str, root: str) -> counters.Counters:
    del root
    return counters.of_nftables(Nft(), owner) if program() else counters.Counters("", {})


def _ufw(owner: str, root: str) -> counters.Counters:
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.counters import of_ufw
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import Programs, UfwError

    try:
        return of_ufw(Programs(), owner, root)
    except UfwError as error:
        raise RuntimeError(str(error)) from error


def _logged(owner: str, after: t.Optional[int]) -> kernel_log.Log:
    try:
        own = own_addresses()
    except OSError as error:
        return kernel_log.unread(after, error)
    return kernel_log.read(owner, own, after)
