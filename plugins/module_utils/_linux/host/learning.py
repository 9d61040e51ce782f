# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Learning: every new conversation of a host, kept by the kernel in sets of a table of our own, within a memory that is fixed beforehand.

The table only looks: its chains come after all others, accept everything, and so hold what passed. It writes no log, and works beside any
manager of firewall rules.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError, program
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import established

SUFFIX = "_learning"
LAST = 1000  # the priority of a hook behind those of firewalls
PROTOCOLS = ("tcp", "udp")
FAMILIES = {4: ("ipv4_addr", "ip"), 6: ("ipv6_addr", "ip6")}
DIRECTIONS = {"in": ("input", "saddr", "iif"), "out": ("output", "daddr", "oif")}
SIZE, DAYS = 65536, 7
NAME = re.compile(r"(in|out)_(tcp|udp)(4|6)\Z")
FULL = "the set {0} of learned conversations is full ({1} of {1}): others were seen and are not in it; learn with a larger size, or observe more often"
NOT_OURS = "the table inet {0} does not learn: it has {1}, which this collection does not put there. It is left alone; choose another owner"
CANNOT = "mode is audit, and this host cannot learn its conversations ({0}): what would be dropped is known from sessions and the log alone (audit_log)"
UNKNOWN = "whether this host still learns conversations cannot be told ({0}): look for the table inet {1}"
NO_NFT = "nft is not installed"
Seen = t.Dict[str, t.Any]


class Learned(t.NamedTuple):
    """The conversations of the table (``None`` where there is none), what is missing, in sentences, and what to remember of the table for the next look."""

    flows: t.Optional[t.List[Seen]]
    missing: t.List[str]
    mark: t.Dict[str, t.Any]


class Followed(t.NamedTuple):
    """What learning came to in a run: whether the host learns after it, whether that changed, and what to say."""

    learns: bool
    changed: bool
    warnings: t.List[str]


def table_of(owner: str) -> str:
    return owner + SUFFIX


def text(owner: str, size: int, days: int) -> str:
    """Return the table as nft loads it, in place of one that is there."""
    lines = [_away(owner) + "table inet {0} {{".format(table_of(owner))]
    for direction, (hook, end, device) in sorted(DIRECTIONS.items()):
        names = ["{0}_{1}{2}".format(direction, protocol, version) for protocol in PROTOCOLS for version in FAMILIES]
        for name in names:
            kind = FAMILIES[int(name[-1])][0]
            lines.append("\tset {0} {{ type {1} . inet_service; flags dynamic,timeout; size {2}; timeout {3}d; }}".format(name, kind, size, days))
        lines.append("\tchain {0} {{".format(hook))
        lines.append("\t\ttype filter hook {0} priority {1}; policy accept;".format(hook, LAST))
        lines.append('\t\t{0} "lo" return'.format(device))
        for name in names:
            family, protocol = FAMILIES[int(name[-1])][1], name[len(direction) + 1 : -1]
            lines.append("\t\tct state new,untracked update @{0} {{ {1} {2} . {3} dport }}".format(name, family, end, protocol))
        lines.append("\t}")
    return "\n".join(lines) + "\n}\n"


def _objects(nft: Nft, owner: str, terse: bool = True) -> t.List[t.Dict[str, t.Any]]:
    """Return the objects of the table, without what was learned (``terse``); ``NftError`` where somebody else has made it."""
    objects = nft.list_objects(table_of(owner), terse)
    for kind, value in (pair for item in objects for pair in item.items()):
        if (kind == "set" and not NAME.match(value["name"])) or (kind == "chain" and value.get("prio") != LAST) or kind in ("map", "ct helper"):
            raise NftError(NOT_OURS.format(table_of(owner), "the {0} {1}".format(kind, value["name"])))
    return objects


def _away(owner: str) -> str:
    return "table inet {0}\ndelete table inet {0}\n".format(table_of(owner))


def start(nft: Nft, owner: str, size: int, days: int) -> bool:
    """Load the table unless it is there with this size and lasting; tell whether that changed something."""
    if _is_there(_objects(nft, owner), size, days):
        return False
    _load(nft, owner, size, days)
    return True


def _load(nft: Nft, owner: str, size: int, days: int) -> None:
    desired = text(owner, size, days)
    nft.check(desired)
    tracking.learn(established())  # else an answer to what is open already would begin a conversation
    nft.load(desired)


def stop(nft: Nft, owner: str) -> bool:
    """Remove the table, and with it what was learned; tell whether there was one."""
    if not _objects(nft, owner):
        return False
    nft.load(_away(owner))
    return True


def follow(owner: str, absent: bool, check_mode: bool) -> Followed:
    """Let a host that is audited learn, as it learns already or anew; with ``absent``, end that."""
    if program() is None:
        return Followed(False, False, [] if absent else [CANNOT.format(NO_NFT)])
    try:
        nft = Nft()
        objects = _objects(nft, owner)  # once: a listing of many conversations takes seconds
        changed = bool(objects) if absent else not _is_there(objects)
        if changed and not check_mode and absent:
            nft.load(_away(owner))
        elif changed and not check_mode:
            _load(nft, owner, SIZE, DAYS)
        return Followed(not absent, changed, [])
    except NftError as error:
        return Followed(False, False, [UNKNOWN.format(error, table_of(owner)) if absent else CANNOT.format(error)])


def would_change(nft: Nft, owner: str, state: str, size: int, days: int) -> bool:
    """Tell whether :func:`start` or :func:`stop` would change anything."""
    return bool(_objects(nft, owner)) if state == "absent" else not _is_there(_objects(nft, owner), size, days)


def _is_there(listed: t.Sequence[t.Dict[str, t.Any]], size: t.Optional[int] = None, days: t.Optional[int] = None) -> bool:
    """Tell whether the table is what is desired: all sets, and a rule for each; of any size and lasting where none is said."""
    objects = [(kind, value) for item in listed for kind, value in item.items()]
    lasting = {(value.get("name"), value.get("size"), value.get("timeout")) for kind, value in objects if kind == "set"}
    sets = {name for name, held, seconds in lasting if size in (None, held) and (days is None or days * 86400 == seconds)}
    rules = [value for kind, value in objects if kind == "rule"]
    chains = {value["name"] for kind, value in objects if kind == "chain" and value.get("hook")}
    return len(sets) == 8 and len(rules) == 10 and len(chains) == 2


def unbroken(now: Learned, before: t.Mapping[str, t.Any]) -> bool:
    """Tell whether every conversation since the look before is in the table: it is the same one, was never full, and nothing from then on has timed out.

    What it held at some time in between it held before, or holds now.
    """
    same = bool(now.mark) and before.get("table") == now.mark["table"]
    return same and now.mark["most"] + before.get("most", SIZE) < now.mark["room"] and now.mark["at"] - before.get("at", 0) < now.mark["seconds"]


def learned(nft: Nft, owner: str) -> Learned:
    """Return what the table holds. ``NftError`` where somebody else has made it."""
    objects = _objects(nft, owner, terse=False)
    found: t.List[Seen] = []
    missing: t.List[str] = []
    for value in (item["set"] for item in objects if "set" in item):
        match = NAME.match(value["name"])
        elements = value.get("elem") or []
        if not match:
            continue
        if len(elements) >= value.get("size", SIZE):
            missing.append(FULL.format(value["name"], value["size"]))
        for element in elements:
            peer, port = (element["elem"]["val"] if "elem" in element else element)["concat"]
            seen = {"direction": match.group(1), "peer": peer, "protocol": match.group(2), "port": port}
            found.append(dict(seen, seen="flow", outcome="passed", process="", times=1))
    handles = [item["table"].get("handle") for item in objects if "table" in item]
    sets = [item["set"] for item in objects if "set" in item]
    mark = {}
    if handles and sets:
        mark = {"table": handles[0], "seconds": min(held.get("timeout", 0) for held in sets), "room": min(held.get("size", SIZE) for held in sets)}
        mark.update(most=max(len(held.get("elem") or []) for held in sets), at=int(time.clock_gettime(time.CLOCK_BOOTTIME)))
    return Learned(found if objects else None, missing, mark)
